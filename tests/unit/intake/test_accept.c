/* test_accept.c - every permit that an accept took is spent by its commit or given back: over a real store,
 * in a folder of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <ftw.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "herald/kit.h"
#include "intake/intake.h"
#include "base/check.h"

enum { ROOM = 5 };

struct scene {
	char folder[64];
	struct store *store;
	struct roster_board *rosters;
	struct permits permits;
	struct intake *intake;
	int64_t tenant, now_ms;
	int32_t mail, sms;
	pthread_mutex_t mutex;
	pthread_cond_t rang;
	unsigned leased, queued; /* that the store handed over */
};

/* --- the store's side --- */

static void leased(void *context, struct job *job)
{
	struct scene *scene = context;

	pthread_mutex_lock(&scene->mutex);
	scene->leased++;
	pthread_mutex_unlock(&scene->mutex);
	job_free(job);
}

static void queued(void *context, const struct store_queued *rows, size_t count)
{
	struct scene *scene = context;

	pthread_mutex_lock(&scene->mutex);
	for (size_t i = 0; i < count; i++)
		scene->queued += rows[i].count;
	pthread_mutex_unlock(&scene->mutex);
}

static void taken_back(void *context, struct store_op *op)
{
	(void)context;
	store_op_done(op);
}

struct waiting {
	struct scene *scene;
	bool is_done;
};

static void done(struct store_op *op)
{
	struct waiting *waiting = op->context;

	pthread_mutex_lock(&waiting->scene->mutex);
	waiting->is_done = true;
	pthread_cond_broadcast(&waiting->scene->rang);
	pthread_mutex_unlock(&waiting->scene->mutex);
}

static void run(struct scene *scene, struct store_op *op)
{
	struct waiting waiting = {.scene = scene};

	op->done = done;
	op->context = &waiting;
	store_submit(scene->store, op);
	pthread_mutex_lock(&scene->mutex);
	while (!waiting.is_done)
		pthread_cond_wait(&scene->rang, &scene->mutex);
	pthread_mutex_unlock(&scene->mutex);
}

/* --- the scene --- */

static void put_category(struct scene *scene, const char *name, const char *body)
{
	struct store_put_category put = {
		.op = {.verb = STORE_PUT_CATEGORY, .tenant = scene->tenant, .now_ms = scene->now_ms},
		.name = name,
		.body = {body, strlen(body)},
		.if_version = -1};

	run(scene, &put.op);
	assert_int_equal(put.op.code, HERALD_OK);
}

static void put_recipient(struct scene *scene, const char *id)
{
	struct store_address addresses[] = {
		{.kind = "email",
		 .channel = "",
		 .address = "a@b",
		 .label = "",
		 .destination = "b",
		 .is_checked = true,
		 .memory = {"", 0}},
		{.kind = "sms",
		 .channel = "",
		 .address = "+4311",
		 .label = "",
		 .destination = "",
		 .is_checked = true,
		 .memory = {"", 0}},
	};
	struct store_put_recipient put = {
		.op = {.verb = STORE_PUT_RECIPIENT, .tenant = scene->tenant, .now_ms = scene->now_ms},
		.id = id,
		.name = "",
		.locale = "",
		.timezone = "",
		.attributes = "{}",
		.addresses = addresses,
		.address_count = countof(addresses),
		.if_version = -1};

	for (size_t i = 0; i < countof(addresses); i++)
		store_address_hash(scene->tenant, addresses[i].kind, addresses[i].address, addresses[i].hash);
	run(scene, &put.op);
	assert_int_equal(put.op.code, HERALD_OK);
}

static void publish(struct scene *scene, enum channel_state state, const char *kind, uint32_t restarts)
{
	const struct roster_channel channels[] = {
		{.number = scene->mail, .name = "mail", .kind = "email", .state = CHANNEL_RUNNING},
		{.number = scene->sms, .name = "sms", .kind = kind, .state = state, .restarts = restarts},
	};

	roster_publish(scene->rosters, &(struct roster){.channels = channels, .channel_count = 2});
}

static int set_up(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));
	struct store_settings settings = {
		.node = 1, .run = 7, .queue_limit = 100, .hooks = {scene, leased, queued, taken_back}};
	static const _Atomic int64_t expires_in_ms = 3600000;
	struct intake_settings intake = {.expires_in_ms = &expires_in_ms};
	struct herald_error err;

	snprintf(scene->folder, sizeof(scene->folder), "/tmp/herald-intake-XXXXXX");
	assert_non_null(mkdtemp(scene->folder));
	pthread_mutex_init(&scene->mutex, NULL);
	pthread_cond_init(&scene->rang, NULL);
	settings.data_dir = scene->folder;
	assert_int_equal(store_open(&settings, &scene->store, &err), HERALD_OK);
	scene->rosters = roster_board_new();
	scene->now_ms = clock_wall_ms();
	scene->tenant = store_tenant_number(scene->store, "default", true);
	scene->mail = store_channel_number(scene->store, "mail");
	scene->sms = store_channel_number(scene->store, "sms");
	publish(scene, CHANNEL_RUNNING, "sms", 0);
	scene->permits.available[scene->mail] = ROOM;
	intake.store = scene->store;
	intake.rosters = scene->rosters;
	intake.permits = &scene->permits;
	assert_int_equal(intake_new(&intake, &scene->intake, &err), HERALD_OK);
	put_category(scene, "news", "{\"content\":{\"default\":{\"text\":\"Hello\"}}}");
	put_recipient(scene, "u-1");
	*state = scene;
	return 0;
}

static int removed(const char *path, const struct stat *about, int kind, struct FTW *place)
{
	(void)about, (void)kind, (void)place;
	return remove(path);
}

static int tear_down(void **state)
{
	struct scene *scene = *state;

	intake_free(scene->intake);
	store_close(scene->store);
	roster_board_free(scene->rosters);
	pthread_mutex_destroy(&scene->mutex);
	pthread_cond_destroy(&scene->rang);
	nftw(scene->folder, removed, 8, FTW_DEPTH | FTW_PHYS);
	free(scene);
	return 0;
}

static int room(const struct scene *scene)
{
	return scene->permits.available[scene->mail];
}

/* --- one call --- */

struct calling {
	struct arena *arena;
	struct faults faults;
	json_t *body;
	struct notification notification;
	struct intake_call call;
	int64_t id;
};

static void call_begin(struct scene *scene, struct calling *calling, const char *text)
{
	memset(calling, 0, sizeof(*calling));
	calling->arena = arena_new();
	faults_init(&calling->faults, calling->arena);
	calling->body = json_loads(text, 0, NULL);
	assert_true(notification_parse(calling->body, NOTIFICATION_POST, &calling->notification,
				       &calling->faults));
	calling->call = (struct intake_call){.tenant = scene->tenant,
					     .now_ms = scene->now_ms,
					     .notification = &calling->notification,
					     .faults = &calling->faults,
					     .places = calloc(1, sizeof(void *)),
					     .body = {text, strlen(text)}};
	calling->id = store_next_id(scene->store);
}

static enum herald_code call_plan(struct scene *scene, struct calling *calling)
{
	struct herald_error err;

	return intake_plan(scene->intake, &calling->call, &err);
}

/* True: it conflicted, and may go round again. */
static bool call_submit(struct scene *scene, struct calling *calling, const char *key)
{
	intake_prepare(scene->intake, &calling->call, calling->id);
	calling->call.accept.op.idempotency = (struct store_idempotency){
		.key = key, .answer = {"{}", 2}, .status = 202, .fingerprint = {1}};
	run(scene, &calling->call.accept.op);
	return intake_answered(scene->intake, &calling->call);
}

static void call_end(struct calling *calling)
{
	intake_done(&calling->call);
	json_decref(calling->body);
	free((void *)(uintptr_t)calling->call.places);
	arena_free(calling->arena);
}

#define TO_ONE "{\"category\":\"news\",\"to\":[{\"recipient\":\"u-1\"}]}"

static void a_committed_accept_spends_a_permit_for_what_starts_now(void **state)
{
	struct scene *scene = *state;
	struct calling calling;

	call_begin(scene, &calling, TO_ONE);
	assert_int_equal(call_plan(scene, &calling), HERALD_OK);
	assert_int_equal(room(scene), ROOM);
	assert_false(call_submit(scene, &calling, ""));
	assert_int_equal(calling.call.accept.op.code, HERALD_OK);
	assert_int_equal(calling.call.accept.delivery_count, 2);
	assert_int_equal(room(scene), ROOM - 1);
	assert_int_equal(scene->leased, 1); /* e-mail had room, SMS had none */
	assert_int_equal(scene->queued, 1);
	call_end(&calling);
}

static void without_room_what_is_accepted_waits_in_the_queue(void **state)
{
	struct scene *scene = *state;
	struct calling calling;

	scene->permits.available[scene->mail] = 0;
	call_begin(scene, &calling, TO_ONE);
	assert_int_equal(call_plan(scene, &calling), HERALD_OK);
	assert_false(call_submit(scene, &calling, ""));
	assert_int_equal(scene->leased, 0);
	assert_int_equal(scene->queued, 2);
	assert_int_equal(room(scene), 0);
	call_end(&calling);
}

static void a_replay_and_a_mismatch_give_their_permits_back(void **state)
{
	struct scene *scene = *state;
	struct calling first, again, other;

	call_begin(scene, &first, TO_ONE);
	assert_int_equal(call_plan(scene, &first), HERALD_OK);
	assert_false(call_submit(scene, &first, "key"));
	assert_int_equal(room(scene), ROOM - 1);
	call_begin(scene, &again, TO_ONE);
	assert_int_equal(call_plan(scene, &again), HERALD_OK);
	assert_false(call_submit(scene, &again, "key"));
	assert_true(again.call.accept.op.ret_is_replay);
	assert_int_equal(room(scene), ROOM - 1);
	call_begin(scene, &other, TO_ONE);
	assert_int_equal(call_plan(scene, &other), HERALD_OK);
	intake_prepare(scene->intake, &other.call, other.id);
	other.call.accept.op.idempotency =
		(struct store_idempotency){.key = "key", .answer = {"{}", 2}, .fingerprint = {2}};
	run(scene, &other.call.accept.op);
	assert_false(intake_answered(scene->intake, &other.call));
	assert_true(other.call.accept.op.ret_is_mismatch);
	assert_int_equal(room(scene), ROOM - 1);
	assert_int_equal(scene->leased, 1);
	call_end(&first);
	call_end(&again);
	call_end(&other);
}

static void a_repeat_of_an_event_gives_its_permit_back(void **state)
{
	static const char body[] =
		"{\"category\":\"news\",\"to\":[{\"recipient\":\"u-1\"}],\"dedup\":{\"key\":\"d\"}}";
	struct scene *scene = *state;

	for (int i = 0; i < 3; i++) {
		struct calling calling;

		call_begin(scene, &calling, body);
		assert_int_equal(call_plan(scene, &calling), HERALD_OK);
		assert_false(call_submit(scene, &calling, ""));
		assert_int_equal(calling.call.accept.op.code, HERALD_OK);
		assert_int_equal(calling.call.accept.ret_is_duplicate, i > 0);
		call_end(&calling);
	}
	assert_int_equal(room(scene), ROOM - 1);
	assert_int_equal(scene->leased, 1);
}

static void a_conflict_gives_its_permits_back_and_goes_round_again_at_most_three_times(void **state)
{
	struct scene *scene = *state;
	struct calling calling;

	call_begin(scene, &calling, TO_ONE);
	for (int i = 1; i <= INTAKE_TRIES_MAX; i++) {
		assert_int_equal(call_plan(scene, &calling), HERALD_OK);
		put_recipient(scene, "u-1"); /* it moves after it was looked at */
		assert_int_equal(call_submit(scene, &calling, ""), i < INTAKE_TRIES_MAX);
		assert_int_equal(calling.call.accept.op.code, HERALD_CONFLICT);
		assert_int_equal(room(scene), ROOM);
	}
	assert_int_equal(scene->leased + scene->queued, 0);
	call_end(&calling);
}

static void a_changed_category_is_a_conflict_and_the_next_plan_is_of_the_new_one(void **state)
{
	struct scene *scene = *state;
	struct calling calling;

	call_begin(scene, &calling, TO_ONE);
	assert_int_equal(call_plan(scene, &calling), HERALD_OK);
	put_category(
		scene, "news",
		"{\"channels\":{\"sms\":false,\"email\":true},\"content\":{\"default\":{\"text\":\"Hi\"}}}");
	assert_true(call_submit(scene, &calling, ""));
	assert_int_equal(call_plan(scene, &calling), HERALD_OK);
	assert_int_equal(calling.call.plan.delivery_count, 1);
	assert_false(call_submit(scene, &calling, ""));
	assert_int_equal(calling.call.accept.op.code, HERALD_OK);
	assert_int_equal(room(scene), ROOM - 1);
	call_end(&calling);
}

static void a_write_that_fails_gives_its_permits_back(void **state)
{
	struct scene *scene = *state;
	struct calling calling;

	call_begin(scene, &calling, TO_ONE);
	assert_int_equal(call_plan(scene, &calling), HERALD_OK);
	intake_prepare(scene->intake, &calling.call, calling.id);
	assert_int_equal(room(scene), ROOM - 1);
	calling.call.accept.op.idempotency.key = "";
	calling.call.accept.op.tenant = 12345; /* there is no such tenant */
	run(scene, &calling.call.accept.op);
	assert_int_not_equal(calling.call.accept.op.code, HERALD_OK);
	assert_false(intake_answered(scene->intake, &calling.call));
	assert_int_equal(room(scene), ROOM);
	call_end(&calling);
}

static void what_is_sent_later_takes_no_permit_and_lives_from_its_time_on(void **state)
{
	static const char body[] = "{\"category\":\"news\",\"to\":[{\"recipient\":\"u-1\"}],\"send_at\":"
				   "\"2100-01-01T00:00:00Z\"}";
	struct scene *scene = *state;
	struct calling calling;

	call_begin(scene, &calling, body);
	assert_int_equal(call_plan(scene, &calling), HERALD_OK);
	assert_false(call_submit(scene, &calling, ""));
	assert_int_equal(calling.call.accept.op.code, HERALD_OK);
	assert_int_equal(calling.call.accept.delivery_count, 0);
	assert_int_equal(calling.call.accept.expires_at_ms, calling.notification.send_at_ms + 3600000);
	assert_non_null(strstr(calling.call.accept.request.data, "\"body\":{\"category\":\"news\""));
	assert_int_equal(room(scene), ROOM);
	call_end(&calling);
}

static void an_unknown_category_is_a_fault_and_asking_for_many_costs_nothing(void **state)
{
	struct scene *scene = *state;
	struct herald_error err;

	for (int i = 0; i < 2000; i++) {
		const struct category *category;
		char name[32];

		snprintf(name, sizeof(name), "none-%d", i);
		assert_int_equal(intake_category(scene->intake, scene->tenant, name, &category, &err),
				 HERALD_NOT_FOUND);
	}
	for (int i = 0; i < 2; i++) {
		const struct category *category;

		assert_int_equal(intake_category(scene->intake, scene->tenant, "news", &category, &err),
				 HERALD_OK);
		assert_string_equal(category->name, "news");
	}
}

static void nobody_is_planned_while_a_channel_is_still_starting_unless_it_died_before(void **state)
{
	struct scene *scene = *state;
	struct calling calling;

	publish(scene, CHANNEL_RESTARTING, "", 0);
	call_begin(scene, &calling, TO_ONE);
	assert_int_equal(call_plan(scene, &calling), HERALD_BUSY);
	publish(scene, CHANNEL_RESTARTING, "", 1);
	assert_int_equal(call_plan(scene, &calling), HERALD_OK);
	assert_int_equal(calling.call.plan.delivery_count, 1);
	assert_int_equal(calling.call.plan.left_out_count, 1);
	assert_string_equal(calling.call.plan.left_out[0].channel, "sms");
	assert_int_equal(calling.call.plan.left_out[0].reason, REASON_channel_disabled);
	call_end(&calling);
}

#define PROMISE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PROMISE(a_committed_accept_spends_a_permit_for_what_starts_now),
		PROMISE(without_room_what_is_accepted_waits_in_the_queue),
		PROMISE(a_replay_and_a_mismatch_give_their_permits_back),
		PROMISE(a_repeat_of_an_event_gives_its_permit_back),
		PROMISE(a_conflict_gives_its_permits_back_and_goes_round_again_at_most_three_times),
		PROMISE(a_changed_category_is_a_conflict_and_the_next_plan_is_of_the_new_one),
		PROMISE(a_write_that_fails_gives_its_permits_back),
		PROMISE(what_is_sent_later_takes_no_permit_and_lives_from_its_time_on),
		PROMISE(an_unknown_category_is_a_fault_and_asking_for_many_costs_nothing),
		PROMISE(nobody_is_planned_while_a_channel_is_still_starting_unless_it_died_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

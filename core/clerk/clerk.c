/* The clerk's rounds: see clerk.h.  Each step asks through its session what is to be done, hands operations
 * to the store, and waits for their answers before the next. */
#include "clerk/clerk.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "telemetry/event.h"
#include "base/check.h"

enum { ROUND_MS = 250, WAKE_MS = 1000, PRUNE_MS = 60 * 1000, SCHEDULED_STEP = 50 };

struct clerk {
	struct clerk_settings settings;
	struct arena *own;   /* of this struct */
	struct arena *arena; /* of one step */
	struct intake *intake;
	struct queue *answers;
	struct queue *bell; /* closed to end the thread */
	pthread_t thread;
	bool has_thread;
	_Atomic bool is_stopping;
	int64_t woke_ms, pruned_ms; /* UTC, of the last time; 0: never */
	int64_t prune_after;        /* how far its walk has come */
};

static void answered(struct store_op *op)
{
	struct clerk *clerk = op->context;

	CHECK(queue_push(clerk->answers, &op->item));
}

static void ask(struct clerk *clerk, struct store_op *op, int64_t tenant, int64_t now_ms)
{
	op->tenant = tenant;
	op->now_ms = now_ms;
	op->arena = clerk->arena;
	op->audit = (struct store_audit){.actor = "system", .verb = "", .payload = ""};
	op->idempotency.key = "";
	op->context = clerk;
	op->done = answered;
	store_submit(clerk->settings.store, op);
}

static void wait_for(struct clerk *clerk, size_t count)
{
	while (count > 0) {
		struct queue_item *item = queue_wait_all(clerk->answers, -1);

		for (; item != NULL; item = item->next)
			count--;
	}
}

static size_t wake(struct clerk *clerk, int64_t now_ms)
{
	size_t moved = 0;
	struct store_wake step;

	do {
		step = (struct store_wake){.op = {.verb = STORE_WAKE}, .limit = CLERK_STEP_ROWS};
		ask(clerk, &step.op, 0, now_ms);
		wait_for(clerk, 1);
		moved += step.ret_woken + step.ret_ended;
	} while (step.op.code == HERALD_OK && step.ret_woken + step.ret_ended >= CLERK_STEP_ROWS);
	return moved;
}

/* Deliveries whose recipient changed something after they were planned. */
static size_t replan(struct clerk *clerk, int64_t now_ms)
{
	struct store_delivery_row *rows;
	struct store_replan *steps;
	size_t count, asked = 0;
	struct herald_error err;

	if (store_changed(intake_session(clerk->intake), CLERK_STEP_ROWS, clerk->arena, &rows, &count,
			  &err) != HERALD_OK)
		return 0;
	steps = arena_array_of(clerk->arena, count, struct store_replan);
	for (size_t i = 0; i < count; i++) {
		struct store_replan *step = &steps[asked];

		if (intake_replan(clerk->intake, rows[i].tenant, &rows[i], now_ms, clerk->arena, step,
				  &err) != HERALD_OK)
			continue; /* looked at again in the next round */
		ask(clerk, &step->op, rows[i].tenant, now_ms);
		asked++;
	}
	wait_for(clerk, asked);
	return asked;
}

/* Nobody can be reached any more by what was scheduled: it ends, with the reason where people look. */
static void give_up(struct clerk *clerk, int64_t tenant, int64_t id, int64_t now_ms)
{
	struct store_cancel cancel = {.op = {.verb = STORE_CANCEL, .takes_back = true},
				      .notification = id,
				      .reason = REASON_content_missing};

	ask(clerk, &cancel.op, tenant, now_ms);
	wait_for(clerk, 1);
}

static void bring(struct clerk *clerk, int64_t tenant, const struct store_notification_row *row,
		  int64_t now_ms)
{
	struct intake_call call = {.tenant = tenant};
	struct notification notification;
	struct herald_error err;
	struct faults faults;
	json_t *tree = NULL;
	enum herald_code code;

	faults_init(&faults, clerk->arena);
	call.faults = &faults;
	code = intake_scheduled(clerk->intake, tenant, row, now_ms, &call, &notification, &tree, &err);
	while (code == HERALD_OK) {
		intake_prepare(clerk->intake, &call, row->id);
		ask(clerk, &call.accept.op, tenant, now_ms);
		wait_for(clerk, 1);
		if (!intake_answered(clerk->intake, &call))
			break;
		code = intake_plan(clerk->intake, &call, &err);
	}
	if (code == HERALD_INVALID || code == HERALD_CORRUPT) {
		event_emit(EVENT_request_refused,
			   (struct event_field[]){EVENT_INT("notification", row->id),
						  EVENT_TEXT("problem", faults.problem)},
			   2);
		give_up(clerk, tenant, row->id, now_ms);
	}
	intake_done(&call);
	json_decref(tree);
}

static size_t bring_scheduled(struct clerk *clerk, int64_t now_ms)
{
	struct store_notification_row *rows;
	struct herald_error err;
	int64_t *tenants;
	size_t count;

	if (store_scheduled(intake_session(clerk->intake), now_ms, SCHEDULED_STEP, clerk->arena, &rows,
			    &tenants, &count, &err) != HERALD_OK)
		return 0;
	for (size_t i = 0; i < count; i++)
		bring(clerk, tenants[i], &rows[i], now_ms);
	return count;
}

static size_t prune(struct clerk *clerk, int64_t now_ms)
{
	const struct clerk_patience *patience = clerk->settings.patience;
	int64_t ended_ms = atomic_load(&patience->ended_ms), dead_ms = atomic_load(&patience->dead_ms),
		audit_ms = atomic_load(&patience->audit_ms);
	struct store_prune step = {
		.op = {.verb = STORE_PRUNE}, .limit = CLERK_STEP_ROWS, .after = clerk->prune_after};

	if (ended_ms == 0)
		return 0;
	step.before_ms = now_ms - ended_ms;
	step.dead_before_ms = dead_ms == 0 ? 1 : now_ms - dead_ms;
	step.audit_before_ms = audit_ms == 0 ? 0 : now_ms - audit_ms;
	ask(clerk, &step.op, 0, now_ms);
	wait_for(clerk, 1);
	if (step.op.code != HERALD_OK)
		return 0; /* in the next round, from the same place */
	if (step.ret_count > 0)
		event_emit(EVENT_store_pruned,
			   (struct event_field[]){EVENT_INT("notifications", step.ret_count)}, 1);
	/* When there is more, the next round goes on. */
	clerk->prune_after = step.ret_after;
	clerk->pruned_ms = step.ret_has_more ? 0 : now_ms;
	return step.ret_count;
}

size_t clerk_round(struct clerk *clerk, int64_t now_ms)
{
	size_t moved = 0;

	/* Also after a step of the wall clock, in either direction. */
	if (now_ms - clerk->woke_ms >= WAKE_MS || now_ms < clerk->woke_ms) {
		moved += wake(clerk, now_ms);
		clerk->woke_ms = now_ms;
	}
	moved += replan(clerk, now_ms);
	moved += bring_scheduled(clerk, now_ms);
	if (now_ms - clerk->pruned_ms >= PRUNE_MS || now_ms < clerk->pruned_ms)
		moved += prune(clerk, now_ms);
	arena_clear(clerk->arena);
	return moved;
}

static void *clerk_run(void *context)
{
	struct clerk *clerk = context;
	struct clock_watch clock = {0};
	size_t moved = 0;

	for (;;) {
		int64_t jump_ms; /* the dispatcher tells people */

		/* Only a step that was full may have left something: then go on at once. */
		(void)queue_wait_all(clerk->bell, moved >= CLERK_STEP_ROWS ? 0 : ROUND_MS);
		if (atomic_load(&clerk->is_stopping))
			return NULL;
		moved = clerk_round(clerk,
				    clock_watch_look(&clock, clock_wall_ms(), clock_mono_ms(), &jump_ms));
	}
}

enum herald_code clerk_new(const struct clerk_settings *settings, struct clerk **ret_clerk,
			   struct herald_error *err)
{
	const struct intake_settings intake = {.store = settings->store,
					       .rosters = settings->rosters,
					       .permits = settings->permits,
					       .expires_in_ms = settings->expires_in_ms};
	struct arena *own = arena_new();
	struct clerk *clerk = arena_new_of(own, struct clerk);
	enum herald_code code;

	*clerk = (struct clerk){.settings = *settings, .own = own, .arena = arena_new()};
	clerk->answers = queue_new(0);
	clerk->bell = queue_new(1);
	code = intake_new(&intake, &clerk->intake, err);
	if (code != HERALD_OK) {
		clerk_stop(clerk);
		return code;
	}
	*ret_clerk = clerk;
	return HERALD_OK;
}

enum herald_code clerk_start(const struct clerk_settings *settings, struct clerk **ret_clerk,
			     struct herald_error *err)
{
	struct clerk *clerk;
	enum herald_code code = clerk_new(settings, &clerk, err);

	if (code != HERALD_OK)
		return code;
	clerk->has_thread = pthread_create(&clerk->thread, NULL, clerk_run, clerk) == 0;
	if (!clerk->has_thread) {
		clerk_stop(clerk);
		return herald_fail(err, HERALD_IO, "cannot start the clerk's thread");
	}
	*ret_clerk = clerk;
	return HERALD_OK;
}

void clerk_stop(struct clerk *clerk)
{
	if (clerk == NULL)
		return;
	atomic_store(&clerk->is_stopping, true);
	queue_close(clerk->bell);
	if (clerk->has_thread)
		pthread_join(clerk->thread, NULL);
	intake_free(clerk->intake);
	queue_free(clerk->answers);
	queue_free(clerk->bell);
	arena_free(clerk->arena);
	arena_free(clerk->own);
}

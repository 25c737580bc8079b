/* One thread writes: many callers, one sync for all that wait, and each is answered once, after it. */
#include "fixture.h"

#include <sqlite3.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { CALLERS = 64, ROUNDS = 20 };

static atomic_int syncs;

/* SQLite's own calls come here: the program's symbol goes before the library's. */
__attribute__((visibility("default"))) int fdatasync(int fd);
int fdatasync(int fd)
{
	int result = (int)syscall(SYS_fdatasync, fd);
	atomic_fetch_add(&syncs, 1);
	return result;
}

struct caller {
	struct fixture *fixture;
	pthread_t thread;
	struct one one;
	const char *key;
	int replays, conflicts, duplicates;
};

/* --- a writer that can be stopped in a done --- */

struct gate {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool is_entered, is_open;
};

static void gate_done(struct store_op *op)
{
	struct gate *gate = op->context;
	pthread_mutex_lock(&gate->lock);
	gate->is_entered = true;
	pthread_cond_broadcast(&gate->cond);
	while (!gate->is_open)
		pthread_cond_wait(&gate->cond, &gate->lock);
	pthread_mutex_unlock(&gate->lock);
}

/* From here to gate_open everything that is submitted waits, and then goes into one transaction. */
static void gate_close(struct fixture *f, struct gate *gate, struct store_wake *wake)
{
	*gate = (struct gate){.lock = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER};
	*wake = (struct store_wake){
		.op = {.verb = STORE_WAKE, .now_ms = 1, .done = gate_done, .context = gate}};
	store_submit(f->store, &wake->op);
	pthread_mutex_lock(&gate->lock);
	while (!gate->is_entered)
		pthread_cond_wait(&gate->cond, &gate->lock);
	pthread_mutex_unlock(&gate->lock);
}

static void gate_open(struct gate *gate)
{
	pthread_mutex_lock(&gate->lock);
	gate->is_open = true;
	pthread_cond_broadcast(&gate->cond);
	pthread_mutex_unlock(&gate->lock);
}

struct counter {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	int count, syncs_at_first;
	struct fixture *fixture;
};

static void count_done(struct store_op *op)
{
	struct counter *counter = op->context;
	pthread_mutex_lock(&counter->fixture->lock);
	fixture_order(counter->fixture, 'D');
	pthread_mutex_unlock(&counter->fixture->lock);
	pthread_mutex_lock(&counter->lock);
	if (counter->count++ == 0)
		counter->syncs_at_first = atomic_load(&syncs);
	pthread_cond_signal(&counter->cond);
	pthread_mutex_unlock(&counter->lock);
}

static void counter_init(struct counter *counter, struct fixture *f)
{
	*counter = (struct counter){
		.lock = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER, .fixture = f};
}

static void counter_wait(struct counter *counter, int count)
{
	pthread_mutex_lock(&counter->lock);
	while (counter->count < count)
		pthread_cond_wait(&counter->cond, &counter->lock);
	pthread_mutex_unlock(&counter->lock);
}

static void submit_one(struct fixture *f, struct one *one, struct counter *counter)
{
	one->accept.deliveries = one->deliveries;
	one->accept.bodies = &one->body;
	one->accept.op.done = count_done;
	one->accept.op.context = counter;
	one->accept.op.arena = f->arena;
	store_submit(f->store, &one->accept.op);
}

/* --- the promises --- */

static void *call_same_key(void *context)
{
	struct caller *caller = context;
	struct fixture *f = caller->fixture;
	struct arena *arena = arena_new();
	one_init(f, &caller->one, "ada@example.org");
	caller->one.accept.op.arena = arena;
	caller->one.accept.op.idempotency.key = caller->key;
	caller->one.accept.op.idempotency.answer = text_of("{}", 2);
	caller->one.deliveries[0].has_permit = true;
	if (one_accept(f, &caller->one) == HERALD_OK && caller->one.accept.op.ret_is_replay)
		caller->replays++;
	arena_free(arena);
	return NULL;
}

static void sixty_four_callers_with_one_key_make_one_notification(void **state)
{
	struct fixture *f = *state;
	struct caller callers[CALLERS];
	char key[16];
	int replays = 0;
	for (int round = 0; round < ROUNDS; round++) {
		snprintf(key, sizeof(key), "key-%d", round);
		for (int i = 0; i < CALLERS; i++) {
			callers[i] = (struct caller){.fixture = f, .key = key};
			pthread_create(&callers[i].thread, NULL, call_same_key, &callers[i]);
		}
		for (int i = 0; i < CALLERS; i++) {
			pthread_join(callers[i].thread, NULL);
			assert_int_equal(callers[i].one.accept.op.code, HERALD_OK);
			replays += callers[i].replays;
		}
	}
	assert_int_equal(replays, ROUNDS * (CALLERS - 1));
	assert_int_equal(sql_value(f, "SELECT count(*) FROM notification"), ROUNDS);
	assert_int_equal(f->job_count, ROUNDS); /* and one job each: a replay hands nothing over */
}

static void all_that_waits_shares_one_sync_and_is_answered_after_it(void **state)
{
	struct fixture *f = *state;
	struct gate gate;
	struct store_wake wake;
	struct counter counter;
	struct one *ones = arena_array_of(f->arena, 500, struct one);
	counter_init(&counter, f);
	gate_close(f, &gate, &wake);
	int before = atomic_load(&syncs);
	for (int i = 0; i < 500; i++) {
		one_init(f, &ones[i], "ada@example.org");
		submit_one(f, &ones[i], &counter);
	}
	assert_int_equal(atomic_load(&syncs), before);
	gate_open(&gate);
	counter_wait(&counter, 500);
	assert_true(counter.syncs_at_first > before);
	/* A transaction is bounded in time, so a slow machine may need a few. */
	assert_true(atomic_load(&syncs) - before < 50);
	assert_int_equal(sql_value(f, "SELECT count(*) FROM notification"), 500);
}

static void one_that_is_refused_does_not_spoil_the_others(void **state)
{
	struct fixture *f = *state;
	struct gate gate;
	struct store_wake wake;
	struct counter counter;
	struct one ones[6];
	counter_init(&counter, f);
	put_suppression(f, "email", "gone@example.org");
	gate_close(f, &gate, &wake);
	for (int i = 0; i < 6; i++) {
		one_init(f, &ones[i], i == 2 ? "gone@example.org" : "ada@example.org");
		ones[i].deliveries[0].has_permit = true;
		if (i == 4) { /* breaks a rule of the table behind its first write */
			ones[i].deliveries[1] = ones[i].deliveries[0];
			ones[i].accept.delivery_count = 2;
		}
		submit_one(f, &ones[i], &counter);
	}
	gate_open(&gate);
	counter_wait(&counter, 6);
	for (int i = 0; i < 6; i++)
		assert_int_equal(ones[i].accept.op.code, i == 2   ? HERALD_CONFLICT
							 : i == 4 ? HERALD_BUG
								  : HERALD_OK);
	assert_int_equal(sql_value(f, "SELECT count(*) FROM notification"), 4);
	assert_int_equal(sql_value(f, "SELECT count(*) FROM body"), 4);
	assert_int_equal(f->job_count, 4);
	struct one after;
	one_init(f, &after, "ada@example.org");
	assert_int_equal(one_accept(f, &after), HERALD_OK);
	assert_int_equal(delivery_of(f, after.accept.id, 1).words.size, after.body.size);
}

static void hooks_come_after_the_commit_and_before_the_answers(void **state)
{
	struct fixture *f = *state;
	struct gate gate;
	struct store_wake wake;
	struct counter counter;
	struct one old, leased, queued;
	counter_init(&counter, f);
	one_init(f, &old, "ada@example.org");
	assert_int_equal(one_accept(f, &old), HERALD_OK);
	gate_close(f, &gate, &wake);
	memset(f->order, 0, sizeof(f->order));
	one_init(f, &queued, "ada@example.org");
	submit_one(f, &queued, &counter);
	struct store_cancel cancel = {.op = {.verb = STORE_CANCEL,
					     .takes_back = true,
					     .tenant = TENANT,
					     .done = count_done,
					     .context = &counter},
				      .notification = old.accept.id,
				      .reason = REASON_by_caller};
	store_submit(f->store, &cancel.op);
	one_init(f, &leased, "ada@example.org");
	leased.deliveries[0].has_permit = true;
	submit_one(f, &leased, &counter);
	gate_open(&gate);
	counter_wait(&counter, 3);
	assert_string_equal(f->order, "JQTDDD");
	assert_int_equal(f->queued[f->queued_count - 1].count, 1);
}

static void new_work_is_refused_at_the_limit_and_other_work_is_not(void **state)
{
	struct fixture *f = *state;
	struct gate gate;
	struct store_wake wake;
	struct counter counter;
	struct one ones[12];
	struct store_health health;
	fixture_close(f);
	f->settings.queue_limit = 10;
	fixture_open(f);
	counter_init(&counter, f);
	gate_close(f, &gate, &wake);
	for (int i = 0; i < 10; i++) {
		one_init(f, &ones[i], "ada@example.org");
		submit_one(f, &ones[i], &counter);
	}
	store_health(f->store, &health);
	assert_false(health.is_taking_work);
	assert_true(health.waiting >= 10);
	one_init(f, &ones[10], "ada@example.org");
	submit_one(f, &ones[10], &counter);
	assert_int_equal(counter.count, 1); /* at once, on the caller's thread */
	assert_int_equal(ones[10].accept.op.code, HERALD_BUSY);
	one_init(f, &ones[11], "ada@example.org");
	ones[11].accept.op.is_new_work = false;
	submit_one(f, &ones[11], &counter);
	gate_open(&gate);
	counter_wait(&counter, 12);
	assert_int_equal(ones[11].accept.op.code, HERALD_OK);
	store_health(f->store, &health);
	assert_true(health.is_taking_work);
	assert_int_equal(sql_value(f, "SELECT count(*) FROM notification"), 11);
}

static void a_close_writes_what_waits_and_refuses_what_comes_after(void **state)
{
	struct fixture *f = *state;
	struct gate gate;
	struct store_wake wake;
	struct counter counter;
	struct one ones[50];
	counter_init(&counter, f);
	gate_close(f, &gate, &wake);
	for (int i = 0; i < 50; i++) {
		one_init(f, &ones[i], "ada@example.org");
		submit_one(f, &ones[i], &counter);
	}
	gate_open(&gate);
	fixture_close(f);
	assert_int_equal(counter.count, 50);
	for (int i = 0; i < 50; i++)
		assert_int_equal(ones[i].accept.op.code, HERALD_OK);
	char path[128];
	snprintf(path, sizeof(path), "%s/herald.db-wal", f->dir);
	assert_int_equal(access(path, F_OK), -1); /* checkpointed and gone */
	assert_int_equal(sql_value(f, "SELECT count(*) FROM notification"), 50);
	fixture_open(f);
}

static void *call_and_read(void *context)
{
	struct caller *caller = context;
	struct fixture *f = caller->fixture;
	struct arena *arena = arena_new();
	struct store_session *session;
	if (store_session_new(f->store, &session, NULL) != HERALD_OK)
		return NULL;
	for (int i = 0; i < ROUNDS; i++) {
		struct store_notification_row row;
		char name[16];
		one_init(f, &caller->one, "ada@example.org");
		caller->one.accept.op.arena = arena;
		if (one_accept(f, &caller->one) != HERALD_OK)
			caller->conflicts++;
		/* What was answered is seen by everybody. */
		if (store_notification(session, TENANT, caller->one.accept.id, arena, &row, NULL) !=
		    HERALD_OK)
			caller->duplicates++;
		snprintf(name, sizeof(name), "t%d", i % 7);
		if (store_tenant_number(f->store, name, true) < 0)
			caller->conflicts++;
		arena_clear(arena);
	}
	store_session_free(session);
	arena_free(arena);
	return NULL;
}

static void readers_see_every_write_that_was_answered(void **state)
{
	struct fixture *f = *state;
	struct caller callers[8];
	for (int i = 0; i < 8; i++) {
		callers[i] = (struct caller){.fixture = f};
		pthread_create(&callers[i].thread, NULL, call_and_read, &callers[i]);
	}
	for (int i = 0; i < 8; i++) {
		pthread_join(callers[i].thread, NULL);
		assert_int_equal(callers[i].conflicts, 0);
		assert_int_equal(callers[i].duplicates, 0);
	}
	assert_int_equal(sql_value(f, "SELECT count(*) FROM notification"), INT64_C(8) * ROUNDS);
	assert_int_equal(sql_value(f, "SELECT count(*) FROM tenant"), 8);
}

/* --- somebody else has the file --- */

enum { HELD = 3 };

struct held {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	int answered;
};

static void held_done(struct store_op *op)
{
	struct held *held = op->context;
	pthread_mutex_lock(&held->lock);
	held->answered++;
	pthread_cond_broadcast(&held->cond);
	pthread_mutex_unlock(&held->lock);
}

static void while_another_program_holds_the_file_everybody_hears_so_in_time(void **state)
{
	struct fixture *f = *state;
	struct held held = {.lock = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER};
	struct store_wake ops[HELD];
	struct timespec until;
	char path[128];
	sqlite3 *other;

	snprintf(path, sizeof(path), "%s/herald.db", f->dir);
	assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	for (int i = 0; i < HELD; i++) {
		ops[i] = (struct store_wake){
			.op = {.verb = STORE_WAKE, .now_ms = NOW_MS, .done = held_done, .context = &held}};
		store_submit(f->store, &ops[i].op);
	}
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 20;
	pthread_mutex_lock(&held.lock);
	int waited = 0;
	while (held.answered < HELD && waited == 0)
		waited = pthread_cond_timedwait(&held.cond, &held.lock, &until);
	int answered = held.answered;
	pthread_mutex_unlock(&held.lock);
	sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL);
	sqlite3_close(other);
	assert_int_equal(answered, HELD);
	for (int i = 0; i < HELD; i++)
		assert_int_equal(ops[i].op.code, HERALD_BUSY);

	struct one one;
	one_init(f, &one, "ada@example.org");
	assert_int_equal(one_accept(f, &one), HERALD_OK);
}

static void a_null_store_answers_everything_and_writes_nothing(void **state)
{
	struct fixture *f = *state;
	struct one one;
	fixture_close(f);
	f->settings.is_null = true;
	fixture_open(f);
	one_init(f, &one, "ada@example.org");
	one.deliveries[0].has_permit = true;
	assert_int_equal(one_accept(f, &one), HERALD_OK);
	assert_int_equal(f->job_count, 1);
	struct store_settle settle = settle_of(f, f->jobs[0], DELIVERY_SENT, REASON_none);
	assert_int_equal(run_op(f, &settle.op), HERALD_OK);
	assert_false(settle.ret_is_fenced);
	assert_int_equal(sql_value(f, "SELECT count(*) FROM notification"), 0);
}

#define PROMISE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PROMISE(sixty_four_callers_with_one_key_make_one_notification),
		PROMISE(all_that_waits_shares_one_sync_and_is_answered_after_it),
		PROMISE(one_that_is_refused_does_not_spoil_the_others),
		PROMISE(hooks_come_after_the_commit_and_before_the_answers),
		PROMISE(new_work_is_refused_at_the_limit_and_other_work_is_not),
		PROMISE(a_close_writes_what_waits_and_refuses_what_comes_after),
		PROMISE(readers_see_every_write_that_was_answered),
		PROMISE(while_another_program_holds_the_file_everybody_hears_so_in_time),
		PROMISE(a_null_store_answers_everything_and_writes_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

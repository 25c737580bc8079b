/* kill -9 in the middle of everything: what was answered is there, whole; what was not is there whole or not
 * at all. */
#include "fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { KILLS = 25, WRITERS = 4, ACKED_MAX = 200000 };

struct acked { /* what the child had been answered, before it said so */
	int64_t notification;
	uint32_t state; /* a delivery state that it had settled to */
};

struct worker {
	struct fixture *fixture;
	pthread_t thread;
	int out;
};

static void say(int out, int64_t notification, enum delivery_state state)
{
	const struct acked acked = {.notification = notification, .state = state};
	if (write(out, &acked, sizeof(acked)) != (ssize_t)sizeof(acked))
		_exit(1);
}

static void *work(void *context)
{
	struct worker *worker = context;
	struct fixture *f = worker->fixture;
	struct arena *arena = arena_new();
	for (int i = 0;; i++) {
		struct one one;
		one_init(f, &one, "ada@example.org");
		one.accept.op.arena = arena;
		one.deliveries[0].has_permit = i % 2 == 0;
		if (one_accept(f, &one) != HERALD_OK)
			_exit(2);
		say(worker->out, one.accept.id, i % 2 == 0 ? DELIVERY_LEASED : DELIVERY_QUEUED);
		if (i % 4 == 0) {
			const struct job job = {.notification = one.accept.id, .n = 1, .attempt = 1};
			struct store_settle settle = settle_of(f, &job, DELIVERY_SENT, REASON_none);
			settle.op.arena = arena;
			if (run_op(f, &settle.op) != HERALD_OK || settle.ret_is_fenced)
				_exit(3);
			say(worker->out, one.accept.id, DELIVERY_SENT);
		}
		arena_clear(arena);
	}
}

static void drop_job(void *context, struct job *job)
{
	(void)context;
	job_free(job);
}

static _Noreturn void child_run(struct fixture *f, int out)
{
	struct worker workers[WRITERS];
	f->settings.hooks = (struct store_hooks){.leased = drop_job};
	fixture_open(f);
	say(out, 0, 0);
	for (int i = 0; i < WRITERS; i++) {
		workers[i] = (struct worker){.fixture = f, .out = out};
		if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0)
			_exit(4);
	}
	for (;;)
		pause();
}

static void check_row(struct fixture *f, const struct acked *acked)
{
	struct store_delivery_row row = delivery_of(f, acked->notification, 1);
	bool is_good = row.state == acked->state || (acked->state == DELIVERY_LEASED &&
						     row.state == DELIVERY_SENT); /* said a moment before */
	if (!is_good)
		fail_msg("%lld: answered %u, found %u", (long long)acked->notification, acked->state,
			 (unsigned)row.state);
	assert_true(row.words.size > 0);
}

static void nothing_that_was_answered_is_lost_by_kill_9(void **state)
{
	struct fixture *f = *state;
	struct acked *acked = arena_array_of(f->arena, ACKED_MAX, struct acked);
	size_t count = 0;
	unsigned seed = (unsigned)time(NULL);
	print_message("seed %u\n", seed);
	for (int kill_number = 0; kill_number < KILLS; kill_number++) {
		int pipes[2];
		fixture_close(f);
		f->run++;
		assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
		fcntl(pipes[1], F_SETPIPE_SZ, 1 << 20);
		pid_t child = fork();
		if (child == 0)
			child_run(f, pipes[1]);
		close(pipes[1]);
		struct acked one;
		assert_int_equal(read(pipes[0], &one, sizeof(one)), sizeof(one)); /* it is open */
		const struct timespec some = {.tv_nsec = (long)(1 + rand_r(&seed) % 60) * 1000000};
		nanosleep(&some, NULL);
		assert_int_equal(kill(child, SIGKILL), 0);
		int status;
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status));
		while (count < ACKED_MAX && read(pipes[0], &one, sizeof(one)) == (ssize_t)sizeof(one))
			acked[count++] = one;
		close(pipes[0]);
		f->run++;
		fixture_open(f);
		for (size_t i = 0; i < count; i++) {
			bool is_last = i + 1 == count || acked[i + 1].notification != acked[i].notification;
			if (is_last && i + 200 > count)
				check_row(f, &acked[i]);
		}
	}
	for (size_t i = 0; i < count; i++)
		check_row(f, &acked[i]);
	print_message("%d kills, %zu answers, 0 lost\n", KILLS, count);
	assert_true(count > KILLS);
	/* No half notification: each has its delivery, its words and its address. */
	assert_int_equal(
		sql_value(f,
			  "SELECT count(*) FROM notification n LEFT JOIN delivery d ON d.notification = n.id"
			  " LEFT JOIN body b ON b.row = d.body LEFT JOIN inline_address i ON"
			  " i.notification = n.id AND i.n = d.n WHERE b.row IS NULL OR i.n IS NULL"),
		0);
	assert_int_equal(
		sql_value(f, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'"), 0);
}

#define PROMISE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PROMISE(nothing_that_was_answered_is_lost_by_kill_9),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

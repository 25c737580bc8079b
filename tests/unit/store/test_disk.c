/* A disk that is full, and a disk that fails: what was accepted survives both, and nobody is told a lie. */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MIB = 1024 * 1024, EXIT_SOFTWARE = 70 };

static atomic_int syncs, fail_sync_from; /* 0: never */

__attribute__((visibility("default"))) int fdatasync(int fd);
int fdatasync(int fd)
{
	int number = atomic_fetch_add(&syncs, 1) + 1;
	int from = atomic_load(&fail_sync_from);
	if (from != 0 && number >= from) {
		errno = EIO;
		return -1;
	}
	return (int)syscall(SYS_fdatasync, fd);
}

static void fail_syncs(bool is_failing)
{
	atomic_store(&fail_sync_from, is_failing ? 1 : 0);
	atomic_store(&syncs, 0);
}

/* --- a failed sync --- */

static void a_failed_sync_is_uncertain_fatal_and_never_tried_again(void **state)
{
	struct fixture *f = *state;
	struct store_health health;
	struct one one, other;
	one_init(f, &one, "ada@example.org");
	one.deliveries[0].has_permit = true;
	fail_syncs(true);
	assert_int_equal(one_accept(f, &one), HERALD_UNCERTAIN_WRITE);
	assert_int_equal(f->job_count, 0); /* nothing that may be gone is sent */
	one_init(f, &other, "ada@example.org");
	assert_int_equal(one_accept(f, &other), HERALD_UNCERTAIN_WRITE);
	assert_int_equal(atomic_load(&syncs), 1);
	store_health(f->store, &health);
	assert_false(health.is_taking_work);
	fail_syncs(false);
	/* The next process reads what is there: whole or not at all, and the same id can be asked again. */
	fixture_reopen(f);
	assert_true(f->fatal[0] != 0);
	assert_int_equal(one_accept(f, &one), HERALD_OK);
	assert_int_equal(sql_value(f, "SELECT count(*) FROM notification"), 1);
	assert_int_equal(sql_value(f, "SELECT count(*) FROM delivery"), 1);
}

static void without_a_handler_a_failed_sync_ends_the_process_with_70(void **state)
{
	struct fixture *f = *state;
	fixture_close(f);
	pid_t child = fork();
	if (child == 0) {
		struct one one;
		f->settings.fatal = NULL;
		fixture_open(f);
		one_init(f, &one, "ada@example.org");
		fail_syncs(true);
		one_accept(f, &one);
		pause();
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), EXIT_SOFTWARE);
	fixture_open(f);
}

/* --- a full disk: a small file system of its own, for which it takes root --- */

static bool mount_small(struct fixture *f, const char *options)
{
	return mount("herald-test", f->dir, "tmpfs", 0, options) == 0;
}

static void open_small(struct fixture *f)
{
	fixture_close(f);
	static const char *const files[] = {"herald.db", "lock"};
	char path[128];
	for (size_t i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/%s", f->dir, files[i]);
		unlink(path);
	}
	if (!mount_small(f, "size=6m")) {
		fixture_open(f);
		print_message("a small file system cannot be mounted here (no root)\n");
		skip();
	}
	f->settings.ballast_bytes = 2 * MIB;
	fixture_open(f);
}

static void close_small(struct fixture *f)
{
	fixture_close(f);
	assert_int_equal(umount(f->dir), 0);
	f->settings.ballast_bytes = f->settings.free_space_floor_bytes = 0;
	fixture_open(f);
}

/* Accepts until it is refused; the ones that were taken stay leased. */
static enum herald_code fill(struct fixture *f, size_t *ret_count)
{
	static char words[20000];
	enum herald_code code = HERALD_OK;
	for (*ret_count = 0; code == HERALD_OK && *ret_count < JOBS_MAX; ++*ret_count) {
		struct one one;
		one_init(f, &one, "ada@example.org");
		one.body = text_of(words, sizeof(words));
		one.deliveries[0].has_permit = true;
		code = one_accept(f, &one);
	}
	--*ret_count;
	return code;
}

static void on_a_full_disk_new_work_is_refused_and_what_is_in_hand_ends(void **state)
{
	struct fixture *f = *state;
	struct store_health health;
	struct one one;
	size_t count;
	char path[128];
	struct stat ballast;
	open_small(f);
	snprintf(path, sizeof(path), "%s/ballast", f->dir);
	assert_int_equal(stat(path, &ballast), 0);
	assert_int_equal(ballast.st_size, 2 * MIB);
	assert_true(ballast.st_blocks * 512 >= 2 * MIB);

	enum herald_code code = fill(f, &count);
	assert_true(code == HERALD_IO || code == HERALD_BUSY);
	assert_true(count > 10);
	assert_int_equal(f->job_count, count);
	assert_int_equal(stat(path, &ballast), -1); /* given up */
	store_health(f->store, &health);
	assert_false(health.is_taking_work);
	one_init(f, &one, "ada@example.org");
	assert_int_equal(one_accept(f, &one), HERALD_BUSY);

	for (size_t i = 0; i < count; i++)
		assert_int_equal(settle_job(f, f->jobs[i], DELIVERY_SENT, REASON_none), HERALD_OK);
	assert_int_equal(sql_value(f, "SELECT count(*) FROM delivery WHERE state = 4"), (int64_t)count);

	/* Room comes back: work is taken again, by itself, and the ballast is there again. */
	assert_int_equal(mount("herald-test", f->dir, "tmpfs", MS_REMOUNT, "size=64m"), 0);
	for (int i = 0; i < 100; i++) {
		struct store_wake wake = {.op = {.verb = STORE_WAKE, .now_ms = 1}, .limit = 1};
		assert_int_equal(run_op(f, &wake.op), HERALD_OK);
	}
	assert_int_equal(one_accept(f, &one), HERALD_OK);
	assert_int_equal(stat(path, &ballast), 0);
	close_small(f);
}

static void below_the_floor_new_work_is_refused_before_the_disk_is_full(void **state)
{
	struct fixture *f = *state;
	struct store_health health;
	struct one one;
	size_t count;
	open_small(f);
	fixture_close(f);
	f->settings.free_space_floor_bytes = 1 * MIB;
	fixture_open(f);
	one_init(f, &one, "ada@example.org");
	assert_int_equal(one_accept(f, &one), HERALD_OK);
	enum herald_code code = fill(f, &count);
	assert_true(code == HERALD_BUSY || code == HERALD_IO);
	store_health(f->store, &health);
	assert_false(health.is_taking_work);
	assert_true(health.why[0] != 0);
	close_small(f);
}

static void without_room_for_a_settle_it_waits_until_there_is_room(void **state)
{
	struct fixture *f = *state;
	size_t count;
	open_small(f);
	fixture_close(f);
	f->settings.ballast_bytes = 0;
	char path[128];
	snprintf(path, sizeof(path), "%s/ballast", f->dir);
	unlink(path);
	fixture_open(f);
	snprintf(path, sizeof(path), "%s/filler", f->dir);
	int filler = open(path, O_WRONLY | O_CREAT, 0600);
	assert_int_equal(posix_fallocate(filler, 0, 2 * MIB), 0);
	fill(f, &count);
	char block[64] = {0};
	assert_int_equal(lseek(filler, 0, SEEK_END), 2 * MIB);
	while (write(filler, block, sizeof(block)) > 0) /* not a byte is left for the log */
		;
	close(filler);
	pid_t child = fork();
	if (child == 0) {
		const struct timespec some = {.tv_nsec = 300 * 1000000};
		nanosleep(&some, NULL);
		_exit(unlink(path) == 0 ? 0 : 1);
	}
	for (size_t i = 0; i < count; i++)
		assert_int_equal(settle_job(f, f->jobs[i], DELIVERY_SENT, REASON_none), HERALD_OK);
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	close_small(f);
}

#define PROMISE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PROMISE(a_failed_sync_is_uncertain_fatal_and_never_tried_again),
		PROMISE(without_a_handler_a_failed_sync_ends_the_process_with_70),
		PROMISE(on_a_full_disk_new_work_is_refused_and_what_is_in_hand_ends),
		PROMISE(below_the_floor_new_work_is_refused_before_the_disk_is_full),
		PROMISE(without_room_for_a_settle_it_waits_until_there_is_room),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

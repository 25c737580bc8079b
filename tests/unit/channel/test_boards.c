/* test_boards.c - the next daemon waits for whoever still holds a board, and reads what is left. */
#include "stage.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "channel/private.h"
#include "base/check.h"

struct place {
	char dir[64];
	struct arena *arena;
};

static int place_make(void **state)
{
	struct place *place = calloc(1, sizeof(*place));
	snprintf(place->dir, sizeof(place->dir), "/tmp/herald-boards-XXXXXX");
	place->arena = arena_new();
	*state = place;
	return mkdtemp(place->dir) ? 0 : -1;
}

static int place_drop(void **state)
{
	struct place *place = *state;
	assert_int_equal(boards_forget(place->dir, -1, NULL), HERALD_OK);
	assert_int_equal(rmdir(place->dir), 0);
	arena_free(place->arena);
	free(place);
	return 0;
}

static void path_of(const struct place *place, const char *name, char ret_path[128])
{
	snprintf(ret_path, 128, "%s/%s.board", place->dir, name);
}

/* A board with one slot in each state. */
static struct board *make(const struct place *place, const char *name, int64_t run, bool is_of_this_boot)
{
	struct board_head head = {.run = run, .channel = "sms"};
	struct herald_outcome outcome = {.verdict = HERALD_SENT, .provider_ref = "ref"};
	struct board *board;
	char path[128];
	path_of(place, name, path);
	board_boot_id(head.boot_id);
	head.boot_id[3] ^= is_of_this_boot ? 0 : 1;
	assert_int_equal(board_create(path, &head, 8, &board, NULL), HERALD_OK);
	for (uint32_t slot = 1; slot <= 5; slot++) {
		uint64_t ticket = 1u << 16 | slot;
		struct slot_identity identity = {.notification = slot, .run = run, .n = 1, .attempt = 2};
		assert_true(board_post(board, ticket, &identity));
		if (slot >= 2)
			assert_true(board_swap(board, ticket, SLOT_QUEUED, SLOT_IN_PLUGIN));
		if (slot == 3 || slot == 4)
			assert_true(board_swap(board, ticket, SLOT_IN_PLUGIN, SLOT_ON_WIRE));
		if (slot == 4)
			assert_true(board_finish(board, ticket, &outcome));
		if (slot == 5)
			assert_true(board_swap(board, ticket, SLOT_IN_PLUGIN, SLOT_REVOKED));
	}
	return board;
}

/* A process that holds the board's lock until it is told to end, or is killed. */
static pid_t hold(struct board *board, int *ret_end)
{
	int ready[2], end[2];
	char byte;
	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(end), 0);
	pid_t pid = fork();
	if (pid == 0) {
		struct board *mine = NULL;
		close(end[1]);
		if (board_attach(board_fd(board), &mine, NULL) != HERALD_OK)
			_exit(1);
		if (write(ready[1], "x", 1) != 1 || read(end[0], &byte, 1) != 0)
			_exit(1);
		/* its daemon is gone: finish what is on the wire, say so, and end */
		struct herald_outcome outcome = {.verdict = HERALD_DELIVERED};
		board_finish(mine, 1u << 16 | 3, &outcome);
		board_say_left(mine);
		_exit(0);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	close(end[0]);
	*ret_end = end[1];
	return pid;
}

static void every_slot_of_every_board_is_read(void **state)
{
	struct place *place = *state;
	struct left_slot *slots;
	size_t count;
	board_free(make(place, "a", 7, true));
	board_free(make(place, "b", 8, true));
	assert_int_equal(boards_resolve(place->dir, place->arena, &slots, &count, NULL), HERALD_OK);
	assert_int_equal(count, 10);
	unsigned states[6] = {0};
	for (size_t i = 0; i < count; i++) {
		static const enum slot_state expected[] = {SLOT_FREE,    SLOT_QUEUED, SLOT_IN_PLUGIN,
							   SLOT_ON_WIRE, SLOT_DONE,   SLOT_REVOKED};
		assert_true(slots[i].is_same_boot);
		assert_false(slots[i].has_left);
		assert_int_equal(slots[i].state, expected[slots[i].identity.notification]);
		assert_true(slots[i].identity.run == 7 || slots[i].identity.run == 8);
		assert_int_equal(slots[i].identity.attempt, 2);
		states[slots[i].state]++;
		if (slots[i].state == SLOT_DONE) {
			assert_int_equal(slots[i].outcome.verdict, HERALD_SENT);
			assert_string_equal(slots[i].outcome.provider_ref, "ref");
		}
	}
	for (size_t i = SLOT_QUEUED; i <= SLOT_REVOKED; i++)
		assert_int_equal(states[i], 2);
}

static void no_directory_is_no_boards(void **state)
{
	struct place *place = *state;
	struct left_slot *slots;
	size_t count = 9;
	assert_int_equal(boards_resolve("/tmp/herald-no-such-directory", place->arena, &slots, &count, NULL),
			 HERALD_OK);
	assert_int_equal(count, 0);
	assert_int_equal(boards_forget("/tmp/herald-no-such-directory", 1, NULL), HERALD_OK);
}

static void boards_of_another_boot_say_so(void **state)
{
	struct place *place = *state;
	struct left_slot *slots;
	size_t count;
	board_free(make(place, "a", 7, false));
	assert_int_equal(boards_resolve(place->dir, place->arena, &slots, &count, NULL), HERALD_OK);
	assert_int_equal(count, 5);
	for (size_t i = 0; i < count; i++)
		assert_false(slots[i].is_same_boot);
}

static void a_holder_that_ends_in_order_is_waited_for(void **state)
{
	struct place *place = *state;
	struct left_slot *slots;
	size_t count;
	struct board *board = make(place, "a", 7, true);
	int end;
	pid_t pid = hold(board, &end);
	/* A third process lets it go while we wait. */
	pid_t later = fork();
	if (later == 0) {
		poll(NULL, 0, 200);
		_exit(0);
	}
	close(end); /* the last end but the third process's */
	int64_t before_ms = clock_mono_ms();
	assert_int_equal(boards_resolve(place->dir, place->arena, &slots, &count, NULL), HERALD_OK);
	assert_in_range(clock_mono_ms() - before_ms, 100, 10000);
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	waitpid(later, NULL, 0);
	for (size_t i = 0; i < count; i++) {
		assert_true(slots[i].has_left);
		/* what it finished after the daemon's death is known */
		if (slots[i].identity.notification == 3) {
			assert_int_equal(slots[i].state, SLOT_DONE);
			assert_int_equal(slots[i].outcome.verdict, HERALD_DELIVERED);
		}
	}
	board_free(board);
}

static void a_holder_that_does_not_end_is_killed(void **state)
{
	struct place *place = *state;
	struct left_slot *slots;
	size_t count;
	struct board *board = make(place, "a", 7, true);
	int end, status;
	pid_t pid = hold(board, &end);
	assert_int_equal(boards_resolve_within(place->dir, 100, place->arena, &slots, &count, NULL),
			 HERALD_OK);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	assert_int_equal(count, 5);
	for (size_t i = 0; i < count; i++) {
		assert_false(slots[i].has_left);
		if (slots[i].identity.notification == 3)
			assert_int_equal(slots[i].state, SLOT_ON_WIRE);
	}
	close(end);
	board_free(board);
}

static void a_torn_creation_is_passed_over_and_a_damaged_board_is_not(void **state)
{
	struct place *place = *state;
	struct left_slot *slots;
	struct herald_error err;
	size_t count;
	char path[128];
	static const size_t torn[] = {0, 5, 512, 100000};
	board_free(make(place, "a", 7, true));
	for (size_t i = 0; i < countof(torn); i++) {
		path_of(place, "torn", path);
		int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
		assert_int_equal(ftruncate(fd, (off_t)torn[i]), 0);
		close(fd);
		assert_int_equal(boards_resolve(place->dir, place->arena, &slots, &count, NULL), HERALD_OK);
		assert_int_equal(count, 5);
	}
	path_of(place, "a", path);
	assert_int_equal(truncate(path, 700), 0);
	assert_int_equal(boards_resolve(place->dir, place->arena, &slots, &count, &err), HERALD_CORRUPT);
	assert_non_null(strstr(err.text, "a.board"));
}

static void forgetting_keeps_the_run_that_lives(void **state)
{
	struct place *place = *state;
	struct left_slot *slots;
	size_t count;
	board_free(make(place, "a", 7, true));
	board_free(make(place, "b", 8, true));
	assert_int_equal(boards_forget(place->dir, 8, NULL), HERALD_OK);
	assert_int_equal(boards_resolve(place->dir, place->arena, &slots, &count, NULL), HERALD_OK);
	assert_int_equal(count, 5);
	assert_true(slots[0].identity.run == 8);
}

int main(void)
{
#define WITH_PLACE(test) cmocka_unit_test_setup_teardown(test, place_make, place_drop)
	const struct CMUnitTest tests[] = {
		WITH_PLACE(every_slot_of_every_board_is_read),
		WITH_PLACE(no_directory_is_no_boards),
		WITH_PLACE(boards_of_another_boot_say_so),
		WITH_PLACE(a_holder_that_ends_in_order_is_waited_for),
		WITH_PLACE(a_holder_that_does_not_end_is_killed),
		WITH_PLACE(a_torn_creation_is_passed_over_and_a_damaged_board_is_not),
		WITH_PLACE(forgetting_keeps_the_run_that_lives),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

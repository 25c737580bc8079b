/* test_board.c - the board's promises: one winner per move, no stale ticket, nothing believed from a file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "wire/board.h"
#include "base/check.h"

struct place {
	char dir[64], path[96];
};

static int place_make(void **state)
{
	struct place *place = calloc(1, sizeof(*place));
	snprintf(place->dir, sizeof(place->dir), "/tmp/herald-board-XXXXXX");
	if (!mkdtemp(place->dir))
		return -1;
	snprintf(place->path, sizeof(place->path), "%s/a.board", place->dir);
	*state = place;
	return 0;
}

static int place_drop(void **state)
{
	struct place *place = *state;
	unlink(place->path);
	rmdir(place->dir);
	free(place);
	return 0;
}

static struct board *make(const struct place *place, uint32_t slots)
{
	struct board_head head = {.run = 42, .channel = "sms-eu"};
	struct board *board = NULL;
	board_boot_id(head.boot_id);
	assert_int_equal(board_create(place->path, &head, slots, &board, NULL), HERALD_OK);
	return board;
}

static uint64_t ticket_of(uint64_t serial, uint32_t slot)
{
	return serial << 16 | slot;
}

static const struct slot_identity identity = {.notification = 1234, .run = 42, .n = 2, .attempt = 3};

static void a_new_board_is_private_empty_and_says_whose_it_is(void **state)
{
	struct place *place = *state;
	struct board *board = make(place, 8), *again = NULL;
	struct board_head head = {.run = 1, .channel = "x"};
	struct stat status;
	uint8_t boot[16], none[16] = {0};

	assert_int_equal(stat(place->path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	assert_int_equal(board_create(place->path, &head, 8, &again, NULL), HERALD_CONFLICT);
	board_boot_id(boot);
	assert_memory_not_equal(boot, none, 16);
	head = board_head(board);
	assert_memory_equal(head.boot_id, boot, 16);
	assert_true(head.run == 42);
	assert_string_equal(head.channel, "sms-eu");
	assert_false(head.has_left);
	assert_int_equal(board_slots(board), 8);
	for (uint64_t slot = 0; slot < 8; slot++)
		assert_int_equal(board_state(board, slot), SLOT_FREE);
	board_free(board);
}

static void a_slot_walks_its_states_and_is_read_by_the_next_daemon(void **state)
{
	struct place *place = *state;
	struct board *board = make(place, 4), *later = NULL;
	uint64_t ticket = ticket_of(5, 3), read_ticket;
	struct herald_outcome outcome = {.verdict = HERALD_SENT,
					 .retry_after_ms = 17,
					 .status = "2.0.0",
					 .provider_ref = "ref-1",
					 .reason = "taken over"},
			      got;
	struct slot_identity who;
	enum slot_state at;

	assert_true(board_post(board, ticket, &identity));
	assert_false(board_post(board, ticket_of(6, 3), &identity)); /* it is taken */
	assert_int_equal(board_state(board, ticket), SLOT_QUEUED);
	assert_false(board_finish(board, ticket, &outcome)); /* not from QUEUED */
	assert_true(board_swap(board, ticket, SLOT_QUEUED, SLOT_IN_PLUGIN));
	assert_false(board_swap(board, ticket, SLOT_QUEUED, SLOT_IN_PLUGIN));
	assert_true(board_swap(board, ticket, SLOT_IN_PLUGIN, SLOT_ON_WIRE));
	assert_false(board_outcome(board, ticket, &got));
	assert_true(board_finish(board, ticket, &outcome));
	assert_false(board_swap(board, ticket, SLOT_IN_PLUGIN, SLOT_REVOKED));
	board_say_left(board);
	board_free(board);

	assert_int_equal(board_open(place->path, &later, NULL), HERALD_OK);
	assert_true(board_head(later).has_left);
	assert_false(board_read(later, 0, &who, &at, &read_ticket, &got));
	assert_true(board_read(later, 3, &who, &at, &read_ticket, &got));
	assert_memory_equal(&who, &identity, sizeof(who));
	assert_int_equal(at, SLOT_DONE);
	assert_true(read_ticket == ticket);
	assert_int_equal(got.verdict, HERALD_SENT);
	assert_true(got.retry_after_ms == 17);
	assert_string_equal(got.status, "2.0.0");
	assert_string_equal(got.provider_ref, "ref-1");
	assert_string_equal(got.reason, "taken over");
	board_free_slot(later, ticket);
	assert_false(board_read(later, 3, &who, &at, &read_ticket, &got));
	board_free(later);
}

static void a_stale_ticket_moves_and_frees_nothing(void **state)
{
	struct board *board = make(*state, 2);
	uint64_t old = ticket_of(1, 0), now = ticket_of(2, 0);
	struct herald_outcome outcome = {.verdict = HERALD_SENT};

	assert_true(board_post(board, old, &identity));
	board_free_slot(board, old);
	assert_true(board_post(board, now, &identity));
	assert_int_equal(board_state(board, old), SLOT_FREE);
	assert_false(board_swap(board, old, SLOT_QUEUED, SLOT_REVOKED));
	assert_false(board_finish(board, old, &outcome));
	board_free_slot(board, old);
	assert_int_equal(board_state(board, now), SLOT_QUEUED);
	assert_false(board_post(board, ticket_of(3, 2), &identity)); /* no such slot */
	assert_false(board_swap(board, ticket_of(3, 65535), SLOT_FREE, SLOT_QUEUED));
	board_free(board);
}

static void a_reused_slot_does_not_show_its_former_outcome(void **state)
{
	struct board *board = make(*state, 1);
	struct herald_outcome outcome = {.verdict = HERALD_SENT, .reason = "former", .provider_ref = "r"},
			      got;

	assert_true(board_post(board, ticket_of(1, 0), &identity));
	assert_true(board_swap(board, ticket_of(1, 0), SLOT_QUEUED, SLOT_IN_PLUGIN));
	assert_true(board_finish(board, ticket_of(1, 0), &outcome));
	board_free_slot(board, ticket_of(1, 0));
	assert_true(board_post(board, ticket_of(2, 0), &identity));
	/* a host that says DONE without an outcome */
	assert_true(board_swap(board, ticket_of(2, 0), SLOT_QUEUED, SLOT_DONE));
	assert_true(board_outcome(board, ticket_of(2, 0), &got));
	assert_int_equal(got.verdict, HERALD_UNCERTAIN);
	assert_string_equal(got.reason, "");
	assert_string_equal(got.provider_ref, "");
	board_free(board);
}

/* --- races --- */

enum { RACES = 3000 };

struct race {
	struct board *board;
	_Atomic unsigned revoked, sent;
	pthread_barrier_t start;
};

static void *race_host(void *context)
{
	struct race *race = context;
	for (uint64_t i = 0; i < RACES; i++) {
		uint64_t ticket = ticket_of(i + 1, (uint32_t)(i % 64));
		pthread_barrier_wait(&race->start);
		board_swap(race->board, ticket, SLOT_QUEUED, SLOT_IN_PLUGIN);
		if (board_swap(race->board, ticket, SLOT_IN_PLUGIN, SLOT_ON_WIRE))
			race->sent++;
		pthread_barrier_wait(&race->start);
	}
	return NULL;
}

static void taking_back_and_sending_never_both_win(void **state)
{
	struct race race = {.board = make(*state, 64)};
	pthread_t host;
	pthread_barrier_init(&race.start, NULL, 2);
	assert_int_equal(pthread_create(&host, NULL, race_host, &race), 0);
	for (uint64_t i = 0; i < RACES; i++) {
		uint64_t ticket = ticket_of(i + 1, (uint32_t)(i % 64));
		assert_true(board_post(race.board, ticket, &identity));
		pthread_barrier_wait(&race.start);
		if (board_swap(race.board, ticket, SLOT_QUEUED, SLOT_REVOKED) ||
		    board_swap(race.board, ticket, SLOT_IN_PLUGIN, SLOT_REVOKED))
			race.revoked++;
		pthread_barrier_wait(&race.start);
		board_free_slot(race.board, ticket);
	}
	pthread_join(host, NULL);
	assert_int_equal(race.revoked + race.sent, RACES);
	pthread_barrier_destroy(&race.start);
	board_free(race.board);
}

/* --- the lock --- */

static void the_lock_names_its_holder_and_ends_with_it(void **state)
{
	struct place *place = *state;
	struct board *board = make(place, 4), *other = NULL;
	int ready[2], end[2];
	char byte = 0;
	assert_int_equal(board_holder(board), 0);
	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(end), 0);
	assert_true(board_post(board, ticket_of(1, 0), &identity));
	pid_t child = fork();
	if (child == 0) {
		struct board *mine = NULL;
		close(end[1]);
		if (board_attach(board_fd(board), &mine, NULL) != HERALD_OK)
			_exit(1);
		if (!board_swap(mine, ticket_of(1, 0), SLOT_QUEUED, SLOT_IN_PLUGIN))
			_exit(2);
		if (write(ready[1], "x", 1) != 1)
			_exit(3);
		ssize_t got = read(end[0], &byte, 1); /* until the parent closes */
		_exit(got == 0 ? 0 : 4);
	}
	close(end[0]);
	close(ready[1]);
	if (read(ready[0], &byte, 1) == 1) {
		assert_int_equal(board_holder(board), child);
		assert_int_equal(board_attach(board_fd(board), &other, NULL), HERALD_BUSY);
		assert_int_equal(board_state(board, ticket_of(1, 0)), SLOT_IN_PLUGIN);
	}
	close(end[1]);
	close(ready[0]);
	int status = -1;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_int_equal(board_holder(board), 0);
	board_free(board);
}

/* --- files that nobody should believe --- */

static void a_file_that_is_no_board_is_corrupt_at_every_length(void **state)
{
	struct place *place = *state;
	struct board *board = make(place, 2), *got = NULL;
	struct herald_error err;
	board_free(board);
	int fd = open(place->path, O_RDWR);
	struct stat status;
	assert_int_equal(fstat(fd, &status), 0);
	for (off_t size = status.st_size - 1; size >= 0; size -= size > 600 ? 37 : 1) {
		assert_int_equal(ftruncate(fd, size), 0);
		assert_int_equal(board_open(place->path, &got, &err), HERALD_CORRUPT);
		assert_int_equal(board_attach(fd, &got, &err), HERALD_CORRUPT);
	}
	close(fd);
	unlink(place->path);
	assert_int_equal(board_open(place->path, &got, &err), HERALD_NOT_FOUND);
	assert_int_equal(symlink("/dev/zero", place->path), 0);
	assert_int_equal(board_open(place->path, &got, &err), HERALD_IO);
}

static void flipped_bits_in_a_board_never_break_its_reader(void **state)
{
	struct place *place = *state;
	struct board *board = make(place, 2), *got = NULL;
	struct herald_outcome outcome = {.verdict = HERALD_SENT};
	uint64_t seed = UINT64_C(99);
	memset(outcome.reason, 'r', sizeof(outcome.reason)); /* without its end */
	assert_true(board_post(board, ticket_of(1, 1), &identity));
	assert_true(board_swap(board, ticket_of(1, 1), SLOT_QUEUED, SLOT_IN_PLUGIN));
	assert_true(board_finish(board, ticket_of(1, 1), &outcome));
	board_free(board);
	int fd = open(place->path, O_RDWR);
	for (unsigned round = 0; round < 3000; round++) {
		uint8_t byte;
		seed = seed * UINT64_C(6364136223846793005) + 1;
		/* the head's first fields and the used slot, where it matters */
		off_t at = (off_t)(round % 2 ? (seed >> 33) % 64 : 1024 + (seed >> 33) % 512);
		assert_int_equal(pread(fd, &byte, 1, at), 1);
		uint8_t flipped = byte ^ (uint8_t)(1u << (seed >> 20) % 8);
		assert_int_equal(pwrite(fd, &flipped, 1, at), 1);
		if (board_open(place->path, &got, NULL) == HERALD_OK) {
			for (uint32_t i = 0; i < board_slots(got); i++) {
				struct slot_identity who;
				enum slot_state slot;
				uint64_t ticket;
				if (!board_read(got, i, &who, &slot, &ticket, &outcome))
					continue;
				assert_in_range(slot, SLOT_QUEUED, SLOT_REVOKED);
				assert_true(strlen(outcome.reason) < sizeof(outcome.reason));
				assert_true(outcome.verdict <= HERALD_MISCONFIGURED);
			}
			board_free(got);
		}
		assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	}
	close(fd);
}

int main(void)
{
#define WITH_PLACE(test) cmocka_unit_test_setup_teardown(test, place_make, place_drop)
	const struct CMUnitTest tests[] = {
		WITH_PLACE(a_new_board_is_private_empty_and_says_whose_it_is),
		WITH_PLACE(a_slot_walks_its_states_and_is_read_by_the_next_daemon),
		WITH_PLACE(a_stale_ticket_moves_and_frees_nothing),
		WITH_PLACE(a_reused_slot_does_not_show_its_former_outcome),
		WITH_PLACE(taking_back_and_sending_never_both_win),
		WITH_PLACE(the_lock_names_its_holder_and_ends_with_it),
		WITH_PLACE(a_file_that_is_no_board_is_corrupt_at_every_length),
		WITH_PLACE(flipped_bits_in_a_board_never_break_its_reader),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

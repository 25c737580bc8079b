/* The table of tickets and its line, over a real board: spent once, never sent after a take-back, safe
 * handles. */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/clock.h"
#include "host/line.h"
#include "host/private.h"
#include "model/words.h"

enum { SLOTS = 1024 };

/* Both ends in one process: two mappings of one board. */
struct desk {
	char path[64];
	struct board *daemon, *host;
	struct outbox *work;
	struct herald_channel channel;
	struct tickets *tickets;
	struct herald_builder batch;
	struct arena *arena;
	struct frame_reader reader;
	int pipe[2];
	uint64_t serial;
};

static void desk_open(struct desk *desk, enum herald_batch_by by)
{
	const struct board_head head = {.run = 1, .channel = "test"};

	memset(desk, 0, sizeof(*desk));
	snprintf(desk->path, sizeof(desk->path), "/tmp/herald-desk-%d", (int)getpid());
	unlink(desk->path);
	assert_int_equal(board_create(desk->path, &head, SLOTS, &desk->daemon, NULL), HERALD_OK);
	assert_int_equal(board_open(desk->path, &desk->host, NULL), HERALD_OK);
	desk->work = outbox_new(-1);
	desk->channel.bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	desk->tickets = tickets_new(&desk->channel, desk->host, desk->work, desk->channel.bell, by);
	desk->arena = arena_new();
	assert_int_equal(pipe(desk->pipe), 0);
	frame_reader_init(&desk->reader);
	herald_builder_init(&desk->batch, 1024 * 1024);
}

static void desk_close(struct desk *desk)
{
	tickets_free(desk->tickets);
	outbox_free(desk->work);
	board_free(desk->daemon);
	board_free(desk->host);
	close(desk->channel.bell);
	close(desk->pipe[0]);
	close(desk->pipe[1]);
	frame_reader_done(&desk->reader);
	herald_builder_done(&desk->batch);
	arena_free(desk->arena);
	unlink(desk->path);
}

struct letter {
	const char *destination, *text;
	bool is_alone;
	int64_t timeout_ms;
	uint32_t slot;
};

/* Through the wire's own encoder and reader, as it comes in. */
static enum herald_code desk_send(struct desk *desk, struct letter letter, uint64_t *ret_ticket)
{
	const char *text = letter.text ? letter.text : "text";
	struct words words = {
		.subject = "s", .text = text_of(text, strlen(text)), .reply_to = "", .from_name = ""};
	struct wire_send send = {
		.slot = letter.slot,
		.notification = 5000,
		.n = 1,
		.attempt = 1,
		.priority = 2,
		.timeout_ms = letter.timeout_ms ? letter.timeout_ms : 60000,
		.is_alone = letter.is_alone,
		.tenant = "t",
		.category = "c",
		.recipient = "r",
		.name = "",
		.locale = "",
		.correlation_id = "",
		.traceparent = "",
		.address = "a",
		.destination = letter.destination ? letter.destination : "",
		.memory = text_of("", 0),
	};
	const struct slot_identity identity = {.notification = 5000, .run = 1, .n = 1, .attempt = 1};
	uint64_t ticket = ++desk->serial << 16 | letter.slot;
	struct frame frame;
	bool is_broken = false;

	words.html = words.card = words.json = text_of("", 0);
	arena_clear(desk->arena);
	assert_int_equal(words_encode(&words, desk->arena, &send.words, NULL), HERALD_OK);
	assert_true(board_post(desk->daemon, ticket, &identity));
	assert_true(wire_send_write(&desk->batch, ticket, &send));
	assert_int_equal(write(desk->pipe[1], desk->batch.data, desk->batch.size), desk->batch.size);
	herald_builder_clear(&desk->batch);
	assert_int_equal(frame_reader_fill(&desk->reader, desk->pipe[0], NULL), HERALD_OK);
	assert_true(frame_next(&desk->reader, &frame, &is_broken));
	*ret_ticket = ticket;
	return ticket_open(desk->tickets, &frame, 60000, NULL);
}

static const struct herald_outcome delivered = {.struct_size = sizeof(delivered),
						.verdict = HERALD_DELIVERED};

static void a_ticket_is_spent_once_and_its_handle_stays_safe(void **state)
{
	struct desk desk;
	struct ticket *ticket;
	uint64_t number;

	(void)state;
	desk_open(&desk, HERALD_BATCH_ANY);
	assert_int_equal(desk_send(&desk, (struct letter){0}, &number), HERALD_OK);
	assert_int_equal(board_state(desk.daemon, number), SLOT_QUEUED);
	assert_int_equal(line_take(desk.tickets, 1, &ticket), 1);
	assert_int_equal(board_state(desk.daemon, number), SLOT_IN_PLUGIN);
	struct herald_ticket *handle = ticket->job.ticket;
	assert_true(ticket_spend(desk.tickets, ticket, &delivered));
	assert_false(ticket_spend(desk.tickets, ticket, &delivered));
	assert_int_equal(board_state(desk.daemon, number), SLOT_DONE);
	ticket_release(desk.tickets, ticket);
	assert_null(ticket_hold(handle));
	/* Its slot and its memory go to others, many times; the handle means nobody. */
	for (int i = 0; i < 3000; i++) {
		board_free_slot(desk.daemon, number);
		assert_int_equal(desk_send(&desk, (struct letter){0}, &number), HERALD_OK);
		assert_int_equal(line_take(desk.tickets, 1, &ticket), 1);
		assert_null(ticket_hold(handle));
		assert_ptr_not_equal(handle, ticket->job.ticket);
		assert_true(ticket_spend(desk.tickets, ticket, &delivered));
		ticket_release(desk.tickets, ticket);
	}
	assert_true(tickets_are_idle(desk.tickets));
	desk_close(&desk);
}

static void a_late_plugin_reads_a_message_that_is_still_there(void **state)
{
	struct desk desk;
	struct ticket *ticket;
	uint64_t number;

	(void)state;
	desk_open(&desk, HERALD_BATCH_ANY);
	assert_int_equal(desk_send(&desk, (struct letter){.text = "long ago", .timeout_ms = 1}, &number),
			 HERALD_OK);
	assert_int_equal(line_take(desk.tickets, 1, &ticket), 1);
	const struct herald_message *message = ticket->job.message;
	struct herald_ticket *handle = ticket->job.ticket;
	ticket_release(desk.tickets, ticket); /* send returned LATER */
	tickets_overdue(desk.tickets, clock_mono_ms() + 1000);
	struct herald_outcome outcome;
	assert_true(board_outcome(desk.daemon, number, &outcome));
	assert_int_equal(outcome.verdict, HERALD_DEFERRED);
	for (uint32_t slot = 1; slot < 200; slot++) {
		struct ticket *other;
		assert_int_equal(desk_send(&desk, (struct letter){.text = "new", .slot = slot}, &number),
				 HERALD_OK);
		assert_int_equal(line_take(desk.tickets, 1, &other), 1);
		assert_true(ticket_spend(desk.tickets, other, &delivered));
		ticket_release(desk.tickets, other);
	}
	assert_string_equal(message->text.data, "long ago");
	assert_null(ticket_hold(handle));
	assert_true(ticket_answered(handle)); /* now it may end */
	assert_false(ticket_answered(handle));
	desk_close(&desk);
}

static void a_plugin_that_answers_nothing_is_not_given_more_for_ever(void **state)
{
	struct desk desk;
	enum herald_code code = HERALD_OK;
	unsigned sent = 0;

	(void)state;
	desk_open(&desk, HERALD_BATCH_ANY);
	for (; code == HERALD_OK && sent < 3000; sent++) {
		struct ticket *ticket;
		uint64_t number;

		code = desk_send(&desk, (struct letter){.timeout_ms = 1}, &number);
		if (code != HERALD_OK)
			break;
		assert_int_equal(line_take(desk.tickets, 1, &ticket), 1);
		ticket_release(desk.tickets, ticket);
		tickets_overdue(desk.tickets, clock_mono_ms() + 1000);
		board_free_slot(desk.daemon, number);
	}
	assert_int_equal(code, HERALD_LIMIT);
	assert_in_range(sent, 1000, 1100);
	desk_close(&desk);
}

static void what_waits_is_overdue_as_what_was_never_sent(void **state)
{
	struct desk desk;
	struct ticket *ticket;
	struct herald_outcome outcome;
	uint64_t number;

	(void)state;
	desk_open(&desk, HERALD_BATCH_ANY);
	assert_int_equal(desk_send(&desk, (struct letter){.timeout_ms = 1}, &number), HERALD_OK);
	tickets_overdue(desk.tickets, clock_mono_ms() + 1000);
	assert_true(board_outcome(desk.daemon, number, &outcome));
	assert_int_equal(outcome.verdict, HERALD_DEFERRED);
	assert_int_equal(line_take(desk.tickets, 1, &ticket), 0);
	desk_close(&desk);
}

static void companions_share_a_call_by_their_very_bytes(void **state)
{
	struct desk desk;
	struct ticket *taken[10];
	uint64_t number;

	(void)state;
	desk_open(&desk, HERALD_BATCH_CONTENT);
	for (uint32_t slot = 0; slot < 8; slot++)
		assert_int_equal(desk_send(&desk,
					   (struct letter){.text = slot % 2 ? "one" : "two", .slot = slot},
					   &number),
				 HERALD_OK);
	assert_int_equal(line_take(desk.tickets, 3, taken), 3);
	for (size_t i = 0; i < 3; i++)
		assert_string_equal(taken[i]->message.text.data, "two");
	assert_int_equal(line_take(desk.tickets, 10, taken), 4);
	for (size_t i = 0; i < 4; i++)
		assert_string_equal(taken[i]->message.text.data, "one");
	assert_int_equal(line_take(desk.tickets, 10, taken), 1);
	desk_close(&desk);

	desk_open(&desk, HERALD_BATCH_DESTINATION);
	for (uint32_t slot = 0; slot < 6; slot++)
		assert_int_equal(
			desk_send(&desk,
				  (struct letter){.destination = slot % 3 ? "a.example" : "b.example",
						  .slot = slot},
				  &number),
			HERALD_OK);
	assert_int_equal(line_take(desk.tickets, 10, taken), 2);
	assert_int_equal(line_take(desk.tickets, 10, taken), 4);
	desk_close(&desk);
}

static void one_with_a_crash_mark_shares_nothing(void **state)
{
	struct desk desk;
	struct ticket *first, *taken[10];
	uint64_t number;

	(void)state;
	desk_open(&desk, HERALD_BATCH_CONTENT);
	assert_int_equal(desk_send(&desk, (struct letter){0}, &number), HERALD_OK);
	assert_int_equal(line_take(desk.tickets, 10, &first), 1);
	assert_int_equal(desk_send(&desk, (struct letter){.is_alone = true, .slot = 1}, &number), HERALD_OK);
	assert_int_equal(desk_send(&desk, (struct letter){.slot = 2}, &number), HERALD_OK);
	assert_int_equal(line_take(desk.tickets, 10, taken), 0);
	assert_false(line_is_ready(desk.tickets));
	ticket_spend(desk.tickets, first, &delivered);
	ticket_release(desk.tickets, first);
	assert_true(line_is_ready(desk.tickets));
	assert_int_equal(line_take(desk.tickets, 10, taken), 1);
	assert_true(taken[0]->is_alone);
	assert_int_equal(line_take(desk.tickets, 10, &first), 0);
	/* Given back, it goes again before anything else, and still alone. */
	line_return(desk.tickets, taken[0]);
	ticket_release(desk.tickets, taken[0]);
	assert_int_equal(line_take(desk.tickets, 10, taken), 1);
	assert_true(taken[0]->is_alone);
	ticket_spend(desk.tickets, taken[0], &delivered);
	ticket_release(desk.tickets, taken[0]);
	assert_int_equal(line_take(desk.tickets, 10, taken), 1);
	desk_close(&desk);
}

static void an_orphan_starts_nothing(void **state)
{
	struct desk desk;
	struct ticket *ticket, *other;
	uint64_t number;

	(void)state;
	desk_open(&desk, HERALD_BATCH_ANY);
	assert_int_equal(desk_send(&desk, (struct letter){0}, &number), HERALD_OK);
	assert_int_equal(line_take(desk.tickets, 1, &ticket), 1);
	assert_int_equal(desk_send(&desk, (struct letter){.slot = 1}, &number), HERALD_OK);
	tickets_orphan(desk.tickets);
	assert_int_equal(ticket_to_wire(desk.tickets, ticket, NULL), HERALD_CONFLICT);
	assert_int_equal(line_take(desk.tickets, 1, &other), 0);
	assert_int_equal(ticket_remember(desk.tickets, ticket, text_of("x", 1)), HERALD_CONFLICT);
	assert_true(ticket_spend(desk.tickets, ticket, &delivered)); /* an answer may still be noted */
	ticket_release(desk.tickets, ticket);
	desk_close(&desk);
}

/* --- the race that the board exists for --- */

enum { ROUNDS = 4000 };

struct race {
	struct desk desk;
	_Atomic uint64_t at_stake; /* the ticket of this round; 0: over */
	_Atomic unsigned revoked;
	_Atomic bool is_over;
};

static void *daemon_run(void *context)
{
	struct race *race = context;
	uint64_t last = 0;

	while (!atomic_load(&race->is_over)) {
		uint64_t ticket = atomic_load(&race->at_stake);
		if (ticket == last || ticket == 0) {
			sched_yield();
			continue;
		}
		last = ticket;
		if (board_swap(race->desk.daemon, ticket, SLOT_QUEUED, SLOT_REVOKED) ||
		    board_swap(race->desk.daemon, ticket, SLOT_IN_PLUGIN, SLOT_REVOKED))
			atomic_fetch_add(&race->revoked, 1);
		atomic_store(&race->at_stake, 0);
	}
	return NULL;
}

static void a_ticket_is_taken_back_or_leaves_and_never_both(void **state)
{
	struct race race = {0};
	unsigned left = 0;
	pthread_t daemon;

	(void)state;
	desk_open(&race.desk, HERALD_BATCH_ANY);
	assert_int_equal(pthread_create(&daemon, NULL, daemon_run, &race), 0);
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct ticket *ticket;
		uint64_t number;

		assert_int_equal(desk_send(&race.desk, (struct letter){0}, &number), HERALD_OK);
		atomic_store(&race.at_stake, number);
		for (unsigned wait = 0; wait < round % 64; wait++)
			atomic_signal_fence(memory_order_seq_cst);
		if (line_take(race.desk.tickets, 1, &ticket) == 1) {
			struct herald_ticket *handle = ticket->job.ticket;
			if (ticket_to_wire(race.desk.tickets, ticket, NULL) == HERALD_OK)
				left++;
			ticket_spend(race.desk.tickets, ticket, &delivered);
			ticket_release(race.desk.tickets, ticket);
			ticket_answered(handle);
		}
		while (atomic_load(&race.at_stake) != 0)
			sched_yield();
		enum slot_state end = board_state(race.desk.daemon, number);
		assert_true(end == SLOT_DONE || end == SLOT_REVOKED);
		board_free_slot(race.desk.daemon, number);
	}
	atomic_store(&race.is_over, true);
	pthread_join(daemon, NULL);
	assert_int_equal(left + atomic_load(&race.revoked), ROUNDS);
	assert_true(left > 0);
	assert_true(tickets_are_idle(race.desk.tickets));
	desk_close(&race.desk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_ticket_is_spent_once_and_its_handle_stays_safe),
		cmocka_unit_test(a_late_plugin_reads_a_message_that_is_still_there),
		cmocka_unit_test(a_plugin_that_answers_nothing_is_not_given_more_for_ever),
		cmocka_unit_test(what_waits_is_overdue_as_what_was_never_sent),
		cmocka_unit_test(companions_share_a_call_by_their_very_bytes),
		cmocka_unit_test(one_with_a_crash_mark_shares_nothing),
		cmocka_unit_test(an_orphan_starts_nothing),
		cmocka_unit_test(a_ticket_is_taken_back_or_leaves_and_never_both),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

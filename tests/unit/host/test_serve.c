/* What a channel process promises its daemon, asked of the real program over real sockets and a real board.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/clock.h"
#include "daemon.h"

static void start(struct daemon *daemon, const char *delay)
{
	const struct daemon_option options[] = {{"record", "@record"}, {"delay", delay}, {NULL, NULL}};

	daemon_start(daemon, "loopback", options);
}

static void a_send_is_settled_with_what_the_plugin_said(void **state)
{
	static const struct {
		const char *address;
		enum herald_verdict verdict;
	} table[] = {
		{"ok/1", HERALD_DELIVERED},          {"sent", HERALD_SENT},
		{"defer:3", HERALD_DEFERRED},        {"reject", HERALD_REJECTED},
		{"unreachable", HERALD_UNREACHABLE}, {"throttle:2s", HERALD_THROTTLED},
		{"uncertain", HERALD_UNCERTAIN},     {"misconfigured", HERALD_MISCONFIGURED},
		{"slow:50ms", HERALD_DELIVERED},
	};
	struct daemon daemon = {0};

	(void)state;
	start(&daemon, "0s");
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct herald_outcome outcome =
			daemon_settled(&daemon, daemon_send(&daemon, table[i].address));
		if (outcome.verdict != table[i].verdict)
			fail_msg("%s answered %u: %s", table[i].address, outcome.verdict, outcome.reason);
		assert_true(outcome.reason[0] != '\0' && outcome.status[0] != '\0');
	}
	assert_int_equal(daemon_settled(&daemon, daemon_send(&daemon, "throttle:2s")).retry_after_ms, 2000);
	daemon_end(&daemon);
}

/* Frees the slot as the daemon does after the settle's commit: the next message takes it again. */
static void a_message_is_recorded_before_it_is_answered_for(void **state)
{
	struct daemon daemon = {0};

	(void)state;
	start(&daemon, "0s");
	for (int i = 0; i < 500; i++) {
		uint64_t ticket = daemon_send(&daemon, "ok");
		assert_int_equal(daemon_settled(&daemon, ticket).verdict, HERALD_DELIVERED);
		if (i % 50 == 0)
			assert_int_equal(daemon_recorded(&daemon), i + 1);
		board_free_slot(daemon.board, ticket);
	}
	assert_int_equal(daemon_recorded(&daemon), 500);
	daemon_end(&daemon);
}

static void what_was_taken_back_in_the_queue_never_leaves(void **state)
{
	struct daemon daemon = {0};

	(void)state;
	start(&daemon, "0s");
	kill(daemon.pid, SIGSTOP); /* so that the frame waits while the slot moves */
	uint64_t taken_back = daemon_send(&daemon, "ok/taken-back");
	assert_true(board_swap(daemon.board, taken_back, SLOT_QUEUED, SLOT_REVOKED));
	daemon_say(&daemon, FRAME_REVOKE, taken_back);
	uint64_t other = daemon_send(&daemon, "ok/other");
	kill(daemon.pid, SIGCONT);
	assert_int_equal(daemon_settled(&daemon, other).verdict, HERALD_DELIVERED);
	assert_int_equal(board_state(daemon.board, taken_back), SLOT_REVOKED);
	assert_int_equal(daemon_recorded(&daemon), 1);
	daemon_end(&daemon);
}

static void what_hangs_is_deferred_and_on_the_wire_uncertain(void **state)
{
	struct daemon daemon = {0};
	struct wire_send send = {.notification = 9,
				 .n = 1,
				 .attempt = 1,
				 .priority = 2,
				 .timeout_ms = 200,
				 .tenant = "t",
				 .category = "c",
				 .recipient = "r",
				 .name = "",
				 .locale = "",
				 .correlation_id = "",
				 .traceparent = "",
				 .destination = ""};

	(void)state;
	start(&daemon, "0s");
	send.address = "hang";
	uint64_t in_plugin = daemon_send_message(&daemon, send);
	send.address = "hang:wire";
	uint64_t on_wire = daemon_send_message(&daemon, send);
	assert_true(daemon_sees(&daemon, in_plugin, SLOT_DONE));
	assert_true(daemon_sees(&daemon, on_wire, SLOT_DONE));
	struct herald_outcome outcome;
	assert_true(board_outcome(daemon.board, in_plugin, &outcome));
	assert_int_equal(outcome.verdict, HERALD_DEFERRED);
	assert_true(board_outcome(daemon.board, on_wire, &outcome));
	assert_int_equal(outcome.verdict, HERALD_UNCERTAIN);
	daemon_end(&daemon);
}

/* The watch's own thread spends and tells, although the loop never comes back from the plugin. */
static void a_plugin_that_spins_can_not_keep_a_ticket(void **state)
{
	struct daemon daemon = {0};
	struct wire_send send = {.notification = 9,
				 .n = 1,
				 .attempt = 1,
				 .priority = 2,
				 .timeout_ms = 200,
				 .tenant = "t",
				 .category = "c",
				 .recipient = "r",
				 .name = "",
				 .locale = "",
				 .correlation_id = "",
				 .traceparent = "",
				 .destination = "",
				 .address = "spin"};

	(void)state;
	start(&daemon, "0s");
	assert_int_equal(daemon_settled(&daemon, daemon_send_message(&daemon, send)).verdict,
			 HERALD_DEFERRED);
	daemon_say(&daemon, FRAME_PING, 1);
	assert_true(daemon_hears_nothing(&daemon, FRAME_PONG, 100));
	daemon_end(&daemon);
}

static void a_ping_is_answered_from_the_loop(void **state)
{
	struct daemon daemon = {0};
	struct frame frame;

	(void)state;
	start(&daemon, "0s");
	daemon_say(&daemon, FRAME_PING, 42);
	assert_true(daemon_hear(&daemon, FRAME_PONG, &frame));
	assert_int_equal(frame.sequence, 42);
	daemon_end(&daemon);
}

static void a_drain_finishes_what_is_in_hand_and_takes_nothing_new(void **state)
{
	struct daemon daemon = {0};
	struct frame frame;

	(void)state;
	start(&daemon, "200ms");
	uint64_t in_hand = daemon_send(&daemon, "ok/in-hand");
	assert_true(daemon_sees(&daemon, in_hand, SLOT_ON_WIRE));
	daemon_say(&daemon, FRAME_DRAIN, 0);
	uint64_t late = daemon_send(&daemon, "ok/late");
	assert_int_equal(daemon_settled(&daemon, in_hand).verdict, HERALD_DELIVERED);
	assert_true(daemon_hear(&daemon, FRAME_BYE, &frame));
	assert_int_equal(daemon_waits(&daemon), 0);
	assert_int_equal(board_state(daemon.board, late), SLOT_QUEUED);
	assert_int_equal(daemon_recorded(&daemon), 1);
	daemon_end(&daemon);
}

/* The frame is there, the daemon is not: what is on the wire is finished, what is not is not begun. */
static void an_orphan_finishes_what_is_on_the_wire_and_says_left(void **state)
{
	struct daemon daemon = {0};

	(void)state;
	start(&daemon, "300ms");
	uint64_t on_wire = daemon_send(&daemon, "ok/on-wire");
	uint64_t hangs = daemon_send(&daemon, "hang");
	assert_true(daemon_sees(&daemon, on_wire, SLOT_ON_WIRE));
	assert_true(daemon_sees(&daemon, hangs, SLOT_IN_PLUGIN));
	daemon_dies(&daemon);
	assert_int_equal(daemon_waits(&daemon), 0);
	assert_int_equal(board_state(daemon.board, on_wire), SLOT_DONE);
	assert_int_equal(board_state(daemon.board, hangs), SLOT_IN_PLUGIN);
	assert_true(board_head(daemon.board).has_left);
	daemon_end(&daemon);
}

static void an_orphan_waits_no_longer_than_its_time_also_when_the_plugin_spins(void **state)
{
	struct daemon daemon = {0};

	(void)state;
	start(&daemon, "0s");
	uint64_t on_wire = daemon_send(&daemon, "hang:wire");
	uint64_t spins = daemon_send(&daemon, "spin");
	assert_true(daemon_sees(&daemon, on_wire, SLOT_ON_WIRE));
	assert_true(daemon_sees(&daemon, spins, SLOT_IN_PLUGIN));
	int64_t since_ms = clock_mono_ms();
	daemon_dies(&daemon);
	assert_int_equal(daemon_waits(&daemon), 0);
	assert_in_range(clock_mono_ms() - since_ms, 1900, 10000);
	assert_int_equal(board_state(daemon.board, on_wire), SLOT_ON_WIRE);
	assert_true(board_head(daemon.board).has_left);
	daemon_end(&daemon);
}

static void a_crash_leaves_the_board_to_say_how_far_it_came(void **state)
{
	struct daemon daemon = {0};

	(void)state;
	start(&daemon, "10s");
	uint64_t on_wire = daemon_send(&daemon, "ok");
	assert_true(daemon_sees(&daemon, on_wire, SLOT_ON_WIRE));
	uint64_t crashes = daemon_send(&daemon, "crash");
	assert_int_equal(daemon_waits(&daemon), 128 + SIGABRT);
	assert_int_equal(board_state(daemon.board, on_wire), SLOT_ON_WIRE);
	assert_int_equal(board_state(daemon.board, crashes), SLOT_IN_PLUGIN);
	assert_false(board_head(daemon.board).has_left);
	daemon_end(&daemon);
}

static void a_ticket_with_a_crash_mark_goes_alone(void **state)
{
	struct daemon daemon = {0};
	struct wire_send send = {.notification = 9,
				 .n = 1,
				 .attempt = 2,
				 .priority = 2,
				 .is_alone = true,
				 .tenant = "t",
				 .category = "c",
				 .recipient = "r",
				 .name = "",
				 .locale = "",
				 .correlation_id = "",
				 .traceparent = "",
				 .destination = "",
				 .address = "ok/alone"};

	(void)state;
	start(&daemon, "300ms");
	uint64_t before = daemon_send(&daemon, "ok/before");
	assert_true(daemon_sees(&daemon, before, SLOT_ON_WIRE));
	uint64_t alone = daemon_send_message(&daemon, send);
	uint64_t behind = daemon_send(&daemon, "ok/behind");
	assert_true(daemon_sees(&daemon, alone, SLOT_ON_WIRE));
	assert_int_equal(board_state(daemon.board, before), SLOT_DONE);
	assert_int_equal(board_state(daemon.board, behind), SLOT_QUEUED);
	assert_true(daemon_sees(&daemon, behind, SLOT_ON_WIRE));
	assert_int_equal(board_state(daemon.board, alone), SLOT_DONE);
	daemon_end(&daemon);
}

static void nothing_leaves_before_a_memory_is_kept(void **state)
{
	struct daemon daemon = {0};
	struct frame frame;
	struct herald_text memory;
	uint64_t number;

	(void)state;
	start(&daemon, "0s");
	uint64_t ticket = daemon_send(&daemon, "learn/1");
	assert_true(daemon_hear(&daemon, FRAME_MEMORY, &frame));
	assert_int_equal(frame.sequence, ticket);
	assert_int_equal(wire_note_read(&frame, daemon.arena, &number, &memory, NULL), HERALD_OK);
	assert_memory_equal(memory.data, "met in ntf_", 11);
	assert_true(daemon_hears_nothing(&daemon, FRAME_SETTLED, 100));
	assert_int_equal(board_state(daemon.board, ticket), SLOT_IN_PLUGIN);
	assert_int_equal(daemon_recorded(&daemon), 0);
	daemon_say(&daemon, FRAME_KEPT, ticket);
	assert_int_equal(daemon_settled(&daemon, ticket).verdict, HERALD_DELIVERED);
	assert_int_equal(daemon_recorded(&daemon), 1);
	daemon_end(&daemon);
}

static void a_lie_changes_nothing_but_its_own_ticket(void **state)
{
	struct daemon daemon = {0};
	struct frame frame;

	(void)state;
	start(&daemon, "0s");
	for (int i = 0; i < 20; i++) {
		struct herald_outcome outcome = daemon_settled(&daemon, daemon_send(&daemon, "lie"));
		assert_int_equal(outcome.verdict, HERALD_DELIVERED);
		assert_string_equal(outcome.reason, "true the first time");
		assert_int_equal(daemon_settled(&daemon, daemon_send(&daemon, "ok")).verdict,
				 HERALD_DELIVERED);
	}
	assert_true(daemon_hear_talk(&daemon, FRAME_LOG, &frame));
	daemon_say(&daemon, FRAME_DRAIN, 0);
	assert_true(daemon_hear(&daemon, FRAME_BYE, &frame));
	assert_int_equal(daemon_waits(&daemon), 0);
	daemon_end(&daemon);
}

static void an_address_is_checked_beside_the_sends(void **state)
{
	struct daemon daemon = {0};
	struct frame frame;
	struct wire_checked checked;
	char endless[600];

	(void)state;
	start(&daemon, "0s");
	daemon_ask(&daemon, "ok@north/17", 5);
	assert_true(daemon_hear_talk(&daemon, FRAME_CHECKED, &frame));
	assert_int_equal(frame.sequence, 5);
	assert_int_equal(wire_checked_read(&frame, daemon.arena, &checked, NULL), HERALD_OK);
	assert_int_equal(checked.code, HERALD_OK);
	assert_string_equal(checked.canonical, "ok@north/17");
	assert_string_equal(checked.destination, "north");

	daemon_ask(&daemon, "perhaps", 6);
	assert_true(daemon_hear_talk(&daemon, FRAME_CHECKED, &frame));
	assert_int_equal(wire_checked_read(&frame, daemon.arena, &checked, NULL), HERALD_OK);
	assert_int_equal(checked.code, HERALD_INVALID);
	assert_true(checked.text[0] != '\0');

	memset(endless, 'o', sizeof(endless) - 1);
	endless[sizeof(endless) - 1] = '\0';
	daemon_ask(&daemon, endless, 7);
	assert_true(daemon_hear_talk(&daemon, FRAME_CHECKED, &frame));
	assert_int_equal(wire_checked_read(&frame, daemon.arena, &checked, NULL), HERALD_OK);
	assert_int_equal(checked.code, HERALD_INVALID);
	daemon_end(&daemon);
}

static void a_broken_frame_ends_the_process_and_the_board_stays(void **state)
{
	static const unsigned char garbage[64] = {0xFF, 0xFF, 0xFF, 0xFF, 1, 2, 3};
	struct daemon daemon = {0};

	(void)state;
	start(&daemon, "10s");
	uint64_t on_wire = daemon_send(&daemon, "ok");
	assert_true(daemon_sees(&daemon, on_wire, SLOT_ON_WIRE));
	assert_int_equal(write(daemon.work, garbage, sizeof(garbage)), sizeof(garbage));
	assert_int_equal(daemon_waits(&daemon), 70);
	assert_int_equal(board_state(daemon.board, on_wire), SLOT_ON_WIRE);
	daemon_end(&daemon);
}

static void a_channel_that_can_not_open_is_refused_with_the_reason(void **state)
{
	const struct daemon_option options[] = {{"record", "/nowhere/at/all"}, {NULL, NULL}};
	const struct wire_config settings = {
		.channel = "test",
		.plugin_path = HERALD_BINARY_DIR "/plugins/loopback.so",
		.run = 77,
		.workers = 1,
		.attempt_timeout_ms = 1000,
		.orphan_timeout_ms = 1000,
		.slots = 64,
	};
	struct daemon daemon = {0};
	struct frame frame;
	struct herald_text text;
	uint64_t code;

	(void)state;
	daemon_start_with(&daemon, &settings, options);
	assert_true(daemon_hear(&daemon, FRAME_REFUSED, &frame));
	assert_int_equal(wire_note_read(&frame, daemon.arena, &code, &text, NULL), HERALD_OK);
	assert_int_equal(code, HERALD_INVALID);
	assert_non_null(strstr(text.data, "/nowhere/at/all"));
	assert_int_equal(daemon_waits(&daemon), 78);
	daemon_end(&daemon);
}

static void a_plugin_of_1_0_still_sends(void **state)
{
	const struct daemon_option options[] = {{NULL, NULL}};
	struct daemon daemon = {0};

	(void)state;
	daemon_start(&daemon, "frozen_1_0", options);
	struct herald_outcome outcome = daemon_settled(&daemon, daemon_send(&daemon, "now"));
	assert_int_equal(outcome.verdict, HERALD_DELIVERED);
	assert_memory_equal(outcome.reason, "now: hello, 6 bytes", 19);
	assert_int_equal(daemon_settled(&daemon, daemon_send(&daemon, "later")).verdict, HERALD_DELIVERED);
	daemon_end(&daemon);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_send_is_settled_with_what_the_plugin_said),
		cmocka_unit_test(a_message_is_recorded_before_it_is_answered_for),
		cmocka_unit_test(what_was_taken_back_in_the_queue_never_leaves),
		cmocka_unit_test(what_hangs_is_deferred_and_on_the_wire_uncertain),
		cmocka_unit_test(a_plugin_that_spins_can_not_keep_a_ticket),
		cmocka_unit_test(a_ping_is_answered_from_the_loop),
		cmocka_unit_test(a_drain_finishes_what_is_in_hand_and_takes_nothing_new),
		cmocka_unit_test(an_orphan_finishes_what_is_on_the_wire_and_says_left),
		cmocka_unit_test(an_orphan_waits_no_longer_than_its_time_also_when_the_plugin_spins),
		cmocka_unit_test(a_crash_leaves_the_board_to_say_how_far_it_came),
		cmocka_unit_test(a_ticket_with_a_crash_mark_goes_alone),
		cmocka_unit_test(nothing_leaves_before_a_memory_is_kept),
		cmocka_unit_test(a_lie_changes_nothing_but_its_own_ticket),
		cmocka_unit_test(an_address_is_checked_beside_the_sends),
		cmocka_unit_test(a_broken_frame_ends_the_process_and_the_board_stays),
		cmocka_unit_test(a_channel_that_can_not_open_is_refused_with_the_reason),
		cmocka_unit_test(a_plugin_of_1_0_still_sends),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Frames leave in order, whole, and never wait for the daemon; words are dropped before memory is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "herald/channel.h"
#include "host/chatter.h"
#include "host/outbox.h"

struct line {
	int ours, theirs;
	struct outbox *outbox;
	struct frame_reader reader;
};

static void line_open(struct line *line)
{
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
	*line = (struct line){.ours = ends[0], .theirs = ends[1], .outbox = outbox_new(ends[0])};
	frame_reader_init(&line->reader);
}

static void line_close(struct line *line)
{
	outbox_free(line->outbox);
	frame_reader_done(&line->reader);
	close(line->ours);
	close(line->theirs);
}

/* All whole frames that are there. */
static size_t line_read(struct line *line, struct frame *ret_last)
{
	size_t count = 0;
	bool is_broken = false;

	while (frame_reader_fill(&line->reader, line->theirs, NULL) == HERALD_OK)
		while (frame_next(&line->reader, ret_last, &is_broken))
			count++;
	assert_false(is_broken);
	return count;
}

static void many_frames_leave_in_order_and_in_one_flush(void **state)
{
	struct line line;
	struct frame frame;
	bool is_broken = false;

	(void)state;
	line_open(&line);
	for (uint64_t i = 0; i < 100; i++)
		outbox_add(line.outbox, FRAME_SETTLED, i);
	assert_true(outbox_is_waiting(line.outbox));
	assert_true(outbox_flush(line.outbox));
	assert_false(outbox_is_waiting(line.outbox));
	assert_int_equal(frame_reader_fill(&line.reader, line.theirs, NULL), HERALD_OK);
	for (uint64_t i = 0; i < 100; i++) {
		assert_true(frame_next(&line.reader, &frame, &is_broken));
		assert_int_equal(frame.sequence, i);
	}
	line_close(&line);
}

static void a_daemon_that_does_not_read_costs_words_and_no_settle(void **state)
{
	const struct herald_field field = {
		"text", "a line of a hundred bytes or so, as plugins say it when they are asked"};
	const struct wire_log log = {
		.level = HERALD_INFO, .event = "said", .fields = &field, .field_count = 1};
	struct line line;
	struct frame last = {0};
	size_t said = 0;

	(void)state;
	line_open(&line);
	for (int i = 0; i < 20000; i++) {
		said += outbox_log(line.outbox, &log);
		assert_true(outbox_flush(line.outbox));
	}
	assert_in_range(said, 100, 19000); /* some, and not all */
	for (uint64_t i = 0; i < 1000; i++)
		outbox_add(line.outbox, FRAME_SETTLED, i);
	assert_true(outbox_is_waiting(line.outbox));
	size_t heard = 0;
	while (outbox_is_waiting(line.outbox)) {
		heard += line_read(&line, &last);
		assert_true(outbox_flush(line.outbox));
	}
	heard += line_read(&line, &last);
	assert_int_equal(heard, said + 1000);
	assert_int_equal(last.type, FRAME_SETTLED);
	assert_int_equal(last.sequence, 999);
	line_close(&line);
}

static void a_daemon_that_is_gone_is_noticed_and_nothing_is_kept_for_it(void **state)
{
	struct line line;

	(void)state;
	line_open(&line);
	close(line.theirs);
	outbox_add(line.outbox, FRAME_SETTLED, 1);
	assert_false(outbox_flush(line.outbox));
	outbox_add(line.outbox, FRAME_SETTLED, 2);
	assert_false(outbox_is_waiting(line.outbox));
	line_close(&line);
}

static void a_plugin_that_talks_too_much_is_cut_and_the_rest_is_counted(void **state)
{
	struct line line;
	struct frame frame = {0};
	struct arena *arena = arena_new();
	struct wire_log log;
	char endless[5000];

	(void)state;
	line_open(&line);
	struct chatter *chatter = chatter_new(line.outbox);
	memset(endless, 'x', sizeof(endless) - 1);
	endless[sizeof(endless) - 1] = '\0';
	const struct herald_field field = {endless, endless};
	for (int i = 0; i < 5000; i++)
		chatter_say(chatter, HERALD_INFO, "said", &field, 1);
	outbox_flush(line.outbox);
	size_t heard = line_read(&line, &frame);
	assert_in_range(heard, 50, 60); /* a burst of 50, and what a slow machine adds at 10 a second */
	assert_int_equal(wire_log_read(&frame, arena, &log, NULL), HERALD_OK);
	assert_int_equal(strlen(log.fields[0].name), 64);
	assert_int_equal(strlen(log.fields[0].value), 1000);
	/* The next one that gets through says how many did not. */
	for (int tries = 0; heard > 0 && tries < 1000; tries++) {
		poll(NULL, 0, 2);
		chatter_say(chatter, HERALD_INFO, "again", NULL, 0);
		outbox_flush(line.outbox);
		if (line_read(&line, &frame) > 0)
			break;
	}
	assert_int_equal(wire_log_read(&frame, arena, &log, NULL), HERALD_OK);
	assert_string_equal(log.fields[log.field_count - 1].name, "dropped_before");
	chatter_free(chatter);
	arena_free(arena);
	line_close(&line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_frames_leave_in_order_and_in_one_flush),
		cmocka_unit_test(a_daemon_that_does_not_read_costs_words_and_no_settle),
		cmocka_unit_test(a_daemon_that_is_gone_is_noticed_and_nothing_is_kept_for_it),
		cmocka_unit_test(a_plugin_that_talks_too_much_is_cut_and_the_rest_is_counted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

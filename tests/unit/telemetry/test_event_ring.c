/* Whoever watches live sees each written line once, in order, and can tell when it missed some. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "telemetry/event.h"

static void say(int number)
{
	event(EVENT_daemon_started, EVENT_INT("number", number));
}

static void lines_come_once_and_in_order(void **state)
{
	char line[EVENT_LINE_BYTES_MAX + 1], expected[32];
	uint64_t at = event_last();

	(void)state;
	assert_int_equal(event_next_after(at, line, sizeof(line)), 0);
	for (int i = 0; i < 5; i++)
		say(i);
	for (int i = 0; i < 5; i++) {
		uint64_t next = event_next_after(at, line, sizeof(line));

		assert_int_equal(next, at + 1);
		snprintf(expected, sizeof(expected), "\"number\":%d", i);
		assert_non_null(strstr(line, expected));
		assert_null(strchr(line, '\n'));
		at = next;
	}
	assert_int_equal(event_next_after(at, line, sizeof(line)), 0);
}

static void who_falls_behind_sees_a_gap_and_goes_on(void **state)
{
	char line[EVENT_LINE_BYTES_MAX + 1];
	uint64_t began = event_last(), next;

	(void)state;
	/* Kinds take turns, so that no kind meets its rate cap. */
	for (int i = 0; i < 400; i++)
		event_emit_at((enum event_kind)(i % EVENT_KIND_COUNT), EVENT_FAULT, NULL, 0);
	next = event_next_after(began, line, sizeof(line));
	assert_true(next > began + 1);
	assert_true(next <= event_last());
	assert_int_equal(event_next_after(next, line, sizeof(line)), next + 1);
}

static void a_small_buffer_gets_a_text_that_ends(void **state)
{
	char line[16];
	uint64_t at = event_last();

	(void)state;
	say(1);
	memset(line, 'x', sizeof(line));
	assert_int_equal(event_next_after(at, line, sizeof(line)), at + 1);
	assert_int_equal(strlen(line), sizeof(line) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_come_once_and_in_order),
		cmocka_unit_test(who_falls_behind_sees_a_gap_and_goes_on),
		cmocka_unit_test(a_small_buffer_gets_a_text_that_ends),
	};
	const struct event_settings settings = {.fd = open("/dev/null", O_WRONLY | O_CLOEXEC)};

	event_open(&settings);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_clock.c - instants and durations, there and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/check.h"

static void the_clocks_run_forward_and_agree_on_the_unit(void **state)
{
	(void)state;
	int64_t before = clock_mono_us();
	int64_t ms = clock_mono_ms();
	int64_t after = clock_mono_us();
	assert_true(before / 1000 <= ms && ms <= after / 1000);
	int64_t wall = clock_wall_ms();
	assert_true(clock_wall_us() / 1000 - wall < 60000);
	assert_true(wall > INT64_C(1700000000000));
}

static void instants_are_written_as_the_calendar_of_the_c_library_says(void **state)
{
	(void)state;
	/* Every 37 days and a bit over all years that may be written. */
	for (int64_t at_ms = 0; at_ms <= INT64_C(253402300799999); at_ms += INT64_C(3196800123)) {
		time_t seconds = (time_t)(at_ms / 1000);
		struct tm parts;
		char wanted[64], text[CLOCK_TEXT_SIZE];
		assert_non_null(gmtime_r(&seconds, &parts));
		size_t used = strftime(wanted, sizeof(wanted), "%Y-%m-%dT%H:%M:%S", &parts);
		snprintf(wanted + used, sizeof(wanted) - used, ".%03dZ", (int)(at_ms % 1000));
		clock_text(at_ms, text);
		assert_string_equal(text, wanted);
		int64_t back = -1;
		assert_int_equal(clock_parse(text, &back, NULL), HERALD_OK);
		assert_true(back == at_ms);
	}
}

struct instant_row {
	const char *text;
	int64_t at_ms; /* -1: refused */
};

static const struct instant_row instants[] = {
	{"1970-01-01T00:00:00Z", 0},
	{"1970-01-01T00:00:00.5Z", 500},
	{"1970-01-01T00:00:00.123456789Z", 123},
	{"2026-11-24T09:30:00Z", INT64_C(1795512600000)},
	{"2026-11-24t09:30:00z", INT64_C(1795512600000)},
	{"2026-11-24T10:30:00+01:00", INT64_C(1795512600000)},
	{"2026-11-24T00:00:00-09:30", INT64_C(1795512600000)},
	{"2000-02-29T00:00:00Z", INT64_C(951782400000)},
	{"1969-12-31T23:00:00-01:00", 0},
	{"9999-12-31T23:59:59.999Z", INT64_C(253402300799999)},
	{"2016-12-31T23:59:60Z", INT64_C(1483228800000)},
	{"2016-12-31T15:59:60-08:00", INT64_C(1483228800000)},
	{"2016-12-31T23:58:60Z", -1},
	{"2026-12-31T12:00:60Z", -1},
	{"2026-02-29T00:00:00Z", -1},
	{"1900-02-29T00:00:00Z", -1},
	{"2026-13-01T00:00:00Z", -1},
	{"2026-00-01T00:00:00Z", -1},
	{"2026-04-31T00:00:00Z", -1},
	{"2026-01-01T24:00:00Z", -1},
	{"2026-01-01T00:60:00Z", -1},
	{"2026-01-01T00:00:61Z", -1},
	{"2026-01-01T00:00:00", -1},
	{"2026-01-01T00:00:00.Z", -1},
	{"2026-01-01 00:00:00Z", -1},
	{"2026-01-01T00:00:00+0100", -1},
	{"2026-01-01T00:00:00+24:00", -1},
	{"2026-01-01T00:00:00Zx", -1},
	{"1969-12-31T23:59:59Z", -1},
	{"9999-12-31T23:59:59-00:01", -1},
	{"10000-01-01T00:00:00Z", -1},
	{"2026-1-1T00:00:00Z", -1},
	{"+026-01-01T00:00:00Z", -1},
	{"", -1},
};

static void an_instant_reads_exactly_or_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(instants); i++) {
		int64_t at_ms = -1;
		struct herald_error err = {0};
		enum herald_code code = clock_parse(instants[i].text, &at_ms, &err);
		if (at_ms != instants[i].at_ms)
			fail_msg("%s: %lld, %s", instants[i].text, (long long)at_ms, err.text);
		assert_int_equal(code, instants[i].at_ms < 0 ? HERALD_INVALID : HERALD_OK);
		assert_int_equal(err.code, code);
	}
}

static void instants_out_of_the_calendar_are_written_as_its_ends(void **state)
{
	(void)state;
	char text[CLOCK_TEXT_SIZE];
	clock_text(INT64_MIN, text);
	assert_string_equal(text, "1970-01-01T00:00:00.000Z");
	clock_text(INT64_MAX, text);
	assert_string_equal(text, "9999-12-31T23:59:59.999Z");
}

static void durations_go_there_and_back(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int64_t ms;
		const char *back;
	} rows[] = {
		{"90s", 90000, "90s"},   {"15m", 900000, "15m"},           {"8h", 28800000, "8h"},
		{"2d", 172800000, "2d"}, {"250ms", 250, "250ms"},          {"0s", 0, "0s"},
		{"60s", 60000, "1m"},    {"1500ms", 1500, "1500ms"},       {"24h", 86400000, "1d"},
		{"007s", 7000, "7s"},    {"3650d", 315360000000, "3650d"},
	};
	for (size_t i = 0; i < countof(rows); i++) {
		int64_t ms = -1;
		char back[CLOCK_TEXT_SIZE];
		assert_int_equal(clock_duration_parse(rows[i].text, &ms, NULL), HERALD_OK);
		assert_true(ms == rows[i].ms);
		clock_duration_text(ms, back);
		assert_string_equal(back, rows[i].back);
	}
}

static void what_is_no_duration_is_refused(void **state)
{
	(void)state;
	static const char *const wrong[] = {"",    "s",   "90", "-1s",   "1.5s", " 1s",
					    "1 s", "1s ", "1w", "1m30s", "1S",   "0x1s"};
	for (size_t i = 0; i < countof(wrong); i++) {
		int64_t ms = 77;
		assert_int_equal(clock_duration_parse(wrong[i], &ms, NULL), HERALD_INVALID);
		assert_true(ms == 77);
	}
}

static void more_than_ten_years_is_past_the_limit(void **state)
{
	(void)state;
	static const char *const long_ones[] = {"3651d", "87601h", "315360000001ms", "99999999999999999999d"};
	for (size_t i = 0; i < countof(long_ones); i++) {
		int64_t ms = 77;
		assert_int_equal(clock_duration_parse(long_ones[i], &ms, NULL), HERALD_LIMIT);
	}
}

static void a_wall_clock_that_jumps_is_believed_after_a_minute(void **state)
{
	(void)state;
	struct clock_watch watch = {0};
	int64_t day_ms = INT64_C(86400) * 1000, jump;

	assert_int_equal(clock_watch_look(&watch, 1000000, 50, &jump), 1000000);
	assert_int_equal(jump, 0);
	/* Ahead: the old time goes on until it is believed. */
	assert_int_equal(clock_watch_look(&watch, 1000100 + day_ms, 150, &jump), 1000100);
	assert_int_equal(jump, day_ms);
	assert_int_equal(clock_watch_look(&watch, 1059100 + day_ms, 59150, &jump), 1059100);
	assert_int_equal(jump, 0);
	assert_int_equal(clock_watch_look(&watch, 1060100 + day_ms, 60150, &jump), 1060100 + day_ms);
	assert_int_equal(jump, 0);
	/* Back: the same. */
	assert_int_equal(clock_watch_look(&watch, 1060200, 60250, &jump), 1060200 + day_ms);
	assert_int_equal(jump, -day_ms);
	assert_int_equal(clock_watch_look(&watch, 1120100, 120150, &jump), 1120100 + day_ms);
	assert_int_equal(clock_watch_look(&watch, 1120300, 120350, &jump), 1120300);
	assert_int_equal(jump, 0);
}

static void a_wall_clock_that_was_wrong_for_a_moment_was_never_followed(void **state)
{
	(void)state;
	struct clock_watch watch = {0};
	int64_t day_ms = INT64_C(86400) * 1000, jump;

	clock_watch_look(&watch, 1000000, 0, &jump);
	assert_int_equal(clock_watch_look(&watch, 1001000 + day_ms, 1000, &jump), 1001000);
	assert_int_equal(clock_watch_look(&watch, 1002000, 2000, &jump), 1002000);
	/* And the next jump begins a minute of its own. */
	assert_int_equal(clock_watch_look(&watch, 1061000 + day_ms, 61000, &jump), 1061000);
	assert_int_equal(jump, day_ms);
	assert_int_equal(clock_watch_look(&watch, 1062000 + day_ms, 62000, &jump), 1062000);
}

static void a_wall_clock_that_is_slewed_never_jumped(void **state)
{
	(void)state;
	struct clock_watch watch = {0};
	int64_t jump;

	for (int64_t mono = 0; mono < 100000000; mono += 1000) {
		int64_t wall = 1000000 + mono + mono / 500;

		assert_int_equal(clock_watch_look(&watch, wall, mono, &jump), wall);
		assert_int_equal(jump, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_clocks_run_forward_and_agree_on_the_unit),
		cmocka_unit_test(instants_are_written_as_the_calendar_of_the_c_library_says),
		cmocka_unit_test(an_instant_reads_exactly_or_is_refused),
		cmocka_unit_test(instants_out_of_the_calendar_are_written_as_its_ends),
		cmocka_unit_test(durations_go_there_and_back),
		cmocka_unit_test(what_is_no_duration_is_refused),
		cmocka_unit_test(more_than_ten_years_is_past_the_limit),
		cmocka_unit_test(a_wall_clock_that_jumps_is_believed_after_a_minute),
		cmocka_unit_test(a_wall_clock_that_was_wrong_for_a_moment_was_never_followed),
		cmocka_unit_test(a_wall_clock_that_is_slewed_never_jumped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

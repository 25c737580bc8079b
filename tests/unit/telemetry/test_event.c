/* test_event.c - a line is one line whatever a field holds, and a log that nobody reads stops nobody. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "telemetry/event.h"
#include "telemetry/metric.h"
#include "base/check.h"

enum { LOG_BYTES_MAX = 4 * 1024 * 1024 };

static char said[LOG_BYTES_MAX];

/* A file in memory as the log, with a rate that nothing was written at yet. */
static int log_open(enum event_format format, enum event_level level)
{
	int fd = memfd_create("log", MFD_CLOEXEC);
	assert_true(fd > 0);
	event_open(&(struct event_settings){.format = format, .level = level, .fd = fd});
	return fd;
}

static const char *log_read(int fd)
{
	ssize_t size = pread(fd, said, sizeof(said) - 1, 0);
	assert_true(size >= 0);
	said[size] = 0;
	close(fd);
	return said;
}

/* The only line of the log, as an object. */
static json_t *only_line(int fd)
{
	const char *text = log_read(fd);
	size_t size = strlen(text);
	assert_true(size > 0 && size <= EVENT_LINE_BYTES_MAX);
	assert_ptr_equal(strchr(text, '\n'), text + size - 1);
	struct json_fault fault;
	json_t *line = json_read(text, size, &fault);
	if (line == NULL)
		fail_msg("%s: %s", fault.text, text);
	return line;
}

static const char *field(json_t *line, const char *name)
{
	const char *text = json_string_value(json_object_get(line, name));
	return text == NULL ? "(none)" : text;
}

static void an_event_is_one_json_object_with_its_fields(void **state)
{
	(void)state;
	int64_t before = clock_wall_ms();
	int fd = log_open(EVENT_FORMAT_JSON, EVENT_INFO);
	event(EVENT_channel_died, EVENT_TEXT("channel", "mail-eu"), EVENT_INT("pid", -7),
	      EVENT_TEXT("why", NULL));
	json_auto *line = only_line(fd);
	assert_string_equal(field(line, "event"), "channel_died");
	assert_string_equal(field(line, "level"), "fault");
	assert_string_equal(field(line, "channel"), "mail-eu");
	assert_string_equal(field(line, "why"), "");
	assert_int_equal(json_integer_value(json_object_get(line, "pid")), -7);
	int64_t at_ms;
	assert_int_equal(clock_parse(field(line, "at"), &at_ms, NULL), HERALD_OK);
	assert_true(before <= at_ms && at_ms <= clock_wall_ms());
	assert_null(json_object_get(line, "cut"));
}

static void a_pipe_or_file_gets_json_without_being_asked(void **state)
{
	(void)state;
	int fd = log_open(EVENT_FORMAT_AUTO, 0);
	event_emit(EVENT_daemon_started, NULL, 0);
	json_auto *line = only_line(fd);
	assert_string_equal(field(line, "event"), "daemon_started");
}

static const char hostile[] = "a\nb\r\x1b[2J\x7f\xc2\x9b \"q\\ \xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xae"
			      "evil\xe2\x81\xa6\xd8\x9c\xef\xbb\xbf \xff\xc3 \xc3\xa9\xf0\x9f\x98\x80";

/* Nothing below a blank but the line feed at the end, no C1, no separator, no mark of direction. */
static void assert_harmless(const char *text)
{
	static const char *const never[] = {"\x7f",         "\xc2\x9b",     "\xe2\x80\xa8", "\xe2\x80\xa9",
					    "\xe2\x80\xae", "\xe2\x81\xa6", "\xd8\x9c",     "\xef\xbb\xbf"};
	assert_true(herald_utf8_valid(text, strlen(text)));
	for (size_t i = 0; i < countof(never); i++)
		assert_null(strstr(text, never[i]));
	for (; *text != 0; text++)
		assert_true((unsigned char)*text >= ' ' || (*text == '\n' && text[1] == 0));
}

static void nothing_in_a_field_breaks_the_line_or_moves_a_terminal(void **state)
{
	(void)state;
	int fd = log_open(EVENT_FORMAT_JSON, EVENT_INFO);
	event(EVENT_daemon_started, EVENT_TEXT("text", hostile));
	json_auto *line = only_line(fd);
	assert_harmless(said);
	/* Read back, the valid part is what was said. */
	const char *back = field(line, "text");
	assert_memory_equal(back, hostile, strlen("a\nb\r\x1b[2J"));
	assert_non_null(strstr(back, "\xef\xbf\xbd\xef\xbf\xbd \xc3\xa9\xf0\x9f\x98\x80"));

	fd = log_open(EVENT_FORMAT_TEXT, EVENT_INFO);
	event(EVENT_daemon_started, EVENT_TEXT("text", hostile));
	assert_harmless(log_read(fd));
}

static void a_field_is_cut_at_its_cap_between_characters_and_the_line_says_so(void **state)
{
	(void)state;
	static char just[EVENT_FIELD_BYTES_MAX + 1], over[EVENT_FIELD_BYTES_MAX + 2];
	memset(just, 'x', sizeof(just) - 1);
	memset(over, 'x', sizeof(over) - 1);
	int fd = log_open(EVENT_FORMAT_JSON, EVENT_INFO);
	event(EVENT_daemon_started, EVENT_TEXT("text", just));
	json_auto *whole = only_line(fd);
	assert_string_equal(field(whole, "text"), just);
	assert_null(json_object_get(whole, "cut"));

	memcpy(over + EVENT_FIELD_BYTES_MAX - 1, "\xc3\xa9", 3); /* straddles the cap */
	fd = log_open(EVENT_FORMAT_JSON, EVENT_INFO);
	event(EVENT_daemon_started, EVENT_TEXT("text", over));
	json_auto *cut = only_line(fd);
	assert_int_equal(strlen(field(cut, "text")), EVENT_FIELD_BYTES_MAX - 1);
	assert_true(json_is_true(json_object_get(cut, "cut")));
}

static void a_line_is_never_longer_than_a_pipe_takes_whole(void **state)
{
	(void)state;
	/* Every length of the second field moves the end of the line over another place. */
	static char long_one[EVENT_FIELD_BYTES_MAX + 1];
	memset(long_one, '\x01', sizeof(long_one) - 1); /* six bytes each */
	for (size_t length = 0; length < 90; length++) {
		char short_one[100] = "";
		memset(short_one, 'y', length);
		const struct event_field fields[] = {EVENT_TEXT("b", short_one), EVENT_TEXT("a", long_one),
						     EVENT_TEXT("c", "z"), EVENT_INT("d", 1234567),
						     EVENT_TEXT("e", "\"")};
		int fd = log_open(length % 2 == 0 ? EVENT_FORMAT_JSON : EVENT_FORMAT_TEXT, EVENT_INFO);
		event_emit((enum event_kind)(length % EVENT_KIND_COUNT), fields, countof(fields));
		event_emit_at((enum event_kind)(length % EVENT_KIND_COUNT), EVENT_FAULT, NULL, 0);
		const char *text = log_read(fd);
		const char *end = strchr(text, '\n');
		if (length % 2 == 0 && text[0] == '{' && strstr(text, "\"b\"") != NULL) {
			struct json_fault fault;
			json_t *line = json_read(text, (size_t)(end - text), &fault);
			if (line == NULL)
				fail_msg("%zu: %s: %s", length, fault.text, text);
			assert_true(json_is_true(json_object_get(line, "cut")));
			json_decref(line);
		}
		assert_true(end - text + 1 <= EVENT_LINE_BYTES_MAX);
	}
}

static size_t count_of(const char *text, const char *part)
{
	size_t count = 0;
	for (; (text = strstr(text, part)) != NULL; text++)
		count++;
	return count;
}

static void many_full_fields_end_in_a_whole_line(void **state)
{
	(void)state;
	static char piece[60];
	struct event_field fields[100];
	for (size_t length = 1; length < sizeof(piece); length++) {
		memset(piece, 'x', length);
		for (size_t i = 0; i < countof(fields); i++)
			fields[i] = i % 3 == 2 ? EVENT_INT("n", INT64_MIN) : EVENT_TEXT("t", piece);
		int fd = log_open(EVENT_FORMAT_JSON, EVENT_INFO);
		event_emit_at((enum event_kind)(length % EVENT_KIND_COUNT), EVENT_FAULT, fields,
			      countof(fields));
		const char *text = log_read(fd);
		size_t size = strlen(text);
		assert_true(size > 0 && size <= EVENT_LINE_BYTES_MAX);
		assert_int_equal(text[size - 2], '}');
		assert_int_equal(text[size - 1], '\n');
		bool is_cut = strstr(text, ",\"cut\":true}") != NULL;
		assert_true(is_cut ||
			    count_of(text, "\"t\":\"") + count_of(text, "\"n\":") == countof(fields));
	}
}

static void a_field_cannot_pass_for_one_of_ours(void **state)
{
	(void)state;
	int fd = log_open(EVENT_FORMAT_JSON, EVENT_INFO);
	event(EVENT_plugin_log, EVENT_TEXT("level", "debug"), EVENT_TEXT("a\"b\n", "x"), EVENT_TEXT("", "y"));
	json_auto *line = only_line(fd);
	assert_string_equal(field(line, "level"), "info");
	assert_string_equal(field(line, "level_"), "debug");
	assert_string_equal(field(line, "a_b_"), "x");
	assert_string_equal(field(line, "_"), "y");
}

static void the_human_form_is_time_level_name_and_fields(void **state)
{
	(void)state;
	int fd = log_open(EVENT_FORMAT_TEXT, EVENT_INFO);
	event(EVENT_channel_died, EVENT_TEXT("channel", "sms"), EVENT_INT("pid", 12),
	      EVENT_TEXT("why", "signal 11"));
	const char *text = log_read(fd);
	assert_string_equal(text + strlen("09:30:00.000"),
			    " fault   channel_died channel=sms pid=12 why=\"signal 11\"\n");
}

static void less_than_the_level_is_counted_and_not_written(void **state)
{
	(void)state;
	struct metric_labels labels = METRIC_LABELS("delivery_settled");
	double before = metric_value(METRIC_events, labels);
	int fd = log_open(EVENT_FORMAT_JSON, EVENT_INFO);
	event_emit(EVENT_delivery_settled, NULL, 0);
	event_emit_at(EVENT_delivery_settled, EVENT_FAULT, NULL, 0);
	json_auto *line = only_line(fd);
	assert_string_equal(field(line, "level"), "fault");
	assert_true(metric_value(METRIC_events, labels) == before + 2);
}

static void a_flood_of_one_kind_is_held_back_counted_and_hides_no_other(void **state)
{
	(void)state;
	int fd = log_open(EVENT_FORMAT_JSON, EVENT_INFO);
	double before = metric_value(METRIC_events_unwritten, METRIC_NO_LABELS);
	int64_t second = clock_mono_ms() / 1000;
	enum { FLOOD = 5000 };
	for (int i = 0; i < FLOOD; i++)
		event(EVENT_destination_blocked, EVENT_INT("i", i));
	event_emit(EVENT_destination_ready, NULL, 0);
	event_flush();
	size_t seconds = (size_t)(clock_mono_ms() / 1000 - second) + 1;
	const char *text = log_read(fd);
	size_t written = count_of(text, "\"event\":\"destination_blocked\"");
	/* Other tests may have written a few of this kind in this second. */
	assert_true(written >= EVENT_LINES_PER_SECOND_MAX - 10 &&
		    written <= seconds * EVENT_LINES_PER_SECOND_MAX);
	assert_int_equal(count_of(text, "destination_ready"), 1);
	assert_int_equal((size_t)(metric_value(METRIC_events_unwritten, METRIC_NO_LABELS) - before),
			 FLOOD - written);

	/* What was held back is said, in later lines of the kind or by the flush. */
	size_t told = 0;
	for (const char *at = text; (at = strstr(at, "\"suppressed\":")) != NULL; at++)
		told += (size_t)strtoul(at + strlen("\"suppressed\":"), NULL, 10);
	const char *flushed = strstr(text, "\"event\":\"events_suppressed\"");
	if (flushed != NULL)
		told += (size_t)strtoul(strstr(flushed, "\"count\":") + strlen("\"count\":"), NULL, 10);
	assert_int_equal(told, FLOOD - written);
}

static void a_log_that_nobody_reads_costs_lines_and_no_time(void **state)
{
	(void)state;
	int ends[2];
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	event_open(&(struct event_settings){.format = EVENT_FORMAT_JSON, .fd = ends[1]});
	static char big[1000];
	memset(big, 'x', sizeof(big) - 1);
	double before = metric_value(METRIC_events_unwritten, METRIC_NO_LABELS);
	int64_t begin = clock_mono_ms();
	for (int kind = 0; kind < EVENT_KIND_COUNT; kind++) {
		for (int i = 0; i < 20; i++)
			event_emit_at((enum event_kind)kind, EVENT_FAULT, &EVENT_TEXT("big", big), 1);
	}
	assert_true(clock_mono_ms() - begin < 5000);
	assert_true(metric_value(METRIC_events_unwritten, METRIC_NO_LABELS) > before);

	/* And it writes again once somebody reads. */
	static char sink[1 << 20];
	ssize_t size = read(ends[0], sink, sizeof(sink));
	assert_true(size > 0);
	before = metric_value(METRIC_events_unwritten, METRIC_NO_LABELS);
	event_emit_at(EVENT_daemon_stopped, EVENT_FAULT, NULL, 0);
	event_emit_at(EVENT_daemon_stopped, EVENT_FAULT, NULL, 0);
	assert_true(metric_value(METRIC_events_unwritten, METRIC_NO_LABELS) == before);
	close(ends[0]);
	close(ends[1]);
}

enum { THREADS = 4, EVENTS_EACH = 15 };

static void *talk(void *argument)
{
	for (int i = 0; i < EVENTS_EACH; i++)
		event(EVENT_store_opened, EVENT_TEXT("who", argument), EVENT_INT("i", i));
	return NULL;
}

static void threads_do_not_mix_their_lines(void **state)
{
	(void)state;
	int fd = log_open(EVENT_FORMAT_JSON, EVENT_INFO);
	pthread_t threads[THREADS];
	static char name[] = "thread";
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, talk, name), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	size_t lines = 0;
	for (const char *at = log_read(fd); *at != 0; lines++) {
		const char *end = strchr(at, '\n');
		assert_non_null(end);
		struct json_fault fault;
		json_t *line = json_read(at, (size_t)(end - at), &fault);
		assert_non_null(line);
		json_decref(line);
		at = end + 1;
	}
	assert_int_equal(lines, THREADS * EVENTS_EACH);
}

static void levels_and_formats_read_as_they_are_named(void **state)
{
	(void)state;
	for (int i = EVENT_DEBUG; i <= EVENT_FAULT; i++) {
		enum event_level level;
		assert_true(event_level_parse(event_level_name((enum event_level)i), &level));
		assert_int_equal(level, i);
	}
	enum event_level level;
	enum event_format format;
	assert_false(event_level_parse("loud", &level));
	assert_true(event_format_parse("auto", &format) && format == EVENT_FORMAT_AUTO);
	assert_true(event_format_parse("json", &format) && format == EVENT_FORMAT_JSON);
	assert_true(event_format_parse("text", &format) && format == EVENT_FORMAT_TEXT);
	assert_false(event_format_parse("JSON", &format));
}

static void every_kind_has_a_name_and_a_sentence(void **state)
{
	(void)state;
	for (int i = 0; i < EVENT_KIND_COUNT; i++) {
		const char *sentence = event_sentence((enum event_kind)i);
		assert_true(strlen(event_name((enum event_kind)i)) > 3);
		assert_int_equal(sentence[strlen(sentence) - 1], '.');
		for (int j = 0; j < i; j++)
			assert_string_not_equal(event_name((enum event_kind)i),
						event_name((enum event_kind)j));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_event_is_one_json_object_with_its_fields),
		cmocka_unit_test(a_pipe_or_file_gets_json_without_being_asked),
		cmocka_unit_test(nothing_in_a_field_breaks_the_line_or_moves_a_terminal),
		cmocka_unit_test(a_field_is_cut_at_its_cap_between_characters_and_the_line_says_so),
		cmocka_unit_test(a_line_is_never_longer_than_a_pipe_takes_whole),
		cmocka_unit_test(many_full_fields_end_in_a_whole_line),
		cmocka_unit_test(a_field_cannot_pass_for_one_of_ours),
		cmocka_unit_test(the_human_form_is_time_level_name_and_fields),
		cmocka_unit_test(less_than_the_level_is_counted_and_not_written),
		cmocka_unit_test(a_flood_of_one_kind_is_held_back_counted_and_hides_no_other),
		cmocka_unit_test(a_log_that_nobody_reads_costs_lines_and_no_time),
		cmocka_unit_test(threads_do_not_mix_their_lines),
		cmocka_unit_test(levels_and_formats_read_as_they_are_named),
		cmocka_unit_test(every_kind_has_a_name_and_a_sentence),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

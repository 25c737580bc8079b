/* test_metric.c - figures add up from every thread, and Prometheus's own tool accepts the text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "telemetry/metric.h"
#include "base/check.h"

static void assert_says(const struct herald_builder *text, const char *line)
{
	if (strstr(text->data, line) == NULL)
		fail_msg("no line \"%s\" in:\n%s", line, text->data);
}

static void counters_gauges_and_histograms_say_what_was_counted(void **state)
{
	(void)state;
	metric_add(METRIC_deliveries, METRIC_LABELS("sms", "delivered", "none"), 2);
	metric_add(METRIC_deliveries, METRIC_LABELS("sms", "delivered", "none"), 3);
	metric_add(METRIC_deliveries, METRIC_LABELS("sms", "rejected", "rejected"), 1);
	metric_set(METRIC_window, METRIC_LABELS("sms"), 16);
	metric_shift(METRIC_in_flight, METRIC_LABELS("sms"), 5);
	metric_shift(METRIC_in_flight, METRIC_LABELS("sms"), -3);
	metric_observe(METRIC_writer_batch, METRIC_NO_LABELS, 1);
	metric_observe(METRIC_writer_batch, METRIC_NO_LABELS, 2);
	metric_observe(METRIC_writer_batch, METRIC_NO_LABELS, 3);
	metric_observe(METRIC_writer_batch, METRIC_NO_LABELS, 1e9);
	metric_observe(METRIC_accept_to_send, METRIC_LABELS("sms"), 0.001);
	metric_observe(METRIC_accept_to_send, METRIC_LABELS("sms"), 0.0011);

	struct herald_builder text;
	herald_builder_init(&text, METRIC_TEXT_BYTES_MAX);
	metric_text(&text);
	assert_int_equal(text.code, HERALD_OK);
	assert_says(&text,
		    "\nherald_deliveries_total{channel=\"sms\",verdict=\"delivered\",reason=\"none\"} 5\n");
	assert_says(
		&text,
		"\nherald_deliveries_total{channel=\"sms\",verdict=\"rejected\",reason=\"rejected\"} 1\n");
	assert_says(&text, "\n# TYPE herald_deliveries_total counter\n");
	assert_says(&text, "\nherald_window{channel=\"sms\"} 16\n");
	assert_says(&text, "\nherald_in_flight{channel=\"sms\"} 2\n");
	/* A value on a bound belongs under it; buckets are cumulative. */
	assert_says(&text, "\nherald_writer_batch_operations_bucket{le=\"1\"} 1\n");
	assert_says(&text, "\nherald_writer_batch_operations_bucket{le=\"2\"} 2\n");
	assert_says(&text, "\nherald_writer_batch_operations_bucket{le=\"4\"} 3\n");
	assert_says(&text, "\nherald_writer_batch_operations_bucket{le=\"2048\"} 3\n");
	assert_says(&text, "\nherald_writer_batch_operations_bucket{le=\"+Inf\"} 4\n");
	assert_says(&text, "\nherald_writer_batch_operations_sum 1000000006\n");
	assert_says(&text, "\nherald_writer_batch_operations_count 4\n");
	assert_says(&text, "\nherald_accept_to_send_seconds_bucket{channel=\"sms\",le=\"0.001\"} 1\n");
	assert_says(&text, "\nherald_accept_to_send_seconds_bucket{channel=\"sms\",le=\"0.0025\"} 2\n");
	assert_says(&text, "\nprocess_open_fds ");
	assert_says(&text, "\nprocess_resident_memory_bytes ");
	assert_says(&text, "\nprocess_cpu_seconds_total ");
	herald_builder_done(&text);
	assert_true(metric_value(METRIC_writer_batch, METRIC_NO_LABELS) == 4);
	assert_true(metric_value(METRIC_window, METRIC_LABELS("sms")) == 16);
	assert_true(metric_value(METRIC_window, METRIC_LABELS("nobody")) == 0);
}

static void label_values_are_escaped(void **state)
{
	(void)state;
	metric_set(METRIC_queue_depth, METRIC_LABELS("a\"b\\c\nd"), 1);
	struct herald_builder text;
	herald_builder_init(&text, METRIC_TEXT_BYTES_MAX);
	metric_text(&text);
	assert_says(&text, "\nherald_queue_depth{channel=\"a\\\"b\\\\c\\nd\"} 1\n");
	herald_builder_done(&text);
}

enum { THREADS = 4, ROUNDS = 20000 };

static void *count(void *argument)
{
	(void)argument;
	static const char *const routes[] = {"/a", "/b", "/c", "/d", "/e", "/f", "/g"};
	for (size_t i = 0; i < ROUNDS; i++) {
		metric_add(METRIC_http_requests, METRIC_LABELS(routes[i % countof(routes)], "200"), 1);
		metric_observe(METRIC_http_seconds, METRIC_LABELS("/x"), 0.5);
		metric_shift(METRIC_http_connections, METRIC_NO_LABELS, 1);
	}
	return NULL;
}

static void no_count_is_lost_between_threads(void **state)
{
	(void)state;
	pthread_t threads[THREADS];
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, count, NULL), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	double total = 0;
	for (char route[] = "/a"; route[1] <= 'g'; route[1]++)
		total += metric_value(METRIC_http_requests, METRIC_LABELS(route, "200"));
	assert_true(total == THREADS * ROUNDS);
	assert_true(metric_value(METRIC_http_seconds, METRIC_LABELS("/x")) == THREADS * ROUNDS);
	assert_true(metric_value(METRIC_http_connections, METRIC_NO_LABELS) == THREADS * ROUNDS);
	struct herald_builder text;
	herald_builder_init(&text, METRIC_TEXT_BYTES_MAX);
	metric_text(&text);
	assert_says(&text, "\nherald_http_request_seconds_sum{route=\"/x\"} 40000\n");
	herald_builder_done(&text);
}

static void past_the_bound_everything_counts_as_other(void **state)
{
	(void)state;
	char name[32];
	for (int i = 0; i < METRIC_SERIES_MAX + 100; i++) {
		snprintf(name, sizeof(name), "outcome-%d", i);
		metric_add(METRIC_accepts, METRIC_LABELS(name), 1);
	}
	assert_true(metric_value(METRIC_accepts, METRIC_LABELS("outcome-0")) == 1);
	assert_true(metric_value(METRIC_accepts, METRIC_LABELS(name)) == 0);
	assert_true(metric_value(METRIC_accepts, METRIC_LABELS("other")) == 101);

	char long_one[METRIC_LABEL_BYTES_MAX + 2];
	memset(long_one, 'x', sizeof(long_one) - 1);
	long_one[sizeof(long_one) - 1] = 0;
	metric_set(METRIC_permits, METRIC_LABELS(long_one), 3);
	assert_true(metric_value(METRIC_permits, METRIC_LABELS("other")) == 3);
	metric_set(METRIC_permits, METRIC_LABELS(long_one + 1), 4);
	assert_true(metric_value(METRIC_permits, METRIC_LABELS(long_one + 1)) == 4);
}

static void a_plugins_figure_is_exported_under_its_own_name(void **state)
{
	(void)state;
	assert_true(metric_plugin_set("sms", "segments", "Segments sent.", true, 7));
	assert_true(metric_plugin_set("sms", "segments", "Segments sent.", true, 8));
	assert_true(metric_plugin_set("sms-2", "segments_total", "Another help.", true, 1));
	assert_true(metric_plugin_set("sms", "balance", "", false, -0.5));
	assert_true(metric_plugin_set("sms", "odd", NULL, false, NAN));
	assert_false(metric_plugin_set("sms", "Bad", "x", false, 1));
	assert_false(metric_plugin_set("sms", "", "x", false, 1));
	assert_false(metric_plugin_set("sms", "a b", "x", false, 1));
	assert_false(metric_plugin_set("sms", "9a", "x", false, 1));
	struct herald_builder text;
	herald_builder_init(&text, METRIC_TEXT_BYTES_MAX);
	metric_text(&text);
	assert_says(&text, "\n# HELP herald_plugin_segments_total Segments sent.\n");
	assert_says(&text, "\nherald_plugin_segments_total{channel=\"sms\"} 8\n");
	assert_says(&text, "\nherald_plugin_segments_total{channel=\"sms-2\"} 1\n");
	assert_says(&text, "\nherald_plugin_balance{channel=\"sms\"} -0.5\n");
	assert_says(&text, "\nherald_plugin_odd{channel=\"sms\"} NaN\n");
	herald_builder_done(&text);
}

static void too_many_figures_of_plugins_are_refused(void **state)
{
	(void)state;
	char name[32];
	bool was_refused = false;
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "figure_%d", i);
		was_refused |= !metric_plugin_set("sms", name, "One of too many.", false, i);
	}
	assert_true(was_refused);
	assert_true(metric_plugin_set("sms", "segments", "Known ones go on.", true, 9));
}

/* Every metric of the table with one series, so that every name and help is seen. */
static void touch_all(void)
{
#define TOUCH_COUNTER(id, labels) metric_add(METRIC_##id, labels, 1)
#define TOUCH_GAUGE(id, labels) metric_set(METRIC_##id, labels, 1)
#define TOUCH_HISTOGRAM(id, labels) metric_observe(METRIC_##id, labels, 1)
#define X(id, type, name, labels, buckets, help)                                                             \
	TOUCH_##type(id, ((struct metric_labels){                                                            \
				 {(labels)[0] == 0 ? NULL : "x", strchr((labels), ',') == NULL ? NULL : "y", \
				  strchr((labels), ',') == strrchr((labels), ',') ? NULL : "z"}}));
	METRIC_TABLE(X)
#undef X
}

static void promtool_finds_nothing_to_say(void **state)
{
	(void)state;
	if (access("/usr/bin/promtool", X_OK) != 0)
		skip();
	touch_all();
	struct herald_builder text;
	herald_builder_init(&text, METRIC_TEXT_BYTES_MAX);
	metric_text(&text);
	assert_int_equal(text.code, HERALD_OK);
	FILE *file = tmpfile();
	assert_non_null(file);
	assert_int_equal(fwrite(text.data, 1, text.size, file), text.size);
	herald_builder_done(&text);
	assert_int_equal(fflush(file), 0);
	rewind(file);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		dup2(fileno(file), STDIN_FILENO);
		execl("/usr/bin/promtool", "promtool", "check", "metrics", (char *)NULL);
		_exit(127);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	fclose(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counters_gauges_and_histograms_say_what_was_counted),
		cmocka_unit_test(label_values_are_escaped),
		cmocka_unit_test(no_count_is_lost_between_threads),
		cmocka_unit_test(past_the_bound_everything_counts_as_other),
		cmocka_unit_test(a_plugins_figure_is_exported_under_its_own_name),
		cmocka_unit_test(too_many_figures_of_plugins_are_refused),
		cmocka_unit_test(promtool_finds_nothing_to_say),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

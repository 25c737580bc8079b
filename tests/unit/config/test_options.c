/* test_options.c - from text to typed fields, and what is said when it does not fit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "config/options.h"
#include "base/check.h"

struct sample {
	const char *from, *mode;
	bool loud;
	int64_t count;
	herald_duration wait;
	herald_size limit;
	herald_secret key;
	herald_list hosts, colours;
	int64_t old;
};

static const struct herald_option sample_options[] = {
	HERALD_OPTION(struct sample, from, HERALD_REQUIRED, NULL, "Whom it comes from."),
	HERALD_OPTION(struct sample, mode, HERALD_RELOADABLE, "tls", "How it is wrapped.",
		      .one_of = "none|starttls|tls"),
	HERALD_OPTION(struct sample, loud, 0, "yes", "Is it loud?"),
	HERALD_OPTION(struct sample, count, 0, "3", "How many.", .least = "1", .most = "64"),
	HERALD_OPTION(struct sample, wait, 0, "90s", "How long.", .least = "1s"),
	HERALD_OPTION(struct sample, limit, 0, "64KiB", "How big.", .most = "1MiB"),
	HERALD_OPTION(struct sample, key, 0, NULL, "What opens it."),
	HERALD_OPTION(struct sample, hosts, 0, "a.example, b.example", "Where to."),
	HERALD_OPTION(struct sample, colours, 0, "", "Which.", .one_of = "red|green"),
	HERALD_OPTION(struct sample, old, HERALD_RETIRED, NULL, "Nothing any more."),
};

static const struct option_table sample_table = OPTION_TABLE(sample_options, struct sample);

struct bench {
	struct arena *arena;
	struct complaints complaints;
	struct option_given given[16];
	const char *values[16];
	size_t count;
	uint32_t flags;
	struct sample sample;
};

static int set_up(void **state)
{
	struct arena *arena = arena_new();
	struct bench *bench = arena_new_of(arena, struct bench);
	bench->arena = arena;
	complaints_init(&bench->complaints, arena);
	*state = bench;
	return 0;
}

static int tear_down(void **state)
{
	struct bench *bench = *state;
	arena_free(bench->arena);
	return 0;
}

static struct option_given *give(struct bench *bench, const char *name, const char *value)
{
	size_t i = bench->count++;
	bench->values[i] = value;
	bench->given[i] =
		(struct option_given){.name = name,
				      .values = &bench->values[i],
				      .value_count = 1,
				      .place = {.file = "x.yaml", .line = (uint32_t)i + 1, .column = 5}};
	return &bench->given[i];
}

static void fill(struct bench *bench)
{
	const struct options_task task = {
		.table = sample_table,
		.given = bench->given,
		.given_count = bench->count,
		.flags = bench->flags,
		.what = "channel 'c'",
		.home = {.file = "x.yaml", .line = 99, .column = 1},
		.arena = bench->arena,
	};
	options_fill(&task, &bench->sample, &bench->complaints);
}

/* Fills from one option beside the required one, and hands back the only complaint. */
static const char *complaint_of(struct bench *bench, const char *name, const char *value)
{
	bench->count = 0;
	complaints_init(&bench->complaints, bench->arena);
	give(bench, "from", "me");
	give(bench, name, value);
	fill(bench);
	if (bench->complaints.count != 1)
		fail_msg("%s=%s: %zu complaints", name, value, bench->complaints.count);
	assert_int_equal(bench->complaints.items[0].place.line, 2);
	return bench->complaints.items[0].text;
}

static void what_is_not_given_has_its_fallback(void **state)
{
	struct bench *bench = *state;
	give(bench, "from", "me");
	fill(bench);
	assert_int_equal(bench->complaints.count, 0);
	assert_string_equal(bench->sample.from, "me");
	assert_string_equal(bench->sample.mode, "tls");
	assert_true(bench->sample.loud);
	assert_int_equal(bench->sample.count, 3);
	assert_int_equal(bench->sample.wait.ms, 90000);
	assert_int_equal(bench->sample.limit.bytes, 65536);
	assert_string_equal(bench->sample.key.value, "");
	assert_int_equal(bench->sample.hosts.count, 2);
	assert_string_equal(bench->sample.hosts.items[1], "b.example");
	assert_int_equal(bench->sample.colours.count, 0);
}

static void what_is_given_is_read_by_its_type(void **state)
{
	struct bench *bench = *state;
	static const char *const colours[] = {"red", "green", "red"};
	give(bench, "from", "someone else");
	give(bench, "mode", "none");
	give(bench, "loud", "off");
	give(bench, "count", "64");
	give(bench, "wait", "2h");
	give(bench, "limit", "1MiB");
	give(bench, "hosts", " c.example ,d.example");
	give(bench, "key", "hunter2\nsecond line")->is_secret = true;
	struct option_given *list = give(bench, "colours", "");
	list->values = colours;
	list->value_count = 3;
	list->is_list = true;
	fill(bench);
	if (bench->complaints.count > 0)
		fail_msg("%s", bench->complaints.items[0].text);
	assert_string_equal(bench->sample.mode, "none");
	assert_false(bench->sample.loud);
	assert_int_equal(bench->sample.count, 64);
	assert_int_equal(bench->sample.wait.ms, 7200000);
	assert_int_equal(bench->sample.limit.bytes, 1048576);
	assert_int_equal(bench->sample.hosts.count, 2);
	assert_string_equal(bench->sample.hosts.items[0], "c.example");
	assert_string_equal(bench->sample.hosts.items[1], "d.example");
	assert_string_equal(bench->sample.key.value, "hunter2\nsecond line");
	assert_int_equal(bench->sample.colours.count, 3);
	assert_string_equal(bench->sample.colours.items[1], "green");
}

static void of_two_values_for_one_option_the_later_wins(void **state)
{
	struct bench *bench = *state;
	give(bench, "from", "me");
	give(bench, "count", "lots");
	give(bench, "count", "7");
	fill(bench);
	assert_int_equal(bench->complaints.count, 0);
	assert_int_equal(bench->sample.count, 7);
}

static void a_complaint_says_what_it_must_be_and_what_it_is(void **state)
{
	struct bench *bench = *state;
	static const struct {
		const char *name, *value, *text;
	} rows[] = {
		{"count", "0", "option 'count' of channel 'c' must be a whole number from 1 to 64, got '0'"},
		{"count", "65",
		 "option 'count' of channel 'c' must be a whole number from 1 to 64, got '65'"},
		{"count", "12x",
		 "option 'count' of channel 'c' must be a whole number from 1 to 64, got '12x'"},
		{"count", "", "option 'count' of channel 'c' must be a whole number from 1 to 64, got ''"},
		{"count", "1.0",
		 "option 'count' of channel 'c' must be a whole number from 1 to 64, got '1.0'"},
		{"count", "99999999999999999999",
		 "option 'count' of channel 'c' must be a whole number from 1 to 64, got "
		 "'99999999999999999999'"},
		{"wait", "999ms",
		 "option 'wait' of channel 'c' must be a duration like 90s, 15m, 8h, 2d or 250ms, at least "
		 "1s, got '999ms'"},
		{"limit", "2MiB",
		 "option 'limit' of channel 'c' must be a size like 512B, 64KiB or 10MiB, at most 1MiB, got "
		 "'2MiB'"},
		{"limit", "1MB",
		 "option 'limit' of channel 'c' must be a size like 512B, 64KiB or 10MiB, at most 1MiB, got "
		 "'1MB'"},
		{"loud", "maybe", "option 'loud' of channel 'c' must be true or false, got 'maybe'"},
		{"mode", "ssl", "option 'mode' of channel 'c' must be one of none/starttls/tls, got 'ssl'"},
		{"mode", "tl", "option 'mode' of channel 'c' must be one of none/starttls/tls, got 'tl'"},
		{"colours", "red, blue",
		 "option 'colours' of channel 'c' must be a list of red/green, got 'blue'"},
		{"hosts", "a,,b", "option 'hosts' of channel 'c' must not hold an empty item"},
		{"from", "a\x1b[31mb", "option 'from' of channel 'c' must not hold control characters"},
		{"from", "a\xff", "option 'from' of channel 'c' must be valid UTF-8"},
		{"from", "", "option 'from' of channel 'c' is empty: Whom it comes from."},
		{"from", "env:WHO",
		 "option 'from' of channel 'c' is no secret: write its value, not a reference"},
		{"form", "me", "channel 'c' has no option 'form'; is 'from' meant?"},
		{"Hosts", "me", "channel 'c' has no option 'Hosts'; is 'hosts' meant?"},
		{"limti", "1", "channel 'c' has no option 'limti'; is 'limit' meant?"},
		{"window", "1", "channel 'c' has no option 'window'"},
	};
	for (size_t i = 0; i < countof(rows); i++)
		assert_string_equal(complaint_of(bench, rows[i].name, rows[i].value), rows[i].text);
}

static void what_was_wrong_leaves_the_fallback(void **state)
{
	struct bench *bench = *state;
	complaint_of(bench, "count", "many");
	assert_int_equal(bench->sample.count, 3);
	complaint_of(bench, "mode", "ssl");
	assert_string_equal(bench->sample.mode, "tls");
}

static void a_long_or_wild_value_is_quoted_short_and_harmless(void **state)
{
	struct bench *bench = *state;
	char value[200];
	memset(value, 'x', sizeof(value) - 1);
	value[sizeof(value) - 1] = 0;
	value[0] = '\n';
	memcpy(value + 57, "\xc3\xa9\xc3\xa9\xc3\xa9", 6); /* the quotation would end inside of one */
	const char *text = complaint_of(bench, "count", value);
	assert_true(strlen(text) < 140);
	assert_true(herald_utf8_valid(text, strlen(text)));
	assert_null(strchr(text, '\n'));
	assert_non_null(strstr(text, "x\xc3\xa9...'"));
}

static void a_value_may_be_as_long_as_the_bound_and_no_longer(void **state)
{
	struct bench *bench = *state;
	static char value[OPTION_VALUE_BYTES_MAX + 2];
	memset(value, 'x', OPTION_VALUE_BYTES_MAX);
	give(bench, "from", value);
	fill(bench);
	assert_int_equal(bench->complaints.count, 0);
	value[OPTION_VALUE_BYTES_MAX] = 'x';
	assert_non_null(strstr(complaint_of(bench, "from", value), "must not be longer than 4096 bytes"));
}

static void a_missing_required_option_is_told_with_its_help(void **state)
{
	struct bench *bench = *state;
	fill(bench);
	assert_int_equal(bench->complaints.errors, 1);
	assert_int_equal(bench->complaints.items[0].place.line, 99);
	assert_string_equal(bench->complaints.items[0].text,
			    "option 'from' of channel 'c' is missing: Whom it comes from.");
}

static void a_retired_option_is_a_warning_and_no_fault(void **state)
{
	struct bench *bench = *state;
	give(bench, "from", "me");
	give(bench, "old", "rubbish");
	fill(bench);
	assert_int_equal(bench->complaints.count, 1);
	assert_int_equal(bench->complaints.errors, 0);
	assert_true(bench->complaints.items[0].is_warning);
	assert_int_equal(complaints_code(&bench->complaints, NULL), HERALD_OK);
}

static void a_secret_that_was_written_out_is_refused_and_never_shown(void **state)
{
	struct bench *bench = *state;
	const char *text = complaint_of(bench, "key", "hunter2");
	assert_null(strstr(text, "hunter2"));
	assert_non_null(strstr(text, "env:NAME or file:/PATH"));
	assert_string_equal(bench->sample.key.value, "");
	/* A reference that nobody resolved is no value, either. */
	complaint_of(bench, "key", "env:KEY");
	assert_string_equal(bench->sample.key.value, "");

	static char big[OPTION_SECRET_BYTES_MAX + 2];
	memset(big, 's', OPTION_SECRET_BYTES_MAX + 1);
	bench->count = 0;
	complaints_init(&bench->complaints, bench->arena);
	give(bench, "from", "me");
	give(bench, "key", big)->is_secret = true;
	fill(bench);
	assert_int_equal(bench->complaints.errors, 1);
	assert_null(strstr(bench->complaints.items[0].text, "sss"));
}

static void unresolved_references_are_checked_for_their_form_only(void **state)
{
	struct bench *bench = *state;
	bench->flags = OPTIONS_UNRESOLVED;
	give(bench, "from", "me");
	give(bench, "key", "env:NO_SUCH_VARIABLE");
	fill(bench);
	assert_int_equal(bench->complaints.count, 0);
	assert_string_equal(bench->sample.key.value, "");
	assert_non_null(strstr(complaint_of(bench, "key", "vault:kv/key"), "vault: is not supported"));
	assert_non_null(strstr(complaint_of(bench, "key", "file:relative"), "absolute path"));
}

static void every_fault_is_told_and_the_first_is_the_error(void **state)
{
	struct bench *bench = *state;
	give(bench, "from", "me");
	give(bench, "old", "1");
	give(bench, "count", "x");
	give(bench, "wait", "y");
	give(bench, "nonsense", "z");
	fill(bench);
	assert_int_equal(bench->complaints.errors, 3);
	struct herald_error err = {0};
	assert_int_equal(complaints_code(&bench->complaints, &err), HERALD_INVALID);
	assert_non_null(strstr(err.text, "x.yaml:5:5: channel 'c' has no option 'nonsense'"));
	assert_non_null(strstr(err.text, "(and 2 more)"));

	struct herald_builder printed;
	herald_builder_init(&printed, 10000);
	complaints_print(&bench->complaints, true, &printed);
	assert_non_null(strstr(printed.data, "x.yaml:2:5: warning: option 'old'"));
	assert_non_null(strstr(printed.data, "\nx.yaml:3:5: option 'count'"));
	assert_non_null(strstr(printed.data, "\nx.yaml:4:5: option 'wait'"));
	herald_builder_done(&printed);
}

static void more_complaints_than_fit_are_counted(void **state)
{
	struct bench *bench = *state;
	for (int i = 0; i < COMPLAINTS_MAX + 50; i++)
		complain(&bench->complaints, (struct option_place){.file = "f"}, "number %d", i);
	assert_int_equal(bench->complaints.count, COMPLAINTS_MAX);
	assert_int_equal(bench->complaints.errors, COMPLAINTS_MAX + 50);
}

/* --- tables --- */

static void the_sample_table_is_sane(void **state)
{
	(void)state;
	struct herald_error err = {0};
	if (options_check_table(sample_table, &err) != HERALD_OK)
		fail_msg("%s", err.text);
	assert_int_equal(options_check_table((struct option_table){0}, NULL), HERALD_OK);
}

/* The sample's table with one entry changed. */
static void assert_refused(size_t index, struct herald_option bad, const char *why)
{
	struct herald_option options[countof(sample_options)];
	memcpy(options, sample_options, sizeof(options));
	options[index] = bad;
	struct herald_error err = {0};
	struct option_table table = {options, countof(options), sizeof(options[0]), sizeof(struct sample)};
	assert_int_not_equal(options_check_table(table, &err), HERALD_OK);
	if (strstr(err.text, why) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", err.text, why);
}

static void a_table_that_lies_is_refused_for_what_is_wrong(void **state)
{
	(void)state;
	enum { FROM = 0, MODE, LOUD, COUNT, WAIT, LIMIT, KEY, HOSTS };
	struct herald_option bad;
#define BAD(index, field, value, why)            \
	do {                                     \
		bad = sample_options[index];     \
		bad.field = (value);             \
		assert_refused(index, bad, why); \
	} while (0)
	BAD(MODE, name, "from", "twice");
	BAD(MODE, name, "Mode", "no name");
	BAD(MODE, name, "", "no name");
	BAD(MODE, name, NULL, "no name");
	BAD(MODE, name, "a-b", "no name");
	BAD(MODE, type, 0, "type");
	BAD(MODE, type, 99, "type");
	BAD(MODE, help, NULL, "no help");
	BAD(MODE, help, "", "no help");
	BAD(MODE, offset, sizeof(struct sample), "outside");
	BAD(MODE, offset, sizeof(struct sample) - 4, "outside");
	BAD(MODE, offset, SIZE_MAX, "outside");
	BAD(COUNT, offset, offsetof(struct sample, count) + 1, "aligned");
	BAD(COUNT, offset, offsetof(struct sample, from), "overlaps option 'from'");
	BAD(COUNT, fallback, "65", "fallback");
	BAD(COUNT, fallback, "x", "fallback");
	BAD(MODE, fallback, "ssl", "fallback");
	BAD(MODE, fallback, "", "fallback");
	BAD(COUNT, least, "x", "lower bound");
	BAD(COUNT, most, "x", "upper bound");
	BAD(COUNT, least, "65", "wrong order");
	BAD(FROM, least, "1", "bounds");
	BAD(LOUD, one_of, "true|false", "choice");
	BAD(KEY, fallback, "hunter2", "secret");
	BAD(WAIT, fallback, "1", "fallback");
#undef BAD
	struct option_table table = sample_table;
	table.stride = sizeof(struct herald_option) - 8;
	assert_int_not_equal(options_check_table(table, NULL), HERALD_OK);
}

static void a_table_of_a_later_day_is_read_by_its_stride(void **state)
{
	(void)state;
	struct later {
		struct herald_option option;
		const char *more;
	} options[2] = {{sample_options[0], "x"}, {sample_options[1], "y"}};
	struct option_table table = {&options[0].option, 2, sizeof(options[0]), sizeof(struct sample)};
	assert_int_equal(options_check_table(table, NULL), HERALD_OK);
	struct herald_option option;
	assert_true(options_find(table, "mode", &option));
	assert_int_equal(option.offset, offsetof(struct sample, mode));
}

static void printed_tables_hold_every_option_and_no_retired_one(void **state)
{
	(void)state;
	void (*const printers[])(struct option_table, struct herald_builder *) = {options_print_help,
										  options_print_man};
	for (size_t i = 0; i <= countof(printers); i++) {
		struct herald_builder text;
		herald_builder_init(&text, 20000);
		if (i < countof(printers))
			printers[i](sample_table, &text);
		else
			options_print_yaml(sample_table, 4, &text);
		for (size_t j = 0; j < countof(sample_options); j++) {
			bool is_there = strstr(text.data, sample_options[j].help) != NULL;
			assert_true(is_there == !(sample_options[j].flags & HERALD_RETIRED));
		}
		assert_non_null(strstr(text.data, "none|starttls|tls"));
		assert_non_null(strstr(text.data, "1 to 64"));
		assert_int_equal(text.code, HERALD_OK);
		herald_builder_done(&text);
	}
}

static void the_json_of_a_table_reads_back(void **state)
{
	(void)state;
	struct herald_builder text;
	struct json_fault fault;
	herald_builder_init(&text, 20000);
	options_print_json(sample_table, &text);
	json_auto *tree = json_read(text.data, text.size, &fault);
	if (tree == NULL)
		fail_msg("%s: %s", fault.text, text.data);
	assert_int_equal(json_array_size(tree), countof(sample_options));
	json_t *mode = json_array_get(tree, 1);
	assert_string_equal(json_string_value(json_object_get(mode, "name")), "mode");
	assert_string_equal(json_string_value(json_object_get(mode, "type")), "text");
	assert_string_equal(json_string_value(json_object_get(mode, "default")), "tls");
	assert_int_equal(json_array_size(json_object_get(mode, "one_of")), 3);
	assert_true(json_is_true(json_object_get(mode, "reloadable")));
	assert_true(json_is_true(json_object_get(json_array_get(tree, 0), "required")));
	assert_string_equal(json_string_value(json_object_get(json_array_get(tree, 3), "most")), "64");
	herald_builder_done(&text);
}

static void values_are_written_as_they_are_read_and_secrets_are_not(void **state)
{
	struct bench *bench = *state;
	give(bench, "from", "me");
	give(bench, "key", "hunter2")->is_secret = true;
	fill(bench);
	static const char *const texts[] = {
		"me", "tls", "true", "3", "90s", "64KiB", "***", "a.example, b.example", ""};
	for (size_t i = 0; i < countof(texts); i++)
		assert_string_equal(options_value_text(bench->arena, &sample_options[i], &bench->sample),
				    texts[i]);
}

#define bench_test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		bench_test(what_is_not_given_has_its_fallback),
		bench_test(what_is_given_is_read_by_its_type),
		bench_test(of_two_values_for_one_option_the_later_wins),
		bench_test(a_complaint_says_what_it_must_be_and_what_it_is),
		bench_test(what_was_wrong_leaves_the_fallback),
		bench_test(a_long_or_wild_value_is_quoted_short_and_harmless),
		bench_test(a_value_may_be_as_long_as_the_bound_and_no_longer),
		bench_test(a_missing_required_option_is_told_with_its_help),
		bench_test(a_retired_option_is_a_warning_and_no_fault),
		bench_test(a_secret_that_was_written_out_is_refused_and_never_shown),
		bench_test(unresolved_references_are_checked_for_their_form_only),
		bench_test(every_fault_is_told_and_the_first_is_the_error),
		bench_test(more_complaints_than_fit_are_counted),
		cmocka_unit_test(the_sample_table_is_sane),
		cmocka_unit_test(a_table_that_lies_is_refused_for_what_is_wrong),
		cmocka_unit_test(a_table_of_a_later_day_is_read_by_its_stride),
		cmocka_unit_test(printed_tables_hold_every_option_and_no_retired_one),
		cmocka_unit_test(the_json_of_a_table_reads_back),
		bench_test(values_are_written_as_they_are_read_and_secrets_are_not),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

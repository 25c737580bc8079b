/* test_kit.c - what kit.c promises: whole sentences in errors, and texts that stop at their maximum. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "herald/kit.h"

static void fail_returns_the_code_and_writes_the_sentence(void **state)
{
	struct herald_error err = {0};

	(void)state;
	assert_int_equal(herald_fail(&err, HERALD_NOT_FOUND, "no channel '%s'", "sms"), HERALD_NOT_FOUND);
	assert_int_equal(err.code, HERALD_NOT_FOUND);
	assert_string_equal(err.text, "no channel 'sms'");
	assert_int_equal(herald_fail(NULL, HERALD_BUSY, "nobody listens"), HERALD_BUSY);
}

static void a_long_error_is_cut_between_characters(void **state)
{
	struct herald_error err;
	char text[400];

	(void)state;
	for (size_t i = 0; i + 1 < sizeof(text); i += 2)
		memcpy(text + i, "\xC3\xA9", 2);
	text[398] = '\0';
	herald_fail(&err, HERALD_INVALID, "%s", text);
	assert_int_equal(strlen(err.text), 250);
	assert_true(herald_utf8_valid(err.text, strlen(err.text)));
	herald_fail(&err, HERALD_INVALID, "x%s", text);
	assert_int_equal(strlen(err.text), 251);
	assert_true(herald_utf8_valid(err.text, strlen(err.text)));
}

static void within_puts_the_context_in_front_and_keeps_the_code(void **state)
{
	struct herald_error err = {0};

	(void)state;
	herald_fail(&err, HERALD_INVALID, "option '%s' is missing", "from");
	assert_int_equal(herald_within(&err, "loading %s: ", "acs_sms.so"), HERALD_INVALID);
	assert_string_equal(err.text, "loading acs_sms.so: option 'from' is missing");
	assert_int_equal(err.code, HERALD_INVALID);
}

static void a_long_context_gives_way_to_the_cause(void **state)
{
	struct herald_error err = {0};
	char context[300];

	(void)state;
	memset(context, 'c', sizeof(context) - 1);
	context[sizeof(context) - 1] = '\0';
	herald_fail(&err, HERALD_IO, "the cause");
	herald_within(&err, "%s", context);
	assert_int_equal(strlen(err.text), 251);
	assert_string_equal(err.text + strlen(err.text) - strlen("cthe cause"), "cthe cause");
	for (int i = 0; i < 20; i++)
		herald_within(&err, "%s: ", context);
	assert_true(strlen(err.text) < sizeof(err.text));
}

static void a_builder_is_never_null_and_always_terminated(void **state)
{
	struct herald_builder builder, zeroed = {0};
	struct herald_text text;

	(void)state;
	herald_builder_init(&builder, 10);
	assert_string_equal(builder.data, "");
	assert_int_equal(herald_builder_text(&builder, &text, NULL), HERALD_OK);
	assert_string_equal(text.data, "");
	herald_add(&builder, "abc");
	herald_addf(&builder, "%d", 42);
	assert_int_equal(herald_builder_text(&builder, &text, NULL), HERALD_OK);
	assert_string_equal(text.data, "abc42");
	assert_int_equal(text.size, 5);
	herald_builder_done(&builder);
	herald_builder_done(&builder);
	herald_builder_done(&zeroed);
	assert_int_equal(herald_builder_text(&zeroed, &text, NULL), HERALD_OK);
	assert_string_equal(text.data, "");
}

static void a_builder_past_its_maximum_stays_at_limit(void **state)
{
	struct herald_builder builder;
	struct herald_text text = {0};
	struct herald_error err;

	(void)state;
	herald_builder_init(&builder, 4);
	herald_add(&builder, "1234");
	assert_int_equal(builder.code, HERALD_OK);
	herald_add(&builder, "");
	assert_int_equal(builder.code, HERALD_OK);
	herald_add(&builder, "5");
	assert_int_equal(builder.code, HERALD_LIMIT);
	herald_addf(&builder, "%s", "");
	assert_int_equal(herald_builder_text(&builder, &text, &err), HERALD_LIMIT);
	assert_string_equal(builder.data, "1234");
	herald_builder_clear(&builder);
	herald_addf(&builder, "%s", "12345");
	herald_add(&builder, "1");
	assert_int_equal(herald_builder_text(&builder, &text, &err), HERALD_LIMIT);
	herald_builder_clear(&builder);
	herald_add(&builder, "1");
	assert_int_equal(herald_builder_text(&builder, &text, &err), HERALD_OK);
	assert_string_equal(text.data, "1");
	herald_builder_done(&builder);
}

static void a_builder_grows_over_many_adds_without_losing_a_byte(void **state)
{
	struct herald_builder builder;

	(void)state;
	herald_builder_init(&builder, 100000);
	for (int i = 0; i < 10000; i++)
		herald_addf(&builder, "%04d,", i);
	assert_int_equal(builder.size, 50000);
	assert_int_equal(builder.code, HERALD_OK);
	for (int i = 0; i < 10000; i += 999) {
		char want[8];
		snprintf(want, sizeof(want), "%04d,", i);
		assert_memory_equal(builder.data + (size_t)i * 5, want, 5);
	}
	herald_builder_done(&builder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fail_returns_the_code_and_writes_the_sentence),
		cmocka_unit_test(a_long_error_is_cut_between_characters),
		cmocka_unit_test(within_puts_the_context_in_front_and_keeps_the_code),
		cmocka_unit_test(a_long_context_gives_way_to_the_cause),
		cmocka_unit_test(a_builder_is_never_null_and_always_terminated),
		cmocka_unit_test(a_builder_past_its_maximum_stays_at_limit),
		cmocka_unit_test(a_builder_grows_over_many_adds_without_losing_a_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

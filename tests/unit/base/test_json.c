/* test_json.c - what is refused before a tree exists, at each bound and one beyond. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/check.h"

static enum json_trouble trouble_of(const char *data, size_t size, struct json_fault *fault)
{
	*fault = (struct json_fault){0};
	json_t *tree = json_read(data, size, fault);
	assert_int_equal(tree == NULL, fault->trouble != JSON_FINE);
	json_decref(tree);
	return fault->trouble;
}

struct row {
	const char *text;
	enum json_trouble trouble;
};

static const struct row rows[] = {
	{"{}", JSON_FINE},
	{"[]", JSON_FINE},
	{" [1, -2.5e3, true, null, \"x\\n\\u00e9\"] ", JSON_FINE},
	{"{\"a\":{\"a\":1}}", JSON_FINE},
	{"{\"\xc3\xa9\":\"\xf0\x9f\x98\x80\"}", JSON_FINE},
	{"", JSON_MALFORMED},
	{"1", JSON_MALFORMED},
	{"\"x\"", JSON_MALFORMED},
	{"{\"a\":1,}", JSON_MALFORMED},
	{"{\"a\" 1}", JSON_MALFORMED},
	{"{'a':1}", JSON_MALFORMED},
	{"[1", JSON_MALFORMED},
	{"[1]]", JSON_MALFORMED},
	{"[1] [2]", JSON_MALFORMED},
	{"{]", JSON_MALFORMED},
	{"[01]", JSON_MALFORMED},
	{"[NaN]", JSON_MALFORMED},
	{"[1e999]", JSON_MALFORMED},
	{"[99999999999999999999]", JSON_MALFORMED},
	{"[\"\\u0000\"]", JSON_MALFORMED},
	{"[\"\\ud800\"]", JSON_MALFORMED},
	{"[\"a\x01\"]", JSON_MALFORMED},
	{"[\"abc]", JSON_MALFORMED},
	{"[\"abc\\\"", JSON_MALFORMED},
	{"[\"abc\\", JSON_MALFORMED},
	{"\xef\xbb\xbf{}", JSON_MALFORMED},
	{"{\"a\":1,\"a\":2}", JSON_DUPLICATE_KEY},
	{"{\"a\":1,\"\\u0061\":2}", JSON_DUPLICATE_KEY},
	{"[{\"b\":{\"x\":1,\"x\":1}}]", JSON_DUPLICATE_KEY},
	{"[\"\xff\"]", JSON_NOT_UTF8},
	{"[\"\xc0\xaf\"]", JSON_NOT_UTF8},
	{"[\"\xed\xa0\x80\"]", JSON_NOT_UTF8},
	{"[\"\xf4\x90\x80\x80\"]", JSON_NOT_UTF8},
	{"[\"\xc3", JSON_NOT_UTF8},
};

static void each_text_is_read_or_refused_for_its_own_trouble(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct json_fault fault;
		enum json_trouble trouble = trouble_of(rows[i].text, strlen(rows[i].text), &fault);
		if (trouble != rows[i].trouble)
			fail_msg("%s: %d, %s", rows[i].text, (int)trouble, fault.text);
		if (trouble != JSON_FINE)
			assert_true(fault.text[0] != 0);
	}
}

static void a_nul_byte_is_refused_wherever_it_stands(void **state)
{
	(void)state;
	struct json_fault fault;
	assert_int_equal(trouble_of("[1]\0", 4, &fault), JSON_MALFORMED);
	assert_int_equal(trouble_of("[\"\0\"]", 5, &fault), JSON_MALFORMED);
}

static void depth_is_allowed_to_the_bound_and_refused_one_beyond(void **state)
{
	(void)state;
	char text[2 * (JSON_DEPTH_MAX + 1)];
	struct json_fault fault;
	for (size_t depth = JSON_DEPTH_MAX; depth <= JSON_DEPTH_MAX + 1; depth++) {
		memset(text, '[', depth);
		memset(text + depth, ']', depth);
		assert_int_equal(trouble_of(text, 2 * depth, &fault),
				 depth == JSON_DEPTH_MAX ? JSON_FINE : JSON_TOO_DEEP);
	}
	assert_int_equal(fault.line, 1);
	assert_int_equal(fault.column, JSON_DEPTH_MAX + 1);
}

/* An array of count - 1 elements is count values. */
static enum json_trouble trouble_of_values(size_t count, const char *element)
{
	struct herald_builder text;
	struct json_fault fault;
	herald_builder_init(&text, 1 << 20);
	herald_add(&text, "[");
	for (size_t i = 1; i < count; i++) {
		herald_add(&text, i > 1 ? "," : "");
		herald_add(&text, element);
	}
	herald_add(&text, "]");
	assert_int_equal(text.code, HERALD_OK);
	enum json_trouble trouble = trouble_of(text.data, text.size, &fault);
	herald_builder_done(&text);
	return trouble;
}

static void values_of_every_kind_count_to_the_bound_and_not_beyond(void **state)
{
	(void)state;
	static const char *const elements[] = {"0", "\"x\"", "{}", "[]", "null"};
	for (size_t i = 0; i < countof(elements); i++) {
		assert_int_equal(trouble_of_values(JSON_VALUES_MAX, elements[i]), JSON_FINE);
		assert_int_equal(trouble_of_values(JSON_VALUES_MAX + 1, elements[i]), JSON_TOO_MANY);
	}
}

static void keys_do_not_count_as_values(void **state)
{
	(void)state;
	/* Each element is two values, the object and its number: keys as values would be three. */
	assert_int_equal(trouble_of_values(JSON_VALUES_MAX / 2, "{\"k\" : 1}"), JSON_FINE);
	assert_int_equal(trouble_of_values(JSON_VALUES_MAX / 2 + 2, "{\"k\" : 1}"), JSON_TOO_MANY);
}

static void a_key_may_be_as_long_as_the_bound(void **state)
{
	(void)state;
	char text[JSON_KEY_BYTES_MAX + 16];
	struct json_fault fault;
	for (int length = JSON_KEY_BYTES_MAX; length <= JSON_KEY_BYTES_MAX + 1; length++) {
		int size = snprintf(text, sizeof(text), "{\"%0*d\":1}", length, 0);
		assert_int_equal(trouble_of(text, (size_t)size, &fault),
				 length == JSON_KEY_BYTES_MAX ? JSON_FINE : JSON_TOO_MANY);
	}
}

static void a_fault_says_where_and_shows_no_control_bytes(void **state)
{
	(void)state;
	struct json_fault fault;
	const char *text = "{\n  \"a\": 1,\n  \"b\": \x1b[31mred\n}";
	assert_int_equal(trouble_of(text, strlen(text), &fault), JSON_MALFORMED);
	for (const char *c = fault.text; *c != 0; c++)
		assert_true(*c >= 0x20 && *c < 0x7f);

	text = "{\n  \"a\": 1,\n  \"b\" 2 }";
	assert_int_equal(trouble_of(text, strlen(text), &fault), JSON_MALFORMED);
	assert_int_equal(fault.line, 3);
	assert_true(fault.column > 0);

	text = "[\n\n\"\xff\"]";
	assert_int_equal(trouble_of(text, strlen(text), &fault), JSON_NOT_UTF8);
	assert_int_equal(fault.line, 3);
}

/* What is read can be written and read again to the same; what is refused says why; nothing else happens. */
static void every_prefix_and_every_turned_byte_is_read_or_refused(void **state)
{
	(void)state;
	static const char text[] = "{\"a\":[1,-2.5e3,true,null,\"x\\n\\u00e9\\ud83d\\ude00\"],\"b\":{\"c\":{}"
				   ",\"\xc3\xa9\":\"\"}}";
	uint32_t dice = 11;
	for (int i = 0; i < 30000; i++) {
		char copy[sizeof(text)];
		memcpy(copy, text, sizeof(text));
		for (int turns = i % 4; turns > 0; turns--) {
			dice = dice * 1664525u + 1013904223u;
			copy[(dice >> 16) % (sizeof(text) - 1)] = (char)(dice >> 8);
		}
		size_t size = i < (int)sizeof(text) ? (size_t)i : sizeof(text) - 1;
		struct json_fault fault = {0};
		json_auto *tree = json_read(copy, size, &fault);
		assert_true((tree == NULL) == (fault.trouble != JSON_FINE && fault.text[0] != 0));
		if (tree == NULL)
			continue;
		struct herald_builder written;
		herald_builder_init(&written, 10000);
		json_write(tree, &written);
		json_auto *again = json_read(written.data, written.size, &fault);
		assert_true(json_equal(tree, again));
		herald_builder_done(&written);
	}
}

static void a_tree_is_written_compact_and_in_its_order(void **state)
{
	(void)state;
	struct json_fault fault;
	const char *text = "{ \"z\" : [ 1 , 2.5 , \"\\u00e9\" ] , \"a\" : { } }";
	json_auto *tree = json_read(text, strlen(text), &fault);
	assert_non_null(tree);
	struct herald_builder written;
	herald_builder_init(&written, 1000);
	json_write(tree, &written);
	assert_string_equal(written.data, "{\"z\":[1,2.5,\"\xc3\xa9\"],\"a\":{}}");
	herald_builder_done(&written);

	herald_builder_init(&written, 5);
	json_write(tree, &written);
	assert_int_equal(written.code, HERALD_LIMIT);
	herald_builder_done(&written);
}

static void a_pointer_escapes_its_steps_and_never_takes_half_of_one(void **state)
{
	(void)state;
	char pointer[16] = "";
	json_pointer_add(pointer, sizeof(pointer), "to");
	json_pointer_add(pointer, sizeof(pointer), "a/b~c");
	assert_string_equal(pointer, "/to/a~1b~0c");
	json_pointer_add(pointer, sizeof(pointer), "1234");
	assert_string_equal(pointer, "/to/a~1b~0c");
	json_pointer_add(pointer, sizeof(pointer), "123");
	assert_string_equal(pointer, "/to/a~1b~0c/123");
	json_pointer_add(pointer, sizeof(pointer), "");
	assert_string_equal(pointer, "/to/a~1b~0c/123");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_text_is_read_or_refused_for_its_own_trouble),
		cmocka_unit_test(a_nul_byte_is_refused_wherever_it_stands),
		cmocka_unit_test(depth_is_allowed_to_the_bound_and_refused_one_beyond),
		cmocka_unit_test(values_of_every_kind_count_to_the_bound_and_not_beyond),
		cmocka_unit_test(keys_do_not_count_as_values),
		cmocka_unit_test(a_key_may_be_as_long_as_the_bound),
		cmocka_unit_test(a_fault_says_where_and_shows_no_control_bytes),
		cmocka_unit_test(every_prefix_and_every_turned_byte_is_read_or_refused),
		cmocka_unit_test(a_tree_is_written_compact_and_in_its_order),
		cmocka_unit_test(a_pointer_escapes_its_steps_and_never_takes_half_of_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_shape.c - what shape.c promises: a body held against its table, complaints by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "shape.h"

static const struct shape_field FIELDS[] = {
	{.name = "text", .kind = SHAPE_TEXT, .is_required = true, .min = 1, .max = 3},
	{.name = "count", .kind = SHAPE_INTEGER, .min = 2, .max = 4},
	{.name = "list", .kind = SHAPE_ARRAY, .min = 1, .max = 2},
	{.name = "flag", .kind = SHAPE_BOOL},
	{.name = "thing", .kind = SHAPE_OBJECT},
	{.name = "any", .kind = SHAPE_ANY},
};

static void a_body_is_taken_at_its_edges_and_refused_one_beyond(void **state)
{
	static const struct {
		const char *body, *reason;
	} cases[] = {
		{"{\"text\":\"abc\",\"count\":2,\"list\":[1,2],\"flag\":false,\"thing\":{},\"any\":null}",
		 NULL},
		{"{\"text\":\"\xc3\xbc\xc3\xbc\xc3\xbc\"}", NULL}, /* characters, not bytes */
		{"{\"text\":\"abcd\"}", "in.text: 4 characters"},
		{"{\"text\":\"\"}", "in.text: 0 characters"},
		{"{\"text\":1}", "in.text: must be a string"},
		{"{}", "in.text: is missing"},
		{"{\"text\":\"a\",\"count\":1}", "in.count: 1"},
		{"{\"text\":\"a\",\"count\":5}", "in.count: 5"},
		{"{\"text\":\"a\",\"count\":2.5}", "in.count: must be an integer"},
		{"{\"text\":\"a\",\"list\":[]}", "in.list: 0 items"},
		{"{\"text\":\"a\",\"list\":[1,2,3]}", "in.list: 3 items"},
		{"{\"text\":\"a\",\"flag\":0}", "in.flag: must be true or false"},
		{"{\"text\":\"a\",\"thing\":[]}", "in.thing: must be an object"},
		{"{\"text\":\"a\",\"other\":1}", "in.other: no such field"},
		{"[]", "is not an object"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct herald_error err = {.text = ""};
		json_t *body = json_loads(cases[i].body, 0, NULL);
		enum herald_code code =
			shape_check(body, FIELDS, sizeof(FIELDS) / sizeof(FIELDS[0]), "in.", &err);
		json_decref(body);
		if (cases[i].reason) {
			assert_int_equal(code, HERALD_INVALID);
			assert_non_null(strstr(err.text, cases[i].reason));
		} else {
			assert_int_equal(code, HERALD_OK);
		}
	}
}

static void numbers_and_uuids_are_known_by_their_shape(void **state)
{
	(void)state;
	assert_true(shape_is_e164("+12"));
	assert_true(shape_is_e164("+123456789012345"));
	assert_false(shape_is_e164("+1234567890123456"));
	assert_false(shape_is_e164("+1"));
	assert_false(shape_is_e164("+02"));
	assert_false(shape_is_e164("12345"));
	assert_false(shape_is_e164("+12 34"));
	assert_true(shape_is_uuid("29c325b5-60f9-444d-b969-43554b295f6a"));
	assert_true(shape_is_uuid("29C325B5-60F9-444D-B969-43554B295F6A"));
	assert_false(shape_is_uuid("29c325b5-60f9-444d-b969-43554b295f6"));
	assert_false(shape_is_uuid("29c325b5x60f9-444d-b969-43554b295f6a"));
	assert_false(shape_is_uuid("29c325b5-60f9-444d-b969-43554b295f6g"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_body_is_taken_at_its_edges_and_refused_one_beyond),
		cmocka_unit_test(numbers_and_uuids_are_known_by_their_shape),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

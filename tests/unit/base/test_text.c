/* test_text.c - what was cut or came broken is shown as far as it is text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/text.h"
#include "herald/kit.h"
#include "base/check.h"

static void what_is_text_stays_as_it_is(void **state)
{
	char text[] = "plain, \xc3\xa4, \xe2\x82\xac, \xf0\x9f\x98\x80";
	char empty[] = "";

	(void)state;
	assert_false(text_mend_utf8(text));
	assert_string_equal(text, "plain, \xc3\xa4, \xe2\x82\xac, \xf0\x9f\x98\x80");
	assert_false(text_mend_utf8(empty));
}

static void a_character_that_lost_its_end_goes_as_a_whole(void **state)
{
	char one[] = "price 3 \xe2\x82", other[] = "\xf0\x9f\x98", third[] = "a\xc3";

	(void)state;
	assert_true(text_mend_utf8(one));
	assert_string_equal(one, "price 3 ");
	assert_true(text_mend_utf8(other));
	assert_string_equal(other, "");
	assert_true(text_mend_utf8(third));
	assert_string_equal(third, "a");
}

static void a_byte_that_is_no_part_of_a_character_becomes_a_question_mark(void **state)
{
	static const struct {
		const char *from, *to;
	} rows[] = {
		{"\xff", "?"},
		{"a\xe9 b", "a? b"},
		{"\xc0\xaf", "??"},
		{"\xed\xa0\x80x", "???x"},
		{"\x80\xe2\x82\xac\x80", "?\xe2\x82\xac?"},
		{"\xf0 ab", "? ab"},
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		char text[32];

		memcpy(text, rows[i].from, strlen(rows[i].from) + 1);
		assert_true(text_mend_utf8(text));
		assert_string_equal(text, rows[i].to);
	}
}

static void any_bytes_become_text_that_is_not_longer(void **state)
{
	uint32_t dice = 12345;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		char text[12];
		size_t size;

		for (size_t i = 0; i < sizeof(text) - 1; i++) {
			dice = dice * 1103515245 + 12345;
			text[i] = (char)(dice >> 16 | 1);
		}
		text[sizeof(text) - 1] = 0;
		size = strlen(text);
		text_mend_utf8(text);
		assert_true(strlen(text) <= size);
		assert_true(herald_utf8_valid(text, strlen(text)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_text_stays_as_it_is),
		cmocka_unit_test(a_character_that_lost_its_end_goes_as_a_whole),
		cmocka_unit_test(a_byte_that_is_no_part_of_a_character_becomes_a_question_mark),
		cmocka_unit_test(any_bytes_become_text_that_is_not_longer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

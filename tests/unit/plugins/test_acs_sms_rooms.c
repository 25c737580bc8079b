/* test_acs_sms_rooms.c - segments, numbers and countries: what is paid for, and who may cause it. */
#include "cmocka_first.h"

#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "acs_sms/e164.h"
#include "acs_sms/request.h"
#include "acs_sms/segments.h"
#include "herald/kit.h"

/* `what` repeated n times, then `tail`. */
static struct segments count(const char *what, size_t n, const char *tail)
{
	size_t size = strlen(what);
	char *text = malloc(n * size + strlen(tail) + 1);

	for (size_t i = 0; i < n; i++)
		memcpy(text + i * size, what, size);
	memcpy(text + n * size, tail, strlen(tail) + 1);
	struct segments result = segments_count(text, strlen(text));
	free(text);
	return result;
}

static void gsm_texts_take_160_alone_and_153_joined(void **state)
{
	(void)state;
	assert_int_equal(count("", 0, "").parts, 0);
	assert_int_equal(count("a", 1, "").parts, 1);
	assert_int_equal(count("a", 160, "").parts, 1);
	assert_int_equal(count("a", 161, "").parts, 2);
	assert_int_equal(count("a", 306, "").parts, 2);
	assert_int_equal(count("a", 307, "").parts, 3);
	assert_int_equal(count("a", 459, "").parts, 3);
	assert_int_equal(count("a", 460, "").parts, 4);
	assert_false(count("a", 460, "").is_ucs2);
}

static void one_character_outside_gsm_turns_the_whole_text(void **state)
{
	(void)state;
	assert_int_equal(count("a", 69, "\xE4\xBD\xA0").parts, 1);
	assert_int_equal(count("a", 70, "\xE4\xBD\xA0").parts, 2);
	assert_true(count("a", 70, "\xE4\xBD\xA0").is_ucs2);
	assert_int_equal(count("a", 133, "\xE4\xBD\xA0").parts, 2);
	assert_int_equal(count("a", 134, "\xE4\xBD\xA0").parts, 3);
	assert_true(count("`", 1, "").is_ucs2);
	assert_true(count("\t", 1, "").is_ucs2);
	assert_true(count("\xC3\xA7", 1, "")
			    .is_ucs2); /* small c with cedilla is not in the alphabet; the capital is */
	assert_false(count("\xC3\x87", 1, "").is_ucs2);
}

static void the_whole_gsm_alphabet_is_known(void **state)
{
	static const char basic[] =
		"@\xC2\xA3$"
		"\xC2\xA5\xC3\xA8\xC3\xA9\xC3\xB9\xC3\xAC\xC3\xB2\xC3\x87\n\xC3\x98\xC3\xB8\r\xC3\x85\xC3"
		"\xA5\xCE\x94_"
		"\xCE\xA6\xCE\x93\xCE\x9B\xCE\xA9\xCE\xA0\xCE\xA8\xCE\xA3\xCE\x98\xCE\x9E\xC3\x86\xC3"
		"\xA6\xC3\x9F\xC3\x89 !\"#\xC2\xA4%&'()*+,-./0123456789:;<=>?\xC2\xA1"
		"ABCDEFGHIJKLMNOPQRSTUVWXYZ\xC3\x84\xC3\x96\xC3\x91\xC3\x9C\xC2\xA7\xC2\xBF"
		"abcdefghijklmnopqrstuvwxyz\xC3\xA4\xC3\xB6\xC3\xB1\xC3\xBC\xC3\xA0";
	struct segments basic_count = count(basic, 1, ""), escaped = count("^{}\\[~]|\xE2\x82\xAC\f", 1, "");

	(void)state;
	assert_false(basic_count.is_ucs2);
	assert_int_equal(basic_count.units, 127);
	assert_false(escaped.is_ucs2);
	assert_int_equal(escaped.units, 20);
}

static void pairs_are_not_split_over_parts(void **state)
{
	(void)state;
	/* 152 septets and an escape pair: the pair begins the next part. */
	assert_int_equal(count("a", 160, "{").units, 162);
	assert_int_equal(count("{", 80, "").parts, 1);
	assert_int_equal(count("{", 81, "").parts, 2); /* 76 pairs are 152 septets: one is wasted */
	assert_int_equal(count("{", 152, "").parts, 2);
	assert_int_equal(count("{", 153, "").parts, 3);
	/* 33 surrogate pairs are 66 units: one of 67 is wasted. */
	assert_int_equal(count("\xF0\x9F\x98\x80", 35, "").parts, 1);
	assert_int_equal(count("\xF0\x9F\x98\x80", 36, "").parts, 2);
	assert_int_equal(count("\xF0\x9F\x98\x80", 66, "").parts, 2);
	assert_int_equal(count("\xF0\x9F\x98\x80", 67, "").parts, 3);
	assert_int_equal(count("\xF0\x9F\x98\x80", 1024, "").parts, 32);
	assert_int_equal(count("\xF0\x9F\x98\x80", 1024, "").utf16, 2048);
}

static void only_e164_is_a_number(void **state)
{
	static const char *const good[] = {"+4366012345678", "+14255550123", "+2904123", "+123456789012345"};
	static const char *const bad[] = {"",
					  "+",
					  "4366012345678",
					  "004366012345678",
					  "+0123456789",
					  "+123456",
					  "+1234567890123456",
					  "+1 (555) 123",
					  "+1-425-555-0123",
					  "+1425555012a",
					  "+14255550123 ",
					  " +14255550123",
					  "++14255550123",
					  "+14255550123\n",
					  "tel:+14255550123"};

	(void)state;
	for (size_t i = 0; i < countof(good); i++)
		assert_true(e164_is_number(good[i]));
	for (size_t i = 0; i < countof(bad); i++)
		assert_false(e164_is_number(bad[i]));
}

static bool allows(const char *list, const char *number)
{
	char text[100];
	const char *items[10];
	char *rest = text, *item;
	herald_list countries = {items, 0};
	struct herald_error err = {0};

	snprintf(text, sizeof(text), "%s", list);
	while ((item = strsep(&rest, ",")))
		if (*item)
			items[countries.count++] = item;
	assert_int_equal(e164_check_countries(&countries, &err), HERALD_OK);
	enum herald_code code = e164_check(number, &countries, &err);
	assert_true(code == HERALD_OK || (code == HERALD_INVALID && err.text[0] != '\0'));
	return code == HERALD_OK;
}

static void an_empty_list_allows_nothing(void **state)
{
	(void)state;
	assert_false(allows("", "+4366012345678"));
	assert_true(allows("*", "+4366012345678"));
	assert_true(allows("AT", "+4366012345678"));
	assert_true(allows("DE,+43", "+4366012345678"));
	assert_true(allows("+43660", "+4366012345678"));
	assert_false(allows("+43661,DE", "+4366012345678"));
}

static void the_longest_prefix_says_whose_a_number_is(void **state)
{
	(void)state;
	assert_true(allows("US", "+14255550123"));
	assert_false(allows("US", "+14165550123")); /* Toronto */
	assert_true(allows("CA", "+14165550123"));
	assert_false(allows("US", "+18765550123")); /* Jamaica */
	assert_true(allows("JM", "+18765550123"));
	assert_true(allows("+1", "+18765550123")); /* said so by prefix */
	assert_true(allows("RU", "+79161234567"));
	assert_false(allows("RU", "+77011234567"));
	assert_true(allows("KZ", "+77011234567"));
	assert_true(allows("GB", "+447700900123"));
	assert_false(allows("GB", "+447797123456")); /* Jersey */
	assert_true(allows("IT", "+393331234567"));
	assert_true(allows("FK", "+50012345"));
	assert_true(allows("GS", "+50012345"));
	assert_false(allows("US", "+21012345678")); /* nobody's */
	assert_true(allows("*", "+21012345678"));
}

static void premium_and_satellite_ranges_are_refused_unless_named(void **state)
{
	static const char *const numbers[] = {"+882161234567", "+19005550123",  "+447012345678",
					      "+881612345678", "+870123456789", "+4990012345678",
					      "+97912345678"};

	(void)state;
	for (size_t i = 0; i < countof(numbers); i++)
		assert_false(allows("*,US,GB,DE,+1,+44,+49", numbers[i]));
	assert_true(allows("+882", "+882161234567"));
	assert_true(allows("+1900", "+19005550123"));
	assert_false(allows("+190", "+19005550123"));
	assert_true(allows("+88216", "+882161234567"));
}

static void a_wrong_entry_in_countries_is_named(void **state)
{
	static const char *const bad[] = {"de", "XX", "49", "+", "+0", "+49x", "", "Germany", "**"};

	(void)state;
	for (size_t i = 0; i < countof(bad); i++) {
		const herald_list list = {&bad[i], 1};
		struct herald_error err = {0};
		assert_int_equal(e164_check_countries(&list, &err), HERALD_INVALID);
		assert_non_null(strstr(err.text, bad[i]));
	}
}

static void senders_are_numbers_short_codes_or_names(void **state)
{
	static const char *const good[] = {"+18445550100", "12345",       "555", "Herald",
					   "Shop 24",      "ABCDEFGHIJK", "a"};
	static const char *const bad[] = {
		"",       "+1",    "12",    "123456789",    "ABCDEFGHIJKL",     "Shop-24",
		"Sh\"op", " Shop", "Shop ", "+1844555x100", "\xC3\xA9t\xC3\xA9"};

	(void)state;
	for (size_t i = 0; i < countof(good); i++)
		assert_true(sms_is_sender(good[i]));
	for (size_t i = 0; i < countof(bad); i++)
		assert_false(sms_is_sender(bad[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gsm_texts_take_160_alone_and_153_joined),
		cmocka_unit_test(one_character_outside_gsm_turns_the_whole_text),
		cmocka_unit_test(the_whole_gsm_alphabet_is_known),
		cmocka_unit_test(pairs_are_not_split_over_parts),
		cmocka_unit_test(only_e164_is_a_number),
		cmocka_unit_test(an_empty_list_allows_nothing),
		cmocka_unit_test(the_longest_prefix_says_whose_a_number_is),
		cmocka_unit_test(premium_and_satellite_ranges_are_refused_unless_named),
		cmocka_unit_test(a_wrong_entry_in_countries_is_named),
		cmocka_unit_test(senders_are_numbers_short_codes_or_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_marker.c - what marker.c promises: names found whole, wherever they stand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "marker.h"

static void both_names_are_found_whatever_surrounds_them(void **state)
{
	static const struct {
		const char *data, *delivery, *marker;
	} cases[] = {
		{"", "", ""},
		{"nothing", "", ""},
		{"ntf_0123456789ABC-1", "ntf_0123456789ABC-1", ""},
		{"{\"id\":\"ntf_0123456789ABC-12\"}", "ntf_0123456789ABC-12", ""},
		{"<ntf_0123456789ABC-1@host>", "ntf_0123456789ABC-1", ""},
		{"ntf_0123456789ABC", "", ""},
		{"ntf_0123456789ABC-", "", ""},
		{"ntf_0123456789AB-1", "", ""},
		{"ntf_01234567?9ABC-1", "", ""},
		{"nid-1-2", "", "nid-1-2"},
		{"order #nid-17-1700000000000000 has shipped", "", "nid-17-1700000000000000"},
		{"nid-1", "", ""},
		{"nid--1", "", ""},
		{"nnid-1-2 ntf_0123456789ABC-3", "ntf_0123456789ABC-3", "nid-1-2"},
		{"ntf_0123456789ABC-1 ntf_0123456789ABC-2", "ntf_0123456789ABC-1", ""},
	};
	char delivery[MARKER_TEXT_SIZE], marker[MARKER_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		marker_find(cases[i].data, strlen(cases[i].data), delivery, marker);
		assert_string_equal(delivery, cases[i].delivery);
		assert_string_equal(marker, cases[i].marker);
	}
}

static void nothing_behind_the_end_is_read(void **state)
{
	static const char DATA[] = "nid-1-23456";
	char delivery[MARKER_TEXT_SIZE], marker[MARKER_TEXT_SIZE];

	(void)state;
	marker_find(DATA, 8, delivery, marker);
	assert_string_equal(marker, "nid-1-23");
	for (size_t size = 0; size < 7; size++) {
		marker_find(DATA, size, delivery, marker);
		assert_string_equal(marker, "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_names_are_found_whatever_surrounds_them),
		cmocka_unit_test(nothing_behind_the_end_is_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

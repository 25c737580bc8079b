/* test_acs_answer.c - whatever a service answers, a fault is safe to show. */
#include "cmocka_first.h"

#include <stdlib.h>
#include <string.h>

#include "acs/answer.h"
#include "herald/kit.h"

static struct acs_fault read_fault(const char *body)
{
	struct acs_fault fault;

	acs_fault_read((struct herald_text){body, strlen(body)}, &fault);
	return fault;
}

static void every_shape_of_an_error_is_read(void **state)
{
	static const char *const rows[][3] = {
		{"{\"error\":{\"code\":\"Denied\",\"message\":\"No.\"}}", "Denied", "No."},
		{"{\"error\":{\"code\":17,\"message\":null}}", "", ""},
		{"{\"error\":\"invalid_client\",\"message\":\"m\"}", "invalid_client", "m"},
		{"{\"error\":[1]}", "", ""},
		{"{\"errorCode\":209,\"message\":\"{\\r\\n \\\"subCode\\\": \\\"MessageWritesBlocked\\\" "
		 "}\"}",
		 "MessageWritesBlocked", "{   \"subCode\": \"MessageWritesBlocked\" }"},
		{"{\"errorCode\":209,\"message\":\"broken {\"}", "MessageWritesBlocked", "broken {"},
		{"{\"message\":\"{ \\\"subCode\\\": \\\"MessageWritesBlocked\\\", \"}",
		 "MessageWritesBlocked", "{ \"subCode\": \"MessageWritesBlocked\", "},
		{"{\"code\":\"Plain\",\"message\":\"flat\"}", "Plain", "flat"},
		{"<html>502</html>", "", ""},
		{"", "", ""},
		{"[]", "", ""},
		{"{\"error\":{\"code\":\"X\"", "", ""},
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct acs_fault fault = read_fault(rows[i][0]);
		assert_string_equal(fault.code, rows[i][1]);
		assert_string_equal(fault.message, rows[i][2]);
	}
}

static void a_long_or_dirty_message_is_cut_and_cleaned(void **state)
{
	struct herald_builder body;
	struct acs_fault fault;

	(void)state;
	herald_builder_init(&body, 1000);
	herald_add(&body, "{\"error\":{\"code\":\"C\\u0007\\u001b[2J\",\"message\":\"");
	for (int i = 0; i < 200; i++)
		herald_add(&body, "\xE2\x82\xAC");
	herald_add(&body, "\"}}");
	fault = read_fault(body.data);
	herald_builder_done(&body);
	assert_string_equal(fault.code, "C  [2J");
	assert_int_equal(strlen(fault.message), 159 / 3 * 3);
	assert_true(herald_utf8_valid(fault.message, strlen(fault.message)));
}

static void an_outcome_fits_its_fields(void **state)
{
	struct herald_outcome outcome = {.struct_size = sizeof(outcome), .retry_after_ms = 5};
	char long_text[400];

	(void)state;
	memset(long_text, 'r', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	acs_outcome_set(&outcome, HERALD_REJECTED, "5.3.4", "a\nb %s", long_text);
	assert_int_equal(strlen(outcome.reason), sizeof(outcome.reason) - 1);
	assert_memory_equal(outcome.reason, "a b rrr", 7);
	assert_int_equal(outcome.retry_after_ms, 5);
	acs_outcome_sent(&outcome, long_text, "ok");
	assert_int_equal(strlen(outcome.provider_ref), sizeof(outcome.provider_ref) - 1);
	assert_int_equal(outcome.verdict, HERALD_SENT);
	assert_int_equal(outcome.retry_after_ms, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_shape_of_an_error_is_read),
		cmocka_unit_test(a_long_or_dirty_message_is_cut_and_cleaned),
		cmocka_unit_test(an_outcome_fits_its_fields),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

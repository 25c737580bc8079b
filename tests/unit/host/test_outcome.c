/* Nothing that a plugin wrote is believed unread. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "host/outcome.h"

static struct herald_outcome take(struct herald_outcome from)
{
	struct herald_outcome taken;

	from.struct_size = from.struct_size ? from.struct_size : sizeof(from);
	outcome_take(&from, &taken);
	return taken;
}

static void status_and_reason_are_never_empty(void **state)
{
	(void)state;
	for (uint32_t verdict = HERALD_DELIVERED; verdict <= HERALD_MISCONFIGURED; verdict++) {
		struct herald_outcome taken = take((struct herald_outcome){.verdict = verdict});
		assert_int_equal(taken.verdict, verdict);
		assert_true(taken.status[0] >= '2' && taken.status[0] <= '5');
		assert_true(taken.reason[0] != '\0');
	}
}

static void an_unknown_verdict_is_read_by_its_status_and_else_uncertain(void **state)
{
	(void)state;
	assert_int_equal(take((struct herald_outcome){.verdict = 99, .status = "2.6.0"}).verdict,
			 HERALD_SENT);
	assert_int_equal(take((struct herald_outcome){.verdict = 99, .status = "4.6.0"}).verdict,
			 HERALD_DEFERRED);
	assert_int_equal(take((struct herald_outcome){.verdict = 99, .status = "5.6.0"}).verdict,
			 HERALD_REJECTED);
	assert_int_equal(take((struct herald_outcome){.verdict = 99}).verdict, HERALD_UNCERTAIN);
	assert_int_equal(take((struct herald_outcome){.verdict = 99, .status = "nonsense"}).verdict,
			 HERALD_UNCERTAIN);
	assert_int_equal(take((struct herald_outcome){.verdict = 0, .status = "4.0.0"}).verdict,
			 HERALD_UNCERTAIN);
}

static void a_status_that_is_none_is_replaced(void **state)
{
	static const char *const bad[] = {"",      "4",      "4.",     "4..1",    "4.7.1.2",
					  "3.1.1", "44.1.1", "4.7.1x", "4.7777.1"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct herald_outcome from = {.verdict = HERALD_THROTTLED};
		snprintf(from.status, sizeof(from.status), "%s", bad[i]);
		assert_string_equal(take(from).status, "4.7.1");
	}
	assert_string_equal(
		take((struct herald_outcome){.verdict = HERALD_DEFERRED, .status = "4.2.2"}).status, "4.2.2");
}

static void texts_end_and_hold_nothing_that_a_log_should_not_see(void **state)
{
	struct herald_outcome from = {.verdict = HERALD_REJECTED};

	(void)state;
	memset(from.reason, 'A', sizeof(from.reason));
	memset(from.provider_ref, '\n', sizeof(from.provider_ref));
	struct herald_outcome taken = take(from);
	assert_int_equal(strlen(taken.reason), sizeof(taken.reason) - 1);
	assert_int_equal(strspn(taken.provider_ref, "?"), sizeof(taken.provider_ref) - 1);
	snprintf(from.reason, sizeof(from.reason), "na\xC3\xAFve \x1B[31m");
	assert_string_equal(take(from).reason, "na\xC3\xAFve ?[31m");
	snprintf(from.reason, sizeof(from.reason), "bad \xFF byte");
	assert_string_equal(take(from).reason, "bad ? byte");
}

static void a_struct_of_another_size_is_not_read(void **state)
{
	(void)state;
	struct herald_outcome taken =
		take((struct herald_outcome){.struct_size = 8, .verdict = HERALD_DELIVERED});
	assert_int_equal(taken.verdict, HERALD_UNCERTAIN);
	taken = take((struct herald_outcome){.struct_size = 4096, .verdict = HERALD_DELIVERED});
	assert_int_equal(taken.verdict, HERALD_DELIVERED);
}

static void a_wait_is_bounded(void **state)
{
	(void)state;
	assert_int_equal(take((struct herald_outcome){.verdict = 3, .retry_after_ms = -5}).retry_after_ms, 0);
	assert_int_equal(
		take((struct herald_outcome){.verdict = 3, .retry_after_ms = INT64_MAX}).retry_after_ms,
		INT64_C(366) * 24 * 3600 * 1000);
}

static void an_answer_is_classified_by_the_table(void **state)
{
	static const struct {
		uint32_t failure;
		int32_t status;
		enum herald_verdict verdict;
	} table[] = {
		{HERALD_HTTP_ANSWERED, 200, HERALD_SENT},
		{HERALD_HTTP_ANSWERED, 299, HERALD_SENT},
		{HERALD_HTTP_ANSWERED, 302, HERALD_REJECTED},
		{HERALD_HTTP_ANSWERED, 401, HERALD_MISCONFIGURED},
		{HERALD_HTTP_ANSWERED, 403, HERALD_MISCONFIGURED},
		{HERALD_HTTP_ANSWERED, 404, HERALD_REJECTED},
		{HERALD_HTTP_ANSWERED, 408, HERALD_DEFERRED},
		{HERALD_HTTP_ANSWERED, 429, HERALD_THROTTLED},
		{HERALD_HTTP_ANSWERED, 500, HERALD_DEFERRED},
		{HERALD_HTTP_ANSWERED, 599, HERALD_DEFERRED},
		{HERALD_HTTP_ANSWERED, 101, HERALD_UNCERTAIN},
		{HERALD_HTTP_ANSWERED, 600, HERALD_UNCERTAIN},
		{HERALD_HTTP_NOT_SENT, 0, HERALD_DEFERRED},
		{HERALD_HTTP_LOST, 0, HERALD_UNCERTAIN},
		{HERALD_HTTP_TOKEN, 0, HERALD_DEFERRED},
		{HERALD_HTTP_TOKEN, 401, HERALD_MISCONFIGURED},
		{HERALD_HTTP_TOKEN, 429, HERALD_DEFERRED},
		{HERALD_HTTP_TOKEN, 503, HERALD_DEFERRED},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const struct herald_http_reply reply = {
			.struct_size = sizeof(reply),
			.failure = table[i].failure,
			.status = table[i].status,
			.retry_after_ms = 7,
			.error = "why",
		};
		struct herald_outcome outcome = {.struct_size = sizeof(outcome)};
		outcome_classify_http(&reply, &outcome);
		if (outcome.verdict != table[i].verdict)
			fail_msg("row %zu: %u", i, outcome.verdict);
		assert_int_equal(outcome.retry_after_ms, 7);
	}
}

static void writing_past_an_outcome_is_seen(void **state)
{
	struct outcome_slip slip;

	(void)state;
	outcome_slip_init(&slip);
	memset(slip.outcome.reason, 'A', sizeof(slip.outcome.reason));
	assert_true(outcome_slip_is_whole(&slip));
	slip.guard[0] = 'A';
	assert_false(outcome_slip_is_whole(&slip));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(status_and_reason_are_never_empty),
		cmocka_unit_test(an_unknown_verdict_is_read_by_its_status_and_else_uncertain),
		cmocka_unit_test(a_status_that_is_none_is_replaced),
		cmocka_unit_test(texts_end_and_hold_nothing_that_a_log_should_not_see),
		cmocka_unit_test(a_struct_of_another_size_is_not_read),
		cmocka_unit_test(a_wait_is_bounded),
		cmocka_unit_test(an_answer_is_classified_by_the_table),
		cmocka_unit_test(writing_past_an_outcome_is_seen),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

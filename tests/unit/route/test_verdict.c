/* What happened decides what comes next: one table, with the clock and the dice in the rows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "route/verdict.h"

#define NOW INT64_C(1000000000)

static struct verdict_facts facts(void)
{
	return (struct verdict_facts){
		.now_ms = NOW,
		.first_attempt_at_ms = NOW - 10000,
		.expires_at_ms = NOW + 72 * 3600000,
		.dice = 0,
		.policy = &backoff_default,
		.attempts_max = 10,
	};
}

static void each_verdict_has_its_step(void **state)
{
	static const struct {
		enum herald_verdict verdict;
		enum delivery_state to;
		enum reason reason;
		bool spends_try, slows, holds, suppresses;
	} rows[] = {
		{HERALD_DELIVERED, DELIVERY_DELIVERED, REASON_none, true, false, false, false},
		{HERALD_SENT, DELIVERY_SENT, REASON_none, true, false, false, false},
		{HERALD_DEFERRED, DELIVERY_QUEUED, REASON_backoff, true, true, false, false},
		{HERALD_THROTTLED, DELIVERY_QUEUED, REASON_backoff, false, true, false, false},
		{HERALD_REJECTED, DELIVERY_DEAD, REASON_rejected, true, false, false, false},
		{HERALD_UNREACHABLE, DELIVERY_DEAD, REASON_unreachable, true, false, false, true},
		{HERALD_UNCERTAIN, DELIVERY_PARKED, REASON_uncertain, true, true, false, false},
		{HERALD_MISCONFIGURED, DELIVERY_QUEUED, REASON_backoff, false, false, true, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct verdict_facts given = facts();
		struct decision decision = verdict_decide(&given, rows[i].verdict, 0);

		assert_int_equal(decision.to, rows[i].to);
		assert_int_equal(decision.reason, rows[i].reason);
		assert_int_equal(decision.spends_try, rows[i].spends_try);
		assert_int_equal(decision.slows_destination, rows[i].slows);
		assert_int_equal(decision.holds_channel, rows[i].holds);
		assert_int_equal(decision.suppresses_address, rows[i].suppresses);
	}
}

static void back_off_is_half_for_certain_and_half_by_dice(void **state)
{
	struct verdict_facts given = facts();

	(void)state;
	assert_int_equal(verdict_retry_due(&given, 0), NOW + 5000);
	given.dice = 5000;
	assert_int_equal(verdict_retry_due(&given, 0), NOW + 10000);
	given.dice = UINT64_MAX;
	assert_true(verdict_retry_due(&given, 0) >= NOW + 5000 &&
		    verdict_retry_due(&given, 0) <= NOW + 10000);
	given.dice = 0;
	given.first_attempt_at_ms = NOW;
	assert_int_equal(verdict_retry_due(&given, 0), NOW + 500); /* never below the least */
	given.first_attempt_at_ms = NOW - INT64_C(1000) * 3600000;
	assert_int_equal(verdict_retry_due(&given, 0), NOW + 1800000); /* nor above the most */
	given.first_attempt_at_ms = NOW + 5000;                        /* the clock went back */
	assert_int_equal(verdict_retry_due(&given, 0), NOW + 500);
}

static void never_sooner_than_the_far_end_asked_and_never_later_than_a_day(void **state)
{
	struct verdict_facts given = facts();

	(void)state;
	assert_int_equal(verdict_retry_due(&given, 60000), NOW + 60000);
	assert_int_equal(verdict_retry_due(&given, 1), NOW + 5000);
	assert_int_equal(verdict_retry_due(&given, INT64_MAX), NOW + 24 * 3600000);
	assert_int_equal(verdict_retry_due(&given, -5), NOW + 5000);
}

static void tries_run_out_only_where_they_are_spent(void **state)
{
	struct verdict_facts given = facts();

	(void)state;
	given.tries_spent = 8;
	assert_int_equal(verdict_decide(&given, HERALD_DEFERRED, 0).to, DELIVERY_QUEUED);
	given.tries_spent = 9;
	assert_int_equal(verdict_decide(&given, HERALD_DEFERRED, 0).to, DELIVERY_DEAD);
	assert_int_equal(verdict_decide(&given, HERALD_DEFERRED, 0).reason, REASON_attempts_exhausted);
	assert_int_equal(verdict_decide(&given, HERALD_THROTTLED, 0).to, DELIVERY_QUEUED);
	assert_int_equal(verdict_decide(&given, HERALD_MISCONFIGURED, 0).to, DELIVERY_QUEUED);
}

static void what_would_come_too_late_expires_now(void **state)
{
	struct verdict_facts given = facts();

	(void)state;
	given.expires_at_ms = NOW + 5000;
	assert_int_equal(verdict_decide(&given, HERALD_DEFERRED, 0).to, DELIVERY_EXPIRED);
	given.expires_at_ms = NOW + 5001;
	assert_int_equal(verdict_decide(&given, HERALD_DEFERRED, 0).to, DELIVERY_QUEUED);
}

static void uncertain_is_decided_by_policy_and_by_what_the_provider_recognises(void **state)
{
	static const struct {
		enum uncertain_policy policy;
		bool is_email, is_critical;
		int64_t idempotent_ms;
		enum delivery_state to;
	} rows[] = {
		{UNCERTAIN_DEFAULT, false, false, 0, DELIVERY_PARKED},
		{UNCERTAIN_DEFAULT, true, false, 0, DELIVERY_QUEUED},
		{UNCERTAIN_DEFAULT, false, true, 0, DELIVERY_QUEUED},
		{UNCERTAIN_RETRY, false, false, 0, DELIVERY_QUEUED},
		{UNCERTAIN_PARK, true, true, 0, DELIVERY_PARKED},
		{UNCERTAIN_DEAD, true, true, 0, DELIVERY_DEAD},
		{UNCERTAIN_PARK, false, false, 10001, DELIVERY_QUEUED},
		{UNCERTAIN_PARK, false, false, 10000, DELIVERY_PARKED},
		{UNCERTAIN_DEAD, false, false, 300000, DELIVERY_QUEUED},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct verdict_facts given = facts();
		struct decision decision;

		given.uncertain = rows[i].policy;
		given.is_email = rows[i].is_email;
		given.is_critical = rows[i].is_critical;
		given.idempotent_ms = rows[i].idempotent_ms;
		decision = verdict_decide(&given, HERALD_UNCERTAIN, 0);
		assert_int_equal(decision.to, rows[i].to);
		assert_int_equal(decision.reason, REASON_uncertain);
		if (decision.to == DELIVERY_PARKED)
			assert_int_equal(decision.due_at_ms, given.expires_at_ms);
	}
}

static void an_unknown_verdict_is_read_by_its_class_and_never_as_again(void **state)
{
	static const struct {
		uint32_t verdict;
		const char *status;
		enum herald_verdict is;
		const char *becomes;
	} rows[] = {
		{99, "", HERALD_UNCERTAIN, "4.4.0"},    {99, "2.1.5", HERALD_SENT, "2.1.5"},
		{0, "4.2.2", HERALD_DEFERRED, "4.2.2"}, {0, "5.7.1", HERALD_REJECTED, "5.7.1"},
		{0, "5.x", HERALD_UNCERTAIN, "4.4.0"},  {HERALD_SENT, "banana", HERALD_SENT, "2.0.0"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct herald_outcome outcome = {.struct_size = sizeof(outcome), .verdict = rows[i].verdict};

		strncpy(outcome.status, rows[i].status, sizeof(outcome.status) - 1);
		assert_true(outcome_normalise(&outcome));
		assert_int_equal(outcome.verdict, rows[i].is);
		assert_string_equal(outcome.status, rows[i].becomes);
		assert_false(outcome_normalise(&outcome));
	}
}

static void a_plugins_texts_end_and_carry_no_control_bytes(void **state)
{
	struct herald_outcome outcome = {.struct_size = sizeof(outcome), .verdict = HERALD_REJECTED};

	(void)state;
	memset(outcome.reason, 'x', sizeof(outcome.reason));
	outcome.reason[3] = '\n';
	strncpy(outcome.provider_ref, "a\x1b[2J", sizeof(outcome.provider_ref) - 1);
	outcome.retry_after_ms = -1;
	assert_true(outcome_normalise(&outcome));
	assert_int_equal(strlen(outcome.reason), sizeof(outcome.reason) - 1);
	assert_int_equal(outcome.reason[3], ' ');
	assert_string_equal(outcome.provider_ref, "a [2J");
	assert_int_equal(outcome.retry_after_ms, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_verdict_has_its_step),
		cmocka_unit_test(back_off_is_half_for_certain_and_half_by_dice),
		cmocka_unit_test(never_sooner_than_the_far_end_asked_and_never_later_than_a_day),
		cmocka_unit_test(tries_run_out_only_where_they_are_spent),
		cmocka_unit_test(what_would_come_too_late_expires_now),
		cmocka_unit_test(uncertain_is_decided_by_policy_and_by_what_the_provider_recognises),
		cmocka_unit_test(an_unknown_verdict_is_read_by_its_class_and_never_as_again),
		cmocka_unit_test(a_plugins_texts_end_and_carry_no_control_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

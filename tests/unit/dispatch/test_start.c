/* What becomes of an attempt that an earlier run left open: see core/dispatch/start.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dispatch/start.h"

#include "base/check.h"

enum { RUN = 41, NOW_MS = 1000000 };

static const struct outlet_policy policy = {
	.attempts_max = 10,
	.uncertain = UNCERTAIN_RETRY,
	.backoff = {1000, 3600 * 1000, 24 * 3600 * 1000},
};

static struct store_delivery_row row_of(uint32_t marks)
{
	return (struct store_delivery_row){
		.notification = 5,
		.n = 2,
		.attempt = 3,
		.run = RUN,
		.due_at_ms = NOW_MS - 5000,
		.first_attempt_at_ms = NOW_MS - 9000,
		.expires_at_ms = NOW_MS + 3600 * 1000,
		.crash_marks = marks,
		.kind = "sms",
		.category = "c",
	};
}

static struct store_settle decide(uint32_t marks, const struct left_slot *slot, bool is_other_boot)
{
	const struct start_facts facts = {
		.now_ms = NOW_MS,
		.dice = 0,
		.policy = &policy,
		.is_other_boot = is_other_boot,
	};
	struct store_delivery_row row = row_of(marks);
	struct store_settle settle;

	start_decide(&row, slot, &facts, &settle);
	/* Always that very attempt, under the token of the run that holds it. */
	assert_int_equal(settle.notification, 5);
	assert_int_equal(settle.n, 2);
	assert_int_equal(settle.attempt, 3);
	assert_int_equal(settle.run, RUN);
	return settle;
}

static void what_no_board_knows_of_was_never_handed_over(void **state)
{
	struct store_settle settle = decide(0, NULL, false);

	(void)state;
	assert_int_equal(settle.to, DELIVERY_QUEUED);
	assert_true(settle.removes_attempt);
	assert_false(settle.spends_try);
	assert_int_equal(settle.due_at_ms, NOW_MS - 5000);
}

static void queued_and_revoked_slots_go_back_untried(void **state)
{
	static const enum slot_state states[] = {SLOT_QUEUED, SLOT_REVOKED};

	(void)state;
	for (size_t i = 0; i < countof(states); i++) {
		const struct left_slot slot = {.state = states[i], .is_same_boot = true};

		assert_true(decide(0, &slot, false).removes_attempt);
	}
}

static void in_the_plugin_leaves_a_mark_unless_the_host_left_in_order(void **state)
{
	struct left_slot slot = {.state = SLOT_IN_PLUGIN, .is_same_boot = true};
	struct store_settle settle = decide(1, &slot, false);

	(void)state;
	assert_int_equal(settle.to, DELIVERY_QUEUED);
	assert_true(settle.adds_crash_mark);
	assert_false(settle.removes_attempt);
	assert_false(settle.spends_try);
	slot.has_left = true;
	settle = decide(2, &slot, false);
	assert_false(settle.adds_crash_mark);
	assert_true(settle.removes_attempt);
}

static void the_third_mark_is_poison(void **state)
{
	const struct left_slot slot = {.state = SLOT_IN_PLUGIN, .is_same_boot = true};
	struct store_settle settle = decide(2, &slot, false);

	(void)state;
	assert_int_equal(settle.to, DELIVERY_DEAD);
	assert_int_equal(settle.reason, REASON_poison);
}

static void on_the_wire_is_uncertain(void **state)
{
	const struct left_slot slot = {.state = SLOT_ON_WIRE, .is_same_boot = true};
	struct store_settle settle = decide(0, &slot, false);

	(void)state;
	assert_int_equal(settle.outcome.verdict, HERALD_UNCERTAIN);
	assert_int_equal(settle.reason, REASON_uncertain);
	assert_true(settle.spends_try);
	assert_in_range(settle.due_at_ms, NOW_MS + 4500, NOW_MS + 9000);
}

static void what_is_done_is_settled_as_it_says(void **state)
{
	const struct left_slot slot = {
		.state = SLOT_DONE,
		.is_same_boot = true,
		.outcome = {.struct_size = sizeof(slot.outcome),
			    .verdict = HERALD_SENT,
			    .provider_ref = "far-7"},
	};
	struct store_settle settle = decide(0, &slot, false);

	(void)state;
	assert_int_equal(settle.to, DELIVERY_SENT);
	assert_string_equal(settle.outcome.provider_ref, "far-7");
}

static void after_another_boot_nobody_knows_whatever_a_board_says(void **state)
{
	static const enum slot_state states[] = {SLOT_QUEUED, SLOT_IN_PLUGIN, SLOT_ON_WIRE, SLOT_DONE};

	(void)state;
	assert_int_equal(decide(0, NULL, true).outcome.verdict, HERALD_UNCERTAIN);
	for (size_t i = 0; i < countof(states); i++) {
		const struct left_slot slot = {.state = states[i]};

		assert_int_equal(decide(0, &slot, false).outcome.verdict, HERALD_UNCERTAIN);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_no_board_knows_of_was_never_handed_over),
		cmocka_unit_test(queued_and_revoked_slots_go_back_untried),
		cmocka_unit_test(in_the_plugin_leaves_a_mark_unless_the_host_left_in_order),
		cmocka_unit_test(the_third_mark_is_poison),
		cmocka_unit_test(on_the_wire_is_uncertain),
		cmocka_unit_test(what_is_done_is_settled_as_it_says),
		cmocka_unit_test(after_another_boot_nobody_knows_whatever_a_board_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Windows and the breaker: see core/dispatch/destination.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dispatch/destination.h"

#include "base/check.h"

static const struct destination_policy policy = {
	.window = 4,
	.window_max = 6,
	.failures_max = 5,
	.block_ms = 30000,
	.block_ms_max = 300000,
	.retry_percent = 20,
};

static void born(struct destination *destination)
{
	destination_init(destination, 7, &policy, 0);
}

static void go_wrong(struct destination *destination, uint32_t times, int64_t now_ms)
{
	for (uint32_t i = 0; i < times; i++) {
		assert_true(destination_admit(destination, now_ms));
		destination_feedback(destination, DESTINATION_ILL, 0, "it is away", now_ms);
	}
}

static void go_well(struct destination *destination, uint32_t times, int64_t now_ms)
{
	for (uint32_t i = 0; i < times; i++) {
		assert_true(destination_admit(destination, now_ms));
		destination_feedback(destination, DESTINATION_WELL, 0, "", now_ms);
	}
}

static void the_window_is_never_exceeded(void **state)
{
	struct destination destination;

	(void)state;
	born(&destination);
	for (int i = 0; i < 4; i++)
		assert_true(destination_admit(&destination, 0));
	assert_false(destination_admit(&destination, 0));
	destination_give_back(&destination);
	assert_int_equal(destination_room(&destination, 0), 1);
	assert_true(destination_admit(&destination, 0));
	assert_false(destination_admit(&destination, 0));
}

static void a_whole_window_of_successes_widens_by_one_up_to_the_most(void **state)
{
	struct destination destination;

	(void)state;
	born(&destination);
	go_well(&destination, 3, 0);
	assert_int_equal(destination.window, 4);
	go_well(&destination, 1, 0);
	assert_int_equal(destination.window, 5);
	go_well(&destination, 5, 0);
	assert_int_equal(destination.window, 6);
	go_well(&destination, 50, 0);
	assert_int_equal(destination.window, 6);
}

static void one_failure_narrows_and_the_last_place_stays(void **state)
{
	struct destination destination;

	(void)state;
	born(&destination);
	go_wrong(&destination, 2, 0);
	assert_int_equal(destination.window, 2);
	go_well(&destination, 1, 0);
	go_wrong(&destination, 3, 0);
	assert_int_equal(destination.window, 1);
	assert_int_equal(destination.state, DESTINATION_READY);
}

static void five_failures_in_a_row_block_it_and_one_success_between_does_not(void **state)
{
	struct destination destination;

	(void)state;
	born(&destination);
	go_wrong(&destination, 4, 0);
	go_well(&destination, 1, 0);
	go_wrong(&destination, 4, 0);
	assert_int_equal(destination.state, DESTINATION_READY);
	go_wrong(&destination, 1, 0);
	assert_int_equal(destination.state, DESTINATION_BLOCKED);
	assert_string_equal(destination.why, "it is away");
	assert_false(destination_admit(&destination, 29999));
}

static void after_a_block_exactly_one_probe_goes(void **state)
{
	struct destination destination;

	(void)state;
	born(&destination);
	go_wrong(&destination, 5, 0);
	assert_int_equal(destination_room(&destination, 30000), 1);
	assert_true(destination_admit(&destination, 30000));
	assert_int_equal(destination.state, DESTINATION_PROBING);
	assert_false(destination_admit(&destination, 30001));
	assert_true(destination_feedback(&destination, DESTINATION_WELL, 0, "", 30002));
	assert_int_equal(destination.state, DESTINATION_READY);
	assert_true(destination_admit(&destination, 30003));
}

static void each_block_in_a_row_is_longer_up_to_five_minutes(void **state)
{
	static const int64_t lengths_ms[] = {30000,  60000,  90000,  120000, 150000, 180000,
					     210000, 240000, 270000, 300000, 300000, 300000};
	struct destination destination;
	int64_t now_ms = 0;

	(void)state;
	born(&destination);
	go_wrong(&destination, 5, now_ms);
	for (size_t i = 0; i < countof(lengths_ms); i++) {
		assert_int_equal(destination.blocked_until_ms - now_ms, lengths_ms[i]);
		now_ms = destination.blocked_until_ms;
		go_wrong(&destination, 1, now_ms);
	}
	now_ms = destination.blocked_until_ms;
	go_well(&destination, 1, now_ms);
	go_wrong(&destination, 5, now_ms);
	assert_int_equal(destination.blocked_until_ms - now_ms, 30000);
}

static void a_probe_that_never_began_leaves_room_for_another(void **state)
{
	struct destination destination;

	(void)state;
	born(&destination);
	go_wrong(&destination, 5, 0);
	assert_true(destination_admit(&destination, 30000));
	destination_give_back(&destination);
	assert_true(destination_admit(&destination, 30001));
	assert_int_equal(destination.state, DESTINATION_PROBING);
}

static void late_answers_from_before_a_block_do_not_open_it(void **state)
{
	struct destination destination;

	(void)state;
	born(&destination);
	go_well(&destination, 9, 0);
	for (int i = 0; i < 6; i++)
		assert_true(destination_admit(&destination, 0));
	for (int i = 0; i < 5; i++)
		destination_feedback(&destination, DESTINATION_ILL, 0, "away", 0);
	assert_int_equal(destination.state, DESTINATION_BLOCKED);
	destination_feedback(&destination, DESTINATION_WELL, 0, "", 1);
	assert_int_equal(destination.state, DESTINATION_BLOCKED);
	assert_int_equal(destination.in_flight, 0);
	assert_false(destination_admit(&destination, 2));
}

static void who_asks_to_wait_is_left_alone_as_long_as_asked(void **state)
{
	struct destination destination;

	(void)state;
	born(&destination);
	assert_true(destination_admit(&destination, 0));
	assert_true(destination_feedback(&destination, DESTINATION_SLOW, 2000, "429", 100));
	assert_int_equal(destination.window, 3);
	assert_false(destination_admit(&destination, 2099));
	/* It is not ill: no probe is needed, the narrowed window holds. */
	assert_int_equal(destination_room(&destination, 2100), 3);
	assert_true(destination_admit(&destination, 2100));
	assert_true(destination_admit(&destination, 2100));
	assert_int_equal(destination.state, DESTINATION_READY);
}

static void throttling_without_a_wish_narrows_and_never_blocks(void **state)
{
	struct destination destination;

	(void)state;
	born(&destination);
	for (int i = 0; i < 50; i++) {
		assert_true(destination_admit(&destination, i));
		destination_feedback(&destination, DESTINATION_SLOW, 0, "slow", i);
	}
	assert_int_equal(destination.state, DESTINATION_READY);
	assert_int_equal(destination.window, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_window_is_never_exceeded),
		cmocka_unit_test(a_whole_window_of_successes_widens_by_one_up_to_the_most),
		cmocka_unit_test(one_failure_narrows_and_the_last_place_stays),
		cmocka_unit_test(five_failures_in_a_row_block_it_and_one_success_between_does_not),
		cmocka_unit_test(after_a_block_exactly_one_probe_goes),
		cmocka_unit_test(each_block_in_a_row_is_longer_up_to_five_minutes),
		cmocka_unit_test(a_probe_that_never_began_leaves_room_for_another),
		cmocka_unit_test(late_answers_from_before_a_block_do_not_open_it),
		cmocka_unit_test(who_asks_to_wait_is_left_alone_as_long_as_asked),
		cmocka_unit_test(throttling_without_a_wish_narrows_and_never_blocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Token buckets and the retry budget: see core/dispatch/limit.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dispatch/limit.h"

#include "base/check.h"

static uint32_t take_all(struct limit *limit, int64_t now_ms)
{
	uint32_t room = limit_room(limit, now_ms);

	limit_reserve(limit, room);
	limit_spend(limit, room);
	return room;
}

static void a_rate_of_zero_never_says_no(void **state)
{
	struct limit limit;

	(void)state;
	limit_init(&limit, 0, 1, 0);
	assert_int_equal(limit_room(&limit, 0), UINT32_MAX);
	limit_reserve(&limit, 1000000);
	assert_int_equal(limit_room(&limit, 0), UINT32_MAX);
	assert_int_equal(limit_next_ms(&limit, 5), 5);
}

static void no_more_than_the_rate_leaves_in_any_second(void **state)
{
	static const struct {
		uint32_t count;
		int64_t period_ms;
	} rates[] = {{30, 1000}, {1, 1000}, {1000, 1000}, {7, 10000}, {100, 60000}, {5000, 1000}};

	(void)state;
	for (size_t i = 0; i < countof(rates); i++) {
		struct limit limit;
		uint64_t sent = 0;
		int64_t time_ms;

		limit_init(&limit, rates[i].count, rates[i].period_ms, 0);
		for (time_ms = 0; time_ms < 10 * rates[i].period_ms; time_ms++)
			sent += take_all(&limit, time_ms);
		/* The burst is 20 ms worth, at least one. */
		uint64_t burst = rates[i].count * LIMIT_BURST_MS / (uint64_t)rates[i].period_ms;

		assert_in_range(sent, 10 * rates[i].count - 1, 10 * rates[i].count + (burst > 1 ? burst : 1));
	}
}

static void a_long_rest_saves_up_no_flood(void **state)
{
	struct limit limit;

	(void)state;
	limit_init(&limit, 30, 1000, 0);
	take_all(&limit, 0);
	assert_int_equal(take_all(&limit, INT64_C(1000) * 3600 * 24 * 365), 1);
}

static void what_is_reserved_counts_against_the_burst(void **state)
{
	struct limit limit;

	(void)state;
	limit_init(&limit, 1000, 1000, 0);
	assert_int_equal(limit_room(&limit, 0), 20);
	limit_reserve(&limit, 20);
	assert_int_equal(limit_room(&limit, 5000), 0);
	limit_return(&limit, 5);
	assert_int_equal(limit_room(&limit, 5000), 5);
	limit_spend(&limit, 15);
	assert_int_equal(limit_room(&limit, 5001), 6);
}

static void the_next_token_comes_when_it_was_said_to(void **state)
{
	struct limit limit;
	int64_t next_ms;

	(void)state;
	limit_init(&limit, 3, 1000, 0);
	take_all(&limit, 0);
	next_ms = limit_next_ms(&limit, 0);
	assert_int_equal(next_ms, 334);
	assert_int_equal(limit_room(&limit, next_ms - 1), 0);
	assert_int_equal(limit_room(&limit, next_ms), 1);
}

static void a_changed_rate_keeps_what_is_reserved(void **state)
{
	struct limit limit;

	(void)state;
	limit_init(&limit, 0, 1, 0);
	limit_reserve(&limit, 50);
	limit_change(&limit, 10, 1000, 0);
	assert_int_equal(limit_room(&limit, 100000), 0);
	limit_return(&limit, 20);
	limit_spend(&limit, 30);
	assert_int_equal(limit_room(&limit, 200000), 1);
}

static void retries_stay_within_a_fifth_of_first_tries_and_one_a_second(void **state)
{
	struct budget budget;
	uint32_t retries = 0;

	(void)state;
	budget_init(&budget, 20, 0);
	for (int64_t time_ms = 0; time_ms < 100000; time_ms += 10) {
		if (time_ms % 100 == 0)
			budget_first(&budget);
		retries += budget_take(&budget, time_ms);
	}
	/* 1,000 first tries, 100 seconds, and the one that it is born with. */
	assert_in_range(retries, 299, 301);
}

static void first_tries_save_up_no_endless_budget(void **state)
{
	struct budget budget;
	uint32_t retries = 0;

	(void)state;
	budget_init(&budget, 20, 0);
	for (int i = 0; i < 1000000; i++)
		budget_first(&budget);
	while (budget_take(&budget, 0))
		retries++;
	assert_int_equal(retries, 100);
}

static void a_retry_that_went_well_makes_room_for_another(void **state)
{
	struct budget budget;
	uint32_t retries = 0;

	(void)state;
	budget_init(&budget, 20, 0);
	while (retries < 1000 && budget_take(&budget, 0)) {
		budget_well(&budget);
		retries++;
	}
	assert_int_equal(retries, 1000);
}

static void each_that_is_refused_gets_a_second_of_its_own(void **state)
{
	struct budget budget;

	(void)state;
	budget_init(&budget, 20, 0);
	for (int64_t i = 1; i <= 100; i++)
		assert_int_equal(budget_again_ms(&budget, 0), i * 1000);
	for (int64_t i = 0; i < 1000; i++)
		assert_in_range(budget_again_ms(&budget, 0), 1, BUDGET_AHEAD_MS);
	/* Whoever comes later does not stand behind seconds that are over. */
	assert_int_equal(budget_again_ms(&budget, 500000), 501000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rate_of_zero_never_says_no),
		cmocka_unit_test(no_more_than_the_rate_leaves_in_any_second),
		cmocka_unit_test(a_long_rest_saves_up_no_flood),
		cmocka_unit_test(what_is_reserved_counts_against_the_burst),
		cmocka_unit_test(the_next_token_comes_when_it_was_said_to),
		cmocka_unit_test(a_changed_rate_keeps_what_is_reserved),
		cmocka_unit_test(retries_stay_within_a_fifth_of_first_tries_and_one_a_second),
		cmocka_unit_test(a_retry_that_went_well_makes_room_for_another),
		cmocka_unit_test(each_that_is_refused_gets_a_second_of_its_own),
		cmocka_unit_test(first_tries_save_up_no_endless_budget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

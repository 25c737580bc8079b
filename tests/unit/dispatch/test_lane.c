/* Lanes take turns: see core/dispatch/lane.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dispatch/lane.h"

#include "base/check.h"

struct fixture {
	struct lanes lanes;
	int64_t closed; /* a lane without room */
};

static uint32_t room(void *context, int64_t number)
{
	const struct fixture *fixture = context;

	return number == fixture->closed ? 0 : UINT32_MAX;
}

static int setup(void **state)
{
	static struct fixture fixture;

	fixture = (struct fixture){.closed = INT64_MIN};
	lanes_init(&fixture.lanes);
	*state = &fixture;
	return 0;
}

static int teardown(void **state)
{
	lanes_done(&((struct fixture *)*state)->lanes);
	return 0;
}

/* One claim that takes all it may; what is left stays due.  Answers the lane, 0: none. */
static int64_t claim(struct fixture *fixture, uint32_t limit, uint64_t *waiting, uint32_t *ret_taken)
{
	uint32_t allowed = 0;
	struct lane *lane = lanes_choose(&fixture->lanes, limit, room, fixture, 1000, &allowed);
	int64_t number;

	*ret_taken = 0;
	if (lane == NULL)
		return 0;
	number = lane->number;
	*ret_taken = waiting[number] < allowed ? (uint32_t)waiting[number] : allowed;
	waiting[number] -= *ret_taken;
	lanes_claiming(&fixture->lanes, lane);
	lanes_claimed(&fixture->lanes, number, *ret_taken, waiting[number] > 0 ? 500 : 0, 0, 1000);
	return number;
}

static void a_million_rows_of_one_tenant_cost_another_one_turn(void **state)
{
	struct fixture *fixture = *state;
	uint64_t waiting[3] = {0, 1000000, 40};
	uint32_t taken, of_first = 0;

	lanes_note(&fixture->lanes, 1, 500, false, 1000000);
	lanes_note(&fixture->lanes, 2, 900, false, 40);
	while (waiting[2] > 0) {
		if (claim(fixture, 10, waiting, &taken) == 1)
			of_first += taken;
	}
	assert_in_range(of_first, 32, 3 * LANE_QUANTUM);
}

static void over_many_turns_two_tenants_get_the_same(void **state)
{
	struct fixture *fixture = *state;
	uint64_t waiting[3] = {0, 100000, 100000};
	uint32_t taken, got[3] = {0, 0, 0};

	lanes_note(&fixture->lanes, 1, 500, false, 100000);
	lanes_note(&fixture->lanes, 2, 500, false, 100000);
	for (int i = 0; i < 3000; i++) {
		/* Room comes in uneven pieces. */
		int64_t lane = claim(fixture, (uint32_t)(1 + i * 7 % 50), waiting, &taken);

		got[lane] += taken;
	}
	assert_in_range(got[1] > got[2] ? got[1] - got[2] : got[2] - got[1], 0, LANE_QUANTUM);
}

static void critical_goes_first_whoever_s_turn_it_is(void **state)
{
	struct fixture *fixture = *state;
	uint32_t allowed;

	lanes_note(&fixture->lanes, 1, 500, false, 1000);
	lanes_note(&fixture->lanes, 2, 500, false, 1000);
	lanes_note(&fixture->lanes, 3, 900, true, 1);
	assert_int_equal(lanes_choose(&fixture->lanes, 5, room, fixture, 1000, &allowed)->number, 3);
	assert_int_equal(allowed, 5);
}

static void a_flood_of_critical_of_one_tenant_keeps_nobody_else_s_waiting(void **state)
{
	struct fixture *fixture = *state;
	uint32_t allowed, of_flood = 0;
	struct lane *lane;

	lanes_note(&fixture->lanes, 1, 500, false, 1000);
	lanes_note(&fixture->lanes, 2, 500, true, 1000000);
	lanes_note(&fixture->lanes, 3, 500, true, 10);
	for (;;) {
		lane = lanes_choose(&fixture->lanes, 10, room, fixture, 1000, &allowed);
		if (lane->number == 3)
			break;
		assert_int_equal(lane->number, 2);
		of_flood += allowed;
		assert_in_range(of_flood, 1, 3 * LANE_QUANTUM);
		lanes_claiming(&fixture->lanes, lane);
		lanes_claimed(&fixture->lanes, lane->number, allowed, 500, 500, 1000);
	}
}

static void the_turn_of_the_critical_outlives_the_lane_that_had_it(void **state)
{
	struct fixture *fixture = *state;
	uint32_t allowed;
	struct lane *lane;

	lanes_note(&fixture->lanes, 2, 500, true, 1);
	lanes_note(&fixture->lanes, 3, 500, true, 1);
	for (int64_t number = 2; number <= 3; number++) {
		lane = lanes_choose(&fixture->lanes, 10, room, fixture, 1000, &allowed);
		assert_int_equal(lane->number, number);
		lanes_claiming(&fixture->lanes, lane);
		lanes_claimed(&fixture->lanes, number, 1, 0, 0, 1000);
	}
	assert_null(lanes_choose(&fixture->lanes, 10, room, fixture, 1000, &allowed));
	lanes_note(&fixture->lanes, 4, 500, true, 1);
	assert_int_equal(lanes_choose(&fixture->lanes, 10, room, fixture, 1000, &allowed)->number, 4);
}

static void what_was_critical_and_is_gone_lets_the_others_on(void **state)
{
	struct fixture *fixture = *state;
	uint32_t allowed;
	struct lane *lane;

	lanes_note(&fixture->lanes, 1, 500, false, 10);
	lanes_note(&fixture->lanes, 3, 500, true, 2);
	lane = lanes_choose(&fixture->lanes, 5, room, fixture, 1000, &allowed);
	assert_int_equal(lane->number, 3);
	lanes_claiming(&fixture->lanes, lane);
	lanes_claimed(&fixture->lanes, 3, 2, 600, 0, 1000);
	assert_int_equal(lanes_choose(&fixture->lanes, 5, room, fixture, 1000, &allowed)->number, 1);
}

static void critical_rows_that_a_claim_left_are_still_critical(void **state)
{
	struct fixture *fixture = *state;
	uint32_t allowed;
	struct lane *lane;

	lanes_note(&fixture->lanes, 1, 500, false, 10);
	lanes_note(&fixture->lanes, 3, 500, true, 64);
	lane = lanes_choose(&fixture->lanes, 32, room, fixture, 1000, &allowed);
	lanes_claiming(&fixture->lanes, lane);
	/* All that it met had expired: nothing was leased, and more of the kind is there. */
	lanes_claimed(&fixture->lanes, 3, 32, 500, 500, 1000);
	assert_int_equal(lanes_choose(&fixture->lanes, 5, room, fixture, 1000, &allowed)->number, 3);
}

static void a_lane_without_room_is_passed_over(void **state)
{
	struct fixture *fixture = *state;
	uint32_t allowed;

	fixture->closed = -9;
	lanes_note(&fixture->lanes, -9, 500, true, 1000);
	assert_null(lanes_choose(&fixture->lanes, 5, room, fixture, 1000, &allowed));
	assert_false(lanes_are_due(&fixture->lanes, room, fixture, 1000));
	lanes_note(&fixture->lanes, 4, 500, false, 1);
	assert_int_equal(lanes_choose(&fixture->lanes, 5, room, fixture, 1000, &allowed)->number, 4);
}

static void what_comes_during_a_claim_is_not_forgotten(void **state)
{
	struct fixture *fixture = *state;
	uint32_t allowed;
	struct lane *lane;

	lanes_note(&fixture->lanes, 1, 500, false, 1);
	lane = lanes_choose(&fixture->lanes, 5, room, fixture, 1000, &allowed);
	lanes_claiming(&fixture->lanes, lane);
	lanes_note(&fixture->lanes, 1, 990, false, 1);
	lanes_claimed(&fixture->lanes, 1, 1, 0, 0, 1000);
	assert_true(lanes_are_due(&fixture->lanes, room, fixture, 1000));
}

static void an_empty_lane_ends(void **state)
{
	struct fixture *fixture = *state;
	uint64_t waiting[2] = {0, 3};
	uint32_t taken;

	lanes_note(&fixture->lanes, 1, 500, false, 3);
	assert_int_equal(fixture->lanes.waiting, 3);
	assert_int_equal(claim(fixture, 5, waiting, &taken), 1);
	assert_null(fixture->lanes.turn);
	assert_int_equal(fixture->lanes.waiting, 0);
	assert_int_equal(lanes_next_due_ms(&fixture->lanes, 1000), INT64_MAX);
	assert_int_equal(lanes_oldest_due_ms(&fixture->lanes), INT64_MAX);
}

static void a_failed_claim_is_asked_again_later(void **state)
{
	struct fixture *fixture = *state;
	uint32_t allowed;
	struct lane *lane;

	lanes_note(&fixture->lanes, 1, 500, false, 3);
	lane = lanes_choose(&fixture->lanes, 5, room, fixture, 1000, &allowed);
	lanes_claiming(&fixture->lanes, lane);
	lanes_unclaimed(&fixture->lanes, 1, 1100);
	assert_null(lanes_choose(&fixture->lanes, 5, room, fixture, 1099, &allowed));
	assert_non_null(lanes_choose(&fixture->lanes, 5, room, fixture, 1100, &allowed));
	assert_int_equal(lanes_next_due_ms(&fixture->lanes, 1000), 1100);
}

static void a_claim_never_asks_for_more_than_the_most(void **state)
{
	struct fixture *fixture = *state;
	uint32_t allowed;

	lanes_note(&fixture->lanes, 1, 500, false, 100000);
	assert_non_null(lanes_choose(&fixture->lanes, 100000, room, fixture, 1000, &allowed));
	assert_in_range(allowed, 1, LANE_CLAIM_MAX);
	assert_null(lanes_choose(&fixture->lanes, 0, room, fixture, 1000, &allowed));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_million_rows_of_one_tenant_cost_another_one_turn),
		TEST(over_many_turns_two_tenants_get_the_same),
		TEST(critical_goes_first_whoever_s_turn_it_is),
		TEST(a_flood_of_critical_of_one_tenant_keeps_nobody_else_s_waiting),
		TEST(the_turn_of_the_critical_outlives_the_lane_that_had_it),
		TEST(what_was_critical_and_is_gone_lets_the_others_on),
		TEST(critical_rows_that_a_claim_left_are_still_critical),
		TEST(a_lane_without_room_is_passed_over),
		TEST(what_comes_during_a_claim_is_not_forgotten),
		TEST(an_empty_lane_ends),
		TEST(a_failed_claim_is_asked_again_later),
		TEST(a_claim_never_asks_for_more_than_the_most),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

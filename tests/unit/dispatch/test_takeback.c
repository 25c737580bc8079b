/* After the answer nothing starts: take-backs, see core/dispatch/takeback.c and world.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "world.h"

#include "base/check.h"

enum { HOUR_MS = 3600 * 1000 };

static int setup(void **state)
{
	struct world *world = world_new(1);

	for (int32_t channel = 1; channel <= WORLD_CHANNELS; channel++)
		world_up(world, channel, "sms");
	*state = world;
	return 0;
}

static int teardown(void **state)
{
	world_free(*state);
	return 0;
}

static void a_cancel_is_answered_only_when_nothing_can_start(void **state)
{
	struct world *world = *state;
	struct world_row *row = world_accept(world, &(struct world_row){.lane = 1});
	struct store_cancel cancel = {.notification = row->notification,
				      .reason = REASON_by_caller,
				      .ret_too_late = 1,
				      .ret_leased = 1};

	world_turn(world);
	row->is_cancelled = true;
	world_take_back(world, &cancel.op, STORE_CANCEL);
	assert_int_equal(world_out(world, 1), 0);
	assert_int_equal(world->answered_count, 0);
	world_commit_all(world);
	assert_int_equal(world->answered_count, 1);
	assert_int_equal(cancel.ret_cancelled, 1);
	assert_int_equal(cancel.ret_too_late, 0);
	assert_int_equal(row->state, DELIVERY_CANCELLED);
	assert_int_equal(row->sends, 0);
}

static void what_is_on_the_wire_is_too_late_to_cancel(void **state)
{
	struct world *world = *state;
	struct world_row *row = world_accept(world, &(struct world_row){.lane = 1});
	struct store_cancel cancel = {.notification = row->notification, .ret_too_late = 1};
	struct world_slot *slot;

	world_turn(world);
	slot = world_slot_in(world, 1, SLOT_QUEUED);
	world_send(world, slot);
	world_take_back(world, &cancel.op, STORE_CANCEL);
	assert_int_equal(world->answered_count, 1);
	assert_int_equal(cancel.ret_cancelled, 0);
	assert_int_equal(cancel.ret_too_late, 1);
	world_answer(world, slot, HERALD_DELIVERED, 0);
	world_commit_all(world);
	assert_int_equal(row->state, DELIVERY_DELIVERED);
}

static void a_take_back_waits_for_the_claim_that_was_under_way(void **state)
{
	struct world *world = *state;
	struct world_row *row = world_accept_queued(world, &(struct world_row){.lane = 1, .recipient = 42});
	struct store_put_preference preference = {.ret_recipient = 42, .ret_version = 1};

	world_turn(world);
	assert_int_equal(world->op_count, 1);
	/* The claim is committed in the same batch, just before: its jobs are not here yet. */
	world_take_back(world, &preference.op, STORE_PUT_PREFERENCE);
	assert_int_equal(world->answered_count, 0);
	world_commit(world);
	assert_int_equal(world->answered_count, 0);
	assert_int_equal(world_out(world, 1), 0);
	world_commit(world);
	assert_int_equal(world->answered_count, 1);
	assert_int_equal(row->state, DELIVERY_QUEUED);
	assert_int_equal(row->attempts, 0);
	assert_int_equal(row->sends, 0);
}

static void a_suppression_takes_back_by_address(void **state)
{
	struct world *world = *state;
	struct world_row *mine = world_accept(world, &(struct world_row){.lane = 1, .address = 7});
	struct world_row *other = world_accept(world, &(struct world_row){.lane = 1, .address = 8});
	struct store_put_suppression suppression = {.hash = {[0] = 7, [9] = 7}};

	world_turn(world);
	world_take_back(world, &suppression.op, STORE_PUT_SUPPRESSION);
	world_commit_all(world);
	assert_int_equal(mine->state, DELIVERY_SUPPRESSED);
	assert_int_equal(mine->reason, REASON_address_suppressed);
	assert_int_equal(other->state, DELIVERY_LEASED);
}

static void a_pause_takes_back_recalls_permits_and_stops_claims(void **state)
{
	struct world *world = *state;
	struct store_put_channel pause = {.channel = 1, .is_paused = true, .why = "maintenance"};
	struct store_put_channel resume = {.channel = 1};
	struct roster_channel shown;
	struct arena *arena = arena_new();

	world_queue(world, 20, &(struct world_row){.lane = 1});
	world_turn(world);
	world_commit_all(world);
	assert_int_equal(world_out(world, 1), 8);
	world_take_back(world, &pause.op, STORE_PUT_CHANNEL);
	assert_int_equal(world_out(world, 1), 0);
	world_commit_all(world);
	assert_int_equal(world->answered_count, 1);
	assert_int_equal(world_count(world, DELIVERY_QUEUED), 20);
	assert_int_equal(world->rows[0].attempts, 0);
	world_pass(world, HOUR_MS);
	world_commit_all(world);
	assert_int_equal(world_out(world, 1), 0);
	assert_int_equal(atomic_load(&world->permits.available[1]), 0);
	assert_true(dispatcher_describe(world->dispatcher, 1, arena, &shown));
	assert_int_equal(shown.state, CHANNEL_PAUSED);
	assert_string_equal(shown.why, "maintenance");
	assert_int_equal(shown.queued, 20);
	arena_free(arena);
	world_take_back(world, &resume.op, STORE_PUT_CHANNEL);
	world_settle_down(world, HERALD_DELIVERED);
	assert_int_equal(world_count(world, DELIVERY_DELIVERED), 20);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_cancel_is_answered_only_when_nothing_can_start),
		TEST(what_is_on_the_wire_is_too_late_to_cancel),
		TEST(a_take_back_waits_for_the_claim_that_was_under_way),
		TEST(a_suppression_takes_back_by_address),
		TEST(a_pause_takes_back_recalls_permits_and_stops_claims),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

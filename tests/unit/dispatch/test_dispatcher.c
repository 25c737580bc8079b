/* The dispatcher between a pretended store and pretended channel processes: see world.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

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

static void an_accept_with_a_permit_goes_straight_out(void **state)
{
	struct world *world = *state;
	struct world_row *row = world_accept(world, &(struct world_row){.lane = 1});

	world_turn(world);
	assert_int_equal(world->claims, 0);
	assert_int_equal(world_out(world, 1), 1);
	assert_int_equal(world_answer_all(world, 1, HERALD_DELIVERED), 1);
	world_commit_all(world);
	assert_int_equal(row->state, DELIVERY_DELIVERED);
	assert_int_equal(row->sends, 1);
	assert_int_equal(row->tries_spent, 1);
	assert_true(dispatcher_is_idle(world->dispatcher));
}

static void permits_and_what_is_in_flight_never_exceed_the_window(void **state)
{
	struct world *world = *state;

	for (int i = 0; i < 100; i++)
		world_accept(world, &(struct world_row){.lane = 1});
	world_turn(world);
	assert_int_equal(world->in_flight_most, 8);
	assert_int_equal(atomic_load(&world->permits.available[1]), 0);
	world_settle_down(world, HERALD_DELIVERED);
	assert_int_equal(world_count(world, DELIVERY_DELIVERED), 100);
	assert_in_range(world->in_flight_most, 8, 16);
}

static void no_permit_is_given_while_something_due_waits(void **state)
{
	struct world *world = *state;

	assert_int_equal(atomic_load(&world->permits.available[1]), 8);
	world_accept_queued(world, &(struct world_row){.lane = 1});
	world_turn(world);
	assert_int_equal(atomic_load(&world->permits.available[1]), 0);
	world_settle_down(world, HERALD_DELIVERED);
	assert_in_range(atomic_load(&world->permits.available[1]), 8, 9);
}

static void critical_goes_before_a_backlog(void **state)
{
	struct world *world = *state;
	struct world_row *row;

	world_queue(world, 100, &(struct world_row){.lane = 1});
	row = world_accept_queued(world, &(struct world_row){.lane = 2, .priority = HERALD_CRITICAL});
	world_turn(world);
	world_commit(world);
	world_turn(world);
	assert_int_equal(row->state, DELIVERY_LEASED);
}

static void two_tenants_share_whatever_each_has_waiting(void **state)
{
	struct world *world = *state;
	struct world_row *few;
	uint32_t of_many = 0;

	world_queue(world, 5000, &(struct world_row){.lane = 1});
	few = world_queue(world, 60, &(struct world_row){.lane = 2});
	while (few[59].state != DELIVERY_DELIVERED) {
		world_answer_all(world, 1, HERALD_DELIVERED);
		world_commit_all(world);
		world_turn(world);
	}
	for (size_t i = 0; i < world->row_count; i++)
		of_many += world->rows[i].lane == 1 && world->rows[i].state == DELIVERY_DELIVERED;
	assert_in_range(of_many, 30, 160);
}

static void a_blocked_destination_costs_nobody_else_anything(void **state)
{
	struct world *world = *state;
	struct world_slot *slot;
	uint32_t to_ill = 0;

	for (int i = 0; i < 300; i++)
		world_accept_queued(world, &(struct world_row){.lane = 1, .destination = i % 2 == 0 ? 5 : 6});
	for (int i = 0; i < 2000 && world_count(world, DELIVERY_DELIVERED) < 150; i++) {
		world_turn(world);
		while ((slot = world_slot_in(world, 1, SLOT_QUEUED)) != NULL) {
			bool is_ill = world_row_of(world, slot)->destination == 5;

			to_ill += is_ill;
			world_send(world, slot);
			world_answer(world, slot, is_ill ? HERALD_DEFERRED : HERALD_DELIVERED, 0);
		}
		world_commit(world);
	}
	/* The healthy one got all of its 150, at the same instant; the ill one saw no more than its window.
	 */
	assert_int_equal(world_count(world, DELIVERY_DELIVERED), 150);
	assert_in_range(to_ill, 5, 8);
	/* Its rows wait in a lane of their own, and no claim meets them until the block is over. */
	uint32_t claims = world->claims;

	world_commit_all(world);
	claims = world->claims;
	world_pass(world, 29000);
	assert_int_equal(world->claims, claims);
	world_pass(world, 2000);
	world_commit(world);
	world_turn(world);
	assert_int_equal(world_out(world, 1), 1);
}

static void a_probe_that_succeeds_opens_the_destination_again(void **state)
{
	struct world *world = *state;

	world_queue(world, 40, &(struct world_row){.lane = 1, .destination = 5});
	world_turn(world);
	world_commit_all(world);
	world_answer_all(world, 1, HERALD_DEFERRED);
	world_commit_all(world);
	world_pass(world, 31000);
	world_commit_all(world);
	assert_int_equal(world_out(world, 1), 1);
	for (int i = 0; i < 600 && world_count(world, DELIVERY_DELIVERED) < 40; i++) {
		world_settle_down(world, HERALD_DELIVERED);
		world_pass(world, 1000);
	}
	assert_int_equal(world_count(world, DELIVERY_DELIVERED), 40);
}

static void an_ill_channel_is_left_alone_and_then_probed_with_one(void **state)
{
	struct world *world = *state;

	world_queue(world, 50, &(struct world_row){.lane = 1});
	world_turn(world);
	world_commit_all(world);
	assert_int_equal(world_answer_all(world, 1, HERALD_DEFERRED), 8);
	world_commit_all(world);
	world_pass(world, 29000);
	assert_int_equal(world_out(world, 1), 0);
	assert_int_equal(atomic_load(&world->permits.available[1]), 0);
	world_pass(world, 2000);
	world_commit_all(world);
	assert_int_equal(world_out(world, 1), 1);
}

static void throttling_spends_no_try_and_waits_as_long_as_asked(void **state)
{
	struct world *world = *state;
	struct world_row *row = world_accept(world, &(struct world_row){.lane = 1});
	struct world_slot *slot;

	world_turn(world);
	slot = world_slot_in(world, 1, SLOT_QUEUED);
	world_send(world, slot);
	world_answer(world, slot, HERALD_THROTTLED, 7000);
	world_commit_all(world);
	assert_int_equal(row->state, DELIVERY_QUEUED);
	assert_int_equal(row->tries_spent, 0);
	assert_true(row->due_at_ms >= world->wall + 7000);
	/* Others wait as well: it is the destination that asked. */
	world_accept(world, &(struct world_row){.lane = 1});
	world_pass(world, 6900);
	world_commit_all(world);
	assert_int_equal(world_out(world, 1), 0);
	world_pass(world, 200);
	world_commit_all(world);
	assert_int_equal(world_out(world, 1), 1);
}

static void a_rate_holds_in_every_second(void **state)
{
	struct world *world = *state;
	uint32_t sent = 0;

	world->policies[1].rate_count = 30;
	world->policies[1].rate_per_ms = 1000;
	dispatcher_channel(world->dispatcher, 1, &world->policies[1], false);
	world_turn(world);
	for (int i = 0; i < 400; i++)
		world_accept(world, &(struct world_row){.lane = 1});
	/* What was promised before the rate came into force is at most the window. */
	for (int i = 0; i < 1000; i++) {
		world_turn(world);
		world_answer_all(world, 1, HERALD_DELIVERED);
		world_commit_all(world);
		world_pass(world, 1);
	}
	sent = world_count(world, DELIVERY_DELIVERED);
	assert_in_range(sent, 28, 31 + 8);
}

static void retries_of_a_destination_are_budgeted(void **state)
{
	struct world *world = *state;
	uint32_t sends = 0;

	world->policies[1].destination.failures_max = 1000000;
	dispatcher_channel(world->dispatcher, 1, &world->policies[1], false);
	world_queue(world, 200, &(struct world_row){.lane = 1, .attempts_max = 100});
	for (int i = 0; i < 600; i++) {
		world_turn(world);
		world_answer_all(world, 1, HERALD_DEFERRED);
		world_commit_all(world);
		world_pass(world, 100);
	}
	for (size_t i = 0; i < world->row_count; i++)
		sends += world->rows[i].sends;
	/* 200 first tries, a fifth of them, one a second for a minute, one to begin with. */
	assert_in_range(sends, 250, 200 + 40 + 60 + 1);
}

/* 1,000 deliveries of which each failed at least once, then a far end that takes everything. */
static void a_backlog_of_retries_flows_again_when_the_far_end_is_well(void **state)
{
	struct world *world = *state;
	uint32_t leases = 0, sends = 0;
	int tenths = 0;

	world->policies[1].destination.failures_max = 1000000;
	dispatcher_channel(world->dispatcher, 1, &world->policies[1], false);
	world_queue(world, 1000, &(struct world_row){.lane = 1, .attempts_max = 1000});
	for (int i = 0; i < 1500; i++) {
		world_turn(world);
		world_answer_all(world, 1, HERALD_DEFERRED);
		world_commit_all(world);
		world_pass(world, 100);
	}
	while (world_count(world, DELIVERY_DELIVERED) < 1000 && tenths < 100000) {
		world_turn(world);
		world_answer_all(world, 1, HERALD_DELIVERED);
		world_commit_all(world);
		world_pass(world, 100);
		tenths++;
	}
	for (size_t i = 0; i < world->row_count; i++) {
		leases += world->rows[i].leases;
		sends += world->rows[i].sends;
	}
	/* Not one a second any more; and hardly any lease was for nothing: who has to wait is not asked about
	 * again and again. */
	assert_in_range(tenths, 1, 1500);
	assert_in_range(leases, sends, 4 * sends);
}

/* --- channels that are wrong, crash or hang --- */

static void what_an_older_configuration_says_does_not_hold_the_new_one(void **state)
{
	struct world *world = *state;
	const struct channel_facts facts = {
		.plugin = "loopback", .version = "1", .kind = "loopback", .batch_max = 1};

	world_queue(world, 30, &(struct world_row){.lane = 1});
	world_turn(world);
	world_commit_all(world);
	assert_int_equal(world_out(world, 1), 8);
	world_answer(world, world_slot_in(world, 1, SLOT_QUEUED), HERALD_MISCONFIGURED, 0);
	world_commit_all(world);
	assert_int_equal(world_out(world, 1), 7);
	/* Mended: nothing goes to the older process any more, and what it still has is no news. */
	dispatcher_channel(world->dispatcher, 1, &world->policies[1], true);
	world_pass(world, 1000);
	world_commit_all(world);
	assert_int_equal(world_out(world, 1), 7);
	dispatcher_channel_ready(world->dispatcher, 1, &facts);
	world_answer_all(world, 1, HERALD_MISCONFIGURED);
	world_commit_all(world);
	for (int i = 0; i < 20 && world_count(world, DELIVERY_DELIVERED) < 30; i++) {
		world_settle_down(world, HERALD_DELIVERED);
		world_pass(world, 1000); /* together much less than until a probe */
	}
	assert_int_equal(world_count(world, DELIVERY_DELIVERED), 30);
}

static void a_misconfigured_channel_spends_no_attempt_and_is_tried_with_one(void **state)
{
	struct world *world = *state;
	struct store_put_channel resume = {.channel = 1};

	world_queue(world, 30, &(struct world_row){.lane = 1, .attempts_max = 2});
	world_turn(world);
	world_commit_all(world);
	assert_int_equal(world_answer_all(world, 1, HERALD_MISCONFIGURED), 8);
	world_commit_all(world);
	assert_int_equal(world_count(world, DELIVERY_QUEUED), 30);
	for (size_t i = 0; i < 30; i++)
		assert_int_equal(world->rows[i].tries_spent, 0);
	world_pass(world, OUTLET_PROBE_MS - 1000);
	world_commit_all(world);
	assert_int_equal(world_out(world, 1), 0);
	world_pass(world, 2000);
	world_commit_all(world);
	assert_int_equal(world_out(world, 1), 1);
	world_answer_all(world, 1, HERALD_MISCONFIGURED);
	world_commit_all(world);
	world_pass(world, 60000);
	world_commit_all(world);
	assert_int_equal(world_out(world, 1), 0);
	world_take_back(world, &resume.op, STORE_PUT_CHANNEL);
	for (int i = 0; i < 100 && world_count(world, DELIVERY_DELIVERED) < 30; i++) {
		world_settle_down(world, HERALD_DELIVERED);
		world_pass(world, 10000);
	}
	assert_int_equal(world_count(world, DELIVERY_DELIVERED), 30);
}

static void a_probe_that_goes_through_ends_the_hold(void **state)
{
	struct world *world = *state;

	world_queue(world, 9, &(struct world_row){.lane = 1});
	world_turn(world);
	world_commit_all(world);
	world_answer_all(world, 1, HERALD_MISCONFIGURED);
	world_commit_all(world);
	world_pass(world, OUTLET_PROBE_MS + 1000);
	for (int i = 0; i < 100 && world_count(world, DELIVERY_DELIVERED) < 9; i++) {
		world_settle_down(world, HERALD_DELIVERED);
		world_pass(world, 10000);
	}
	assert_int_equal(world_count(world, DELIVERY_DELIVERED), 9);
}

static void the_death_of_a_process_is_resolved_slot_by_slot(void **state)
{
	struct world *world = *state;
	struct world_row *rows = world_queue(world, 4, &(struct world_row){.lane = 1});
	struct world_slot *slot;

	world_turn(world);
	world_commit_all(world);
	slot = world_slot_in(world, 1, SLOT_QUEUED);
	slot->state = SLOT_IN_PLUGIN;
	assert_ptr_equal(world_row_of(world, slot), &rows[0]);
	slot = world_slot_in(world, 1, SLOT_QUEUED);
	world_send(world, slot);
	assert_ptr_equal(world_row_of(world, slot), &rows[1]);
	world_die(world, 1, false);
	world_commit_all(world);
	/* Crashed: a mark, no try.  On the wire: uncertain, a try.  Never begun: as if not leased. */
	assert_int_equal(rows[0].marks, 1);
	assert_int_equal(rows[0].tries_spent, 0);
	assert_int_equal(rows[1].reason, REASON_uncertain);
	assert_int_equal(rows[1].tries_spent, 1);
	assert_int_equal(rows[2].attempts, 0);
	assert_int_equal(rows[2].marks + rows[3].marks, 0);
	assert_int_equal(world_count(world, DELIVERY_QUEUED), 4);
	assert_int_equal(atomic_load(&world->permits.available[1]), 0);
}

static void a_drained_process_leaves_no_marks(void **state)
{
	struct world *world = *state;
	struct world_row *row = world_accept(world, &(struct world_row){.lane = 1});

	world_turn(world);
	world_slot_in(world, 1, SLOT_QUEUED)->state = SLOT_IN_PLUGIN;
	world_die(world, 1, true);
	world_commit_all(world);
	assert_int_equal(row->marks, 0);
	assert_int_equal(row->attempts, 0);
}

/* The plugin takes all that is queued; if one of them is poison, it dies with what it has. */
static void run_plugin(struct world *world, int32_t channel)
{
	struct world_slot *slot;
	bool is_dead = false;

	while (!is_dead && (slot = world_slot_in(world, channel, SLOT_QUEUED)) != NULL) {
		slot->state = SLOT_IN_PLUGIN;
		is_dead = world_row_of(world, slot)->crashes;
	}
	if (is_dead) {
		world_die(world, channel, false);
		world_commit_all(world);
		world_up(world, channel, "sms");
		return;
	}
	while ((slot = world_slot_in(world, channel, SLOT_IN_PLUGIN)) != NULL) {
		world_send(world, slot);
		world_answer(world, slot, HERALD_DELIVERED, 0);
	}
}

static void poison_crashes_its_channel_exactly_three_times_and_harms_nobody(void **state)
{
	struct world *world = *state;
	struct world_row *poison;

	world_queue(world, 20, &(struct world_row){.lane = 1});
	poison = world_accept_queued(world, &(struct world_row){.lane = 1, .crashes = true});
	world_queue(world, 20, &(struct world_row){.lane = 1});
	for (int i = 0; i < 200; i++) {
		world_turn(world);
		run_plugin(world, 1);
		world_commit_all(world);
		world_pass(world, 10);
	}
	assert_int_equal(poison->state, DELIVERY_DEAD);
	assert_int_equal(poison->reason, REASON_poison);
	assert_int_equal(poison->crashes_seen, 3);
	assert_int_equal(poison->sends, 0);
	assert_int_equal(world_count(world, DELIVERY_DELIVERED), 40);
	for (size_t i = 0; i < world->row_count; i++)
		assert_in_range(world->rows[i].marks, 0, &world->rows[i] == poison ? 3 : 1);
}

static void an_overdue_ticket_that_never_was_on_the_wire_is_taken_back(void **state)
{
	struct world *world = *state;
	struct world_row *row = world_accept(world, &(struct world_row){.lane = 1});

	world_turn(world);
	world_slot_in(world, 1, SLOT_QUEUED)->state = SLOT_IN_PLUGIN;
	world_pass(world, 31000);
	assert_int_equal(world_out(world, 1), 1);
	world_pass(world, 2000);
	world_commit_all(world);
	assert_int_equal(row->state, DELIVERY_QUEUED);
	assert_int_equal(row->tries_spent, 1);
	assert_int_equal(row->reason, REASON_backoff);
	assert_int_equal(world->kills, 0);
}

static void a_process_that_answers_nothing_for_a_lease_is_killed(void **state)
{
	struct world *world = *state;
	struct world_row *row = world_accept(world, &(struct world_row){.lane = 1});

	world_turn(world);
	world_send(world, world_slot_in(world, 1, SLOT_QUEUED));
	world_pass(world, 59000);
	assert_int_equal(world->kills, 0);
	world_pass(world, 2000);
	assert_int_equal(world->kills, 1);
	assert_int_equal(row->state, DELIVERY_LEASED);
	world_die(world, 1, false);
	world_commit_all(world);
	assert_int_equal(row->reason, REASON_uncertain);
}

static void a_ticket_that_a_living_process_forgot_is_uncertain_alone(void **state)
{
	struct world *world = *state;
	struct world_row *row = world_accept(world, &(struct world_row){.lane = 1});
	struct world_slot *slot;

	world_turn(world);
	slot = world_slot_in(world, 1, SLOT_QUEUED);
	world_send(world, slot);
	world_pass(world, 50000);
	world_accept(world, &(struct world_row){.lane = 1});
	world_turn(world);
	world_answer_all(world, 1, HERALD_DELIVERED);
	world_pass(world, 11000);
	world_commit_all(world);
	assert_int_equal(world->kills, 0);
	assert_int_equal(row->reason, REASON_uncertain);
	assert_int_equal(row->settles, 1);
}

/* --- the rest --- */

static void what_expired_before_it_was_sent_ends_without_a_try(void **state)
{
	struct world *world = *state;
	struct world_row *row = world_accept_queued(
		world, &(struct world_row){.lane = 1, .expires_at_ms = world->wall + 5000});

	world_turn(world);
	world->mono += 5000;
	world->wall += 5000;
	dispatcher_clock(world->dispatcher, world->mono, world->wall);
	world_commit_all(world);
	assert_int_equal(row->state, DELIVERY_EXPIRED);
	assert_int_equal(row->attempts, 0);
	assert_int_equal(row->sends, 0);
}

static void a_clock_that_jumps_ahead_expires_nothing_for_a_minute(void **state)
{
	struct world *world = *state;
	struct world_row *row;

	world_step_wall(world, INT64_C(7) * 24 * HOUR_MS);
	row = world_accept(world, &(struct world_row){.lane = 1, .expires_at_ms = world->wall - 1000});
	world_turn(world);
	assert_int_equal(world_out(world, 1), 1);
	world_answer_all(world, 1, HERALD_DELIVERED);
	world_commit_all(world);
	assert_int_equal(row->state, DELIVERY_DELIVERED);
	world_pass(world, 61000);
	row = world_accept(world, &(struct world_row){.lane = 1, .expires_at_ms = world->wall - 1000});
	world_turn(world);
	world_commit_all(world);
	assert_int_equal(row->state, DELIVERY_EXPIRED);
}

static void a_clock_that_was_wrong_for_a_moment_changed_nothing(void **state)
{
	struct world *world = *state;
	int64_t far_ms = INT64_C(7) * 24 * HOUR_MS;

	world_queue(world, 20, &(struct world_row){.lane = 1, .attempts_max = 10});
	world_step_wall(world, far_ms);
	world_commit_all(world);
	world_answer_all(world, 1, HERALD_DEFERRED);
	world_commit_all(world);
	world_pass(world, 1000);
	world_step_wall(world, -far_ms);
	for (int i = 0; i < 600; i++) {
		world_answer_all(world, 1, HERALD_DELIVERED);
		world_commit_all(world);
		world_pass(world, 500);
	}
	assert_int_equal(world_count(world, DELIVERY_EXPIRED), 0);
	assert_int_equal(world_count(world, DELIVERY_DELIVERED), 20);
}

/* Run under the leak checker: what the store still answers after the last turn is nobody's. */
static void what_comes_after_the_last_turn_is_not_kept(void **state)
{
	struct world *world = *state;

	world_queue(world, 5, &(struct world_row){.lane = 1});
	world_turn(world);
	assert_int_equal(world->op_count, 1);
	world_forget(world);
	assert_int_equal(world->op_count, 0);
	assert_int_equal(world_count(world, DELIVERY_LEASED), 5);
}

static void a_test_is_delivered_without_being_handed_over(void **state)
{
	struct world *world = *state;
	struct world_row *row = world_accept(world, &(struct world_row){.lane = 1, .is_test = true});

	world_turn(world);
	assert_int_equal(world_out(world, 1), 0);
	world_commit_all(world);
	assert_int_equal(row->state, DELIVERY_DELIVERED);
	assert_int_equal(row->sends, 0);
}

static void a_settle_that_the_store_cannot_take_is_tried_until_it_does(void **state)
{
	struct world *world = *state;
	struct world_row *row = world_accept(world, &(struct world_row){.lane = 1});

	world_turn(world);
	world_answer_all(world, 1, HERALD_DELIVERED);
	world->is_busy = true;
	for (int i = 0; i < 20; i++) {
		world_commit(world);
		world_pass(world, 200);
	}
	assert_int_equal(row->state, DELIVERY_LEASED);
	assert_non_null(world_slot_in(world, 1, SLOT_DONE));
	world->is_busy = false;
	world_commit_all(world);
	assert_int_equal(row->state, DELIVERY_DELIVERED);
	assert_int_equal(row->settles, 1);
	assert_null(world_slot_in(world, 1, SLOT_DONE));
}

static void draining_takes_nothing_new_and_finishes_what_is_out(void **state)
{
	struct world *world = *state;

	world_queue(world, 20, &(struct world_row){.lane = 1});
	world_turn(world);
	world_commit_all(world);
	dispatcher_drain(world->dispatcher);
	world_settle_down(world, HERALD_DELIVERED);
	assert_int_equal(world_count(world, DELIVERY_DELIVERED), 8);
	assert_int_equal(world_count(world, DELIVERY_QUEUED), 12);
	assert_true(dispatcher_is_idle(world->dispatcher));
	assert_int_equal(atomic_load(&world->permits.available[1]), 0);
}

static void a_dropped_channel_finishes_and_takes_nothing_new(void **state)
{
	struct world *world = *state;

	world_queue(world, 20, &(struct world_row){.lane = 1});
	world_turn(world);
	world_commit_all(world);
	dispatcher_channel_drop(world->dispatcher, 1);
	world_settle_down(world, HERALD_DELIVERED);
	assert_int_equal(world_count(world, DELIVERY_DELIVERED), 8);
	dispatcher_channel(world->dispatcher, 1, &world->policies[1], false);
	world_settle_down(world, HERALD_DELIVERED);
	assert_int_equal(world_count(world, DELIVERY_DELIVERED), 20);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(an_accept_with_a_permit_goes_straight_out),
		TEST(permits_and_what_is_in_flight_never_exceed_the_window),
		TEST(no_permit_is_given_while_something_due_waits),
		TEST(critical_goes_before_a_backlog),
		TEST(two_tenants_share_whatever_each_has_waiting),
		TEST(a_blocked_destination_costs_nobody_else_anything),
		TEST(a_probe_that_succeeds_opens_the_destination_again),
		TEST(an_ill_channel_is_left_alone_and_then_probed_with_one),
		TEST(throttling_spends_no_try_and_waits_as_long_as_asked),
		TEST(a_rate_holds_in_every_second),
		TEST(retries_of_a_destination_are_budgeted),
		TEST(a_backlog_of_retries_flows_again_when_the_far_end_is_well),
		TEST(what_an_older_configuration_says_does_not_hold_the_new_one),
		TEST(a_misconfigured_channel_spends_no_attempt_and_is_tried_with_one),
		TEST(a_probe_that_goes_through_ends_the_hold),
		TEST(the_death_of_a_process_is_resolved_slot_by_slot),
		TEST(a_drained_process_leaves_no_marks),
		TEST(poison_crashes_its_channel_exactly_three_times_and_harms_nobody),
		TEST(an_overdue_ticket_that_never_was_on_the_wire_is_taken_back),
		TEST(a_process_that_answers_nothing_for_a_lease_is_killed),
		TEST(a_ticket_that_a_living_process_forgot_is_uncertain_alone),
		TEST(what_expired_before_it_was_sent_ends_without_a_try),
		TEST(a_clock_that_jumps_ahead_expires_nothing_for_a_minute),
		TEST(a_clock_that_was_wrong_for_a_moment_changed_nothing),
		TEST(what_comes_after_the_last_turn_is_not_kept),
		TEST(a_test_is_delivered_without_being_handed_over),
		TEST(a_settle_that_the_store_cannot_take_is_tried_until_it_does),
		TEST(draining_takes_nothing_new_and_finishes_what_is_out),
		TEST(a_dropped_channel_finishes_and_takes_nothing_new),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

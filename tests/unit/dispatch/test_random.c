/* Ten thousand steps of everything at once, from a seed: what is taken is settled or released exactly once,
 * windows hold, marked ones go alone, and after the answer to a take-back nothing that it names starts.
 *
 * The world checks the latter three at every step (world.c); this adds the sums.  A failure prints the seed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "world.h"

#include "base/check.h"

enum { STEPS = 10000, SEEDS = 6, PEOPLE = 30 };

struct run {
	struct world *world;
	uint64_t dice;
	struct store_op *open[1024]; /* take-backs of the test, to be freed at its end */
	size_t open_count;
	bool is_paused[WORLD_CHANNELS + 1];
};

static uint32_t roll(struct run *run, uint32_t sides)
{
	run->dice = run->dice * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(run->dice >> 33) % sides;
}

static int32_t any_channel(struct run *run)
{
	return 1 + (int32_t)roll(run, WORLD_CHANNELS);
}

static void accept_some(struct run *run)
{
	static const enum herald_priority priorities[] = {HERALD_BULK, HERALD_NORMAL, HERALD_CRITICAL};
	uint32_t count = roll(run, 6);

	for (uint32_t i = 0; i < count; i++) {
		uint32_t person = 1 + roll(run, PEOPLE);
		struct world_row like = {
			.channel = any_channel(run),
			.lane = 1 + roll(run, 3),
			.recipient = person,
			.address = (uint8_t)person,
			.destination = roll(run, 4) == 0 ? 5 + roll(run, 3) : 0,
			.priority = priorities[roll(run, 3)],
			.is_test = roll(run, 20) == 0,
			.has_memory = roll(run, 2) == 0,
			.uncertain = roll(run, 3) == 0 ? UNCERTAIN_PARK : UNCERTAIN_DEFAULT,
			.due_at_ms = run->world->wall + (roll(run, 5) == 0 ? roll(run, 5000) : 0),
			.expires_at_ms = run->world->wall + (roll(run, 10) == 0 ? roll(run, 3000) : 600000),
		};

		/* The writer compares at accept as well. */
		if (run->world->suppressed[like.address])
			continue;
		if (like.due_at_ms > run->world->wall)
			world_accept_queued(run->world, &like);
		else
			world_accept(run->world, &like);
	}
}

/* Some slot of a channel that is in this state. */
static struct world_slot *some_slot(struct run *run, enum slot_state state)
{
	return world_slot_in(run->world, any_channel(run), state);
}

static void plugin_moves(struct run *run)
{
	struct world_slot *slot = some_slot(run, SLOT_QUEUED);

	if (slot != NULL)
		slot->state = SLOT_IN_PLUGIN;
	slot = some_slot(run, SLOT_IN_PLUGIN);
	if (slot != NULL && roll(run, 3) != 0)
		world_send(run->world, slot);
}

static void plugin_answers(struct run *run)
{
	static const enum herald_verdict verdicts[] = {
		HERALD_DELIVERED, HERALD_DELIVERED, HERALD_DELIVERED,   HERALD_SENT,      HERALD_DEFERRED,
		HERALD_THROTTLED, HERALD_REJECTED,  HERALD_UNREACHABLE, HERALD_UNCERTAIN,
	};
	struct world_slot *slot = some_slot(run, SLOT_ON_WIRE);

	if (slot == NULL)
		return;
	if (roll(run, 8) == 0)
		dispatcher_memory(run->world->dispatcher, slot->channel, slot->ticket, text_of("m", 1));
	if (roll(run, 500) == 0)
		world_answer(run->world, slot, HERALD_MISCONFIGURED, 0);
	else
		world_answer(run->world, slot, verdicts[roll(run, countof(verdicts))],
			     roll(run, 3) == 0 ? roll(run, 4000) : 0);
}

static void *take_back_new(struct run *run, size_t size, enum store_verb verb)
{
	struct store_op *op = calloc(1, size);

	CHECK(op != NULL && run->open_count < countof(run->open));
	op->verb = verb;
	op->takes_back = true;
	op->audit.actor = "test";
	run->open[run->open_count++] = op;
	return op;
}

static void somebody_changes_their_mind(struct run *run)
{
	struct world *world = run->world;

	if (run->open_count >= countof(run->open) - 2 * WORLD_CHANNELS || world->row_count == 0)
		return;
	switch (roll(run, 3)) {
	case 0: {
		struct store_cancel *cancel = take_back_new(run, sizeof(*cancel), STORE_CANCEL);

		cancel->notification = (int64_t)(1 + roll(run, (uint32_t)world->row_count));
		cancel->reason = REASON_by_caller;
		world_submit(world, &cancel->op);
		return;
	}
	case 1: {
		struct store_put_preference *preference =
			take_back_new(run, sizeof(*preference), STORE_PUT_PREFERENCE);

		preference->ret_recipient = 1 + roll(run, PEOPLE);
		world_submit(world, &preference->op);
		return;
	}
	default: {
		struct store_put_suppression *suppression =
			take_back_new(run, sizeof(*suppression), STORE_PUT_SUPPRESSION);
		uint8_t address = (uint8_t)(1 + roll(run, PEOPLE));

		if (roll(run, 20) != 0)
			address = 200; /* mostly of nobody here */
		suppression->hash[0] = suppression->hash[9] = address;
		world_submit(world, &suppression->op);
		return;
	}
	}
}

static void switch_channel(struct run *run, int32_t channel, bool is_paused)
{
	struct store_put_channel *put;

	if (run->open_count >= countof(run->open))
		return;
	put = take_back_new(run, sizeof(*put), STORE_PUT_CHANNEL);
	put->channel = channel;
	put->is_paused = is_paused;
	put->why = "a test";
	run->is_paused[channel] = is_paused;
	world_submit(run->world, &put->op);
}

static void trouble(struct run *run)
{
	int32_t channel = any_channel(run);

	switch (roll(run, 4)) {
	case 0:
		if (run->world->is_up[channel])
			world_die(run->world, channel, roll(run, 4) == 0);
		else
			world_up(run->world, channel, channel == 2 ? "bot" : "sms");
		return;
	case 1:
		if (run->open_count < countof(run->open) - 64)
			switch_channel(run, channel, !run->is_paused[channel]);
		return;
	case 2:
		run->world->is_busy = roll(run, 4) == 0;
		return;
	default:
		world_step_wall(run->world, (int64_t)roll(run, 240000) - 120000);
		return;
	}
}

static void step(struct run *run)
{
	uint32_t what = roll(run, 100);

	if (what < 20)
		accept_some(run);
	else if (what < 45)
		plugin_moves(run);
	else if (what < 65)
		plugin_answers(run);
	else if (what < 80)
		world_commit_batch(run->world);
	else if (what < 90)
		world_pass(run->world, roll(run, 400));
	else if (what < 97)
		world_turn(run->world);
	else if (what < 99)
		somebody_changes_their_mind(run);
	else
		trouble(run);
}

/* Every lease ended at most once, and those that are open are open in exactly one place. */
static void check_sums(struct run *run)
{
	for (size_t i = 0; i < run->world->row_count; i++) {
		const struct world_row *row = &run->world->rows[i];

		CHECK(row->fenced == 0);
		CHECK(row->leases == row->settles + row->releases + (row->state == DELIVERY_LEASED));
		CHECK(row->sends <= row->settles + 1);
	}
}

static bool is_anything_left(const struct world *world)
{
	return world_count(world, DELIVERY_QUEUED) > 0 || world_count(world, DELIVERY_LEASED) > 0;
}

static void bring_to_an_end(struct run *run)
{
	struct world *world = run->world;

	world->is_busy = false;
	for (int32_t channel = 1; channel <= WORLD_CHANNELS; channel++) {
		if (!world->is_up[channel])
			world_up(world, channel, channel == 2 ? "bot" : "sms");
		switch_channel(run, channel, false);
	}
	/* What is leased now may still go back to the line. */
	for (int i = 0; i < 3000 && (is_anything_left(world) || i < 5); i++) {
		struct world_slot *slot;

		world_commit_batch(world);
		world_turn(world);
		for (int32_t channel = 1; channel <= WORLD_CHANNELS; channel++) {
			while ((slot = world_slot_in(world, channel, SLOT_IN_PLUGIN)) != NULL)
				slot->state = SLOT_QUEUED;
			while ((slot = world_slot_in(world, channel, SLOT_ON_WIRE)) != NULL)
				world_answer(world, slot, HERALD_DELIVERED, 0);
			world_answer_all(world, channel, HERALD_DELIVERED);
		}
		world_pass(world, 500);
	}
	world_settle_down(world, HERALD_DELIVERED);
}

static void run_seed(uint64_t seed)
{
	struct run run = {.world = world_new(seed), .dice = seed};

	for (int32_t channel = 1; channel <= WORLD_CHANNELS; channel++)
		world_up(run.world, channel, channel == 2 ? "bot" : "sms");
	for (int i = 0; i < STEPS; i++) {
		step(&run);
		if (i % 100 == 0)
			check_sums(&run);
	}
	bring_to_an_end(&run);
	check_sums(&run);
	assert_int_equal(world_count(run.world, DELIVERY_LEASED), 0);
	assert_int_equal(world_count(run.world, DELIVERY_QUEUED), 0);
	assert_true(dispatcher_is_idle(run.world->dispatcher));
	assert_int_equal(run.world->answered_count, run.open_count);
	assert_in_range(world_count(run.world, DELIVERY_DELIVERED), 500, WORLD_ROWS_MAX);
	for (size_t i = 0; i < WORLD_SLOTS_MAX; i++)
		assert_int_equal(run.world->slots[i].state, SLOT_FREE);
	world_free(run.world);
	for (size_t i = 0; i < run.open_count; i++)
		free(run.open[i]);
}

static void ten_thousand_random_steps_lose_nothing_and_do_nothing_twice(void **state)
{
	const char *given = getenv("HERALD_SEED");

	(void)state;
	for (uint64_t i = 1; i <= SEEDS; i++) {
		uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : i;

		print_message("seed %llu\n", (unsigned long long)seed);
		run_seed(seed);
		if (given != NULL)
			return;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ten_thousand_random_steps_lose_nothing_and_do_nothing_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

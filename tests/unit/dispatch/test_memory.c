/* What plugins learn about addresses: see core/dispatch/memory.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "world.h"

#include "base/check.h"

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

static void one_person_gets_one_conversation(void **state)
{
	struct world *world = *state;
	struct world_slot *slot;

	world_up(world, 2, "bot");
	for (int i = 0; i < 5; i++)
		world_accept(world, &(struct world_row){.channel = 2, .lane = 1, .address = 9});
	world_turn(world);
	assert_int_equal(world_out(world, 2), 1);
	slot = world_slot_in(world, 2, SLOT_QUEUED);
	world_send(world, slot);
	dispatcher_memory(world->dispatcher, 2, slot->ticket, text_of("a:1", 3));
	assert_int_equal(world->kept, 0);
	world_commit_all(world);
	assert_int_equal(world->kept, 1);
	world_answer(world, slot, HERALD_DELIVERED, 0);
	/* From now on it is known, also to jobs that were read before. */
	world_pass(world, 1000);
	world_commit_all(world);
	assert_int_equal(world_out(world, 2), 4);
}

static const struct store_memory *memory_under_way(const struct world *world)
{
	const struct store_op *op = world->ops;

	while (op != NULL && op->verb != STORE_MEMORY)
		op = (const struct store_op *)op->item.next;
	assert_non_null(op);
	return (const struct store_memory *)op;
}

static void what_a_plugin_learns_belongs_to_the_tenant_of_the_delivery(void **state)
{
	struct world *world = *state;
	struct world_slot *slot;

	world_up(world, 2, "bot");
	world_accept(world, &(struct world_row){.channel = 2, .lane = 5, .address = 9});
	world_turn(world);
	slot = world_slot_in(world, 2, SLOT_QUEUED);
	world_send(world, slot);
	dispatcher_memory(world->dispatcher, 2, slot->ticket, text_of("a:1", 3));
	assert_int_equal(memory_under_way(world)->op.tenant, 5);
	world_commit_all(world);
}

static void a_plugin_that_learns_without_end_is_ended(void **state)
{
	struct world *world = *state;
	struct world_slot *slot;

	world_up(world, 2, "bot");
	world_accept(world, &(struct world_row){.channel = 2, .lane = 1, .address = 9});
	world_turn(world);
	slot = world_slot_in(world, 2, SLOT_QUEUED);
	world_send(world, slot);
	for (int i = 0; i < 100000; i++)
		dispatcher_memory(world->dispatcher, 2, slot->ticket, text_of("a:1", 3));
	assert_true(world->kills > 0);
	assert_in_range(world->op_count, 1, 1000);
	world_commit_all(world);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(one_person_gets_one_conversation),
		TEST(what_a_plugin_learns_belongs_to_the_tenant_of_the_delivery),
		TEST(a_plugin_that_learns_without_end_is_ended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

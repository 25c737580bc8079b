/* The state table and the table of reasons, held to what the design promises. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "model/delivery.h"
#include "model/reason.h"

static void ended_deliveries_move_only_by_redrive_or_erasure(void **state)
{
	(void)state;
	for (int to = DELIVERY_HELD; to <= DELIVERY_STATES; to++) {
		assert_false(delivery_may_move(DELIVERY_DELIVERED, (enum delivery_state)to));
		assert_false(delivery_may_move(DELIVERY_SUPPRESSED, (enum delivery_state)to));
		assert_false(delivery_may_move(DELIVERY_CANCELLED, (enum delivery_state)to));
	}
	assert_true(delivery_may_move(DELIVERY_DEAD, DELIVERY_QUEUED));
	assert_true(delivery_may_move(DELIVERY_EXPIRED, DELIVERY_QUEUED));
	assert_false(delivery_may_move(DELIVERY_DEAD, DELIVERY_LEASED));
}

static void a_receipt_never_moves_a_state_back(void **state)
{
	(void)state;
	assert_false(delivery_may_move(DELIVERY_DELIVERED, DELIVERY_SENT));
	assert_false(delivery_may_move(DELIVERY_SENT, DELIVERY_QUEUED));
	assert_true(delivery_may_move(DELIVERY_SENT, DELIVERY_DELIVERED));
}

static void only_a_lease_reaches_a_provider(void **state)
{
	(void)state;
	for (int from = DELIVERY_HELD; from <= DELIVERY_STATES; from++) {
		if (from != DELIVERY_LEASED)
			assert_false(delivery_may_move((enum delivery_state)from, DELIVERY_SENT));
		if (from != DELIVERY_QUEUED)
			assert_false(delivery_may_move((enum delivery_state)from, DELIVERY_LEASED));
	}
}

static void every_state_and_reason_has_a_name_that_reads_back(void **state)
{
	enum delivery_state found;
	enum reason reason;

	(void)state;
	for (int number = DELIVERY_HELD; number <= DELIVERY_STATES; number++) {
		assert_true(delivery_state_parse(delivery_state_name((enum delivery_state)number), &found));
		assert_int_equal(found, number);
	}
	for (long number = 0; number < REASON_COUNT; number++) {
		assert_true(reason_is_valid(number));
		assert_true(reason_parse(reason_name((enum reason)number), &reason));
		assert_int_equal(reason, number);
		assert_true(strlen(reason_words(reason)) > 5);
	}
	assert_false(reason_is_valid(REASON_COUNT));
	assert_false(reason_is_valid(-1));
	assert_false(delivery_state_is_valid(0));
	assert_false(delivery_state_is_valid(11));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ended_deliveries_move_only_by_redrive_or_erasure),
		cmocka_unit_test(a_receipt_never_moves_a_state_back),
		cmocka_unit_test(only_a_lease_reaches_a_provider),
		cmocka_unit_test(every_state_and_reason_has_a_name_that_reads_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

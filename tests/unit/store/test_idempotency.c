/* The same key is the same answer: at once, an hour later, after a restart, until 72 hours have passed. */
#include "fixture.h"

enum { MINUTE_MS = 60 * 1000, HOUR_MS = 60 * MINUTE_MS };

static enum herald_code ask(struct fixture *f, struct one *one, const char *key, uint8_t fingerprint,
			    int64_t now_ms)
{
	one_init(f, one, "ada@example.org");
	one->accept.op.now_ms = now_ms;
	one->accept.op.idempotency.key = key;
	one->accept.op.idempotency.fingerprint[0] = fingerprint;
	one->accept.op.idempotency.answer = text_of("{\"id\":\"first\"}", 14);
	one->accept.op.idempotency.status = 202;
	return one_accept(f, one);
}

static int64_t notifications(struct fixture *f)
{
	return sql_value(f, "SELECT count(*) FROM notification");
}

static void the_first_answer_is_given_again_until_72_hours_have_passed(void **state)
{
	struct fixture *f = *state;
	static const int64_t begins[] = {NOW_MS / HOUR_MS * HOUR_MS,
					 NOW_MS / HOUR_MS * HOUR_MS + HOUR_MS - 1};
	static const struct {
		int64_t after_ms;
		bool is_replay;
	} times[] = {{0, true},
		     {59 * MINUTE_MS, true},
		     {61 * MINUTE_MS, true},
		     {71 * INT64_C(3600000), true},
		     {72 * INT64_C(3600000), true},
		     {73 * INT64_C(3600000), false}};
	for (size_t begin = 0; begin < 2; begin++) {
		char key[16];
		struct one one;
		snprintf(key, sizeof(key), "key-%zu", begin);
		assert_int_equal(ask(f, &one, key, 1, begins[begin]), HERALD_OK);
		assert_false(one.accept.op.ret_is_replay);
		for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
			int64_t before = notifications(f);
			assert_int_equal(ask(f, &one, key, 1, begins[begin] + times[i].after_ms), HERALD_OK);
			assert_int_equal(one.accept.op.ret_is_replay, times[i].is_replay);
			assert_int_equal(notifications(f), before + !times[i].is_replay);
			if (times[i].is_replay) {
				assert_string_equal(one.accept.op.ret_replay.data, "{\"id\":\"first\"}");
				assert_int_equal(one.accept.op.ret_replay_status, 202);
			}
		}
	}
}

static void the_same_holds_after_a_restart(void **state)
{
	struct fixture *f = *state;
	struct one one;
	for (int hour = 0; hour < 30; hour++) {
		char key[16];
		snprintf(key, sizeof(key), "key-%d", hour);
		assert_int_equal(ask(f, &one, key, 1, NOW_MS + (int64_t)hour * HOUR_MS), HERALD_OK);
	}
	fixture_reopen(f);
	for (int round = 0; round < 2; round++) {
		for (int hour = 0; hour < 30; hour++) {
			char key[16];
			snprintf(key, sizeof(key), "key-%d", hour);
			assert_int_equal(ask(f, &one, key, 1, NOW_MS + INT64_C(60) * HOUR_MS), HERALD_OK);
			assert_true(one.accept.op.ret_is_replay);
		}
	}
	assert_int_equal(notifications(f), 30);
	assert_int_equal(ask(f, &one, "key-x", 1, NOW_MS + INT64_C(60) * HOUR_MS), HERALD_OK);
	assert_false(one.accept.op.ret_is_replay);
}

static void another_request_under_the_key_is_refused_and_writes_nothing(void **state)
{
	struct fixture *f = *state;
	struct one one;
	assert_int_equal(ask(f, &one, "key", 1, NOW_MS), HERALD_OK);
	assert_int_equal(ask(f, &one, "key", 2, NOW_MS + 1), HERALD_INVALID);
	assert_true(one.accept.op.ret_is_mismatch);
	assert_false(one.accept.op.ret_is_replay);
	assert_int_equal(notifications(f), 1);
}

static void keys_of_two_tenants_do_not_meet(void **state)
{
	struct fixture *f = *state;
	struct one one;
	int64_t other = store_tenant_number(f->store, "other", true);
	assert_int_equal(ask(f, &one, "key", 1, NOW_MS), HERALD_OK);
	one.accept.op.tenant = other;
	one.accept.id = store_next_id(f->store);
	assert_int_equal(one_accept(f, &one), HERALD_OK);
	assert_false(one.accept.op.ret_is_replay);
}

static void what_was_refused_is_not_remembered(void **state)
{
	struct fixture *f = *state;
	struct one one;
	put_suppression(f, "email", "ada@example.org");
	assert_int_equal(ask(f, &one, "key", 1, NOW_MS), HERALD_CONFLICT);
	struct store_put_suppression put = {
		.op = {.verb = STORE_PUT_SUPPRESSION, .tenant = TENANT, .now_ms = NOW_MS},
		.kind = "email",
		.address = "ada@example.org",
		.is_delete = true};
	assert_int_equal(run_op(f, &put.op), HERALD_OK);
	assert_int_equal(ask(f, &one, "key", 1, NOW_MS), HERALD_OK);
	assert_false(one.accept.op.ret_is_replay);
}

static void a_clock_that_was_set_back_still_finds_the_key(void **state)
{
	struct fixture *f = *state;
	struct one one;
	assert_int_equal(ask(f, &one, "key", 1, NOW_MS + INT64_C(5) * HOUR_MS), HERALD_OK);
	assert_int_equal(ask(f, &one, "key", 1, NOW_MS), HERALD_OK);
	assert_true(one.accept.op.ret_is_replay);
}

static void old_records_are_pruned_and_young_ones_are_not(void **state)
{
	struct fixture *f = *state;
	struct one one;
	assert_int_equal(ask(f, &one, "old", 1, NOW_MS), HERALD_OK);
	assert_int_equal(ask(f, &one, "young", 1, NOW_MS + INT64_C(70) * HOUR_MS), HERALD_OK);
	struct store_prune prune = {.op = {.verb = STORE_PRUNE, .now_ms = NOW_MS + INT64_C(72) * HOUR_MS},
				    .limit = 10};
	assert_int_equal(run_op(f, &prune.op), HERALD_OK);
	assert_int_equal(sql_value(f, "SELECT count(*) FROM idempotency"), 2);
	prune.op.now_ms = NOW_MS + INT64_C(75) * HOUR_MS;
	assert_int_equal(run_op(f, &prune.op), HERALD_OK);
	assert_int_equal(sql_value(f, "SELECT count(*) FROM idempotency"), 1);
	assert_int_equal(ask(f, &one, "young", 1, prune.op.now_ms), HERALD_OK);
	assert_true(one.accept.op.ret_is_replay);
}

static void any_verb_can_carry_a_key(void **state)
{
	struct fixture *f = *state;
	struct store_address addresses[2];
	struct store_put_recipient put = person("u-1", addresses);
	put.op.idempotency.key = "put";
	put.op.idempotency.status = 201;
	assert_int_equal(run_op(f, &put.op), HERALD_OK);
	assert_int_equal(put.ret_version, 1);
	f->taken_count = 0;
	assert_int_equal(run_op(f, &put.op), HERALD_OK);
	assert_true(put.op.ret_is_replay);
	assert_int_equal(put.op.ret_replay_status, 201);
	assert_int_equal(sql_value(f, "SELECT version FROM recipient"), 1);
}

#define PROMISE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PROMISE(the_first_answer_is_given_again_until_72_hours_have_passed),
		PROMISE(the_same_holds_after_a_restart),
		PROMISE(another_request_under_the_key_is_refused_and_writes_nothing),
		PROMISE(keys_of_two_tenants_do_not_meet),
		PROMISE(what_was_refused_is_not_remembered),
		PROMISE(a_clock_that_was_set_back_still_finds_the_key),
		PROMISE(old_records_are_pruned_and_young_ones_are_not),
		PROMISE(any_verb_can_carry_a_key),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

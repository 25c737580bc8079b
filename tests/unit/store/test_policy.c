/* Categories, keys, paused channels, tenants and channels by name. */
#include "fixture.h"

static struct store_put_category category(const char *name, int64_t if_version)
{
	return (struct store_put_category){
		.op = {.verb = STORE_PUT_CATEGORY, .tenant = TENANT, .now_ms = NOW_MS},
		.name = name,
		.body = text_of("{\"required\":true}", 17),
		.if_version = if_version,
	};
}

static void a_category_s_change_moves_the_policy_and_its_version_never_repeats(void **state)
{
	struct fixture *f = *state;
	int64_t policy = store_policy_version(f->store, TENANT);
	struct store_put_category put = category("marketing", 0);
	assert_int_equal(run_op(f, &put.op), HERALD_OK);
	assert_true(put.ret_is_new);
	assert_int_equal(store_policy_version(f->store, TENANT), policy + 1);
	int64_t version = put.ret_version;
	struct store_category row;
	assert_int_equal(store_category(f->session, TENANT, "marketing", f->arena, &row, NULL), HERALD_OK);
	assert_string_equal(row.body.data, "{\"required\":true}");
	assert_int_equal(row.version, version);

	assert_int_equal(run_op(f, &put.op), HERALD_CONFLICT);
	assert_int_equal(store_policy_version(f->store, TENANT), policy + 1);
	put.if_version = version;
	put.is_delete = true;
	assert_int_equal(run_op(f, &put.op), HERALD_OK);
	assert_int_equal(store_category(f->session, TENANT, "marketing", f->arena, &row, NULL),
			 HERALD_NOT_FOUND);
	assert_int_equal(run_op(f, &put.op), HERALD_OK);
	assert_true(put.ret_is_unknown);
	put = category("marketing", -1);
	assert_int_equal(run_op(f, &put.op), HERALD_OK);
	assert_true(put.ret_version > version);
	fixture_reopen(f);
	assert_int_equal(store_policy_version(f->store, TENANT), policy + 3);
}

static void a_category_that_something_waits_for_cannot_be_deleted(void **state)
{
	struct fixture *f = *state;
	struct store_put_category put = category("order.shipped", -1);
	struct one one;
	assert_int_equal(run_op(f, &put.op), HERALD_OK);
	one_init(f, &one, "ada@example.org");
	one.deliveries[0].has_permit = true;
	assert_int_equal(one_accept(f, &one), HERALD_OK);
	put.is_delete = true;
	assert_int_equal(run_op(f, &put.op), HERALD_OK);
	assert_true(put.ret_is_in_use);
	assert_int_equal(settle_job(f, f->jobs[0], DELIVERY_QUEUED, REASON_backoff), HERALD_OK);
	assert_int_equal(run_op(f, &put.op), HERALD_OK);
	assert_true(put.ret_is_in_use);
	struct store_put_category other = category("marketing", -1);
	assert_int_equal(run_op(f, &other.op), HERALD_OK);
	other.is_delete = true;
	assert_int_equal(run_op(f, &other.op), HERALD_OK);
	assert_false(other.ret_is_in_use);
	struct store_cancel cancel = {.op = {.verb = STORE_CANCEL, .tenant = TENANT, .now_ms = NOW_MS},
				      .notification = one.accept.id,
				      .reason = REASON_by_caller};
	assert_int_equal(run_op(f, &cancel.op), HERALD_OK);
	assert_int_equal(run_op(f, &put.op), HERALD_OK);
	assert_false(put.ret_is_in_use);
}

static void categories_are_listed_by_name(void **state)
{
	struct fixture *f = *state;
	static const char *const names[] = {"c", "a", "b"};
	struct store_category *rows;
	const char *next;
	size_t count;
	for (size_t i = 0; i < 3; i++) {
		struct store_put_category put = category(names[i], -1);
		assert_int_equal(run_op(f, &put.op), HERALD_OK);
	}
	assert_int_equal(store_categories(f->session, TENANT, "", 2, f->arena, &rows, &count, &next, NULL),
			 HERALD_OK);
	assert_int_equal(count, 2);
	assert_string_equal(rows[0].name, "a");
	assert_string_equal(next, "b");
	assert_int_equal(store_categories(f->session, TENANT, next, 2, f->arena, &rows, &count, &next, NULL),
			 HERALD_OK);
	assert_int_equal(count, 1);
	assert_string_equal(next, "");
}

static void a_key_is_found_by_its_id_until_it_is_deleted_by_its_own_tenant(void **state)
{
	struct fixture *f = *state;
	struct store_put_key put = {
		.op = {.verb = STORE_PUT_KEY, .tenant = TENANT, .now_ms = NOW_MS},
		.id = store_next_id(f->store),
		.secret_hash = {1, 2, 3},
		.scopes = "send read",
		.name = "shop",
		.expires_at_ms = NOW_MS + 5,
		.rate_per_s = 100,
	};
	struct store_key_row row, *rows;
	size_t count;
	assert_int_equal(run_op(f, &put.op), HERALD_OK);
	assert_int_equal(store_key(f->session, put.id, f->arena, &row, NULL), HERALD_OK);
	assert_int_equal(row.tenant, TENANT);
	assert_memory_equal(row.secret_hash, put.secret_hash, 32);
	assert_string_equal(row.scopes, "send read");
	assert_int_equal(row.rate_per_s, 100);
	assert_int_equal(row.created_at_ms, NOW_MS);
	assert_int_equal(store_keys(f->session, TENANT, 0, 10, f->arena, &rows, &count, NULL), HERALD_OK);
	assert_int_equal(count, 1);
	put.is_delete = true;
	put.op.tenant = TENANT + 1;
	assert_int_equal(run_op(f, &put.op), HERALD_OK);
	assert_true(put.ret_is_unknown);
	put.op.tenant = TENANT;
	assert_int_equal(run_op(f, &put.op), HERALD_OK);
	assert_false(put.ret_is_unknown);
	assert_int_equal(store_key(f->session, put.id, f->arena, &row, NULL), HERALD_NOT_FOUND);
}

static void a_paused_channel_is_still_paused_after_a_start(void **state)
{
	struct fixture *f = *state;
	struct store_put_channel put =
					 {
						 .op = {.verb = STORE_PUT_CHANNEL,
							.takes_back = true,
							.now_ms = NOW_MS},
						 .channel = f->sms,
						 .is_paused = true,
						 .why = "holiday",
					 },
				 *rows;
	size_t count;
	assert_int_equal(run_op(f, &put.op), HERALD_OK);
	assert_int_equal(f->taken_count, 1);
	fixture_reopen(f);
	assert_int_equal(store_paused(f->session, f->arena, &rows, &count, NULL), HERALD_OK);
	assert_int_equal(count, 1);
	assert_int_equal(rows[0].channel, f->sms);
	assert_string_equal(rows[0].why, "holiday");
	put.is_paused = false;
	assert_int_equal(run_op(f, &put.op), HERALD_OK);
	assert_int_equal(store_paused(f->session, f->arena, &rows, &count, NULL), HERALD_OK);
	assert_int_equal(count, 0);
	put.channel = 60;
	assert_int_equal(run_op(f, &put.op), HERALD_NOT_FOUND);
}

static void a_name_has_one_number_for_ever(void **state)
{
	struct fixture *f = *state;
	int32_t mail = f->mail;
	assert_int_equal(store_tenant_number(f->store, "default", false), TENANT);
	assert_int_equal(store_tenant_number(f->store, "b", false), -1);
	int64_t b = store_tenant_number(f->store, "b", true);
	assert_true(b > TENANT);
	assert_int_equal(store_tenant_number(f->store, "b", true), b);
	assert_string_equal(store_tenant_name(f->store, b), "b");
	assert_null(store_tenant_name(f->store, 77));
	assert_null(store_channel_name(f->store, 63));
	fixture_reopen(f);
	assert_int_equal(f->mail, mail);
	assert_int_equal(store_tenant_number(f->store, "b", false), b);
	assert_string_equal(store_channel_name(f->store, mail), "mail");
}

static void there_are_as_many_channels_as_permits_can_count(void **state)
{
	struct fixture *f = *state;
	char name[16];
	int32_t last = 0;
	for (int i = 0; i < CHANNELS_MAX; i++) {
		snprintf(name, sizeof(name), "c%d", i);
		int32_t number = store_channel_number(f->store, name);
		assert_true(number < CHANNELS_MAX);
		last = number;
	}
	assert_int_equal(last, -1);
	assert_int_equal(store_channel_number(f->store, "mail"), f->mail);
}

#define PROMISE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PROMISE(a_category_s_change_moves_the_policy_and_its_version_never_repeats),
		PROMISE(a_category_that_something_waits_for_cannot_be_deleted),
		PROMISE(categories_are_listed_by_name),
		PROMISE(a_key_is_found_by_its_id_until_it_is_deleted_by_its_own_tenant),
		PROMISE(a_paused_channel_is_still_paused_after_a_start),
		PROMISE(a_name_has_one_number_for_ever),
		PROMISE(there_are_as_many_channels_as_permits_can_count),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

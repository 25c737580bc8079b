/* Recipients, addresses, preferences, suppressions: versions, and what is found again. */
#include "fixture.h"

static struct store_recipient read_person(struct fixture *f, const char *id)
{
	struct store_recipient *people;
	assert_int_equal(store_people(f->session, TENANT, &id, 1, f->arena, &people, NULL), HERALD_OK);
	return people[0];
}

static void a_recipient_is_read_as_it_was_put(void **state)
{
	struct fixture *f = *state;
	struct store_address addresses[2];
	struct store_put_recipient put = person("u-17", addresses);
	addresses[0].memory = text_of("{\"m\":1}", 7);
	addresses[1].channel = "sms";
	assert_int_equal(run_op(f, &put.op), HERALD_OK);
	assert_true(put.ret_is_new);
	assert_int_equal(put.ret_version, 1);
	assert_int_equal(f->taken_count, 1);

	struct store_recipient row = read_person(f, "u-17");
	assert_true(row.is_known);
	assert_int_equal(row.row, put.ret_recipient);
	assert_int_equal(row.version, 1);
	assert_string_equal(row.name, "Ada");
	assert_string_equal(row.locale, "de-AT");
	assert_string_equal(row.timezone, "Europe/Vienna");
	assert_string_equal(row.attributes, "{\"plan\":\"pro\"}");
	assert_int_equal(row.preference.size, 0);
	assert_int_equal(row.address_count, 2);
	assert_string_equal(row.addresses[0].kind, "email");
	assert_string_equal(row.addresses[0].address, "ada@example.org");
	assert_string_equal(row.addresses[0].label, "work");
	assert_string_equal(row.addresses[0].destination, "example.org");
	assert_true(row.addresses[0].is_verified);
	assert_string_equal(row.addresses[0].memory.data, "{\"m\":1}");
	assert_string_equal(row.addresses[1].channel, "sms");
	assert_false(row.addresses[1].is_verified);
	uint8_t hash[ADDRESS_HASH_BYTES];
	store_address_hash(TENANT, "email", "ada@example.org", hash);
	assert_memory_equal(row.addresses[0].hash, hash, sizeof(hash));
}

static void unknown_ids_come_back_in_their_places(void **state)
{
	struct fixture *f = *state;
	put_person(f, "b");
	static const char *const ids[] = {"a", "b", "c"};
	struct store_recipient *people;
	assert_int_equal(store_people(f->session, TENANT, ids, 3, f->arena, &people, NULL), HERALD_OK);
	assert_false(people[0].is_known);
	assert_string_equal(people[0].id, "a");
	assert_true(people[1].is_known);
	assert_false(people[2].is_known);
	assert_int_equal(store_people(f->session, TENANT + 1, ids, 3, f->arena, &people, NULL), HERALD_OK);
	assert_false(people[1].is_known);
}

static void an_address_that_stays_keeps_its_row_and_its_memory(void **state)
{
	struct fixture *f = *state;
	struct store_address addresses[2];
	put_person(f, "u-1");
	int64_t row = read_person(f, "u-1").addresses[0].row;
	struct store_memory memory = {.op = {.verb = STORE_MEMORY, .now_ms = NOW_MS},
				      .channel = f->mail,
				      .address_row = row,
				      .memory = text_of("kept", 4)};
	assert_int_equal(run_op(f, &memory.op), HERALD_OK);
	struct store_put_recipient put = person("u-1", addresses);
	struct store_address swap = addresses[0];
	addresses[0] = addresses[1];
	addresses[1] = swap;
	assert_int_equal(run_op(f, &put.op), HERALD_OK);
	struct store_recipient person_row = read_person(f, "u-1");
	assert_int_equal(person_row.addresses[1].row, row);
	assert_string_equal(person_row.addresses[1].memory.data, "kept");
	assert_int_equal(person_row.addresses[1].memory_channel, f->mail);
	addresses[1].memory = text_of("given", 5);
	assert_int_equal(run_op(f, &put.op), HERALD_OK);
	person_row = read_person(f, "u-1");
	assert_string_equal(person_row.addresses[1].memory.data, "given");
	assert_int_equal(person_row.addresses[1].memory_channel, 0);
	put.address_count = 1;
	assert_int_equal(run_op(f, &put.op), HERALD_OK);
	person_row = read_person(f, "u-1");
	assert_int_equal(person_row.address_count, 1);
	assert_string_equal(person_row.addresses[0].kind, "sms");
	assert_int_equal(
		sql_value(f, "SELECT count(*) FROM address WHERE is_gone = 1 AND memory IS NOT NULL"), 0);
}

static void versions_are_compared_and_never_begin_again(void **state)
{
	struct fixture *f = *state;
	struct store_address addresses[2];
	struct store_put_recipient put = person("u-1", addresses);
	put.if_version = 1;
	assert_int_equal(run_op(f, &put.op), HERALD_CONFLICT);
	put.if_version = 0;
	assert_int_equal(run_op(f, &put.op), HERALD_OK);
	assert_int_equal(run_op(f, &put.op), HERALD_CONFLICT);
	put.if_version = 1;
	assert_int_equal(run_op(f, &put.op), HERALD_OK);
	assert_int_equal(put.ret_version, 2);
	assert_false(put.ret_is_new);
	assert_int_equal(run_op(f, &put.op), HERALD_CONFLICT);
	int64_t number = put.ret_recipient;

	put.is_delete = true;
	put.if_version = -1;
	assert_int_equal(run_op(f, &put.op), HERALD_OK);
	assert_false(put.ret_is_unknown);
	assert_false(read_person(f, "u-1").is_known);
	assert_int_equal(run_op(f, &put.op), HERALD_OK);
	assert_true(put.ret_is_unknown);
	put.is_delete = false;
	put.if_version = 0;
	assert_int_equal(run_op(f, &put.op), HERALD_OK);
	assert_true(put.ret_is_new);
	assert_int_equal(put.ret_recipient, number);
	assert_int_equal(put.ret_version, 4);
	assert_int_equal(read_person(f, "u-1").version, 4);
}

static void a_deleted_recipient_leaves_nothing_that_was_said_about_the_person(void **state)
{
	struct fixture *f = *state;
	struct store_address addresses[2];
	put_person(f, "u-1");
	put_preference(f, "u-1", "{\"muted_until\":null}");
	struct store_put_recipient put = person("u-1", addresses);
	put.is_delete = true;
	assert_int_equal(run_op(f, &put.op), HERALD_OK);
	assert_int_equal(
		sql_value(f, "SELECT count(*) FROM recipient WHERE coalesce(name, attributes, preference)"
			     " IS NOT NULL"),
		0);
	put.is_delete = false;
	assert_int_equal(run_op(f, &put.op), HERALD_OK);
	assert_int_equal(read_person(f, "u-1").preference.size, 0);
}

static void a_preference_raises_the_recipient_s_version_and_its_own(void **state)
{
	struct fixture *f = *state;
	struct store_put_preference put = {
		.op = {.verb = STORE_PUT_PREFERENCE, .takes_back = true, .tenant = TENANT, .now_ms = NOW_MS},
		.recipient = "u-1",
		.body = text_of("{\"order\":[\"sms\"]}", 17),
		.if_version = -1,
	};
	assert_int_equal(run_op(f, &put.op), HERALD_OK);
	assert_true(put.ret_is_unknown);
	assert_int_equal(f->taken_count, 0); /* nobody is named: nothing to take back */
	int64_t number = put_person(f, "u-1");
	f->taken_count = 0;
	put.op.takes_back = true;
	assert_int_equal(run_op(f, &put.op), HERALD_OK);
	assert_int_equal(put.ret_version, 1);
	assert_int_equal(put.ret_recipient, number);
	assert_int_equal(f->taken_count, 1);
	struct store_recipient row = read_person(f, "u-1");
	assert_int_equal(row.version, 2);
	assert_int_equal(row.preference_version, 1);
	assert_string_equal(row.preference.data, "{\"order\":[\"sms\"]}");
	put.if_version = 0;
	assert_int_equal(run_op(f, &put.op), HERALD_CONFLICT);
	put.if_version = 1;
	assert_int_equal(run_op(f, &put.op), HERALD_OK);
}

static void suppressions_mark_addresses_and_are_listed_and_lifted(void **state)
{
	struct fixture *f = *state;
	struct store_suppression_row row, *rows;
	const char *next;
	size_t count;
	uint8_t hash[ADDRESS_HASH_BYTES];
	put_person(f, "u-1");
	put_suppression(f, "email", "ada@example.org");
	assert_true(read_person(f, "u-1").addresses[0].is_suppressed);
	assert_false(read_person(f, "u-1").addresses[1].is_suppressed);
	put_suppression(f, "email", "b@example.org");
	put_suppression(f, "sms", "+1");
	store_address_hash(TENANT, "email", "b@example.org", hash);
	assert_int_equal(store_suppression(f->session, TENANT, "email", hash, f->arena, &row, NULL),
			 HERALD_OK);
	assert_string_equal(row.address, "b@example.org");
	assert_string_equal(row.reason, "bounce");
	assert_int_equal(row.at_ms, NOW_MS);
	assert_int_equal(store_suppression(f->session, TENANT, "sms", hash, f->arena, &row, NULL),
			 HERALD_NOT_FOUND);

	const char *after = "";
	size_t seen = 0;
	do {
		assert_int_equal(store_suppressions(f->session, TENANT, "email", "", after, 1, f->arena,
						    &rows, &count, &next, NULL),
				 HERALD_OK);
		seen += count;
		after = next;
	} while (next[0] != 0);
	assert_int_equal(seen, 2);
	assert_int_equal(store_suppressions(f->session, TENANT, "", "stop", "", 10, f->arena, &rows, &count,
					    &next, NULL),
			 HERALD_OK);
	assert_int_equal(count, 0);
	assert_int_equal(store_suppressions(f->session, TENANT, "", "", "zz", 10, f->arena, &rows, &count,
					    &next, NULL),
			 HERALD_INVALID);

	struct store_put_suppression put = {
		.op = {.verb = STORE_PUT_SUPPRESSION, .tenant = TENANT, .now_ms = NOW_MS},
		.kind = "email",
		.address = "ada@example.org",
		.is_delete = true,
	};
	assert_int_equal(run_op(f, &put.op), HERALD_OK);
	assert_false(put.ret_is_unknown);
	assert_false(read_person(f, "u-1").addresses[0].is_suppressed);
	assert_int_equal(run_op(f, &put.op), HERALD_OK);
	assert_true(put.ret_is_unknown);
}

static void addresses_of_any_length_have_a_hash_of_their_own(void **state)
{
	(void)state;
	char longer[2000];
	uint8_t one[ADDRESS_HASH_BYTES], two[ADDRESS_HASH_BYTES];
	memset(longer, 'a', sizeof(longer));
	longer[sizeof(longer) - 1] = 0;
	store_address_hash(1, "email", longer, one);
	longer[1500] = 'b';
	store_address_hash(1, "email", longer, two);
	assert_memory_not_equal(one, two, sizeof(one));
	store_address_hash(1, "ab", "c", one);
	store_address_hash(1, "a", "bc", two);
	assert_memory_not_equal(one, two, sizeof(one));
	store_address_hash(2, "ab", "c", two);
	assert_memory_not_equal(one, two, sizeof(one));
}

static void recipients_are_listed_by_id_with_a_cursor(void **state)
{
	struct fixture *f = *state;
	char id[8];
	for (int i = 0; i < 5; i++) {
		snprintf(id, sizeof(id), "u-%d", i);
		put_person(f, id);
	}
	const char *after = "";
	size_t count, seen = 0;
	int pages = 0;
	do {
		struct store_recipient *people;
		assert_int_equal(store_recipients(f->session, TENANT, after, 2, f->arena, &people, &count,
						  &after, NULL),
				 HERALD_OK);
		for (size_t i = 0; i < count; i++) {
			snprintf(id, sizeof(id), "u-%zu", seen++);
			assert_string_equal(people[i].id, id);
			assert_int_equal(people[i].address_count, 2);
		}
		pages++;
	} while (after[0] != 0);
	assert_int_equal(seen, 5);
	assert_int_equal(pages, 3);
}

#define PROMISE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PROMISE(a_recipient_is_read_as_it_was_put),
		PROMISE(unknown_ids_come_back_in_their_places),
		PROMISE(an_address_that_stays_keeps_its_row_and_its_memory),
		PROMISE(versions_are_compared_and_never_begin_again),
		PROMISE(a_deleted_recipient_leaves_nothing_that_was_said_about_the_person),
		PROMISE(a_preference_raises_the_recipient_s_version_and_its_own),
		PROMISE(suppressions_mark_addresses_and_are_listed_and_lifted),
		cmocka_unit_test(addresses_of_any_length_have_a_hash_of_their_own),
		PROMISE(recipients_are_listed_by_id_with_a_cursor),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

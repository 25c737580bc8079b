/* Who did what: a chain that shows each row that was changed, and survives the erasing of words. */
#include "fixture.h"

static void deed(struct fixture *f, const char *id, const char *payload)
{
	struct store_address addresses[2];
	struct store_put_recipient put = person(id, addresses);
	put.op.audit = (struct store_audit){.actor = "key_1", .verb = "recipient.put", .payload = payload};
	assert_int_equal(run_op(f, &put.op), HERALD_OK);
}

static enum herald_code verify(struct fixture *f, int64_t *ret_rows, struct herald_error *err)
{
	*err = (struct herald_error){0};
	return store_audit_verify(f->session, ret_rows, err);
}

static void each_deed_is_listed_with_its_subject_and_words(void **state)
{
	struct fixture *f = *state;
	struct store_audit_row *rows;
	size_t count;
	deed(f, "u-1", "{\"a\":1}");
	deed(f, "u-2", "{\"a\":2}");
	deed(f, "u-1", "{\"a\":3}");
	assert_int_equal(store_audit(f->session, TENANT, 0, "", 0, 0, 10, f->arena, &rows, &count, NULL),
			 HERALD_OK);
	assert_int_equal(count, 3);
	assert_int_equal(rows[0].seq, 3); /* the newest first */
	assert_string_equal(rows[0].actor, "key_1");
	assert_string_equal(rows[0].verb, "recipient.put");
	assert_string_equal(rows[1].payload, "{\"a\":2}");
	assert_int_equal(rows[0].subject, sql_value(f, "SELECT number FROM recipient WHERE id = 'u-1'"));
	assert_int_equal(
		store_audit(f->session, TENANT, 0, "", rows[0].subject, 3, 10, f->arena, &rows, &count, NULL),
		HERALD_OK);
	assert_int_equal(count, 1);
	assert_string_equal(rows[0].payload, "{\"a\":1}");
	assert_int_equal(store_audit(f->session, TENANT, 0, "admin", 0, 0, 10, f->arena, &rows, &count, NULL),
			 HERALD_OK);
	assert_int_equal(count, 0);
	assert_int_equal(store_audit(f->session, TENANT + 1, 0, "", 0, 0, 10, f->arena, &rows, &count, NULL),
			 HERALD_OK);
	assert_int_equal(count, 0);
}

static void what_changed_nothing_or_failed_leaves_no_row(void **state)
{
	struct fixture *f = *state;
	struct store_address addresses[2];
	struct store_put_recipient put = person("u-1", addresses);
	put.op.audit = (struct store_audit){.actor = "a", .verb = "v", .payload = ""};
	put.if_version = 5;
	assert_int_equal(run_op(f, &put.op), HERALD_CONFLICT);
	put.is_delete = true;
	put.if_version = -1;
	assert_int_equal(run_op(f, &put.op), HERALD_OK);
	assert_int_equal(sql_value(f, "SELECT count(*) FROM audit"), 0);
}

static void the_chain_goes_on_after_a_restart(void **state)
{
	struct fixture *f = *state;
	struct herald_error err;
	int64_t rows;
	for (int i = 0; i < 5; i++) {
		deed(f, "u-1", "{}");
		fixture_reopen(f);
	}
	assert_int_equal(verify(f, &rows, &err), HERALD_OK);
	assert_int_equal(rows, 5);
}

static void every_kind_of_tampering_names_the_first_bad_row(void **state)
{
	struct fixture *f = *state;
	static const struct {
		const char *sql, *names;
	} cases[] = {
		{"UPDATE audit SET actor = 'somebody' WHERE seq = 3", "audit row 3"},
		{"UPDATE audit SET verb = 'other' WHERE seq = 6", "audit row 6"},
		{"UPDATE audit SET at_ms = at_ms + 1 WHERE seq = 2", "audit row 2"},
		{"UPDATE audit SET subject = 9 WHERE seq = 1", "audit row 1"},
		{"UPDATE audit SET tenant = 2 WHERE seq = 4", "audit row 4"},
		{"UPDATE audit SET commitment = zeroblob(32) WHERE seq = 5", "audit row 5"},
		{"UPDATE audit SET hash = zeroblob(32) WHERE seq = 2", "audit row 2"},
		{"DELETE FROM audit WHERE seq = 4", "audit row 5"},
		{"DELETE FROM audit WHERE seq = 1", "audit row 2"},
		{"UPDATE audit_payload SET payload = CAST(x'00' || '{}' AS BLOB) WHERE seq = 3",
		 "audit row 3"},
		{"UPDATE audit_payload SET salt = zeroblob(16) WHERE seq = 3", "audit row 3"},
		{"UPDATE audit_payload SET payload = (SELECT payload FROM audit_payload WHERE seq = 2), salt "
		 "="
		 " (SELECT salt FROM audit_payload WHERE seq = 2) WHERE seq = 4",
		 "audit row 4"},
	};
	struct herald_error err;
	int64_t rows;
	char payload[16];
	for (int i = 0; i < 6; i++) {
		snprintf(payload, sizeof(payload), "{\"n\":%d}", i);
		deed(f, "u-1", payload);
	}
	sql_do(f, "CREATE TABLE audit_saved AS SELECT * FROM audit;"
		  "CREATE TABLE audit_payload_saved AS SELECT * FROM audit_payload");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(verify(f, &rows, &err), HERALD_OK);
		assert_int_equal(rows, 6);
		sql_do(f, cases[i].sql);
		assert_int_equal(verify(f, &rows, &err), HERALD_CORRUPT);
		if (strstr(err.text, cases[i].names) == NULL)
			fail_msg("%s: %s", cases[i].sql, err.text);
		sql_do(f, "DELETE FROM audit; INSERT INTO audit SELECT * FROM audit_saved;"
			  "DELETE FROM audit_payload; INSERT INTO audit_payload SELECT * FROM "
			  "audit_payload_saved");
	}
	sql_do(f, "DROP TABLE audit_saved; DROP TABLE audit_payload_saved");
}

static void erased_words_leave_the_proof_that_they_were_there(void **state)
{
	struct fixture *f = *state;
	struct store_audit_row *rows;
	struct herald_error err;
	int64_t verified;
	size_t count;
	deed(f, "u-1", "{\"secret\":1}");
	deed(f, "u-2", "{}");
	sql_do(f, "UPDATE audit_payload SET salt = NULL, payload = NULL WHERE seq = 1");
	assert_int_equal(verify(f, &verified, &err), HERALD_OK);
	assert_int_equal(verified, 2);
	assert_int_equal(store_audit(f->session, TENANT, 0, "", 0, 0, 10, f->arena, &rows, &count, NULL),
			 HERALD_OK);
	assert_int_equal(count, 2);
	assert_string_equal(rows[1].payload, "");
}

static void words_that_are_old_go_and_the_chain_stays(void **state)
{
	struct fixture *f = *state;
	struct herald_error err;
	int64_t verified;
	deed(f, "u-1", "{\"a\":1}");
	deed(f, "u-2", "{\"a\":2}");
	struct store_prune prune = {.op = {.verb = STORE_PRUNE, .now_ms = NOW_MS},
				    .before_ms = 1,
				    .audit_before_ms = NOW_MS,
				    .limit = 1};
	assert_int_equal(run_op(f, &prune.op), HERALD_OK);
	assert_int_equal(sql_value(f, "SELECT count(*) FROM audit_payload"), 2);
	prune.audit_before_ms = NOW_MS * 2;
	assert_int_equal(run_op(f, &prune.op), HERALD_OK);
	assert_int_equal(sql_value(f, "SELECT count(*) FROM audit_payload"), 0);
	assert_int_equal(verify(f, &verified, &err), HERALD_OK);
	assert_int_equal(verified, 2);
}

#define PROMISE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PROMISE(each_deed_is_listed_with_its_subject_and_words),
		PROMISE(what_changed_nothing_or_failed_leaves_no_row),
		PROMISE(the_chain_goes_on_after_a_restart),
		PROMISE(every_kind_of_tampering_names_the_first_bad_row),
		PROMISE(erased_words_leave_the_proof_that_they_were_there),
		PROMISE(words_that_are_old_go_and_the_chain_stays),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

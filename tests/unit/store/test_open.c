/* Opening: one process per directory, a durable file or none, no touching of what is not ours. */
#include "fixture.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/sqlite.h"

static void a_second_daemon_is_told_busy_and_changes_nothing(void **state)
{
	struct fixture *f = *state;
	struct herald_error err = {0};
	struct store *second = NULL;
	assert_int_equal(store_open(&f->settings, &second, &err), HERALD_BUSY);
	assert_null(second);
	assert_non_null(strstr(err.text, f->dir));
	struct one one;
	one_init(f, &one, "ada@example.org");
	assert_int_equal(one_accept(f, &one), HERALD_OK);
}

static void the_directory_and_everything_in_it_are_private(void **state)
{
	struct fixture *f = *state;
	static const char *const names[] = {"herald.db", "herald.db-wal", "herald.db-shm", "lock"};
	struct stat status;
	char path[128];
	for (size_t i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "%s/%s", f->dir, names[i]);
		assert_int_equal(stat(path, &status), 0);
		assert_int_equal(status.st_mode & 077, 0);
	}
}

static void a_newer_schema_is_refused_and_not_touched(void **state)
{
	struct fixture *f = *state;
	struct herald_error err = {0};
	struct store *store;
	sql_do(f, "PRAGMA user_version = 2");
	fixture_close(f);
	assert_int_equal(store_open(&f->settings, &store, &err), HERALD_CORRUPT);
	assert_non_null(strstr(err.text, "newer"));
	assert_int_equal(sql_value(f, "PRAGMA user_version"), 2);
}

static void another_program_s_database_is_refused_and_not_touched(void **state)
{
	struct fixture *f = *state;
	struct herald_error err = {0};
	struct store *store;
	char path[128];
	fixture_close(f);
	snprintf(path, sizeof(path), "%s/herald.db", f->dir);
	assert_int_equal(unlink(path), 0);
	sql_do(f, "CREATE TABLE theirs (x)");
	assert_int_equal(store_open(&f->settings, &store, &err), HERALD_CORRUPT);
	assert_non_null(strstr(err.text, "another program"));
	assert_int_equal(sql_value(f, "SELECT count(*) FROM sqlite_schema"), 1);
}

static void a_file_that_is_no_database_is_refused(void **state)
{
	struct fixture *f = *state;
	struct herald_error err = {0};
	struct store *store;
	char path[128];
	fixture_close(f);
	snprintf(path, sizeof(path), "%s/herald.db", f->dir);
	FILE *file = fopen(path, "w");
	for (int i = 0; i < 4096; i++)
		fputc('x', file);
	fclose(file);
	assert_int_equal(store_open(&f->settings, &store, &err), HERALD_CORRUPT);
}

static void what_cannot_be_opened_says_why(void **state)
{
	(void)state;
	struct herald_error err = {0};
	struct store *store;
	struct store_settings settings = {.data_dir = "/proc/nowhere/data", .run = 1};
	assert_int_equal(store_open(&settings, &store, &err), HERALD_IO);
	assert_non_null(strstr(err.text, "/proc/nowhere/data"));
}

static void everything_is_there_after_a_restart_and_ids_go_on_beyond_it(void **state)
{
	struct fixture *f = *state;
	struct one one;
	one_init(f, &one, "ada@example.org");
	one.accept.id += INT64_C(3600000) << 21; /* a clock that was an hour ahead */
	assert_int_equal(one_accept(f, &one), HERALD_OK);
	fixture_reopen(f);
	assert_true(store_next_id(f->store) > one.accept.id);
	assert_delivery(f, one.accept.id, 1, DELIVERY_QUEUED, REASON_none);
	assert_int_equal(store_run(f->store), FIRST_RUN + 1);
}

static void the_writer_s_connection_is_durable_and_the_reader_s_cannot_write(void **state)
{
	struct fixture *f = *state;
	struct herald_error err = {0};
	struct conn conn;
	char path[128];
	snprintf(path, sizeof(path), "%s/herald.db", f->dir);
	static const struct {
		const char *pragma, *value;
	} writer[] = {{"PRAGMA journal_mode", "wal"},     {"PRAGMA synchronous", "2"},
		      {"PRAGMA wal_autocheckpoint", "0"}, {"PRAGMA mmap_size", "0"},
		      {"PRAGMA secure_delete", "1"},      {"PRAGMA trusted_schema", "0"}};
	assert_int_equal(conn_open_writer(path, &conn, &err), HERALD_OK);
	for (size_t i = 0; i < sizeof(writer) / sizeof(writer[0]); i++) {
		sqlite3_stmt *statement;
		assert_int_equal(sqlite3_prepare_v2(conn.db, writer[i].pragma, -1, &statement, NULL),
				 SQLITE_OK);
		assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
		assert_string_equal((const char *)sqlite3_column_text(statement, 0), writer[i].value);
		sqlite3_finalize(statement);
	}
	conn_close(&conn);

	assert_int_equal(conn_open_reader(path, &conn, &err), HERALD_OK);
	assert_int_equal(sqlite3_exec(conn.db, "DELETE FROM delivery", NULL, NULL, NULL), SQLITE_READONLY);
	assert_int_equal(sqlite3_exec(conn.db, "ATTACH 'x' AS x", NULL, NULL, NULL), SQLITE_ERROR);
	assert_int_not_equal(sqlite3_exec(conn.db, "PRAGMA writable_schema = 1; DELETE FROM sqlite_schema",
					  NULL, NULL, NULL),
			     SQLITE_OK);
	conn_close(&conn);
}

static void every_statement_prepares_and_uses_the_index_it_names(void **state)
{
	struct fixture *f = *state;
	struct herald_error err = {0};
	struct conn conn;
	char path[128];
	snprintf(path, sizeof(path), "%s/herald.db", f->dir);
	assert_int_equal(conn_open_reader(path, &conn, &err), HERALD_OK);
	for (int i = 0; i < SQL_STATEMENTS; i++) {
		sqlite3_stmt *statement = NULL;
		assert_non_null(sql_text[i]);
		if (sqlite3_prepare_v2(conn.db, sql_text[i], -1, &statement, NULL) != SQLITE_OK)
			fail_msg("%s: %s", sql_text[i], sqlite3_errmsg(conn.db));
		sqlite3_finalize(statement);
	}
	conn_close(&conn);
}

static void no_statement_of_the_hot_path_scans_a_table(void **state)
{
	struct fixture *f = *state;
	struct herald_error err = {0};
	struct conn conn;
	char path[128], sql[4096];
	static const enum sql hot[] = {SQL_READY,
				       SQL_READY_NEXT,
				       SQL_CLAIM_ROW,
				       SQL_DELIVERY_LEASE,
				       SQL_DELIVERY_ROW,
				       SQL_DELIVERY_MOVE,
				       SQL_DELIVERY_SETTLE,
				       SQL_RECIPIENT_VERSION,
				       SQL_SUPPRESSION_UNTIL,
				       SQL_WAKE_DUE,
				       SQL_WAKE_NEXT,
				       SQL_QUEUED_SWEEP,
				       SQL_IDEMPOTENCY_FIND,
				       SQL_DEDUP_FIND,
				       SQL_RECIPIENT_BY_ID,
				       SQL_READ_ADDRESSES,
				       SQL_DELIVERIES_CANCEL,
				       SQL_READ_REDRIVABLE,
				       SQL_READ_LETTERS,
				       SQL_READ_SCHEDULED,
				       SQL_READ_CHANGED,
				       SQL_READ_OPEN_LEASES};
	snprintf(path, sizeof(path), "%s/herald.db", f->dir);
	assert_int_equal(conn_open_reader(path, &conn, &err), HERALD_OK);
	for (size_t i = 0; i < sizeof(hot) / sizeof(hot[0]); i++) {
		sqlite3_stmt *statement = NULL;
		snprintf(sql, sizeof(sql), "EXPLAIN QUERY PLAN %s", sql_text[hot[i]]);
		assert_int_equal(sqlite3_prepare_v2(conn.db, sql, -1, &statement, NULL), SQLITE_OK);
		while (sqlite3_step(statement) == SQLITE_ROW) {
			const char *plan = (const char *)sqlite3_column_text(statement, 3);
			bool is_partial = strstr(plan, "USING INDEX delivery_") != NULL ||
					  strstr(plan, "USING COVERING INDEX delivery_") != NULL;
			if (strncmp(plan, "SCAN", 4) == 0 && !is_partial)
				fail_msg("%s: %s", sql_text[hot[i]], plan);
			if (strstr(plan, "TEMP B-TREE") != NULL && hot[i] != SQL_READ_REDRIVABLE &&
			    hot[i] != SQL_READ_LETTERS)
				fail_msg("%s: %s", sql_text[hot[i]], plan);
		}
		sqlite3_finalize(statement);
	}
	conn_close(&conn);
}

/* A search by the first column of a key alone reads all that has it: a whole hour, a whole tenant. */
static void what_is_pruned_is_found_by_its_whole_key(void **state)
{
	struct fixture *f = *state;
	char path[128], sql[4096];
	struct conn conn;
	struct herald_error err;
	static const struct {
		enum sql statement;
		const char *search;
	} prunes[] = {
		{SQL_PRUNE_IDEMPOTENCY, "(hour=? AND hash<?)"},
		{SQL_DEDUP_DELETE, "(tenant=? AND hash=?)"},
		{SQL_PRUNE_HISTORY, "(hour=? AND recipient=? AND notification=?)"},
		{SQL_PRUNE_ATTEMPTS, "(notification=? AND n=? AND attempt=?)"},
		{SQL_PRUNE_DELIVERIES, "(notification=? AND n=?)"},
		{SQL_PRUNE_INLINE, "(notification=? AND n=?)"},
		{SQL_PRUNE_LEFT_OUT, "(notification=? AND position=?)"},
	};
	snprintf(path, sizeof(path), "%s/herald.db", f->dir);
	assert_int_equal(conn_open_reader(path, &conn, &err), HERALD_OK);
	for (size_t i = 0; i < sizeof(prunes) / sizeof(prunes[0]); i++) {
		sqlite3_stmt *statement = NULL;
		snprintf(sql, sizeof(sql), "EXPLAIN QUERY PLAN %s", sql_text[prunes[i].statement]);
		assert_int_equal(sqlite3_prepare_v2(conn.db, sql, -1, &statement, NULL), SQLITE_OK);
		assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
		const char *plan = (const char *)sqlite3_column_text(statement, 3);
		if (strstr(plan, prunes[i].search) == NULL)
			fail_msg("%s: %s", sql_text[prunes[i].statement], plan);
		sqlite3_finalize(statement);
	}
	conn_close(&conn);
}

static void a_copy_made_while_it_runs_is_a_whole_store(void **state)
{
	struct fixture *f = *state;
	char sql[256], path[128];
	struct one one;
	put_person(f, "u-1");
	one_recipient(f, &one, "u-1");
	assert_int_equal(one_accept(f, &one), HERALD_OK);
	snprintf(sql, sizeof(sql), "VACUUM INTO '%s/copy.db'", f->dir);
	sql_do(f, sql); /* as docs/operating.md says, beside the daemon */
	struct one later;
	one_init(f, &later, "ada@example.org");
	assert_int_equal(one_accept(f, &later), HERALD_OK);
	fixture_close(f);
	static const char *const old[] = {"herald.db", "herald.db-wal", "herald.db-shm"};
	for (size_t i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s", f->dir, old[i]);
		unlink(path);
	}
	snprintf(sql, sizeof(sql), "%s/copy.db", f->dir);
	snprintf(path, sizeof(path), "%s/herald.db", f->dir);
	assert_int_equal(rename(sql, path), 0);
	f->run++;
	fixture_open(f);
	assert_delivery(f, one.accept.id, 1, DELIVERY_QUEUED, REASON_none);
	assert_int_equal(sql_value(f, "SELECT count(*) FROM notification"), 1);
	struct job *job = claim_one(f, f->mail);
	assert_string_equal(job->recipient_id, "u-1");
	job_free(job);
}

static void a_question_that_takes_too_long_is_given_up_and_the_next_one_is_answered(void **state)
{
	struct fixture *f = *state;
	struct herald_error err = {0};
	struct conn conn;
	char path[128];
	snprintf(path, sizeof(path), "%s/herald.db", f->dir);
	assert_int_equal(conn_open_reader(path, &conn, &err), HERALD_OK);
	for (int i = 0; i < 200; i++)
		put_suppression(f, "email", (char[]){(char)('a' + i / 26), (char)('a' + i % 26), 0});
	/* A deadline that has passed: the first look at it ends the statement. */
	conn.deadline_ms = 1;
	sqlite3_stmt *statement;
	assert_int_equal(sqlite3_prepare_v2(
				 conn.db, "SELECT count(*) FROM suppression a, suppression b, suppression c",
				 -1, &statement, NULL),
			 SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_INTERRUPT);
	sqlite3_finalize(statement);
	conn.deadline_ms = 0;
	sqlite3_stmt *row = conn_one(&conn, SQL_HAS_SUPPRESSION, SQL_NO_ARGS);
	assert_int_equal(col_int(row, 0), 1);
	conn_end(row);
	conn_close(&conn);
}

#define PROMISE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PROMISE(a_second_daemon_is_told_busy_and_changes_nothing),
		PROMISE(the_directory_and_everything_in_it_are_private),
		PROMISE(a_newer_schema_is_refused_and_not_touched),
		PROMISE(another_program_s_database_is_refused_and_not_touched),
		PROMISE(a_file_that_is_no_database_is_refused),
		cmocka_unit_test(what_cannot_be_opened_says_why),
		PROMISE(everything_is_there_after_a_restart_and_ids_go_on_beyond_it),
		PROMISE(the_writer_s_connection_is_durable_and_the_reader_s_cannot_write),
		PROMISE(every_statement_prepares_and_uses_the_index_it_names),
		PROMISE(no_statement_of_the_hot_path_scans_a_table),
		PROMISE(what_is_pruned_is_found_by_its_whole_key),
		PROMISE(a_copy_made_while_it_runs_is_a_whole_store),
		PROMISE(a_question_that_takes_too_long_is_given_up_and_the_next_one_is_answered),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

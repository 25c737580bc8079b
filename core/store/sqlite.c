/* sqlite.c - the only room that knows SQLite's error codes and pragmas.
 *
 * Invariant: no connection is used whose durability was not read back; a reader can neither write nor
 * checkpoint, so that exactly one connection does (SQLite before 3.51.3 may corrupt a log that two reset). */
#include "store/sqlite.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/check.h"
#include "herald/kit.h"

enum {
	BUSY_TIMEOUT_MS = 5000,
	SQL_BYTES_MAX = 16 * 1024,
	PATTERN_BYTES_MAX = 50,
	CACHE_KIB = 32 * 1024,
	PROGRESS_STEPS = 10000
};

static bool is_no_space(int system_errno)
{
	return system_errno == ENOSPC || system_errno == EDQUOT || system_errno == EFBIG;
}

/* Only a sync that failed is unknown; anything else was rolled back and is known. */
static enum conn_trouble trouble_of(sqlite3 *db, int code, bool is_commit)
{
	/* First of all: a sync that failed for want of space may have lost pages like any other. */
	if (code == SQLITE_IOERR_FSYNC || code == SQLITE_IOERR_DIR_FSYNC)
		return CONN_SYNC;
	if ((code & 0xff) == SQLITE_FULL ||
	    ((code & 0xff) == SQLITE_IOERR && is_no_space(sqlite3_system_errno(db))))
		return CONN_FULL;
	/* A commit record may have reached the disk although its write was reported as failed. */
	if (is_commit && (code & 0xff) == SQLITE_IOERR)
		return CONN_SYNC;
	return CONN_OTHER;
}

static void conn_fail(struct conn *conn, int code, bool is_commit)
{
	if (conn->trouble != CONN_FINE)
		return;
	conn->trouble = trouble_of(conn->db, code, is_commit);
	switch (conn->trouble) {
	case CONN_FULL:
		herald_fail(&conn->err, HERALD_IO, "the disk is full: %s", sqlite3_errmsg(conn->db));
		break;
	case CONN_SYNC:
		herald_fail(&conn->err, HERALD_UNCERTAIN_WRITE, "the disk did not confirm a write: %s (%d)",
			    sqlite3_errmsg(conn->db), code);
		break;
	case CONN_FINE:
	case CONN_OTHER:
		conn->trouble = CONN_OTHER;
		if ((code & 0xff) == SQLITE_CORRUPT || (code & 0xff) == SQLITE_NOTADB)
			herald_fail(&conn->err, HERALD_CORRUPT, "the store's file is damaged: %s",
				    sqlite3_errmsg(conn->db));
		else if ((code & 0xff) == SQLITE_BUSY)
			herald_fail(&conn->err, HERALD_BUSY, "something else holds the store's file");
		else if ((code & 0xff) == SQLITE_INTERRUPT)
			herald_fail(
				&conn->err, HERALD_TIMEOUT,
				"the question looks at too many rows: narrow it, or ask since a later time");
		else if ((code & 0xff) == SQLITE_CONSTRAINT)
			herald_fail(&conn->err, HERALD_BUG, "a row breaks a rule of the store: %s",
				    sqlite3_errmsg(conn->db));
		else
			herald_fail(&conn->err, HERALD_IO, "the store's file: %s (%d)",
				    sqlite3_errmsg(conn->db), code);
		break;
	}
}

static bool is_pragma(struct conn *conn, const char *pragma, const char *expected)
{
	sqlite3_stmt *statement = NULL;
	bool is_as_expected = sqlite3_prepare_v2(conn->db, pragma, -1, &statement, NULL) == SQLITE_OK &&
			      sqlite3_step(statement) == SQLITE_ROW &&
			      strcmp((const char *)sqlite3_column_text(statement, 0), expected) == 0;
	sqlite3_finalize(statement);
	return is_as_expected;
}

static void conn_harden(struct conn *conn)
{
	sqlite3_extended_result_codes(conn->db, 1);
	sqlite3_busy_timeout(conn->db, BUSY_TIMEOUT_MS);
	sqlite3_db_config(conn->db, SQLITE_DBCONFIG_DEFENSIVE, 1, (int *)NULL);
	sqlite3_db_config(conn->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, (int *)NULL);
	sqlite3_limit(conn->db, SQLITE_LIMIT_SQL_LENGTH, SQL_BYTES_MAX);
	sqlite3_limit(conn->db, SQLITE_LIMIT_LIKE_PATTERN_LENGTH, PATTERN_BYTES_MAX);
	sqlite3_limit(conn->db, SQLITE_LIMIT_ATTACHED, 0);
}

void conn_prepare_process(void)
{
	/* Nobody asks SQLite how much memory it has, and counting it takes one lock for all threads: 7 % of
	 * the writer's instructions.  Later than before the first connection it is refused and changes
	 * nothing. */
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

static enum herald_code conn_open(const char *path, int flags, struct conn *conn, struct herald_error *err)
{
	*conn = (struct conn){0};
	int code = sqlite3_open_v2(path, &conn->db, flags | SQLITE_OPEN_NOMUTEX, NULL);
	if (code != SQLITE_OK) {
		enum herald_code answer =
			herald_fail(err, HERALD_IO, "opening %s: %s", path, sqlite3_errmsg(conn->db));
		conn_close(conn);
		return answer;
	}
	conn_harden(conn);
	return HERALD_OK;
}

enum herald_code conn_open_writer(const char *path, struct conn *ret_conn, struct herald_error *err)
{
	enum herald_code code = conn_open(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, ret_conn, err);
	if (code != HERALD_OK)
		return code;

	if (sqlite3_exec(ret_conn->db,
			 "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0;"
			 "PRAGMA mmap_size=0; PRAGMA secure_delete=ON; PRAGMA foreign_keys=OFF;"
			 "PRAGMA temp_store=MEMORY; PRAGMA journal_size_limit=67108864;",
			 NULL, NULL, NULL) != SQLITE_OK) {
		int problem = sqlite3_extended_errcode(ret_conn->db);
		code = herald_fail(err, (problem & 0xff) == SQLITE_NOTADB ? HERALD_CORRUPT : HERALD_IO,
				   "%s: %s", path, sqlite3_errmsg(ret_conn->db));
	} else if (!is_pragma(ret_conn, "PRAGMA journal_mode", "wal") ||
		   !is_pragma(ret_conn, "PRAGMA synchronous", "2") ||
		   !is_pragma(ret_conn, "PRAGMA wal_autocheckpoint", "0") ||
		   !is_pragma(ret_conn, "PRAGMA secure_delete", "1")) {
		code = herald_fail(err, HERALD_UNSUPPORTED,
				   "%s cannot be written durably (WAL, synchronous=FULL) on this file system",
				   path);
	}
	if (code != HERALD_OK) {
		conn_close(ret_conn);
		return code;
	}
	char cache[64];
	snprintf(cache, sizeof(cache), "PRAGMA cache_size=-%d", CACHE_KIB);
	sqlite3_exec(ret_conn->db, cache, NULL, NULL, NULL);
	return HERALD_OK;
}

/* One list without a match must not hold an API thread for as long as the table is long. */
static int on_progress(void *context)
{
	const struct conn *conn = context;
	return conn->deadline_ms != 0 && clock_mono_ms() > conn->deadline_ms;
}

enum herald_code conn_open_reader(const char *path, struct conn *ret_conn, struct herald_error *err)
{
	enum herald_code code = conn_open(path, SQLITE_OPEN_READWRITE, ret_conn, err);
	if (code != HERALD_OK)
		return code;
	sqlite3_db_config(ret_conn->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, (int *)NULL);
	if (sqlite3_exec(ret_conn->db,
			 "PRAGMA query_only=ON; PRAGMA wal_autocheckpoint=0; PRAGMA mmap_size=0;"
			 "PRAGMA temp_store=MEMORY; PRAGMA cache_size=-2048;",
			 NULL, NULL, NULL) != SQLITE_OK ||
	    !is_pragma(ret_conn, "PRAGMA query_only", "1")) {
		code = herald_fail(err, HERALD_IO, "%s: %s", path, sqlite3_errmsg(ret_conn->db));
		conn_close(ret_conn);
		return code;
	}
	sqlite3_progress_handler(ret_conn->db, PROGRESS_STEPS, on_progress, ret_conn);
	return HERALD_OK;
}

void conn_close(struct conn *conn)
{
	for (size_t i = 0; i < SQL_STATEMENTS; i++)
		sqlite3_finalize(conn->statements[i]);
	if (conn->db != NULL)
		CHECK(sqlite3_close(conn->db) == SQLITE_OK);
	*conn = (struct conn){0};
}

static bool bind(sqlite3_stmt *statement, int at, const struct sql_arg *arg)
{
	switch (arg->type) {
	case SQL_TYPE_INT:
		return sqlite3_bind_int64(statement, at, arg->number) == SQLITE_OK;
	case SQL_TYPE_TEXT:
		return sqlite3_bind_text(statement, at, arg->data, -1, SQLITE_STATIC) == SQLITE_OK;
	case SQL_TYPE_BYTES:
		if (arg->size == 0)
			return sqlite3_bind_null(statement, at) == SQLITE_OK;
		return sqlite3_bind_blob64(statement, at, arg->data, arg->size, SQLITE_STATIC) == SQLITE_OK;
	}
	unreached();
}

sqlite3_stmt *conn_query(struct conn *conn, enum sql statement, const struct sql_arg *args, size_t count)
{
	if (conn->trouble != CONN_FINE)
		return NULL;
	sqlite3_stmt **cached = &conn->statements[statement];
	if (*cached == NULL) {
		int code = sqlite3_prepare_v3(conn->db, sql_text[statement], -1, SQLITE_PREPARE_PERSISTENT,
					      cached, NULL);
		if (code != SQLITE_OK) {
			conn_fail(conn, code, false);
			return NULL;
		}
	}
	sqlite3_reset(*cached);
	CHECK((size_t)sqlite3_bind_parameter_count(*cached) == count);
	for (size_t i = 0; i < count; i++) {
		if (!bind(*cached, (int)i + 1, &args[i])) {
			conn_fail(conn, sqlite3_extended_errcode(conn->db), false);
			return NULL;
		}
	}
	return *cached;
}

bool conn_next(struct conn *conn, sqlite3_stmt *statement)
{
	if (statement == NULL || conn->trouble != CONN_FINE)
		return false;
	int code = sqlite3_step(statement);
	if (code == SQLITE_ROW)
		return true;
	if (code != SQLITE_DONE)
		conn_fail(conn, sqlite3_extended_errcode(conn->db), false);
	sqlite3_reset(statement);
	return false;
}

sqlite3_stmt *conn_one(struct conn *conn, enum sql statement, const struct sql_arg *args, size_t count)
{
	sqlite3_stmt *query = conn_query(conn, statement, args, count);
	return conn_next(conn, query) ? query : NULL;
}

void conn_end(sqlite3_stmt *statement)
{
	if (statement != NULL)
		sqlite3_reset(statement);
}

int64_t conn_run(struct conn *conn, enum sql statement, const struct sql_arg *args, size_t count)
{
	if (conn->is_null)
		return 1;
	sqlite3_stmt *query = conn_query(conn, statement, args, count);
	if (query == NULL)
		return 0;
	CHECK(!conn_next(conn, query));
	if (conn->trouble != CONN_FINE)
		return 0;
	int64_t rows = sqlite3_changes64(conn->db);
	CHECK(rows <= STATEMENT_ROWS_MAX); /* one that touches more holds everybody else up */
	return rows;
}

enum herald_code conn_code(const struct conn *conn, struct herald_error *err)
{
	if (conn->trouble == CONN_FINE)
		return HERALD_OK;
	return herald_fail(err, (enum herald_code)conn->err.code, "%s", conn->err.text);
}

void conn_forgive(struct conn *conn)
{
	conn->trouble = CONN_FINE;
	conn->err = (struct herald_error){0};
}

void conn_damaged(struct conn *conn, const char *what)
{
	if (conn->trouble != CONN_FINE)
		return;
	conn->trouble = CONN_OTHER;
	herald_fail(&conn->err, HERALD_CORRUPT, "%s", what);
}

/* Transactions go past conn_run: they happen in a null store's reads as well, and after a failure. */
static int conn_exec(struct conn *conn, enum sql statement)
{
	sqlite3_stmt **cached = &conn->statements[statement];
	int code = SQLITE_OK;
	if (*cached == NULL)
		code = sqlite3_prepare_v3(conn->db, sql_text[statement], -1, SQLITE_PREPARE_PERSISTENT,
					  cached, NULL);
	if (code == SQLITE_OK) {
		code = sqlite3_step(*cached);
		if (code != SQLITE_DONE)
			code = sqlite3_extended_errcode(conn->db);
		sqlite3_reset(*cached);
	}
	return code == SQLITE_DONE ? SQLITE_OK : code;
}

void conn_begin(struct conn *conn)
{
	int code = conn_exec(conn, SQL_BEGIN_WRITE);
	if (code != SQLITE_OK)
		conn_fail(conn, code, false);
}

void conn_begin_read(struct conn *conn)
{
	int code = conn_exec(conn, SQL_BEGIN_READ);
	if (code != SQLITE_OK)
		conn_fail(conn, code, false);
}

void conn_commit(struct conn *conn)
{
	if (conn->trouble != CONN_FINE) {
		conn_rollback(conn);
		return;
	}
	int code = conn_exec(conn, SQL_COMMIT);
	if (code != SQLITE_OK) {
		conn_fail(conn, code, true);
		conn_rollback(conn);
	}
}

void conn_rollback(struct conn *conn)
{
	for (size_t i = 0; i < SQL_STATEMENTS; i++) {
		if (conn->statements[i] != NULL)
			sqlite3_reset(conn->statements[i]);
	}
	if (!sqlite3_get_autocommit(conn->db))
		conn_exec(conn, SQL_ROLLBACK);
}

void conn_checkpoint(struct conn *conn)
{
	int code = sqlite3_wal_checkpoint_v2(conn->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	/* BUSY: a reader is in the way, the next one gets further.  A failed sync is as fatal here as in a
	 * commit: the pages may be gone although the next sync succeeds. */
	if (code == SQLITE_OK || (code & 0xff) == SQLITE_BUSY)
		return;
	int extended = sqlite3_extended_errcode(conn->db);
	conn_fail(conn, extended, false);
}

int64_t col_int(sqlite3_stmt *row, int column)
{
	return sqlite3_column_int64(row, column);
}

char *col_text(sqlite3_stmt *row, int column, struct arena *arena)
{
	return arena_text(arena, (const char *)sqlite3_column_text(row, column));
}

struct herald_text col_bytes(sqlite3_stmt *row, int column, struct arena *arena)
{
	const void *data = sqlite3_column_blob(row, column);
	return arena_bytes_copy(arena, data, (size_t)sqlite3_column_bytes(row, column));
}

struct herald_text blob_wrap(struct arena *arena, const void *data, size_t size)
{
	if (size == 0)
		return text_of("", 0); /* bound as NULL */
	char *wrapped = arena_alloc(arena, size + 1);
	wrapped[0] = BLOB_PLAIN;
	memcpy(wrapped + 1, data, size);
	return text_of(wrapped, size + 1);
}

struct herald_text col_blob(sqlite3_stmt *row, int column, struct arena *arena)
{
	const char *data = sqlite3_column_blob(row, column);
	size_t size = (size_t)sqlite3_column_bytes(row, column);
	if (size < 1 || data[0] != BLOB_PLAIN)
		return arena_bytes_copy(arena, "", 0);
	return arena_bytes_copy(arena, data + 1, size - 1);
}

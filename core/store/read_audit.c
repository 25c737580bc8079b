/* read_audit.c - the record of who did what, and the proof that nobody rewrote it. */
#include "store/session.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"

enum { CHAIN_ROWS_PER_CLEAR = 1000 };

enum herald_code store_audit(struct store_session *session, int64_t tenant, int64_t since_ms,
			     const char *actor, int64_t subject, int64_t after, uint32_t limit,
			     struct arena *arena, struct store_audit_row **ret_rows, size_t *ret_count,
			     struct herald_error *err)
{
	struct rows rows;
	rows_init(&rows, arena, sizeof(struct store_audit_row));
	session_begin_list(session);
	const struct sql_arg args[] = {sql_int(after > 0 ? after : INT64_MAX),
				       sql_int(tenant),
				       sql_int(since_ms),
				       sql_str(actor),
				       sql_int(limit),
				       sql_int(subject)};
	sqlite3_stmt *row = subject == 0 ? conn_query(&session->conn, SQL_READ_AUDIT, args, countof(args) - 1)
					 : conn_query(&session->conn, SQL_READ_AUDIT_OF, args, countof(args));
	while (conn_next(&session->conn, row)) {
		struct store_audit_row *audit = rows_add(&rows);
		*audit = (struct store_audit_row){
			.seq = col_int(row, 0),
			.at_ms = col_int(row, 1),
			.tenant = col_int(row, 2),
			.actor = col_text(row, 3, arena),
			.verb = col_text(row, 4, arena),
			.subject = col_int(row, 5),
			.payload = col_blob(row, 6, arena).data,
		};
	}
	enum herald_code code = session_end(session, err);
	if (code == HERALD_OK) {
		*ret_rows = (struct store_audit_row *)(void *)rows.data;
		*ret_count = rows.count;
	}
	return code;
}

/* Copies a digest; false: it has another size, so it is none. */
static bool digest_take(sqlite3_stmt *row, int column, uint8_t ret_digest[HERALD_SHA256_BYTES])
{
	if (sqlite3_column_bytes(row, column) != HERALD_SHA256_BYTES)
		return false;
	memcpy(ret_digest, sqlite3_column_blob(row, column), HERALD_SHA256_BYTES);
	return true;
}

/* NULL: the link is whole; prev becomes its hash. */
static const char *link_fault(sqlite3_stmt *row, int64_t seq_expected, uint8_t prev[HERALD_SHA256_BYTES],
			      struct arena *arena)
{
	uint8_t hash[HERALD_SHA256_BYTES], made[HERALD_SHA256_BYTES];
	struct audit_link link = {
		.seq = col_int(row, 0),
		.at_ms = col_int(row, 1),
		.tenant = col_int(row, 2),
		.actor = col_text(row, 3, arena),
		.verb = col_text(row, 4, arena),
		.subject = col_int(row, 5),
	};
	if (link.seq != seq_expected)
		return "a row is missing before it";
	if (!digest_take(row, 6, link.commitment) || !digest_take(row, 7, link.prev) ||
	    !digest_take(row, 8, hash))
		return "a digest of it is not one";
	if (memcmp(link.prev, prev, HERALD_SHA256_BYTES) != 0)
		return "it does not follow the row before it";
	audit_hash(&link, arena, made);
	if (memcmp(hash, made, HERALD_SHA256_BYTES) != 0)
		return "it was changed";
	memcpy(prev, hash, HERALD_SHA256_BYTES);

	/* Erased words are fine, other words are not. */
	if (sqlite3_column_type(row, 9) == SQLITE_NULL)
		return sqlite3_column_type(row, 10) == SQLITE_NULL ? NULL
								   : "its salt is gone and its words are not";
	audit_commitment(sqlite3_column_blob(row, 9), (size_t)sqlite3_column_bytes(row, 9),
			 col_blob(row, 10, arena), arena, made);
	return memcmp(made, link.commitment, HERALD_SHA256_BYTES) == 0 ? NULL : "its words were changed";
}

enum herald_code store_audit_verify(struct store_session *session, int64_t *ret_rows,
				    struct herald_error *err)
{
	uint8_t prev[HERALD_SHA256_BYTES] = {0};
	struct arena *arena = arena_new();
	const char *fault = NULL;
	int64_t count = 0, seq = 0;

	sqlite3_stmt *row = conn_query(&session->conn, SQL_READ_AUDIT_CHAIN, SQL_NO_ARGS);
	while (fault == NULL && conn_next(&session->conn, row)) {
		seq = col_int(row, 0);
		fault = link_fault(row, count + 1, prev, arena);
		count++;
		if (count % CHAIN_ROWS_PER_CLEAR == 0)
			arena_clear(arena);
	}
	arena_free(arena);
	enum herald_code code = session_end(session, err);
	if (code == HERALD_OK && fault != NULL)
		return herald_fail(err, HERALD_CORRUPT, "audit row %lld: %s", (long long)seq, fault);
	if (code == HERALD_OK)
		*ret_rows = count;
	return code;
}

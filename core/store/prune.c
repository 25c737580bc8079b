/* prune.c - the end of old things, a few at a time.
 *
 * A notification goes with everything that belongs to it, and only when nothing of it waits any more. Records
 * of requests and of duplicates have ends of their own.  No statement takes more than a thousand rows. */
#include "store/private.h"

#include "base/check.h"

enum { ROWS_PER_CALL = 5000 }; /* after so many, the rest waits for the next call */

/* False: the budget is used up and something is left. */
static bool prune_rows(struct writer *writer, enum sql statement, int64_t key, int64_t *budget)
{
	for (;;) {
		int64_t rows = conn_run(&writer->conn, statement, SQL_ARGS(sql_int(key)));
		*budget -= rows;
		if (rows < STATEMENT_ROWS_MAX)
			return true;
		if (*budget <= 0)
			return false;
	}
}

/* Deliveries lead to their bodies, so they go together; the notification goes last: a rest is found again. */
static bool prune_notification(struct writer *writer, int64_t id, int64_t *budget)
{
	static const enum sql parts[] = {SQL_PRUNE_ATTEMPTS, SQL_PRUNE_INLINE, SQL_PRUNE_LEFT_OUT};
	for (size_t i = 0; i < countof(parts); i++) {
		if (!prune_rows(writer, parts[i], id, budget))
			return false;
	}
	int64_t rows;
	do {
		if (*budget <= 0)
			return false;
		conn_run(&writer->conn, SQL_PRUNE_BODY, SQL_ARGS(sql_int(id)));
		rows = conn_run(&writer->conn, SQL_PRUNE_DELIVERIES, SQL_ARGS(sql_int(id)));
		*budget -= rows * 2;
	} while (rows == STATEMENT_ROWS_MAX);
	conn_run(&writer->conn, SQL_PRUNE_NOTIFICATION, SQL_ARGS(sql_int(id)));
	return true;
}

/* One by one, by their keys: together, SQLite would look for them among all of their tenant's. */
static bool prune_dedup(struct writer *writer, int64_t now_ms)
{
	struct dedup_key {
		int64_t tenant;
		struct herald_text hash;
	} *keys = arena_array_of(writer->arena, STATEMENT_ROWS_MAX, struct dedup_key);
	size_t count = 0;

	sqlite3_stmt *row = conn_query(&writer->conn, SQL_DEDUP_OVER,
				       SQL_ARGS(sql_int(now_ms), sql_int(STATEMENT_ROWS_MAX)));
	while (conn_next(&writer->conn, row))
		keys[count++] = (struct dedup_key){col_int(row, 0), col_bytes(row, 1, writer->arena)};
	for (size_t i = 0; i < count; i++)
		conn_run(&writer->conn, SQL_DEDUP_DELETE,
			 SQL_ARGS(sql_int(keys[i].tenant), sql_blob(keys[i].hash)));
	return count < STATEMENT_ROWS_MAX;
}

/* Has it ended, and long enough ago?  What may be sent again is kept longer. */
static bool is_over(struct writer *writer, const struct store_prune *prune, int64_t id, int64_t *looks)
{
	int64_t dead_before = prune->dead_before_ms != 0 ? id_since(prune->dead_before_ms) : INT64_MAX;
	bool is_open = true, is_dead = false;
	sqlite3_stmt *row = conn_one(&writer->conn, SQL_PRUNE_FACTS, SQL_ARGS(sql_int(id)));

	if (row != NULL) {
		is_open = col_int(row, 0) != 0;
		is_dead = col_int(row, 1) != 0;
		*looks -= col_int(row, 2);
	}
	conn_end(row);
	return !is_open && !(is_dead && id >= dead_before);
}

static void prune_notifications(struct writer *writer, struct store_prune *prune, int64_t *budget)
{
	uint32_t limit = prune->limit < STATEMENT_ROWS_MAX ? prune->limit : STATEMENT_ROWS_MAX, found = 0;
	int64_t *ids = arena_array_of(writer->arena, limit, int64_t), after = prune->after;
	int64_t looks = ROWS_PER_CALL;
	uint32_t seen = 0;

	sqlite3_stmt *row = conn_query(
		&writer->conn, SQL_PRUNE_WALK,
		SQL_ARGS(sql_int(prune->after), sql_int(id_since(prune->before_ms)), sql_int(limit)));
	while (conn_next(&writer->conn, row))
		ids[found++] = col_int(row, 0);
	while (looks > 0 && *budget > 0 && seen < found) {
		if (is_over(writer, prune, ids[seen], &looks)) {
			if (!prune_notification(writer, ids[seen], budget))
				break;
			prune->ret_count++;
		}
		after = ids[seen++];
	}
	/* A piece of one that is large, or what comes behind. */
	prune->ret_has_more = seen < found || found == limit;
	prune->ret_after = prune->ret_has_more ? after : 0;
}

void prune_execute(struct writer *writer, struct store_op *op)
{
	struct store_prune *prune = (struct store_prune *)op;
	int64_t budget = ROWS_PER_CALL;

	prune->ret_count = 0;
	prune_notifications(writer, prune, &budget);
	bool is_clean = prune_rows(writer, SQL_PRUNE_HISTORY, prune->before_ms / HOUR_MS, &budget);
	if (prune->audit_before_ms != 0)
		is_clean &= prune_rows(writer, SQL_PRUNE_AUDIT, prune->audit_before_ms, &budget);
	is_clean &= prune_dedup(writer, op->now_ms);
	is_clean &= idempotency_prune(writer, op->now_ms, STATEMENT_ROWS_MAX) < STATEMENT_ROWS_MAX;
	prune->ret_has_more |= !is_clean;
	writer->has_changed = false; /* housekeeping is nobody's deed */
}

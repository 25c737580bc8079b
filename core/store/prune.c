/* prune.c - the end of old things, a few at a time.
 *
 * A notification goes with everything that belongs to it, and only when nothing of it waits any more. Records
 * of requests and of duplicates have ends of their own.  No statement takes more than a thousand rows. */
#include "store/private.h"

#include "base/check.h"

enum { NOTIFICATIONS_PER_CALL_MAX = 200, ROUNDS_MAX = 100 };

/* True: everything of that sort is gone. */
static bool prune_rows(struct writer *writer, enum sql statement, int64_t key)
{
	for (int round = 0; round < ROUNDS_MAX; round++) {
		if (conn_run(&writer->conn, statement, SQL_ARGS(sql_int(key))) < STATEMENT_ROWS_MAX)
			return true;
	}
	return false;
}

static bool prune_deliveries(struct writer *writer, int64_t id)
{
	for (int round = 0; round < ROUNDS_MAX; round++) {
		conn_run(&writer->conn, SQL_PRUNE_BODY, SQL_ARGS(sql_int(id)));
		if (conn_run(&writer->conn, SQL_PRUNE_DELIVERIES, SQL_ARGS(sql_int(id))) < STATEMENT_ROWS_MAX)
			return true;
	}
	return false;
}

static void prune_notification(struct writer *writer, int64_t id)
{
	/* Deliveries after what is found through nothing else, the notification last: a rest is found again.
	 */
	bool is_gone = prune_rows(writer, SQL_PRUNE_ATTEMPTS, id) &&
		       prune_rows(writer, SQL_PRUNE_INLINE, id) &&
		       prune_rows(writer, SQL_PRUNE_LEFT_OUT, id) && prune_deliveries(writer, id);
	if (is_gone)
		conn_run(&writer->conn, SQL_PRUNE_NOTIFICATION, SQL_ARGS(sql_int(id)));
}

void prune_execute(struct writer *writer, struct store_op *op)
{
	struct store_prune *prune = (struct store_prune *)op;
	uint32_t limit =
		prune->limit < NOTIFICATIONS_PER_CALL_MAX ? prune->limit : NOTIFICATIONS_PER_CALL_MAX;
	int64_t *ids = arena_array_of(writer->arena, limit, int64_t);
	int64_t before =
		prune->before_ms > ID_EPOCH_MS ? (prune->before_ms - ID_EPOCH_MS) << ID_TIME_SHIFT : 0;

	prune->ret_count = 0;
	sqlite3_stmt *row =
		conn_query(&writer->conn, SQL_PRUNE_ENDED, SQL_ARGS(sql_int(before), sql_int(limit)));
	while (conn_next(&writer->conn, row))
		ids[prune->ret_count++] = col_int(row, 0);
	for (uint32_t i = 0; i < prune->ret_count; i++)
		prune_notification(writer, ids[i]);

	conn_run(&writer->conn, SQL_PRUNE_HISTORY, SQL_ARGS(sql_int(prune->before_ms / HOUR_MS)));
	conn_run(&writer->conn, SQL_PRUNE_DEDUP, SQL_ARGS(sql_int(op->now_ms)));
	idempotency_prune(writer, op->now_ms, STATEMENT_ROWS_MAX);
	writer->has_changed = false; /* housekeeping is nobody's deed */
}

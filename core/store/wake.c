/* wake.c - rows whose time came, and rows whose time is over.
 *
 * Held and parked rows are found by the time at which somebody has to look at them.  Queued ones are found by
 * their claim; those that nobody claims (a paused channel, an ill destination) are walked past, a piece at
 * each call, in the order of the ready index: no index by expiry, which every queued row would have to pay.
 * The walk also mends what a clock that was wrong put off: see is_ahead.
 */
#include "store/private.h"

#include "base/check.h"
#include "base/clock.h"

static size_t wake_collect(struct writer *writer, sqlite3_stmt *query, struct delivery_row *rows)
{
	size_t count = 0;
	while (conn_next(&writer->conn, query))
		delivery_take(query, &writer->conn, &rows[count++]);
	return count;
}

static void wake_one(struct writer *writer, struct store_wake *wake, const struct delivery_row *found)
{
	int64_t now_ms = wake->op.now_ms;
	struct delivery_row row;
	bool is_same = delivery_read(writer, found->notification, found->n, &row) &&
		       row.state == found->state && row.due_at_ms == found->due_at_ms;
	if (!is_same) /* the end of an earlier row moved it */
		return;
	if (row.expires_at_ms != 0 && row.expires_at_ms <= now_ms) {
		bool is_parked = row.state == DELIVERY_PARKED;
		delivery_move(writer, &row, is_parked ? DELIVERY_DEAD : DELIVERY_EXPIRED,
			      is_parked ? REASON_uncertain : REASON_expired, row.due_at_ms, now_ms);
		wake->ret_ended++;
	} else if (row.state == DELIVERY_HELD) {
		delivery_move(writer, &row, DELIVERY_QUEUED, REASON_none, row.due_at_ms, now_ms);
		wake->ret_woken++;
	}
}

/* Due at a time that only a clock that was wrong could have given: who was never tried is due at once, and
 * nobody was tried in the future. */
static bool is_ahead(const struct delivery_row *row, int64_t now_ms)
{
	int64_t latest_ms = now_ms + CLOCK_JUMP_MS;

	return row->due_at_ms > latest_ms &&
	       (row->first_attempt_at_ms == 0 || row->first_attempt_at_ms > latest_ms);
}

static void wake_pull(struct writer *writer, struct store_wake *wake, const struct delivery_row *row)
{
	const struct store_queued queued = {
		.channel = row->channel,
		.lane = row->lane,
		.priority = row->priority,
		.due_at_ms = wake->op.now_ms,
	};

	conn_run(&writer->conn, SQL_DELIVERY_MOVE,
		 SQL_ARGS(sql_int(row->notification), sql_int(row->n), sql_int(DELIVERY_QUEUED),
			  sql_int(DELIVERY_QUEUED), sql_int(row->reason), sql_int(wake->op.now_ms),
			  sql_int(0), sql_int(wake->op.now_ms)));
	handover_queued(writer, &queued);
}

/* The walk over what is queued goes on where the last call stopped, and begins again at the end. */
static void wake_sweep(struct writer *writer, struct store_wake *wake, struct delivery_row *rows,
		       uint32_t limit)
{
	struct delivery_row *at = &writer->sweep;
	sqlite3_stmt *query = conn_query(&writer->conn, SQL_QUEUED_SWEEP,
					 SQL_ARGS(sql_int(at->channel), sql_int(at->lane),
						  sql_int(at->priority), sql_int(at->due_at_ms),
						  sql_int(at->notification), sql_int(at->n), sql_int(limit)));
	size_t count = wake_collect(writer, query, rows);

	*at = count < limit ? (struct delivery_row){.lane = INT64_MIN, .channel = -1} : rows[count - 1];
	for (size_t i = 0; i < count; i++) {
		if (rows[i].expires_at_ms != 0 && rows[i].expires_at_ms <= wake->op.now_ms)
			wake_one(writer, wake, &rows[i]);
		else if (is_ahead(&rows[i], wake->op.now_ms))
			wake_pull(writer, wake, &rows[i]);
	}
}

void wake_execute(struct writer *writer, struct store_op *op)
{
	struct store_wake *wake = (struct store_wake *)op;
	uint32_t limit = wake->limit < STATEMENT_ROWS_MAX ? wake->limit : STATEMENT_ROWS_MAX;
	struct delivery_row *rows = arena_array_of(writer->arena, limit, struct delivery_row);

	wake->ret_woken = wake->ret_ended = 0;
	wake->ret_next_due_ms = 0;
	sqlite3_stmt *query =
		conn_query(&writer->conn, SQL_WAKE_DUE, SQL_ARGS(sql_int(op->now_ms), sql_int(limit)));
	size_t count = wake_collect(writer, query, rows);
	for (size_t i = 0; i < count; i++)
		wake_one(writer, wake, &rows[i]);
	if (limit > 0)
		wake_sweep(writer, wake, rows, limit);

	query = conn_one(&writer->conn, SQL_WAKE_NEXT, SQL_NO_ARGS);
	if (query != NULL && sqlite3_column_type(query, 0) != SQLITE_NULL && col_int(query, 0) != INT64_MAX)
		wake->ret_next_due_ms = col_int(query, 0);
	conn_end(query);
}

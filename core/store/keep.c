/* keep.c - what people do to what was accepted: cancel, redrive, resolve, plan again.
 *
 * A cancel ends everything that has not begun, in pieces of at most a thousand rows; what is leased is the
 * take-back's, and what would go back to the queue later ends there (settle.c, claim.c). */
#include "store/private.h"

#include <string.h>

#include "base/check.h"

bool notification_end(struct writer *writer, int64_t tenant, int64_t id, enum reason reason, int64_t now_ms,
		      struct cancelled *ret_counts)
{
	struct conn *conn = &writer->conn;
	*ret_counts = (struct cancelled){0};

	sqlite3_stmt *row = conn_one(conn, SQL_NOTIFICATION_SAME, SQL_ARGS(sql_int(id)));
	bool is_there = row != NULL && col_int(row, 0) == tenant;
	conn_end(row);
	if (!is_there)
		return false;
	conn_run(conn, SQL_NOTIFICATION_CANCEL, SQL_ARGS(sql_int(id), sql_int(reason)));
	row = conn_one(conn, SQL_DELIVERIES_LAST, SQL_ARGS(sql_int(id)));
	int64_t last = row == NULL ? -1 : col_int(row, 0);
	conn_end(row);
	for (int64_t n = 0; n <= last; n += STATEMENT_ROWS_MAX)
		ret_counts->cancelled +=
			(uint32_t)conn_run(conn, SQL_DELIVERIES_CANCEL,
					   SQL_ARGS(sql_int(id), sql_int(n), sql_int(n + STATEMENT_ROWS_MAX),
						    sql_int(reason), sql_int(now_ms)));
	row = conn_one(conn, SQL_DELIVERIES_COUNT, SQL_ARGS(sql_int(id)));
	if (row != NULL) {
		ret_counts->leased = (uint32_t)col_int(row, 0);
		ret_counts->too_late = (uint32_t)col_int(row, 1);
	}
	conn_end(row);
	return true;
}

void cancel_execute(struct writer *writer, struct store_op *op)
{
	struct store_cancel *cancel = (struct store_cancel *)op;
	struct cancelled counts;

	cancel->ret_is_unknown = !notification_end(writer, op->tenant, cancel->notification, cancel->reason,
						   op->now_ms, &counts);
	cancel->ret_cancelled = counts.cancelled;
	cancel->ret_too_late = counts.too_late;
	cancel->ret_leased = counts.leased;
	writer->has_changed = !cancel->ret_is_unknown;
	op->ret_takes_nothing = cancel->ret_is_unknown;
}

/* --- redrive --- */

static void redrive_row(struct writer *writer, struct store_redrive *redrive, const struct delivery_row *row)
{
	int64_t now_ms = redrive->op.now_ms;
	int64_t expires_ms;
	if (__builtin_add_overflow(now_ms, redrive->expires_in_ms, &expires_ms))
		expires_ms = INT64_MAX;
	if (conn_run(&writer->conn, SQL_DELIVERY_REDRIVE,
		     SQL_ARGS(sql_int(row->notification), sql_int(row->n), sql_int(now_ms),
			      sql_int(expires_ms))) != 1)
		return;
	delivery_tell_queued(writer, row, now_ms);
	redrive->ret_count++;
}

static void redrive_one(struct writer *writer, struct store_redrive *redrive,
			const struct store_letter *letter)
{
	struct delivery_row row;
	bool is_there = delivery_read(writer, letter->notification, letter->n, &row) &&
			row.tenant == redrive->op.tenant;
	sqlite3_stmt *found =
		conn_one(&writer->conn, SQL_NOTIFICATION_SAME, SQL_ARGS(sql_int(letter->notification)));
	bool is_cancelled = found != NULL && col_int(found, 5) != 0;
	conn_end(found);

	redrive->ret_is_unknown = !is_there;
	redrive->ret_is_wrong_state =
		is_there && (is_cancelled || (row.state != DELIVERY_DEAD && row.state != DELIVERY_EXPIRED));
	if (is_there && !redrive->ret_is_wrong_state)
		redrive_row(writer, redrive, &row);
}

void redrive_execute(struct writer *writer, struct store_op *op)
{
	struct store_redrive *redrive = (struct store_redrive *)op;

	redrive->ret_count = 0;
	redrive->ret_is_unknown = redrive->ret_is_wrong_state = false;
	for (size_t i = 0; i < redrive->letter_count && i < STATEMENT_ROWS_MAX; i++)
		redrive_one(writer, redrive, &redrive->letters[i]);
	if (redrive->letter_count != 1)
		redrive->ret_is_unknown = redrive->ret_is_wrong_state = false;
	writer->has_changed = redrive->ret_count > 0;
}

/* --- parked and changed ones --- */

void resolve_execute(struct writer *writer, struct store_op *op)
{
	struct store_resolve *resolve = (struct store_resolve *)op;
	struct delivery_row row;
	bool is_there =
		delivery_read(writer, resolve->notification, resolve->n, &row) && row.tenant == op->tenant;

	resolve->ret_is_unknown = !is_there;
	resolve->ret_is_wrong_state = is_there && row.state != DELIVERY_PARKED;
	if (!is_there || resolve->ret_is_wrong_state) {
		writer->has_changed = false;
		return;
	}
	switch (resolve->as) {
	case RESOLVE_DELIVERED:
		delivery_move(writer, &row, DELIVERY_DELIVERED, REASON_by_operator, row.due_at_ms,
			      op->now_ms);
		return;
	case RESOLVE_DEAD:
		delivery_move(writer, &row, DELIVERY_DEAD, REASON_by_operator, row.due_at_ms, op->now_ms);
		return;
	case RESOLVE_RETRY:
		delivery_move(writer, &row, DELIVERY_QUEUED, REASON_none, op->now_ms, op->now_ms);
		return;
	}
	op_fail(op, HERALD_INVALID, "a parked delivery is resolved as delivered, dead or retry");
}

void replan_execute(struct writer *writer, struct store_op *op)
{
	struct store_replan *replan = (struct store_replan *)op;
	struct delivery_row row;
	bool is_waiting = delivery_read(writer, replan->notification, replan->n, &row) &&
			  row.state == DELIVERY_HELD && row.reason == REASON_changed;

	if (!delivery_may_move(DELIVERY_HELD, replan->to)) {
		op_fail(op, HERALD_BUG, "a held delivery cannot be planned like that");
		return;
	}
	if (!is_waiting) {
		op_fail(op, HERALD_CONFLICT, "the delivery does not wait for a new plan any more");
		return;
	}
	conn_run(&writer->conn, SQL_DELIVERY_REPLAN,
		 SQL_ARGS(sql_int(row.notification), sql_int(row.n), sql_int(replan->to),
			  sql_int(replan->reason), sql_int(replan->recipient_version),
			  sql_int(replan->due_at_ms),
			  sql_int(delivery_wake_at(replan->to, replan->reason, replan->due_at_ms,
						   row.expires_at_ms)),
			  sql_int(op->now_ms)));
	if (replan->to == DELIVERY_QUEUED)
		delivery_tell_queued(writer, &row, replan->due_at_ms);
	strategy_walk(writer, &row, replan->to, op->now_ms);
}

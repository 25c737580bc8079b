/* move.c - deliveries as the writer moves them: read, moved from the state they were read in, and what that
 * means for the steps behind them.
 *
 * Invariant: a move that the table of model/delivery.h does not know is never written, and every update names
 * the state that it comes from. */
#include "store/private.h"

#include "base/check.h"
#include "herald/kit.h"

void delivery_take(sqlite3_stmt *row, struct conn *conn, struct delivery_row *ret_row)
{
	long state = (long)col_int(row, 4), reason = (long)col_int(row, 5);
	if (!delivery_state_is_valid(state) || !reason_is_valid(reason)) {
		conn_damaged(conn, "a delivery has a state or a reason that does not exist");
		state = DELIVERY_DEAD, reason = REASON_damaged;
	}
	*ret_row = (struct delivery_row){
		.notification = col_int(row, 0),
		.n = (uint32_t)col_int(row, 1),
		.tenant = col_int(row, 2),
		.channel = (int32_t)col_int(row, 3),
		.state = (enum delivery_state)state,
		.reason = (enum reason)reason,
		.lane = col_int(row, 6),
		.priority = (uint32_t)col_int(row, 7),
		.due_at_ms = col_int(row, 8),
		.expires_at_ms = col_int(row, 9),
		.recipient = col_int(row, 10),
		.recipient_version = col_int(row, 11),
		.address = col_int(row, 12),
		.destination = col_int(row, 13),
		.step = (uint32_t)col_int(row, 14),
		.attempts = (uint32_t)col_int(row, 15),
		.tries_spent = (uint32_t)col_int(row, 16),
		.crash_marks = (uint32_t)col_int(row, 17),
		.run = col_int(row, 18),
		.first_attempt_at_ms = col_int(row, 19),
	};
}

bool delivery_read(struct writer *writer, int64_t notification, uint32_t n, struct delivery_row *ret_row)
{
	sqlite3_stmt *row =
		conn_one(&writer->conn, SQL_DELIVERY_ROW, SQL_ARGS(sql_int(notification), sql_int(n)));
	if (row == NULL)
		return false;
	delivery_take(row, &writer->conn, ret_row);
	conn_end(row);
	return writer->conn.trouble == CONN_FINE;
}

int64_t delivery_wake_at(enum delivery_state state, enum reason reason, int64_t due_at_ms,
			 int64_t expires_at_ms)
{
	int64_t end = expires_at_ms == 0 ? INT64_MAX : expires_at_ms;
	if (state == DELIVERY_PARKED)
		return end;
	if (state != DELIVERY_HELD)
		return 0;
	/* These two wait for something else than a time. */
	bool has_time = reason != REASON_strategy_waiting && reason != REASON_changed;
	return has_time && due_at_ms < end ? due_at_ms : end;
}

void delivery_tell_queued(struct writer *writer, const struct delivery_row *row, int64_t due_at_ms)
{
	const struct store_queued queued = {
		.channel = row->channel,
		.lane = row->lane,
		.priority = row->priority,
		.due_at_ms = due_at_ms,
		.count = 1,
	};
	handover_queued(writer, &queued);
}

void delivery_move(struct writer *writer, const struct delivery_row *row, enum delivery_state to,
		   enum reason reason, int64_t due_at_ms, int64_t now_ms)
{
	CHECK(row->state != DELIVERY_LEASED && to != DELIVERY_LEASED);
	CHECK(delivery_may_move(row->state, to));
	int64_t moved =
		conn_run(&writer->conn, SQL_DELIVERY_MOVE,
			 SQL_ARGS(sql_int(row->notification), sql_int(row->n), sql_int(row->state),
				  sql_int(to), sql_int(reason), sql_int(due_at_ms),
				  sql_int(delivery_wake_at(to, reason, due_at_ms, row->expires_at_ms)),
				  sql_int(now_ms)));
	CHECK(moved == 1 || writer->conn.trouble != CONN_FINE);
	if (moved != 1)
		return;
	if (to == DELIVERY_QUEUED)
		delivery_tell_queued(writer, row, due_at_ms);
	strategy_walk(writer, row, to, now_ms);
}

/* The steps of one recipient stand next to each other, in order. */
static bool step_next(struct writer *writer, const struct delivery_row *row, struct delivery_row *ret_next)
{
	return delivery_read(writer, row->notification, row->n + 1, ret_next) &&
	       ret_next->step == row->step + 1;
}

void strategy_walk(struct writer *writer, const struct delivery_row *row, enum delivery_state to,
		   int64_t now_ms)
{
	struct delivery_row step = *row, next;
	if (row->step == 0 || !delivery_is_final(to))
		return;

	bool is_reached = to == DELIVERY_SENT || to == DELIVERY_DELIVERED;
	while (step_next(writer, &step, &next)) {
		bool is_waiting = next.state == DELIVERY_HELD && next.reason == REASON_strategy_waiting;
		step = next;
		if (!is_waiting)
			continue;
		/* The walk goes on here for those behind; a move of one that waits has nobody to wake. */
		next.step = 0;
		if (is_reached) {
			delivery_move(writer, &next, DELIVERY_CANCELLED, REASON_strategy_satisfied,
				      next.due_at_ms, now_ms);
		} else {
			delivery_move(writer, &next, DELIVERY_QUEUED, REASON_none, now_ms, now_ms);
			return;
		}
	}
}

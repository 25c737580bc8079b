/* settle.c - the end of an attempt, and what a plugin learned on the way.
 *
 * Fenced: only the row that is leased to this run with this attempt moves; anything else is somebody else's
 * by now and is left alone.  What would go back although its notification was cancelled, or its recipient
 * deleted, ends instead. */
#include "store/private.h"

#include <string.h>

#include "base/check.h"
#include "herald/kit.h"

/* Why a delivery must not be tried again: none, or the reason. */
static enum reason settle_forbidden(struct writer *writer, const struct delivery_row *row)
{
	long reason = REASON_none;
	sqlite3_stmt *found =
		conn_one(&writer->conn, SQL_NOTIFICATION_SAME, SQL_ARGS(sql_int(row->notification)));
	if (found != NULL)
		reason = (long)col_int(found, 5);
	conn_end(found);
	if (reason != REASON_none)
		return reason_is_valid(reason) ? (enum reason)reason : REASON_by_caller;
	if (row->recipient == 0)
		return REASON_none;
	found = conn_one(&writer->conn, SQL_RECIPIENT_VERSION, SQL_ARGS(sql_int(row->recipient)));
	bool is_gone = found == NULL || col_int(found, 1) != 0;
	conn_end(found);
	return is_gone ? REASON_by_caller : REASON_none;
}

static void settle_attempt(struct writer *writer, const struct store_settle *settle,
			   const struct delivery_row *row)
{
	const struct herald_outcome *outcome = &settle->outcome;
	conn_run(&writer->conn, SQL_ATTEMPT_ADD,
		 SQL_ARGS(sql_int(row->notification), sql_int(row->n), sql_int(settle->attempt),
			  sql_int(row->tenant), sql_int(settle->started_at_ms), sql_int(settle->ended_at_ms),
			  sql_int(outcome->verdict), sql_str(outcome->status),
			  sql_blob(blob_wrap(writer->arena, outcome->reason, strlen(outcome->reason))),
			  sql_str(outcome->provider_ref)));
}

static void settle_suppress(struct writer *writer, const struct store_settle *settle,
			    const struct delivery_row *row)
{
	sqlite3_stmt *found = conn_one(&writer->conn, SQL_DELIVERY_ADDRESS,
				       SQL_ARGS(sql_int(row->notification), sql_int(row->n)));
	if (found == NULL)
		return;
	uint8_t hash[ADDRESS_HASH_BYTES];
	bool has_hash = sqlite3_column_bytes(found, 2) == ADDRESS_HASH_BYTES;
	if (has_hash)
		memcpy(hash, sqlite3_column_blob(found, 2), ADDRESS_HASH_BYTES);
	const char *kind = col_text(found, 0, writer->arena);
	const char *address = col_blob(found, 1, writer->arena).data;
	conn_end(found);
	if (has_hash)
		suppression_add(writer, row->tenant, hash, kind, address, reason_name(REASON_unreachable),
				"provider", settle->op.now_ms, 0);
}

static void settle_write(struct writer *writer, const struct store_settle *settle,
			 const struct delivery_row *row, enum delivery_state to, enum reason reason)
{
	uint32_t attempts = row->attempts - settle->removes_attempt;
	int64_t first_ms = attempts == 0 ? 0 : row->first_attempt_at_ms;
	bool is_waiting = to == DELIVERY_QUEUED || to == DELIVERY_HELD || to == DELIVERY_PARKED;
	int64_t due_ms = is_waiting ? settle->due_at_ms : row->due_at_ms;

	int64_t settled =
		conn_run(&writer->conn, SQL_DELIVERY_SETTLE,
			 SQL_ARGS(sql_int(row->notification), sql_int(row->n), sql_int(settle->attempt),
				  sql_int(settle->run), sql_int(to), sql_int(reason), sql_int(due_ms),
				  sql_int(delivery_wake_at(to, reason, due_ms, row->expires_at_ms)),
				  sql_int(settle->lane == 0 ? row->lane : settle->lane), sql_int(attempts),
				  sql_int(row->tries_spent + settle->spends_try),
				  sql_int(row->crash_marks + settle->adds_crash_mark), sql_int(first_ms),
				  sql_int(settle->op.now_ms)));
	CHECK(settled == 1 || writer->conn.trouble != CONN_FINE);
}

void settle_execute(struct writer *writer, struct store_op *op)
{
	struct store_settle *settle = (struct store_settle *)op;
	struct delivery_row row;

	settle->ret_is_fenced = false;
	settle->ret_state = settle->to;
	if (writer->conn.is_null)
		return;
	if (!delivery_may_move(DELIVERY_LEASED, settle->to) || settle->run == 0) {
		op_fail(op, HERALD_BUG, "a leased delivery cannot be settled like that");
		return;
	}
	if (!delivery_read(writer, settle->notification, settle->n, &row) || row.state != DELIVERY_LEASED ||
	    row.attempts != settle->attempt || row.run != settle->run) {
		settle->ret_is_fenced = true;
		writer->has_changed = false;
		return;
	}
	enum delivery_state to = settle->to;
	enum reason reason = settle->reason;
	if (to == DELIVERY_QUEUED || to == DELIVERY_HELD) {
		enum reason forbidden = settle_forbidden(writer, &row);
		if (forbidden != REASON_none)
			to = DELIVERY_CANCELLED, reason = forbidden;
	}
	settle->ret_state = to;
	settle_write(writer, settle, &row, to, reason);
	if (!settle->removes_attempt)
		settle_attempt(writer, settle, &row);
	if (settle->suppresses_address)
		settle_suppress(writer, settle, &row);
	strategy_walk(writer, &row, to, op->now_ms);
}

void memory_execute(struct writer *writer, struct store_op *op)
{
	struct store_memory *memory = (struct store_memory *)op;
	struct herald_text blob = blob_wrap(writer->arena, memory->memory.data, memory->memory.size);

	/* An address that went away meanwhile has nothing to remember. */
	if (memory->address_row != 0)
		conn_run(&writer->conn, SQL_ADDRESS_REMEMBER,
			 SQL_ARGS(sql_int(memory->address_row), sql_blob(blob), sql_int(memory->channel)));
	else
		conn_run(&writer->conn, SQL_INLINE_REMEMBER,
			 SQL_ARGS(sql_int(memory->channel),
				  sql_bytes(memory->address_hash, ADDRESS_HASH_BYTES), sql_int(op->tenant),
				  sql_blob(blob), sql_int(op->now_ms)));
}

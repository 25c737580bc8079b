/* claim.c - lease what is due in one lane, in one transaction.
 *
 * Consent is decided a second time here: a delivery whose recipient moved since its plan is held for a new
 * one, an address that was suppressed meanwhile ends it, and so does a cancel whose take-back a crash
 * swallowed.  So from the commit of an opt-out on, no claim hands out what it forbids. */
#include "store/private.h"

#include "base/check.h"
#include "herald/kit.h"

struct key {
	int64_t notification;
	uint32_t n;
};

/* What becomes of a row that was found queued and due. */
struct fate {
	enum delivery_state to;
	enum reason reason;
};

static struct fate recipient_fate(sqlite3_stmt *row, const struct delivery_row *delivery)
{
	bool is_gone = sqlite3_column_type(row, CLAIM_RECIPIENT_VERSION) == SQLITE_NULL ||
		       col_int(row, CLAIM_RECIPIENT_IS_DELETED) != 0;
	if (delivery->recipient == 0)
		return (struct fate){DELIVERY_LEASED, REASON_none};
	if (is_gone)
		return (struct fate){DELIVERY_CANCELLED, REASON_by_caller};
	if (col_int(row, CLAIM_RECIPIENT_VERSION) != delivery->recipient_version)
		return (struct fate){DELIVERY_HELD, REASON_changed};
	return (struct fate){DELIVERY_LEASED, REASON_none};
}

static bool body_is_whole(sqlite3_stmt *row)
{
	struct herald_text body = text_of(sqlite3_column_blob(row, CLAIM_WORDS),
					  (size_t)sqlite3_column_bytes(row, CLAIM_WORDS));
	return body.size > 0 && body.data[0] == BLOB_PLAIN &&
	       body_checksum(body) == (uint32_t)col_int(row, CLAIM_CHECKSUM);
}

static struct fate claim_decide(struct writer *writer, sqlite3_stmt *row, const struct delivery_row *delivery,
				int64_t now_ms)
{
	long cancelled = (long)col_int(row, CLAIM_CANCEL_REASON);
	if (cancelled != 0)
		return (struct fate){DELIVERY_CANCELLED,
				     reason_is_valid(cancelled) ? (enum reason)cancelled : REASON_by_caller};
	if (delivery->expires_at_ms != 0 && delivery->expires_at_ms <= now_ms)
		return (struct fate){DELIVERY_EXPIRED, REASON_expired};
	struct fate fate = recipient_fate(row, delivery);
	if (fate.to != DELIVERY_LEASED)
		return fate;

	int hash = delivery->address == 0 ? CLAIM_INLINE_HASH : CLAIM_ADDRESS_HASH;
	bool has_hash = sqlite3_column_bytes(row, hash) == ADDRESS_HASH_BYTES;
	if (!has_hash || !body_is_whole(row))
		return (struct fate){DELIVERY_DEAD, REASON_damaged};
	if (address_is_suppressed(writer, delivery->tenant, sqlite3_column_blob(row, hash), now_ms))
		return (struct fate){DELIVERY_SUPPRESSED, REASON_address_suppressed};
	return fate;
}

static void claim_lease(struct writer *writer, struct store_claim *claim, struct job *job,
			struct queue_item ***end)
{
	int64_t now_ms = claim->op.now_ms;
	int64_t leased = conn_run(&writer->conn, SQL_DELIVERY_LEASE,
				  SQL_ARGS(sql_int(job->notification), sql_int(job->n),
					   sql_int(writer->store->settings.run), sql_int(now_ms)));
	CHECK(leased == 1 || writer->conn.trouble != CONN_FINE);
	if (job->first_attempt_at_ms == 0)
		job->first_attempt_at_ms = now_ms;
	job->attempt_started_at_ms = now_ms;
	**end = &job->item;
	*end = &job->item.next;
	claim->ret_count++;
}

/* damaged is an end that a lease would have come to: the row says so without having been leased. */
static void claim_other(struct writer *writer, struct store_claim *claim, const struct delivery_row *row,
			struct fate fate)
{
	int64_t now_ms = claim->op.now_ms;
	if (fate.to == DELIVERY_DEAD) {
		conn_run(&writer->conn, SQL_DELIVERY_MOVE,
			 SQL_ARGS(sql_int(row->notification), sql_int(row->n), sql_int(row->state),
				  sql_int(fate.to), sql_int(fate.reason), sql_int(row->due_at_ms), sql_int(0),
				  sql_int(now_ms)));
		strategy_walk(writer, row, fate.to, now_ms);
	} else {
		delivery_move(writer, row, fate.to, fate.reason, row->due_at_ms, now_ms);
	}
	claim->ret_other++;
	claim->ret_damaged += fate.reason == REASON_damaged;
}

static void claim_one(struct writer *writer, struct store_claim *claim, struct key key,
		      struct queue_item ***end)
{
	struct delivery_row delivery;
	sqlite3_stmt *row =
		conn_one(&writer->conn, SQL_CLAIM_ROW, SQL_ARGS(sql_int(key.notification), sql_int(key.n)));
	if (row == NULL)
		return;
	delivery_take(row, &writer->conn, &delivery);
	if (delivery.state != DELIVERY_QUEUED) { /* an earlier row of this claim moved it */
		conn_end(row);
		return;
	}
	struct fate fate = claim_decide(writer, row, &delivery, claim->op.now_ms);
	struct job *job = fate.to == DELIVERY_LEASED ? job_from_row(writer, row, &delivery) : NULL;
	conn_end(row);
	if (job != NULL)
		claim_lease(writer, claim, job, end);
	else
		claim_other(writer, claim, &delivery, fate);
}

static void claim_next_due(struct writer *writer, struct store_claim *claim)
{
	claim->ret_next_due_ms = claim->ret_next_critical_ms = 0;
	for (int priority = HERALD_CRITICAL; priority >= HERALD_BULK; priority--) {
		sqlite3_stmt *row =
			conn_one(&writer->conn, SQL_READY_NEXT,
				 SQL_ARGS(sql_int(claim->channel), sql_int(claim->lane), sql_int(priority)));
		if (row != NULL && sqlite3_column_type(row, 0) != SQLITE_NULL) {
			int64_t due = col_int(row, 0);
			/* 0 means "nothing": the epoch itself is due all the same. */
			due = due > 0 ? due : 1;
			if (priority == HERALD_CRITICAL)
				claim->ret_next_critical_ms = due;
			if (claim->ret_next_due_ms == 0 || due < claim->ret_next_due_ms)
				claim->ret_next_due_ms = due;
		}
		conn_end(row);
	}
}

void claim_execute(struct writer *writer, struct store_op *op)
{
	struct store_claim *claim = (struct store_claim *)op;
	uint32_t limit = claim->limit < STATEMENT_ROWS_MAX ? claim->limit : STATEMENT_ROWS_MAX;
	struct key *keys = arena_array_of(writer->arena, limit, struct key);
	struct queue_item **end = &claim->ret_jobs;
	uint32_t count = 0;

	claim->ret_jobs = NULL;
	claim->ret_count = claim->ret_other = claim->ret_damaged = 0;
	for (int priority = HERALD_CRITICAL; priority >= HERALD_BULK && count < limit; priority--) {
		sqlite3_stmt *row =
			conn_query(&writer->conn, SQL_READY,
				   SQL_ARGS(sql_int(claim->channel), sql_int(claim->lane), sql_int(priority),
					    sql_int(op->now_ms), sql_int(limit - count)));
		while (conn_next(&writer->conn, row))
			keys[count++] = (struct key){col_int(row, 0), (uint32_t)col_int(row, 1)};
	}
	for (uint32_t i = 0; i < count; i++)
		claim_one(writer, claim, keys[i], &end);
	claim_next_due(writer, claim);
}

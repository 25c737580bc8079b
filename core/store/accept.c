/* accept.c - a notification is accepted once, with everything that was decided.
 *
 * What the plan looked at is compared again here, where nothing can move any more: if a recipient, a category
 * or a suppression changed, this accept alone is a CONFLICT and leaves nothing behind.  A delivery that was
 * given a permit is born leased and handed over after the commit. */
#include "store/private.h"

#include <string.h>

#include "base/check.h"
#include "herald/kit.h"

enum { DEDUP_HASH_BYTES = 16 };

static void accept_is_there(struct writer *writer, struct store_accept *accept, int64_t id,
			    int64_t accepted_at_ms, uint32_t recipients)
{
	accept->ret_is_duplicate = true;
	accept->ret_first_id = id;
	accept->ret_first_accepted_at_ms = accepted_at_ms;
	accept->ret_first_recipients = recipients;
	writer->has_changed = false;
}

/* --- what may have moved --- */

static bool accept_conflict(struct store_accept *accept, const char *what)
{
	op_fail(&accept->op, HERALD_CONFLICT, what);
	return true;
}

static bool seen_moved(struct writer *writer, const struct store_seen *seen)
{
	sqlite3_stmt *row =
		conn_one(&writer->conn, SQL_RECIPIENT_VERSION, SQL_ARGS(sql_int(seen->recipient)));
	bool has_moved = row == NULL || col_int(row, 1) != 0 || col_int(row, 0) != seen->version;
	conn_end(row);
	return has_moved;
}

static bool accept_has_moved(struct writer *writer, struct store_accept *accept, const struct tenant *tenant)
{
	if (accept->policy_version >= 0 && accept->policy_version != tenant->policy)
		return accept_conflict(accept, "a category changed meanwhile");
	for (size_t i = 0; i < accept->seen_count; i++) {
		if (accept->seen[i].recipient != 0 && seen_moved(writer, &accept->seen[i]))
			return accept_conflict(accept, "a recipient changed meanwhile");
	}
	for (size_t i = 0; i < accept->delivery_count; i++) {
		if (address_is_suppressed(writer, tenant->number, accept->deliveries[i].address_hash,
					  accept->op.now_ms))
			return accept_conflict(accept, "an address was suppressed meanwhile");
	}
	return false;
}

/* --- what was there before --- */

static void dedup_hash(const struct store_accept *accept, struct arena *arena,
		       uint8_t ret_hash[DEDUP_HASH_BYTES])
{
	uint8_t digest[HERALD_SHA256_BYTES];
	const char *text = arena_printf(arena, "%s\n%s", accept->category, accept->dedup_key);
	herald_sha256(text, strlen(text), digest);
	memcpy(ret_hash, digest, DEDUP_HASH_BYTES);
}

static bool accept_is_duplicate(struct writer *writer, struct store_accept *accept, const uint8_t *hash)
{
	sqlite3_stmt *row = conn_one(&writer->conn, SQL_DEDUP_FIND,
				     SQL_ARGS(sql_int(accept->op.tenant), sql_bytes(hash, DEDUP_HASH_BYTES),
					      sql_int(accept->op.now_ms)));
	if (row == NULL)
		return false;
	accept_is_there(writer, accept, col_int(row, 0), col_int(row, 1), (uint32_t)col_int(row, 2));
	conn_end(row);
	return true;
}

/* The id is taken: by this very promise, made before, or by a defect of ours. */
static void accept_same(struct writer *writer, struct store_accept *accept)
{
	sqlite3_stmt *row = conn_one(&writer->conn, SQL_NOTIFICATION_SAME, SQL_ARGS(sql_int(accept->id)));
	if (row == NULL) {
		if (writer->conn.trouble == CONN_FINE)
			op_fail(&accept->op, HERALD_CONFLICT,
				"the scheduled notification is not there any more");
		return;
	}
	bool is_same = col_int(row, 0) == accept->op.tenant &&
		       strcmp((const char *)sqlite3_column_text(row, 1), accept->category) == 0 &&
		       (accept->is_from_schedule ||
			(col_int(row, 2) == accept->accepted_at_ms && col_int(row, 3) == accept->recipients));
	int64_t accepted_at_ms = col_int(row, 2);
	uint32_t recipients = (uint32_t)col_int(row, 3);
	bool is_cancelled = col_int(row, 5) != 0;
	conn_end(row);
	if (!is_same)
		op_fail(&accept->op, HERALD_BUG, "another notification has this id");
	else if (accept->is_from_schedule && is_cancelled)
		op_fail(&accept->op, HERALD_CONFLICT, "the scheduled notification was cancelled meanwhile");
	else
		accept_is_there(writer, accept, accept->id, accepted_at_ms, recipients);
}

/* --- writing --- */

static bool accept_notification(struct writer *writer, const struct store_accept *accept)
{
	struct arena *arena = writer->arena;
	if (accept->is_from_schedule)
		return conn_run(&writer->conn, SQL_NOTIFICATION_PLAN,
				SQL_ARGS(sql_int(accept->id), sql_int(accept->op.tenant),
					 sql_int(accept->priority), sql_int(accept->expires_at_ms),
					 sql_int(accept->recipients),
					 sql_int((int64_t)accept->delivery_count),
					 sql_int(accept->attempts_max), sql_int(accept->uncertain))) == 1;
	bool is_scheduled = accept->send_at_ms != 0;
	struct herald_text metadata = {0}, request = {0};
	if (accept->metadata != NULL && accept->metadata[0] != 0)
		metadata = blob_wrap(arena, accept->metadata, strlen(accept->metadata));
	if (is_scheduled)
		request = blob_wrap(arena, accept->request.data, accept->request.size);
	return conn_run(&writer->conn, SQL_NOTIFICATION_ADD,
			SQL_ARGS(sql_int(accept->id), sql_int(accept->op.tenant), sql_str(accept->category),
				 sql_int(accept->priority), sql_int(accept->accepted_at_ms),
				 sql_int(accept->expires_at_ms), sql_int(accept->send_at_ms),
				 sql_int(is_scheduled), sql_int(accept->is_test), sql_int(accept->recipients),
				 sql_int((int64_t)accept->delivery_count), sql_int(accept->attempts_max),
				 sql_int(accept->uncertain), sql_str(accept->correlation_id),
				 sql_str(accept->traceparent), sql_blob(metadata), sql_blob(request))) == 1;
}

/* An address that belongs to nobody we know: kept with its delivery. */
static void accept_inline(struct writer *writer, const struct store_accept *accept,
			  const struct store_delivery *delivery)
{
	int64_t now_ms = accept->op.now_ms, tenant = accept->op.tenant;
	struct herald_text address = blob_wrap(writer->arena, delivery->address, strlen(delivery->address));
	const char *name = delivery->name == NULL ? "" : delivery->name;
	conn_run(&writer->conn, SQL_INLINE_ADD,
		 SQL_ARGS(sql_int(accept->id), sql_int(delivery->n), sql_int(tenant), sql_str(delivery->kind),
			  sql_blob(address), sql_bytes(delivery->address_hash, ADDRESS_HASH_BYTES),
			  sql_blob(blob_wrap(writer->arena, name, strlen(name))), sql_str(delivery->locale)));
	/* What came along is kept for the attempts to come; what a plugin learned stays. */
	if (delivery->memory.size > 0)
		conn_run(&writer->conn, SQL_INLINE_BRING,
			 SQL_ARGS(sql_int(delivery->channel),
				  sql_bytes(delivery->address_hash, ADDRESS_HASH_BYTES), sql_int(tenant),
				  sql_blob(blob_wrap(writer->arena, delivery->memory.data,
						     delivery->memory.size)),
				  sql_int(now_ms)));
}

static void accept_delivery(struct writer *writer, const struct store_accept *accept,
			    const struct store_delivery *delivery, int64_t body_first)
{
	bool is_leased = delivery->has_permit;
	int64_t now_ms = accept->op.now_ms, tenant = accept->op.tenant;
	enum delivery_state state = is_leased ? DELIVERY_LEASED : delivery->state;
	enum reason reason = is_leased ? REASON_none : delivery->reason;

	CHECK(state == DELIVERY_LEASED || state == DELIVERY_QUEUED || state == DELIVERY_HELD);
	CHECK(delivery->body < accept->body_count);
	int64_t destination = destination_number(writer, delivery->channel, delivery->destination);
	conn_run(&writer->conn, SQL_DELIVERY_ADD,
		 SQL_ARGS(sql_int(accept->id), sql_int(delivery->n), sql_int(tenant),
			  sql_int(delivery->channel), sql_int(state), sql_int(reason), sql_int(tenant),
			  sql_int(accept->priority), sql_int(delivery->due_at_ms),
			  sql_int(delivery_wake_at(state, reason, delivery->due_at_ms,
						   delivery->expires_at_ms)),
			  sql_int(delivery->expires_at_ms), sql_int(delivery->recipient),
			  sql_int(delivery->recipient_version), sql_int(delivery->address_row),
			  sql_int(destination), sql_int(body_first + delivery->body), sql_int(delivery->step),
			  sql_int(is_leased), sql_int(is_leased ? writer->store->settings.run : 0),
			  sql_int(is_leased ? now_ms : 0), sql_int(now_ms)));
	if (delivery->address_row == 0)
		accept_inline(writer, accept, delivery);
	if (is_leased) {
		handover_leased(writer, job_from_accept(writer, accept, delivery));
	} else if (state == DELIVERY_QUEUED) {
		const struct store_queued queued = {.channel = delivery->channel,
						    .lane = tenant,
						    .priority = accept->priority,
						    .due_at_ms = delivery->due_at_ms,
						    .count = 1};
		handover_queued(writer, &queued);
	}
}

static void accept_history(struct writer *writer, const struct store_accept *accept, int64_t recipient,
			   int64_t *last)
{
	if (recipient == 0 || recipient == *last)
		return;
	*last = recipient;
	conn_run(&writer->conn, SQL_HISTORY_ADD,
		 SQL_ARGS(sql_int(id_time_ms(accept->id) / HOUR_MS), sql_int(recipient), sql_int(accept->id),
			  sql_int(accept->op.tenant)));
}

static void accept_parts(struct writer *writer, const struct store_accept *accept)
{
	int64_t body_first = writer->body_last + 1, last = 0;
	for (size_t i = 0; i < accept->body_count; i++) {
		int64_t row = ++writer->body_last;
		conn_run(&writer->conn, SQL_BODY_ADD,
			 SQL_ARGS(sql_int(row), sql_int(accept->op.tenant), sql_int(accept->id),
				  sql_int(body_checksum(accept->bodies[i])), sql_blob(accept->bodies[i])));
	}
	for (size_t i = 0; i < accept->delivery_count; i++) {
		accept_delivery(writer, accept, &accept->deliveries[i], body_first);
		accept_history(writer, accept, accept->deliveries[i].recipient, &last);
	}
	for (size_t i = 0; i < accept->left_out_count; i++) {
		const struct store_left_out *out = &accept->left_out[i];
		conn_run(&writer->conn, SQL_LEFT_OUT_ADD,
			 SQL_ARGS(sql_int(accept->id), sql_int((int64_t)i), sql_int(accept->op.tenant),
				  sql_int(out->recipient), sql_str(out->recipient_id), sql_str(out->channel),
				  sql_str(out->rule), sql_str(out->detail), sql_int(out->reason)));
		accept_history(writer, accept, out->recipient, &last);
	}
}

void accept_execute(struct writer *writer, struct store_op *op)
{
	struct store_accept *accept = (struct store_accept *)op;
	const struct tenant *tenant = names_tenant(&writer->store->names, op->tenant);
	bool has_dedup = accept->dedup_key != NULL && accept->dedup_key[0] != 0 && !accept->is_from_schedule;
	uint8_t hash[DEDUP_HASH_BYTES];

	accept->ret_is_duplicate = false;
	op->ret_takes_nothing = true;
	if (tenant == NULL) {
		op_fail(op, HERALD_INVALID, "there is no such tenant");
		return;
	}
	if (has_dedup) {
		dedup_hash(accept, writer->arena, hash);
		if (accept_is_duplicate(writer, accept, hash))
			return;
	}
	if (accept_has_moved(writer, accept, tenant))
		return;
	if (!accept_notification(writer, accept)) {
		accept_same(writer, accept);
		return;
	}
	accept_parts(writer, accept);
	if (has_dedup)
		conn_run(&writer->conn, SQL_DEDUP_PUT,
			 SQL_ARGS(sql_int(op->tenant), sql_bytes(hash, sizeof(hash)), sql_int(accept->id),
				  sql_int(accept->accepted_at_ms), sql_int(accept->recipients),
				  sql_int(op->now_ms + accept->dedup_for_ms)));
	if (accept->replaces != 0) {
		struct cancelled counts;
		op->ret_takes_nothing = !notification_end(writer, op->tenant, accept->replaces,
							  REASON_replaced, op->now_ms, &counts);
	}
}

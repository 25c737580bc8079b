/* read_delivery.c - deliveries and their attempts; and what dispatcher and clerk ask when they start. */
#include "store/session.h"

#include <string.h>

#include "base/check.h"

static void delivery_take_row(struct store_session *session, sqlite3_stmt *row, struct arena *arena,
			      struct store_delivery_row *delivery)
{
	struct delivery_row common;
	delivery_take(row, &session->conn, &common);
	*delivery = (struct store_delivery_row){
		.notification = common.notification,
		.n = common.n,
		.tenant = common.tenant,
		.channel = common.channel,
		.state = common.state,
		.reason = common.reason,
		.priority = common.priority,
		.due_at_ms = common.due_at_ms,
		.expires_at_ms = common.expires_at_ms,
		.recipient = common.recipient,
		.recipient_version = common.recipient_version,
		.step = common.step,
		.attempts = common.attempts,
		.attempt = common.state == DELIVERY_LEASED ? common.attempts : 0,
		.tries_spent = common.tries_spent,
		.crash_marks = common.crash_marks,
		.run = common.run,
		.first_attempt_at_ms = common.first_attempt_at_ms,
		.changed_at_ms = col_int(row, 20),
		.recipient_id = col_text(row, 21, arena),
		.address = col_blob(row, 22, arena).data,
		.kind = col_text(row, 23, arena),
		.category = col_text(row, 24, arena),
		.attempts_max = (uint32_t)col_int(row, 25),
		.uncertain = (enum uncertain_policy)col_int(row, 26),
		.provider_ref = col_text(row, 27, arena),
		.words = text_of("", 0),
	};
}

static enum herald_code list_end(struct store_session *session, sqlite3_stmt *query, struct arena *arena,
				 struct store_delivery_row **ret_rows, size_t *ret_count,
				 struct herald_error *err)
{
	struct rows rows;
	rows_init(&rows, arena, sizeof(struct store_delivery_row));
	while (conn_next(&session->conn, query))
		delivery_take_row(session, query, arena, rows_add(&rows));
	enum herald_code code = session_end(session, err);
	if (code == HERALD_OK) {
		*ret_rows = (struct store_delivery_row *)(void *)rows.data;
		*ret_count = rows.count;
	}
	return code;
}

enum herald_code store_notification_deliveries(struct store_session *session, int64_t id, struct arena *arena,
					       struct store_delivery_row **ret_rows, size_t *ret_count,
					       struct herald_error *err)
{
	return list_end(session, conn_query(&session->conn, SQL_READ_OF_NOTIFICATION, SQL_ARGS(sql_int(id))),
			arena, ret_rows, ret_count, err);
}

enum herald_code store_delivery(struct store_session *session, int64_t tenant, int64_t id, uint32_t n,
				struct arena *arena, struct store_delivery_row *ret_row,
				struct herald_error *err)
{
	sqlite3_stmt *row = conn_one(&session->conn, SQL_READ_DELIVERY,
				     SQL_ARGS(sql_int(id), sql_int(n), sql_int(tenant)));
	bool is_there = row != NULL;
	if (is_there) {
		delivery_take_row(session, row, arena, ret_row);
		struct herald_text words = col_bytes(row, 28, arena);
		/* Words that do not agree with their checksum are not shown, as they are not sent. */
		if (words.size > 0 && body_checksum(words) == (uint32_t)col_int(row, 29))
			ret_row->words = words;
	}
	conn_end(row);
	enum herald_code code = session_end(session, err);
	return code == HERALD_OK && !is_there
		       ? herald_fail(err, HERALD_NOT_FOUND, "there is no such delivery")
		       : code;
}

enum herald_code store_deliveries(struct store_session *session, int64_t tenant,
				  const struct store_filter *filter, int64_t after_id, uint32_t after_n,
				  uint32_t limit, struct arena *arena, struct store_delivery_row **ret_rows,
				  size_t *ret_count, struct herald_error *err)
{
	session_begin_list(session);
	int64_t recipient = session_recipient(session, tenant, filter->recipient);
	if (recipient < 0) { /* nobody: an empty list */
		*ret_rows = arena_array_of(arena, 0, struct store_delivery_row);
		*ret_count = 0;
		return session_end(session, err);
	}
	bool is_letter = filter->state == DELIVERY_DEAD || filter->state == DELIVERY_EXPIRED ||
			 filter->state == DELIVERY_PARKED;
	bool is_first = after_id == 0;
	return list_end(
		session,
		conn_query(&session->conn, is_letter ? SQL_READ_LETTERS : SQL_READ_DELIVERIES,
			   SQL_ARGS(sql_int(tenant), sql_int(is_first ? INT64_MAX : after_id),
				    sql_int(is_first ? INT64_MAX : after_n), sql_int(filter->state),
				    sql_int(filter->reason), sql_int(filter->channel), sql_int(recipient),
				    sql_int(id_since(filter->since_ms)), sql_int(limit))),
		arena, ret_rows, ret_count, err);
}

static void letters_take(struct store_session *session, int64_t tenant, const struct store_filter *filter,
			 enum delivery_state state, int64_t recipient, uint32_t limit, struct rows *rows)
{
	sqlite3_stmt *row = conn_query(&session->conn, SQL_READ_REDRIVABLE,
				       SQL_ARGS(sql_int(state), sql_int(tenant), sql_int(filter->reason),
						sql_int(filter->channel), sql_int(recipient),
						sql_int(id_since(filter->since_ms)), sql_int(limit)));
	while (conn_next(&session->conn, row))
		*(struct store_letter *)rows_add(rows) =
			(struct store_letter){col_int(row, 0), (uint32_t)col_int(row, 1)};
}

enum herald_code store_letters(struct store_session *session, int64_t tenant,
			       const struct store_filter *filter, uint32_t limit, struct arena *arena,
			       struct store_letter **ret_letters, size_t *ret_count, struct herald_error *err)
{
	static const enum delivery_state states[] = {DELIVERY_DEAD, DELIVERY_EXPIRED};
	struct rows rows;

	rows_init(&rows, arena, sizeof(struct store_letter));
	session_begin(session);
	int64_t recipient = session_recipient(session, tenant, filter->recipient);
	for (size_t i = 0; i < countof(states) && recipient >= 0; i++) {
		bool is_wanted = filter->state == 0 || filter->state == states[i];
		if (is_wanted && rows.count < limit)
			letters_take(session, tenant, filter, states[i], recipient,
				     limit - (uint32_t)rows.count, &rows);
	}
	enum herald_code code = session_end(session, err);
	if (code == HERALD_OK) {
		*ret_letters = (struct store_letter *)(void *)rows.data;
		*ret_count = rows.count;
	}
	return code;
}

enum herald_code store_attempts(struct store_session *session, int64_t id, int64_t n, struct arena *arena,
				struct store_attempt_row **ret_rows, size_t *ret_count,
				struct herald_error *err)
{
	struct rows rows;
	rows_init(&rows, arena, sizeof(struct store_attempt_row));
	sqlite3_stmt *row = conn_query(&session->conn, SQL_READ_ATTEMPTS, SQL_ARGS(sql_int(id), sql_int(n)));
	while (conn_next(&session->conn, row)) {
		struct store_attempt_row *attempt = rows_add(&rows);
		*attempt = (struct store_attempt_row){
			.n = (uint32_t)col_int(row, 0),
			.attempt = (uint32_t)col_int(row, 1),
			.started_at_ms = col_int(row, 2),
			.ended_at_ms = col_int(row, 3),
			.verdict = (uint32_t)col_int(row, 4),
			.status = col_text(row, 5, arena),
			.text = col_blob(row, 6, arena).data,
			.provider_ref = col_text(row, 7, arena),
		};
	}
	enum herald_code code = session_end(session, err);
	if (code == HERALD_OK) {
		*ret_rows = (struct store_attempt_row *)(void *)rows.data;
		*ret_count = rows.count;
	}
	return code;
}

/* --- for the dispatcher and the clerk --- */

enum herald_code store_open_leases(struct store_session *session, int64_t except_run, uint32_t limit,
				   struct arena *arena, struct store_delivery_row **ret_rows,
				   size_t *ret_count, struct herald_error *err)
{
	return list_end(session,
			conn_query(&session->conn, SQL_READ_OPEN_LEASES,
				   SQL_ARGS(sql_int(except_run), sql_int(limit))),
			arena, ret_rows, ret_count, err);
}

enum herald_code store_changed(struct store_session *session, uint32_t limit, struct arena *arena,
			       struct store_delivery_row **ret_rows, size_t *ret_count,
			       struct herald_error *err)
{
	return list_end(session, conn_query(&session->conn, SQL_READ_CHANGED, SQL_ARGS(sql_int(limit))),
			arena, ret_rows, ret_count, err);
}

enum herald_code store_lanes(struct store_session *session, struct arena *arena,
			     struct store_queued **ret_rows, size_t *ret_count, struct herald_error *err)
{
	struct rows rows;
	rows_init(&rows, arena, sizeof(struct store_queued));
	sqlite3_stmt *row = conn_query(&session->conn, SQL_READ_LANES, SQL_NO_ARGS);
	while (conn_next(&session->conn, row)) {
		struct store_queued *lane = rows_add(&rows);
		*lane = (struct store_queued){
			.channel = (int32_t)col_int(row, 0),
			.lane = col_int(row, 1),
			.priority = (uint32_t)col_int(row, 2),
			.due_at_ms = col_int(row, 3),
			.count = (uint32_t)col_int(row, 4),
		};
	}
	enum herald_code code = session_end(session, err);
	if (code == HERALD_OK) {
		*ret_rows = (struct store_queued *)(void *)rows.data;
		*ret_count = rows.count;
	}
	return code;
}

/* read_notification.c - notifications: one, lists, what waits for its time, who was left out. */
#include "store/session.h"

#include <string.h>

#include "base/check.h"

static void notification_take(sqlite3_stmt *row, struct arena *arena,
			      struct store_notification_row *notification)
{
	long reason = (long)col_int(row, 9);
	*notification = (struct store_notification_row){
		.id = col_int(row, 0),
		.category = col_text(row, 2, arena),
		.priority = (uint32_t)col_int(row, 3),
		.accepted_at_ms = col_int(row, 4),
		.expires_at_ms = col_int(row, 5),
		.send_at_ms = col_int(row, 6),
		.is_test = col_int(row, 8) != 0,
		.is_cancelled = reason != REASON_none,
		.cancel_reason = reason_is_valid(reason) ? (enum reason)reason : REASON_by_caller,
		.recipients = (uint32_t)col_int(row, 10),
		.correlation_id = col_text(row, 11, arena),
		.metadata = col_blob(row, 12, arena).data,
		.request = col_blob(row, 13, arena),
	};
}

static void notification_count(struct store_session *session, struct store_notification_row *notification)
{
	sqlite3_stmt *row = conn_query(&session->conn, SQL_READ_COUNTS, SQL_ARGS(sql_int(notification->id)));
	while (conn_next(&session->conn, row)) {
		if (delivery_state_is_valid((long)col_int(row, 0)))
			notification->counts[col_int(row, 0)] = (uint32_t)col_int(row, 1);
	}
}

enum herald_code store_notification(struct store_session *session, int64_t tenant, int64_t id,
				    struct arena *arena, struct store_notification_row *ret_row,
				    struct herald_error *err)
{
	session_begin(session);
	sqlite3_stmt *row =
		conn_one(&session->conn, SQL_READ_NOTIFICATION, SQL_ARGS(sql_int(id), sql_int(tenant)));
	bool is_there = row != NULL;
	if (is_there) {
		notification_take(row, arena, ret_row);
		conn_end(row);
		notification_count(session, ret_row);
	}
	enum herald_code code = session_end(session, err);
	return code == HERALD_OK && !is_there
		       ? herald_fail(err, HERALD_NOT_FOUND, "there is no such notification")
		       : code;
}

/* One piece of a list, already bounded by its statement. */
static void list_take(struct store_session *session, sqlite3_stmt *query, struct rows *rows)
{
	while (conn_next(&session->conn, query)) {
		struct store_notification_row *notification = rows_add(rows);
		notification_take(query, rows->arena, notification);
		notification_count(session, notification);
	}
}

/* A person's history lies in hourly buckets: the newest first, until there is enough. */
static void list_history(struct store_session *session, int64_t recipient, const struct sql_arg filter[6],
			 int64_t hour_last, uint32_t limit, struct rows *rows)
{
	int64_t hour = hour_last + 1;
	while (rows->count < limit) {
		sqlite3_stmt *row = conn_one(&session->conn, SQL_READ_HISTORY_HOUR, SQL_ARGS(sql_int(hour)));
		bool is_end = row == NULL || sqlite3_column_type(row, 0) == SQLITE_NULL;
		hour = is_end ? 0 : col_int(row, 0);
		conn_end(row);
		if (is_end)
			return;
		list_take(session,
			  conn_query(&session->conn, SQL_READ_HISTORY,
				     SQL_ARGS(filter[0], filter[1], filter[2], filter[3], filter[4],
					      filter[5], sql_int((int64_t)(limit - rows->count)),
					      sql_int(hour), sql_int(recipient))),
			  rows);
	}
}

enum herald_code store_notifications(struct store_session *session, int64_t tenant, const char *recipient,
				     const char *category, const char *correlation_id, const char *state,
				     int64_t since_ms, int64_t after, uint32_t limit, struct arena *arena,
				     struct store_notification_row **ret_rows, size_t *ret_count,
				     struct herald_error *err)
{
	int64_t before = after == 0 ? INT64_MAX : after;
	const struct sql_arg filter[] = {sql_int(tenant),
					 sql_int(before),
					 sql_str(category),
					 sql_str(correlation_id),
					 sql_int(id_since(since_ms)),
					 sql_str(state)};
	struct rows rows;
	rows_init(&rows, arena, sizeof(struct store_notification_row));

	session_begin_list(session);
	int64_t number = session_recipient(session, tenant, recipient);
	if (number == 0)
		list_take(session,
			  conn_query(&session->conn, SQL_READ_NOTIFICATIONS,
				     SQL_ARGS(filter[0], filter[1], filter[2], filter[3], filter[4],
					      filter[5], sql_int(limit))),
			  &rows);
	else if (number > 0)
		list_history(session, number, filter, id_time_ms(before) / HOUR_MS, limit, &rows);
	enum herald_code code = session_end(session, err);
	if (code == HERALD_OK) {
		*ret_rows = (struct store_notification_row *)(void *)rows.data;
		*ret_count = rows.count;
	}
	return code;
}

enum herald_code store_scheduled(struct store_session *session, int64_t now_ms, uint32_t limit,
				 struct arena *arena, struct store_notification_row **ret_rows,
				 int64_t **ret_tenants, size_t *ret_count, struct herald_error *err)
{
	struct rows rows, tenants;
	rows_init(&rows, arena, sizeof(struct store_notification_row));
	rows_init(&tenants, arena, sizeof(int64_t));
	sqlite3_stmt *row =
		conn_query(&session->conn, SQL_READ_SCHEDULED, SQL_ARGS(sql_int(now_ms), sql_int(limit)));
	while (conn_next(&session->conn, row)) {
		notification_take(row, arena, rows_add(&rows));
		*(int64_t *)rows_add(&tenants) = col_int(row, 1);
	}
	enum herald_code code = session_end(session, err);
	if (code == HERALD_OK) {
		*ret_rows = (struct store_notification_row *)(void *)rows.data;
		*ret_tenants = (int64_t *)(void *)tenants.data;
		*ret_count = rows.count;
	}
	return code;
}

enum herald_code store_left_outs(struct store_session *session, int64_t id, struct arena *arena,
				 struct store_left_out_row **ret_rows, size_t *ret_count,
				 struct herald_error *err)
{
	struct rows rows;
	rows_init(&rows, arena, sizeof(struct store_left_out_row));
	sqlite3_stmt *row = conn_query(&session->conn, SQL_READ_LEFT_OUTS, SQL_ARGS(sql_int(id)));
	while (conn_next(&session->conn, row)) {
		struct store_left_out_row *out = rows_add(&rows);
		long reason = (long)col_int(row, 4);
		if (!reason_is_valid(reason))
			conn_damaged(&session->conn, "a left-out has a reason that does not exist");
		*out = (struct store_left_out_row){
			.recipient_id = col_text(row, 0, arena),
			.channel = col_text(row, 1, arena),
			.rule = col_text(row, 2, arena),
			.detail = col_text(row, 3, arena),
			.reason = reason_is_valid(reason) ? (enum reason)reason : REASON_damaged,
		};
	}
	enum herald_code code = session_end(session, err);
	if (code == HERALD_OK) {
		*ret_rows = (struct store_left_out_row *)(void *)rows.data;
		*ret_count = rows.count;
	}
	return code;
}

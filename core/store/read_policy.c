/* read_policy.c - categories, suppressions, keys, paused channels, destinations. */
#include "store/session.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"

static enum herald_code not_found(struct herald_error *err, const char *what)
{
	return herald_fail(err, HERALD_NOT_FOUND, "there is no such %s", what);
}

static void category_take(sqlite3_stmt *row, struct arena *arena, struct store_category *category)
{
	*category = (struct store_category){
		.name = col_text(row, 0, arena),
		.body = col_blob(row, 1, arena),
		.version = col_int(row, 2),
	};
}

enum herald_code store_category(struct store_session *session, int64_t tenant, const char *name,
				struct arena *arena, struct store_category *ret_category,
				struct herald_error *err)
{
	sqlite3_stmt *row =
		conn_one(&session->conn, SQL_READ_CATEGORY, SQL_ARGS(sql_int(tenant), sql_str(name)));
	bool is_there = row != NULL;
	if (is_there)
		category_take(row, arena, ret_category);
	conn_end(row);
	enum herald_code code = session_end(session, err);
	return code == HERALD_OK && !is_there ? not_found(err, "category") : code;
}

enum herald_code store_categories(struct store_session *session, int64_t tenant, const char *after,
				  uint32_t limit, struct arena *arena, struct store_category **ret_rows,
				  size_t *ret_count, const char **ret_next, struct herald_error *err)
{
	struct rows rows;
	rows_init(&rows, arena, sizeof(struct store_category));
	sqlite3_stmt *row = conn_query(&session->conn, SQL_READ_CATEGORIES,
				       SQL_ARGS(sql_int(tenant), sql_str(after), sql_int(limit)));
	while (conn_next(&session->conn, row))
		category_take(row, arena, rows_add(&rows));
	enum herald_code code = session_end(session, err);
	if (code != HERALD_OK)
		return code;
	*ret_rows = (struct store_category *)(void *)rows.data;
	*ret_count = rows.count;
	bool is_full = rows.count > 0 && rows.count == limit;
	*ret_next = next_cursor(is_full, is_full ? (*ret_rows)[rows.count - 1].name : "");
	return HERALD_OK;
}

/* --- suppressions; the cursor is the hash in hexadecimal --- */

static void suppression_take(sqlite3_stmt *row, struct arena *arena,
			     struct store_suppression_row *suppression)
{
	*suppression = (struct store_suppression_row){
		.kind = col_text(row, 1, arena),
		.address = col_blob(row, 2, arena).data,
		.reason = col_text(row, 3, arena),
		.source = col_text(row, 4, arena),
		.at_ms = col_int(row, 5),
		.until_ms = col_int(row, 6),
	};
}

enum herald_code store_suppression(struct store_session *session, int64_t tenant, const char *kind,
				   const uint8_t hash[ADDRESS_HASH_BYTES], struct arena *arena,
				   struct store_suppression_row *ret_row, struct herald_error *err)
{
	sqlite3_stmt *row = conn_one(&session->conn, SQL_READ_SUPPRESSION,
				     SQL_ARGS(sql_int(tenant), sql_bytes(hash, ADDRESS_HASH_BYTES)));
	bool is_there = row != NULL && strcmp((const char *)sqlite3_column_text(row, 1), kind) == 0;
	if (is_there)
		suppression_take(row, arena, ret_row);
	conn_end(row);
	enum herald_code code = session_end(session, err);
	return code == HERALD_OK && !is_there ? not_found(err, "suppression") : code;
}

static char *hex_of(struct arena *arena, const uint8_t *bytes, size_t size)
{
	char *hex = arena_alloc(arena, size * 2 + 1);
	for (size_t i = 0; i < size; i++)
		snprintf(hex + i * 2, 3, "%02x", bytes[i]);
	return hex;
}

static bool hex_read(const char *hex, uint8_t *bytes, size_t size)
{
	if (strlen(hex) != size * 2 || strspn(hex, "0123456789abcdef") != size * 2)
		return false;
	for (size_t i = 0; i < size; i++) {
		unsigned value;
		if (sscanf(hex + i * 2, "%2x", &value) != 1)
			return false;
		bytes[i] = (uint8_t)value;
	}
	return true;
}

enum herald_code store_suppressions(struct store_session *session, int64_t tenant, const char *kind,
				    const char *reason, const char *after, uint32_t limit,
				    struct arena *arena, struct store_suppression_row **ret_rows,
				    size_t *ret_count, const char **ret_next, struct herald_error *err)
{
	uint8_t from[ADDRESS_HASH_BYTES] = {0}, last[ADDRESS_HASH_BYTES] = {0};
	struct rows rows;

	if (after != NULL && after[0] != 0 && !hex_read(after, from, sizeof(from)))
		return herald_fail(err, HERALD_INVALID, "this cursor is not one of ours");
	rows_init(&rows, arena, sizeof(struct store_suppression_row));
	session_begin_list(session);
	sqlite3_stmt *row = conn_query(&session->conn, SQL_READ_SUPPRESSIONS,
				       SQL_ARGS(sql_int(tenant), sql_bytes(from, sizeof(from)), sql_str(kind),
						sql_str(reason), sql_int(limit)));
	while (conn_next(&session->conn, row)) {
		suppression_take(row, arena, rows_add(&rows));
		if (sqlite3_column_bytes(row, 0) == ADDRESS_HASH_BYTES)
			memcpy(last, sqlite3_column_blob(row, 0), sizeof(last));
	}
	enum herald_code code = session_end(session, err);
	if (code != HERALD_OK)
		return code;
	*ret_rows = (struct store_suppression_row *)(void *)rows.data;
	*ret_count = rows.count;
	bool is_full = rows.count > 0 && rows.count == limit;
	*ret_next = next_cursor(is_full, is_full ? hex_of(arena, last, sizeof(last)) : "");
	return HERALD_OK;
}

/* --- keys --- */

static void key_take(sqlite3_stmt *row, struct arena *arena, struct store_key_row *key)
{
	*key = (struct store_key_row){
		.id = col_int(row, 0),
		.tenant = col_int(row, 1),
		.scopes = col_text(row, 3, arena),
		.name = col_text(row, 4, arena),
		.expires_at_ms = col_int(row, 5),
		.rate_per_s = (uint32_t)col_int(row, 6),
		.created_at_ms = col_int(row, 7),
	};
	if (sqlite3_column_bytes(row, 2) == (int)sizeof(key->secret_hash))
		memcpy(key->secret_hash, sqlite3_column_blob(row, 2), sizeof(key->secret_hash));
}

enum herald_code store_key(struct store_session *session, int64_t id, struct arena *arena,
			   struct store_key_row *ret_row, struct herald_error *err)
{
	sqlite3_stmt *row = conn_one(&session->conn, SQL_READ_KEY, SQL_ARGS(sql_int(id)));
	bool is_there = row != NULL;
	if (is_there)
		key_take(row, arena, ret_row);
	conn_end(row);
	enum herald_code code = session_end(session, err);
	return code == HERALD_OK && !is_there ? not_found(err, "key") : code;
}

enum herald_code store_keys(struct store_session *session, int64_t tenant, int64_t after, uint32_t limit,
			    struct arena *arena, struct store_key_row **ret_rows, size_t *ret_count,
			    struct herald_error *err)
{
	struct rows rows;
	rows_init(&rows, arena, sizeof(struct store_key_row));
	sqlite3_stmt *row = conn_query(&session->conn, SQL_READ_KEYS,
				       SQL_ARGS(sql_int(tenant), sql_int(after), sql_int(limit)));
	while (conn_next(&session->conn, row))
		key_take(row, arena, rows_add(&rows));
	enum herald_code code = session_end(session, err);
	if (code == HERALD_OK) {
		*ret_rows = (struct store_key_row *)(void *)rows.data;
		*ret_count = rows.count;
	}
	return code;
}

/* --- channels --- */

enum herald_code store_paused(struct store_session *session, struct arena *arena,
			      struct store_put_channel **ret_rows, size_t *ret_count,
			      struct herald_error *err)
{
	struct rows rows;
	rows_init(&rows, arena, sizeof(struct store_put_channel));
	sqlite3_stmt *row = conn_query(&session->conn, SQL_CHANNELS_PAUSED, SQL_NO_ARGS);
	while (conn_next(&session->conn, row)) {
		struct store_put_channel *channel = rows_add(&rows);
		channel->channel = (int32_t)col_int(row, 0);
		channel->is_paused = true;
		channel->why = col_text(row, 1, arena);
	}
	enum herald_code code = session_end(session, err);
	if (code == HERALD_OK) {
		*ret_rows = (struct store_put_channel *)(void *)rows.data;
		*ret_count = rows.count;
	}
	return code;
}

enum herald_code store_destination(struct store_session *session, int64_t number, struct arena *arena,
				   const char **ret_name, int32_t *ret_channel, struct herald_error *err)
{
	sqlite3_stmt *row = conn_one(&session->conn, SQL_DESTINATION_NAME, SQL_ARGS(sql_int(number)));
	bool is_there = row != NULL;
	if (is_there) {
		*ret_name = col_text(row, 0, arena);
		*ret_channel = (int32_t)col_int(row, 1);
	}
	conn_end(row);
	enum herald_code code = session_end(session, err);
	return code == HERALD_OK && !is_there ? not_found(err, "destination") : code;
}

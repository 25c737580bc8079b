/* session.c - a reader: one connection for one thread, a fresh snapshot for each call.
 *
 * A session never writes and never checkpoints (see sqlite.c), and holds its snapshot no longer than a call,
 * so that the log can be reset. */
#include "store/session.h"

#include <string.h>

#include "base/clock.h"

#include "base/check.h"

enum { LIST_MS_MAX = 2000 };

enum herald_code store_session_new(struct store *store, struct store_session **ret_session,
				   struct herald_error *err)
{
	struct arena *arena = arena_new();
	struct store_session *session = arena_new_of(arena, struct store_session);
	session->arena = arena;
	session->store = store;
	enum herald_code code = conn_open_reader(store->path, &session->conn, err);
	if (code != HERALD_OK) {
		arena_free(arena);
		return code;
	}
	*ret_session = session;
	return HERALD_OK;
}

void store_session_free(struct store_session *session)
{
	if (session == NULL)
		return;
	conn_close(&session->conn);
	arena_free(session->arena);
}

void session_begin(struct store_session *session)
{
	conn_begin_read(&session->conn);
}

void session_begin_list(struct store_session *session)
{
	session->conn.deadline_ms = clock_mono_ms() + LIST_MS_MAX;
	conn_begin_read(&session->conn);
}

enum herald_code session_end(struct store_session *session, struct herald_error *err)
{
	enum herald_code code = conn_code(&session->conn, err);
	conn_rollback(&session->conn);
	conn_forgive(&session->conn);
	session->conn.deadline_ms = 0;
	return code;
}

void rows_init(struct rows *rows, struct arena *arena, size_t row_size)
{
	*rows = (struct rows){.arena = arena, .size = row_size};
}

void *rows_add(struct rows *rows)
{
	if (rows->count == rows->room) {
		size_t room = rows->room == 0 ? 8 : rows->room * 2;
		char *data = arena_array(rows->arena, room, rows->size);
		if (rows->count > 0)
			memcpy(data, rows->data, rows->count * rows->size);
		rows->data = data;
		rows->room = room;
	}
	return rows->data + rows->size * rows->count++;
}

const char *next_cursor(bool is_full, const char *last)
{
	return is_full ? last : "";
}

int64_t session_recipient(struct store_session *session, int64_t tenant, const char *id)
{
	if (id == NULL || id[0] == 0)
		return 0;
	sqlite3_stmt *row =
		conn_one(&session->conn, SQL_RECIPIENT_BY_ID, SQL_ARGS(sql_int(tenant), sql_str(id)));
	int64_t number = row == NULL ? -1 : col_int(row, 0);
	conn_end(row);
	return number;
}

/* read_people.c - recipients with their addresses and choices, as plans and the API read them. */
#include "store/session.h"

#include <string.h>

#include "base/check.h"
#include "base/clock.h"

static void person_addresses(struct store_session *session, struct store_recipient *person,
			     struct arena *arena)
{
	struct store_address *addresses =
		arena_array_of(arena, ADDRESSES_PER_RECIPIENT_MAX, struct store_address);
	size_t count = 0;
	sqlite3_stmt *row = conn_query(&session->conn, SQL_READ_ADDRESSES,
				       SQL_ARGS(sql_int(person->row), sql_int(clock_wall_ms())));
	while (conn_next(&session->conn, row)) {
		if (count == ADDRESSES_PER_RECIPIENT_MAX) {
			conn_damaged(&session->conn, "a recipient has more addresses than can be");
			break;
		}
		struct store_address *address = &addresses[count++];
		*address = (struct store_address){
			.row = col_int(row, 0),
			.kind = col_text(row, 1, arena),
			.channel = col_text(row, 2, arena),
			.address = col_blob(row, 3, arena).data,
			.label = col_text(row, 4, arena),
			.destination = col_text(row, 5, arena),
			.is_verified = col_int(row, 7) != 0,
			.is_checked = col_int(row, 8) != 0,
			.memory = col_blob(row, 9, arena),
			.memory_channel = (int32_t)col_int(row, 10),
			.is_suppressed = col_int(row, 11) != 0,
		};
		if (sqlite3_column_bytes(row, 6) == ADDRESS_HASH_BYTES)
			memcpy(address->hash, sqlite3_column_blob(row, 6), ADDRESS_HASH_BYTES);
	}
	person->addresses = addresses;
	person->address_count = count;
}

static void person_take(sqlite3_stmt *row, struct arena *arena, struct store_recipient *person)
{
	*person = (struct store_recipient){
		.row = col_int(row, 0),
		.version = col_int(row, 1),
		.is_known = col_int(row, 2) == 0,
		.id = col_text(row, 3, arena),
		.name = col_blob(row, 4, arena).data,
		.locale = col_text(row, 5, arena),
		.timezone = col_text(row, 6, arena),
		.attributes = col_blob(row, 7, arena).data,
		.preference = col_blob(row, 8, arena),
		.preference_version = col_int(row, 9),
	};
}

static void person_unknown(const char *id, struct arena *arena, struct store_recipient *person)
{
	*person = (struct store_recipient){
		.id = arena_text(arena, id),
		.name = "",
		.locale = "",
		.timezone = "",
		.attributes = "",
		.preference = text_of("", 0),
	};
}

enum herald_code store_people(struct store_session *session, int64_t tenant, const char *const *ids,
			      size_t count, struct arena *arena, struct store_recipient **ret_people,
			      struct herald_error *err)
{
	struct store_recipient *people = arena_array_of(arena, count, struct store_recipient);

	session_begin(session);
	for (size_t i = 0; i < count; i++) {
		person_unknown(ids[i], arena, &people[i]);
		sqlite3_stmt *row = conn_one(&session->conn, SQL_RECIPIENT_BY_ID,
					     SQL_ARGS(sql_int(tenant), sql_str(ids[i])));
		if (row != NULL && col_int(row, 2) == 0) {
			person_take(row, arena, &people[i]);
			person_addresses(session, &people[i], arena);
		}
		conn_end(row);
	}
	enum herald_code code = session_end(session, err);
	if (code == HERALD_OK)
		*ret_people = people;
	return code;
}

enum herald_code store_recipients(struct store_session *session, int64_t tenant, const char *after,
				  uint32_t limit, struct arena *arena, struct store_recipient **ret_people,
				  size_t *ret_count, const char **ret_next, struct herald_error *err)
{
	struct rows rows;
	rows_init(&rows, arena, sizeof(struct store_recipient));

	session_begin(session);
	sqlite3_stmt *row = conn_query(&session->conn, SQL_READ_RECIPIENTS,
				       SQL_ARGS(sql_int(tenant), sql_str(after), sql_int(limit)));
	while (conn_next(&session->conn, row)) {
		struct store_recipient *person = rows_add(&rows);
		person_take(row, arena, person);
		person_addresses(session, person, arena);
	}
	enum herald_code code = session_end(session, err);
	if (code != HERALD_OK)
		return code;
	*ret_people = (struct store_recipient *)(void *)rows.data;
	*ret_count = rows.count;
	bool is_full = rows.count > 0 && rows.count == limit;
	*ret_next = next_cursor(is_full, is_full ? (*ret_people)[rows.count - 1].id : "");
	return HERALD_OK;
}

static bool is_suppressed_now(struct store_session *session, int64_t tenant, const uint8_t *hash)
{
	sqlite3_stmt *row = conn_one(&session->conn, SQL_SUPPRESSION_UNTIL,
				     SQL_ARGS(sql_int(tenant), sql_bytes(hash, ADDRESS_HASH_BYTES)));
	bool is_suppressed = row != NULL && (col_int(row, 0) == 0 || col_int(row, 0) > clock_wall_ms());
	conn_end(row);
	return is_suppressed;
}

enum herald_code store_inline(struct store_session *session, int64_t tenant, int32_t channel,
			      const uint8_t hash[ADDRESS_HASH_BYTES], struct arena *arena,
			      bool *ret_is_suppressed, struct herald_text *ret_memory,
			      struct herald_error *err)
{
	struct herald_text memory = text_of("", 0);

	session_begin(session);
	bool is_suppressed = is_suppressed_now(session, tenant, hash);
	sqlite3_stmt *row = conn_one(&session->conn, SQL_READ_INLINE_MEMORY,
				     SQL_ARGS(sql_int(channel), sql_bytes(hash, ADDRESS_HASH_BYTES)));
	if (row != NULL)
		memory = col_blob(row, 0, arena);
	conn_end(row);
	enum herald_code code = session_end(session, err);
	if (code == HERALD_OK) {
		*ret_is_suppressed = is_suppressed;
		*ret_memory = memory;
	}
	return code;
}

/* people.c - recipients, their addresses and what they chose.
 *
 * Invariant: whatever changes about a person raises the version of their row, in the same transaction; plans
 * carry the version they saw.  A deleted recipient keeps its row (and its version) without anything that was
 * said about the person. */
#include "store/private.h"

#include <string.h>

#include "base/check.h"

struct person {
	int64_t number, version, preference_version;
	bool is_there; /* a row that was not deleted */
};

/* number 0: there never was one. */
static struct person person_find(struct writer *writer, int64_t tenant, const char *id)
{
	struct person person = {0};
	sqlite3_stmt *row =
		conn_one(&writer->conn, SQL_RECIPIENT_BY_ID, SQL_ARGS(sql_int(tenant), sql_str(id)));
	if (row != NULL) {
		person.number = col_int(row, 0);
		person.version = col_int(row, 1);
		person.is_there = col_int(row, 2) == 0;
		person.preference_version = col_int(row, 9);
	}
	conn_end(row);
	return person;
}

static struct herald_text text_blob(struct writer *writer, const char *text)
{
	return blob_wrap(writer->arena, text, text == NULL ? 0 : strlen(text));
}

/* --- addresses --- */

struct old_address {
	int64_t row;
	const char *kind, *channel;
	uint8_t hash[ADDRESS_HASH_BYTES];
	bool is_kept;
};

static size_t addresses_read(struct writer *writer, int64_t recipient, struct old_address *ret_old)
{
	size_t count = 0;
	sqlite3_stmt *row = conn_query(&writer->conn, SQL_ADDRESSES, SQL_ARGS(sql_int(recipient)));
	while (conn_next(&writer->conn, row)) {
		CHECK(count < ADDRESSES_PER_RECIPIENT_MAX);
		struct old_address *old = &ret_old[count++];
		*old = (struct old_address){
			.row = col_int(row, 0),
			.kind = col_text(row, 1, writer->arena),
			.channel = col_text(row, 2, writer->arena),
		};
		if (sqlite3_column_bytes(row, 6) == ADDRESS_HASH_BYTES)
			memcpy(old->hash, sqlite3_column_blob(row, 6), ADDRESS_HASH_BYTES);
	}
	return count;
}

static void address_put(struct writer *writer, int64_t tenant, int64_t recipient, size_t position,
			const struct store_address *address, struct old_address *old, size_t old_count)
{
	uint8_t hash[ADDRESS_HASH_BYTES];
	store_address_hash(tenant, address->kind, address->address, hash);
	struct herald_text memory = blob_wrap(writer->arena, address->memory.data, address->memory.size);

	for (size_t i = 0; i < old_count; i++) {
		if (old[i].is_kept || memcmp(old[i].hash, hash, sizeof(hash)) != 0 ||
		    strcmp(old[i].kind, address->kind) != 0 || strcmp(old[i].channel, address->channel) != 0)
			continue;
		old[i].is_kept = true;
		conn_run(&writer->conn, SQL_ADDRESS_KEEP,
			 SQL_ARGS(sql_int(old[i].row), sql_int((int64_t)position), sql_str(address->label),
				  sql_str(address->destination), sql_int(address->is_verified),
				  sql_int(address->is_checked)));
		if (address->memory.size > 0)
			conn_run(&writer->conn, SQL_ADDRESS_REMEMBER,
				 SQL_ARGS(sql_int(old[i].row), sql_blob(memory), sql_int(0)));
		return;
	}
	conn_run(&writer->conn, SQL_ADDRESS_ADD,
		 SQL_ARGS(sql_int(tenant), sql_int(recipient), sql_int((int64_t)position),
			  sql_str(address->kind), sql_str(address->channel),
			  sql_blob(text_blob(writer, address->address)), sql_str(address->label),
			  sql_str(address->destination), sql_bytes(hash, sizeof(hash)),
			  sql_int(address->is_verified), sql_int(address->is_checked), sql_blob(memory)));
}

static void addresses_put(struct writer *writer, const struct store_put_recipient *put, int64_t recipient)
{
	struct old_address *old =
		arena_array_of(writer->arena, ADDRESSES_PER_RECIPIENT_MAX, struct old_address);
	size_t old_count = addresses_read(writer, recipient, old);
	size_t count = put->is_delete ? 0 : put->address_count;

	for (size_t i = 0; i < count; i++)
		address_put(writer, put->op.tenant, recipient, i, &put->addresses[i], old, old_count);
	for (size_t i = 0; i < old_count; i++) {
		if (!old[i].is_kept)
			conn_run(&writer->conn, SQL_ADDRESS_GONE, SQL_ARGS(sql_int(old[i].row)));
	}
}

/* --- the end of a recipient --- */

/* What waits for them ends now, found by the history, newest hours first; a rest beyond the bound ends when
 * it is claimed. */
static void person_end_waiting(struct writer *writer, int64_t recipient, int64_t now_ms)
{
	struct delivery_row *rows = arena_array_of(writer->arena, STATEMENT_ROWS_MAX, struct delivery_row);
	size_t count = 0;
	int64_t hour = INT64_MAX;

	for (;;) {
		sqlite3_stmt *row = conn_one(&writer->conn, SQL_READ_HISTORY_HOUR, SQL_ARGS(sql_int(hour)));
		bool is_end = row == NULL || sqlite3_column_type(row, 0) == SQLITE_NULL;
		hour = is_end ? 0 : col_int(row, 0);
		conn_end(row);
		if (is_end || count == STATEMENT_ROWS_MAX)
			break;
		row = conn_query(&writer->conn, SQL_RECIPIENT_WAITING,
				 SQL_ARGS(sql_int(hour), sql_int(recipient),
					  sql_int((int64_t)(STATEMENT_ROWS_MAX - count))));
		while (conn_next(&writer->conn, row))
			delivery_take(row, &writer->conn, &rows[count++]);
	}
	for (size_t i = 0; i < count; i++) {
		rows[i].step = 0; /* all of them end: there is nobody to wake */
		delivery_move(writer, &rows[i], DELIVERY_CANCELLED, REASON_by_caller, rows[i].due_at_ms,
			      now_ms);
	}
}

static void recipient_delete(struct writer *writer, struct store_put_recipient *put,
			     const struct person *person)
{
	if (!person->is_there) {
		put->ret_is_unknown = true;
		writer->has_changed = false;
		return;
	}
	if (put->if_version >= 0 && put->if_version != person->version) {
		op_fail(&put->op, HERALD_CONFLICT, "the recipient changed meanwhile");
		return;
	}
	conn_run(&writer->conn, SQL_RECIPIENT_DELETE,
		 SQL_ARGS(sql_int(person->number), sql_int(put->op.now_ms)));
	addresses_put(writer, put, person->number);
	person_end_waiting(writer, person->number, put->op.now_ms);
	put->ret_version = person->version + 1;
}

static bool recipient_is_as_expected(const struct store_put_recipient *put, const struct person *person)
{
	if (put->if_version < 0)
		return true;
	return put->if_version == 0 ? !person->is_there
				    : person->is_there && put->if_version == person->version;
}

void recipient_execute(struct writer *writer, struct store_op *op)
{
	struct store_put_recipient *put = (struct store_put_recipient *)op;
	struct person person = person_find(writer, op->tenant, put->id);

	put->ret_is_new = put->ret_is_unknown = false;
	put->ret_recipient = person.number;
	if (put->is_delete) {
		op->ret_takes_nothing = person.number == 0;
		recipient_delete(writer, put, &person);
		return;
	}
	if (put->address_count > ADDRESSES_PER_RECIPIENT_MAX) {
		op_fail(op, HERALD_LIMIT, "a recipient has at most 20 addresses");
		return;
	}
	if (!recipient_is_as_expected(put, &person)) {
		op_fail(op, HERALD_CONFLICT, "the recipient changed meanwhile");
		return;
	}
	struct herald_text name = text_blob(writer, put->name),
			   attributes = text_blob(writer, put->attributes);
	if (person.number == 0) {
		conn_run(&writer->conn, SQL_RECIPIENT_ADD,
			 SQL_ARGS(sql_int(op->tenant), sql_str(put->id), sql_blob(name), sql_str(put->locale),
				  sql_str(put->timezone), sql_blob(attributes), sql_int(op->now_ms)));
		person.number = sqlite3_last_insert_rowid(writer->conn.db);
	} else {
		conn_run(&writer->conn, SQL_RECIPIENT_PUT,
			 SQL_ARGS(sql_int(person.number), sql_blob(name), sql_str(put->locale),
				  sql_str(put->timezone), sql_blob(attributes), sql_int(op->now_ms)));
	}
	addresses_put(writer, put, person.number);
	put->ret_recipient = person.number;
	put->ret_version = person.version + 1;
	put->ret_is_new = !person.is_there;
}

void preference_execute(struct writer *writer, struct store_op *op)
{
	struct store_put_preference *put = (struct store_put_preference *)op;
	struct person person = person_find(writer, op->tenant, put->recipient);

	put->ret_is_unknown = !person.is_there;
	put->ret_recipient = person.number;
	if (!person.is_there) {
		op->ret_takes_nothing = person.number == 0;
		writer->has_changed = false;
		return;
	}
	if (put->if_version >= 0 && put->if_version != person.preference_version) {
		op_fail(op, HERALD_CONFLICT, "the preferences changed meanwhile");
		return;
	}
	conn_run(&writer->conn, SQL_RECIPIENT_PREFER,
		 SQL_ARGS(sql_int(person.number),
			  sql_blob(blob_wrap(writer->arena, put->body.data, put->body.size)),
			  sql_int(op->now_ms)));
	put->ret_version = person.preference_version + 1;
}

/* migrations.c - the shape of the file, as a list of steps that only grows.
 *
 * Each step is one transaction that ends by raising user_version, so a kill at any point leaves a whole
 * version.  A file of a newer version, or one that is not ours, is refused before anything is touched.
 *
 * Why the tables look as they do: hot tables have time-ordered keys only, and what must be found by another
 * key lives in hourly buckets (a random key in a hot table costs half the rate at a million rows).  Content
 * is a blob that begins with a format byte.  Every row of a tenant carries its number. */
#include "store/private.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "herald/kit.h"

enum { APPLICATION_ID = 0x4845524c }; /* "HERL" */

static const char *const first[] = {
	"CREATE TABLE tenant (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
	" policy INTEGER NOT NULL DEFAULT 1) STRICT",
	"INSERT INTO tenant (number, name) VALUES (1, 'default')",
	"CREATE TABLE channel (number INTEGER PRIMARY KEY CHECK (number BETWEEN 1 AND 63),"
	" name TEXT NOT NULL UNIQUE, is_paused INTEGER NOT NULL DEFAULT 0, why TEXT NOT NULL DEFAULT '') "
	"STRICT",
	"CREATE TABLE destination (number INTEGER PRIMARY KEY, channel INTEGER NOT NULL, name TEXT NOT NULL,"
	" UNIQUE (channel, name)) STRICT",

	/* A deleted recipient keeps its row, so that its version never begins again. */
	"CREATE TABLE recipient (number INTEGER PRIMARY KEY AUTOINCREMENT, tenant INTEGER NOT NULL,"
	" id TEXT NOT NULL, version INTEGER NOT NULL, is_deleted INTEGER NOT NULL DEFAULT 0, name BLOB,"
	" locale TEXT NOT NULL DEFAULT '', timezone TEXT NOT NULL DEFAULT '', attributes BLOB,"
	" preference BLOB, preference_version INTEGER NOT NULL DEFAULT 0, changed_at_ms INTEGER NOT NULL,"
	" UNIQUE (tenant, id)) STRICT",
	"CREATE TABLE address (row INTEGER PRIMARY KEY AUTOINCREMENT, tenant INTEGER NOT NULL,"
	" recipient INTEGER NOT NULL, position INTEGER NOT NULL, kind TEXT NOT NULL, channel TEXT NOT NULL,"
	" address BLOB, label TEXT NOT NULL, destination TEXT NOT NULL, hash BLOB NOT NULL,"
	" is_verified INTEGER NOT NULL, is_checked INTEGER NOT NULL, is_gone INTEGER NOT NULL DEFAULT 0,"
	" memory BLOB, memory_channel INTEGER NOT NULL DEFAULT 0) STRICT",
	"CREATE INDEX address_recipient ON address (recipient, position) WHERE is_gone = 0",
	"CREATE TABLE inline_memory (channel INTEGER NOT NULL, hash BLOB NOT NULL, tenant INTEGER NOT NULL,"
	" memory BLOB, changed_at_ms INTEGER NOT NULL, PRIMARY KEY (channel, hash)) STRICT, WITHOUT ROWID",
	"CREATE TABLE suppression (tenant INTEGER NOT NULL, hash BLOB NOT NULL, kind TEXT NOT NULL, address "
	"BLOB,"
	" reason TEXT NOT NULL, source TEXT NOT NULL, at_ms INTEGER NOT NULL, until_ms INTEGER NOT NULL,"
	" PRIMARY KEY (tenant, hash)) STRICT, WITHOUT ROWID",
	"CREATE TABLE category (tenant INTEGER NOT NULL, name TEXT NOT NULL, body BLOB,"
	" version INTEGER NOT NULL, PRIMARY KEY (tenant, name)) STRICT, WITHOUT ROWID",
	"CREATE TABLE api_key (id INTEGER PRIMARY KEY, tenant INTEGER NOT NULL, secret_hash BLOB NOT NULL,"
	" scopes TEXT NOT NULL, name TEXT NOT NULL, expires_at_ms INTEGER NOT NULL, rate_per_s INTEGER NOT "
	"NULL,"
	" created_at_ms INTEGER NOT NULL) STRICT",

	"CREATE TABLE notification (id INTEGER PRIMARY KEY, tenant INTEGER NOT NULL, category TEXT NOT NULL,"
	" priority INTEGER NOT NULL, accepted_at_ms INTEGER NOT NULL, expires_at_ms INTEGER NOT NULL,"
	" send_at_ms INTEGER NOT NULL, is_scheduled INTEGER NOT NULL, is_test INTEGER NOT NULL,"
	" cancel_reason INTEGER NOT NULL DEFAULT 0, recipients INTEGER NOT NULL, deliveries INTEGER NOT NULL,"
	" attempts_max INTEGER NOT NULL, uncertain INTEGER NOT NULL, correlation_id TEXT NOT NULL,"
	" traceparent TEXT NOT NULL, metadata BLOB, request BLOB) STRICT",
	"CREATE INDEX notification_scheduled ON notification (send_at_ms) WHERE is_scheduled = 1",
	"CREATE TABLE body (row INTEGER PRIMARY KEY, tenant INTEGER NOT NULL, notification INTEGER NOT NULL,"
	" checksum INTEGER NOT NULL, data BLOB) STRICT",

	/* wake_at_ms: when somebody has to look at a held or parked row.  A run if and only if leased. */
	"CREATE TABLE delivery (notification INTEGER NOT NULL, n INTEGER NOT NULL, tenant INTEGER NOT NULL,"
	" channel INTEGER NOT NULL, state INTEGER NOT NULL CHECK (state BETWEEN 1 AND 10),"
	" reason INTEGER NOT NULL, lane INTEGER NOT NULL, priority INTEGER NOT NULL, due_at_ms INTEGER NOT "
	"NULL,"
	" wake_at_ms INTEGER NOT NULL, expires_at_ms INTEGER NOT NULL, recipient INTEGER NOT NULL,"
	" recipient_version INTEGER NOT NULL, address INTEGER NOT NULL, destination INTEGER NOT NULL,"
	" body INTEGER NOT NULL, step INTEGER NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,"
	" tries_spent INTEGER NOT NULL DEFAULT 0, crash_marks INTEGER NOT NULL DEFAULT 0,"
	" run INTEGER NOT NULL DEFAULT 0, first_attempt_at_ms INTEGER NOT NULL DEFAULT 0,"
	" changed_at_ms INTEGER NOT NULL, PRIMARY KEY (notification, n), CHECK ((state = 3) = (run <> 0)))"
	" STRICT, WITHOUT ROWID",
	"CREATE INDEX delivery_ready ON delivery (state, channel, lane, priority, due_at_ms)"
	" WHERE state = 2",
	"CREATE INDEX delivery_wake ON delivery (wake_at_ms) WHERE state IN (1, 10)",
	"CREATE INDEX delivery_leased ON delivery (run) WHERE state = 3",
	"CREATE INDEX delivery_changed ON delivery (due_at_ms) WHERE state = 1 AND reason = 9",
	"CREATE INDEX delivery_letter ON delivery (state) WHERE state IN (6, 7, 10)",
	"CREATE TABLE inline_address (notification INTEGER NOT NULL, n INTEGER NOT NULL, tenant INTEGER NOT "
	"NULL,"
	" kind TEXT NOT NULL, address BLOB, hash BLOB NOT NULL, name BLOB, locale TEXT NOT NULL,"
	" PRIMARY KEY (notification, n)) STRICT, WITHOUT ROWID",
	"CREATE TABLE attempt (notification INTEGER NOT NULL, n INTEGER NOT NULL, attempt INTEGER NOT NULL,"
	" tenant INTEGER NOT NULL, started_at_ms INTEGER NOT NULL, ended_at_ms INTEGER NOT NULL,"
	" verdict INTEGER NOT NULL, status TEXT NOT NULL, text BLOB, provider_ref TEXT NOT NULL,"
	" PRIMARY KEY (notification, n, attempt)) STRICT, WITHOUT ROWID",
	"CREATE TABLE left_out (notification INTEGER NOT NULL, position INTEGER NOT NULL, tenant INTEGER NOT "
	"NULL,"
	" recipient INTEGER NOT NULL, recipient_id TEXT NOT NULL, channel TEXT NOT NULL, rule TEXT NOT NULL,"
	" detail TEXT NOT NULL, reason INTEGER NOT NULL, PRIMARY KEY (notification, position))"
	" STRICT, WITHOUT ROWID",
	"CREATE TABLE history (hour INTEGER NOT NULL, recipient INTEGER NOT NULL, notification INTEGER NOT "
	"NULL,"
	" tenant INTEGER NOT NULL, PRIMARY KEY (hour, recipient, notification)) STRICT, WITHOUT ROWID",
	"CREATE TABLE dedup (tenant INTEGER NOT NULL, hash BLOB NOT NULL, notification INTEGER NOT NULL,"
	" accepted_at_ms INTEGER NOT NULL, recipients INTEGER NOT NULL, until_ms INTEGER NOT NULL,"
	" PRIMARY KEY (tenant, hash)) STRICT, WITHOUT ROWID",
	"CREATE INDEX dedup_until ON dedup (until_ms)",
	"CREATE TABLE idempotency (hour INTEGER NOT NULL, hash BLOB NOT NULL, tenant INTEGER NOT NULL,"
	" fingerprint BLOB NOT NULL, at_ms INTEGER NOT NULL, status INTEGER NOT NULL, answer BLOB,"
	" PRIMARY KEY (hour, hash)) STRICT, WITHOUT ROWID",

	/* The payload and its salt may be emptied; the chain keeps the proof that something was there. */
	"CREATE TABLE audit (seq INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, tenant INTEGER NOT NULL,"
	" actor TEXT NOT NULL, verb TEXT NOT NULL, subject INTEGER NOT NULL, commitment BLOB NOT NULL,"
	" prev BLOB NOT NULL, hash BLOB NOT NULL) STRICT",
	"CREATE INDEX audit_subject ON audit (subject)",
	"CREATE TABLE audit_payload (seq INTEGER PRIMARY KEY, salt BLOB, payload BLOB) STRICT",
};

static const struct migration {
	const char *const *statements;
	size_t count;
} migrations[] = {
	{first, countof(first)},
};
_Static_assert(countof(migrations) == SCHEMA_VERSION, "every version has its migration");

static enum herald_code pragma_number(struct conn *conn, const char *pragma, int64_t *ret_number,
				      struct herald_error *err)
{
	sqlite3_stmt *statement = NULL;
	if (sqlite3_prepare_v2(conn->db, pragma, -1, &statement, NULL) != SQLITE_OK ||
	    sqlite3_step(statement) != SQLITE_ROW) {
		sqlite3_finalize(statement);
		return herald_fail(err, HERALD_IO, "%s: %s", pragma, sqlite3_errmsg(conn->db));
	}
	*ret_number = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	return HERALD_OK;
}

static enum herald_code migrate_one(struct conn *conn, int64_t version, struct herald_error *err)
{
	const struct migration *migration = &migrations[version];
	char number[64];
	snprintf(number, sizeof(number), "PRAGMA user_version=%lld", (long long)version + 1);

	bool is_good = sqlite3_exec(conn->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK;
	for (size_t i = 0; is_good && i < migration->count; i++)
		is_good = sqlite3_exec(conn->db, migration->statements[i], NULL, NULL, NULL) == SQLITE_OK;
	is_good = is_good && sqlite3_exec(conn->db, number, NULL, NULL, NULL) == SQLITE_OK;
	if (is_good && version == 0) {
		snprintf(number, sizeof(number), "PRAGMA application_id=%d", APPLICATION_ID);
		is_good = sqlite3_exec(conn->db, number, NULL, NULL, NULL) == SQLITE_OK;
	}
	is_good = is_good && sqlite3_exec(conn->db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK;
	if (is_good)
		return HERALD_OK;
	enum herald_code code = herald_fail(err, HERALD_IO, "migrating the store to version %lld: %s",
					    (long long)version + 1, sqlite3_errmsg(conn->db));
	sqlite3_exec(conn->db, "ROLLBACK", NULL, NULL, NULL);
	return code;
}

/* Look before the first write: the journal mode is a write, too. */
enum herald_code store_check_schema(const char *path, struct herald_error *err)
{
	struct conn conn = {0};
	int64_t version = 0, application = 0, tables = 0;
	if (sqlite3_open_v2(path, &conn.db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK) {
		enum herald_code code =
			herald_fail(err, HERALD_IO, "opening %s: %s", path, sqlite3_errmsg(conn.db));
		sqlite3_close(conn.db);
		return code;
	}
	sqlite3_db_config(conn.db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, (int *)NULL);
	enum herald_code code = pragma_number(&conn, "PRAGMA user_version", &version, err);
	if (code == HERALD_OK)
		code = pragma_number(&conn, "PRAGMA application_id", &application, err);
	if (code == HERALD_OK)
		code = pragma_number(&conn, "SELECT count(*) FROM sqlite_schema", &tables, err);
	if (code != HERALD_OK)
		code = herald_fail(err, HERALD_CORRUPT, "%s is no store of Herald: %s", path,
				   sqlite3_errmsg(conn.db));
	else if (version > SCHEMA_VERSION)
		code = herald_fail(err, HERALD_CORRUPT,
				   "%s was written by a newer Herald (schema %lld, this one knows %d): "
				   "use that version, nothing was touched",
				   path, (long long)version, SCHEMA_VERSION);
	else if (tables > 0 && application != APPLICATION_ID)
		code = herald_fail(err, HERALD_CORRUPT,
				   "%s is another program's database, nothing was touched", path);
	sqlite3_close(conn.db);
	return code;
}

enum herald_code store_migrate(struct conn *conn, struct herald_error *err)
{
	int64_t version;
	enum herald_code code = pragma_number(conn, "PRAGMA user_version", &version, err);
	while (code == HERALD_OK && version < SCHEMA_VERSION)
		code = migrate_one(conn, version++, err);
	return code;
}

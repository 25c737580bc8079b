/* sql.c - the texts of the statements.
 *
 * Each update of a delivery names the state that it comes from.  A statement that needs one of the partial
 * indexes says INDEXED BY, so that a change which would make it scan fails at once instead of later.  None
 * touches more than STATEMENT_ROWS_MAX rows. */
#include "store/sql.h"

#define DELIVERY_COLUMNS                                                                                \
	"d.notification, d.n, d.tenant, d.channel, d.state, d.reason, d.lane, d.priority, d.due_at_ms," \
	" d.expires_at_ms, d.recipient, d.recipient_version, d.address, d.destination, d.step,"         \
	" d.attempts, d.tries_spent, d.crash_marks, d.run, d.first_attempt_at_ms"

#define DELIVERY_READ                                                                                       \
	"SELECT " DELIVERY_COLUMNS ", d.changed_at_ms, coalesce(r.id, ''), coalesce(a.address, i.address)," \
	" coalesce(a.kind, i.kind, ''), n.category, n.attempts_max, n.uncertain,"                           \
	" (SELECT t.provider_ref FROM attempt t WHERE t.notification = d.notification AND t.n = d.n"        \
	" AND t.provider_ref <> '' ORDER BY t.attempt DESC LIMIT 1)"

#define DELIVERY_READ_JOINS                                                                \
	" JOIN notification n ON n.id = d.notification"                                    \
	" LEFT JOIN recipient r ON d.recipient <> 0 AND r.number = d.recipient"            \
	" LEFT JOIN address a ON d.address <> 0 AND a.row = d.address"                     \
	" LEFT JOIN inline_address i ON d.address = 0 AND i.notification = d.notification" \
	" AND i.n = d.n"

#define DELIVERY_FILTER                                                                    \
	" d.tenant = ?1 AND (d.notification, d.n) < (?2, ?3) AND (?4 = 0 OR d.state = ?4)" \
	" AND (?5 = 0 OR d.reason = ?5) AND (?6 = 0 OR d.channel = ?6)"                    \
	" AND (?7 = 0 OR d.recipient = ?7) AND d.notification >= ?8"                       \
	" ORDER BY d.notification DESC, d.n DESC LIMIT ?9"

#define NOTIFICATION_READ                                                                                 \
	"SELECT n.id, n.tenant, n.category, n.priority, n.accepted_at_ms, n.expires_at_ms, n.send_at_ms," \
	" n.is_scheduled, n.is_test, n.cancel_reason, n.recipients, n.correlation_id, n.metadata, n.request"

#define NOTIFICATION_OPEN \
	"EXISTS (SELECT 1 FROM delivery d WHERE d.notification = n.id AND d.state IN (1, 2, 3, 10))"

#define NOTIFICATION_FILTER                                                             \
	" n.tenant = ?1 AND n.id < ?2 AND (?3 = '' OR n.category = ?3)"                 \
	" AND (?4 = '' OR n.correlation_id = ?4) AND n.id >= ?5"                        \
	" AND CASE ?6 WHEN 'scheduled' THEN n.is_scheduled = 1"                         \
	" WHEN 'active' THEN n.is_scheduled = 0 AND " NOTIFICATION_OPEN                 \
	" WHEN 'done' THEN n.is_scheduled = 0 AND NOT " NOTIFICATION_OPEN " ELSE 1 END" \
	" ORDER BY n.id DESC LIMIT ?7"

#define ADDRESS_COLUMNS                                                                                     \
	"a.row, a.kind, a.channel, a.address, a.label, a.destination, a.hash, a.is_verified, a.is_checked," \
	" a.memory, a.memory_channel"

#define AUDIT_READ                                                                            \
	"SELECT a.seq, a.at_ms, a.tenant, a.actor, a.verb, a.subject, p.payload FROM audit a" \
	" LEFT JOIN audit_payload p ON p.seq = a.seq WHERE"

#define AUDIT_FILTER                                                                    \
	" a.seq < ?1 AND a.tenant = ?2 AND a.at_ms >= ?3 AND (?4 = '' OR a.actor = ?4)" \
	" ORDER BY a.seq DESC LIMIT ?5"

const char *const sql_text[SQL_STATEMENTS] = {
	[SQL_BEGIN_WRITE] = "BEGIN IMMEDIATE",
	[SQL_BEGIN_READ] = "BEGIN",
	[SQL_COMMIT] = "COMMIT",
	[SQL_ROLLBACK] = "ROLLBACK",

	[SQL_TENANTS] = "SELECT number, name, policy FROM tenant",
	[SQL_TENANT_ADD] =
		"INSERT INTO tenant (number, name) SELECT coalesce(max(number), 0) + 1, ?1 FROM tenant",
	[SQL_TENANT_POLICY] = "UPDATE tenant SET policy = ?2 WHERE number = ?1",
	[SQL_CHANNELS] = "SELECT number, name FROM channel",
	[SQL_CHANNEL_ADD] =
		"INSERT INTO channel (number, name) SELECT coalesce(max(number), 0) + 1, ?1 FROM channel",
	[SQL_CHANNEL_PAUSE] = "UPDATE channel SET is_paused = ?2, why = ?3 WHERE number = ?1",
	[SQL_CHANNELS_PAUSED] = "SELECT number, why FROM channel WHERE is_paused = 1 ORDER BY number",
	[SQL_DESTINATION_FIND] = "SELECT number FROM destination WHERE channel = ?1 AND name = ?2",
	[SQL_DESTINATION_ADD] = "INSERT INTO destination (channel, name) VALUES (?1, ?2)",
	[SQL_DESTINATION_NAME] = "SELECT name, channel FROM destination WHERE number = ?1",

	[SQL_GREATEST_NOTIFICATION] = "SELECT coalesce(max(id), 0) FROM notification",
	[SQL_GREATEST_KEY] = "SELECT coalesce(max(id), 0) FROM api_key",
	[SQL_GREATEST_BODY] = "SELECT coalesce(max(row), 0) FROM body",
	[SQL_HAS_SUPPRESSION] = "SELECT EXISTS (SELECT 1 FROM suppression)",

	[SQL_NOTIFICATION_ADD] =
		"INSERT OR IGNORE INTO notification (id, tenant, category, priority, accepted_at_ms,"
		" expires_at_ms, send_at_ms, is_scheduled, is_test, recipients, deliveries, attempts_max,"
		" uncertain, correlation_id, traceparent, metadata, request)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
	[SQL_NOTIFICATION_SAME] =
		"SELECT tenant, category, accepted_at_ms, recipients, is_scheduled, cancel_reason,"
		" send_at_ms FROM notification WHERE id = ?1",
	[SQL_NOTIFICATION_PLAN] =
		"UPDATE notification SET is_scheduled = 0, request = NULL, priority = ?3, expires_at_ms = ?4,"
		" recipients = ?5, deliveries = ?6, attempts_max = ?7, uncertain = ?8"
		" WHERE id = ?1 AND tenant = ?2 AND is_scheduled = 1 AND cancel_reason = 0",
	[SQL_BODY_ADD] =
		"INSERT INTO body (row, tenant, notification, checksum, data) VALUES (?1, ?2, ?3, ?4, ?5)",
	[SQL_DELIVERY_ADD] =
		"INSERT INTO delivery (notification, n, tenant, channel, state, reason, lane, priority,"
		" due_at_ms, wake_at_ms, expires_at_ms, recipient, recipient_version, address, destination,"
		" body, step, attempts, run, first_attempt_at_ms, changed_at_ms)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,"
		" ?19, ?20, ?21)",
	[SQL_INLINE_ADD] =
		"INSERT INTO inline_address (notification, n, tenant, kind, address, hash, name, locale)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
	[SQL_LEFT_OUT_ADD] = "INSERT INTO left_out (notification, position, tenant, recipient, recipient_id, "
			     "channel, rule,"
			     " detail, reason) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
	[SQL_HISTORY_ADD] = "INSERT OR IGNORE INTO history (hour, recipient, notification, tenant)"
			    " VALUES (?1, ?2, ?3, ?4)",
	[SQL_DEDUP_FIND] = "SELECT notification, accepted_at_ms, recipients FROM dedup"
			   " WHERE tenant = ?1 AND hash = ?2 AND until_ms > ?3",
	[SQL_DEDUP_PUT] =
		"INSERT OR REPLACE INTO dedup (tenant, hash, notification, accepted_at_ms, recipients,"
		" until_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
	[SQL_RECIPIENT_VERSION] = "SELECT version, is_deleted FROM recipient WHERE number = ?1",
	[SQL_SUPPRESSION_UNTIL] = "SELECT until_ms FROM suppression WHERE tenant = ?1 AND hash = ?2",

	[SQL_READY] = "SELECT notification, n FROM delivery INDEXED BY delivery_ready WHERE state = 2"
		      " AND channel = ?1 AND lane = ?2 AND priority = ?3 AND due_at_ms <= ?4"
		      " ORDER BY due_at_ms, notification, n LIMIT ?5",
	[SQL_READY_NEXT] = "SELECT min(due_at_ms) FROM delivery INDEXED BY delivery_ready WHERE state = 2"
			   " AND channel = ?1 AND lane = ?2 AND priority = ?3",
	[SQL_CLAIM_ROW] =
		"SELECT " DELIVERY_COLUMNS ", n.category, n.accepted_at_ms, n.cancel_reason, n.is_test,"
		" n.attempts_max, n.uncertain, n.correlation_id, n.traceparent, b.checksum, b.data,"
		" r.version, r.is_deleted, r.id, r.name, r.locale, a.address, a.hash, a.memory,"
		" a.memory_channel, i.address, i.hash, i.name, i.locale, t.name, m.memory"
		" FROM delivery d JOIN notification n ON n.id = d.notification"
		" LEFT JOIN body b ON b.row = d.body"
		" LEFT JOIN recipient r ON d.recipient <> 0 AND r.number = d.recipient"
		" LEFT JOIN address a ON d.address <> 0 AND a.row = d.address"
		" LEFT JOIN inline_address i ON d.address = 0 AND i.notification = d.notification AND i.n = "
		"d.n"
		" LEFT JOIN destination t ON d.destination <> 0 AND t.number = d.destination"
		" LEFT JOIN inline_memory m ON d.address = 0 AND m.channel = d.channel AND m.hash = i.hash"
		" WHERE d.notification = ?1 AND d.n = ?2",
	[SQL_DELIVERY_LEASE] =
		"UPDATE delivery SET state = 3, reason = 0, wake_at_ms = 0, run = ?3, attempts = attempts + "
		"1,"
		" first_attempt_at_ms = CASE first_attempt_at_ms WHEN 0 THEN ?4 ELSE first_attempt_at_ms END,"
		" changed_at_ms = ?4 WHERE notification = ?1 AND n = ?2 AND state = 2",

	[SQL_DELIVERY_ROW] =
		"SELECT " DELIVERY_COLUMNS " FROM delivery d WHERE d.notification = ?1 AND d.n = ?2",
	[SQL_DELIVERY_MOVE] = "UPDATE delivery SET state = ?4, reason = ?5, due_at_ms = ?6, wake_at_ms = ?7, "
			      "changed_at_ms = ?8"
			      " WHERE notification = ?1 AND n = ?2 AND state = ?3",
	[SQL_DELIVERY_SETTLE] =
		"UPDATE delivery SET state = ?5, reason = ?6, due_at_ms = ?7, wake_at_ms = ?8, lane = ?9,"
		" attempts = ?10, tries_spent = ?11, crash_marks = ?12, first_attempt_at_ms = ?13, run = 0,"
		" changed_at_ms = ?14"
		" WHERE notification = ?1 AND n = ?2 AND state = 3 AND attempts = ?3 AND run = ?4",
	[SQL_DELIVERY_REPLAN] =
		"UPDATE delivery SET state = ?3, reason = ?4, recipient_version = ?5, due_at_ms = ?6,"
		" wake_at_ms = ?7, changed_at_ms = ?8"
		" WHERE notification = ?1 AND n = ?2 AND state = 1 AND reason = 9",
	[SQL_DELIVERY_REDRIVE] =
		"UPDATE delivery SET state = 2, reason = 0, due_at_ms = ?3, wake_at_ms = 0, expires_at_ms = "
		"?4,"
		" tries_spent = 0, crash_marks = 0, first_attempt_at_ms = 0, changed_at_ms = ?3"
		" WHERE notification = ?1 AND n = ?2 AND state IN (6, 7)",
	[SQL_ATTEMPT_ADD] =
		"INSERT INTO attempt (notification, n, attempt, tenant, started_at_ms, ended_at_ms,"
		" verdict, status, text, provider_ref)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
	[SQL_DELIVERY_ADDRESS] =
		"SELECT coalesce(a.kind, i.kind), coalesce(a.address, i.address), coalesce(a.hash, i.hash)"
		" FROM delivery d LEFT JOIN address a ON d.address <> 0 AND a.row = d.address"
		" LEFT JOIN inline_address i ON d.address = 0 AND i.notification = d.notification AND i.n = "
		"d.n"
		" WHERE d.notification = ?1 AND d.n = ?2",
	[SQL_WAKE_DUE] = "SELECT " DELIVERY_COLUMNS " FROM delivery d INDEXED BY delivery_wake"
			 " WHERE d.state IN (1, 10) AND d.wake_at_ms <= ?1 ORDER BY d.wake_at_ms LIMIT ?2",
	[SQL_WAKE_NEXT] =
		"SELECT min(wake_at_ms) FROM delivery INDEXED BY delivery_wake WHERE state IN (1, 10)",
	[SQL_QUEUED_SWEEP] =
		"SELECT " DELIVERY_COLUMNS " FROM delivery d INDEXED BY delivery_ready WHERE d.state = 2"
		" AND (d.channel, d.lane, d.priority, d.due_at_ms, d.notification, d.n) > (?1, ?2, ?3, ?4, "
		"?5, ?6)"
		" ORDER BY d.channel, d.lane, d.priority, d.due_at_ms, d.notification, d.n LIMIT ?7",

	[SQL_NOTIFICATION_CANCEL] =
		"UPDATE notification SET cancel_reason = ?2, is_scheduled = 0, request = NULL"
		" WHERE id = ?1 AND cancel_reason = 0",
	[SQL_DELIVERIES_CANCEL] =
		"UPDATE delivery SET state = 9, reason = ?4, wake_at_ms = 0, changed_at_ms = ?5"
		" WHERE notification = ?1 AND n >= ?2 AND n < ?3 AND state IN (1, 2)",
	[SQL_DELIVERIES_COUNT] =
		"SELECT coalesce(sum(state = 3), 0), coalesce(sum(state IN (3, 4, 5, 10)), 0)"
		" FROM delivery WHERE notification = ?1",
	[SQL_DELIVERIES_LAST] = "SELECT coalesce(max(n), -1) FROM delivery WHERE notification = ?1",
	[SQL_RECIPIENT_WAITING] =
		"SELECT " DELIVERY_COLUMNS
		" FROM history h JOIN delivery d ON d.notification = h.notification"
		" WHERE h.hour = ?1 AND h.recipient = ?2 AND d.recipient = ?2 AND d.state IN (1, 2) LIMIT ?3",

	[SQL_PRUNE_WALK] = "SELECT id FROM notification WHERE id > ?1 AND id < ?2 AND is_scheduled = 0"
			   " ORDER BY id LIMIT ?3",
	[SQL_PRUNE_FACTS] =
		"SELECT coalesce(max(state IN (1, 2, 3, 10)), 0), coalesce(max(state IN (6, 7)), 0),"
		" count(*) FROM delivery WHERE notification = ?1",
	[SQL_PRUNE_AUDIT] = "DELETE FROM audit_payload WHERE seq IN (SELECT p.seq FROM (SELECT seq FROM"
			    " audit_payload ORDER BY seq LIMIT 1000) p JOIN audit a ON a.seq = p.seq"
			    " WHERE a.at_ms < ?1)",
	[SQL_PRUNE_BODY] = "DELETE FROM body WHERE row IN (SELECT body FROM delivery"
			   " WHERE notification = ?1 ORDER BY n LIMIT 1000)",
	[SQL_PRUNE_DELIVERIES] = "DELETE FROM delivery WHERE notification = ?1 AND n IN"
				 " (SELECT n FROM delivery WHERE notification = ?1 ORDER BY n LIMIT 1000)",
	[SQL_PRUNE_ATTEMPTS] =
		"DELETE FROM attempt WHERE (notification, n, attempt) IN"
		" (SELECT notification, n, attempt FROM attempt WHERE notification = ?1 LIMIT 1000)",
	[SQL_PRUNE_INLINE] = "DELETE FROM inline_address WHERE notification = ?1 AND n IN"
			     " (SELECT n FROM inline_address WHERE notification = ?1 LIMIT 1000)",
	[SQL_PRUNE_LEFT_OUT] = "DELETE FROM left_out WHERE notification = ?1 AND position IN"
			       " (SELECT position FROM left_out WHERE notification = ?1 LIMIT 1000)",
	[SQL_PRUNE_NOTIFICATION] = "DELETE FROM notification WHERE id = ?1",
	[SQL_PRUNE_HISTORY] =
		"DELETE FROM history WHERE (hour, recipient, notification) IN"
		" (SELECT hour, recipient, notification FROM history WHERE hour < ?1 LIMIT 1000)",
	[SQL_IDEMPOTENCY_OLDEST] = "SELECT min(hour) FROM idempotency WHERE hour < ?1",
	/* The bound is the last of so many; beyond all digests when there are fewer. */
	[SQL_PRUNE_IDEMPOTENCY] =
		"DELETE FROM idempotency WHERE hour = ?1 AND hash <= coalesce((SELECT hash FROM idempotency"
		" WHERE hour = ?1 ORDER BY hash LIMIT 1 OFFSET ?2 - 1),"
		" x'ffffffffffffffffffffffffffffffffff')",
	[SQL_DEDUP_OVER] = "SELECT tenant, hash FROM dedup INDEXED BY dedup_until WHERE until_ms < ?1"
			   " ORDER BY until_ms LIMIT ?2",
	[SQL_DEDUP_DELETE] = "DELETE FROM dedup WHERE tenant = ?1 AND hash = ?2",

	[SQL_RECIPIENT_BY_ID] =
		"SELECT number, version, is_deleted, id, name, locale, timezone, attributes, preference,"
		" preference_version FROM recipient WHERE tenant = ?1 AND id = ?2",
	[SQL_RECIPIENT_ADD] = "INSERT INTO recipient (tenant, id, version, name, locale, timezone, "
			      "attributes, changed_at_ms)"
			      " VALUES (?1, ?2, 1, ?3, ?4, ?5, ?6, ?7)",
	[SQL_RECIPIENT_PUT] =
		"UPDATE recipient SET version = version + 1, is_deleted = 0, name = ?2, locale = ?3,"
		" timezone = ?4, attributes = ?5, changed_at_ms = ?6 WHERE number = ?1",
	[SQL_RECIPIENT_DELETE] =
		"UPDATE recipient SET version = version + 1, is_deleted = 1, name = NULL, locale = '',"
		" timezone = '', attributes = NULL, preference = NULL, changed_at_ms = ?2 WHERE number = ?1",
	[SQL_RECIPIENT_PREFER] =
		"UPDATE recipient SET version = version + 1, preference = ?2,"
		" preference_version = preference_version + 1, changed_at_ms = ?3 WHERE number = ?1",
	[SQL_ADDRESSES] = "SELECT " ADDRESS_COLUMNS " FROM address a INDEXED BY address_recipient"
			  " WHERE a.recipient = ?1 AND a.is_gone = 0 ORDER BY a.position",
	[SQL_ADDRESS_ADD] = "INSERT INTO address (tenant, recipient, position, kind, channel, address, "
			    "label, destination,"
			    " hash, is_verified, is_checked, memory) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, "
			    "?9, ?10, ?11, ?12)",
	[SQL_ADDRESS_KEEP] =
		"UPDATE address SET position = ?2, label = ?3, destination = ?4, is_verified = ?5,"
		" is_checked = ?6 WHERE row = ?1",
	[SQL_ADDRESS_GONE] = "UPDATE address SET is_gone = 1, memory = NULL WHERE row = ?1",
	[SQL_ADDRESS_REMEMBER] = "UPDATE address SET memory = ?2, memory_channel = ?3"
				 " WHERE row = ?1 AND is_gone = 0",
	[SQL_INLINE_REMEMBER] =
		"INSERT OR REPLACE INTO inline_memory (channel, hash, tenant, memory, changed_at_ms)"
		" VALUES (?1, ?2, ?3, ?4, ?5)",
	[SQL_INLINE_BRING] =
		"INSERT OR IGNORE INTO inline_memory (channel, hash, tenant, memory, changed_at_ms)"
		" VALUES (?1, ?2, ?3, ?4, ?5)",
	[SQL_SUPPRESSION_PUT] =
		"INSERT OR REPLACE INTO suppression (tenant, hash, kind, address, reason, source,"
		" at_ms, until_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
	[SQL_SUPPRESSION_DELETE] = "DELETE FROM suppression WHERE tenant = ?1 AND hash = ?2",

	[SQL_CATEGORY_VERSION] = "SELECT version FROM category WHERE tenant = ?1 AND name = ?2",
	[SQL_CATEGORY_PUT] =
		"INSERT OR REPLACE INTO category (tenant, name, body, version) VALUES (?1, ?2, ?3, ?4)",
	[SQL_CATEGORY_DELETE] = "DELETE FROM category WHERE tenant = ?1 AND name = ?2",
	[SQL_CATEGORY_SCHEDULED] =
		"SELECT count(*), coalesce(sum(s.tenant = ?1 AND s.category = ?2), 0) FROM"
		" (SELECT tenant, category FROM notification INDEXED BY notification_scheduled"
		" WHERE is_scheduled = 1 LIMIT ?3) s",
	[SQL_CATEGORY_WAITING] =
		"SELECT count(*), coalesce(sum(s.tenant = ?1 AND s.category = ?2), 0) FROM"
		" (SELECT * FROM (SELECT n.tenant, n.category FROM delivery d INDEXED BY delivery_wake"
		" JOIN notification n ON n.id = d.notification WHERE d.state IN (1, 10) LIMIT ?3)"
		" UNION ALL SELECT * FROM (SELECT n.tenant, n.category FROM delivery d INDEXED BY "
		"delivery_ready"
		" JOIN notification n ON n.id = d.notification WHERE d.state = 2 LIMIT ?3)"
		" UNION ALL SELECT * FROM (SELECT n.tenant, n.category FROM delivery d INDEXED BY "
		"delivery_leased"
		" JOIN notification n ON n.id = d.notification WHERE d.state = 3 LIMIT ?3)) s",
	[SQL_KEY_ADD] = "INSERT OR IGNORE INTO api_key (id, tenant, secret_hash, scopes, name, expires_at_ms,"
			" rate_per_s, created_at_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
	[SQL_KEY_DELETE] = "DELETE FROM api_key WHERE id = ?1 AND tenant = ?2",

	[SQL_IDEMPOTENCY_HOURS] =
		"WITH RECURSIVE h (hour) AS (SELECT min(hour) FROM idempotency UNION ALL"
		" SELECT (SELECT min(i.hour) FROM idempotency i WHERE i.hour > h.hour) FROM h"
		" WHERE h.hour IS NOT NULL) SELECT hour FROM h WHERE hour IS NOT NULL",
	[SQL_IDEMPOTENCY_FIND] =
		"SELECT fingerprint, at_ms, status, answer FROM idempotency WHERE hour = ?1 AND hash = ?2",
	[SQL_IDEMPOTENCY_ADD] =
		"INSERT OR REPLACE INTO idempotency (hour, hash, tenant, fingerprint, at_ms, status, answer)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
	[SQL_IDEMPOTENCY_KEYS] = "SELECT hash FROM idempotency WHERE hour = ?1",
	[SQL_AUDIT_LAST] = "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1",
	[SQL_AUDIT_ADD] =
		"INSERT INTO audit (seq, at_ms, tenant, actor, verb, subject, commitment, prev, hash)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
	[SQL_AUDIT_PAYLOAD_ADD] = "INSERT INTO audit_payload (seq, salt, payload) VALUES (?1, ?2, ?3)",

	[SQL_READ_RECIPIENTS] =
		"SELECT number, version, is_deleted, id, name, locale, timezone, attributes, preference,"
		" preference_version FROM recipient WHERE tenant = ?1 AND id > ?2 AND is_deleted = 0"
		" ORDER BY id LIMIT ?3",
	[SQL_READ_ADDRESSES] =
		"SELECT " ADDRESS_COLUMNS ", EXISTS (SELECT 1 FROM suppression s WHERE s.tenant = a.tenant"
		" AND s.hash = a.hash AND (s.until_ms = 0 OR s.until_ms > ?2))"
		" FROM address a INDEXED BY address_recipient WHERE a.recipient = ?1 AND a.is_gone = 0"
		" ORDER BY a.position",
	[SQL_READ_INLINE_MEMORY] = "SELECT memory FROM inline_memory WHERE channel = ?1 AND hash = ?2",
	[SQL_READ_CATEGORY] = "SELECT name, body, version FROM category WHERE tenant = ?1 AND name = ?2",
	[SQL_READ_CATEGORIES] = "SELECT name, body, version FROM category WHERE tenant = ?1 AND name > ?2"
				" ORDER BY name LIMIT ?3",
	[SQL_READ_SUPPRESSION] =
		"SELECT hash, kind, address, reason, source, at_ms, until_ms FROM suppression"
		" WHERE tenant = ?1 AND hash = ?2",
	[SQL_READ_SUPPRESSIONS] =
		"SELECT hash, kind, address, reason, source, at_ms, until_ms FROM suppression"
		" WHERE tenant = ?1 AND hash > ?2 AND (?3 = '' OR kind = ?3)"
		" AND (?4 = '' OR reason = ?4) ORDER BY hash LIMIT ?5",
	[SQL_READ_KEY] =
		"SELECT id, tenant, secret_hash, scopes, name, expires_at_ms, rate_per_s, created_at_ms"
		" FROM api_key WHERE id = ?1",
	[SQL_READ_KEYS] =
		"SELECT id, tenant, secret_hash, scopes, name, expires_at_ms, rate_per_s, created_at_ms"
		" FROM api_key WHERE tenant = ?1 AND id > ?2 ORDER BY id LIMIT ?3",
	[SQL_READ_NOTIFICATION] = NOTIFICATION_READ " FROM notification n WHERE n.id = ?1 AND n.tenant = ?2",
	[SQL_READ_NOTIFICATIONS] = NOTIFICATION_READ " FROM notification n WHERE" NOTIFICATION_FILTER,
	[SQL_READ_HISTORY_HOUR] = "SELECT max(hour) FROM history WHERE hour < ?1",
	[SQL_READ_HISTORY] =
		NOTIFICATION_READ " FROM history h JOIN notification n ON n.id = h.notification"
				  " WHERE h.hour = ?8 AND h.recipient = ?9 AND" NOTIFICATION_FILTER,
	[SQL_READ_COUNTS] = "SELECT state, count(*) FROM delivery WHERE notification = ?1 GROUP BY state",
	[SQL_READ_DELIVERY] = DELIVERY_READ ", b.data, b.checksum FROM delivery d" DELIVERY_READ_JOINS
					    " LEFT JOIN body b ON b.row = d.body"
					    " WHERE d.notification = ?1 AND d.n = ?2 AND d.tenant = ?3",
	[SQL_READ_OF_NOTIFICATION] = DELIVERY_READ " FROM delivery d" DELIVERY_READ_JOINS
						   " WHERE d.notification = ?1 ORDER BY d.n",
	[SQL_READ_DELIVERIES] = DELIVERY_READ " FROM delivery d" DELIVERY_READ_JOINS " WHERE" DELIVERY_FILTER,
	[SQL_READ_LETTERS] =
		DELIVERY_READ " FROM delivery d INDEXED BY delivery_letter" DELIVERY_READ_JOINS
			      " WHERE d.state IN (6, 7, 10) AND d.state = ?4 AND" DELIVERY_FILTER,
	[SQL_READ_REDRIVABLE] =
		"SELECT d.notification, d.n FROM delivery d INDEXED BY delivery_letter"
		" JOIN notification n ON n.id = d.notification WHERE d.state IN (6, 7, 10) AND d.state = ?1"
		" AND d.tenant = ?2 AND (?3 = 0 OR d.reason = ?3) AND (?4 = 0 OR d.channel = ?4)"
		" AND (?5 = 0 OR d.recipient = ?5) AND d.notification >= ?6 AND n.cancel_reason = 0"
		" ORDER BY d.notification, d.n LIMIT ?7",
	[SQL_READ_OPEN_LEASES] =
		DELIVERY_READ " FROM delivery d INDEXED BY delivery_leased" DELIVERY_READ_JOINS
			      " WHERE d.state = 3 AND d.run <> ?1 LIMIT ?2",
	[SQL_READ_CHANGED] =
		DELIVERY_READ " FROM delivery d INDEXED BY delivery_changed" DELIVERY_READ_JOINS
			      " WHERE d.state = 1 AND d.reason = 9 ORDER BY d.due_at_ms LIMIT ?1",
	[SQL_READ_LANES] = "SELECT channel, lane, priority, min(due_at_ms), count(*) FROM delivery"
			   " INDEXED BY delivery_ready WHERE state = 2 GROUP BY channel, lane, priority",
	[SQL_READ_SCHEDULED] = NOTIFICATION_READ
	" FROM notification n INDEXED BY notification_scheduled"
	" WHERE n.is_scheduled = 1 AND n.send_at_ms <= ?1 ORDER BY n.send_at_ms LIMIT ?2",
	[SQL_READ_LEFT_OUTS] = "SELECT recipient_id, channel, rule, detail, reason FROM left_out"
			       " WHERE notification = ?1 ORDER BY position",
	[SQL_READ_ATTEMPTS] =
		"SELECT n, attempt, started_at_ms, ended_at_ms, verdict, status, text, provider_ref"
		" FROM attempt WHERE notification = ?1 AND (?2 < 0 OR n = ?2)"
		" UNION ALL SELECT n, attempts, changed_at_ms, 0, 0, '', NULL, '' FROM delivery"
		" WHERE notification = ?1 AND (?2 < 0 OR n = ?2) AND state = 3 ORDER BY 1, 2",
	[SQL_READ_AUDIT] = AUDIT_READ AUDIT_FILTER,
	[SQL_READ_AUDIT_OF] = AUDIT_READ " a.subject = ?6 AND" AUDIT_FILTER,
	[SQL_READ_AUDIT_CHAIN] =
		"SELECT a.seq, a.at_ms, a.tenant, a.actor, a.verb, a.subject, a.commitment, a.prev, a.hash,"
		" p.salt, p.payload FROM audit a LEFT JOIN audit_payload p ON p.seq = a.seq ORDER BY a.seq",
};

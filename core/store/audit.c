/* audit.c - who did what, as a chain: each row holds the hash of the one before.
 *
 * The payload is kept beside the chain under a salt and only its commitment is in it, so that the words may
 * be erased later and the chain still verifies: what stays is the proof that something was there. */
#include "store/private.h"

#include <string.h>
#include <sys/random.h>

#include "base/check.h"
#include "herald/kit.h"

static int64_t audit_subject(const struct store_op *op)
{
	switch (op->verb) {
	case STORE_ACCEPT:
		return ((const struct store_accept *)op)->id;
	case STORE_CANCEL:
		return ((const struct store_cancel *)op)->notification;
	case STORE_REDRIVE:
		return ((const struct store_redrive *)op)->letter_count == 1
			       ? ((const struct store_redrive *)op)->letters[0].notification
			       : 0;
	case STORE_RESOLVE:
		return ((const struct store_resolve *)op)->notification;
	case STORE_REPLAN:
		return ((const struct store_replan *)op)->notification;
	case STORE_SETTLE:
		return ((const struct store_settle *)op)->notification;
	case STORE_PUT_RECIPIENT:
		return ((const struct store_put_recipient *)op)->ret_recipient;
	case STORE_PUT_PREFERENCE:
		return ((const struct store_put_preference *)op)->ret_recipient;
	case STORE_PUT_KEY:
		return ((const struct store_put_key *)op)->id;
	case STORE_PUT_CHANNEL:
		return ((const struct store_put_channel *)op)->channel;
	case STORE_CLAIM:
	case STORE_MEMORY:
	case STORE_WAKE:
	case STORE_PRUNE:
	case STORE_PUT_CATEGORY:
	case STORE_PUT_SUPPRESSION:
	case STORE_VERBS:
		return 0;
	}
	return 0;
}

void audit_commitment(const uint8_t *salt, size_t salt_size, struct herald_text payload, struct arena *arena,
		      uint8_t ret_commitment[HERALD_SHA256_BYTES])
{
	char *text = arena_alloc(arena, salt_size + payload.size);
	memcpy(text, salt, salt_size);
	if (payload.size > 0)
		memcpy(text + salt_size, payload.data, payload.size);
	herald_sha256(text, salt_size + payload.size, ret_commitment);
}

void audit_hash(const struct audit_link *link, struct arena *arena, uint8_t ret_hash[HERALD_SHA256_BYTES])
{
	/* Lengths before texts: no two rows read the same. */
	char *head = arena_printf(arena, "%lld\n%lld\n%lld\n%zu:%s\n%zu:%s\n%lld\n", (long long)link->seq,
				  (long long)link->at_ms, (long long)link->tenant, strlen(link->actor),
				  link->actor, strlen(link->verb), link->verb, (long long)link->subject);
	size_t size = strlen(head);
	char *text = arena_alloc(arena, size + 2 * HERALD_SHA256_BYTES);
	memcpy(text, head, size);
	memcpy(text + size, link->commitment, HERALD_SHA256_BYTES);
	memcpy(text + size + HERALD_SHA256_BYTES, link->prev, HERALD_SHA256_BYTES);
	herald_sha256(text, size + 2 * HERALD_SHA256_BYTES, ret_hash);
}

void audit_load(struct writer *writer)
{
	writer->audit_last = 0;
	memset(writer->audit_hash, 0, sizeof(writer->audit_hash));
	sqlite3_stmt *row = conn_one(&writer->conn, SQL_AUDIT_LAST, SQL_NO_ARGS);
	if (row != NULL) {
		writer->audit_last = col_int(row, 0);
		if (sqlite3_column_bytes(row, 1) == HERALD_SHA256_BYTES)
			memcpy(writer->audit_hash, sqlite3_column_blob(row, 1), HERALD_SHA256_BYTES);
	}
	conn_end(row);
}

void audit_append(struct writer *writer, const struct store_op *op)
{
	const char *payload = op->audit.payload == NULL ? "" : op->audit.payload;
	struct audit_link link = {
		.seq = writer->audit_last + 1,
		.at_ms = op->now_ms,
		.tenant = op->tenant,
		.subject = audit_subject(op),
		.actor = op->audit.actor == NULL ? "" : op->audit.actor,
		.verb = op->audit.verb,
	};
	uint8_t salt[AUDIT_SALT_BYTES], hash[HERALD_SHA256_BYTES];

	CHECK(getrandom(salt, sizeof(salt), 0) == (ssize_t)sizeof(salt));
	audit_commitment(salt, sizeof(salt), text_of(payload, strlen(payload)), writer->arena,
			 link.commitment);
	memcpy(link.prev, writer->audit_hash, sizeof(link.prev));
	audit_hash(&link, writer->arena, hash);
	conn_run(&writer->conn, SQL_AUDIT_ADD,
		 SQL_ARGS(sql_int(link.seq), sql_int(link.at_ms), sql_int(link.tenant), sql_str(link.actor),
			  sql_str(link.verb), sql_int(link.subject),
			  sql_bytes(link.commitment, sizeof(link.commitment)),
			  sql_bytes(link.prev, sizeof(link.prev)), sql_bytes(hash, sizeof(hash))));
	conn_run(&writer->conn, SQL_AUDIT_PAYLOAD_ADD,
		 SQL_ARGS(sql_int(link.seq), sql_bytes(salt, sizeof(salt)),
			  sql_blob(blob_wrap(writer->arena, payload, strlen(payload)))));
	writer->audit_last = link.seq;
	memcpy(writer->audit_hash, hash, sizeof(hash));
}

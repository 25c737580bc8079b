/* job.c - a leased delivery as a job: from the accept that brought it, or from its rows.
 *
 * Both ways give the same job; what an accept has in its hands is not read again. */
#include "store/private.h"

#include <string.h>

#include "base/check.h"
#include "herald/kit.h"

uint32_t body_checksum(struct herald_text body)
{
	uint8_t digest[HERALD_SHA256_BYTES];
	herald_sha256(body.data, body.size, digest);
	return (uint32_t)digest[0] << 24 | (uint32_t)digest[1] << 16 | (uint32_t)digest[2] << 8 | digest[3];
}

static const char *tenant_name(struct writer *writer, int64_t number)
{
	const char *name = store_tenant_name(writer->store, number);
	return name == NULL ? "" : name;
}

struct job *job_from_accept(struct writer *writer, const struct store_accept *accept,
			    const struct store_delivery *delivery)
{
	struct job *job = job_new();
	struct arena *arena = job->arena;
	struct herald_text words = accept->bodies[delivery->body];

	job->notification = accept->id;
	job->n = delivery->n;
	job->attempt = 1;
	job->channel = delivery->channel;
	job->destination = arena_text(arena, delivery->destination);
	job->destination_number = destination_number(writer, delivery->channel, delivery->destination);
	job->lane = accept->op.tenant;
	job->priority = accept->priority;
	job->recipient = delivery->recipient;
	job->recipient_version = delivery->recipient_version;
	memcpy(job->address_hash, delivery->address_hash, ADDRESS_HASH_BYTES);
	job->address_row = delivery->address_row;
	job->tenant_number = accept->op.tenant;
	job->tenant = arena_text(arena, tenant_name(writer, accept->op.tenant));
	job->category = arena_text(arena, accept->category);
	job->recipient_id = arena_text(arena, delivery->recipient_id);
	job->name = arena_text(arena, delivery->name);
	job->locale = arena_text(arena, delivery->locale);
	job->correlation_id = arena_text(arena, accept->correlation_id);
	job->traceparent = arena_text(arena, accept->traceparent);
	job->address = arena_text(arena, delivery->address);
	job->memory = arena_bytes_copy(arena, delivery->memory.data, delivery->memory.size);
	job->words = arena_bytes_copy(arena, words.data, words.size);
	job->is_test = accept->is_test;
	job->accepted_at_ms = accept->accepted_at_ms;
	job->due_at_ms = delivery->due_at_ms;
	job->first_attempt_at_ms = accept->op.now_ms;
	job->attempt_started_at_ms = accept->op.now_ms;
	job->expires_at_ms = delivery->expires_at_ms;
	job->attempts_max = accept->attempts_max;
	job->uncertain = accept->uncertain;
	return job;
}

static void job_take_address(struct job *job, sqlite3_stmt *row)
{
	struct arena *arena = job->arena;
	bool is_inline = job->address_row == 0;
	int hash = is_inline ? CLAIM_INLINE_HASH : CLAIM_ADDRESS_HASH;

	job->address = col_blob(row, is_inline ? CLAIM_INLINE_ADDRESS : CLAIM_ADDRESS, arena).data;
	if (sqlite3_column_bytes(row, hash) == ADDRESS_HASH_BYTES)
		memcpy(job->address_hash, sqlite3_column_blob(row, hash), ADDRESS_HASH_BYTES);
	job->name = col_blob(row, job->recipient == 0 ? CLAIM_INLINE_NAME : CLAIM_RECIPIENT_NAME, arena).data;
	job->locale =
		col_text(row, job->recipient == 0 ? CLAIM_INLINE_LOCALE : CLAIM_RECIPIENT_LOCALE, arena);
	/* What another channel of the kind learned is not this one's. */
	bool is_ours = is_inline || col_int(row, CLAIM_MEMORY_CHANNEL) == 0 ||
		       col_int(row, CLAIM_MEMORY_CHANNEL) == job->channel;
	if (is_ours)
		job->memory = col_blob(row, is_inline ? CLAIM_INLINE_MEMORY : CLAIM_MEMORY, arena);
}

struct job *job_from_row(struct writer *writer, sqlite3_stmt *row, const struct delivery_row *delivery)
{
	struct job *job = job_new();
	struct arena *arena = job->arena;

	job->notification = delivery->notification;
	job->n = delivery->n;
	job->attempt = delivery->attempts + 1;
	job->tries_spent = delivery->tries_spent;
	job->crash_marks = delivery->crash_marks;
	job->channel = delivery->channel;
	job->destination = col_text(row, CLAIM_DESTINATION, arena);
	job->destination_number = delivery->destination;
	job->lane = delivery->lane;
	job->priority = delivery->priority;
	job->recipient = delivery->recipient;
	job->recipient_version = delivery->recipient_version;
	job->address_row = delivery->address;
	job->tenant_number = delivery->tenant;
	job->tenant = arena_text(arena, tenant_name(writer, delivery->tenant));
	job->category = col_text(row, CLAIM_CATEGORY, arena);
	job->recipient_id = col_text(row, CLAIM_RECIPIENT_ID, arena);
	job->correlation_id = col_text(row, CLAIM_CORRELATION_ID, arena);
	job->traceparent = col_text(row, CLAIM_TRACEPARENT, arena);
	job->words = col_bytes(row, CLAIM_WORDS, arena);
	job->is_test = col_int(row, CLAIM_IS_TEST) != 0;
	job->accepted_at_ms = col_int(row, CLAIM_ACCEPTED_AT);
	job->due_at_ms = delivery->due_at_ms;
	job->first_attempt_at_ms = delivery->first_attempt_at_ms;
	job->expires_at_ms = delivery->expires_at_ms;
	job->attempts_max = (uint32_t)col_int(row, CLAIM_ATTEMPTS_MAX);
	job->uncertain = (enum uncertain_policy)col_int(row, CLAIM_UNCERTAIN);
	job_take_address(job, row);
	return job;
}

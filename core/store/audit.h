/* audit.h - who did what, as a chain of hashes over rows. */
#ifndef STORE_AUDIT_H
#define STORE_AUDIT_H

#include "herald/kit.h"
#include "store/ops.h"

enum { AUDIT_SALT_BYTES = 16 };

struct writer;

struct audit_link {
	int64_t seq, at_ms, tenant, subject;
	const char *actor, *verb;
	uint8_t commitment[HERALD_SHA256_BYTES], prev[HERALD_SHA256_BYTES];
};

void audit_commitment(const uint8_t *salt, size_t salt_size, struct herald_text payload, struct arena *arena,
		      uint8_t ret_commitment[HERALD_SHA256_BYTES]);
void audit_hash(const struct audit_link *link, struct arena *arena, uint8_t ret_hash[HERALD_SHA256_BYTES]);

void audit_load(struct writer *writer);
void audit_append(struct writer *writer, const struct store_op *op);

#endif

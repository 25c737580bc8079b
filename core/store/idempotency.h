/* idempotency.h - the same key is the same answer, for 72 hours, whatever the order of restarts. */
#ifndef STORE_IDEMPOTENCY_H
#define STORE_IDEMPOTENCY_H

#include "store/ops.h"
#include "store/sqlite.h"

struct idempotency;
struct writer;

struct idempotency *idempotency_new(struct conn *conn, const char *path);
void idempotency_free(struct idempotency *idempotency);
/* True: the key was there; op is answered (the first answer again, or INVALID for another body). */
bool idempotency_replay(struct writer *writer, struct store_op *op);
/* After idempotency_replay of the same operation answered false. */
void idempotency_remember(struct writer *writer, const struct store_op *op);
uint32_t idempotency_prune(struct writer *writer, int64_t now_ms, uint32_t limit);

#endif

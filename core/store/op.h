/* op.h - what every write begins with: who asks, under which key, whom to tell, and the answer's head.
 *
 * The operations themselves are in ops.h (notifications) and policy.h (people and what they and operators
 * decided). */
#ifndef STORE_OP_H
#define STORE_OP_H

#include "base/arena.h"
#include "base/queue.h"
#include "herald/error.h"
#include "herald/message.h"

enum store_verb {
	STORE_ACCEPT = 1,
	STORE_CLAIM,
	STORE_SETTLE,
	STORE_MEMORY,
	STORE_REPLAN,
	STORE_WAKE,
	STORE_CANCEL,
	STORE_REDRIVE,
	STORE_RESOLVE,
	STORE_PRUNE,
	STORE_PUT_RECIPIENT,
	STORE_PUT_PREFERENCE,
	STORE_PUT_CATEGORY,
	STORE_PUT_SUPPRESSION,
	STORE_PUT_KEY,
	STORE_PUT_CHANNEL,
	STORE_VERBS
};

/* Who did it, for the audit chain; verb "" for operations that are not audited. */
struct store_audit {
	const char *actor;   /* "key_...", "admin", "system" */
	const char *verb;    /* "recipient.put" */
	const char *payload; /* JSON, without secrets */
};

/* Idempotency-Key of the request that brings the operation; key "": none. */
struct store_idempotency {
	const char *key;
	uint8_t fingerprint[32];
	struct herald_text answer; /* the 2xx body, kept for replays */
	uint32_t status;
};

struct store_op {
	struct queue_item item;
	enum store_verb verb;
	bool is_new_work; /* refused first when queue or disk are over their mark */
	bool takes_back;  /* goes to hooks.take_back after the commit, unless it found nothing to take */
	int64_t tenant;
	int64_t now_ms; /* UTC, as the caller saw it */
	struct arena *arena;
	struct store_audit audit;
	struct store_idempotency idempotency;
	void (*done)(struct store_op *op);
	void *context;

	/* The answer.  CONFLICT: something moved, nothing was written.  INVALID with ret_replay_mismatch:
	 * same key, other body. */
	enum herald_code code;
	struct herald_error err;
	bool ret_is_replay, ret_is_mismatch;
	bool ret_is_audited;           /* it changed something: the audit has it */
	bool ret_takes_nothing;        /* of one that takes_back: what it names is not there */
	struct herald_text ret_replay; /* the first answer */
	uint32_t ret_replay_status;
};

#endif

/* job.h - one leased delivery on its way: everything that the dispatcher and a channel process need of it.
 *
 * Born by the store (an accept that found a permit, or a claim) in an arena of its own; whoever holds the
 * pointer owns it; job_free ends it.  It moves writer -> dispatcher and nowhere else. */
#ifndef MODEL_JOB_H
#define MODEL_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/queue.h"
#include "model/delivery.h"
#include "model/reason.h"

enum { ADDRESS_HASH_BYTES = 16 };

struct job {
	struct queue_item item; /* first: jobs are handed over in a queue */
	struct arena *arena;

	int64_t notification;
	uint32_t n;           /* delivery = (notification, n) */
	uint32_t attempt;     /* the one that is open: 1, 2, ... */
	uint32_t tries_spent; /* attempts that counted against attempts_max, without the open one */
	uint32_t crash_marks;
	int32_t channel;            /* number, as the store interned the name */
	const char *destination;    /* what shares a limit at the far end; "": the channel itself */
	int64_t destination_number; /* as the store interned it, 0: the channel itself */
	int64_t lane;      /* > 0: the tenant's number; < 0: minus the number of an ill destination */
	uint32_t priority; /* enum herald_priority */

	int64_t recipient; /* row number, 0: inline address */
	int64_t recipient_version;
	uint8_t address_hash[ADDRESS_HASH_BYTES];
	int64_t address_row; /* row that store_address writes memory to, 0: inline */

	int64_t tenant_number;
	const char *tenant, *category, *recipient_id, *name, *locale, *correlation_id, *traceparent;
	const char *address;
	struct herald_text memory; /* "" when nothing is known */
	struct herald_text words;  /* encoded, words.h */
	bool is_test;              /* settled as delivered without handing over */

	int64_t accepted_at_ms, due_at_ms, first_attempt_at_ms, attempt_started_at_ms,
		expires_at_ms;           /* UTC */
	uint32_t attempts_max;           /* category's, 0: the channel's */
	enum uncertain_policy uncertain; /* category's; the channel's own goes before it */
};

struct job *job_new(void);      /* zeroed texts "", with a fresh arena that holds it */
void job_free(struct job *job); /* NULL is fine */

#endif

/* verdict.h - from what happened to what comes next: one pure function.  Clock and dice are arguments. */
#ifndef ROUTE_VERDICT_H
#define ROUTE_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

#include "herald/outcome.h"
#include "model/delivery.h"
#include "model/reason.h"

/* Where back-off begins and ends, and how long the far end's own wish is honoured. */
struct backoff_policy {
	int64_t delay_min_ms, delay_max_ms, retry_after_max_ms;
};

extern const struct backoff_policy backoff_default; /* 1 s, 1 h, 24 h */

struct verdict_facts {
	int64_t now_ms, first_attempt_at_ms, expires_at_ms; /* UTC */
	uint64_t dice;
	const struct backoff_policy *policy;
	uint32_t tries_spent; /* before this one */
	uint32_t attempts_max;
	enum uncertain_policy uncertain; /* DEFAULT: e-mail and critical retry, everything else parks */
	bool is_email, is_critical;
	int64_t idempotent_ms; /* within it after the first attempt a repeat is recognised by the provider */
	bool has_receipts;
};

struct decision {
	enum delivery_state to;
	enum reason reason;
	int64_t due_at_ms;       /* QUEUED and PARKED */
	bool spends_try;         /* counts against attempts_max */
	bool slows_destination;  /* feed back: not well */
	bool is_well;            /* feed back: well */
	bool holds_channel;      /* it is misconfigured: stop it */
	bool suppresses_address; /* the address is dead */
};

struct decision verdict_decide(const struct verdict_facts *facts, enum herald_verdict verdict,
			       int64_t retry_after_ms);

/* When to try again: half of the age for certain, the other half by dice; never sooner than asked. */
int64_t verdict_retry_due(const struct verdict_facts *facts, int64_t retry_after_ms);

/* A verdict that this host does not know is read by the class digit of status (RFC 3463), and without one as
 * UNCERTAIN: never as "try again".  Fills an empty status, clears control bytes.  Answers true when it had to
 * mend something. */
bool outcome_normalise(struct herald_outcome *outcome);
const char *verdict_name(enum herald_verdict verdict); /* "deferred"; "none" for 0 */

#endif

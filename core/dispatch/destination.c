/* destination.c - the window that widens slowly and narrows at once, and the breaker: see destination.h.
 *
 * Invariants: 1 <= window <= window_max; in_flight is what was admitted and not paid back; while PROBING at
 * most one is in flight that was admitted since. */
#include "dispatch/destination.h"

#include <string.h>

#include "base/limits.h"

#include "base/check.h"

void destination_init(struct destination *destination, int64_t number,
		      const struct destination_policy *policy, int64_t now_ms)
{
	CHECK(policy->window >= 1 && policy->window <= policy->window_max && policy->failures_max >= 1);
	*destination = (struct destination){
		.policy = policy,
		.number = number,
		.state = DESTINATION_READY,
		.window = policy->window,
		.used_at_ms = now_ms,
	};
	herald_builder_init(&destination->memory, MEMORY_BYTES_MAX);
	limit_init(&destination->rate, policy->rate_count, policy->rate_per_ms, now_ms);
	budget_init(&destination->retries, policy->retry_percent, now_ms);
}

void destination_done(struct destination *destination)
{
	herald_builder_done(&destination->memory);
}

static bool block_is_over(const struct destination *destination, int64_t now_ms)
{
	return destination->state != DESTINATION_BLOCKED || now_ms >= destination->blocked_until_ms;
}

uint32_t destination_room(const struct destination *destination, int64_t now_ms)
{
	CHECK(destination->window >= 1);
	if (!block_is_over(destination, now_ms))
		return 0;
	/* A block that is over is a probe: one, and not beside what is still out there.  Whoever only asked
	 * us to wait needs none. */
	if (destination->state != DESTINATION_READY && !destination->is_asked)
		return destination->in_flight == 0 ? 1 : 0;
	return destination->in_flight >= destination->window ? 0
							     : destination->window - destination->in_flight;
}

bool destination_admit(struct destination *destination, int64_t now_ms)
{
	if (destination_room(destination, now_ms) == 0)
		return false;
	if (destination->state == DESTINATION_BLOCKED)
		destination->state = destination->is_asked ? DESTINATION_READY : DESTINATION_PROBING;
	destination->is_asked = false;
	destination->in_flight++;
	destination->used_at_ms = now_ms;
	return true;
}

void destination_give_back(struct destination *destination)
{
	CHECK(destination->in_flight > 0);
	destination->in_flight--;
}

static void destination_block(struct destination *destination, int64_t until_ms, const char *why)
{
	destination->state = DESTINATION_BLOCKED;
	if (until_ms > destination->blocked_until_ms)
		destination->blocked_until_ms = until_ms;
	destination->failures = 0;
	strncpy(destination->why, why, sizeof(destination->why) - 1);
}

static void destination_recover(struct destination *destination)
{
	destination->failures = destination->blocks = 0;
	destination->why[0] = 0;
	/* What was sent before the block and answers late proves nothing about now. */
	if (destination->state == DESTINATION_BLOCKED)
		return;
	destination->state = DESTINATION_READY;
	destination->blocked_until_ms = 0;
	/* Widening waits for a whole window of successes and narrowing does not: too many for one round trip
	 * is worse than too few for ten. */
	if (++destination->successes >= destination->window &&
	    destination->window < destination->policy->window_max) {
		destination->window++;
		destination->successes = 0;
	}
}

static void destination_suffer(struct destination *destination, const char *why, int64_t now_ms)
{
	const struct destination_policy *policy = destination->policy;

	if (destination->state == DESTINATION_BLOCKED)
		return;
	if (++destination->failures < policy->failures_max && destination->state != DESTINATION_PROBING)
		return;
	destination->blocks++;
	int64_t block_ms = policy->block_ms * destination->blocks;
	destination_block(destination,
			  now_ms + (block_ms < policy->block_ms_max ? block_ms : policy->block_ms_max), why);
}

bool destination_feedback(struct destination *destination, enum destination_health health,
			  int64_t retry_after_ms, const char *why, int64_t now_ms)
{
	enum destination_state before = destination->state;

	CHECK(retry_after_ms >= 0);
	destination_give_back(destination);
	destination->used_at_ms = now_ms;
	if (health == DESTINATION_WELL) {
		destination_recover(destination);
		return destination->state != before;
	}
	destination->successes = 0;
	if (destination->window > 1)
		destination->window--;
	if (health == DESTINATION_ILL)
		destination_suffer(destination, why, now_ms);
	/* Whoever asks us to wait is healthy, but means it. */
	if (health == DESTINATION_SLOW && retry_after_ms > 0) {
		destination->is_asked = destination->state != DESTINATION_BLOCKED || destination->is_asked;
		destination_block(destination, now_ms + retry_after_ms, why);
	} else if (health == DESTINATION_SLOW && destination->state == DESTINATION_PROBING) {
		destination->state = DESTINATION_READY;
	}
	return destination->state != before;
}

bool destination_is_idle(const struct destination *destination, int64_t now_ms, int64_t idle_ms)
{
	return destination->in_flight == 0 && destination->state == DESTINATION_READY &&
	       now_ms - destination->used_at_ms >= idle_ms;
}

const char *destination_state_name(enum destination_state state)
{
	switch (state) {
	case DESTINATION_READY:
		return "ready";
	case DESTINATION_PROBING:
		return "probing";
	case DESTINATION_BLOCKED:
		return "blocked";
	}
	unreached();
}

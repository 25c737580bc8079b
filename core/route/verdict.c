/* Verdict to decision: see verdict.h and docs/architecture.md.
 *
 * The delay is the delivery's age between two bounds: no counter to store, and a restart changes nothing.
 * What throttles us or is broken on our side spends no try: only the expiry ends such a delivery. */
#include "route/verdict.h"

#include <string.h>

#include "base/text.h"
#include "base/check.h"

const struct backoff_policy backoff_default = {
	.delay_min_ms = 1000, .delay_max_ms = 3600 * 1000, .retry_after_max_ms = 24 * 3600 * 1000};

static int64_t clamp(int64_t value, int64_t least, int64_t most)
{
	if (value < least)
		return least;
	return value > most ? most : value;
}

int64_t verdict_retry_due(const struct verdict_facts *facts, int64_t retry_after_ms)
{
	const struct backoff_policy *policy = facts->policy;
	int64_t base =
		clamp(facts->now_ms - facts->first_attempt_at_ms, policy->delay_min_ms, policy->delay_max_ms);
	int64_t asked = clamp(retry_after_ms, 0, policy->retry_after_max_ms);
	int64_t least = base / 2 > asked ? base / 2 : asked;

	return facts->now_ms + least + (int64_t)(facts->dice % (uint64_t)(base / 2 + 1));
}

/* Again, unless the tries are used up or it would be too late to be of use. */
static struct decision again(const struct verdict_facts *facts, int64_t retry_after_ms,
			     struct decision decision)
{
	if (decision.spends_try && facts->tries_spent + 1 >= facts->attempts_max) {
		decision.to = DELIVERY_DEAD;
		decision.reason = REASON_attempts_exhausted;
		return decision;
	}
	decision.due_at_ms = verdict_retry_due(facts, retry_after_ms);
	if (decision.due_at_ms >= facts->expires_at_ms) {
		decision.to = DELIVERY_EXPIRED;
		decision.reason = REASON_expired;
		return decision;
	}
	decision.to = DELIVERY_QUEUED;
	return decision;
}

/* The channel is what waits: once it is mended, its deliveries are due, however old they are. */
static struct decision held_back(const struct verdict_facts *facts)
{
	struct decision decision = {.reason = REASON_backoff, .holds_channel = true};

	decision.due_at_ms = facts->now_ms;
	decision.to = decision.due_at_ms >= facts->expires_at_ms ? DELIVERY_EXPIRED : DELIVERY_QUEUED;
	if (decision.to == DELIVERY_EXPIRED)
		decision.reason = REASON_expired;
	return decision;
}

static struct decision uncertain(const struct verdict_facts *facts, int64_t retry_after_ms)
{
	struct decision retry = {.reason = REASON_uncertain, .spends_try = true, .slows_destination = true};
	enum uncertain_policy policy = facts->uncertain;
	bool is_recognised =
		facts->idempotent_ms > 0 && facts->now_ms < facts->first_attempt_at_ms + facts->idempotent_ms;

	if (policy == UNCERTAIN_DEFAULT)
		policy = facts->is_email || facts->is_critical ? UNCERTAIN_RETRY : UNCERTAIN_PARK;
	if (is_recognised || policy == UNCERTAIN_RETRY)
		return again(facts, retry_after_ms, retry);
	if (policy == UNCERTAIN_DEAD)
		return (struct decision){.to = DELIVERY_DEAD,
					 .reason = REASON_uncertain,
					 .spends_try = true,
					 .slows_destination = true};
	return (struct decision){.to = DELIVERY_PARKED,
				 .reason = REASON_uncertain,
				 .due_at_ms = facts->expires_at_ms,
				 .spends_try = true,
				 .slows_destination = true};
}

struct decision verdict_decide(const struct verdict_facts *facts, enum herald_verdict verdict,
			       int64_t retry_after_ms)
{
	CHECK(facts->attempts_max >= 1);
	switch (verdict) {
	case HERALD_DELIVERED:
		return (struct decision){.to = DELIVERY_DELIVERED, .spends_try = true, .is_well = true};
	case HERALD_SENT:
		return (struct decision){.to = DELIVERY_SENT, .spends_try = true, .is_well = true};
	case HERALD_REJECTED:
		return (struct decision){
			.to = DELIVERY_DEAD, .reason = REASON_rejected, .spends_try = true, .is_well = true};
	case HERALD_UNREACHABLE:
		return (struct decision){.to = DELIVERY_DEAD,
					 .reason = REASON_unreachable,
					 .spends_try = true,
					 .suppresses_address = true,
					 .is_well = true};
	case HERALD_DEFERRED:
		return again(facts, retry_after_ms,
			     (struct decision){.reason = REASON_backoff,
					       .spends_try = true,
					       .slows_destination = true});
	case HERALD_THROTTLED:
		return again(facts, retry_after_ms,
			     (struct decision){.reason = REASON_backoff, .slows_destination = true});
	case HERALD_MISCONFIGURED:
		return held_back(facts);
	case HERALD_UNCERTAIN:
		return uncertain(facts, retry_after_ms);
	}
	unreached();
}

const char *verdict_name(enum herald_verdict verdict)
{
	static const char *const names[] = {
		[0] = "none",
		[HERALD_DELIVERED] = "delivered",
		[HERALD_SENT] = "sent",
		[HERALD_DEFERRED] = "deferred",
		[HERALD_THROTTLED] = "throttled",
		[HERALD_REJECTED] = "rejected",
		[HERALD_UNREACHABLE] = "unreachable",
		[HERALD_UNCERTAIN] = "uncertain",
		[HERALD_MISCONFIGURED] = "misconfigured",
	};

	CHECK((unsigned)verdict < countof(names));
	return names[verdict];
}

static bool status_is_good(const char *status)
{
	/* RFC 3463: class "." subject "." detail, one to three digits each. */
	size_t digits = 0, dots = 0;

	if ((status[0] != '2' && status[0] != '4' && status[0] != '5') || status[1] != '.')
		return false;
	for (const char *at = status + 2; *at != 0; at++) {
		if (*at == '.') {
			if (digits == 0 || ++dots > 1)
				return false;
			digits = 0;
		} else if (*at < '0' || *at > '9' || ++digits > 3) {
			return false;
		}
	}
	return dots == 1 && digits > 0;
}

/* A fixed field from outside: ended, and without control bytes. */
static bool clean(char *text, size_t size)
{
	bool is_mended = memchr(text, 0, size) == NULL;

	text[size - 1] = 0;
	for (char *at = text; *at != 0; at++) {
		if ((unsigned char)*at < 0x20 || *at == 0x7f) {
			*at = ' ';
			is_mended = true;
		}
	}
	return text_mend_utf8(text) || is_mended;
}

bool outcome_normalise(struct herald_outcome *outcome)
{
	static const char *const usual[] = {
		[HERALD_DELIVERED] = "2.0.0", [HERALD_SENT] = "2.0.0",
		[HERALD_DEFERRED] = "4.0.0",  [HERALD_THROTTLED] = "4.7.0",
		[HERALD_REJECTED] = "5.0.0",  [HERALD_UNREACHABLE] = "5.1.0",
		[HERALD_UNCERTAIN] = "4.4.0", [HERALD_MISCONFIGURED] = "4.3.5",
	};
	bool is_mended = clean(outcome->status, sizeof(outcome->status));

	is_mended |= clean(outcome->provider_ref, sizeof(outcome->provider_ref));
	is_mended |= clean(outcome->reason, sizeof(outcome->reason));
	if (*outcome->status != 0 && !status_is_good(outcome->status)) {
		*outcome->status = 0;
		is_mended = true;
	}
	if (outcome->verdict < HERALD_DELIVERED || outcome->verdict > HERALD_MISCONFIGURED) {
		outcome->verdict = *outcome->status == '2'   ? HERALD_SENT
				   : *outcome->status == '4' ? HERALD_DEFERRED
				   : *outcome->status == '5' ? HERALD_REJECTED
							     : HERALD_UNCERTAIN;
		is_mended = true;
	}
	if (outcome->retry_after_ms < 0) {
		outcome->retry_after_ms = 0;
		is_mended = true;
	}
	if (*outcome->status == 0)
		memcpy(outcome->status, usual[outcome->verdict], sizeof("2.0.0"));
	return is_mended;
}

/* limit.c - token buckets counted in (tokens x period) units: see limit.h.
 *
 * Invariant: level and what is reserved never exceed level_max, but for a rate that changed meanwhile. */
#include "dispatch/limit.h"

#include "base/check.h"

/* In thousandths of a retry. */
enum { BUDGET_RETRY = 1000, BUDGET_PERCENT = 10, BUDGET_MAX = 100 * 1000, SECOND_MS = 1000 };

void limit_init(struct limit *limit, uint32_t count, int64_t period_ms, int64_t now_ms)
{
	CHECK(count == 0 || period_ms > 0);
	int64_t burst = period_ms == 0 ? 1 : (int64_t)count * LIMIT_BURST_MS / period_ms;

	*limit = (struct limit){.count = count, .period_ms = period_ms, .at_ms = now_ms};
	limit->level = (burst > 1 ? burst : 1) * period_ms;
	/* The part of a token that is under way stays, or a slow rate would come out slower still. */
	limit->level_max = limit->level + period_ms - 1;
}

void limit_change(struct limit *limit, uint32_t count, int64_t period_ms, int64_t now_ms)
{
	int64_t reserved = limit->reserved;

	limit_init(limit, count, period_ms, now_ms);
	limit->reserved = reserved;
	limit->level = 0;
}

static void limit_fill(struct limit *limit, int64_t now_ms)
{
	int64_t room = limit->level_max - limit->reserved * limit->period_ms;
	int64_t passed = now_ms - limit->at_ms;

	limit->at_ms = now_ms;
	if (limit->level >= room)
		return;
	/* A long rest fills it: no need to multiply, no way to overflow. */
	if (passed > (room - limit->level) / limit->count)
		limit->level = room;
	else if (passed > 0)
		limit->level += passed * limit->count;
}

uint32_t limit_room(struct limit *limit, int64_t now_ms)
{
	if (limit->count == 0)
		return UINT32_MAX;
	limit_fill(limit, now_ms);
	return limit->level < limit->period_ms ? 0 : (uint32_t)(limit->level / limit->period_ms);
}

void limit_reserve(struct limit *limit, uint32_t tokens)
{
	limit->reserved += tokens;
	if (limit->count == 0)
		return;
	limit->level -= tokens * limit->period_ms;
	CHECK(limit->level >= 0);
}

void limit_return(struct limit *limit, uint32_t tokens)
{
	int64_t room;

	CHECK(limit->reserved >= tokens);
	limit->reserved -= tokens;
	room = limit->level_max - limit->reserved * limit->period_ms;
	limit->level += tokens * limit->period_ms;
	/* The rate may have changed since it was reserved. */
	if (limit->level > room)
		limit->level = room > 0 ? room : 0;
}

void limit_spend(struct limit *limit, uint32_t tokens)
{
	CHECK(limit->reserved >= tokens);
	limit->reserved -= tokens;
}

int64_t limit_next_ms(struct limit *limit, int64_t now_ms)
{
	if (limit_room(limit, now_ms) > 0)
		return now_ms;
	return now_ms + (limit->period_ms - limit->level + limit->count - 1) / limit->count;
}

void budget_init(struct budget *budget, uint32_t percent, int64_t now_ms)
{
	*budget = (struct budget){.milli = BUDGET_RETRY, .at_ms = now_ms, .percent = percent};
}

static void budget_add(struct budget *budget, int64_t milli)
{
	budget->milli = milli > BUDGET_MAX - budget->milli ? BUDGET_MAX : budget->milli + milli;
}

void budget_first(struct budget *budget)
{
	budget_add(budget, (int64_t)budget->percent * BUDGET_PERCENT);
}

bool budget_take(struct budget *budget, int64_t now_ms)
{
	/* One a second is one thousandth a millisecond. */
	if (now_ms > budget->at_ms)
		budget_add(budget, now_ms - budget->at_ms);
	budget->at_ms = now_ms;
	if (budget->milli < BUDGET_RETRY)
		return false;
	budget->milli -= BUDGET_RETRY;
	return true;
}

void budget_well(struct budget *budget)
{
	budget_add(budget, BUDGET_RETRY + (int64_t)budget->percent * BUDGET_PERCENT);
	budget->promised_ms = 0;
}

int64_t budget_again_ms(struct budget *budget, int64_t now_ms)
{
	int64_t first_ms = budget->promised_ms > now_ms ? budget->promised_ms : now_ms;

	budget->promised_ms = first_ms + SECOND_MS;
	if (budget->promised_ms > now_ms + BUDGET_AHEAD_MS)
		budget->promised_ms = now_ms + BUDGET_AHEAD_MS;
	return budget->promised_ms;
}

/* limit.h - how often, whatever the window says: token buckets and the retry budget.
 *
 * Pure and exact: the clock (monotonic milliseconds) is an argument, and time is counted in whole units, so
 * nothing is lost to rounding.  A bucket's tokens are reserved before the work exists (a permit, a claim),
 * then spent or returned; what is reserved counts against the burst, so a pause never saves up a flood. */
#ifndef DISPATCH_LIMIT_H
#define DISPATCH_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

enum { BUDGET_AHEAD_MS = 120 * 1000 };
enum { LIMIT_BURST_MS = 20 }; /* a bucket holds what this much time brings, at least one token */

struct limit {
	int64_t count, period_ms; /* count 0: no limit */
	int64_t level, level_max; /* one token is period_ms of these */
	int64_t reserved;         /* tokens */
	int64_t at_ms;
};

void limit_init(struct limit *limit, uint32_t count, int64_t period_ms, int64_t now_ms);
/* Another rate; what is reserved stays so. */
void limit_change(struct limit *limit, uint32_t count, int64_t period_ms, int64_t now_ms);
/* Tokens that are free; UINT32_MAX without a limit. */
uint32_t limit_room(struct limit *limit, int64_t now_ms);
void limit_reserve(struct limit *limit, uint32_t tokens); /* at most what limit_room answered */
void limit_return(struct limit *limit, uint32_t tokens);  /* not needed after all */
void limit_spend(struct limit *limit, uint32_t tokens);   /* gone */
/* When the next token will be there; now_ms when one is. */
int64_t limit_next_ms(struct limit *limit, int64_t now_ms);

/* Retries that a destination may still see: so many per hundred first tries, and one a second.  It bounds
 * what is sent in vain, so a retry that went well costs nothing and counts as a first try. */
struct budget {
	int64_t milli, at_ms;
	int64_t promised_ms; /* up to then, the seconds were given to those who were refused */
	uint32_t percent;
};

void budget_init(struct budget *budget, uint32_t percent, int64_t now_ms);
void budget_first(struct budget *budget);                /* a first try went out */
bool budget_take(struct budget *budget, int64_t now_ms); /* room for a retry?  True takes it. */
void budget_well(struct budget *budget);                 /* one that had been taken went well */
/* When one that was refused may come again: each gets a second of its own, at most BUDGET_AHEAD_MS away, so
 * that a long line does not come back all at once, to be refused. */
int64_t budget_again_ms(struct budget *budget, int64_t now_ms);

#endif

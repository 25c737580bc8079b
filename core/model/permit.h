/* permit.h - room in a channel for one more, given out ahead by the dispatcher and taken by whoever accepts.
 *
 * One of the two named exceptions to "no shared data" (the other is the roster): an atomic counter per
 * channel.  A permit taken is either spent by the job that reaches the dispatcher, or given back by whoever
 * took it (CONFLICT, replay, failed commit). */
#ifndef MODEL_PERMIT_H
#define MODEL_PERMIT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"

struct permits {
	_Atomic int32_t available[CHANNELS_MAX]; /* by channel number */
};

static inline bool permit_take(struct permits *permits, int32_t channel)
{
	int32_t room = atomic_load_explicit(&permits->available[channel], memory_order_relaxed);

	while (room > 0) {
		if (atomic_compare_exchange_weak(&permits->available[channel], &room, room - 1))
			return true;
	}
	return false;
}

static inline void permit_give(struct permits *permits, int32_t channel, int32_t count)
{
	atomic_fetch_add(&permits->available[channel], count);
}

/* Recall everything that nobody took yet: answers how many there were (the dispatcher's again). */
static inline int32_t permit_recall(struct permits *permits, int32_t channel)
{
	return atomic_exchange(&permits->available[channel], 0);
}

#endif

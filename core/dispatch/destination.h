/* destination.h - what shares a limit at the far end: a provider account, a mail domain, a conversation.
 *
 * Deliveries fail for their own reasons; destinations fall ill.  This room knows only illness: how many
 * attempts may be in flight (the window), and until when none may be (blocked).  It never sees a delivery.
 * Dispatcher thread only; the clock (monotonic) is an argument. */
#ifndef DISPATCH_DESTINATION_H
#define DISPATCH_DESTINATION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "dispatch/limit.h"
#include "herald/kit.h"
#include "model/job.h"

/* How patient we are with one. */
struct destination_policy {
	uint32_t window, window_max; /* in flight: at first, at most */
	uint32_t failures_max;       /* in a row: then it is blocked */
	int64_t block_ms, block_ms_max;
	uint32_t retry_percent; /* of first tries; and one retry a second */
	uint32_t rate_count;    /* sends in rate_per_ms; 0: no limit */
	int64_t rate_per_ms;
};

enum destination_state { DESTINATION_READY = 1, DESTINATION_PROBING, DESTINATION_BLOCKED };

/* How an attempt ended, seen from the far end's health. */
enum destination_health {
	DESTINATION_WELL = 1, /* it answered, whatever it said of the message */
	DESTINATION_SLOW,     /* it asked us to slow down */
	DESTINATION_ILL,      /* it did not do its work */
};

struct destination {
	const struct destination_policy *policy; /* lent: lives longer */
	int64_t number; /* as the store interned it; 0: the channel itself, or an address without memory */
	enum destination_state state;
	uint32_t window, in_flight;
	uint32_t successes, failures; /* in a row */
	uint32_t blocks;              /* in a row: each is longer */
	int64_t blocked_until_ms;     /* monotonic; BLOCKED only */
	bool is_asked;                /* blocked because it asked us to wait: it is not ill */
	int64_t used_at_ms;           /* monotonic */
	struct limit rate;
	struct budget retries;
	char name[128], why[128];

	/* Of an address about which nothing was remembered: whose, and what was learned meanwhile. */
	uint8_t address_hash[ADDRESS_HASH_BYTES];
	struct herald_builder memory; /* empty: nothing */
	struct destination *spare;    /* the next one that is out of use */
};

void destination_init(struct destination *destination, int64_t number,
		      const struct destination_policy *policy, int64_t now_ms);
void destination_done(struct destination *destination);

/* Room for how many more?  Takes nothing. */
uint32_t destination_room(const struct destination *destination, int64_t now_ms);
/* Room for one more?  True takes the room: the caller owes one destination_feedback or _give_back. */
bool destination_admit(struct destination *destination, int64_t now_ms);
/* The attempt never began: nothing was learned. */
void destination_give_back(struct destination *destination);
/* Pay back what destination_admit took.  retry_after_ms: the far end's wish, 0 none.  True: the state
 * changed. */
bool destination_feedback(struct destination *destination, enum destination_health health,
			  int64_t retry_after_ms, const char *why, int64_t now_ms);
/* Nothing would be lost by forgetting it. */
bool destination_is_idle(const struct destination *destination, int64_t now_ms, int64_t idle_ms);

const char *destination_state_name(enum destination_state state);

#endif

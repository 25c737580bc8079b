/* delivery.h - notification x recipient x channel: its states and the only moves between them.
 *
 * The table is the law: every SQL update names the state it comes from, and delivery_may_move guards the
 * rest. */
#ifndef MODEL_DELIVERY_H
#define MODEL_DELIVERY_H

#include <stdbool.h>

enum delivery_state {
	DELIVERY_HELD = 1,      /* waits for a time, a strategy or a new plan */
	DELIVERY_QUEUED = 2,    /* due at due_at_ms, waits for a lease */
	DELIVERY_LEASED = 3,    /* in the dispatcher's or a channel process's hands, attempt open */
	DELIVERY_SENT = 4,      /* the provider took it over */
	DELIVERY_DELIVERED = 5, /* the far end confirmed */
	DELIVERY_DEAD = 6,      /* dead letter */
	DELIVERY_EXPIRED = 7,
	DELIVERY_SUPPRESSED = 8,
	DELIVERY_CANCELLED = 9,
	DELIVERY_PARKED = 10, /* uncertain: a person must look */
};
enum { DELIVERY_STATES = 10 };

const char *delivery_state_name(enum delivery_state state);
bool delivery_state_parse(const char *name, enum delivery_state *ret_state);
bool delivery_state_is_valid(long number);
bool delivery_may_move(enum delivery_state from, enum delivery_state to);
bool delivery_is_final(enum delivery_state state); /* only a person or a receipt moves it any more */

enum strategy { STRATEGY_ALL = 1, STRATEGY_FIRST = 2 };
enum uncertain_policy { UNCERTAIN_DEFAULT = 0, UNCERTAIN_RETRY = 1, UNCERTAIN_PARK = 2, UNCERTAIN_DEAD = 3 };

#endif

/* The state table of a delivery: see delivery.h and docs/architecture.md. */
#include "model/delivery.h"

#include <string.h>

#include "base/check.h"

#define BIT(state) (1u << (state))

static const struct {
	const char *name;
	unsigned to; /* a bit for each state that may follow */
} states[DELIVERY_STATES + 1] = {
	[DELIVERY_HELD] = {"held", BIT(DELIVERY_QUEUED) | BIT(DELIVERY_EXPIRED) | BIT(DELIVERY_SUPPRESSED) |
					   BIT(DELIVERY_CANCELLED)},
	[DELIVERY_QUEUED] = {"queued", BIT(DELIVERY_LEASED) | BIT(DELIVERY_HELD) | BIT(DELIVERY_EXPIRED) |
					       BIT(DELIVERY_SUPPRESSED) | BIT(DELIVERY_CANCELLED)},
	[DELIVERY_LEASED] = {"leased", BIT(DELIVERY_SENT) | BIT(DELIVERY_DELIVERED) | BIT(DELIVERY_QUEUED) |
					       BIT(DELIVERY_HELD) | BIT(DELIVERY_DEAD) |
					       BIT(DELIVERY_EXPIRED) | BIT(DELIVERY_PARKED) |
					       BIT(DELIVERY_SUPPRESSED) | BIT(DELIVERY_CANCELLED)},
	[DELIVERY_SENT] = {"sent", BIT(DELIVERY_DELIVERED) | BIT(DELIVERY_DEAD) | BIT(DELIVERY_SUPPRESSED)},
	[DELIVERY_DELIVERED] = {"delivered", 0},
	[DELIVERY_DEAD] = {"dead", BIT(DELIVERY_QUEUED) | BIT(DELIVERY_SUPPRESSED)},
	[DELIVERY_EXPIRED] = {"expired", BIT(DELIVERY_QUEUED) | BIT(DELIVERY_SUPPRESSED)},
	[DELIVERY_SUPPRESSED] = {"suppressed", 0},
	[DELIVERY_CANCELLED] = {"cancelled", 0},
	[DELIVERY_PARKED] = {"parked", BIT(DELIVERY_QUEUED) | BIT(DELIVERY_DELIVERED) | BIT(DELIVERY_DEAD) |
					       BIT(DELIVERY_SUPPRESSED) | BIT(DELIVERY_CANCELLED)},
};

bool delivery_state_is_valid(long number)
{
	return number >= DELIVERY_HELD && number <= DELIVERY_STATES;
}

const char *delivery_state_name(enum delivery_state state)
{
	CHECK(delivery_state_is_valid((long)state));
	return states[state].name;
}

bool delivery_state_parse(const char *name, enum delivery_state *ret_state)
{
	for (int state = DELIVERY_HELD; state <= DELIVERY_STATES; state++) {
		if (strcmp(states[state].name, name) == 0) {
			*ret_state = (enum delivery_state)state;
			return true;
		}
	}
	return false;
}

bool delivery_may_move(enum delivery_state from, enum delivery_state to)
{
	CHECK(delivery_state_is_valid((long)from) && delivery_state_is_valid((long)to));
	return (states[from].to & BIT(to)) != 0;
}

bool delivery_is_final(enum delivery_state state)
{
	return state != DELIVERY_HELD && state != DELIVERY_QUEUED && state != DELIVERY_LEASED &&
	       state != DELIVERY_PARKED;
}

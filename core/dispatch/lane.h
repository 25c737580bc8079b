/* lane.h - what waits in its own line of one channel's queue: a tenant, or a destination that is ill.
 *
 * Lanes take turns by deficit round robin, so one tenant's million rows cost another's three a turn and no
 * more; what is critical goes first.  The room knows when each lane has something due, never what.
 * Dispatcher thread only; instants are UTC milliseconds, for they are compared with due times. */
#ifndef DISPATCH_LANE_H
#define DISPATCH_LANE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/map.h"

enum { LANE_QUANTUM = 32, LANE_CLAIM_MAX = 256 };

struct lane {
	int64_t number;
	int64_t due_ms;                      /* the earliest that is known to wait; INT64_MAX: nothing */
	int64_t critical_due_ms;             /* the same of what is critical */
	int64_t noted_ms, noted_critical_ms; /* what came while a claim was under way */
	uint32_t deficit;
	uint64_t waiting; /* about how many */
	bool is_claimed;  /* a claim is under way */
	struct lane *next, *previous;
};

struct lanes {
	struct map *by_number;
	struct arena *arena;
	struct lane *spare;         /* ended ones, for reuse */
	struct lane *turn;          /* a ring; NULL: none */
	struct lane *critical_turn; /* in it: where to look for critical rows first; NULL: at the turn */
	uint64_t waiting;           /* about how many in all */
};

/* How many may be claimed from a lane now; 0: not this one. */
typedef uint32_t lane_room(void *context, int64_t number);

void lanes_init(struct lanes *lanes);
void lanes_done(struct lanes *lanes);

/* Something waits in a lane from due_ms on. */
void lanes_note(struct lanes *lanes, int64_t number, int64_t due_ms, bool is_critical, uint32_t count);
/* Whose turn is it?  NULL: nothing due that has room.  *ret_limit: at most limit, room and what its turn
 * allows. */
struct lane *lanes_choose(struct lanes *lanes, uint32_t limit, lane_room *room, void *context, int64_t now_ms,
			  uint32_t *ret_limit);
/* A claim of a chosen lane goes out / came back: taken rows left, next_due_ms and next_critical_ms say what
 * is left of all and of what is critical (0: nothing). */
void lanes_claiming(struct lanes *lanes, struct lane *lane);
void lanes_claimed(struct lanes *lanes, int64_t number, uint32_t taken, int64_t next_due_ms,
		   int64_t next_critical_ms, int64_t now_ms);
/* It failed: as if it had not been asked, but not before again_ms. */
void lanes_unclaimed(struct lanes *lanes, int64_t number, int64_t again_ms);

/* Anything due that has room? */
bool lanes_are_due(struct lanes *lanes, lane_room *room, void *context, int64_t now_ms);
/* The earliest due time after now_ms; INT64_MAX: none. */
int64_t lanes_next_due_ms(const struct lanes *lanes, int64_t now_ms);
int64_t lanes_oldest_due_ms(const struct lanes *lanes); /* INT64_MAX: nothing waits */

#endif

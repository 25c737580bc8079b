/* slot.h - how far a ticket has come in its channel process, as the board (wire/board.h) remembers it. */
#ifndef MODEL_SLOT_H
#define MODEL_SLOT_H

#include <stdint.h>

enum slot_state {
	SLOT_FREE = 0,
	SLOT_QUEUED = 1,
	SLOT_IN_PLUGIN = 2,
	SLOT_ON_WIRE = 3,
	SLOT_DONE = 4,
	SLOT_REVOKED = 5,
};

/* Which attempt a slot stands for.  Written while FREE, before QUEUED is published. */
struct slot_identity {
	int64_t notification, run;
	uint32_t n, attempt;
};

#endif

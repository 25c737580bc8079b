/* tickets.h - the tickets of one channel process: which slot of its board each has, and what was told of it.
 *
 * A ticket is OPEN from post until somebody was told what became of it, ANSWERED until it is released.  What
 * the board says is asked, never trusted: the process can write anything into it.  Dispatcher thread only. */
#ifndef CHANNEL_TICKETS_H
#define CHANNEL_TICKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "channel/supervisor.h"
#include "wire/board.h"

enum { PROCESS_INDEX_MAX = 64 }; /* processes of a channel that have or had tickets */

struct tickets {
	struct board *board;
	uint64_t *by_slot; /* 0: free */
	bool *is_answered;
	uint16_t *free_slots;
	uint32_t free_count, slots;
	uint32_t index;   /* of the process in its channel: part of each ticket */
	uint64_t *serial; /* the channel's: no ticket comes twice */
};

void tickets_init(struct tickets *tickets, struct arena *arena, struct board *board, uint32_t index,
		  uint64_t *serial);
/* The process's index; whoever holds the ticket finds its process by it. */
uint32_t tickets_index_of(uint64_t ticket);
uint32_t tickets_slot_of(uint64_t ticket);

/* FREE -> QUEUED.  0: no slot is free, or the board is damaged (then *ret_is_damaged). */
uint64_t tickets_post(struct tickets *tickets, const struct slot_identity *identity, bool *ret_is_damaged);
bool tickets_is_known(const struct tickets *tickets, uint64_t ticket);
bool tickets_is_open(const struct tickets *tickets, uint64_t ticket);
/* The host says DONE.  False: the board does not. */
bool tickets_settle(struct tickets *tickets, uint64_t ticket, struct herald_outcome *ret_outcome);
bool tickets_revoke(struct tickets *tickets, uint64_t ticket);
void tickets_release(struct tickets *tickets, uint64_t ticket);
uint32_t tickets_used(const struct tickets *tickets);
uint32_t tickets_open(const struct tickets *tickets);
/* The process is dead: what became of those that are open, which are answered with it. */
size_t tickets_fates(struct tickets *tickets, struct arena *arena, struct ticket_fate **ret_fates);

#endif

/* line.h - what waits for the plugin, and which of it may go next.
 *
 * A ticket leaves the line only by being swapped QUEUED -> IN_PLUGIN, at the last moment before the call:
 * what was taken back meanwhile falls out here.  A ticket that carries a crash mark goes alone: it waits
 * until nothing is in the plugin's hands, and everything behind it waits for it. */
#ifndef HOST_LINE_H
#define HOST_LINE_H

#include "host/ticket.h"

enum { LINE_BATCH_MAX = 1000 };

/* Up to max tickets that may share a call, oldest first, each held for the caller.  0: none may go now. */
size_t line_take(struct tickets *tickets, size_t max, struct ticket **ret_tickets);
/* The same for a worker: sleeps until there is something.  0: closed. */
size_t line_wait(struct tickets *tickets, size_t max, struct ticket **ret_tickets);
bool line_is_ready(struct tickets *tickets); /* line_take would answer something */
/* In front again: a neighbour in the same request was taken back before anything left. */
void line_return(struct tickets *tickets, struct ticket *ticket);

/* The lock is held. */
void line_push(struct tickets *tickets, struct ticket *ticket);

#endif

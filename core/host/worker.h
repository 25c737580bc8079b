/* worker.h - the threads that call a plugin that blocks (HERALD_BLOCKING), one with HERALD_SERIAL. */
#ifndef HOST_WORKER_H
#define HOST_WORKER_H

#include "host/private.h"

/* Starts them. */
enum herald_code workers_new(struct herald_channel *channel, unsigned count, struct workers **ret_workers,
			     struct herald_error *err);
/* Joins them: the tickets are closed and idle.  False: one did not come back from the plugin in time; then
 * nothing is freed, and the plugin must not be closed under it. */
bool workers_free(struct workers *workers, int64_t patience_ms);

/* All of them sit in a call whose tickets are long overdue: nothing will move any more. */
bool workers_are_stuck(struct workers *workers, int64_t now_ms);

#endif

/* watch.h - a thread of its own that no plugin can hold up: it spends what is overdue, notices the daemon's
 * death and ends the process in order. */
#ifndef HOST_WATCH_H
#define HOST_WATCH_H

#include "host/private.h"

struct watch;

/* work_fd is borrowed.  The channel's tickets and outboxes must live on. */
enum herald_code watch_new(struct herald_channel *channel, int work_fd, struct watch **ret_watch,
			   struct herald_error *err);
void watch_free(struct watch *watch); /* stops and joins it */

#endif

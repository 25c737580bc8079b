/* spawn.h - a channel process is born: with its own five descriptors, a cleaned environment, limits, and
 * nothing of ours. */
#ifndef CHANNEL_SPAWN_H
#define CHANNEL_SPAWN_H

#include <stdint.h>
#include <sys/types.h>

#include "herald/error.h"

/* In the child: 0 is /dev/null, 1 and 2 the output pipe, then these. */
enum { SPAWN_WORK_FD = 3, SPAWN_TALK_FD = 4, SPAWN_BOARD_FD = 5, SPAWN_FD_COUNT = 6 };

struct spawn_order {
	const char *program; /* executed with --serve */
	const char *channel; /* HERALD_CHANNEL */
	int work, talk, board, output;
	uint64_t memory_bytes_max; /* of data; 0: no limit */
};

/* The child's descriptors stay the caller's, who closes its copies.  The child is not bound to the life of
 * its parent: it must outlive the daemon by orphan_timeout.  NOT_FOUND, DENIED: the program; IO: the system.
 */
enum herald_code spawn_process(const struct spawn_order *order, pid_t *ret_pid, int *ret_pidfd,
			       struct herald_error *err);

#endif

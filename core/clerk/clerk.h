/* clerk.h - the thread that looks after what waits for a time: send_at, expiry, what must be planned again
 * because a person changed their mind, and rows that are old enough to go.
 *
 * It works in small steps (at most CLERK_STEP_ROWS rows), each an operation of the store that can be
 * repeated, so that a crash in the middle of a step loses nothing and no step holds the writer. */
#ifndef CLERK_CLERK_H
#define CLERK_CLERK_H

#include <stdatomic.h>

#include "herald/error.h"
#include "intake/intake.h"

struct clerk;

enum { CLERK_STEP_ROWS = 500 };

/* How long what is over is kept; 0: for ever. */
struct clerk_patience {
	_Atomic int64_t ended_ms; /* notifications */
	_Atomic int64_t dead_ms;  /* those of which something is dead, and may be sent again */
	_Atomic int64_t audit_ms; /* the words of the audit */
};

struct clerk_settings {
	struct store *store;
	struct roster_board *rosters;
	struct permits *permits;
	const struct clerk_patience *patience; /* lent; may change while the clerk runs */
	const _Atomic int64_t *expires_in_ms;
};

/* Starts the thread. */
enum herald_code clerk_start(const struct clerk_settings *settings, struct clerk **ret_clerk,
			     struct herald_error *err);
/* Finishes the step in hand and joins.  The store must still be open.  NULL is fine. */
void clerk_stop(struct clerk *clerk);

/* For tests: one round as the thread makes it, now.  Answers how many rows it moved. */
size_t clerk_round(struct clerk *clerk, int64_t now_ms);
/* For tests: a clerk without a thread. */
enum herald_code clerk_new(const struct clerk_settings *settings, struct clerk **ret_clerk,
			   struct herald_error *err);

#endif

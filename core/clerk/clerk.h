/* clerk.h - the thread that looks after what waits for a time: send_at, expiry, what must be planned again
 * because a person changed their mind, and rows that are old enough to go.
 *
 * It works in small steps (at most CLERK_STEP_ROWS rows), each an operation of the store that can be
 * repeated, so that a crash in the middle of a step loses nothing and no step holds the writer. */
#ifndef CLERK_CLERK_H
#define CLERK_CLERK_H

#include "herald/error.h"
#include "intake/intake.h"

struct clerk;

enum { CLERK_STEP_ROWS = 500 };

struct clerk_settings {
	struct store *store;
	struct roster_board *rosters;
	struct permits *permits;
	int64_t expires_in_ms; /* of a delivery, where neither its caller nor its category says */
	int64_t retention_ms;  /* of notifications that ended; 0: for ever */
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

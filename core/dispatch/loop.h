/* loop.h - the dispatcher's edge: its thread, its poll set, the queues by which others reach it.
 *
 * The state machine (dispatcher.h) is pure of threads; this room reads the clocks, polls the supervisor and
 * the bells, hands over in the right order and publishes the roster.  Take-backs are taken from their queue
 * first and handed over last, so that every job that was leased before one is in hand when it is applied. */
#ifndef DISPATCH_LOOP_H
#define DISPATCH_LOOP_H

#include "channel/supervisor.h"
#include "dispatch/outlet.h"
#include "model/permit.h"
#include "model/roster.h"
#include "store/store.h"

struct loop;

struct loop_settings {
	struct store *store;
	struct talk *talk;
	struct permits *permits;
	struct roster_board *rosters;
	const char *host_program, *plugin_dir, *board_dir;
	const char *facts_path; /* facts.h; texts live as long as the loop */
};

/* A channel as configured, in the order of the files. */
struct loop_channel {
	int32_t number;
	struct outlet_policy policy;
	struct config *config;                 /* lent until loop_configure returns */
	const struct config_channel *settings; /* in config */
	bool is_changed;                       /* its process has to be started, or replaced */
};

struct loop *loop_new(void);
void loop_free(struct loop *loop); /* after loop_stop and store_close; NULL is fine */

/* For store_open: the store hands over to this loop. */
struct store_hooks loop_hooks(struct loop *loop);

/* Starts the thread.  No process runs before loop_configure. */
enum herald_code loop_start(struct loop *loop, const struct loop_settings *settings,
			    struct herald_error *err);
/* These channels (at most CHANNELS_MAX) from now on; others drain.  Reads what waits and what is paused of
 * those that are new.  Waits until the dispatcher has taken it over.  One caller at a time. */
enum herald_code loop_configure(struct loop *loop, const struct loop_channel *channels, size_t count,
				struct herald_error *err);

/* Take nothing new, finish what is in hand, then drain the processes.  loop_is_drained says when. */
void loop_drain(struct loop *loop);
bool loop_is_drained(const struct loop *loop);
/* End the thread.  Channel processes that still run are killed. */
void loop_stop(struct loop *loop);

#endif

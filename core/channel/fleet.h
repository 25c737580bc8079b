/* fleet.h - the processes of one channel: as many as configured, started again with back-off when they die,
 * replaced side by side when the configuration changes.
 *
 * A berth is a place for one process of the configuration in force.  Processes of an older one are retiring:
 * they serve until a new one is ready, then they drain.  Dead ones stay until their tickets are released.
 * Dispatcher thread only. */
#ifndef CHANNEL_FLEET_H
#define CHANNEL_FLEET_H

#include "channel/process.h"

enum {
	FLEET_BERTHS_MAX = 16,
	FLEET_BACKOFF_LEAST_MS = 200,
	FLEET_BACKOFF_MOST_MS = 30 * 1000,
	FLEET_HEALTHY_MS = 60 * 1000, /* up for so long: the next back-off begins anew */
};

struct berth {
	struct process *process; /* NULL: none lives */
	int64_t start_ms;        /* when the next one is due */
	int64_t backoff_ms;
};

struct fleet {
	struct arena *arena; /* holds this struct */
	const struct supervisor_settings *settings;
	struct map *by_id; /* the supervisor's: process id -> fleet */
	uint64_t *next_id; /* the supervisor's */
	int epoll;

	int32_t number;
	const char *name; /* of the first configuration; it does not change */
	struct config *config;
	const struct config_channel *channel;

	struct process *processes[PROCESS_INDEX_MAX]; /* by their index; NULL: free */
	uint32_t next_index;
	struct berth berths[FLEET_BERTHS_MAX];
	size_t berth_count;
	uint64_t serial; /* of tickets */

	bool is_due;           /* something was asked for since the last fleet_turn */
	bool is_draining;      /* start none, end all */
	bool is_refused;       /* start none until configured or resumed */
	char refused_why[256]; /* with is_refused */
	char last_why[256];    /* why there was nobody */
	enum channel_state told_state;
	char told_why[256];
	uint32_t restarts;
};

struct fleet_birth {
	const struct supervisor_settings *settings;
	struct map *by_id;
	uint64_t *next_id;
	int epoll;
	int32_t number;
	const char *name;
};

struct fleet *fleet_new(const struct fleet_birth *birth);
void fleet_free(struct fleet *fleet);

/* From the next fleet_turn on: these processes, those before retire. */
void fleet_configure(struct fleet *fleet, struct config *config, const struct config_channel *channel);
void fleet_resume(struct fleet *fleet);
void fleet_drain(struct fleet *fleet);
/* Of the ticket's process; 0: of all that live. */
void fleet_kill(struct fleet *fleet, uint64_t ticket, const char *why);

/* Whose ticket is it?  NULL: it was released. */
struct process *fleet_process(const struct fleet *fleet, uint64_t ticket);
struct process *fleet_process_of_id(const struct fleet *fleet, uint64_t id);
/* The one to give more work to, NULL: none. */
struct process *fleet_choose(const struct fleet *fleet);
void fleet_release(struct fleet *fleet, uint64_t ticket);

/* A process ended: tell its fates, plan its successor. */
void fleet_bury(struct fleet *fleet, struct process *process, int64_t now_ms);
/* Start, ask, drain and kill what is due; tell the state if it is another. */
void fleet_turn(struct fleet *fleet, int64_t now_ms);
int64_t fleet_next_ms(const struct fleet *fleet);
void fleet_flush(struct fleet *fleet);
size_t fleet_alive(const struct fleet *fleet);
void fleet_describe(const struct fleet *fleet, struct roster_channel *ret_channel);

#endif

/* roster.h - the channels as everybody may see them: an immutable snapshot, published by the dispatcher (at
 * most every 250 ms, at once when a state changes) and read by planners and the API.
 *
 * Counted references: roster_get gives one, roster_put takes it back; the last one frees. */
#ifndef MODEL_ROSTER_H
#define MODEL_ROSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum channel_state {
	CHANNEL_RUNNING = 1,
	CHANNEL_PAUSED,
	CHANNEL_DRAINING,
	CHANNEL_RESTARTING,
	CHANNEL_MISCONFIGURED,
};

const char *channel_state_name(enum channel_state state);

struct roster_destination { /* only the ill ones */
	const char *name, *state, *why;
	int64_t blocked_until_ms; /* UTC */
	uint32_t window, in_flight;
};

struct roster_channel {
	int32_t number;
	const char *name, *kind, *plugin,
		*version; /* kind and version "" until the plugin was described once */
	const char *why;  /* of the state, "" when running */
	enum channel_state state;
	int32_t pid;
	uint32_t restarts;
	int64_t started_at_ms; /* UTC, 0: not running */
	uint32_t window, in_flight;
	const char *rate; /* "30/s", "": none */
	uint64_t queued;
	int64_t oldest_due_at_ms; /* UTC, 0: nothing waits */
	bool has_receipts;
	const struct roster_destination *destinations;
	size_t destination_count;
};

struct roster {
	const struct roster_channel
		*channels; /* in the order of their files: the order of choice among one kind */
	size_t channel_count;
};

struct roster_board; /* where the current one hangs */

struct roster_board *roster_board_new(void); /* with an empty roster */
void roster_board_free(struct roster_board *board);
/* Deep-copies *roster and publishes the copy.  One publisher. */
void roster_publish(struct roster_board *board, const struct roster *roster);
const struct roster *roster_get(struct roster_board *board); /* any thread; never NULL */
void roster_put(const struct roster *roster);

const struct roster_channel *roster_find(const struct roster *roster, const char *name);

#endif

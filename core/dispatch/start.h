/* start.h - what an earlier daemon left open, brought to an end before anything new begins.
 *
 * A row that is leased by another run had an open attempt.  The boards say how far it came; where no board
 * speaks of it, it was never handed over.  After a restart of the machine nobody knows: boards are not
 * synced, so a file of the data directory, synced before the first lease of a run, remembers the boot. */
#ifndef DISPATCH_START_H
#define DISPATCH_START_H

#include "channel/supervisor.h"
#include "dispatch/outlet.h"
#include "store/read.h"

struct start_facts {
	int64_t now_ms; /* UTC */
	uint64_t dice;
	const struct outlet_policy *policy;
	int64_t idempotent_ms; /* the plugin's; 0: none, or not known */
	bool is_other_boot;
};

/* How the open attempt of a row ends; slot NULL: no board knows of it.  Pure. */
void start_decide(const struct store_delivery_row *row, const struct left_slot *slot,
		  const struct start_facts *facts, struct store_settle *ret_settle);

struct start_settings {
	struct store *store;
	const char *data_dir, *board_dir;
	/* By channel number; plain where a channel is no longer configured. */
	const struct outlet_policy *const *policies; /* CHANNELS_MAX, entries may be NULL */
	const struct outlet_policy *plain;
	const int64_t *idempotent_ms; /* CHANNELS_MAX, as the plugins once said */
	uint64_t seed;
	bool are_boards_gone; /* somebody removed their folder: as after another boot, nobody knows */
};

struct start_report {
	size_t untried, uncertain, crashed, done; /* open attempts, by what became of them */
	bool is_other_boot;
};

/* Waits for the holders of the boards (at most 20 s), settles every open attempt durably, removes the boards
 * and remembers this boot.  Blocks; called once, before the dispatcher's thread exists. */
enum herald_code start_resolve(const struct start_settings *settings, struct start_report *ret_report,
			       struct herald_error *err);
/* The run ended in order and nothing is open.  What the next start finds open all the same came with a store
 * that somebody put in place, a backup, and of that nobody knows how far it came. */
void start_over(const char *data_dir);

#endif

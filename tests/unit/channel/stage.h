/* stage.h - a supervisor with fake hosts, a clock that the test moves, and a record of all that was told. */
#ifndef STAGE_H
#define STAGE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "channel/supervisor.h"

enum { TOLD_MAX = 8192, CHANNEL = 5, RUN = 77 };

struct told {
	uint64_t ticket;
	bool is_fate;
	enum slot_state state; /* fates only */
	struct herald_outcome outcome;
};

struct stage {
	char dir[128], boards[160], conf[160];
	const char *uses; /* the plugin; "fake" until the test says otherwise */
	struct config *config;
	struct talk *talk;
	struct supervisor *supervisor;
	int64_t now_ms;
	int quiet; /* where events go, unless STAGE_EVENTS is set */

	unsigned ready, gone, gone_clean, memories, states;
	struct told told[TOLD_MAX];
	size_t told_count;
	enum channel_state state;
	char why[256], memory[4096], plugin[64];
	uint64_t memory_ticket;
	bool answers_memory;
};

int stage_open(void **state);
int stage_close(void **state);
/* In place of the one there is. */
void stage_new_supervisor(struct stage *stage, const char *host_program, const char *plugin_dir);

/* Configure and start channel CHANNEL.  more: lines of YAML in the channel's entry, each with its line feed;
 * options: the same below "options:". */
void stage_start(struct stage *stage, const char *name, const char *more, const char *options);
/* The same, and wait for READY. */
void stage_ready(struct stage *stage, const char *name, const char *more, const char *options);

/* Turn until *counter >= least; fails after 10 s. */
#define stage_until(stage, condition)                                                        \
	do {                                                                                 \
		int64_t until_ms_ = stage_clock() + 10000;                                   \
		while (!(condition)) {                                                       \
			if (stage_clock() > until_ms_)                                       \
				fail_msg("waited in vain for %s (state %d: %s)", #condition, \
					 (int)(stage)->state, (stage)->why);                 \
			stage_turn(stage);                                                   \
		}                                                                            \
	} while (0)
int64_t stage_clock(void);
void stage_turn(struct stage *stage);              /* sleeps for what comes, at most some ms */
void stage_later(struct stage *stage, int64_t ms); /* the clock moves, then a turn */

uint64_t stage_send(struct stage *stage, const char *address); /* submit and flush; 0: refused */
void stage_until_state(struct stage *stage, uint64_t ticket, enum slot_state state);
/* How often the ticket was told, and the last time. */
unsigned stage_times_told(const struct stage *stage, uint64_t ticket, struct told *ret_told);
size_t stage_board_count(const struct stage *stage);
int32_t stage_pid(const struct stage *stage);

#endif

/* process.h - one channel process, from its birth to the last of its tickets.
 *
 *	STARTING (HELLO, CONFIG) -> READY -> DRAINING -> DEAD (its board is kept until its tickets are
 *released)
 *
 * Knows its sockets, its board and its deadlines; hears what its owner should do through struct
 *process_owner. Dispatcher thread only; nothing here blocks. */
#ifndef CHANNEL_PROCESS_H
#define CHANNEL_PROCESS_H

#include <sys/types.h>

#include "channel/outbox.h"
#include "channel/plugin_log.h"
#include "channel/supervisor.h"
#include "channel/tickets.h"
#include "config/config.h"
#include "wire/message.h"

enum {
	PROCESS_START_MS = 10 * 1000,  /* until READY */
	PROCESS_PING_MS = 5 * 1000,    /* between two questions whether it still turns */
	PROCESS_PONG_MS = 15 * 1000,   /* until the answer */
	PROCESS_END_MS = 2 * 1000,     /* from the end of its work socket until its own */
	PROCESS_DRAIN_MORE_MS = 10000, /* beside attempt_timeout */
};

enum process_phase { PROCESS_STARTING = 1, PROCESS_READY, PROCESS_DRAINING, PROCESS_DEAD };

enum process_end {
	PROCESS_DIED = 0, /* by itself */
	PROCESS_HUNG,     /* we killed it: it did not answer */
	PROCESS_REFUSED,  /* it cannot work as configured */
	PROCESS_DRAINED,
	PROCESS_DISMISSED, /* it was not ready yet and is not needed any more */
};

struct process;

/* Called inside process_serve only; the process is alive in all of them. */
struct process_owner {
	void *context;
	void (*ready)(void *context, struct process *process, const struct wire_ready *ready);
	void (*settled)(void *context, struct process *process, uint64_t ticket,
			const struct herald_outcome *outcome);
	void (*memory)(void *context, struct process *process, uint64_t ticket, struct herald_text memory);
};

struct process {
	struct arena *arena; /* holds this struct */
	struct process_owner owner;
	const struct supervisor_settings *settings;
	struct config *config; /* a reference: channel points into it */
	const struct config_channel *channel;
	uint64_t id; /* never used again; its epoll keys are id << 1 | is_death */
	int epoll;

	enum process_phase phase;
	enum process_end end;
	char why[256]; /* it ended, or is to end */
	bool is_killed, has_said_hello, has_said_bye;
	bool is_reporting; /* its owner hears of its end */
	bool is_retiring;  /* a newer configuration replaces it */

	pid_t pid;
	int pidfd, work;
	bool is_polled_for_output;
	uint64_t talk_line;
	struct board *board;
	const char *board_path;
	struct tickets tickets;
	struct outbox outbox;
	struct frame_reader reader;
	struct plugin_log log;
	struct arena *scratch; /* one frame's texts */

	int64_t started_ms, ready_ms;                                          /* monotonic */
	int64_t started_at_ms;                                                 /* UTC */
	int64_t start_by_ms, drain_by_ms, end_by_ms, next_ping_ms, pong_by_ms; /* INT64_MAX: none */
};

struct process_birth {
	const struct supervisor_settings *settings;
	struct process_owner owner;
	int32_t number; /* of the channel */
	struct config *config;
	const struct config_channel *channel;
	uint64_t id;
	uint32_t index; /* in its channel, < PROCESS_INDEX_MAX */
	uint64_t *serial;
	int epoll;
};

enum herald_code process_new(const struct process_birth *birth, int64_t now_ms, struct process **ret_process,
			     struct herald_error *err);
/* Kills it if it still runs and waits for that.  Removes the board unless it holds tickets. */
void process_free(struct process *process);

bool process_is_alive(const struct process *process);
/* READY, and nothing is known against it. */
bool process_may_serve(const struct process *process);
/* It reads, and a slot is free. */
bool process_has_room(const struct process *process);
/* Its socket has something, or takes something. */
void process_serve(struct process *process, int64_t now_ms);
/* Its pidfd says that it ended: read what it still said, wait for it, become DEAD. */
void process_bury(struct process *process, int64_t now_ms);
void process_timers(struct process *process, int64_t now_ms);
int64_t process_next_ms(const struct process *process);
void process_flush(struct process *process);

/* 0: not ready, no slot, or it does not read. */
uint64_t process_submit(struct process *process, const struct job *job, int64_t timeout_ms);
bool process_revoke(struct process *process, uint64_t ticket);
void process_kept(struct process *process, uint64_t ticket);
/* READY: finish what is in hand, then end.  Before that: end now. */
void process_drain(struct process *process, int64_t now_ms);
void process_kill(struct process *process, enum process_end end, const char *why);

#endif

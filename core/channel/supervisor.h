/* supervisor.h - start, watch, feed, drain and replace the channel processes.
 *
 * Dispatcher thread only, never blocking: the dispatcher polls one descriptor, calls supervisor_turn when it
 * is readable or the next timer is due, and hears of everything through the handler, inside that call.  The
 * room knows processes, sockets and boards; it never decides what becomes of a delivery.
 *
 * A ticket is the supervisor's from submit until supervisor_release, also over the death of its process: the
 * board stays until the last of its tickets was released, so that a daemon that dies before it settled a fate
 * finds it again.  Each ticket is told exactly once: settled, or a fate in gone, or revoked (true).
 *
 * The supervisor emits the events of a process's life (channel_started, channel_died, channel_hung,
 * channel_drained, channel_misconfigured, insecure_channel) and keeps channel_up and channel_restarts; the
 * handler need not. */
#ifndef CHANNEL_SUPERVISOR_H
#define CHANNEL_SUPERVISOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "channel/talk.h"
#include "herald/outcome.h"
#include "model/job.h"
#include "model/roster.h"
#include "model/slot.h"

struct supervisor;
struct config;
struct config_channel;

/* What the plugin said of itself, once READY.  Lent for the call. */
struct channel_facts {
	const char *plugin, *version, *kind;
	uint32_t batch_max, batch_by;
	int64_t idempotent_ms;
};

/* What became of a ticket when its process died, read from the board. */
struct ticket_fate {
	uint64_t ticket;
	enum slot_state state; /* QUEUED: untried; IN_PLUGIN: crash mark unless has_left; ON_WIRE: uncertain;
				  DONE; REVOKED */
	struct herald_outcome outcome; /* DONE only */
};

struct supervisor_handler {
	void *context;
	void (*ready)(void *context, int32_t channel, const struct channel_facts *facts);
	/* The slot is DONE.  outcome is lent for the call; its texts are safe, its verdict exists. */
	void (*settled)(void *context, int32_t channel, uint64_t ticket,
			const struct herald_outcome *outcome);
	/* Keep memory for the ticket's address; answer with supervisor_kept after the commit. */
	void (*memory)(void *context, int32_t channel, uint64_t ticket, struct herald_text memory);
	/* A process ended; fates has each of its tickets that was neither settled nor revoked, lent for the
	 * call.  was_clean: it had been drained and said BYE.  Release each when its settle is durable. */
	void (*gone)(void *context, int32_t channel, const struct ticket_fate *fates, size_t count,
		     bool was_clean);
	/* RUNNING, RESTARTING, MISCONFIGURED, DRAINING, told when it changes; why is for people. RUNNING with
	 * a why: an older process goes on, because the new configuration was refused. */
	void (*state)(void *context, int32_t channel, enum channel_state state, const char *why);
};

struct supervisor_settings {
	const char *host_program; /* path of herald-channel */
	const char *plugin_dir;
	const char *board_dir; /* in the data directory; made if it is not there */
	int64_t run;
	struct talk *talk;
	struct supervisor_handler handler;
};

enum herald_code supervisor_new(const struct supervisor_settings *settings,
				struct supervisor **ret_supervisor, struct herald_error *err);
void supervisor_free(struct supervisor *supervisor); /* kills what is left */

/* Start (or, on reload, replace: start the new process beside the old one and drain that when the new one is
 * ready) a channel as configured.  The config snapshot is kept by reference while needed.  A configuration
 * that the plugin or a secret refuses is told by state(MISCONFIGURED), not here.  LIMIT: too many channels.
 */
enum herald_code supervisor_start(struct supervisor *supervisor, int32_t channel, struct config *config,
				  const struct config_channel *settings, struct herald_error *err);
/* Try again now what is MISCONFIGURED or waits to be restarted. */
void supervisor_resume(struct supervisor *supervisor, int32_t channel);
void supervisor_drain(struct supervisor *supervisor,
		      int32_t channel); /* finish what is in hand, then gone(clean) */
void supervisor_drain_all(struct supervisor *supervisor);
bool supervisor_is_idle(const struct supervisor *supervisor); /* no process is left */

int supervisor_fd(const struct supervisor *supervisor); /* an epoll descriptor */
int64_t supervisor_next_ms(
	const struct supervisor *supervisor); /* monotonic instant of the next timer, INT64_MAX none */
void supervisor_turn(struct supervisor *supervisor, int64_t now_mono_ms);

/* Hand a job to the channel's process: posts a slot, queues a SEND.  Borrows *job for the call.  Answers the
 * ticket, 0: nobody runs or no slot is free.  Frames leave at supervisor_flush (many in one write). */
uint64_t supervisor_submit(struct supervisor *supervisor, int32_t channel, const struct job *job,
			   int64_t timeout_ms);
void supervisor_flush(struct supervisor *supervisor);

/* Take back: swaps QUEUED or IN_PLUGIN to REVOKED.  True: nothing will leave, it will not be told by settled
 * or gone, and the caller releases it.
 * False: it is ON_WIRE or DONE, the answer comes by settled. */
bool supervisor_revoke(struct supervisor *supervisor, int32_t channel, uint64_t ticket);
enum slot_state supervisor_slot(const struct supervisor *supervisor, int32_t channel, uint64_t ticket);
void supervisor_kept(struct supervisor *supervisor, int32_t channel, uint64_t ticket);
void supervisor_release(struct supervisor *supervisor, int32_t channel,
			uint64_t ticket); /* after the settle's commit */
/* The watchdog's last word: the process that holds the ticket did not answer; kill and restart it.  ticket 0:
 * all processes of the channel.  The deaths are told by gone, in a later turn. */
void supervisor_kill(struct supervisor *supervisor, int32_t channel, uint64_t ticket, const char *why);
/* pid, restarts and start for the roster. */
void supervisor_describe(const struct supervisor *supervisor, int32_t channel,
			 struct roster_channel *ret_channel);

/* --- boards of an earlier daemon --- */

/* One slot of a left board.  is_same_boot false: the machine restarted, whatever the state says is unknown.
 */
struct left_slot {
	struct slot_identity identity;
	enum slot_state state;
	bool has_left, is_same_boot;
	struct herald_outcome outcome; /* DONE only */
};

/* Waits for the holder of each board in board_dir to end (at most 15 s, then kills it), reads all slots into
 * the arena.  Blocks: called once, before the dispatcher starts.  boards_forget removes the files once their
 * slots are settled durably.  A board that was never used (its creation was torn) is passed over; CORRUPT:
 * one that cannot be read, with its name.  Boards are never synced: after a power cut they may be gone, so
 * whoever finds an open attempt without a slot asks the store whether its run lived in this boot
 * (board_boot_id). */
enum herald_code boards_resolve(const char *board_dir, struct arena *arena, struct left_slot **ret_slots,
				size_t *ret_count, struct herald_error *err);
/* Removes the boards of all other runs. */
enum herald_code boards_forget(const char *board_dir, int64_t except_run, struct herald_error *err);

#endif

/* dispatcher.h - deliver until settled: a state machine that takes clocks, dice and inputs, and talks to the
 * outside through two small tables.
 *
 * What comes in are jobs (leased deliveries), answers of channel processes, commits and take-backs; what goes
 * out are submissions to the carrier and operations for the book.  It never blocks, reads no clock and knows
 * no thread, so the simulator runs the same code.  Invariant: every job that is taken is settled or released
 * exactly once, and whoever was answered that nothing starts any more was told the truth.
 *
 * Usage of a turn: dispatcher_clock, then inputs in any order, then dispatcher_turn. */
#ifndef DISPATCH_DISPATCHER_H
#define DISPATCH_DISPATCHER_H

#include "channel/supervisor.h"
#include "dispatch/outlet.h"
#include "model/permit.h"
#include "store/ops.h"

/* The channel processes: core/channel/supervisor.h, or a simulated one.  None of these calls back into the
 * dispatcher before it returned. */
struct carrier {
	void *context;
	uint64_t (*submit)(void *context, int32_t channel, const struct job *job, int64_t timeout_ms);
	bool (*revoke)(void *context, int32_t channel, uint64_t ticket);
	enum slot_state (*slot)(void *context, int32_t channel, uint64_t ticket);
	void (*kept)(void *context, int32_t channel, uint64_t ticket);
	void (*release)(void *context, int32_t channel, uint64_t ticket);
	/* The process that holds the ticket hangs. */
	void (*kill)(void *context, int32_t channel, uint64_t ticket, const char *why);
	/* Try again to start a channel that was refused. */
	void (*revive)(void *context, int32_t channel);
};

/* The store. */
struct book {
	void *context;
	/* Answered by dispatcher_committed, later and never inside this call.  The op stays where it is. */
	void (*submit)(void *context, struct store_op *op);
	/* Nothing that this take-back names can start any more. */
	void (*taken_back)(void *context, struct store_op *op);
};

struct dispatcher_settings {
	struct carrier carrier;
	struct book book;
	struct permits *permits;
	int64_t run;
	uint64_t seed; /* of the dice */
};

struct dispatcher;

struct dispatcher *dispatcher_new(const struct dispatcher_settings *settings);
/* What is still in hand is forgotten: its rows stay leased, and the next daemon resolves them. */
void dispatcher_free(struct dispatcher *dispatcher);
/* An answer of the store that comes after the last turn: frees what it brought. */
void dispatcher_forget(struct dispatcher *dispatcher, struct store_op *op);

/* Before the inputs of a turn.  A jump of the wall clock against the monotonic one is noticed here. */
void dispatcher_clock(struct dispatcher *dispatcher, int64_t now_mono_ms, int64_t now_wall_ms);

/* --- channels --- */

/* New, or as a reload says.  is_changed: its process is replaced, and what the one before says of its
 * configuration counts until the new one is ready. */
void dispatcher_channel(struct dispatcher *dispatcher, int32_t channel, const struct outlet_policy *policy,
			bool is_changed);
/* No longer configured: what is in hand ends, nothing new is taken. */
void dispatcher_channel_drop(struct dispatcher *dispatcher, int32_t channel);
bool dispatcher_knows(const struct dispatcher *dispatcher, int32_t channel);
/* As remembered from before the start: what its plugin said, and that it is paused. */
void dispatcher_channel_remembered(struct dispatcher *dispatcher, int32_t channel,
				   const struct channel_facts *facts);
void dispatcher_channel_paused(struct dispatcher *dispatcher, int32_t channel, const char *why);
void dispatcher_channel_ready(struct dispatcher *dispatcher, int32_t channel,
			      const struct channel_facts *facts);
void dispatcher_channel_state(struct dispatcher *dispatcher, int32_t channel, enum channel_state state,
			      const char *why);
void dispatcher_channel_gone(struct dispatcher *dispatcher, int32_t channel, const struct ticket_fate *fates,
			     size_t count, bool was_clean);

/* --- answers of the carrier --- */

void dispatcher_settled(struct dispatcher *dispatcher, int32_t channel, uint64_t number,
			const struct herald_outcome *outcome);
void dispatcher_memory(struct dispatcher *dispatcher, int32_t channel, uint64_t number,
		       struct herald_text memory);

/* --- from the store --- */

void dispatcher_leased(struct dispatcher *dispatcher, struct job *job); /* born with a permit; takes it */
void dispatcher_queued(struct dispatcher *dispatcher, const struct store_queued *rows, size_t count);
void dispatcher_take_back(struct dispatcher *dispatcher, struct store_op *op);
void dispatcher_committed(struct dispatcher *dispatcher, struct store_op *op);

/* --- time --- */

void dispatcher_turn(struct dispatcher *dispatcher);
/* Monotonic instant at which a turn is needed though nothing comes in; at most a second away. */
int64_t dispatcher_next_ms(struct dispatcher *dispatcher);

/* Take nothing new; what was not handed over goes back. */
void dispatcher_drain(struct dispatcher *dispatcher);
bool dispatcher_is_idle(const struct dispatcher *dispatcher); /* nothing in hand, nothing under way */

/* True once after a state changed that people see. */
bool dispatcher_changed(struct dispatcher *dispatcher);
/* The figures of a channel for the roster, texts lent or in the arena.  False: there is none. */
bool dispatcher_describe(struct dispatcher *dispatcher, int32_t channel, struct arena *arena,
			 struct roster_channel *ret_channel);
/* Gauges of all channels. */
void dispatcher_measure(struct dispatcher *dispatcher);

#endif

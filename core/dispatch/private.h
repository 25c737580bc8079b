/* private.h - between the rooms of dispatch. */
#ifndef DISPATCH_PRIVATE_H
#define DISPATCH_PRIVATE_H

#include "base/clock.h"
#include "dispatch/dispatcher.h"

enum {
	STORE_AGAIN_MS = 100,      /* after the store said "not now" */
	WAITING_MS_MAX = 2 * 1000, /* how long a job waits for a free slot */
	TURN_MS_MAX = 1000,
	TURN_MS_BUSY = 250,
};

/* A take-back that is not answered yet. */
struct take_back {
	struct store_op *op;
	uint64_t claims;  /* bit per channel: a claim was under way that may bring jobs it names */
	uint32_t settles; /* of what was revoked, not committed yet */
	struct take_back *next;
};

/* What a plugin learned, on its way to the store. */
struct memory_note {
	struct store_memory memory;
	uint64_t ticket;
	struct arena *arena; /* holds this */
};

struct dispatcher {
	struct arena *arena;
	struct dispatcher_settings settings;
	struct outlet_now now;
	uint64_t dice;
	struct outlet *outlets[CHANNELS_MAX];
	struct hand hand;
	struct take_back *take_backs, *spare_take_backs;
	size_t notes;               /* memory notes under way */
	size_t claims;              /* under way */
	struct queue_item *retries; /* operations that the store did not take; again at retry_at_ms */
	int64_t retry_at_ms;
	struct clock_watch clock;
	bool is_draining, has_changed;
};

uint64_t dispatcher_dice(struct dispatcher *dispatcher);
struct outlet *dispatcher_outlet(const struct dispatcher *dispatcher, int32_t channel); /* NULL: none */
void dispatcher_retry(struct dispatcher *dispatcher, struct store_op *op);
bool dispatcher_is_late(const struct dispatcher *dispatcher, const struct job *job);

/* take.c: jobs into hand, and out to the carrier */
void take_job(struct dispatcher *dispatcher, struct job *job, bool has_permit);
void take_feed(struct dispatcher *dispatcher, struct outlet *outlet);
void take_release_waiting(struct dispatcher *dispatcher, struct outlet *outlet, enum reason reason);

/* claim.c: asking the store, and permits */
void claim_turn(struct dispatcher *dispatcher, struct outlet *outlet);
void claim_committed(struct dispatcher *dispatcher, struct store_claim *claim);
/* Before the claims: what was promised makes room for what waits.  After them: what is left is promised. */
void permit_recall_turn(struct dispatcher *dispatcher, struct outlet *outlet);
void permit_give_turn(struct dispatcher *dispatcher, struct outlet *outlet);
void permit_recall_all(struct dispatcher *dispatcher, struct outlet *outlet);

/* settle.c: how a ticket ends */
struct ending {
	enum delivery_state to;
	enum reason reason;
	int64_t due_at_ms, lane;
	bool is_untried;
	bool spends_try, adds_crash_mark, suppresses_address;
};
void settle_ticket(struct dispatcher *dispatcher, struct ticket *ticket, const struct ending *ending,
		   const struct herald_outcome *outcome);
/* As if it had not been leased.  lane 0: where it was. */
void settle_untried(struct dispatcher *dispatcher, struct ticket *ticket, enum reason reason,
		    int64_t due_at_ms, int64_t lane);
void settle_outcome(struct dispatcher *dispatcher, struct ticket *ticket, const struct herald_outcome *said);
void settle_crashed(struct dispatcher *dispatcher, struct ticket *ticket);
void settle_committed(struct dispatcher *dispatcher, struct store_settle *settle);
void settle_overdue(struct dispatcher *dispatcher, struct outlet *outlet); /* the watchdog */
/* The room that a ticket took is free again; health 0: nothing was learned. */
void ticket_pay_back(struct dispatcher *dispatcher, struct ticket *ticket, enum destination_health health,
		     int64_t retry_after_ms, const char *why);

/* memory.c */
void memory_committed(struct dispatcher *dispatcher, struct store_memory *memory);
void memory_forget(struct store_memory *memory); /* nobody waits for it any more */

/* takeback.c */
bool take_back_names(const struct store_op *op, const struct job *job);
void take_back_apply(struct dispatcher *dispatcher, struct take_back *take_back, struct ticket *ticket);
/* A job that comes in while take-backs are open.  True: one of them took it. */
bool take_back_catches(struct dispatcher *dispatcher, struct ticket *ticket);
void take_back_claim_ended(struct dispatcher *dispatcher, int32_t channel);
void take_back_settled(struct dispatcher *dispatcher, struct ticket *ticket);

#endif

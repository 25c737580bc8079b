/* world.h - a store, a fleet of channel processes and two clocks, all of them pretended, around one
 * dispatcher.
 *
 * The store keeps rows as the real one does (states, attempts, fences, lanes, cancelled notifications); the
 * carrier keeps slots.  Nothing happens by itself: a test commits, answers, kills and lets time pass.  What
 * may never be true is checked at every step. */
#ifndef DISPATCH_WORLD_H
#define DISPATCH_WORLD_H

#include "dispatch/dispatcher.h"

enum { WORLD_ROWS_MAX = 20000, WORLD_SLOTS_MAX = 512, WORLD_CHANNELS = 3, WORLD_RUN = 77 };

struct world_row {
	int64_t notification, lane, tenant_lane, recipient, destination;
	int64_t due_at_ms, expires_at_ms, first_attempt_at_ms;
	int32_t channel;
	enum delivery_state state;
	enum reason reason;
	uint32_t priority, attempts, tries_spent, marks, attempts_max;
	uint8_t address;
	enum uncertain_policy uncertain;
	bool is_test, is_cancelled, has_memory, is_open; /* is_open: the attempt of a lease */
	bool is_answered;                                /* its cancel was */
	bool crashes;                                    /* its plugin dies of it */

	uint32_t sends;             /* that reached the far end */
	uint32_t settles, releases; /* that the store took */
	uint32_t fenced, crashes_seen;
	uint32_t leases, version; /* version: of its recipient, as seen by the plan */
};

struct world_slot {
	uint64_t ticket;
	int32_t channel;
	size_t row;
	uint32_t lease; /* the row's, when it was handed over */
	enum slot_state state;
	struct herald_outcome outcome;
};

struct world {
	struct dispatcher *dispatcher;
	struct permits permits;
	int64_t mono, wall;
	uint64_t serial;

	struct world_row rows[WORLD_ROWS_MAX];
	size_t row_count;
	struct world_slot slots[WORLD_SLOTS_MAX];
	struct outlet_policy policies[WORLD_CHANNELS + 1]; /* channels 1.. */
	bool is_up[WORLD_CHANNELS + 1];

	struct store_op *ops; /* waiting for a commit, oldest first */
	struct store_op **ops_end;
	size_t op_count;
	bool is_busy; /* the store says "not now" */
	bool is_over; /* the dispatcher's last turn was made */

	struct store_op *answered; /* the last take-back that ended */
	size_t answered_count;
	uint32_t versions[256];          /* of recipients 1..255 */
	uint32_t answered_versions[256]; /* up to which a take-back was answered */
	bool suppressed[256];            /* by the first byte of the address hash */
	uint32_t claims, claimed, kills, kept, revives;
	uint32_t in_flight_most;
};

struct world *world_new(uint64_t seed);
void world_free(struct world *world);
void world_up(struct world *world, int32_t channel, const char *kind);

/* A turn of the loop: clocks, then the dispatcher. */
void world_turn(struct world *world);
void world_pass(struct world *world, int64_t ms);
void world_step_wall(struct world *world, int64_t ms);

/* An accept: with a permit when there is one (or never), else queued.  Answers the row. */
struct world_row *world_accept(struct world *world, const struct world_row *like);
struct world_row *world_accept_queued(struct world *world, const struct world_row *like);
/* So many at once; answers the first. */
struct world_row *world_queue(struct world *world, uint32_t count, const struct world_row *like);
/* As if the writer had just committed it. */
void world_take_back(struct world *world, struct store_op *op, enum store_verb verb);
/* Commit the oldest operation, or all of them and what follows from them. */
bool world_commit(struct world *world);
void world_commit_all(struct world *world);
/* Commits everything, and tells the dispatcher of nothing any more: it is about to end. */
void world_forget(struct world *world);
/* All that waits as one transaction, as the writer does: first every effect, then the take-backs are handed
 * over, then each operation is answered. */
void world_commit_batch(struct world *world);
void world_submit(struct world *world, struct store_op *op); /* an operation of the API's */

/* The channel process goes on with a slot.  NULL: there is none in that state. */
struct world_slot *world_slot_in(struct world *world, int32_t channel, enum slot_state state);
uint32_t world_out(const struct world *world, int32_t channel); /* slots not done */
void world_send(struct world *world, struct world_slot *slot);  /* QUEUED -> IN_PLUGIN -> ON_WIRE */
void world_answer(struct world *world, struct world_slot *slot, enum herald_verdict verdict,
		  int64_t retry_after_ms);
/* Sends and answers everything that is out on a channel.  How many. */
uint32_t world_answer_all(struct world *world, int32_t channel, enum herald_verdict verdict);
void world_die(struct world *world, int32_t channel, bool was_clean); /* down until world_up */
struct world_row *world_row_of(struct world *world, const struct world_slot *slot);

/* Let it run until nothing moves any more: commits and answers of one kind. */
void world_settle_down(struct world *world, enum herald_verdict verdict);

uint32_t world_count(const struct world *world, enum delivery_state state);

#endif

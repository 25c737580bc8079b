/* outlet.h - the dispatcher's record of one channel: what it may take, what it has in hand, how it fares.
 *
 * A channel sends only while its process runs, nobody paused it and it is not held as misconfigured.  Its own
 * window (the destination `self`) counts everything in hand; numbered destinations and addresses about which
 * nothing is remembered have windows of their own inside it.  Dispatcher thread only. */
#ifndef DISPATCH_OUTLET_H
#define DISPATCH_OUTLET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/map.h"
#include "dispatch/destination.h"
#include "dispatch/lane.h"
#include "dispatch/limit.h"
#include "dispatch/ticket.h"
#include "model/roster.h"
#include "route/verdict.h"
#include "store/ops.h"

enum {
	OUTLET_PROBE_MS = 5 * 60 * 1000, /* how often a misconfigured channel is tried with one delivery */
	OUTLET_LEASE_MS = 30 * 1000,     /* beyond the attempt's own time-out */
	OUTLET_OVERDUE_MS = 2 * 1000,    /* how late an answer may be until it is taken back */
	DESTINATIONS_MAX = 65536,        /* remembered per channel */
};

/* What the operator said of the channel. */
struct outlet_policy {
	char name[33], plugin[33], rate[32];
	uint32_t rate_count; /* 0: no limit */
	int64_t rate_per_ms;
	int64_t attempt_timeout_ms;
	uint32_t attempts_max;
	enum uncertain_policy uncertain;
	bool has_receipts;
	struct backoff_policy backoff;
	struct destination_policy destination;
};

struct outlet_now { /* both clocks, read once a turn */
	int64_t mono, wall;
};

struct outlet {
	struct arena *arena; /* its own */
	int32_t number;
	struct outlet_policy policy;
	struct destination_policy single; /* of an address without memory: one at a time */

	char kind[33], version[64];
	int64_t idempotent_ms;
	enum channel_state process; /* as the supervisor says; RESTARTING until the first is ready */
	bool is_paused, is_held, is_dropped;
	bool is_probing;    /* held, but one delivery may try */
	bool is_renewing;   /* a process of another configuration is about to take over */
	int64_t renewed_ms; /* monotonic: when one did */
	int64_t probe_at_ms;
	char why[256]; /* of a state that is not running */

	struct destination self;
	struct map *destinations;  /* by number */
	struct map *addresses;     /* by address_key */
	struct destination *spare; /* ended ones, for reuse */
	struct limit rate;
	struct lanes lanes;
	int64_t swept_at_ms;

	struct store_claim claim;
	bool is_claiming;
	uint32_t claim_asked;
	int64_t claim_again_ms;
	uint32_t permits_out; /* given, not recalled, and their job not here yet */

	struct map *by_number; /* tickets that the carrier knows */
	struct ticket_list waiting, out;
	uint32_t marked_waiting; /* tickets in waiting with a crash mark */
	uint32_t notes;          /* what its plugin learned, under way to the store */
	struct ticket *alone;    /* out, and nothing may go beside it */
	int64_t settled_at_ms;   /* monotonic: when the process last answered anything */
};

struct outlet *outlet_new(int32_t number, const struct outlet_policy *policy, int64_t now_ms);
void outlet_free(struct outlet *outlet); /* with no ticket left in it */
/* A reload: what is in hand goes on under the new figures. */
void outlet_change(struct outlet *outlet, const struct outlet_policy *policy, int64_t now_ms);

bool outlet_is_open(const struct outlet *outlet); /* it may send */
enum channel_state outlet_state(const struct outlet *outlet);
/* How many more may be asked of the store, or promised: windows, rate, permits and claims counted. */
uint32_t outlet_room(struct outlet *outlet, struct outlet_now now);
/* The same for one of its lanes. */
uint32_t outlet_lane_room(struct outlet *outlet, int64_t lane, struct outlet_now now);
/* Only the marked one may be out, or nothing until it is. */
bool outlet_wants_quiet(const struct outlet *outlet);

void outlet_hold(struct outlet *outlet, const char *why, int64_t now_ms); /* misconfigured */
void outlet_resume(struct outlet *outlet);

/* Made on first sight. */
struct destination *outlet_destination(struct outlet *outlet, int64_t number, const char *name,
				       int64_t now_ms);
struct destination *outlet_address(struct outlet *outlet, const uint8_t hash[ADDRESS_HASH_BYTES],
				   int64_t now_ms);
/* What was learned about an address since a job was read.  NULL: nothing. */
const struct destination *outlet_remembered(const struct outlet *outlet,
					    const uint8_t hash[ADDRESS_HASH_BYTES]);
uint32_t outlet_ill(struct outlet *outlet); /* destinations that are blocked or probed, self included */
void outlet_sweep(struct outlet *outlet, int64_t now_ms); /* forgets what is idle; now and then */

#endif

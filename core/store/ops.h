/* ops.h - every write there is, as a struct that begins with struct store_op.
 *
 * Fill it zeroed, call store_submit, find the answer in it when done is called.  Texts are lent until done.
 * ret_ fields are the answer; those that are texts live in op.arena (the caller's; used only between submit
 * and done). */
#ifndef STORE_OPS_H
#define STORE_OPS_H

#include "herald/outcome.h"
#include "store/op.h"
#include "store/policy.h"
#include "store/store.h"

struct store_delivery {
	uint32_t n;
	int32_t channel;
	bool has_permit;           /* born leased, attempt 1 open */
	enum delivery_state state; /* HELD or QUEUED when it has none */
	enum reason reason;
	int64_t due_at_ms, expires_at_ms;
	int64_t recipient, recipient_version; /* 0: inline */
	const char *recipient_id;
	int64_t address_row; /* 0: inline */
	const char *address, *kind, *destination, *name, *locale;
	uint8_t address_hash[ADDRESS_HASH_BYTES];
	struct herald_text memory; /* as read, for a job born here */
	uint32_t body;             /* index into bodies */
	uint32_t step;             /* 0: strategy all; 1, 2, ...: strategy first; those of one recipient stand
				      next to each other (n, n + 1, ...), in order */
};

struct store_left_out {
	int64_t recipient;                                  /* 0: unknown or inline */
	const char *recipient_id, *channel, *rule, *detail; /* channel: name or kind */
	enum reason reason;
};

struct store_seen { /* what the plan looked at: compared again by the writer */
	int64_t recipient, version;
};

struct store_accept {
	struct store_op op;
	int64_t id;
	const char *category;
	int64_t policy_version; /* as seen; -1: do not compare */
	uint32_t priority;
	int64_t accepted_at_ms, expires_at_ms;
	int64_t send_at_ms; /* not 0: planned by the clerk then; request holds the body, no deliveries yet */
	struct herald_text request; /* with send_at */
	bool is_from_schedule;      /* the clerk brings the deliveries of an id that waits as scheduled */
	bool is_test;
	const char *correlation_id, *metadata, *traceparent;
	uint32_t attempts_max;
	enum uncertain_policy uncertain;
	const struct store_delivery *deliveries;
	size_t delivery_count;
	const struct store_left_out *left_out;
	size_t left_out_count;
	const struct herald_text *bodies; /* encoded words */
	size_t body_count;
	const struct store_seen *seen;
	size_t seen_count;
	uint32_t recipients;
	const char *dedup_key; /* "": none */
	int64_t dedup_for_ms;
	int64_t replaces; /* 0: none; what of it is not on the wire ends as cancelled(replaced): takes_back */

	bool ret_is_duplicate; /* dedup: ret_first_id was there already, nothing written */
	int64_t ret_first_id, ret_first_accepted_at_ms;
	uint32_t ret_first_recipients;
};

/* Lease what is due in one lane: at most limit, critical first.  Rows whose recipient moved become
 * held(changed), expired and suppressed ones end.  Dispatcher only. */
struct store_claim {
	struct store_op op;
	int32_t channel;
	int64_t lane;
	uint32_t limit;

	struct queue_item *ret_jobs;   /* linked struct job; the caller owns them */
	uint32_t ret_count, ret_other; /* leased; ended or held instead */
	uint32_t ret_damaged;          /* of the latter: set aside, because the row is not whole */
	int64_t ret_next_due_ms;       /* of what is left in the lane; 0: nothing is left */
	int64_t ret_next_critical_ms;  /* the same of what is critical in it */
};

/* The end of an attempt.  No row with this attempt and run that is leased: ret_is_fenced, nothing changes. */
struct store_settle {
	struct store_op op;
	int64_t notification, run;
	uint32_t n, attempt;
	enum delivery_state to;
	enum reason reason;
	int64_t due_at_ms;    /* QUEUED, HELD and PARKED */
	int64_t lane;         /* 0: unchanged */
	bool removes_attempt; /* it never began: as if it had not been leased */
	bool spends_try, adds_crash_mark, suppresses_address;
	struct herald_outcome outcome; /* copied; verdict 0: none */
	int64_t started_at_ms, ended_at_ms;

	bool ret_is_fenced;
	enum delivery_state ret_state; /* where it is now (a cancelled notification's delivery ends instead of
					  going back) */
};

/* What a plugin learned about an address. */
struct store_memory {
	struct store_op op;
	int32_t channel;
	int64_t address_row; /* 0: inline, kept by hash */
	uint8_t address_hash[ADDRESS_HASH_BYTES];
	struct herald_text memory;
};

/* A held(changed) delivery, planned again. */
struct store_replan {
	struct store_op op;
	int64_t notification;
	uint32_t n;
	enum delivery_state to; /* QUEUED, SUPPRESSED, CANCELLED */
	enum reason reason;
	int64_t recipient_version, due_at_ms;
};

/* held rows whose time came -> queued; held, queued and parked rows past their expiry -> expired or
 * dead(uncertain). */
struct store_wake {
	struct store_op op;
	uint32_t limit;
	uint32_t ret_woken, ret_ended;
	int64_t ret_next_due_ms; /* 0: nothing waits */
};

struct store_cancel {
	struct store_op op; /* takes_back */
	int64_t notification;
	enum reason reason;
	uint32_t ret_cancelled,
		ret_too_late; /* the take-back moves what it could revoke from the second to the first */
	uint32_t ret_leased;  /* still in hands after the commit */
	bool ret_is_unknown;
};

struct store_filter { /* of deliveries; texts "" and numbers 0: any */
	enum delivery_state state;
	enum reason reason;
	int32_t channel;
	const char *recipient;
	int64_t since_ms;
};

struct store_letter {
	int64_t notification;
	uint32_t n;
};

/* Dead letters, found by store_letters or named by a person: looking for them is no work for the writer. */
struct store_redrive {
	struct store_op op;
	const struct store_letter *letters; /* what is none any more is passed over */
	size_t letter_count;                /* at most STATEMENT_ROWS_MAX */
	int64_t expires_in_ms;              /* a new time to live */
	uint32_t ret_count;
	bool ret_is_unknown, ret_is_wrong_state; /* of one that stands alone */
};

enum store_resolution { RESOLVE_DELIVERED = 1, RESOLVE_DEAD, RESOLVE_RETRY };

struct store_resolve {
	struct store_op op;
	int64_t notification;
	uint32_t n;
	enum store_resolution as;
	bool ret_is_unknown, ret_is_wrong_state;
};

/* A step of a walk over what is old: ended notifications, those of which something may be sent again, and the
 * words of the audit (that something was done stays).  Records of requests and duplicates have ends of their
 * own. */
struct store_prune {
	struct store_op op;
	int64_t before_ms;       /* ended notifications */
	int64_t dead_before_ms;  /* those with a dead or expired delivery; 0: as the others */
	int64_t audit_before_ms; /* 0: none */
	int64_t after;           /* notifications behind this one: where the last step ended */
	uint32_t limit;
	uint32_t ret_count;
	int64_t ret_after; /* 0: the walk is over */
	bool ret_has_more; /* ask again soon */
};

#endif

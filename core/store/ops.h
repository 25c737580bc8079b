/* ops.h - every write there is, as a struct that begins with struct store_op.
 *
 * Fill it zeroed, call store_submit, find the answer in it when done is called.  Texts are lent until done.
 * ret_ fields are the answer; those that are texts live in op.arena (the caller's; used only between submit
 * and done). */
#ifndef STORE_OPS_H
#define STORE_OPS_H

#include "base/arena.h"
#include "herald/outcome.h"
#include "store/store.h"

enum store_verb {
	STORE_ACCEPT = 1,
	STORE_CLAIM,
	STORE_SETTLE,
	STORE_MEMORY,
	STORE_REPLAN,
	STORE_WAKE,
	STORE_CANCEL,
	STORE_REDRIVE,
	STORE_RESOLVE,
	STORE_PRUNE,
	STORE_PUT_RECIPIENT,
	STORE_PUT_PREFERENCE,
	STORE_PUT_CATEGORY,
	STORE_PUT_SUPPRESSION,
	STORE_PUT_KEY,
	STORE_PUT_CHANNEL,
	STORE_VERBS
};

/* Who did it, for the audit chain; verb "" for operations that are not audited. */
struct store_audit {
	const char *actor;   /* "key_...", "admin", "system" */
	const char *verb;    /* "recipient.put" */
	const char *payload; /* JSON, without secrets */
};

/* Idempotency-Key of the request that brings the operation; key "": none. */
struct store_idempotency {
	const char *key;
	uint8_t fingerprint[32];
	struct herald_text answer; /* the 2xx body, kept for replays */
	uint32_t status;
};

struct store_op {
	struct queue_item item;
	enum store_verb verb;
	bool is_new_work; /* refused first when queue or disk are over their mark */
	bool takes_back;  /* goes to hooks.take_back after the commit */
	int64_t tenant;
	int64_t now_ms; /* UTC, as the caller saw it */
	struct arena *arena;
	struct store_audit audit;
	struct store_idempotency idempotency;
	void (*done)(struct store_op *op);
	void *context;

	/* The answer.  CONFLICT: something moved, nothing was written.  INVALID with ret_replay_mismatch:
	 * same key, other body. */
	enum herald_code code;
	struct herald_error err;
	bool ret_is_replay, ret_is_mismatch;
	struct herald_text ret_replay; /* the first answer */
	uint32_t ret_replay_status;
};

/* --- notifications --- */

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
	int64_t ret_next_due_ms;       /* of what is left in the lane; 0: nothing is left */
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

struct store_redrive {
	struct store_op op;
	int64_t notification; /* not 0: this one only */
	uint32_t n;
	struct store_filter filter;
	uint32_t limit;
	int64_t expires_in_ms; /* a new time to live */
	uint32_t ret_count;
	bool ret_is_unknown, ret_is_wrong_state;
};

enum store_resolution { RESOLVE_DELIVERED = 1, RESOLVE_DEAD, RESOLVE_RETRY };

struct store_resolve {
	struct store_op op;
	int64_t notification;
	uint32_t n;
	enum store_resolution as;
	bool ret_is_unknown, ret_is_wrong_state;
};

struct store_prune {
	struct store_op op;
	int64_t before_ms; /* of ended notifications; idempotency and dedup records have their own ends */
	uint32_t limit;
	uint32_t ret_count;
};

/* --- people and policy --- */

struct store_address {
	int64_t row;
	const char *kind, *channel, *address, *label, *destination; /* channel "": any of the kind */
	uint8_t hash[ADDRESS_HASH_BYTES];
	bool is_verified, is_checked, is_suppressed; /* the last is read, never written */
	struct herald_text memory;
	int32_t memory_channel; /* read: who learned it, and the only one that it is good for; 0: the caller,
				   good for all of the kind */
};

struct store_put_recipient {
	struct store_op op; /* takes_back: by recipient */
	const char *id, *name, *locale, *timezone;
	const char *attributes;                /* JSON object */
	const struct store_address *addresses; /* memory of an address that stays is kept unless given */
	size_t address_count;
	int64_t if_version; /* -1: whatever it is; 0: must not exist */
	bool is_delete;     /* what waits ends as cancelled(by_caller) */
	int64_t ret_version, ret_recipient;
	bool ret_is_new, ret_is_unknown;
};

struct store_put_preference {
	struct store_op op; /* takes_back: by recipient */
	const char *recipient;
	struct herald_text body; /* JSON */
	int64_t if_version;      /* -1: whatever it is */
	int64_t ret_version, ret_recipient;
	bool ret_is_unknown;
};

struct store_put_category {
	struct store_op op;
	const char *name;
	struct herald_text body; /* JSON */
	int64_t if_version;      /* -1: whatever it is */
	bool is_delete;
	int64_t ret_version;
	bool ret_is_new, ret_is_unknown, ret_is_in_use;
};

struct store_put_suppression {
	struct store_op op; /* takes_back: by address */
	const char *kind, *address, *reason, *source;
	uint8_t hash[ADDRESS_HASH_BYTES];
	int64_t until_ms; /* 0: for ever */
	bool is_delete, ret_is_unknown;
};

struct store_put_key {
	struct store_op op;
	int64_t id;
	uint8_t secret_hash[32];
	const char *scopes; /* "send read" */
	const char *name;
	int64_t expires_at_ms; /* 0: never */
	uint32_t rate_per_s;   /* 0: none */
	bool is_delete, ret_is_unknown;
};

/* Pause and resume survive a restart. */
struct store_put_channel {
	struct store_op op; /* takes_back by channel; also when it resumes: so the dispatcher hears of it */
	int32_t channel;
	bool is_paused;
	const char *why;
};

/* The first 16 bytes of SHA-256 over tenant number, kind, 0, canonical address: what an address is found by.
 */
void store_address_hash(int64_t tenant, const char *kind, const char *address,
			uint8_t ret_hash[ADDRESS_HASH_BYTES]);

#endif

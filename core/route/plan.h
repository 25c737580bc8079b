/* plan.h - the outcome of routing: deliveries to be made, and for every channel left out, the reason.
 *
 * One pure function: people, policy, channels, words and the clock go in as facts; nothing is read or
 * written.  "Explain" is its own answer, printed.  For each person, every candidate (a kind; or a channel
 * that the caller names) becomes exactly one delivery or one left-out, in the order of docs/preferences.md:
 * gates, address, choice, words, strategy. */
#ifndef ROUTE_PLAN_H
#define ROUTE_PLAN_H

#include "herald/error.h"
#include "model/category.h"
#include "model/job.h"
#include "model/notification.h"
#include "model/preference.h"
#include "model/roster.h"

struct plan_address {
	int64_t row; /* 0: inline */
	const char *kind, *channel, *address, *label, *destination;
	uint8_t hash[ADDRESS_HASH_BYTES];
	bool is_verified, is_checked, is_suppressed;
	struct herald_text memory;
	int32_t memory_channel; /* the only one that memory is good for; 0: all of the kind */
};

struct plan_person {
	const char *id; /* "" for inline addresses */
	bool is_known;
	int64_t row, version; /* 0 for inline addresses */
	const char *name, *locale, *timezone;
	const json_t *attributes; /* NULL: none */
	const struct plan_address *addresses;
	size_t address_count;
	struct preference preference;
	const char *label; /* the caller's choice among addresses, "" */
};

struct plan_input {
	int64_t now_ms; /* UTC */
	const struct notification *notification;
	const struct category *category;
	const struct roster *roster;
	const struct plan_person *people;
	size_t person_count;
	int64_t expires_in_ms; /* where neither the caller nor the category says */
	bool wants_why;
};

enum { PLAN_WHY_MAX = 6 };

struct plan_delivery {
	const struct plan_person *person;
	const struct plan_address *address;
	const struct roster_channel *channel;
	enum delivery_state state; /* QUEUED, or HELD for a later step */
	enum reason reason;        /* strategy_waiting when held */
	int64_t due_at_ms;
	uint32_t step;                 /* 0: strategy all */
	uint32_t body;                 /* index into bodies */
	const char *why[PLAN_WHY_MAX]; /* when asked for; ends at NULL */
};

struct plan_left_out {
	const struct plan_person *person;
	const char *channel; /* the name when one was looked at, else the kind; "" when nobody is known */
	enum reason reason;
	const char *detail; /* for people */
	const char *rule;   /* "preference.categories.marketing", "category.channels.sms", "address" */
};

struct plan {
	struct plan_delivery *deliveries;
	size_t delivery_count;
	struct plan_left_out *left_out;
	size_t left_out_count;
	struct herald_text *bodies; /* encoded words; equal ones once */
	size_t body_count;
	int64_t expires_at_ms;
	enum strategy strategy;
};

/* Everything in the arena of the faults.  INVALID: faults say what the caller has to mend (a missing value,
 * critical where it is not allowed, a channel nobody has configured); the plan is then empty. */
enum herald_code plan_make(const struct plan_input *input, struct plan *ret_plan, struct faults *faults);

/* The gates and choices again for one planned delivery whose recipient changed something: `none` when it
 * still holds, else the reason why not.  *ret_address: the address to use now. */
enum reason plan_recheck(const struct category *category, const struct plan_person *person,
			 const char *channel, const char *kind, const char *address, int64_t now_ms,
			 const char **ret_rule);

#endif

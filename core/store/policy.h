/* policy.h - the writes about people, what they chose, and what operators decided.  As ops.h: filled zeroed,
 * answered in ret_ fields. */
#ifndef STORE_POLICY_H
#define STORE_POLICY_H

#include "model/job.h"
#include "store/op.h"

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

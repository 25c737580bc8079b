/* ticket.h - one job in the dispatcher's hand, and the index by which it is found again: by number, person,
 * address, notification.
 *
 * The channel process has a ticket of its own for the same attempt (host/ticket.h); its number ties them.
 * A ticket is born when a job arrives and ends when its settle is committed; it lives in the job's arena and
 * owns the job.  Dispatcher thread only. */
#ifndef DISPATCH_TICKET_H
#define DISPATCH_TICKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/map.h"
#include "model/job.h"
#include "store/ops.h"

struct outlet;
struct destination;
struct take_back;

enum ticket_stage {
	TICKET_WAITING = 1, /* here, not handed over */
	TICKET_OUT,         /* a channel process has it */
	TICKET_ENDING,      /* what becomes of it is on its way to the store */
};

enum ticket_key { TICKET_BY_NOTIFICATION = 0, TICKET_BY_RECIPIENT, TICKET_BY_ADDRESS, TICKET_KEYS };

struct ticket_link {
	struct ticket *next, *previous;
};

struct ticket_list { /* in order of arrival */
	struct ticket *first, *last;
	size_t count;
};

struct ticket {
	struct job *job; /* owned */
	struct outlet *outlet;
	struct destination *destination; /* numbered; NULL: none but the channel's own */
	struct destination *address;     /* of an address without memory; NULL: it has some */
	bool has_room;                   /* taken in self and in those two: to be paid back */
	bool has_token;                  /* of the channel's rate, reserved */
	bool is_killed;                  /* its process was, because of this one */
	enum ticket_stage stage;
	uint64_t number;     /* the carrier's; 0: never handed over */
	int64_t since_ms;    /* monotonic: in this stage */
	int64_t began_at_ms; /* UTC: handed over */
	struct store_settle settle;
	struct take_back *owed; /* waits for the settle's commit */
	struct ticket_link keys[TICKET_KEYS], stages;
};

struct hand {
	struct map *by_key[TICKET_KEYS];
	size_t count;
};

void hand_init(struct hand *hand);
void hand_done(struct hand *hand); /* must be empty */

/* Takes the job. */
struct ticket *ticket_new(struct hand *hand, struct job *job, struct outlet *outlet, int64_t now_ms);
void ticket_free(struct hand *hand, struct ticket *ticket); /* and the job; in no stage list any more */

/* Something was spent on it before, so it counts against the retry budget.  What was throttled or met a
 * broken channel waits for reasons of its own. */
bool ticket_is_retry(const struct ticket *ticket);

int64_t ticket_address_key(const uint8_t hash[ADDRESS_HASH_BYTES]);
/* All with this key: walk with ticket->keys[key].next.  Of BY_ADDRESS compare the whole hash. */
struct ticket *hand_find(const struct hand *hand, enum ticket_key key, int64_t value);

void ticket_list_push(struct ticket_list *list, struct ticket *ticket);
void ticket_list_remove(struct ticket_list *list, struct ticket *ticket);

#endif

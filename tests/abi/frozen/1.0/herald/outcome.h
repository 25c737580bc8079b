/* outcome.h - what happened to one attempt, in words that every channel shares.
 *
 * The plugin says what happened; what to do about it (again, when, another channel, never) is the
 * core's to decide.  Adding a verdict is a major change: the core must decide it. */
#ifndef HERALD_OUTCOME_H
#define HERALD_OUTCOME_H

#include <stddef.h>
#include <stdint.h>

#include "herald/message.h"

enum herald_verdict {
	HERALD_DELIVERED = 1, /* the far end confirms that it arrived			  2.x.x */
	HERALD_SENT,          /* the provider took it over; a receipt may follow	  2.x.x */
	HERALD_DEFERRED,      /* not now: try this delivery again			  4.x.x */
	HERALD_THROTTLED,     /* not so fast: again, and slow the destination down	  4.7.x */
	HERALD_REJECTED,      /* this message will never pass				  5.x.x */
	HERALD_UNREACHABLE,   /* this address is dead: suppress it			  5.1.x */
	HERALD_UNCERTAIN,     /* it may or may not have arrived			  4.4.x */
	HERALD_MISCONFIGURED, /* the channel is broken, the delivery is not to blame	  4.3.5 */
};

struct herald_outcome {
	size_t struct_size;
	uint32_t verdict;
	int64_t retry_after_ms; /* 0: no wish */
	char status[12];        /* RFC 3463, "4.7.1"; empty: filled from the verdict */
	char provider_ref[128]; /* the provider's name for this message: matches a later receipt */
	char reason[256];       /* for people */
};

/* Word from the far end that is no answer to a send: a receipt, an opened mail, a STOP, a pressed button. */
enum herald_notice_kind {
	HERALD_NOTICE_RECEIPT = 1, /* outcome says which */
	HERALD_NOTICE_OPENED,
	HERALD_NOTICE_CLICKED,
	HERALD_NOTICE_REPLIED,      /* text */
	HERALD_NOTICE_ACKNOWLEDGED, /* data: what the card's action carried, JSON */
	HERALD_NOTICE_DISMISSED,
	HERALD_NOTICE_OPTED_OUT,
	HERALD_NOTICE_OPTED_IN,
	HERALD_NOTICE_ASKED_HELP,
	HERALD_NOTICE_ADDRESS_LEARNED, /* address, memory */
	HERALD_NOTICE_ADDRESS_GONE,
};

/* Belongs to a delivery by delivery_id, else by provider_ref, else to a person by address; "" when unknown.
 */
struct herald_notice {
	size_t struct_size;
	uint32_t kind;
	int64_t at_ms;        /* when it happened, UTC; 0: now */
	const char *event_id; /* the provider's: the same id twice is one notice */
	const char *delivery_id, *provider_ref, *address;
	const struct herald_outcome *outcome;
	struct herald_text text, data, memory;
};

#endif

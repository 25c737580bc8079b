/* deed.h - a loopback address, read: what the far end shall do. */
#ifndef LOOPBACK_DEED_H
#define LOOPBACK_DEED_H

#include <stdbool.h>
#include <stdint.h>

#include "herald/error.h"

enum deed_kind {
	DEED_OK = 1, /* delivered */
	DEED_SENT,   /* taken over; a receipt would follow */
	DEED_DEFER,  /* argument: this many attempts, none: always; then ok */
	DEED_REJECT,
	DEED_UNREACHABLE,
	DEED_THROTTLE,  /* argument: the wait that is asked for */
	DEED_UNCERTAIN, /* arrives, and the answer is lost */
	DEED_MISCONFIGURED,
	DEED_SLOW,  /* argument: how long the answer takes; on the wire meanwhile */
	DEED_LEARN, /* keeps a memory of the address first, then ok */
	DEED_CRASH, /* in the plugin's hands; with :wire on the wire */
	DEED_HANG,  /* never answers; with :wire on the wire */
	DEED_SPIN,  /* never returns */
	DEED_LIE,   /* spends twice, writes past its outcome, answers after close */
	DEED_FLOOD, /* prints megabytes */
	DEED_FORK,  /* leaves a child behind */
};

enum { DEED_DESTINATION_BYTES = 64 };

struct deed {
	enum deed_kind kind;
	int64_t number;  /* DEFER: attempts, INT64_MAX always; THROTTLE, SLOW: milliseconds */
	bool is_on_wire; /* CRASH, HANG */
	char destination[DEED_DESTINATION_BYTES]; /* behind '@'; "": the channel */
};

/* DEED[:ARGUMENT][@DESTINATION][/ANYTHING].  INVALID: not that. */
enum herald_code deed_read(const char *address, struct deed *ret_deed, struct herald_error *err);

#endif

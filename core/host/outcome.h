/* outcome.h - what a plugin said, made fit to be believed: whole texts, a known verdict, a status and a
 * reason that are never empty.  Pure. */
#ifndef HOST_OUTCOME_H
#define HOST_OUTCOME_H

#include "herald/channel.h"
#include "herald/outcome.h"

/* Reads *from by its struct_size.  A verdict we do not know is read by its status's class (RFC 3463), and
 * without one as UNCERTAIN: never as "try again". */
void outcome_take(const struct herald_outcome *from, struct herald_outcome *ret_outcome);
/* Fill in our own words: the verdict, a sentence, the verdict's usual status. */
void outcome_say(struct herald_outcome *ret_outcome, enum herald_verdict verdict, const char *reason);
/* The host service of this name. */
void outcome_classify_http(const struct herald_http_reply *reply, struct herald_outcome *outcome);

/* An outcome lent to a plugin for filling in, with a guard behind its last text. */
struct outcome_slip {
	struct herald_outcome outcome;
	unsigned char guard[256];
};

void outcome_slip_init(struct outcome_slip *slip);
bool outcome_slip_is_whole(const struct outcome_slip *slip); /* false: written past its end */

#endif

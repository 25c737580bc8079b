/* chatter.h - what a plugin says through the log service: LOG frames, at most so many a second, each cut to a
 * size; what is beyond is counted and said in one line.  (What it prints goes into the daemon's pipe.) */
#ifndef HOST_CHATTER_H
#define HOST_CHATTER_H

#include <stdint.h>

#include "herald/channel.h"
#include "host/outbox.h"

struct chatter;

struct chatter *chatter_new(struct outbox *talk);
void chatter_free(struct chatter *chatter);

/* Any thread. */
void chatter_say(struct chatter *chatter, enum herald_level level, const char *event,
		 const struct herald_field *fields, size_t count);

#endif

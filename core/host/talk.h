/* talk.h - the talk socket's questions, answered by the plugin on the loop's thread. */
#ifndef HOST_TALK_H
#define HOST_TALK_H

#include "host/private.h"
#include "wire/frame.h"

/* CHECK -> CHECKED, TELEMETRY -> METERS; what is unknown is ignored. */
void talk_answer(struct herald_channel *channel, const struct frame *frame);

/* What CHECK does, for whoever asks in this process.  The answer's texts live in the arena. */
struct wire_checked talk_check_address(struct herald_channel *channel, const char *address,
				       struct arena *arena);

#endif

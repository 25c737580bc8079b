/* briefing.h - what a channel process is told at its start: the CONFIG frame, with its secrets resolved.  The
 * values exist in a wiped arena and in the outbox, and in neither after the frame has gone. */
#ifndef CHANNEL_BRIEFING_H
#define CHANNEL_BRIEFING_H

#include "channel/outbox.h"
#include "channel/supervisor.h"
#include "config/config.h"

/* Append CONFIG.  Any failure means that the channel cannot work as configured; err says which option, where
 * it stands, and why (never a secret's value). */
enum herald_code briefing_write(const struct supervisor_settings *settings,
				const struct config_channel *channel, uint32_t slots, struct outbox *outbox,
				struct herald_error *err);

#endif

/* daemon.h - the daemon's end of a channel process, small enough to hold in the hand: it starts a real
 * herald-channel, speaks the real frames, and looks at the real board. */
#ifndef TEST_DAEMON_H
#define TEST_DAEMON_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/arena.h"
#include "herald/outcome.h"
#include "wire/board.h"
#include "wire/message.h"

struct daemon {
	struct arena *arena;
	char folder[64]; /* of its own, removed at the end */
	char record[96]; /* the loopback plugin's, in the folder */
	struct board *board;
	pid_t pid;
	int work, talk;
	struct frame_reader work_in, talk_in;
	struct herald_builder out;
	uint64_t serial;
	int status; /* of the process, once it ended */
	/* For daemon_start, 0 and false are fine: */
	int64_t attempt_timeout_ms;
	bool is_strict; /* no allow_insecure */
};

struct daemon_option {
	const char *name, *value;
};

/* The struct is zeroed, apart from what its last lines say.  Starts the process, sends CONFIG, waits for
 * READY.  Options end with a NULL name; the value "@record" becomes the path of the record. */
void daemon_start(struct daemon *daemon, const char *plugin, const struct daemon_option *options);
void daemon_start_with(struct daemon *daemon, const struct wire_config *settings,
		       const struct daemon_option *options);
/* Ends it, whatever its state, and removes everything. */
void daemon_end(struct daemon *daemon);

/* Post a slot and send the frame; answers the ticket. */
uint64_t daemon_send(struct daemon *daemon, const char *address);
uint64_t daemon_send_message(struct daemon *daemon, struct wire_send send);
uint64_t daemon_post(struct daemon *daemon, uint32_t slot, const struct wire_send *send); /* the slot only */
void daemon_say(struct daemon *daemon, enum frame_type type, uint64_t sequence);
void daemon_ask(struct daemon *daemon, const char *address, uint64_t question);

/* The next frame of this type on a socket; others are passed over.  False: none within the time, or the
 * process closed.  The frame is lent until the next call. */
bool daemon_hear(struct daemon *daemon, enum frame_type type, struct frame *ret_frame);
bool daemon_hear_either(struct daemon *daemon, enum frame_type type, enum frame_type other,
			struct frame *ret_frame);
bool daemon_hear_talk(struct daemon *daemon, enum frame_type type, struct frame *ret_frame);
bool daemon_hears_nothing(struct daemon *daemon, enum frame_type type, int within_ms);
/* Waits for SETTLED of this ticket and answers what the board says. */
struct herald_outcome daemon_settled(struct daemon *daemon, uint64_t ticket);
/* Waits until the slot has this state. */
bool daemon_sees(struct daemon *daemon, uint64_t ticket, enum slot_state state);
/* Waits for the end; exit status, or 128 + signal. */
int daemon_waits(struct daemon *daemon);
/* As kill -9 of the daemon: both sockets close. */
void daemon_dies(struct daemon *daemon);
/* Lines of the record file. */
size_t daemon_recorded(struct daemon *daemon);

#endif

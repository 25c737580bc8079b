/* frame.h - what travels between the daemon and a channel process: bounded, versioned, little-endian frames.
 *
 *	u32 length (of what follows, <= FRAME_BYTES_MAX) | u16 type | u16 version | u64 sequence | fields
 *	field: u16 tag | u16 reserved, 0 | u32 length | bytes
 *
 * Unknown fields are skipped, unknown frames ignored; a frame that does not parse ends the channel process,
 *never the daemon.  Many frames go in one write: a batch is just a builder. */
#ifndef WIRE_FRAME_H
#define WIRE_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "herald/error.h"
#include "herald/kit.h"

enum { FRAME_VERSION = 1, FRAME_HEAD_BYTES = 16 };

enum frame_type {
	/* work socket: the dispatcher's end */
	FRAME_HELLO = 1,   /* host -> daemon: version, pid */
	FRAME_CONFIG = 2,  /* daemon -> host: message.h, wire_config */
	FRAME_READY = 3,   /* host -> daemon: wire_ready */
	FRAME_REFUSED = 4, /* host -> daemon instead of READY: code, text; the channel is misconfigured */
	FRAME_SEND = 5,    /* daemon -> host, sequence = ticket: wire_send */
	FRAME_STARTED =
		6, /* host -> daemon, sequence = ticket: taken from QUEUED to IN_PLUGIN (optional, batched) */
	FRAME_SETTLED =
		7, /* host -> daemon, sequence = ticket: the slot is DONE; the outcome is in the slot */
	FRAME_MEMORY = 8,  /* host -> daemon, sequence = ticket: memory to keep */
	FRAME_KEPT = 9,    /* daemon -> host, sequence = ticket: it is durable */
	FRAME_REVOKE = 10, /* daemon -> host, sequence = ticket: the slot was swapped to REVOKED: wake up */
	FRAME_DRAIN = 11,  /* daemon -> host: finish what is in hand, take nothing new, say BYE and exit */
	FRAME_BYE = 12,    /* host -> daemon */
	FRAME_LOG = 13,    /* host -> daemon (either socket): wire_log */
	FRAME_PING = 14,   /* daemon -> host, from the plugin's own loop: proves that it still turns */
	FRAME_PONG = 15,
	/* talk socket */
	FRAME_CHECK = 20,     /* daemon -> host, sequence = question: address */
	FRAME_CHECKED = 21,   /* host -> daemon: code, canonical, destination or text */
	FRAME_TELEMETRY = 22, /* daemon -> host: meters, please */
	FRAME_METERS = 23,    /* host -> daemon: one f64 field per meter, in the table's order */
};

struct frame {
	uint16_t type, version;
	uint64_t sequence;
	const uint8_t *fields; /* lent: points into the reader's buffer until its next call */
	size_t size;
};

/* Append one frame to a batch: begin, add fields, end.  The batch's own maximum bounds it: a frame that does
 * not fit, or is longer than FRAME_BYTES_MAX, is taken out again (end answers false), so that a batch holds
 * whole frames only and never turns to LIMIT. */
size_t frame_begin(struct herald_builder *batch, enum frame_type type,
		   uint64_t sequence); /* answers where it began */
bool frame_end(struct herald_builder *batch, size_t began);

/* Bytes come in as they come; whole frames go out. */
struct frame_reader {
	struct herald_builder pending;
	size_t used; /* of pending, by frames already given out */
};

void frame_reader_init(struct frame_reader *reader);
/* Wipes what it held: frames may carry secrets. */
void frame_reader_done(struct frame_reader *reader);
/* Read once from fd.  OK: something came (call frame_next until false); BUSY: would block; IO: error or end
 * (text "closed" for a clean end). */
enum herald_code frame_reader_fill(struct frame_reader *reader, int fd, struct herald_error *err);
/* The next whole frame, or false.  *ret_broken becomes true when the bytes are not a frame. */
bool frame_next(struct frame_reader *reader, struct frame *ret_frame, bool *ret_broken);

#endif

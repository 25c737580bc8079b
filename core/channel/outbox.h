/* outbox.h - frames on their way to a process that may not read: bounded, written when the socket takes them,
 * wiped after secrets.  One thread. */
#ifndef CHANNEL_OUTBOX_H
#define CHANNEL_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>

#include "herald/kit.h"

enum { OUTBOX_BYTES_MAX = 4 * 1024 * 1024 };

struct outbox {
	struct herald_builder batch; /* whole frames; append with the writers of wire/message.h */
	size_t at;                   /* of batch, by what was written */
	bool holds_secrets;          /* wipe when it has all gone */
};

void outbox_init(struct outbox *outbox);
void outbox_done(struct outbox *outbox); /* wipes */
/* Make room before secrets go in, so that no growing leaves copies of them behind. */
void outbox_expect_secrets(struct outbox *outbox, size_t bytes);
size_t outbox_pending(const struct outbox *outbox);
/* The peer has not read for long: give it no more work. */
bool outbox_is_full(const struct outbox *outbox);
/* Write what fd takes.  False: the other end is gone (its death is told elsewhere). */
bool outbox_flush(struct outbox *outbox, int fd);

#endif

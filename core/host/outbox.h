/* outbox.h - frames on their way to the daemon, gathered so that many leave in one write.
 *
 * Any thread may add and any thread may flush; nothing here waits for the daemon.  What a plugin says (logs)
 * is dropped and counted when the daemon does not read; what became of a ticket never is, because there are
 * only so many tickets. */
#ifndef HOST_OUTBOX_H
#define HOST_OUTBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "herald/kit.h"
#include "wire/message.h"

struct outbox;

/* fd is borrowed and set non-blocking.  A negative fd swallows everything (the contract run has no daemon).
 */
struct outbox *outbox_new(int fd);
void outbox_free(struct outbox *outbox);

/* Add frames between open and close; the lock is held meanwhile, so be short and call nobody. */
struct herald_builder *outbox_open(struct outbox *outbox);
void outbox_close(struct outbox *outbox);

/* A frame without fields. */
void outbox_add(struct outbox *outbox, enum frame_type type, uint64_t sequence);
/* HELLO, REFUSED, MEMORY: a number and a text. */
void outbox_note(struct outbox *outbox, enum frame_type type, uint64_t sequence, uint64_t number,
		 struct herald_text text);
/* False: the daemon does not read, the line was dropped. */
bool outbox_log(struct outbox *outbox, const struct wire_log *log);

/* Write what fits.  False: the peer is gone. */
bool outbox_flush(struct outbox *outbox);
bool outbox_is_waiting(struct outbox *outbox); /* something is left: poll for POLLOUT */

#endif

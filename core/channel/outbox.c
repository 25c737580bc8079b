/* outbox.c - what waits to be written to one non-blocking socket. */
#include "channel/outbox.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/limits.h"
#include "base/check.h"

enum { COMPACT_BYTES = 1024 * 1024 };

void outbox_init(struct outbox *outbox)
{
	*outbox = (struct outbox){.at = 0};
	/* One frame more than what is full, whatever its size, and as much again that was written but not
	 * moved away. */
	herald_builder_init(&outbox->batch, 2 * (size_t)OUTBOX_BYTES_MAX + FRAME_BYTES_MAX + COMPACT_BYTES);
}

static void outbox_wipe(struct outbox *outbox)
{
	if (outbox->batch.capacity > 0)
		explicit_bzero(outbox->batch.data, outbox->batch.capacity);
	outbox->holds_secrets = false;
}

void outbox_done(struct outbox *outbox)
{
	outbox_wipe(outbox);
	herald_builder_done(&outbox->batch);
	outbox->at = 0;
}

void outbox_expect_secrets(struct outbox *outbox, size_t bytes)
{
	static const char nothing[4096];
	size_t size = outbox->batch.size;

	for (size_t added = 0; added < bytes; added += sizeof(nothing))
		herald_add_bytes(&outbox->batch, nothing, sizeof(nothing));
	CHECK(outbox->batch.code == HERALD_OK);
	outbox->batch.size = size;
	outbox->holds_secrets = true;
}

size_t outbox_pending(const struct outbox *outbox)
{
	return outbox->batch.size - outbox->at;
}

bool outbox_is_full(const struct outbox *outbox)
{
	return outbox_pending(outbox) > OUTBOX_BYTES_MAX;
}

/* Empty: ready for use again.  Else give back the room of what was written, once it is worth the move. */
static void outbox_compact(struct outbox *outbox)
{
	struct herald_builder *batch = &outbox->batch;

	if (outbox->at == batch->size) {
		if (outbox->holds_secrets)
			outbox_wipe(outbox);
		herald_builder_clear(batch);
		outbox->at = 0;
	} else if (outbox->at >= COMPACT_BYTES) {
		batch->size -= outbox->at;
		memmove(batch->data, batch->data + outbox->at, batch->size);
		batch->data[batch->size] = '\0';
		outbox->at = 0;
	}
}

bool outbox_flush(struct outbox *outbox, int fd)
{
	while (outbox_pending(outbox) > 0) {
		ssize_t sent =
			send(fd, outbox->batch.data + outbox->at, outbox_pending(outbox), MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			break;
		if (sent < 0)
			return false;
		outbox->at += (size_t)sent;
	}
	outbox_compact(outbox);
	return true;
}

/* outbox.c - one builder behind a lock, written to a socket that never blocks.
 *
 * Invariant: bytes leave in the order in which they were added, and a frame leaves wholly or the connection
 * is gone. */
#include "host/outbox.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/limits.h"
#include "base/check.h"

/* Past this much unread output, log lines are not worth memory. */
enum { LOG_BACKLOG_BYTES = 256 * 1024, OUTBOX_BYTES_MAX = FRAME_BYTES_MAX };

struct outbox {
	struct arena *arena; /* holds this struct */
	pthread_mutex_t lock;
	struct herald_builder waiting;
	size_t written; /* of waiting */
	int fd;
	bool is_gone;
};

struct outbox *outbox_new(int fd)
{
	struct arena *arena = arena_new();
	struct outbox *outbox = arena_new_of(arena, struct outbox);

	outbox->arena = arena;
	outbox->fd = fd;
	outbox->is_gone = fd < 0;
	herald_builder_init(&outbox->waiting, OUTBOX_BYTES_MAX);
	CHECK(pthread_mutex_init(&outbox->lock, NULL) == 0);
	if (fd >= 0)
		CHECK(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) == 0);
	return outbox;
}

void outbox_free(struct outbox *outbox)
{
	if (!outbox)
		return;
	herald_builder_done(&outbox->waiting);
	pthread_mutex_destroy(&outbox->lock);
	arena_free(outbox->arena);
}

struct herald_builder *outbox_open(struct outbox *outbox)
{
	pthread_mutex_lock(&outbox->lock);
	return &outbox->waiting;
}

void outbox_close(struct outbox *outbox)
{
	/* A daemon that is gone or has stopped reading loses words, never the board, which says the same. */
	if (outbox->is_gone || outbox->waiting.code != HERALD_OK) {
		outbox->is_gone = true;
		herald_builder_clear(&outbox->waiting);
		outbox->written = 0;
	}
	pthread_mutex_unlock(&outbox->lock);
}

void outbox_add(struct outbox *outbox, enum frame_type type, uint64_t sequence)
{
	struct herald_builder *batch = outbox_open(outbox);
	size_t began = frame_begin(batch, type, sequence);

	frame_end(batch, began);
	outbox_close(outbox);
}

void outbox_note(struct outbox *outbox, enum frame_type type, uint64_t sequence, uint64_t number,
		 struct herald_text text)
{
	wire_note_write(outbox_open(outbox), type, sequence, number, text);
	outbox_close(outbox);
}

bool outbox_log(struct outbox *outbox, const struct wire_log *log)
{
	struct herald_builder *batch = outbox_open(outbox);
	bool has_room = !outbox->is_gone && batch->size - outbox->written < LOG_BACKLOG_BYTES;

	if (has_room)
		wire_log_write(batch, log);
	outbox_close(outbox);
	return has_room;
}

bool outbox_flush(struct outbox *outbox)
{
	pthread_mutex_lock(&outbox->lock);
	while (!outbox->is_gone && outbox->written < outbox->waiting.size) {
		ssize_t sent = send(outbox->fd, outbox->waiting.data + outbox->written,
				    outbox->waiting.size - outbox->written, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent >= 0)
			outbox->written += (size_t)sent;
		else if (errno == EAGAIN || errno == EWOULDBLOCK)
			break;
		else if (errno != EINTR)
			outbox->is_gone = true;
	}
	if (outbox->is_gone || outbox->written == outbox->waiting.size) {
		herald_builder_clear(&outbox->waiting);
		outbox->written = 0;
	}
	bool is_there = !outbox->is_gone;
	pthread_mutex_unlock(&outbox->lock);
	return is_there;
}

bool outbox_is_waiting(struct outbox *outbox)
{
	pthread_mutex_lock(&outbox->lock);
	bool is_waiting = outbox->waiting.size > outbox->written;
	pthread_mutex_unlock(&outbox->lock);
	return is_waiting;
}

/* frame.c - frames into a batch, bytes into frames.
 *
 * A batch holds whole frames only.  A reader holds at most one frame's bytes beyond what one read brought,
 * and gives a frame out only when all of it is there; the first bytes that cannot be a frame end it for
 * good. */
#include "wire/frame.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/check.h"

enum {
	READ_BYTES = 64 * 1024,
	LENGTH_MIN = FRAME_HEAD_BYTES - 4, /* type, version, sequence: counted by length */
	KEEP_BYTES = 1024 * 1024,          /* a reader that once held more gives it back when empty */
};

struct head {
	uint32_t length;
	uint16_t type, version;
	uint64_t sequence;
};

_Static_assert(sizeof(struct head) == FRAME_HEAD_BYTES, "the head of a frame has no holes");

size_t frame_begin(struct herald_builder *batch, enum frame_type type, uint64_t sequence)
{
	CHECK(batch->code == HERALD_OK);
	size_t began = batch->size;
	struct head head = {
		.type = htole16((uint16_t)type),
		.version = htole16(FRAME_VERSION),
		.sequence = htole64(sequence),
	};

	herald_add_bytes(batch, &head, sizeof(head));
	return began;
}

bool frame_end(struct herald_builder *batch, size_t began)
{
	size_t length = batch->size - began - offsetof(struct head, type);

	CHECK(batch->size >= began);
	if (batch->code != HERALD_OK || length > FRAME_BYTES_MAX) {
		batch->size = began;
		batch->code = HERALD_OK;
		if (batch->capacity > 0)
			batch->data[began] = 0;
		return false;
	}

	CHECK(batch->size >= began + FRAME_HEAD_BYTES);
	uint32_t little = htole32((uint32_t)length);
	memcpy(batch->data + began, &little, sizeof(little));
	return true;
}

void frame_reader_init(struct frame_reader *reader)
{
	herald_builder_init(&reader->pending, (size_t)FRAME_HEAD_BYTES + FRAME_BYTES_MAX + READ_BYTES);
	reader->used = 0;
}

void frame_reader_done(struct frame_reader *reader)
{
	if (reader->pending.capacity > 0)
		explicit_bzero(reader->pending.data, reader->pending.capacity);
	herald_builder_done(&reader->pending);
	reader->used = 0;
}

/* Drop what was given out, so that what is pending is less than one frame. */
static void reader_compact(struct frame_reader *reader)
{
	struct herald_builder *pending = &reader->pending;

	if (reader->used == 0)
		return;
	if (reader->used == pending->size && pending->capacity > KEEP_BYTES) {
		frame_reader_done(reader);
		frame_reader_init(reader);
		return;
	}
	pending->size -= reader->used;
	memmove(pending->data, pending->data + reader->used, pending->size);
	pending->data[pending->size] = 0;
	reader->used = 0;
}

enum herald_code frame_reader_fill(struct frame_reader *reader, int fd, struct herald_error *err)
{
	char bytes[READ_BYTES];
	ssize_t got;

	reader_compact(reader);
	do {
		got = read(fd, bytes, sizeof(bytes));
	} while (got < 0 && errno == EINTR);

	if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return herald_fail(err, HERALD_BUSY, "nothing to read yet");
	if (got < 0)
		return herald_fail(err, HERALD_IO, "reading frames: %s", strerrordesc_np(errno));
	if (got == 0)
		return herald_fail(err, HERALD_IO, "closed");

	herald_add_bytes(&reader->pending, bytes, (size_t)got);
	if (reader->pending.code != HERALD_OK)
		return herald_fail(err, HERALD_IO, "the peer sent more than a frame may hold");
	return HERALD_OK;
}

bool frame_next(struct frame_reader *reader, struct frame *ret_frame, bool *ret_broken)
{
	size_t left = reader->pending.size - reader->used;
	const char *at = reader->pending.data + reader->used;
	struct head head;

	if (left < sizeof(head))
		return false;

	memcpy(&head, at, sizeof(head));
	size_t length = le32toh(head.length);
	if (length < LENGTH_MIN || length > FRAME_BYTES_MAX || le16toh(head.version) != FRAME_VERSION) {
		*ret_broken = true;
		return false;
	}

	size_t whole = offsetof(struct head, type) + length;
	if (left < whole)
		return false;

	*ret_frame = (struct frame){
		.type = le16toh(head.type),
		.version = le16toh(head.version),
		.sequence = le64toh(head.sequence),
		.fields = (const uint8_t *)at + sizeof(head),
		.size = whole - sizeof(head),
	};
	reader->used += whole;
	return true;
}

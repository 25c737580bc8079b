/* line.c - bytes and frames of one talk socket and one output pipe.  Talk thread only. */
#include "channel/line.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "telemetry/event.h"
#include "base/check.h"

enum {
	READS_PER_TURN = 4,
	OUTPUT_BYTES_PER_SECOND = 64 * 1024,
	LINE_OUTBOX_BYTES_MAX = 1024 * 1024, /* unread questions: 2,000 and more */
};

static void poll_for(struct line *line, int operation, int fd, bool is_output, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.u64 = line->number << 1 | is_output};

	if (fd >= 0)
		CHECK(epoll_ctl(line->epoll, operation, fd, &event) == 0);
}

struct line *line_new(const struct line_birth *birth, int64_t now_ms)
{
	struct arena *arena = arena_new();
	struct line *line = arena_new_of(arena, struct line);

	*line = (struct line){
		.arena = arena,
		.number = birth->number,
		.channel = birth->channel,
		.name = arena_text(arena, birth->name),
		.fd = birth->fd,
		.output = birth->output,
		.pidfd = birth->pidfd,
		.epoll = birth->epoll,
		.scratch = arena_new(),
		.output_since_ms = now_ms,
	};
	frame_reader_init(&line->reader);
	outbox_init(&line->outbox);
	plugin_log_init(&line->log, line->name, now_ms);
	poll_for(line, EPOLL_CTL_ADD, line->fd, false, EPOLLIN);
	poll_for(line, EPOLL_CTL_ADD, line->output, true, EPOLLIN);
	return line;
}

static void fd_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void line_free(struct line *line)
{
	if (!line)
		return;
	fd_close(&line->fd);
	fd_close(&line->output);
	fd_close(&line->pidfd);
	plugin_log_end(&line->log, line->output_since_ms);
	frame_reader_done(&line->reader);
	outbox_done(&line->outbox);
	arena_free(line->scratch);
	arena_free(line->arena);
}

void line_ready(struct line *line, const struct wire_meter *meters, size_t count)
{
	struct wire_meter *copies = arena_array_of(line->arena, count, struct wire_meter);

	for (size_t i = 0; i < count; i++)
		copies[i] = (struct wire_meter){
			.name = arena_text(line->arena, meters[i].name),
			.help = arena_text(line->arena, meters[i].help),
			.is_counter = meters[i].is_counter,
		};
	line->meters = copies;
	line->meter_count = count;
	line->is_ready = true;
}

/* --- frames --- */

static enum herald_code hear_frame(struct line *line, const struct frame *frame,
				   const struct line_owner *owner, int64_t now_ms, struct herald_error *err)
{
	struct wire_checked checked;
	enum herald_code code = HERALD_OK;

	switch (frame->type) {
	case FRAME_CHECKED:
		code = wire_checked_read(frame, line->scratch, &checked, err);
		if (code == HERALD_OK)
			owner->checked(owner->context, line, frame->sequence, &checked);
		break;
	case FRAME_METERS:
		code = wire_meters_read(frame, line->values, line->meter_count, &line->value_count, err);
		if (code == HERALD_OK)
			owner->measured(owner->context, line);
		break;
	case FRAME_LOG:
		code = plugin_log_frame(&line->log, frame, line->scratch, now_ms, err);
		break;
	default: /* of a later version */
		break;
	}
	return code;
}

/* It broke the language: nothing that it says can be believed, on this socket or the other. */
static void kill_liar(struct line *line, const char *why)
{
	event(EVENT_channel_lied, EVENT_TEXT("channel", line->name), EVENT_TEXT("why", why));
	if (line->pidfd >= 0)
		pidfd_send_signal(line->pidfd, SIGKILL, NULL, 0);
	fd_close(&line->fd);
}

bool line_serve(struct line *line, const struct line_owner *owner, int64_t now_ms)
{
	struct herald_error err = {.text = ""};

	for (unsigned reads = READS_PER_TURN; reads > 0 && line->fd >= 0; reads--) {
		enum herald_code code = frame_reader_fill(&line->reader, line->fd, &err);
		if (code == HERALD_BUSY)
			break;
		if (code != HERALD_OK) {
			fd_close(&line->fd);
			break;
		}

		struct frame frame;
		bool is_broken = false;
		while (code == HERALD_OK && frame_next(&line->reader, &frame, &is_broken)) {
			arena_clear(line->scratch);
			code = hear_frame(line, &frame, owner, now_ms, &err);
		}
		if (code != HERALD_OK || is_broken)
			kill_liar(line, is_broken ? "bytes that are no frame on its talk socket" : err.text);
	}
	if (line->fd >= 0)
		line_flush(line);
	return line->fd >= 0;
}

bool line_ask(struct line *line, enum frame_type type, uint64_t question, struct herald_text text)
{
	if (line->fd < 0 || outbox_pending(&line->outbox) > LINE_OUTBOX_BYTES_MAX)
		return false;
	return wire_note_write(&line->outbox.batch, type, question, 0, text);
}

void line_flush(struct line *line)
{
	if (line->fd < 0)
		return;
	/* A socket that is gone is told by its end. */
	bool wants = outbox_flush(&line->outbox, line->fd) && outbox_pending(&line->outbox) > 0;
	if (wants == line->is_polled_for_room)
		return;
	poll_for(line, EPOLL_CTL_MOD, line->fd, false, EPOLLIN | (wants ? (uint32_t)EPOLLOUT : 0));
	line->is_polled_for_room = wants;
}

/* --- output --- */

void line_serve_output(struct line *line, int64_t now_ms)
{
	char bytes[4096];

	while (line->output >= 0 && !line->is_output_paused) {
		if (line->output_bytes >= OUTPUT_BYTES_PER_SECOND) {
			/* Not polled at all: an end of file would be told again and again. */
			line->is_output_paused = true;
			poll_for(line, EPOLL_CTL_DEL, line->output, true, 0);
			return;
		}
		ssize_t got = read(line->output, bytes, sizeof(bytes));
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && errno == EAGAIN)
			return;
		if (got <= 0) {
			fd_close(&line->output);
			return;
		}
		line->output_bytes += (size_t)got;
		plugin_log_output(&line->log, bytes, (size_t)got, now_ms);
	}
}

void line_turn(struct line *line, int64_t now_ms)
{
	if (now_ms - line->output_since_ms < 1000)
		return;
	line->output_since_ms = now_ms;
	line->output_bytes = 0;
	if (!line->is_output_paused)
		return;
	line->is_output_paused = false;
	poll_for(line, EPOLL_CTL_ADD, line->output, true, EPOLLIN);
}

int64_t line_next_ms(const struct line *line)
{
	return line->is_output_paused ? line->output_since_ms + 1000 : INT64_MAX;
}

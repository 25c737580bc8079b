/* line.h - one channel process as the talk thread knows it: its talk socket, its output, its meters.  Nothing
 * to do with the host's line of waiting tickets. */
#ifndef CHANNEL_LINE_H
#define CHANNEL_LINE_H

#include "base/arena.h"
#include "channel/outbox.h"
#include "channel/plugin_log.h"
#include "wire/message.h"

struct line_birth {
	uint64_t number;
	int32_t channel;
	const char *name;
	int fd, output, pidfd; /* the line's from now on */
	int epoll;
};

struct line {
	struct arena *arena; /* holds this struct */
	uint64_t number;     /* its epoll keys are number << 1 | is_output */
	int32_t channel;
	const char *name;
	int fd, output, pidfd, epoll; /* -1: closed */
	bool is_ready, is_detached, is_polled_for_room, is_output_paused;
	struct frame_reader reader;
	struct outbox outbox;
	struct plugin_log log;
	struct arena *scratch; /* one frame's texts */

	const struct wire_meter *meters;
	double values[WIRE_METERS_MAX];
	size_t meter_count, value_count;

	int64_t output_since_ms; /* the second that output_bytes counts */
	size_t output_bytes;
};

/* Called in line_serve. */
struct line_owner {
	void *context;
	void (*checked)(void *context, struct line *line, uint64_t question,
			const struct wire_checked *checked);
	void (*measured)(void *context, struct line *line);
};

struct line *line_new(const struct line_birth *birth, int64_t now_ms);
void line_free(struct line *line); /* says the last of its output */
void line_ready(struct line *line, const struct wire_meter *meters, size_t count);
/* Read and act.  False: the socket is closed, whether the process did it or broke the language. */
bool line_serve(struct line *line, const struct line_owner *owner, int64_t now_ms);
/* Read its output, so much a second: what flows faster is left in the pipe, where the plugin's writes fail.
 */
void line_serve_output(struct line *line, int64_t now_ms);
void line_turn(struct line *line, int64_t now_ms); /* take up a paused output again */
int64_t line_next_ms(const struct line *line);
void line_flush(struct line *line);
/* Queue a question.  False: it does not read. */
bool line_ask(struct line *line, enum frame_type type, uint64_t question, struct herald_text text);

#endif

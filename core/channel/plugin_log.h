/* plugin_log.h - what a channel process says of itself, as events: LOG frames and lines of its output.  So
 * much a second and no more; what is held back is counted and said.  One thread per struct. */
#ifndef CHANNEL_PLUGIN_LOG_H
#define CHANNEL_PLUGIN_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "herald/error.h"
#include "wire/frame.h"

enum {
	PLUGIN_LOG_BURST = 50,
	PLUGIN_LOG_PER_SECOND = 10,
	PLUGIN_LOG_LINE_BYTES_MAX = 512,
};

struct plugin_log {
	const char *channel; /* lent for the struct's life */
	int64_t filled_at_ms;
	uint32_t left; /* lines that may be said now */
	uint64_t held_back;
	char line[PLUGIN_LOG_LINE_BYTES_MAX]; /* of the output, not ended yet */
	size_t line_size;
};

void plugin_log_init(struct plugin_log *log, const char *channel, int64_t now_ms);
/* A LOG frame.  CORRUPT: it is none; whoever sent it cannot be trusted further. */
enum herald_code plugin_log_frame(struct plugin_log *log, const struct frame *frame, struct arena *scratch,
				  int64_t now_ms, struct herald_error *err);
/* Bytes of standard output or error, in any slicing. */
void plugin_log_output(struct plugin_log *log, const char *data, size_t size, int64_t now_ms);
/* The process ended: the last line, and how many were held back. */
void plugin_log_end(struct plugin_log *log, int64_t now_ms);

#endif

/* private.h - inside telemetry: one line of the log while it is being made, and what metrics ask the kernel.
 */
#ifndef TELEMETRY_PRIVATE_H
#define TELEMETRY_PRIVATE_H

#include "telemetry/event.h"

#include "herald/kit.h"

/* Everything about one line but its fields. */
struct event_head {
	int64_t at_ms; /* UTC */
	enum event_kind kind;
	enum event_level level;
	const char *program; /* NULL: none */
	uint64_t suppressed; /* lines of this kind held back before this one */
};

struct event_line {
	char data[EVENT_LINE_BYTES_MAX];
	size_t size, limit; /* limit: where additions end, so that what must stand behind them has a place */
	bool is_cut;
};

/* Both end the line with a line feed and never pass its bounds. */
void event_line_json(struct event_line *line, const struct event_head *head, const struct event_field *fields,
		     size_t count);
void event_line_text(struct event_line *line, const struct event_head *head, const struct event_field *fields,
		     size_t count);

/* Keep the line for whoever watches. */
void event_ring_put(const struct event_head *head, const struct event_field *fields, size_t count);

/* process_*: CPU, memory, descriptors, threads, start. */
void metric_process_text(struct herald_builder *builder);

#endif

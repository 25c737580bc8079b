/* event.h - what happens in the daemon's own life, said once: a log line, a counter, a place to look.
 *
 * Every kind stands in EVENT_TABLE with its level and one sentence for operators; docs/operating.md lists the
 * same table.  A field is a text or a number: no field takes a herald_secret.  Any thread, at any time, also
 * before event_open (then as after event_open of a zeroed struct).  Emitting never fails and never blocks for
 * long: a log that nobody reads loses lines, which are counted, and not the daemon's time.
 *
 * Floors 1-5 return errors and emit nothing; whoever drops an error emits the event. */
#ifndef TELEMETRY_EVENT_H
#define TELEMETRY_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum event_level {
	EVENT_DEBUG = 1,
	EVENT_INFO,
	EVENT_NOTICE,
	EVENT_WARNING,
	EVENT_FAULT
}; /* as herald_level */

/* name, level, one sentence */
#define EVENT_TABLE(X)                                                                                     \
	X(daemon_started, INFO, "The daemon is up and takes work.")                                        \
	X(daemon_draining, INFO, "The daemon takes no new work and finishes what is in hand.")             \
	X(daemon_stopped, INFO, "The daemon ended in good order.")                                         \
	X(daemon_failed, FAULT, "The daemon cannot go on and ends.")                                       \
	X(config_reloaded, NOTICE, "A new configuration is in force.")                                     \
	X(config_refused, FAULT, "A new configuration has a fault; the old one stays in force.")           \
	X(config_warning, WARNING, "The configuration holds something that is read but ignored.")          \
	X(channel_started, INFO, "A channel process is ready.")                                            \
	X(channel_died, FAULT, "A channel process ended without being asked to.")                          \
	X(channel_hung, FAULT, "A channel process did not answer in time and was killed.")                 \
	X(channel_drained, INFO, "A channel process finished what it had and ended.")                      \
	X(channel_misconfigured, FAULT, "A channel cannot work as configured; no attempt is spent on it.") \
	X(channel_paused, NOTICE, "A channel was paused: its deliveries wait.")                            \
	X(channel_resumed, NOTICE, "A paused or broken channel takes deliveries again.")                   \
	X(channel_lied, WARNING, "A plugin broke a rule of the border; the core put it right.")            \
	X(insecure_channel, WARNING,                                                                       \
	  "A channel may speak without encryption to this machine (allow_insecure).")                      \
	X(delivery_settled, DEBUG, "An attempt ended and what comes next is decided.")                     \
	X(delivery_fenced, WARNING,                                                                        \
	  "An answer came for an attempt that somebody else had settled; dropped.")                        \
	X(delivery_parked, WARNING, "A delivery may or may not have arrived: a person must look.")         \
	X(delivery_poison, FAULT, "A delivery crashed its channel again and again and is given up.")       \
	X(destination_blocked, WARNING, "A destination failed too often and is left alone for a while.")   \
	X(destination_ready, NOTICE, "A destination that was blocked answers again.")                      \
	X(board_resolved, INFO, "What an earlier run left on its boards is settled or queued again.")      \
	X(store_opened, INFO, "The store is open and its writer runs.")                                    \
	X(store_full, FAULT, "The disk is full or nearly so: no new work is taken.")                       \
	X(store_ready, NOTICE, "There is room on the disk again: new work is taken.")                      \
	X(store_pruned, DEBUG, "Old rows were removed as retention says.")                                 \
	X(row_damaged, FAULT, "A stored row does not agree with its checksum and is set aside.")           \
	X(writer_failed, FAULT, "A commit failed; every caller that waited for it was told.")              \
	X(clock_stepped, WARNING, "The wall clock jumped; waiting retries were shifted.")                  \
	X(request_refused, DEBUG, "A request got an answer of 4xx or 5xx.")                                \
	X(request_failed, FAULT, "A request failed for a reason that is ours.")                            \
	X(audit_written, NOTICE, "Somebody changed something that is kept in the audit.")                  \
	X(plugin_log, INFO, "A channel plugin said something.")                                            \
	X(events_suppressed, WARNING, "More events of a kind than may be written; they were counted only.")

enum event_kind {
#define X(name, level, sentence) EVENT_##name,
	EVENT_TABLE(X)
#undef X
		EVENT_KIND_COUNT
};

enum { EVENT_FIELD_BYTES_MAX = 1024, EVENT_LINE_BYTES_MAX = 4096, EVENT_LINES_PER_SECOND_MAX = 100 };

enum event_field_type { EVENT_FIELD_TEXT = 1, EVENT_FIELD_NUMBER };

struct event_field {
	const char *name;
	enum event_field_type type;
	const char *text; /* lent for the call; NULL reads as "" */
	int64_t number;
};

#define EVENT_TEXT(name_, text_) \
	((struct event_field){.name = (name_), .type = EVENT_FIELD_TEXT, .text = (text_)})
#define EVENT_INT(name_, number_) \
	((struct event_field){.name = (name_), .type = EVENT_FIELD_NUMBER, .number = (number_)})

enum event_format {
	EVENT_FORMAT_AUTO = 0,
	EVENT_FORMAT_JSON,
	EVENT_FORMAT_TEXT
}; /* AUTO: text on a terminal */

struct event_settings {
	enum event_format format;
	enum event_level level; /* less is counted, not written; 0: INFO */
	int fd;                 /* 0: standard error */
	const char *program;    /* a static text, in every line; NULL: none */
};

/* May be called again, to change what is in force (a reload). */
void event_open(const struct event_settings *settings);
bool event_format_parse(const char *text, enum event_format *ret_format); /* auto, json, text */
bool event_level_parse(const char *text, enum event_level *ret_level);    /* debug ... fault */

/* Counts it (herald_events_total) and writes one line.  A field that is too long is cut, and the line says
 * so. */
void event_emit(enum event_kind kind, const struct event_field *fields, size_t count);
/* The same at a level that came from elsewhere (a plugin's). */
void event_emit_at(enum event_kind kind, enum event_level level, const struct event_field *fields,
		   size_t count);

/* event(EVENT_channel_died, EVENT_TEXT("channel", name), EVENT_INT("pid", pid)); */
#define event(kind, ...)                                              \
	event_emit((kind), (const struct event_field[]){__VA_ARGS__}, \
		   sizeof((const struct event_field[]){__VA_ARGS__}) / sizeof(struct event_field))

/* Says how many lines of which kind were held back since it was last said.  Called once a second or so, and
 * before the end. */
void event_flush(void);

/* For whoever watches live.  Lines that are written are numbered from 1; event_last tells the newest, 0:
 * none. event_next_after copies the next line after that number, as JSON without a line end, and answers its
 * number; 0: none yet. */
uint64_t event_last(void);
uint64_t event_next_after(uint64_t after, char *ret_line, size_t size);

const char *event_name(enum event_kind kind);     /* "channel_died" */
const char *event_sentence(enum event_kind kind); /* for the documentation */
enum event_level event_level_of(enum event_kind kind);
const char *event_level_name(enum event_level level);

#endif

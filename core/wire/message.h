/* message.h - the contents of the frames: one struct, one encoder and one decoder each.
 *
 * Decoders copy texts into the arena given (0-terminated); CORRUPT when a field has the wrong size, a text
 * holds a 0 or is not UTF-8 where it must be, or a bound is passed; what a plugin says for people (log
 * fields, reasons) is cut and repaired instead.  Used by both ends, so that they cannot drift apart. */
#ifndef WIRE_MESSAGE_H
#define WIRE_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "herald/message.h"
#include "wire/frame.h"

enum {
	WIRE_OPTIONS_MAX = 256,
	WIRE_VALUES_MAX = 1024, /* of one option that is a list */
	WIRE_METERS_MAX = 64,
	WIRE_LOG_FIELDS_MAX = 32,
	WIRE_PROSE_BYTES_MAX = 1024, /* texts for people that come from a plugin */
};

/* An option as the operator wrote it: a scalar has one value, a list any number.  A scalar that was a
 * reference (env:, file:) comes resolved and marked: the channel process never opens a secret's file and
 * inherits no environment.  What is not marked is literal, also for an option of type secret: the host
 * refuses that. */
struct wire_option {
	const char *name, *where; /* where: "conf.d/30-sms.yaml:7:5" */
	const char *const *values;
	size_t value_count;
	bool is_list, is_secret;
};

struct wire_config {
	const char *channel, *plugin_path; /* the .so to load */
	int64_t run;
	uint32_t workers;
	int64_t attempt_timeout_ms, orphan_timeout_ms;
	const char *const *token_hosts; /* host names, "*.example.com" for sub-domains */
	size_t token_host_count;
	bool allow_insecure_loopback;
	uint32_t slots; /* of the board */
	const struct wire_option *options;
	size_t option_count;
};

struct wire_meter {
	const char *name, *help;
	bool is_counter;
};

struct wire_ready {
	const char *plugin, *version, *kind;
	uint32_t batch_max, batch_by; /* enum herald_batch_by; batch_max 0: send, not send_batch */
	int64_t idempotent_ms;
	bool is_blocking;
	const struct wire_meter *meters;
	size_t meter_count;
};

/* One delivery for the host.  words is the encoded body row, passed on as it is. */
struct wire_send {
	uint32_t slot;
	int64_t notification;
	uint32_t n, attempt, priority;
	int64_t first_attempt_at_ms, expires_at_ms; /* UTC */
	int64_t timeout_ms;                         /* what this attempt may take from now */
	bool is_alone;                              /* it carries a crash mark: nothing beside it */
	const char *tenant, *category, *recipient, *name, *locale, *correlation_id, *traceparent, *address;
	const char *destination;
	struct herald_text memory, words;
};

struct wire_log {
	uint32_t level; /* enum herald_level */
	const char *event;
	const struct herald_field *fields;
	size_t field_count;
};

struct wire_checked {
	uint32_t code;                              /* enum herald_code */
	const char *canonical, *destination, *text; /* text: why not */
};

/* The writers append one whole frame; false: it did not fit into the batch, which is as it was before. */
bool wire_config_write(struct herald_builder *batch, const struct wire_config *config);
enum herald_code wire_config_read(const struct frame *frame, struct arena *arena,
				  struct wire_config *ret_config, struct herald_error *err);
bool wire_ready_write(struct herald_builder *batch, const struct wire_ready *ready);
enum herald_code wire_ready_read(const struct frame *frame, struct arena *arena, struct wire_ready *ret_ready,
				 struct herald_error *err);
bool wire_send_write(struct herald_builder *batch, uint64_t ticket, const struct wire_send *send);
enum herald_code wire_send_read(const struct frame *frame, struct arena *arena, struct wire_send *ret_send,
				struct herald_error *err);
bool wire_log_write(struct herald_builder *batch, const struct wire_log *log);
enum herald_code wire_log_read(const struct frame *frame, struct arena *arena, struct wire_log *ret_log,
			       struct herald_error *err);
bool wire_checked_write(struct herald_builder *batch, uint64_t question, const struct wire_checked *checked);
enum herald_code wire_checked_read(const struct frame *frame, struct arena *arena,
				   struct wire_checked *ret_checked, struct herald_error *err);
/* METERS: one value for each of the plugin's, in its table's order; at most WIRE_METERS_MAX. */
bool wire_meters_write(struct herald_builder *batch, uint64_t question, const double *values, size_t count);
enum herald_code wire_meters_read(const struct frame *frame, double *ret_values, size_t size,
				  size_t *ret_count, struct herald_error *err);
/* HELLO, REFUSED: a number (version; herald_code) and a text.  MEMORY, CHECK: a text.  The rest carry no
 * fields. */
bool wire_note_write(struct herald_builder *batch, enum frame_type type, uint64_t sequence, uint64_t number,
		     struct herald_text text);
enum herald_code wire_note_read(const struct frame *frame, struct arena *arena, uint64_t *ret_number,
				struct herald_text *ret_text, struct herald_error *err);

#endif

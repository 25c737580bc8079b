/* message.c - the messages' tables: tag, member, bound.  Tags are never reused; new ones are skipped by who
 * does not know them. */
#include "wire/message.h"

#include "base/limits.h"
#include "wire/layout.h"
#include "wire/tlv.h"
#include "base/check.h"

#define FIELD(struct_, member_, tag_, kind_, max_)                                                   \
	{                                                                                            \
		.tag = (tag_), .kind = (kind_), .offset = offsetof(struct_, member_), .max = (max_), \
	}
#define ITEMS(struct_, member_, count_, tag_, kind_, max_, inner_)                           \
	{                                                                                    \
		.tag = (tag_), .kind = (kind_), .offset = offsetof(struct_, member_),        \
		.count_offset = offsetof(struct_, count_), .max = (max_), .inner = (inner_), \
	}
#define LAYOUT(name_, struct_, fields_)                                        \
	{                                                                      \
		.name = (name_), .size = sizeof(struct_), .fields = (fields_), \
		.field_count = countof(fields_),                               \
	}

enum { PATH_BYTES_MAX = 4096, WORD_BYTES_MAX = 256 };

static const struct layout_field option_fields[] = {
	FIELD(struct wire_option, name, 1, LAYOUT_TEXT, WORD_BYTES_MAX),
	FIELD(struct wire_option, where, 2, LAYOUT_TEXT, PATH_BYTES_MAX),
	ITEMS(struct wire_option, values, value_count, 3, LAYOUT_TEXTS, WIRE_VALUES_MAX, NULL),
	FIELD(struct wire_option, is_list, 4, LAYOUT_BOOL, 0),
	FIELD(struct wire_option, is_secret, 5, LAYOUT_BOOL, 0),
};
static const struct layout option_layout = LAYOUT("option", struct wire_option, option_fields);

static const struct layout_field config_fields[] = {
	FIELD(struct wire_config, channel, 1, LAYOUT_TEXT, WORD_BYTES_MAX),
	FIELD(struct wire_config, plugin_path, 2, LAYOUT_TEXT, PATH_BYTES_MAX),
	FIELD(struct wire_config, run, 3, LAYOUT_I64, 0),
	FIELD(struct wire_config, workers, 4, LAYOUT_U32, 0),
	FIELD(struct wire_config, attempt_timeout_ms, 5, LAYOUT_I64, 0),
	FIELD(struct wire_config, orphan_timeout_ms, 6, LAYOUT_I64, 0),
	ITEMS(struct wire_config, token_hosts, token_host_count, 7, LAYOUT_TEXTS, WIRE_VALUES_MAX, NULL),
	FIELD(struct wire_config, allow_insecure_loopback, 8, LAYOUT_BOOL, 0),
	FIELD(struct wire_config, slots, 9, LAYOUT_U32, 0),
	ITEMS(struct wire_config, options, option_count, 10, LAYOUT_LIST, WIRE_OPTIONS_MAX, &option_layout),
};
static const struct layout config_layout = LAYOUT("CONFIG", struct wire_config, config_fields);

static const struct layout_field meter_fields[] = {
	FIELD(struct wire_meter, name, 1, LAYOUT_TEXT, WORD_BYTES_MAX),
	FIELD(struct wire_meter, help, 2, LAYOUT_PROSE, WIRE_PROSE_BYTES_MAX),
	FIELD(struct wire_meter, is_counter, 3, LAYOUT_BOOL, 0),
};
static const struct layout meter_layout = LAYOUT("meter", struct wire_meter, meter_fields);

static const struct layout_field ready_fields[] = {
	FIELD(struct wire_ready, plugin, 1, LAYOUT_TEXT, WORD_BYTES_MAX),
	FIELD(struct wire_ready, version, 2, LAYOUT_TEXT, WORD_BYTES_MAX),
	FIELD(struct wire_ready, kind, 3, LAYOUT_TEXT, WORD_BYTES_MAX),
	FIELD(struct wire_ready, batch_max, 4, LAYOUT_U32, 0),
	FIELD(struct wire_ready, batch_by, 5, LAYOUT_U32, 0),
	FIELD(struct wire_ready, idempotent_ms, 6, LAYOUT_I64, 0),
	FIELD(struct wire_ready, is_blocking, 7, LAYOUT_BOOL, 0),
	ITEMS(struct wire_ready, meters, meter_count, 8, LAYOUT_LIST, WIRE_METERS_MAX, &meter_layout),
};
static const struct layout ready_layout = LAYOUT("READY", struct wire_ready, ready_fields);

static const struct layout_field send_fields[] = {
	FIELD(struct wire_send, slot, 1, LAYOUT_U32, 0),
	FIELD(struct wire_send, notification, 2, LAYOUT_I64, 0),
	FIELD(struct wire_send, n, 3, LAYOUT_U32, 0),
	FIELD(struct wire_send, attempt, 4, LAYOUT_U32, 0),
	FIELD(struct wire_send, priority, 5, LAYOUT_U32, 0),
	FIELD(struct wire_send, first_attempt_at_ms, 6, LAYOUT_I64, 0),
	FIELD(struct wire_send, expires_at_ms, 7, LAYOUT_I64, 0),
	FIELD(struct wire_send, timeout_ms, 8, LAYOUT_I64, 0),
	FIELD(struct wire_send, is_alone, 9, LAYOUT_BOOL, 0),
	FIELD(struct wire_send, tenant, 10, LAYOUT_TEXT, WORD_BYTES_MAX),
	FIELD(struct wire_send, category, 11, LAYOUT_TEXT, WORD_BYTES_MAX),
	FIELD(struct wire_send, recipient, 12, LAYOUT_TEXT, RECIPIENT_ID_BYTES_MAX),
	FIELD(struct wire_send, name, 13, LAYOUT_TEXT, NAME_BYTES_MAX),
	FIELD(struct wire_send, locale, 14, LAYOUT_TEXT, WORD_BYTES_MAX),
	FIELD(struct wire_send, correlation_id, 15, LAYOUT_TEXT, PATH_BYTES_MAX),
	FIELD(struct wire_send, traceparent, 16, LAYOUT_TEXT, WORD_BYTES_MAX),
	FIELD(struct wire_send, address, 17, LAYOUT_TEXT, ADDRESS_BYTES_MAX),
	FIELD(struct wire_send, destination, 18, LAYOUT_TEXT, ADDRESS_BYTES_MAX),
	FIELD(struct wire_send, memory, 19, LAYOUT_BYTES, MEMORY_BYTES_MAX),
	FIELD(struct wire_send, words, 20, LAYOUT_BYTES, FRAME_BYTES_MAX),
};
static const struct layout send_layout = LAYOUT("SEND", struct wire_send, send_fields);

static const struct layout_field log_field_fields[] = {
	FIELD(struct herald_field, name, 1, LAYOUT_PROSE, WORD_BYTES_MAX),
	FIELD(struct herald_field, value, 2, LAYOUT_PROSE, WIRE_PROSE_BYTES_MAX),
};
static const struct layout log_field_layout = LAYOUT("log field", struct herald_field, log_field_fields);

static const struct layout_field log_fields[] = {
	FIELD(struct wire_log, level, 1, LAYOUT_U32, 0),
	FIELD(struct wire_log, event, 2, LAYOUT_PROSE, WORD_BYTES_MAX),
	ITEMS(struct wire_log, fields, field_count, 3, LAYOUT_LIST, WIRE_LOG_FIELDS_MAX, &log_field_layout),
};
static const struct layout log_layout = LAYOUT("LOG", struct wire_log, log_fields);

static const struct layout_field checked_fields[] = {
	FIELD(struct wire_checked, code, 1, LAYOUT_U32, 0),
	FIELD(struct wire_checked, canonical, 2, LAYOUT_TEXT, ADDRESS_BYTES_MAX),
	FIELD(struct wire_checked, destination, 3, LAYOUT_TEXT, ADDRESS_BYTES_MAX),
	FIELD(struct wire_checked, text, 4, LAYOUT_PROSE, WIRE_PROSE_BYTES_MAX),
};
static const struct layout checked_layout = LAYOUT("CHECKED", struct wire_checked, checked_fields);

struct note {
	int64_t number;
	struct herald_text text;
};

static const struct layout_field note_fields[] = {
	FIELD(struct note, number, 1, LAYOUT_I64, 0),
	FIELD(struct note, text, 2, LAYOUT_BYTES, 64 * 1024),
};
static const struct layout note_layout = LAYOUT("note", struct note, note_fields);

enum { METER_TAG = 1 };

static bool write_frame(struct herald_builder *batch, enum frame_type type, uint64_t sequence,
			const struct layout *layout, const void *message)
{
	size_t began = frame_begin(batch, type, sequence);

	layout_write(layout, batch, message);
	return frame_end(batch, began);
}

bool wire_config_write(struct herald_builder *batch, const struct wire_config *config)
{
	return write_frame(batch, FRAME_CONFIG, 0, &config_layout, config);
}

enum herald_code wire_config_read(const struct frame *frame, struct arena *arena,
				  struct wire_config *ret_config, struct herald_error *err)
{
	return layout_read(&config_layout, frame->fields, frame->size, arena, ret_config, err);
}

bool wire_ready_write(struct herald_builder *batch, const struct wire_ready *ready)
{
	return write_frame(batch, FRAME_READY, 0, &ready_layout, ready);
}

enum herald_code wire_ready_read(const struct frame *frame, struct arena *arena, struct wire_ready *ret_ready,
				 struct herald_error *err)
{
	return layout_read(&ready_layout, frame->fields, frame->size, arena, ret_ready, err);
}

bool wire_send_write(struct herald_builder *batch, uint64_t ticket, const struct wire_send *send)
{
	return write_frame(batch, FRAME_SEND, ticket, &send_layout, send);
}

enum herald_code wire_send_read(const struct frame *frame, struct arena *arena, struct wire_send *ret_send,
				struct herald_error *err)
{
	return layout_read(&send_layout, frame->fields, frame->size, arena, ret_send, err);
}

bool wire_log_write(struct herald_builder *batch, const struct wire_log *log)
{
	return write_frame(batch, FRAME_LOG, 0, &log_layout, log);
}

enum herald_code wire_log_read(const struct frame *frame, struct arena *arena, struct wire_log *ret_log,
			       struct herald_error *err)
{
	return layout_read(&log_layout, frame->fields, frame->size, arena, ret_log, err);
}

bool wire_checked_write(struct herald_builder *batch, uint64_t question, const struct wire_checked *checked)
{
	return write_frame(batch, FRAME_CHECKED, question, &checked_layout, checked);
}

enum herald_code wire_checked_read(const struct frame *frame, struct arena *arena,
				   struct wire_checked *ret_checked, struct herald_error *err)
{
	struct wire_checked checked;
	enum herald_code code =
		layout_read(&checked_layout, frame->fields, frame->size, arena, &checked, err);

	if (code != HERALD_OK)
		return code;
	if (checked.code > HERALD_BUG)
		return herald_fail(err, HERALD_CORRUPT, "CHECKED: %u is no code", (unsigned)checked.code);
	*ret_checked = checked;
	return HERALD_OK;
}

bool wire_meters_write(struct herald_builder *batch, uint64_t question, const double *values, size_t count)
{
	size_t began = frame_begin(batch, FRAME_METERS, question);

	for (size_t i = 0; i < count; i++)
		tlv_add_f64(batch, METER_TAG, values[i]);
	return frame_end(batch, began);
}

enum herald_code wire_meters_read(const struct frame *frame, double *ret_values, size_t size,
				  size_t *ret_count, struct herald_error *err)
{
	struct tlv_cursor cursor = tlv_open(frame->fields, frame->size);
	size_t count = 0;
	struct tlv tlv;

	while (tlv_next(&cursor, &tlv)) {
		if (tlv.tag != METER_TAG)
			continue;
		if (count == size)
			return herald_fail(err, HERALD_CORRUPT, "METERS: more than %zu values", size);
		if (!tlv_f64(&tlv, &ret_values[count++]))
			return herald_fail(err, HERALD_CORRUPT, "METERS: a value is not a number");
	}
	if (cursor.is_broken)
		return herald_fail(err, HERALD_CORRUPT, "METERS: a field is longer than its frame");
	*ret_count = count;
	return HERALD_OK;
}

bool wire_note_write(struct herald_builder *batch, enum frame_type type, uint64_t sequence, uint64_t number,
		     struct herald_text text)
{
	struct note note = {.number = (int64_t)number, .text = text};

	return write_frame(batch, type, sequence, &note_layout, &note);
}

enum herald_code wire_note_read(const struct frame *frame, struct arena *arena, uint64_t *ret_number,
				struct herald_text *ret_text, struct herald_error *err)
{
	struct note note;
	enum herald_code code = layout_read(&note_layout, frame->fields, frame->size, arena, &note, err);

	if (code != HERALD_OK)
		return code;
	*ret_number = (uint64_t)note.number;
	*ret_text = note.text;
	return HERALD_OK;
}

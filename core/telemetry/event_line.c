/* event_line.c - how an event looks: one JSON object, or words for a terminal.
 *
 * Invariant: whatever a field holds, the line is one line, valid UTF-8, and nothing in it moves a cursor or
 * turns the direction of writing: controls, DEL, line separators and bidirectional marks are escaped. */
#include "telemetry/private.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/check.h"

enum {
	TAIL_BYTES = 32, /* kept free for what must stand at the end: the mark of a cut, brace, line feed */
	FIELD_NAME_BYTES_MAX = 64,
	REPLACEMENT = 0xfffd,
};

/* All or nothing. */
static bool line_add(struct event_line *line, const char *data, size_t size)
{
	if (line->size + size > line->limit) {
		line->is_cut = true;
		return false;
	}
	memcpy(line->data + line->size, data, size);
	line->size += size;
	return true;
}

static bool line_add_text(struct event_line *line, const char *text)
{
	return line_add(line, text, strlen(text));
}

/* For what TAIL_BYTES was kept. */
static void line_end(struct event_line *line, const char *text)
{
	size_t size = strlen(text);
	CHECK(size <= sizeof(line->data) - line->size);
	memcpy(line->data + line->size, text, size);
	line->size += size;
}

/* One character at *at, which is not the end; a byte that begins none reads as U+FFFD. */
static uint32_t take_character(const char **at)
{
	const unsigned char *p = (const unsigned char *)*at;
	size_t size = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	/* A text ends with a 0, which is no continuation: strnlen keeps the look-ahead inside. */
	if (strnlen(*at, size) < size || !herald_utf8_valid(*at, size)) {
		*at += 1;
		return REPLACEMENT;
	}
	*at += size;
	if (size == 1)
		return p[0];
	uint32_t value = p[0] & (0xffu >> (size + 1));
	for (size_t i = 1; i < size; i++)
		value = value << 6 | (p[i] & 0x3fu);
	return value;
}

static bool is_dangerous(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0x061c || c == 0x200e || c == 0x200f ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

/* Escaped as JSON does, so that both forms can be read back the same way.  Stops where the line or the
 * field's share of it ends. */
static void line_add_escaped(struct event_line *line, const char *text)
{
	const char *at = text;
	while (*at != 0) {
		const char *begin = at;
		char piece[8];
		size_t size;
		uint32_t c = take_character(&at);
		if (at - text > EVENT_FIELD_BYTES_MAX) {
			line->is_cut = true;
			return;
		}
		if (c == '"' || c == '\\')
			size = (size_t)snprintf(piece, sizeof(piece), "\\%c", (char)c);
		else if (c == '\n')
			size = (size_t)snprintf(piece, sizeof(piece), "\\n");
		else if (is_dangerous(c) || c == REPLACEMENT)
			size = (size_t)snprintf(piece, sizeof(piece), "\\u%04x", (unsigned)(c & 0xffff));
		else
			memcpy(piece, begin, size = (size_t)(at - begin));
		if (!line_add(line, piece, size))
			return;
	}
}

static bool is_name_character(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
	       c == '.' || c == '-';
}

static bool is_reserved(const char *name)
{
	static const char *const reserved[] = {"at", "level", "event", "program", "suppressed", "cut"};
	for (size_t i = 0; i < countof(reserved); i++) {
		if (strcmp(name, reserved[i]) == 0)
			return true;
	}
	return false;
}

/* Names come from plugins, too: what is no name becomes one, and none can pass for one of ours. */
static void field_name(const char *name, char ret_name[FIELD_NAME_BYTES_MAX + 2])
{
	size_t i = 0;
	for (; i < FIELD_NAME_BYTES_MAX && name[i] != 0; i++)
		ret_name[i] = is_name_character(name[i]) ? name[i] : '_';
	ret_name[i] = 0;
	if (i == 0 || is_reserved(ret_name)) {
		ret_name[i++] = '_';
		ret_name[i] = 0;
	}
}

static void line_begin(struct event_line *line, const char *start)
{
	line->size = 0;
	line->limit = sizeof(line->data) - TAIL_BYTES;
	line->is_cut = false;
	line_add_text(line, start);
}

/* A value may be cut, but never so that its closing quote has no place. */
static void line_add_quoted(struct event_line *line, const char *text)
{
	line_add_escaped(line, text == NULL ? "" : text);
	line->limit++;
	line_add_text(line, "\"");
}

/* A field goes in with its name and at least the beginning of its value, or not at all. */
static void json_field(struct event_line *line, const struct event_field *field)
{
	char name[FIELD_NAME_BYTES_MAX + 2], opening[FIELD_NAME_BYTES_MAX + 40];
	field_name(field->name, name);
	if (field->type == EVENT_FIELD_NUMBER) {
		snprintf(opening, sizeof(opening), ",\"%s\":%" PRId64, name, field->number);
		line_add_text(line, opening);
		return;
	}
	snprintf(opening, sizeof(opening), ",\"%s\":\"", name);
	line->limit--;
	if (line_add_text(line, opening))
		line_add_quoted(line, field->text);
	else
		line->limit++;
}

void event_line_json(struct event_line *line, const struct event_head *head, const struct event_field *fields,
		     size_t count)
{
	char at[CLOCK_TEXT_SIZE], start[192];
	clock_text(head->at_ms, at);
	snprintf(start, sizeof(start), "{\"at\":\"%s\",\"level\":\"%s\",\"event\":\"%s\"", at,
		 event_level_name(head->level), event_name(head->kind));
	line_begin(line, start);
	if (head->program != NULL) {
		snprintf(start, sizeof(start), ",\"program\":\"%s\"", head->program);
		line_add_text(line, start);
	}
	if (head->suppressed > 0) {
		snprintf(start, sizeof(start), ",\"suppressed\":%" PRIu64, head->suppressed);
		line_add_text(line, start);
	}
	for (size_t i = 0; i < count; i++)
		json_field(line, &fields[i]);
	if (line->is_cut)
		line_end(line, ",\"cut\":true");
	line_end(line, "}\n");
}

static bool is_plain(const char *text)
{
	if (*text == 0)
		return false;
	for (; *text != 0; text++) {
		if (*text <= ' ' || *text >= 0x7f || *text == '"' || *text == '\\' || *text == '=')
			return false;
	}
	return true;
}

static void text_field(struct event_line *line, const struct event_field *field)
{
	char name[FIELD_NAME_BYTES_MAX + 2], opening[FIELD_NAME_BYTES_MAX + 40];
	field_name(field->name, name);
	if (field->type == EVENT_FIELD_NUMBER) {
		snprintf(opening, sizeof(opening), " %s=%" PRId64, name, field->number);
		line_add_text(line, opening);
		return;
	}
	bool is_quoted = field->text == NULL || !is_plain(field->text);
	snprintf(opening, sizeof(opening), " %s=%s", name, is_quoted ? "\"" : "");
	line->limit--;
	if (!line_add_text(line, opening)) {
		line->limit++;
	} else if (is_quoted) {
		line_add_quoted(line, field->text);
	} else {
		line_add_escaped(line, field->text);
		line->limit++;
	}
}

void event_line_text(struct event_line *line, const struct event_head *head, const struct event_field *fields,
		     size_t count)
{
	char at[CLOCK_TEXT_SIZE], start[192];
	clock_text(head->at_ms, at);
	/* A person wants the time of day. */
	snprintf(start, sizeof(start), "%.12s %-7s %s", at + strlen("2026-11-24T"),
		 event_level_name(head->level), event_name(head->kind));
	line_begin(line, start);
	for (size_t i = 0; i < count; i++)
		text_field(line, &fields[i]);
	if (head->suppressed > 0) {
		snprintf(start, sizeof(start), " (%" PRIu64 " more were held back)", head->suppressed);
		line_add_text(line, start);
	}
	if (line->is_cut)
		line_end(line, " (cut)");
	line_end(line, "\n");
}

/* header.c - reads texts for headers and writes header fields.
 *
 * Invariant: each call writes whole lines, ended by CRLF, and the only CR and LF in them are those that
 * header.c itself put there. */
#include "header.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

enum { LINE_CHARS = 76, WORD_CHARS_MAX = 75 };

static const char word_begin_base64[] = "=?utf-8?B?";
static const char word_begin_quoted[] = "=?utf-8?Q?";
static const char word_end[] = "?=";

/* A word's frame; the shortest word there must be room for: one character of four bytes, quoted. */
enum { WORD_FRAME = sizeof(word_begin_base64) - 1 + sizeof(word_end) - 1, SMALLEST_WORD = WORD_FRAME + 12 };

enum herald_code header_text_read(const char *text, struct header_text *ret_text, struct herald_error *err)
{
	size_t size = strnlen(text, HEADER_TEXT_BYTES_MAX + 1);

	if (size > HEADER_TEXT_BYTES_MAX)
		return herald_fail(err, HERALD_INVALID, "longer than %d bytes", HEADER_TEXT_BYTES_MAX);
	if (!herald_utf8_valid(text, size))
		return herald_fail(err, HERALD_INVALID, "not UTF-8");
	for (size_t i = 0; i < size; i++) {
		unsigned char c = (unsigned char)text[i];

		/* C1 is C2 80 to C2 9F in UTF-8. */
		if (c < 0x20 || c == 0x7F || (c == 0xC2 && (unsigned char)text[i + 1] < 0xA0))
			return herald_fail(err, HERALD_INVALID, "a line end or another control character");
	}
	*ret_text = (struct header_text){text, size};
	return HERALD_OK;
}

enum herald_code header_name_read(const char *name, struct header_name *ret_name, struct herald_error *err)
{
	size_t size = strnlen(name, HEADER_NAME_CHARS_MAX + 1);

	if (size > HEADER_NAME_CHARS_MAX)
		return herald_fail(err, HERALD_INVALID, "a header's name has at most %d characters",
				   HEADER_NAME_CHARS_MAX);
	for (size_t i = 0; i < size; i++)
		if (name[i] <= ' ' || name[i] > '~' || name[i] == ':')
			return herald_fail(err, HERALD_INVALID,
					   "a header's name is ASCII without blanks and colons");
	if ((strncasecmp(name, "X-", 2) != 0 || size < 3) && (strncasecmp(name, "List-", 5) != 0 || size < 6))
		return herald_fail(err, HERALD_INVALID, "only headers X-... and List-... may be added");
	*ret_name = (struct header_name){name};
	return HERALD_OK;
}

static size_t character_size(const char *text)
{
	unsigned char c = (unsigned char)*text;

	return c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : c >= 0xC0 ? 2 : 1;
}

static bool is_word_literal(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '!' ||
	       c == '*' || c == '+' || c == '-' || c == '/';
}

static size_t quoted_size(const char *text, size_t size)
{
	size_t sum = 0;

	for (size_t i = 0; i < size; i++)
		sum += is_word_literal(text[i]) || text[i] == ' ' ? 1 : 3;
	return sum;
}

static size_t base64_size(size_t size)
{
	return (size + 2) / 3 * 4;
}

static void add_word(struct herald_builder *builder, bool in_base64, const char *text, size_t size)
{
	herald_add(builder, in_base64 ? word_begin_base64 : word_begin_quoted);
	if (in_base64)
		herald_add_base64(builder, text, size);
	for (size_t i = 0; !in_base64 && i < size; i++) {
		if (text[i] == ' ')
			herald_add(builder, "_");
		else if (is_word_literal(text[i]))
			herald_add_bytes(builder, &text[i], 1);
		else
			herald_addf(builder, "=%02X", (unsigned)(unsigned char)text[i]);
	}
	herald_add(builder, word_end);
}

/* Encoded words, one a line.  RFC 2047 5: none splits a character; at most 75 characters each. */
static void add_words(struct herald_builder *builder, size_t column, struct header_text text)
{
	bool in_base64 = base64_size(text.size) < quoted_size(text.data, text.size);

	for (size_t at = 0; at < text.size;) {
		size_t room = (column + WORD_CHARS_MAX > LINE_CHARS ? LINE_CHARS - column : WORD_CHARS_MAX) -
			      WORD_FRAME;
		size_t size = 0;

		while (at + size < text.size) {
			size_t next = size + character_size(text.data + at + size);

			if ((in_base64 ? base64_size(next) : quoted_size(text.data + at, next)) > room)
				break;
			size = next;
		}
		add_word(builder, in_base64, text.data + at, size);
		at += size;
		if (at < text.size)
			herald_add(builder, "\r\n ");
		column = 1;
	}
}

/* May it stand as it is?  It must read back unchanged: blanks at an end get lost on the way. */
static bool is_plain(struct header_text text)
{
	size_t run = 0;

	for (size_t i = 0; i < text.size; i++) {
		if ((unsigned char)text.data[i] >= 0x80)
			return false;
		if (text.data[i] == '=' && text.data[i + 1] == '?')
			return false;
		run = text.data[i] == ' ' ? 0 : run + 1;
		if (run > HEADER_LINE_CHARS_MAX - 2)
			return false;
	}
	return text.size == 0 || (text.data[0] != ' ' && text.data[text.size - 1] != ' ');
}

/* Fold before a run of blanks, so that unfolding gives back every one of them. */
static void add_folded(struct herald_builder *builder, size_t column, struct header_text text)
{
	for (size_t at = 0; at < text.size;) {
		size_t end = at;

		while (end < text.size && text.data[end] == ' ')
			end++;
		while (end < text.size && text.data[end] != ' ')
			end++;
		if (column + (end - at) > LINE_CHARS && text.data[at] == ' ') {
			herald_add(builder, "\r\n");
			column = 0;
		}
		herald_add_bytes(builder, text.data + at, end - at);
		column += end - at;
		at = end;
	}
}

/* "Name:" and one blank; a first word that the line has no room for goes to the next. */
static size_t add_name(struct herald_builder *builder, const char *name, size_t first_word_size)
{
	size_t column = strlen(name) + 2;

	herald_addf(builder, "%s:", name);
	if (column + first_word_size > LINE_CHARS) {
		herald_add(builder, "\r\n");
		column = 1;
	}
	herald_add(builder, " ");
	return column;
}

void header_add_text(struct herald_builder *builder, const char *name, struct header_text text)
{
	if (is_plain(text)) {
		const char *blank = memchr(text.data, ' ', text.size);
		size_t first = blank ? (size_t)(blank - text.data) : text.size;

		add_folded(builder, add_name(builder, name, first), text);
	} else {
		add_words(builder, add_name(builder, name, SMALLEST_WORD), text);
	}
	herald_add(builder, "\r\n");
}

/* U+200B..200F, U+202A..202E, U+2060..2069, U+FEFF, U+061C: all are two or three bytes long. */
static bool is_deceptive(const char *text)
{
	const unsigned char *c = (const unsigned char *)text;

	if (c[0] == 0xE2 && c[1] == 0x80)
		return (c[2] >= 0x8B && c[2] <= 0x8F) || (c[2] >= 0xAA && c[2] <= 0xAE);
	if (c[0] == 0xE2 && c[1] == 0x81)
		return c[2] >= 0xA0 && c[2] <= 0xA9;
	if (c[0] == 0xEF && c[1] == 0xBB)
		return c[2] == 0xBF;
	return c[0] == 0xD8 && c[1] == 0x9C;
}

static void add_quoted_string(struct herald_builder *builder, struct header_text text)
{
	herald_add(builder, "\"");
	for (size_t i = 0; i < text.size; i++) {
		if (text.data[i] == '"' || text.data[i] == '\\')
			herald_add(builder, "\\");
		herald_add_bytes(builder, &text.data[i], 1);
	}
	herald_add(builder, "\"");
}

/* The field's name and the display name, up to the place of the address. */
static void add_display_name(struct herald_builder *builder, const char *name, struct header_text text,
			     size_t address_size)
{
	enum { QUOTED_MAX = 60 };

	if (text.size == 0) {
		add_name(builder, name, address_size);
	} else if (is_plain(text) && text.size <= QUOTED_MAX) {
		size_t column = add_name(builder, name, text.size + 2);

		add_quoted_string(builder, text);
		herald_add(builder, column + text.size + 3 + address_size > LINE_CHARS ? "\r\n " : " ");
	} else {
		/* A long quoted string has no safe place to fold; encoded words do. */
		add_words(builder, add_name(builder, name, SMALLEST_WORD), text);
		herald_add(builder, "\r\n ");
	}
}

void header_add_address(struct herald_builder *builder, const char *name, struct header_text display_name,
			const struct mailbox *mailbox)
{
	struct herald_builder shown;

	herald_builder_init(&shown, HEADER_TEXT_BYTES_MAX);
	for (size_t at = 0, size; at < display_name.size; at += size) {
		size = character_size(display_name.data + at);
		if (!is_deceptive(display_name.data + at))
			herald_add_bytes(&shown, display_name.data + at, size);
	}
	if (shown.code != HERALD_OK)
		builder->code = HERALD_LIMIT;
	add_display_name(builder, name, (struct header_text){shown.data, shown.size},
			 strlen(mailbox->text) + 2);
	herald_addf(builder, shown.size > 0 ? "<%s>\r\n" : "%s\r\n", mailbox->text);
	herald_builder_done(&shown);
}

enum herald_code header_add_plain(struct herald_builder *builder, const char *name, struct header_text text,
				  struct herald_error *err)
{
	if (strlen(name) + 2 + text.size > HEADER_LINE_CHARS_MAX)
		return herald_fail(err, HERALD_INVALID, "longer than %d characters with its name",
				   HEADER_LINE_CHARS_MAX);
	for (size_t i = 0; i < text.size; i++)
		if ((unsigned char)text.data[i] >= 0x80)
			return herald_fail(err, HERALD_INVALID, "not ASCII");
	herald_addf(builder, "%s: ", name);
	herald_add_bytes(builder, text.data, text.size);
	herald_add(builder, "\r\n");
	return HERALD_OK;
}

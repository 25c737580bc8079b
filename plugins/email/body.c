/* body.c - line ends made canonical, words encoded.
 *
 * Invariant: every line written here ends with CRLF, holds printable ASCII and blanks only, and no more than
 * 76 characters. */
#include "body.h"

#include <stdbool.h>
#include <string.h>

enum { LINE_CHARS = 76, BASE64_BYTES = 57 };

static void add_canonical(struct herald_builder *builder, struct herald_text words)
{
	size_t begin = 0;

	for (size_t i = 0; i < words.size; i++) {
		if (words.data[i] != '\r' && words.data[i] != '\n')
			continue;
		herald_add_bytes(builder, words.data + begin, i - begin);
		herald_add(builder, "\r\n");
		if (words.data[i] == '\r' && i + 1 < words.size && words.data[i + 1] == '\n')
			i++;
		begin = i + 1;
	}
	if (begin < words.size) {
		herald_add_bytes(builder, words.data + begin, words.size - begin);
		herald_add(builder, "\r\n");
	}
}

static bool is_printable(char c)
{
	return c >= ' ' && c <= '~' && c != '=';
}

/* Some characters are fine except in some places; a relay or a mailbox file might touch them there. */
static bool stands_for_itself(struct herald_text text, size_t at, size_t column)
{
	static const char from[] = "From ";
	char c = text.data[at];

	if (c == ' ' || c == '\t')
		return text.data[at + 1] != '\r';
	if (column == 0 && (c == '.' || c == '-'))
		return false;
	if (column == 0 && c == 'F' && strncmp(text.data + at, from, sizeof(from) - 1) == 0)
		return false;
	return is_printable(c);
}

/* Runs of characters that stand for themselves are copied at once. */
static void add_quoted_printable(struct herald_builder *builder, struct herald_text text)
{
	size_t column = 0, run = 0;

	for (size_t at = 0; at < text.size; at++) {
		if (text.data[at] == '\r') {
			at++; /* the run goes on over the line end */
			column = 0;
			continue;
		}
		/* One column is kept for the = of a soft line end. */
		if (column + (stands_for_itself(text, at, column) ? 1 : 3) > LINE_CHARS - 1) {
			herald_add_bytes(builder, text.data + run, at - run);
			herald_add(builder, "=\r\n");
			run = at;
			column = 0;
		}
		if (stands_for_itself(text, at, column)) {
			column++;
			continue;
		}
		herald_add_bytes(builder, text.data + run, at - run);
		herald_addf(builder, "=%02X", (unsigned)(unsigned char)text.data[at]);
		run = at + 1;
		column += 3;
	}
	herald_add_bytes(builder, text.data + run, text.size - run);
}

static void add_base64_lines(struct herald_builder *builder, struct herald_text text)
{
	for (size_t at = 0; at < text.size; at += BASE64_BYTES) {
		size_t size = text.size - at < BASE64_BYTES ? text.size - at : BASE64_BYTES;

		herald_add_base64(builder, text.data + at, size);
		herald_add(builder, "\r\n");
	}
}

/* An escape is three characters for one, base64 four for three: past a sixth base64 is shorter. */
static bool is_mostly_escapes(struct herald_text text)
{
	size_t escapes = 0;

	for (size_t i = 0; i < text.size; i++)
		if (!is_printable(text.data[i]) && text.data[i] != '\r' && text.data[i] != '\n' &&
		    text.data[i] != '\t')
			escapes++;
	return escapes > text.size / 6;
}

void body_add(struct herald_builder *builder, const char *subtype, struct herald_text words)
{
	struct herald_builder canonical;

	herald_builder_init(&canonical, builder->size_max);
	add_canonical(&canonical, words);
	struct herald_text text = {canonical.data, canonical.size};
	bool in_base64 = is_mostly_escapes(text);
	herald_addf(builder,
		    "Content-Type: text/%s; charset=utf-8\r\n"
		    "Content-Transfer-Encoding: %s\r\n\r\n",
		    subtype, in_base64 ? "base64" : "quoted-printable");
	if (in_base64)
		add_base64_lines(builder, text);
	else
		add_quoted_printable(builder, text);
	if (canonical.code != HERALD_OK)
		builder->code = HERALD_LIMIT;
	herald_builder_done(&canonical);
}

/* mail.c - reads a mail strictly where a relay would be strict, and shows it plainly. */
#include "mail.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "herald/kit.h"

#include "base/check.h"

enum { HEADERS_MAX = 64, BOUNDARY_SIZE = 80, WORD_BYTES_MAX = 4096 };

struct field {
	const char *name, *value;
};

struct part {
	struct field fields[HEADERS_MAX];
	size_t count;
	const char *body;
	size_t body_size;
};

static const char *field_value(const struct part *part, const char *name)
{
	for (size_t i = 0; i < part->count; i++)
		if (strcasecmp(part->fields[i].name, name) == 0)
			return part->fields[i].value;
	return "";
}

static int hex_value(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	digit = (char)toupper((unsigned char)digit);
	return digit >= 'A' && digit <= 'F' ? digit - 'A' + 10 : -1;
}

/* Quoted-printable; with is_word RFC 2047's Q, where _ is a blank. */
static size_t decode_quoted(const char *text, size_t size, bool is_word, char *ret_data)
{
	size_t length = 0;

	for (size_t i = 0; i < size; i++) {
		if (text[i] == '=' && i + 2 < size && text[i + 1] == '\r' && text[i + 2] == '\n') {
			i += 2;
		} else if (text[i] == '=' && i + 2 < size && hex_value(text[i + 1]) >= 0 &&
			   hex_value(text[i + 2]) >= 0) {
			ret_data[length++] = (char)(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
			i += 2;
		} else {
			ret_data[length++] = is_word && text[i] == '_' ? ' ' : text[i];
		}
	}
	return length;
}

/* Base64 with line breaks in it; what is not base64 stays as it came. */
static size_t decode_base64(struct arena *arena, const char *text, size_t size, char *ret_data)
{
	char *compact = arena_alloc(arena, size + 1);
	size_t compact_size = 0, length = 0;

	for (size_t i = 0; i < size; i++)
		if (!isspace((unsigned char)text[i]))
			compact[compact_size++] = text[i];
	compact[compact_size] = '\0';
	if (herald_base64_decode(compact, ret_data, size, &length, NULL) == HERALD_OK)
		return length;
	memcpy(ret_data, text, size);
	return size;
}

static const char *as_text(struct arena *arena, const char *data, size_t size)
{
	char *text = arena_alloc(arena, size + 1);

	memcpy(text, data, size);
	text[size] = '\0';
	for (size_t i = 0; i < size; i++)
		if (text[i] == '\0')
			text[i] = ' ';
	if (herald_utf8_valid(text, size))
		return text;
	for (size_t i = 0; i < size; i++)
		if ((unsigned char)text[i] > 127)
			text[i] = '?';
	return text;
}

/* "=?charset?q|b?text?=" at *at; true moves *at behind it and adds the words. */
static bool decode_word(struct arena *arena, const char **at, struct herald_builder *out)
{
	char charset[32], encoding;
	int start = 0;

	if (sscanf(*at, "=?%31[^?]?%c?%n", charset, &encoding, &start) != 2 || start == 0)
		return false;
	const char *text = *at + start, *end = strstr(text, "?=");
	if (!end)
		return false;
	size_t size = (size_t)(end - text), length;
	char *data = arena_alloc(arena, size + 1);
	if (tolower((unsigned char)encoding) == 'q')
		length = decode_quoted(text, size, true, data);
	else if (tolower((unsigned char)encoding) == 'b')
		length = decode_base64(arena, text, size, data);
	else
		return false;
	if (strcasecmp(charset, "iso-8859-1") == 0) {
		for (size_t i = 0; i < length; i++) {
			unsigned byte = (unsigned char)data[i];
			if (byte < 0x80)
				herald_add_bytes(out, &data[i], 1);
			else
				herald_addf(out, "%c%c", (int)(0xC0U | byte >> 6U),
					    (int)(0x80U | (byte & 0x3FU)));
		}
	} else {
		herald_add_bytes(out, data, length);
	}
	*at = end + 2;
	return true;
}

const char *mail_decode_words(struct arena *arena, const char *value)
{
	struct herald_builder out;
	bool after_word = false;

	herald_builder_init(&out, WORD_BYTES_MAX);
	for (const char *at = value; *at;) {
		const char *blank = at + strspn(at, " \t");
		/* Blanks between two encoded words are no part of the text. */
		if (after_word && blank != at && blank[0] == '=' && blank[1] == '?') {
			const char *next = blank;
			if (decode_word(arena, &next, &out)) {
				at = next;
				continue;
			}
		}
		after_word = at[0] == '=' && at[1] == '?' && decode_word(arena, &at, &out);
		if (!after_word)
			herald_add_bytes(&out, at++, 1);
	}
	const char *decoded = as_text(arena, out.data, out.size);
	herald_builder_done(&out);
	return decoded;
}

/* One header, unfolded, from data on; *ret_size is what it took with its line ends. */
static enum herald_code read_field(struct arena *arena, const char *data, size_t size,
				   struct field *ret_field, size_t *ret_size, struct herald_error *err)
{
	size_t name_size = 0, length = 0, at;

	while (name_size < size && data[name_size] > ' ' && data[name_size] < 127 && data[name_size] != ':')
		name_size++;
	if (name_size == 0 || name_size >= size || data[name_size] != ':')
		return herald_fail(err, HERALD_INVALID, "header line '%.*s' is none",
				   (int)(size < 40 ? size : 40), data);
	char *value = arena_alloc(arena, size + 1);
	for (at = name_size + 1; at < size; at++) {
		if (data[at] != '\r' || at + 1 >= size || data[at + 1] != '\n') {
			value[length++] = data[at];
			continue;
		}
		at++;
		if (at + 1 < size && (data[at + 1] == ' ' || data[at + 1] == '\t'))
			continue; /* folded: the blank that follows stays */
		at++;
		break;
	}
	value[length] = '\0';
	*ret_field = (struct field){arena_printf(arena, "%.*s", (int)name_size, data),
				    value + strspn(value, " \t")};
	*ret_size = at < size ? at : size;
	return HERALD_OK;
}

static enum herald_code read_part(struct arena *arena, const char *data, size_t size, struct part *ret_part,
				  struct herald_error *err)
{
	size_t at = 0, taken = 0;

	ret_part->count = 0;
	while (at + 1 < size && !(data[at] == '\r' && data[at + 1] == '\n')) {
		/* A field cannot reach beyond the empty line. */
		const char *end = memmem(data + at, size - at, "\r\n\r\n", 4);
		size_t block = end ? (size_t)(end - data) + 2 - at : size - at;
		if (ret_part->count == HEADERS_MAX)
			return herald_fail(err, HERALD_INVALID, "more than %d headers", HEADERS_MAX);
		if (read_field(arena, data + at, block, &ret_part->fields[ret_part->count], &taken, err) !=
		    HERALD_OK)
			return HERALD_INVALID;
		ret_part->count++;
		at += taken;
	}
	at = at + 2 < size ? at + 2 : size;
	ret_part->body = data + at;
	ret_part->body_size = size - at;
	return HERALD_OK;
}

/* The boundary of a multipart's Content-Type, "" if it has none. */
static void boundary_of(const char *type, char ret_boundary[BOUNDARY_SIZE])
{
	const char *at = strcasestr(type, "boundary=");
	size_t size = 0;

	ret_boundary[0] = '\0';
	if (!at)
		return;
	at += strlen("boundary=");
	bool is_quoted = *at == '"';
	at += is_quoted;
	while (at[size] && (is_quoted ? at[size] != '"' : !strchr("; \t", at[size])))
		size++;
	if (size < BOUNDARY_SIZE) {
		memcpy(ret_boundary, at, size);
		ret_boundary[size] = '\0';
	}
}

static const char *part_text(struct arena *arena, const struct part *part)
{
	const char *encoding = field_value(part, "Content-Transfer-Encoding");
	char *data = arena_alloc(arena, part->body_size + 1);
	size_t length = part->body_size;

	if (strcasecmp(encoding, "quoted-printable") == 0)
		length = decode_quoted(part->body, part->body_size, false, data);
	else if (strcasecmp(encoding, "base64") == 0)
		length = decode_base64(arena, part->body, part->body_size, data);
	else
		memcpy(data, part->body, part->body_size);
	while (length > 0 && (data[length - 1] == '\n' || data[length - 1] == '\r'))
		length--;
	return as_text(arena, data, length);
}

/* The words of a part: plain text before any other text.  NULL: none in it. */
static const char *find_text(struct arena *arena, const struct part *part, const char *wanted, int depth)
{
	const char *type = field_value(part, "Content-Type");
	char boundary[BOUNDARY_SIZE];
	struct herald_error err;

	if (type[0] == '\0')
		type = "text/plain";
	if (strncasecmp(type, "multipart/", 10) != 0)
		return strncasecmp(type, wanted, strlen(wanted)) == 0 ? part_text(arena, part) : NULL;
	boundary_of(type, boundary);
	if (boundary[0] == '\0' || depth == MAIL_DEPTH_MAX)
		return NULL;
	const char *line = arena_printf(arena, "--%s", boundary);
	size_t line_size = strlen(line);
	const char *end = part->body + part->body_size;
	const char *at = memmem(part->body, part->body_size, line, line_size);
	while (at && at + line_size + 2 < end && memcmp(at + line_size, "--", 2) != 0) {
		const char *start = at + line_size + 2;
		const char *next = memmem(start, (size_t)(end - start), line, line_size);
		struct part *inner = arena_new_of(arena, struct part);
		size_t size = (size_t)((next ? next : end) - start);
		if (read_part(arena, start, size > 2 && next ? size - 2 : size, inner, &err) == HERALD_OK) {
			const char *text = find_text(arena, inner, wanted, depth + 1);
			if (text)
				return text;
		}
		at = next;
	}
	return NULL;
}

static enum herald_code check_bytes(const char *data, size_t size, size_t header_size, bool is_8bit,
				    struct herald_error *err)
{
	size_t line = 0;

	for (size_t i = 0; i < size; i++) {
		unsigned char byte = (unsigned char)data[i];
		line = data[i] == '\n' ? 0 : line + 1;
		if (line > MAIL_LINE_BYTES_MAX + 1)
			return herald_fail(err, HERALD_INVALID, "a line has more than %d bytes",
					   MAIL_LINE_BYTES_MAX);
		if (byte == 0)
			return herald_fail(err, HERALD_INVALID, "there is a NUL byte in it");
		if (byte > 127 && i < header_size)
			return herald_fail(err, HERALD_INVALID,
					   "a byte over 127 in the headers: encode it (RFC 2047)");
		if (byte > 127 && !is_8bit)
			return herald_fail(err, HERALD_INVALID,
					   "a byte over 127, but BODY=8BITMIME was not announced");
	}
	return HERALD_OK;
}

enum herald_code mail_read(struct arena *arena, const char *data, size_t size, bool is_8bit,
			   struct mail *ret_mail, struct herald_error *err)
{
	static const char *const NEEDED[] = {"From", "Date", "Message-ID", "MIME-Version", "Content-Type"};
	struct part *whole = arena_new_of(arena, struct part);

	if (read_part(arena, data, size, whole, err) != HERALD_OK ||
	    check_bytes(data, size, (size_t)(whole->body - data), is_8bit, err) != HERALD_OK)
		return HERALD_INVALID;
	for (size_t i = 0; i < countof(NEEDED); i++)
		if (field_value(whole, NEEDED[i])[0] == '\0')
			return herald_fail(err, HERALD_INVALID, "header %s is missing", NEEDED[i]);
	const char *text = find_text(arena, whole, "text/plain", 0);
	if (!text)
		text = find_text(arena, whole, "text/", 0);
	*ret_mail = (struct mail){.subject = mail_decode_words(arena, field_value(whole, "Subject")),
				  .from = mail_decode_words(arena, field_value(whole, "From")),
				  .message_id = field_value(whole, "Message-ID"),
				  .text = text ? text : ""};
	return HERALD_OK;
}

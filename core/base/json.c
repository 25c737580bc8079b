/* json.c - the scan that bounds a text before a tree exists, and the few doors to jansson.
 *
 * The scan counts what costs memory (values, depth, keys) and refuses what is no text; it is no grammar:
 * jansson is, and finds doubled keys, after the scan has bounded what it can cost. */
#include "base/json.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/check.h"

struct scan {
	const char *at, *end;
	unsigned line, column;
	unsigned depth, values;
	struct json_fault *fault;
};

static void fault_set(struct json_fault *fault, enum json_trouble trouble, unsigned line, unsigned column,
		      const char *text)
{
	*fault = (struct json_fault){.trouble = trouble, .line = line, .column = column};
	size_t i = 0;
	for (; text[i] != 0 && i + 1 < sizeof(fault->text); i++)
		fault->text[i] = text[i] >= 0x20 && text[i] < 0x7f ? text[i] : '?';
	fault->text[i] = 0;
}

static enum json_trouble scan_refuse(const struct scan *s, enum json_trouble trouble, const char *text)
{
	fault_set(s->fault, trouble, s->line, s->column, text);
	return trouble;
}

static void scan_step(struct scan *s)
{
	unsigned char c = (unsigned char)*s->at++;
	if (c == '\n') {
		s->line++;
		s->column = 1;
	} else if ((c & 0xc0) != 0x80) { /* columns count characters, not their continuation bytes */
		s->column++;
	}
}

/* Which line holds the first byte that is no UTF-8: a line feed is never part of a longer character. */
static enum json_trouble scan_find_not_utf8(const char *data, size_t size, struct json_fault *fault)
{
	unsigned line = 1;
	while (size > 0) {
		const char *feed = memchr(data, '\n', size);
		size_t length = feed == NULL ? size : (size_t)(feed - data) + 1;
		if (!herald_utf8_valid(data, length))
			break;
		data += length;
		size -= length;
		line++;
	}
	fault_set(fault, JSON_NOT_UTF8, line, 0, "the text is not valid UTF-8");
	return JSON_NOT_UTF8;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_next_colon(const struct scan *s)
{
	const char *at = s->at;
	while (at < s->end && is_blank(*at))
		at++;
	return at < s->end && *at == ':';
}

static enum json_trouble scan_count_value(struct scan *s)
{
	if (++s->values > JSON_VALUES_MAX)
		return scan_refuse(s, JSON_TOO_MANY, "too many values in one document");
	return JSON_FINE;
}

/* On the opening quote; ends behind the closing one.  Tells keys from values by the colon behind. */
static enum json_trouble scan_string(struct scan *s)
{
	struct scan start = *s;
	scan_step(s);
	while (s->at < s->end && *s->at != '"') {
		if (*s->at == '\\')
			scan_step(s);
		if (s->at < s->end)
			scan_step(s);
	}
	if (s->at == s->end)
		return scan_refuse(&start, JSON_MALFORMED, "a string does not end");
	scan_step(s);
	if (!is_next_colon(s))
		return scan_count_value(s);
	/* Escapes only make it shorter, so a key that passes here fits. */
	if ((size_t)(s->at - start.at) - 2 > JSON_KEY_BYTES_MAX)
		return scan_refuse(&start, JSON_TOO_MANY, "a key is too long");
	return JSON_FINE;
}

static enum json_trouble scan_scalar(struct scan *s)
{
	enum json_trouble trouble = scan_count_value(s);
	while (s->at < s->end && !is_blank(*s->at) && strchr(",:[]{}\"", *s->at) == NULL)
		scan_step(s);
	return trouble;
}

static enum json_trouble scan_token(struct scan *s)
{
	switch (*s->at) {
	case '[':
	case '{':
		if (++s->depth > JSON_DEPTH_MAX)
			return scan_refuse(s, JSON_TOO_DEEP, "nested too deeply");
		scan_step(s);
		return scan_count_value(s);
	case ']':
	case '}':
		if (s->depth == 0)
			return scan_refuse(s, JSON_MALFORMED, "a bracket closes that was not opened");
		s->depth--;
		scan_step(s);
		return JSON_FINE;
	case '"':
		return scan_string(s);
	case ',':
	case ':':
	case ' ':
	case '\t':
	case '\n':
	case '\r':
		scan_step(s);
		return JSON_FINE;
	default:
		return scan_scalar(s);
	}
}

enum json_trouble json_scan(const char *data, size_t size, struct json_fault *ret_fault)
{
	if (!herald_utf8_valid(data, size))
		return scan_find_not_utf8(data, size, ret_fault);

	struct scan s = {.at = data, .end = data + size, .line = 1, .column = 1, .fault = ret_fault};
	if (memchr(data, 0, size) != NULL)
		return scan_refuse(&s, JSON_MALFORMED, "the text holds a NUL byte");
	while (s.at < s.end) {
		enum json_trouble trouble = scan_token(&s);
		if (trouble != JSON_FINE)
			return trouble;
	}
	if (s.depth > 0)
		return scan_refuse(&s, JSON_MALFORMED, "a bracket is not closed");
	return JSON_FINE;
}

static enum json_trouble trouble_of(const json_error_t *error)
{
	enum json_error_code code = json_error_code(error);
	CHECK(code != json_error_out_of_memory);
	if (code == json_error_duplicate_key)
		return JSON_DUPLICATE_KEY;
	if (code == json_error_invalid_utf8)
		return JSON_NOT_UTF8;
	return JSON_MALFORMED;
}

json_t *json_read(const char *data, size_t size, struct json_fault *ret_fault)
{
	if (json_scan(data, size, ret_fault) != JSON_FINE)
		return NULL;
	json_error_t error;
	json_t *tree = json_loadb(data, size, JSON_REJECT_DUPLICATES, &error);
	if (tree == NULL) {
		unsigned line = error.line > 0 ? (unsigned)error.line : 0;
		unsigned column = error.column > 0 ? (unsigned)error.column : 0;
		fault_set(ret_fault, trouble_of(&error), line, column, error.text);
	}
	return tree;
}

static int write_piece(const char *data, size_t size, void *context)
{
	herald_add_bytes(context, data, size);
	return 0;
}

void json_write(const json_t *tree, struct herald_builder *builder)
{
	CHECK(json_dump_callback(tree, write_piece, builder, JSON_COMPACT | JSON_ENCODE_ANY) == 0);
}

void json_pointer_add(char *pointer, size_t size, const char *key)
{
	size_t used = strlen(pointer), need = 1;
	for (const char *c = key; *c != 0; c++)
		need += *c == '~' || *c == '/' ? 2 : 1;
	/* Half a step would point at something else: rather point at what is around it. */
	if (used + need >= size)
		return;
	char *at = pointer + used;
	*at++ = '/';
	for (const char *c = key; *c != 0; c++) {
		if (*c == '~' || *c == '/') {
			*at++ = '~';
			*at++ = *c == '~' ? '0' : '1';
		} else {
			*at++ = *c;
		}
	}
	*at = 0;
}

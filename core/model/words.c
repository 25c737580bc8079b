/* Words as bytes: see words.h.
 *
 *	u8 format | field*	field: u8 tag | u32 size, little-endian | bytes | 0
 *
 * Each field carries its own 0, so that a decoded text is usable where it lies: nothing is copied on the way
 *to a plugin. */
#include "model/words.h"

#include <stdbool.h>
#include <string.h>

#include "base/limits.h"
#include "base/check.h"

enum words_tag {
	WORDS_SUBJECT = 1,
	WORDS_TEXT,
	WORDS_HTML,
	WORDS_CARD,
	WORDS_JSON,
	WORDS_REPLY_TO,
	WORDS_FROM_NAME,
	WORDS_HEADER_NAME,
	WORDS_HEADER_VALUE, /* follows its name */
};

enum { FIELD_HEAD_BYTES = 5, WORDS_HEADERS_MAX = 64 };

struct writer {
	unsigned char *data; /* NULL: only counting */
	size_t size;
};

static void put(struct writer *writer, enum words_tag tag, const char *data, size_t size)
{
	unsigned char head[FIELD_HEAD_BYTES] = {
		(unsigned char)tag, (unsigned char)(size & 0xff), (unsigned char)(size >> 8 & 0xff),
		(unsigned char)(size >> 16 & 0xff), (unsigned char)(size >> 24 & 0xff)};

	if (writer->data != NULL) {
		memcpy(writer->data + writer->size, head, sizeof(head));
		memcpy(writer->data + writer->size + sizeof(head), data, size);
		writer->data[writer->size + sizeof(head) + size] = 0;
	}
	writer->size += sizeof(head) + size + 1;
}

static void put_text(struct writer *writer, enum words_tag tag, const char *text)
{
	if (*text != 0)
		put(writer, tag, text, strlen(text));
}

static void put_all(struct writer *writer, const struct words *words)
{
	if (writer->data != NULL)
		writer->data[0] = WORDS_PLAIN;
	writer->size = 1;
	put_text(writer, WORDS_SUBJECT, words->subject);
	if (words->text.size > 0)
		put(writer, WORDS_TEXT, words->text.data, words->text.size);
	if (words->html.size > 0)
		put(writer, WORDS_HTML, words->html.data, words->html.size);
	if (words->card.size > 0)
		put(writer, WORDS_CARD, words->card.data, words->card.size);
	if (words->json.size > 0)
		put(writer, WORDS_JSON, words->json.data, words->json.size);
	put_text(writer, WORDS_REPLY_TO, words->reply_to);
	put_text(writer, WORDS_FROM_NAME, words->from_name);
	for (size_t i = 0; i < words->header_count; i++) {
		put(writer, WORDS_HEADER_NAME, words->headers[i].name, strlen(words->headers[i].name));
		put(writer, WORDS_HEADER_VALUE, words->headers[i].value, strlen(words->headers[i].value));
	}
}

enum herald_code words_encode(const struct words *words, struct arena *arena, struct herald_text *ret_blob,
			      struct herald_error *err)
{
	struct writer writer = {.data = NULL};

	put_all(&writer, words);
	if (writer.size > WORDS_BYTES_MAX)
		return herald_fail(err, HERALD_LIMIT, "the words have %zu bytes, at most %d are carried",
				   writer.size, WORDS_BYTES_MAX);
	writer.data = arena_alloc(arena, writer.size);
	put_all(&writer, words);
	*ret_blob = text_of((const char *)writer.data, writer.size);
	return HERALD_OK;
}

/* False: the bytes are not one of our fields. */
static bool take(const unsigned char **at, const unsigned char *end, enum words_tag *ret_tag,
		 struct herald_text *ret_text)
{
	const unsigned char *head = *at;
	size_t size;

	if (end - head < FIELD_HEAD_BYTES + 1)
		return false;
	size = (size_t)head[1] | (size_t)head[2] << 8 | (size_t)head[3] << 16 | (size_t)head[4] << 24;
	if (size > (size_t)(end - head) - FIELD_HEAD_BYTES - 1 || head[FIELD_HEAD_BYTES + size] != 0)
		return false;
	*ret_tag = (enum words_tag)head[0];
	*ret_text = text_of((const char *)head + FIELD_HEAD_BYTES, size);
	*at = head + FIELD_HEAD_BYTES + size + 1;
	return true;
}

/* False: a value without a name, or too many. */
static bool keep(enum words_tag tag, struct herald_text text, struct herald_field *headers, bool *is_named,
		 struct words *words)
{
	switch (tag) {
	case WORDS_SUBJECT:
		words->subject = text.data;
		return true;
	case WORDS_TEXT:
		words->text = text;
		return true;
	case WORDS_HTML:
		words->html = text;
		return true;
	case WORDS_CARD:
		words->card = text;
		return true;
	case WORDS_JSON:
		words->json = text;
		return true;
	case WORDS_REPLY_TO:
		words->reply_to = text.data;
		return true;
	case WORDS_FROM_NAME:
		words->from_name = text.data;
		return true;
	case WORDS_HEADER_NAME:
		if (*is_named || words->header_count == WORDS_HEADERS_MAX)
			return false;
		headers[words->header_count].name = text.data;
		*is_named = true;
		return true;
	case WORDS_HEADER_VALUE:
		if (!*is_named)
			return false;
		headers[words->header_count++].value = text.data;
		*is_named = false;
		return true;
	}
	return true; /* a field of a later version: skipped */
}

enum herald_code words_decode(struct herald_text blob, struct arena *arena, struct words *ret_words,
			      struct herald_error *err)
{
	static const struct herald_text nothing = {.data = "", .size = 0};
	const unsigned char *at = (const unsigned char *)blob.data, *end = at + blob.size;
	struct words words = {.subject = "",
			      .text = nothing,
			      .html = nothing,
			      .card = nothing,
			      .json = nothing,
			      .reply_to = "",
			      .from_name = ""};
	struct herald_field *headers = arena_array_of(arena, WORDS_HEADERS_MAX, struct herald_field);
	bool is_named = false;

	if (blob.size < 1 || blob.size > WORDS_BYTES_MAX || *at++ != WORDS_PLAIN)
		return herald_fail(err, HERALD_CORRUPT, "the words are not in a format of this version");
	while (at < end) {
		struct herald_text text;
		enum words_tag tag;

		if (!take(&at, end, &tag, &text) || !keep(tag, text, headers, &is_named, &words))
			return herald_fail(err, HERALD_CORRUPT, "the words are damaged");
	}
	if (is_named)
		return herald_fail(err, HERALD_CORRUPT, "the words end in the middle of a header");
	words.headers = headers;
	*ret_words = words;
	return HERALD_OK;
}

/* layout.c - one writer and one reader for all messages, driven by their tables. */
#include "wire/layout.h"

#include <stdbool.h>
#include <string.h>

#include "wire/tlv.h"
#include "base/check.h"

static const char *text_or_empty(const char *text)
{
	return text ? text : "";
}

static const void *member(const void *message, size_t offset)
{
	return (const char *)message + offset;
}

static void write_items(const struct layout_field *field, struct herald_builder *builder, const void *message)
{
	size_t count = *(const size_t *)member(message, field->count_offset);
	const void *const *array = member(message, field->offset);

	for (size_t i = 0; i < count; i++) {
		if (field->kind == LAYOUT_TEXTS) {
			tlv_add_text(builder, field->tag, text_or_empty(((const char *const *)*array)[i]));
			continue;
		}
		size_t began = tlv_begin(builder, field->tag);
		layout_write(field->inner, builder, (const char *)*array + i * field->inner->size);
		tlv_end(builder, began);
	}
}

void layout_write(const struct layout *layout, struct herald_builder *builder, const void *message)
{
	for (size_t i = 0; i < layout->field_count; i++) {
		const struct layout_field *field = &layout->fields[i];
		const void *at = member(message, field->offset);

		switch ((enum layout_kind)field->kind) {
		case LAYOUT_U32:
			tlv_add_u64(builder, field->tag, *(const uint32_t *)at);
			break;
		case LAYOUT_I64:
			tlv_add_u64(builder, field->tag, (uint64_t) * (const int64_t *)at);
			break;
		case LAYOUT_BOOL:
			tlv_add_u64(builder, field->tag, *(const bool *)at ? 1 : 0);
			break;
		case LAYOUT_TEXT:
		case LAYOUT_PROSE:
			tlv_add_text(builder, field->tag, text_or_empty(*(const char *const *)at));
			break;
		case LAYOUT_BYTES: {
			const struct herald_text *text = at;
			tlv_add_bytes(builder, field->tag, text->data, text->size);
			break;
		}
		case LAYOUT_TEXTS:
		case LAYOUT_LIST:
			write_items(field, builder, message);
			break;
		}
	}
}

/* --- reading --- */

struct reading {
	const struct layout *layout;
	struct arena *arena;
	char *message;
	struct herald_error *err;
};

static enum herald_code corrupt(const struct reading *reading, const struct layout_field *field,
				const char *what)
{
	return herald_fail(reading->err, HERALD_CORRUPT, "%s: field %u %s", reading->layout->name,
			   (unsigned)field->tag, what);
}

static enum herald_code read_text(const struct reading *reading, const struct layout_field *field,
				  const struct tlv *tlv, size_t max, const char **ret_text)
{
	if (tlv->size > max)
		return corrupt(reading, field, "is too long");
	if (memchr(tlv->data, 0, tlv->size) || !herald_utf8_valid((const char *)tlv->data, tlv->size))
		return corrupt(reading, field, "is not a text");
	*ret_text = arena_bytes_copy(reading->arena, tlv->data, tlv->size).data;
	return HERALD_OK;
}

/* What a plugin says for people is no reason to end its process. */
static const char *read_prose(const struct reading *reading, const struct layout_field *field,
			      const struct tlv *tlv)
{
	size_t size = tlv->size < field->max ? tlv->size : field->max;
	char *text = arena_alloc(reading->arena, size + 1);

	memcpy(text, tlv->data, size);
	bool is_valid = herald_utf8_valid(text, size);
	for (size_t i = 0; i < size; i++) {
		unsigned char c = (unsigned char)text[i];
		if (c < 0x20 || c == 0x7f || (c >= 0x80 && !is_valid))
			text[i] = c == '\n' || c == '\t' ? ' ' : '?';
	}
	return text;
}

static enum herald_code read_number(const struct reading *reading, const struct layout_field *field,
				    const struct tlv *tlv)
{
	void *at = reading->message + field->offset;
	uint64_t number;

	if (!tlv_u64(tlv, &number))
		return corrupt(reading, field, "is not a number");
	if (field->kind == LAYOUT_I64) {
		*(int64_t *)at = (int64_t)number;
		return HERALD_OK;
	}
	if (number > (field->kind == LAYOUT_BOOL ? 1 : UINT32_MAX))
		return corrupt(reading, field, "is out of range");
	if (field->kind == LAYOUT_BOOL)
		*(bool *)at = number == 1;
	else
		*(uint32_t *)at = (uint32_t)number;
	return HERALD_OK;
}

static enum herald_code read_item(const struct reading *reading, const struct layout_field *field,
				  const struct tlv *tlv)
{
	size_t *count = (size_t *)(void *)(reading->message + field->count_offset);
	void *array = *(void **)(void *)(reading->message + field->offset);
	enum herald_code code;

	if (field->kind == LAYOUT_TEXTS)
		code = read_text(reading, field, tlv, LAYOUT_ITEM_BYTES_MAX, &((const char **)array)[*count]);
	else
		code = layout_read(field->inner, tlv->data, tlv->size, reading->arena,
				   (char *)array + *count * field->inner->size, reading->err);
	if (code == HERALD_OK)
		(*count)++;
	return code;
}

static enum herald_code read_field(const struct reading *reading, const struct layout_field *field,
				   const struct tlv *tlv)
{
	void *at = reading->message + field->offset;

	switch ((enum layout_kind)field->kind) {
	case LAYOUT_U32:
	case LAYOUT_I64:
	case LAYOUT_BOOL:
		return read_number(reading, field, tlv);
	case LAYOUT_TEXT:
		return read_text(reading, field, tlv, field->max, at);
	case LAYOUT_PROSE:
		*(const char **)at = read_prose(reading, field, tlv);
		return HERALD_OK;
	case LAYOUT_BYTES:
		if (tlv->size > field->max)
			return corrupt(reading, field, "is too long");
		*(struct herald_text *)at = arena_bytes_copy(reading->arena, tlv->data, tlv->size);
		return HERALD_OK;
	case LAYOUT_TEXTS:
	case LAYOUT_LIST:
		return read_item(reading, field, tlv);
	}
	unreached();
}

static const struct layout_field *field_of(const struct layout *layout, uint16_t tag)
{
	for (size_t i = 0; i < layout->field_count; i++)
		if (layout->fields[i].tag == tag)
			return &layout->fields[i];
	return NULL;
}

/* Empty texts, and arrays as long as the fields that are there: counted first, so that a length never comes
 * from the peer's word. */
static enum herald_code prepare(const struct reading *reading, const void *fields, size_t size)
{
	const struct layout *layout = reading->layout;

	for (size_t i = 0; i < layout->field_count; i++) {
		const struct layout_field *field = &layout->fields[i];
		void *at = reading->message + field->offset;

		if (field->kind == LAYOUT_TEXT || field->kind == LAYOUT_PROSE)
			*(const char **)at = "";
		if (field->kind == LAYOUT_BYTES)
			*(struct herald_text *)at = text_of("", 0);
		if (field->kind != LAYOUT_TEXTS && field->kind != LAYOUT_LIST)
			continue;

		struct tlv_cursor cursor = tlv_open(fields, size);
		struct tlv tlv;
		size_t count = 0;
		while (tlv_next(&cursor, &tlv))
			count += tlv.tag == field->tag;
		if (count > field->max)
			return corrupt(reading, field, "comes too often");
		*(void **)at =
			arena_array(reading->arena, count,
				    field->kind == LAYOUT_TEXTS ? sizeof(const char *) : field->inner->size);
	}
	return HERALD_OK;
}

enum herald_code layout_read(const struct layout *layout, const void *fields, size_t size,
			     struct arena *arena, void *ret_message, struct herald_error *err)
{
	struct reading reading = {
		.layout = layout,
		.arena = arena,
		.message = arena_alloc(arena, layout->size),
		.err = err,
	};
	struct tlv_cursor cursor = tlv_open(fields, size);
	struct tlv tlv;
	enum herald_code code = prepare(&reading, fields, size);

	while (code == HERALD_OK && tlv_next(&cursor, &tlv)) {
		const struct layout_field *field = field_of(layout, tlv.tag);
		if (field)
			code = read_field(&reading, field, &tlv);
	}
	if (code != HERALD_OK)
		return code;
	if (cursor.is_broken)
		return herald_fail(err, HERALD_CORRUPT, "%s: a field is longer than its frame", layout->name);
	memcpy(ret_message, reading.message, layout->size);
	return HERALD_OK;
}

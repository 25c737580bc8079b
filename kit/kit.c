/* kit.c - errors and bounded text: the two things that every plugin and every room writes first.
 *
 * Invariant: a text produced here is always 0-terminated, and cut or refused at its maximum, never beyond
 * it.  A cut never splits a UTF-8 character, because these sentences end up in JSON. */
#include "herald/kit.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CAPACITY_FIRST = 128 };

/* Where to cut so that no started character remains: at most size, and not inside a sequence. */
static size_t cut_at(const char *text, size_t size)
{
	size_t lead = size;

	while (lead > 0 && size - lead < 3 && ((unsigned char)text[lead - 1] & 0xC0) == 0x80)
		lead--;
	if (lead == 0 || (unsigned char)text[lead - 1] < 0xC0)
		return size;
	unsigned char first = (unsigned char)text[lead - 1];
	size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
	return size - (lead - 1) < length ? lead - 1 : size;
}

/* snprintf's cut is by bytes; make it one by characters. */
static void end_whole(char *text, size_t size, int written)
{
	if (written < 0)
		text[0] = '\0';
	else if ((size_t)written >= size)
		text[cut_at(text, size - 1)] = '\0';
}

enum herald_code herald_fail(struct herald_error *err, enum herald_code code, const char *format, ...)
{
	va_list arguments;

	if (!err)
		return code;
	err->code = code;
	va_start(arguments, format);
	int written = vsnprintf(err->text, sizeof(err->text), format, arguments);
	va_end(arguments);
	end_whole(err->text, sizeof(err->text), written);
	return code;
}

enum herald_code herald_within(struct herald_error *err, const char *format, ...)
{
	char context[sizeof(err->text)], before[sizeof(err->text)];
	va_list arguments;

	if (!err)
		return HERALD_BUG;
	va_start(arguments, format);
	int written = vsnprintf(context, sizeof(context), format, arguments);
	va_end(arguments);
	end_whole(context, sizeof(context), written);
	memcpy(before, err->text, sizeof(before));
	before[sizeof(before) - 1] = '\0';
	/* The cause matters more than the place: a long context gives way to it. */
	size_t room = sizeof(err->text) - 1, cause = strlen(before);
	size_t place = strlen(context);
	if (place + cause > room)
		place = cut_at(context, cause + 32 < room ? room - cause : place < 32 ? place : 32);
	written = snprintf(err->text, sizeof(err->text), "%.*s%s", (int)place, context, before);
	end_whole(err->text, sizeof(err->text), written);
	return (enum herald_code)err->code;
}

void herald_builder_init(struct herald_builder *builder, size_t size_max)
{
	*builder = (struct herald_builder){.data = (char *)"", .size_max = size_max};
}

void herald_builder_done(struct herald_builder *builder)
{
	if (builder->capacity > 0)
		free(builder->data);
	herald_builder_init(builder, builder->size_max);
}

void herald_builder_clear(struct herald_builder *builder)
{
	if (builder->capacity > 0)
		builder->data[0] = '\0';
	else
		builder->data = (char *)"";
	builder->size = 0;
	builder->code = HERALD_OK;
}

/* Make room for `more` bytes and the 0.  False: at the limit, or out of memory, which is the same to callers.
 */
static bool reserve(struct herald_builder *builder, size_t more)
{
	if (builder->capacity == 0)
		builder->data = (char *)"";
	if (builder->code != HERALD_OK)
		return false;
	if (more > builder->size_max - builder->size || builder->size_max == SIZE_MAX) {
		builder->code = HERALD_LIMIT;
		return false;
	}
	size_t needed = builder->size + more + 1;
	if (needed <= builder->capacity)
		return true;
	size_t capacity = builder->capacity > 0 ? builder->capacity : CAPACITY_FIRST;
	while (capacity < needed)
		capacity = capacity > SIZE_MAX / 2 ? needed : capacity * 2;
	if (capacity > builder->size_max + 1)
		capacity = builder->size_max + 1;
	char *data = realloc(builder->capacity > 0 ? builder->data : NULL, capacity);
	if (!data) {
		builder->code = HERALD_LIMIT;
		return false;
	}
	builder->data = data;
	builder->capacity = capacity;
	builder->data[builder->size] = '\0';
	return true;
}

void herald_add_bytes(struct herald_builder *builder, const void *data, size_t size)
{
	if (size == 0 || !reserve(builder, size))
		return;
	memcpy(builder->data + builder->size, data, size);
	builder->size += size;
	builder->data[builder->size] = '\0';
}

void herald_add(struct herald_builder *builder, const char *text)
{
	herald_add_bytes(builder, text, strlen(text));
}

void herald_addf(struct herald_builder *builder, const char *format, ...)
{
	va_list arguments, again;

	va_start(arguments, format);
	va_copy(again, arguments);
	int size = vsnprintf(NULL, 0, format, arguments);
	va_end(arguments);
	if (size < 0)
		builder->code = HERALD_LIMIT;
	else if (size > 0 && reserve(builder, (size_t)size)) {
		vsnprintf(builder->data + builder->size, (size_t)size + 1, format, again);
		builder->size += (size_t)size;
	}
	va_end(again);
}

enum herald_code herald_builder_text(const struct herald_builder *builder, struct herald_text *ret_text,
				     struct herald_error *err)
{
	if (builder->code != HERALD_OK)
		return herald_fail(err, HERALD_LIMIT, "longer than %zu bytes", builder->size_max);
	*ret_text = (struct herald_text){builder->data ? builder->data : "", builder->size};
	return HERALD_OK;
}

/* shape.c - the one place that knows how to complain about a JSON body, so that every service complains
 * alike. */
#include "shape.h"

#include <ctype.h>
#include <string.h>

#include "herald/kit.h"

#include "base/check.h"

static const char *kind_name(enum shape_kind kind)
{
	switch (kind) {
	case SHAPE_TEXT:
		return "a string";
	case SHAPE_BOOL:
		return "true or false";
	case SHAPE_INTEGER:
		return "an integer";
	case SHAPE_OBJECT:
		return "an object";
	case SHAPE_ARRAY:
		return "an array";
	case SHAPE_ANY:
		break;
	}
	return "a value";
}

static bool is_of_kind(const json_t *value, enum shape_kind kind)
{
	switch (kind) {
	case SHAPE_TEXT:
		return json_is_string(value);
	case SHAPE_BOOL:
		return json_is_boolean(value);
	case SHAPE_INTEGER:
		return json_is_integer(value);
	case SHAPE_OBJECT:
		return json_is_object(value);
	case SHAPE_ARRAY:
		return json_is_array(value);
	case SHAPE_ANY:
		break;
	}
	return true;
}

size_t shape_characters(const char *text)
{
	size_t count = 0;
	for (; *text; text++)
		count += ((unsigned char)*text & 0xC0U) != 0x80U;
	return count;
}

static enum herald_code check_bounds(const json_t *value, const struct shape_field *field, const char *where,
				     struct herald_error *err)
{
	long long measure = 0;
	const char *unit = "";

	if (field->kind == SHAPE_TEXT) {
		measure = (long long)shape_characters(json_string_value(value));
		unit = " characters";
	} else if (field->kind == SHAPE_ARRAY) {
		measure = (long long)json_array_size(value);
		unit = " items";
	} else if (field->kind == SHAPE_INTEGER) {
		measure = json_integer_value(value);
	} else {
		return HERALD_OK;
	}
	if (measure < field->min || (field->max > 0 && measure > field->max))
		return herald_fail(err, HERALD_INVALID, "%s%s: %lld%s, where %lld to %lld are allowed", where,
				   field->name, measure, unit, field->min, field->max);
	return HERALD_OK;
}

static const struct shape_field *field_named(const struct shape_field *fields, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(fields[i].name, name) == 0)
			return &fields[i];
	return NULL;
}

enum herald_code shape_check(const json_t *object, const struct shape_field *fields, size_t count,
			     const char *where, struct herald_error *err)
{
	const char *name;
	json_t *value;

	if (!json_is_object(object))
		return herald_fail(err, HERALD_INVALID, "%s is not an object", where[0] ? where : "the body");
	json_object_foreach((json_t *)object, name, value)
	{
		const struct shape_field *field = field_named(fields, count, name);
		if (!field)
			return herald_fail(err, HERALD_INVALID, "%s%.60s: no such field", where, name);
		if (!is_of_kind(value, field->kind))
			return herald_fail(err, HERALD_INVALID, "%s%s: must be %s", where, name,
					   kind_name(field->kind));
		if (check_bounds(value, field, where, err) != HERALD_OK)
			return HERALD_INVALID;
	}
	for (size_t i = 0; i < count; i++)
		if (fields[i].is_required && !json_object_get(object, fields[i].name))
			return herald_fail(err, HERALD_INVALID, "%s%s: is missing", where, fields[i].name);
	return HERALD_OK;
}

const char *shape_text(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));
	return text ? text : "";
}

bool shape_is_uuid(const char *text)
{
	if (strlen(text) != HERALD_UUID_CHARS)
		return false;
	for (size_t i = 0; i < HERALD_UUID_CHARS; i++) {
		bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
		if (is_dash ? text[i] != '-' : !isxdigit((unsigned char)text[i]))
			return false;
	}
	return true;
}

bool shape_is_e164(const char *text)
{
	size_t size = strlen(text);
	if (size < 3 || size > 16 || text[0] != '+' || text[1] < '1' || text[1] > '9')
		return false;
	for (size_t i = 2; i < size; i++)
		if (!isdigit((unsigned char)text[i]))
			return false;
	return true;
}

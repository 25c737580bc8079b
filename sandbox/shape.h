/* shape.h - a JSON object held against a table of its fields: unknown names, missing ones and wrong types are
 * told by name, as the services' published descriptions have them.  Pure. */
#ifndef SANDBOX_SHAPE_H
#define SANDBOX_SHAPE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "herald/error.h"

enum shape_kind { SHAPE_TEXT = 1, SHAPE_BOOL, SHAPE_INTEGER, SHAPE_OBJECT, SHAPE_ARRAY, SHAPE_ANY };

struct shape_field {
	const char *name;
	enum shape_kind kind;
	bool is_required;
	long long min,
		max; /* characters of a text, value of an integer, items of an array; max 0: no bound */
};

/* INVALID: not an object, or not of that shape.  `where` is the object's place in the body, "" at its top. */
enum herald_code shape_check(const json_t *object, const struct shape_field *fields, size_t count,
			     const char *where, struct herald_error *err);

/* The text of a field, "" when it is not there or no text.  Lent until the tree ends. */
const char *shape_text(const json_t *object, const char *name);

/* 36 hexadecimal digits and dashes. */
bool shape_is_uuid(const char *text);

/* "+" and 2 to 15 digits, the first not 0. */
bool shape_is_e164(const char *text);

/* Characters, not bytes; the text is valid UTF-8. */
size_t shape_characters(const char *text);

#endif

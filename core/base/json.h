/* json.h - JSON from outside, bounded before a tree exists, and jansson's trees read with pointers for
 * faults.
 *
 * A byte limit is not a memory limit (jansson takes 78 bytes per byte of [{},{},...]), so json_read first
 * scans the text: UTF-8 only, no NUL, depth, number of values, key length.  Then jansson parses it, and
 * refuses duplicate keys, also those that are equal only once their escapes are read. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <jansson.h>
#include <stddef.h>

#include "herald/error.h"
#include "herald/kit.h"

enum json_trouble {
	JSON_FINE = 0,
	JSON_MALFORMED,
	JSON_DUPLICATE_KEY,
	JSON_NOT_UTF8,
	JSON_TOO_DEEP,
	JSON_TOO_MANY
};

struct json_fault {
	enum json_trouble trouble;
	unsigned line, column; /* 1-based, 0 unknown */
	char text[128];        /* sanitised: no control bytes of the input */
};

/* One document, object or array at the top.  NULL and *ret_fault filled when refused.  The caller owns the
 * tree. */
json_t *json_read(const char *data, size_t size, struct json_fault *ret_fault);

/* The scan alone (also what the fuzzer drives). */
enum json_trouble json_scan(const char *data, size_t size, struct json_fault *ret_fault);

/* Compact text of a tree into a builder; key order is kept. */
void json_write(const json_t *tree, struct herald_builder *builder);

/* One step of an RFC 6901 pointer, escaped, behind what is there.  A step that does not fit is left out
 * whole. */
void json_pointer_add(char *pointer, size_t size, const char *key);

static inline void json_freep(json_t **tree)
{
	json_decref(*tree);
}
#define json_auto __attribute__((cleanup(json_freep))) json_t

#endif

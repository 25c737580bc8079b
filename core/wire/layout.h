/* layout.h - a message as one const table: which tag is which member, of what kind, how large it may be.
 *
 * The same table writes and reads, so the two ends cannot drift apart.  Reading checks every size, bound and
 * text before the message exists; members without a field read as 0 or "". */
#ifndef WIRE_LAYOUT_H
#define WIRE_LAYOUT_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "herald/kit.h"

enum layout_kind {
	LAYOUT_U32 = 1,
	LAYOUT_I64,
	LAYOUT_BOOL,
	LAYOUT_TEXT,  /* const char *: UTF-8 without 0, at most max bytes, else CORRUPT */
	LAYOUT_PROSE, /* const char *, for people: repaired ('?') and cut rather than refused */
	LAYOUT_BYTES, /* struct herald_text: anything, at most max bytes */
	LAYOUT_TEXTS, /* const char *const * and a count: at most max items, bytes each as a name */
	LAYOUT_LIST,  /* an array of structs and a count: at most max items of the inner layout */
};

enum { LAYOUT_ITEM_BYTES_MAX = 64 * 1024 }; /* of one text in TEXTS */

struct layout_field {
	uint16_t tag;
	uint8_t kind;                /* enum layout_kind */
	size_t offset, count_offset; /* count: TEXTS and LIST, a size_t */
	size_t max;
	const struct layout *inner; /* LIST only */
};

struct layout {
	const char *name; /* for complaints */
	size_t size;      /* of the struct */
	const struct layout_field *fields;
	size_t field_count;
};

/* Append message's fields.  NULL texts are written as "". */
void layout_write(const struct layout *layout, struct herald_builder *builder, const void *message);
/* Texts and arrays go into the arena.  CORRUPT says which field; *ret_message is written on success only. */
enum herald_code layout_read(const struct layout *layout, const void *fields, size_t size,
			     struct arena *arena, void *ret_message, struct herald_error *err);

#endif

/* field.h - reading the fields of one JSON object, each typed and bounded, every trouble a fault with its
 * pointer.
 *
 * A reader is opened with the names that the object may have; others are refused, and those of a later issue
 * are refused as unsupported, so that a typo never silently drops a preference.  A field that is absent
 * leaves its target untouched; values are copied into the arena of the faults. */
#ifndef MODEL_FIELD_H
#define MODEL_FIELD_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/fault.h"

enum { POINTER_BYTES_MAX = 512 };

struct field_reader {
	const json_t *object;
	struct faults *faults;
	char pointer[POINTER_BYTES_MAX];
};

/* known, later: names separated by blanks; NULL known: any name (the caller walks them).  False: not an
 * object. */
bool field_open(struct field_reader *reader, const json_t *value, const char *pointer, const char *known,
		const char *later, struct faults *faults);
/* The pointer of a field or of an array's element below the reader. */
void field_pointer(const struct field_reader *reader, const char *name, char ret_pointer[POINTER_BYTES_MAX]);
void field_pointer_index(const char *pointer, size_t index, char ret_pointer[POINTER_BYTES_MAX]);

/* Each answers true when the field was there and good. */
bool field_text(const struct field_reader *reader, const char *name, size_t bytes_max, const char **target);
bool field_bool(const struct field_reader *reader, const char *name, bool *target);
bool field_count(const struct field_reader *reader, const char *name, int64_t least, int64_t most,
		 int64_t *target);
bool field_instant(const struct field_reader *reader, const char *name, int64_t *target_ms);
bool field_duration(const struct field_reader *reader, const char *name, int64_t least_ms, int64_t most_ms,
		    int64_t *target_ms);
/* A word of a list "all|first": target becomes its index, from 0. */
bool field_word(const struct field_reader *reader, const char *name, const char *words, int *target);
/* Words that come with a later issue are refused as unsupported. */
bool field_word_or_later(const struct field_reader *reader, const char *name, const char *words,
			 const char *later, int *target);
/* An array of texts that pass is_good (NULL: any). */
bool field_texts(const struct field_reader *reader, const char *name, size_t count_max, size_t bytes_max,
		 bool (*is_good)(const char *text), const char *const **target, size_t *target_count);
bool field_required(const struct field_reader *reader, const char *name); /* adds the fault `missing` */

/* Names people choose. */
bool name_is_channel(const char *text);   /* ^[a-z][a-z0-9-]{0,31}$, also a tenant; kinds too */
bool name_is_kind(const char *text);      /* ^[a-z][a-z0-9_-]{0,31}$ */
bool name_is_category(const char *text);  /* ^[a-z][a-z0-9._-]{0,63}$ */
bool name_is_recipient(const char *text); /* 1-128 printable bytes, UTF-8 */

#endif

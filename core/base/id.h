/* id.h - signed 64-bit ids made before the write: 42 bits of milliseconds since 2024-01-01, 10 of node, 11 of
 * sequence.  They never go back, also when the wall clock does, so a table keyed by them grows at its end and
 * every store verb can be repeated with the same id. */
#ifndef BASE_ID_H
#define BASE_ID_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define ID_EPOCH_MS INT64_C(1704067200000) /* 2024-01-01T00:00:00Z */

struct id_source {
	_Atomic int64_t last; /* time and sequence, without the node */
	int64_t node;         /* 0..1023 */
};

/* greatest: the greatest id that the store holds, 0 for none: nothing at or below it is made again. */
void id_source_init(struct id_source *source, unsigned node, int64_t greatest);
int64_t id_next(struct id_source *source, int64_t now_ms); /* any thread */
int64_t id_time_ms(int64_t id);

enum { ID_TEXT_SIZE = 4 + 13 + 1, DELIVERY_TEXT_SIZE = ID_TEXT_SIZE + 11 };

/* "ntf_" and 13 Crockford base32 digits (upper case).  prefix has 3 letters. */
void id_text(const char *prefix, int64_t id, char ret_text[ID_TEXT_SIZE]);
/* False: not that prefix, not 13 digits of the alphabet (either case), or out of range. */
bool id_parse(const char *prefix, const char *text, int64_t *ret_id);
/* "ntf_...-3": what providers are given to echo. */
void id_delivery_text(int64_t notification, unsigned n, char ret_text[DELIVERY_TEXT_SIZE]);
bool id_delivery_parse(const char *text, int64_t *ret_notification, unsigned *ret_n);

#endif

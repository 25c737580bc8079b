/* tlv.h - the fields of a frame: tag, length, bytes.  Reading never trusts a length; a field of the wrong
 * size for its kind reads as broken. */
#ifndef WIRE_TLV_H
#define WIRE_TLV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "herald/kit.h"

void tlv_add_u64(struct herald_builder *builder, uint16_t tag, uint64_t value);
void tlv_add_f64(struct herald_builder *builder, uint16_t tag, double value);
void tlv_add_text(struct herald_builder *builder, uint16_t tag, const char *text); /* without its 0 */
void tlv_add_bytes(struct herald_builder *builder, uint16_t tag, const void *data, size_t size);
/* A field whose bytes are fields themselves: begin, add the inner ones, end. */
size_t tlv_begin(struct herald_builder *builder, uint16_t tag); /* answers where it began */
void tlv_end(struct herald_builder *builder, size_t began);

enum { TLV_HEAD_BYTES = 8 };

struct tlv {
	uint16_t tag;
	const uint8_t *data;
	size_t size;
};

struct tlv_cursor {
	const uint8_t *at, *end;
	bool is_broken;
};

struct tlv_cursor tlv_open(const void *fields, size_t size);
bool tlv_next(struct tlv_cursor *cursor, struct tlv *ret_field); /* false: end, or is_broken */
bool tlv_u64(const struct tlv *field, uint64_t *ret_value);
bool tlv_f64(const struct tlv *field, double *ret_value);

#endif

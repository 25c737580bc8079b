/* tlv.c - tag, length, bytes.  A cursor never moves past its end and never believes a length that is longer
 * than what is left, so whoever reads a field reads memory that is there. */
#include "wire/tlv.h"

#include <endian.h>
#include <string.h>

#include "base/check.h"

struct head {
	uint16_t tag, reserved;
	uint32_t length;
};

_Static_assert(sizeof(struct head) == TLV_HEAD_BYTES, "the head of a field has no holes");

static struct head head_of(uint16_t tag, size_t length)
{
	CHECK(length <= UINT32_MAX);
	return (struct head){.tag = htole16(tag), .length = htole32((uint32_t)length)};
}

void tlv_add_u64(struct herald_builder *builder, uint16_t tag, uint64_t value)
{
	struct {
		struct head head;
		uint64_t value;
	} field = {.head = head_of(tag, sizeof(value)), .value = htole64(value)};

	herald_add_bytes(builder, &field, sizeof(field));
}

void tlv_add_f64(struct herald_builder *builder, uint16_t tag, double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	tlv_add_u64(builder, tag, bits);
}

void tlv_add_text(struct herald_builder *builder, uint16_t tag, const char *text)
{
	tlv_add_bytes(builder, tag, text, strlen(text));
}

void tlv_add_bytes(struct herald_builder *builder, uint16_t tag, const void *data, size_t size)
{
	struct head head = head_of(tag, size);

	herald_add_bytes(builder, &head, sizeof(head));
	if (size > 0)
		herald_add_bytes(builder, data, size);
}

size_t tlv_begin(struct herald_builder *builder, uint16_t tag)
{
	size_t began = builder->size;
	struct head head = head_of(tag, 0);

	herald_add_bytes(builder, &head, sizeof(head));
	return began;
}

void tlv_end(struct herald_builder *builder, size_t began)
{
	if (builder->code != HERALD_OK)
		return; /* what is there may end anywhere; whoever owns the builder drops it */

	CHECK(builder->size >= began + TLV_HEAD_BYTES);
	size_t length = builder->size - began - TLV_HEAD_BYTES;
	CHECK(length <= UINT32_MAX);
	uint32_t little = htole32((uint32_t)length);
	memcpy(builder->data + began + offsetof(struct head, length), &little, sizeof(little));
}

struct tlv_cursor tlv_open(const void *fields, size_t size)
{
	const uint8_t *at = size > 0 ? fields : (const uint8_t *)"";

	return (struct tlv_cursor){.at = at, .end = at + size};
}

bool tlv_next(struct tlv_cursor *cursor, struct tlv *ret_field)
{
	size_t left = (size_t)(cursor->end - cursor->at);
	struct head head;

	if (cursor->is_broken || left == 0)
		return false;
	if (left < sizeof(head)) {
		cursor->is_broken = true;
		return false;
	}

	memcpy(&head, cursor->at, sizeof(head));
	size_t length = le32toh(head.length);
	if (head.reserved != 0 || length > left - sizeof(head)) {
		cursor->is_broken = true;
		return false;
	}

	*ret_field =
		(struct tlv){.tag = le16toh(head.tag), .data = cursor->at + sizeof(head), .size = length};
	cursor->at += sizeof(head) + length;
	return true;
}

bool tlv_u64(const struct tlv *field, uint64_t *ret_value)
{
	uint64_t little;

	if (field->size != sizeof(little))
		return false;
	memcpy(&little, field->data, sizeof(little));
	*ret_value = le64toh(little);
	return true;
}

bool tlv_f64(const struct tlv *field, double *ret_value)
{
	uint64_t bits;

	if (!tlv_u64(field, &bits))
		return false;
	memcpy(ret_value, &bits, sizeof(bits));
	return true;
}

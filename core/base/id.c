/* id.c - the one atomic generator of ids, and their text.
 *
 * Invariant: `last` only grows, so no two calls, threads or clock steps give the same id twice. */
#include "base/id.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"

enum { SEQUENCE_BITS = 11, NODE_BITS = 10, TIME_BITS = 42, ID_DIGITS = 13, PREFIX_CHARS = 3 };

#define SEQUENCE_MASK ((INT64_C(1) << SEQUENCE_BITS) - 1)
#define TIME_MAX ((INT64_C(1) << TIME_BITS) - 1)

static const char crockford[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

void id_source_init(struct id_source *source, unsigned node, int64_t greatest)
{
	CHECK(node < 1u << NODE_BITS);
	CHECK(greatest >= 0);
	/* The greatest may be another node's, greater than ours in the same millisecond: begin in the next.
	 */
	int64_t last = greatest == 0
			       ? 0
			       : (greatest >> (NODE_BITS + SEQUENCE_BITS) << SEQUENCE_BITS) | SEQUENCE_MASK;
	atomic_init(&source->last, last);
	source->node = node;
}

int64_t id_next(struct id_source *source, int64_t now_ms)
{
	int64_t time = now_ms - ID_EPOCH_MS;
	if (time < 0)
		time = 0;
	if (time > TIME_MAX)
		time = TIME_MAX;

	int64_t last = atomic_load_explicit(&source->last, memory_order_relaxed), next;
	do {
		next = time << SEQUENCE_BITS;
		if (next <= last)
			next = last + 1;
	} while (!atomic_compare_exchange_weak(&source->last, &last, next));

	CHECK(next >> SEQUENCE_BITS <= TIME_MAX);
	return next >> SEQUENCE_BITS << (NODE_BITS + SEQUENCE_BITS) | source->node << SEQUENCE_BITS |
	       (next & SEQUENCE_MASK);
}

int64_t id_time_ms(int64_t id)
{
	return (id >> (NODE_BITS + SEQUENCE_BITS)) + ID_EPOCH_MS;
}

void id_text(const char *prefix, int64_t id, char ret_text[ID_TEXT_SIZE])
{
	CHECK(strlen(prefix) == PREFIX_CHARS);
	CHECK(id >= 0);
	memcpy(ret_text, prefix, PREFIX_CHARS);
	ret_text[PREFIX_CHARS] = '_';
	char *digits = ret_text + PREFIX_CHARS + 1;
	for (int i = ID_DIGITS - 1; i >= 0; i--, id >>= 5)
		digits[i] = crockford[id & 31];
	digits[ID_DIGITS] = 0;
}

static int digit_value(char c)
{
	if (c >= 'a' && c <= 'z')
		c = (char)(c - 'a' + 'A');
	const char *at = c == 0 ? NULL : strchr(crockford, c);
	return at == NULL ? -1 : (int)(at - crockford);
}

/* The part that id_parse and id_delivery_parse share: stops behind the 13 digits. */
static bool id_take(const char *prefix, const char *text, int64_t *ret_id, const char **ret_rest)
{
	if (strncmp(text, prefix, PREFIX_CHARS) != 0 || text[PREFIX_CHARS] != '_')
		return false;
	const char *digits = text + PREFIX_CHARS + 1;
	uint64_t value = 0;
	for (int i = 0; i < ID_DIGITS; i++) {
		int digit = digit_value(digits[i]);
		/* 13 digits hold 65 bits; the first of an id that fits 63 is at most 7. */
		if (digit < 0 || (i == 0 && digit > 7))
			return false;
		value = value << 5 | (uint64_t)digit;
	}
	if (value == 0)
		return false;
	*ret_id = (int64_t)value;
	*ret_rest = digits + ID_DIGITS;
	return true;
}

bool id_parse(const char *prefix, const char *text, int64_t *ret_id)
{
	int64_t id;
	const char *rest;
	if (!id_take(prefix, text, &id, &rest) || *rest != 0)
		return false;
	*ret_id = id;
	return true;
}

void id_delivery_text(int64_t notification, unsigned n, char ret_text[DELIVERY_TEXT_SIZE])
{
	id_text("ntf", notification, ret_text);
	size_t used = strlen(ret_text);
	snprintf(ret_text + used, DELIVERY_TEXT_SIZE - used, "-%u", n);
}

bool id_delivery_parse(const char *text, int64_t *ret_notification, unsigned *ret_n)
{
	int64_t id;
	const char *rest;
	if (!id_take("ntf", text, &id, &rest) || *rest != '-')
		return false;
	uint64_t n = 0;
	rest++;
	/* One spelling per number: no empty, no leading zero. */
	if (*rest < '0' || *rest > '9' || (rest[0] == '0' && rest[1] != 0))
		return false;
	for (; *rest >= '0' && *rest <= '9'; rest++) {
		n = n * 10 + (uint64_t)(*rest - '0');
		if (n > UINT32_MAX)
			return false;
	}
	if (*rest != 0)
		return false;
	*ret_notification = id;
	*ret_n = (unsigned)n;
	return true;
}

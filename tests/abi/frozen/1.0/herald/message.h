/* message.h - what a plugin is given to send. */
#ifndef HERALD_MESSAGE_H
#define HERALD_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

/* Bytes with a length, and always a 0 behind: usable as a C string where the content has no 0. */
struct herald_text {
	const char *data;
	size_t size;
};

struct herald_field {
	const char *name, *value;
};

/* A file that goes along: an attachment, or an inline picture when content_id is set. */
struct herald_part {
	const char *media_type, *name, *content_id;
	struct herald_text body;
};

enum herald_priority { HERALD_BULK = 1, HERALD_NORMAL, HERALD_HIGH, HERALD_CRITICAL };

/* One delivery, rendered.  Lent until its ticket is spent and the call that was given it has returned.
 * Texts are UTF-8 without 0, "" when absent. */
struct herald_message {
	size_t struct_size;
	const char *delivery_id; /* the same on every attempt: the idempotency key, and what receipts echo */
	const char *tenant, *category, *recipient;
	const char *correlation_id; /* threads messages about one thing together */
	const char *traceparent;    /* W3C */
	uint32_t attempt;           /* 1, 2, ... */
	uint32_t priority;
	int64_t first_attempt_at_ms; /* UTC */
	int64_t expires_at_ms;       /* UTC; later than this nobody wants it */

	const char *address;       /* as check_address wrote it */
	struct herald_text memory; /* what store_address kept for this address */
	const char *name;          /* the recipient's, for a To: line */
	const char *locale;        /* BCP 47 */

	const char *subject;
	struct herald_text text; /* plain */
	struct herald_text html; /* e-mail */
	struct herald_text card; /* Adaptive Card, JSON */
	struct herald_text json; /* webhook */
	const char *reply_to, *from_name;
	const struct herald_field *headers; /* checked: no CR, LF or 0 */
	size_t header_count;
	const struct herald_part *parts;
	size_t part_count, part_size; /* stride by part_size */
};

#endif

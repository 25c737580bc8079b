/* notification.h - what a caller asked to be made known, as POST /v1/notifications brings it. */
#ifndef MODEL_NOTIFICATION_H
#define MODEL_NOTIFICATION_H

#include <jansson.h>

#include "model/content.h"
#include "model/delivery.h"
#include "model/recipient.h"

/* One entry of `to`: a known recipient, or addresses of somebody whom we do not know. */
struct target {
	const char *recipient;                /* "" for addresses */
	const char *label;                    /* chooses among several addresses of a kind; "" */
	const char *name, *locale, *timezone; /* of addresses */
	const struct recipient_address *addresses;
	size_t address_count;
};

struct notification {
	const char *category;
	const struct target *targets;
	size_t target_count;
	const json_t *data; /* lent from the body's tree; NULL: none */
	struct content content;
	const char *const *channels; /* kinds or names; count 0: not narrowed */
	size_t channel_count;
	enum strategy strategy;            /* 0: the category's */
	uint32_t priority;                 /* enum herald_priority */
	int64_t send_at_ms, expires_in_ms; /* 0: now; the category's */
	const char *dedup_key;             /* "": none */
	int64_t dedup_for_ms;
	const char *correlation_id, *traceparent, *metadata; /* metadata: JSON object as text */
	int64_t replaces;                                    /* 0: nothing */
	bool is_test;
	const char *idempotency_key; /* of a bulk line; "" */
	int64_t at_ms;               /* of explain; 0: now */
};

enum notification_form { NOTIFICATION_POST = 1, NOTIFICATION_BULK_LINE, NOTIFICATION_EXPLAIN };

/* Texts in the arena of the faults; data is lent from body. */
bool notification_parse(const json_t *body, enum notification_form form,
			struct notification *ret_notification, struct faults *faults);

#endif

/* preference.h - what a recipient chose: per channel, per category, order, and the two gates. */
#ifndef MODEL_PREFERENCE_H
#define MODEL_PREFERENCE_H

#include <jansson.h>

#include "model/category.h"

/* Setting one level never deletes another: each is kept as it was said. */
struct category_choice {
	const char *category;
	bool has_enabled, is_enabled;
	const struct choice *channels;
	size_t channel_count;
	enum strategy strategy; /* 0: not chosen */
};

struct preference {
	bool is_unsubscribed_all;
	int64_t muted_until_ms;   /* 0: not muted */
	const char *const *order; /* kinds or channel names */
	size_t order_count;
	const struct choice *channels;
	size_t channel_count;
	const struct category_choice *categories;
	size_t category_count;
};

enum { PREFERENCE_CATEGORIES_MAX = 200, PREFERENCE_BYTES_MAX = 64 * 1024 };

/* body NULL: nothing was chosen.  `version` in a body is read past (it is the ETag's). */
bool preference_parse(const json_t *body, struct preference *ret_preference, struct faults *faults);
const struct category_choice *preference_category(const struct preference *preference, const char *category);

#endif

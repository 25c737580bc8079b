/* category.h - what a notification is about, and the policy that goes with it; what a person can switch off.
 */
#ifndef MODEL_CATEGORY_H
#define MODEL_CATEGORY_H

#include <jansson.h>

#include "model/content.h"
#include "model/delivery.h"

/* A yes or no for a channel's name or kind; the more specific one wins. */
struct choice {
	const char *key;
	bool is_on;
};

struct category {
	const char *name;
	bool is_required; /* cannot be switched off, passes both gates */
	bool is_opt_out;  /* consent: opt_out (else none): the same gate today, another word for people */
	const struct choice *channels; /* what a person gets who has chosen nothing; none given: every kind */
	size_t channel_count;
	enum strategy strategy;
	bool is_critical_allowed, is_listed;
	int64_t expires_in_ms; /* 0: as configured */
	enum uncertain_policy uncertain;
	int64_t attempts_max; /* 0: the channel's */
	struct content content;
	const char *title; /* in English, else the first given; "" */
	int64_t version;
};

/* name: from the path.  Unknown and later fields are faults. */
bool category_parse(const json_t *body, const char *name, struct category *ret_category,
		    struct faults *faults);
/* True and *ret_is_on: somebody decided; the channel's name before its kind. */
bool choice_find(const struct choice *choices, size_t count, const char *channel, const char *kind,
		 bool *ret_is_on);
/* An object of booleans keyed by channel names or kinds. */
bool choices_parse(const json_t *value, const char *pointer, const struct choice **ret_choices,
		   size_t *ret_count, struct faults *faults);

#endif

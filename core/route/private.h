/* private.h - between the rooms of route: choice decides whether a person allows a channel, words renders for
 * one. */
#ifndef ROUTE_PRIVATE_H
#define ROUTE_PRIVATE_H

#include "route/plan.h"

/* The answer of one rule; reason none: nothing against it. */
struct ruling {
	enum reason reason;
	const char *rule, *detail; /* rule: where it was said */
};

/* Gates: unsubscribed from everything, muted.  A required category passes both. */
struct ruling choice_gate(const struct category *category, const struct plan_person *person, int64_t now_ms,
			  struct arena *arena);
/* The recipient's choice, then the category's. */
struct ruling choice_allows(const struct category *category, const struct preference *preference,
			    const char *channel, const char *kind, struct arena *arena);

/* The first valid address for the channel, verified before unverified.  NULL: ruling says why none. */
const struct plan_address *address_for(const struct plan_person *person, const char *channel,
				       const char *kind, struct ruling *ret_ruling);

struct body_shelf; /* rendered words, equal ones once */

struct body_shelf *body_shelf_new(const struct plan_input *input, struct faults *faults);
void body_shelf_free(struct body_shelf *shelf);
/* Render for one delivery.  False: a fault was added. */
bool body_shelf_put(struct body_shelf *shelf, const struct plan_person *person,
		    const struct content_part *part, uint32_t *ret_body);
size_t body_shelf_bodies(const struct body_shelf *shelf, struct herald_text **ret_bodies);

#endif

/* private.h - between the rooms of intake. */
#ifndef INTAKE_PRIVATE_H
#define INTAKE_PRIVATE_H

#include "base/map.h"
#include "intake/intake.h"

struct category_cache; /* parsed categories of one thread */

struct category_cache *category_cache_new(void);
void category_cache_free(struct category_cache *cache);
enum herald_code category_cache_get(struct category_cache *cache, struct store *store,
				    struct store_session *session, int64_t tenant, const char *name,
				    const struct category **ret_category, struct herald_error *err);

struct intake {
	struct intake_settings settings;
	struct store_session *session;
	struct category_cache *categories;
	struct arena *arena; /* of the intake itself */
};

/* The kept request of a notification that waits for its time, in the arena of the call. */
struct herald_text schedule_write(const struct intake_call *call);

/* Fills call->people and call->trees. */
enum herald_code people_read(struct intake *intake, struct intake_call *call, struct herald_error *err);

#endif

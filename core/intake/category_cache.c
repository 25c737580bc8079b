/* Categories parsed once: kept until the tenant's policy version moves, then forgotten together.
 *
 * A category is read for every notification and changes hardly ever; its JSON is parsed when it was changed.
 */
#include "intake/private.h"

#include <stdio.h>

#include "base/check.h"

enum { CATEGORIES_CACHED_MAX = 1000 };

struct category_cache {
	struct arena *own;   /* of this struct */
	struct arena *arena; /* of everything cached; cleared as a whole */
	struct map *by_key;
	struct map *versions; /* tenant -> policy version + 1, as cached */
};

struct category_cache *category_cache_new(void)
{
	struct arena *own = arena_new();
	struct category_cache *cache = arena_new_of(own, struct category_cache);

	*cache = (struct category_cache){
		.own = own, .arena = arena_new(), .by_key = map_new(), .versions = map_new()};
	return cache;
}

void category_cache_free(struct category_cache *cache)
{
	if (cache == NULL)
		return;
	map_free(cache->by_key);
	map_free(cache->versions);
	arena_free(cache->arena);
	arena_free(cache->own);
}

static void forget(struct category_cache *cache)
{
	map_free(cache->by_key);
	map_free(cache->versions);
	cache->by_key = map_new();
	cache->versions = map_new();
	arena_clear(cache->arena);
}

enum herald_code category_cache_get(struct category_cache *cache, struct store *store,
				    struct store_session *session, int64_t tenant, const char *name,
				    const struct category **ret_category, struct herald_error *err)
{
	/* Read before the row: a change in between makes this entry old at once, never new in name only. */
	int64_t version = store_policy_version(store, tenant);
	uintptr_t cached = (uintptr_t)map_get(cache->versions, tenant);
	struct store_category row;
	struct category *category;
	struct faults faults;
	char key[128];
	enum herald_code code;

	if (cached != (uintptr_t)version + 1) {
		if (cached != 0 || map_count(cache->by_key) >= CATEGORIES_CACHED_MAX)
			forget(cache);
		map_put(cache->versions, tenant, (void *)((uintptr_t)version + 1));
	}
	snprintf(key, sizeof(key), "%lld/%s", (long long)tenant, name);
	category = map_get_text(cache->by_key, key);
	if (category == NULL) {
		/* The row's text is read and forgotten: asking for what is not there must not fill the cache.
		 */
		struct arena *scratch = arena_new();
		json_t *tree;

		code = store_category(session, tenant, name, scratch, &row, err);
		if (code != HERALD_OK) {
			arena_free(scratch);
			return code;
		}
		tree = json_loadb(row.body.data, row.body.size, 0, NULL);
		arena_free(scratch);
		category = arena_new_of(cache->arena, struct category);
		faults_init(&faults, cache->arena);
		if (!category_parse(tree, arena_text(cache->arena, name), category, &faults)) {
			json_decref(tree);
			return herald_fail(err, HERALD_CORRUPT, "category %s cannot be read: %s %s", name,
					   faults.items[0].pointer, faults.items[0].detail);
		}
		json_decref(tree);
		category->version = version;
		map_put_text(cache->by_key, arena_text(cache->arena, key), category);
	}
	*ret_category = category;
	return HERALD_OK;
}

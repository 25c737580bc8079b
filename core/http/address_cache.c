/* What plugins said of addresses, kept a while by the thread that asked: a checked address does not change,
 * but a plugin's configuration may, so the whole cache is thrown away when it is full or ten minutes old. */
#include <stdio.h>

#include "base/clock.h"
#include "base/map.h"
#include "http/private.h"
#include "base/check.h"

enum { CACHED_MAX = 10000, CACHE_AGE_MS_MAX = 10 * 60 * 1000, CACHE_KEY_SIZE = ADDRESS_BYTES_MAX + 16 };

struct address_cache {
	struct arena *own, *arena;
	struct map *entries;
	int64_t began_ms;
};

struct address_cache *address_cache_new(void)
{
	struct arena *own = arena_new();
	struct address_cache *cache = arena_new_of(own, struct address_cache);

	*cache = (struct address_cache){
		.own = own, .arena = arena_new(), .entries = map_new(), .began_ms = clock_mono_ms()};
	return cache;
}

void address_cache_free(struct address_cache *cache)
{
	if (cache == NULL)
		return;
	map_free(cache->entries);
	arena_free(cache->arena);
	arena_free(cache->own);
}

bool address_cache_get(struct address_cache *cache, int32_t channel, const char *address,
		       struct checked_address *ret_checked)
{
	char key[CACHE_KEY_SIZE];
	struct checked_address *found;

	snprintf(key, sizeof(key), "%d/%s", channel, address);
	if (map_count(cache->entries) >= CACHED_MAX || clock_mono_ms() - cache->began_ms > CACHE_AGE_MS_MAX) {
		map_free(cache->entries);
		cache->entries = map_new();
		arena_clear(cache->arena);
		cache->began_ms = clock_mono_ms();
	}
	found = map_get_text(cache->entries, key);
	if (found == NULL)
		return false;
	*ret_checked = *found;
	return true;
}

void address_cache_put(struct address_cache *cache, int32_t channel, const char *address,
		       const struct checked_address *checked)
{
	struct checked_address *kept;
	char *key = arena_printf(cache->arena, "%d/%s", channel, address);

	if (map_get_text(cache->entries, key) != NULL)
		return;
	kept = arena_new_of(cache->arena, struct checked_address);
	kept->canonical = arena_text(cache->arena, checked->canonical);
	kept->destination = arena_text(cache->arena, checked->destination);
	map_put_text(cache->entries, key, kept);
}

/* Idempotency-Keys whose first request still runs: a second one with the same key is told to come again.
 *
 * One of the three places with a mutex: two requests with one key may be on two threads. */
#include <pthread.h>
#include <stdio.h>

#include "base/map.h"
#include "http/private.h"
#include "base/check.h"

struct inflight {
	pthread_mutex_t mutex;
	struct arena *arena; /* of this struct */
	struct map *keys;    /* text -> the arena that holds it */
};

enum { INFLIGHT_TEXT_SIZE = IDEMPOTENCY_KEY_BYTES_MAX + 24 };

struct inflight *inflight_new(void)
{
	struct arena *arena = arena_new();
	struct inflight *inflight = arena_new_of(arena, struct inflight);

	inflight->arena = arena;
	inflight->keys = map_new();
	pthread_mutex_init(&inflight->mutex, NULL);
	return inflight;
}

void inflight_free(struct inflight *inflight)
{
	if (inflight == NULL)
		return;
	CHECK(map_count(inflight->keys) == 0);
	map_free(inflight->keys);
	pthread_mutex_destroy(&inflight->mutex);
	arena_free(inflight->arena);
}

bool inflight_enter(struct inflight *inflight, int64_t tenant, const char *key)
{
	struct arena *arena = arena_new();
	const char *text = arena_printf(arena, "%lld/%s", (long long)tenant, key);
	bool is_first;

	pthread_mutex_lock(&inflight->mutex);
	is_first = map_get_text(inflight->keys, text) == NULL;
	if (is_first)
		map_put_text(inflight->keys, text, arena);
	pthread_mutex_unlock(&inflight->mutex);
	if (!is_first)
		arena_free(arena);
	return is_first;
}

void inflight_leave(struct inflight *inflight, int64_t tenant, const char *key)
{
	char text[INFLIGHT_TEXT_SIZE];
	struct arena *arena;

	snprintf(text, sizeof(text), "%lld/%s", (long long)tenant, key);
	pthread_mutex_lock(&inflight->mutex);
	arena = map_remove_text(inflight->keys, text);
	pthread_mutex_unlock(&inflight->mutex);
	CHECK(arena != NULL);
	arena_free(arena);
}

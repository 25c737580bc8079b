/* Requests per key and second: a token bucket per key.  Each API thread keeps its own share, so nothing is
 * shared; a caller whose connections all land on one thread gets that thread's share, which is the price. */
#include "base/map.h"
#include "http/private.h"
#include "base/check.h"

enum { BUCKETS_MAX = 10000 };

struct bucket {
	double tokens;
	int64_t at_ms;
};

struct rate_keeper {
	struct arena *arena;
	struct map *buckets;
	unsigned share;
};

struct rate_keeper *rate_keeper_new(unsigned share)
{
	struct arena *arena = arena_new();
	struct rate_keeper *keeper = arena_new_of(arena, struct rate_keeper);

	*keeper = (struct rate_keeper){.arena = arena, .buckets = map_new(), .share = share};
	return keeper;
}

void rate_keeper_free(struct rate_keeper *keeper)
{
	if (keeper == NULL)
		return;
	map_free(keeper->buckets);
	arena_free(keeper->arena);
}

bool rate_keeper_take(struct rate_keeper *keeper, int64_t key, uint32_t rate_per_s, int64_t now_ms,
		      unsigned *ret_wait_s)
{
	struct bucket *bucket = map_get(keeper->buckets, key);
	double rate = (double)rate_per_s / keeper->share, most = rate < 1 ? 1 : rate;

	if (rate_per_s == 0)
		return true;
	if (bucket == NULL) {
		/* Keys are made by admins: their number is bounded; past it nobody is held back. */
		if (map_count(keeper->buckets) >= BUCKETS_MAX)
			return true;
		bucket = arena_new_of(keeper->arena, struct bucket);
		*bucket = (struct bucket){.tokens = most, .at_ms = now_ms};
		map_put(keeper->buckets, key, bucket);
	}
	if (now_ms > bucket->at_ms)
		bucket->tokens += (double)(now_ms - bucket->at_ms) / 1000 * rate;
	bucket->at_ms = now_ms;
	if (bucket->tokens > most)
		bucket->tokens = most;
	if (bucket->tokens < 1) {
		*ret_wait_s = 1 + (unsigned)((1 - bucket->tokens) / rate);
		return false;
	}
	bucket->tokens -= 1;
	return true;
}

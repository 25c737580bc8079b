/* Requests per key and second, and guesses per address: a token bucket for each.
 *
 * Each API thread keeps its own share, so nothing is shared; a caller whose connections all land on one
 * thread gets that thread's share, which is the price. */
#include "base/map.h"
#include "http/private.h"
#include "base/check.h"

enum { BUCKETS_MAX = 10000 };

struct bucket {
	double tokens;
	int64_t at_ms;
};

struct rate_keeper {
	struct arena *own, *arena; /* of this struct; of the buckets */
	struct map *buckets;
	unsigned share;
};

struct rate_keeper *rate_keeper_new(unsigned share)
{
	struct arena *own = arena_new();
	struct rate_keeper *keeper = arena_new_of(own, struct rate_keeper);

	*keeper =
		(struct rate_keeper){.own = own, .arena = arena_new(), .buckets = map_new(), .share = share};
	return keeper;
}

void rate_keeper_free(struct rate_keeper *keeper)
{
	if (keeper == NULL)
		return;
	map_free(keeper->buckets);
	arena_free(keeper->arena);
	arena_free(keeper->own);
}

/* Addresses are chosen by whoever asks, so their number is bounded: past it everybody begins anew. */
static void forget_all(struct rate_keeper *keeper)
{
	map_free(keeper->buckets);
	keeper->buckets = map_new();
	arena_clear(keeper->arena);
}

static bool take(struct rate_keeper *keeper, int64_t key, double rate, double most, int64_t now_ms,
		 unsigned *ret_wait_s)
{
	struct bucket *bucket = map_get(keeper->buckets, key);

	if (bucket == NULL) {
		if (map_count(keeper->buckets) >= BUCKETS_MAX)
			forget_all(keeper);
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

bool rate_keeper_take(struct rate_keeper *keeper, int64_t key, uint32_t rate_per_s, int64_t now_ms,
		      unsigned *ret_wait_s)
{
	double rate = (double)rate_per_s / keeper->share;

	return rate_per_s == 0 || take(keeper, key, rate, rate < 1 ? 1 : rate, now_ms, ret_wait_s);
}

bool rate_keeper_guess(struct rate_keeper *keeper, int64_t from, int64_t now_ms, unsigned *ret_wait_s)
{
	return take(keeper, from, (double)GUESSES_PER_MINUTE / 60, GUESSES_PER_MINUTE, now_ms, ret_wait_s);
}

/* bloom.c - "was this key ever seen?", in bounded memory: a yes may be wrong, a no never is.
 *
 * Layers of growing size: the first is small, so that a quiet day costs little; the last one keeps taking
 * keys when it is full, and what grows then is the share of wrong yeses, not the memory. */
#include "store/bloom.h"

#include <string.h>

#include "base/arena.h"

#include "base/check.h"

enum { LAYERS_MAX = 4, PROBES = 7, BITS_PER_KEY = 10, LAYER_BITS_FIRST = 1 << 19, LAYER_GROWTH = 4 };

struct bloom {
	struct arena *arena;
	struct layer {
		uint64_t *words;
		uint64_t bits;
		uint64_t keys;
	} layers[LAYERS_MAX]; /* 64 KiB, 256 KiB, 1 MiB, 4 MiB */
	size_t count;
};

struct bloom *bloom_new(void)
{
	struct arena *arena = arena_new();
	struct bloom *bloom = arena_new_of(arena, struct bloom);
	bloom->arena = arena;
	return bloom;
}

void bloom_free(struct bloom *bloom)
{
	if (bloom != NULL)
		arena_free(bloom->arena);
}

/* The key is a digest: its two halves are as good as two hash functions. */
static void key_halves(const uint8_t key[KEY_HASH_BYTES], uint64_t *ret_first, uint64_t *ret_second)
{
	memcpy(ret_first, key, sizeof(*ret_first));
	memcpy(ret_second, key + sizeof(*ret_first), sizeof(*ret_second));
	*ret_second |= 1;
}

void bloom_add(struct bloom *bloom, const uint8_t key[KEY_HASH_BYTES])
{
	struct layer *layer = bloom->count == 0 ? NULL : &bloom->layers[bloom->count - 1];
	bool is_full = layer == NULL || layer->keys * BITS_PER_KEY >= layer->bits;
	if (is_full && bloom->count < LAYERS_MAX) {
		uint64_t bits = layer == NULL ? LAYER_BITS_FIRST : layer->bits * LAYER_GROWTH;
		layer = &bloom->layers[bloom->count++];
		layer->bits = bits;
		layer->words = arena_array_of(bloom->arena, bits / 64, uint64_t);
	}
	uint64_t at, step;
	key_halves(key, &at, &step);
	for (int i = 0; i < PROBES; i++, at += step)
		layer->words[at % layer->bits / 64] |= UINT64_C(1) << (at % 64);
	layer->keys++;
}

bool bloom_may_hold(const struct bloom *bloom, const uint8_t key[KEY_HASH_BYTES])
{
	for (size_t i = 0; bloom != NULL && i < bloom->count; i++) {
		const struct layer *layer = &bloom->layers[i];
		uint64_t at, step;
		bool is_there = true;
		key_halves(key, &at, &step);
		for (int probe = 0; probe < PROBES && is_there; probe++, at += step)
			is_there = (layer->words[at % layer->bits / 64] >> (at % 64) & 1) != 0;
		if (is_there)
			return true;
	}
	return false;
}

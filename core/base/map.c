/* map.c - open addressing with linear probing and graves.
 *
 * Invariant: at most three quarters of the slots are used or graves, so every probe ends.  A removal leaves a
 * grave and moves nothing, which is why map_each may be told to remove what it stands on.  Texts are hashed
 * with SipHash-1-3 under a key of the map's own. */
#include "base/map.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/check.h"

enum { SLOTS_FIRST = 16 };

enum slot_use { SLOT_FREE = 0, SLOT_GRAVE, SLOT_NUMBER, SLOT_TEXT };

struct slot {
	uint64_t hash;
	union {
		int64_t number;
		const char *text;
	} key;
	void *value;
	enum slot_use use;
};

struct map {
	struct slot *slots;
	size_t capacity; /* a power of two */
	size_t count, graves;
	uint64_t seed[2];
};

struct map *map_new(void)
{
	struct map *map = calloc(1, sizeof(*map));
	CHECK(map != NULL);
	map->capacity = SLOTS_FIRST;
	map->slots = calloc(map->capacity, sizeof(*map->slots));
	CHECK(map->slots != NULL);
	CHECK(getrandom(map->seed, sizeof(map->seed), 0) == (ssize_t)sizeof(map->seed));
	return map;
}

void map_free(struct map *map)
{
	if (map == NULL)
		return;
	free(map->slots);
	free(map);
}

size_t map_count(const struct map *map)
{
	return map->count;
}

static uint64_t rotate(uint64_t value, unsigned by)
{
	return value << by | value >> (64 - by);
}

static void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] = rotate(v[0], 32);
	v[2] += v[1];
	v[0] += v[3];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] = rotate(v[2], 32);
}

static uint64_t sip_hash(const uint64_t seed[2], const void *data, size_t size)
{
	uint64_t v[4] = {seed[0] ^ UINT64_C(0x736f6d6570736575), seed[1] ^ UINT64_C(0x646f72616e646f6d),
			 seed[0] ^ UINT64_C(0x6c7967656e657261), seed[1] ^ UINT64_C(0x7465646279746573)};
	const unsigned char *at = data;
	uint64_t last = (uint64_t)size << 56;

	for (; size >= 8; size -= 8, at += 8) {
		uint64_t word;
		memcpy(&word, at, 8);
		v[3] ^= word;
		sip_round(v);
		v[0] ^= word;
	}
	for (size_t i = 0; i < size; i++)
		last |= (uint64_t)at[i] << (8 * i);
	v[3] ^= last;
	sip_round(v);
	v[0] ^= last;
	v[2] ^= 0xff;
	for (int i = 0; i < 3; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static bool slot_is(const struct slot *slot, const struct slot *wanted)
{
	if (slot->use != wanted->use || slot->hash != wanted->hash)
		return false;
	return wanted->use == SLOT_NUMBER ? slot->key.number == wanted->key.number
					  : strcmp(slot->key.text, wanted->key.text) == 0;
}

static struct slot *map_find(const struct map *map, const struct slot *wanted)
{
	for (size_t i = wanted->hash & (map->capacity - 1);; i = (i + 1) & (map->capacity - 1)) {
		struct slot *slot = &map->slots[i];
		if (slot->use == SLOT_FREE)
			return NULL;
		if (slot_is(slot, wanted))
			return slot;
	}
}

/* wanted is known not to be there, and there is room. */
static void map_place(struct map *map, const struct slot *wanted)
{
	size_t i = wanted->hash & (map->capacity - 1);
	while (map->slots[i].use > SLOT_GRAVE)
		i = (i + 1) & (map->capacity - 1);
	if (map->slots[i].use == SLOT_GRAVE)
		map->graves--;
	map->slots[i] = *wanted;
	map->count++;
}

/* Doubles when it is full of entries, keeps its size when it is full of graves. */
static void map_make_room(struct map *map)
{
	if ((map->count + map->graves + 1) * 4 <= map->capacity * 3)
		return;
	struct slot *old = map->slots;
	size_t old_capacity = map->capacity;
	if ((map->count + 1) * 2 > map->capacity)
		map->capacity *= 2;
	map->slots = calloc(map->capacity, sizeof(*map->slots));
	CHECK(map->slots != NULL);
	map->count = map->graves = 0;
	for (size_t i = 0; i < old_capacity; i++) {
		if (old[i].use > SLOT_GRAVE)
			map_place(map, &old[i]);
	}
	free(old);
}

static struct slot wanted_number(const struct map *map, int64_t key)
{
	return (struct slot){
		.use = SLOT_NUMBER, .key.number = key, .hash = sip_hash(map->seed, &key, sizeof(key))};
}

static struct slot wanted_text(const struct map *map, const char *key)
{
	return (struct slot){
		.use = SLOT_TEXT, .key.text = key, .hash = sip_hash(map->seed, key, strlen(key))};
}

static void *map_look_up(const struct map *map, const struct slot *wanted)
{
	const struct slot *slot = map_find(map, wanted);
	return slot == NULL ? NULL : slot->value;
}

static void map_set(struct map *map, struct slot *wanted, void *value)
{
	CHECK(value != NULL);
	wanted->value = value;
	struct slot *slot = map_find(map, wanted);
	if (slot != NULL) {
		/* The key too: a lent text lives as long as its entry, and the old one may end now. */
		*slot = *wanted;
		return;
	}
	map_make_room(map);
	map_place(map, wanted);
}

static void *map_cut(struct map *map, const struct slot *wanted)
{
	struct slot *slot = map_find(map, wanted);
	if (slot == NULL)
		return NULL;
	void *value = slot->value;
	*slot = (struct slot){.use = SLOT_GRAVE};
	map->count--;
	map->graves++;
	return value;
}

void *map_get(const struct map *map, int64_t key)
{
	struct slot wanted = wanted_number(map, key);
	return map_look_up(map, &wanted);
}

void map_put(struct map *map, int64_t key, void *value)
{
	struct slot wanted = wanted_number(map, key);
	map_set(map, &wanted, value);
}

void *map_remove(struct map *map, int64_t key)
{
	struct slot wanted = wanted_number(map, key);
	return map_cut(map, &wanted);
}

void *map_get_text(const struct map *map, const char *key)
{
	struct slot wanted = wanted_text(map, key);
	return map_look_up(map, &wanted);
}

void map_put_text(struct map *map, const char *key, void *value)
{
	struct slot wanted = wanted_text(map, key);
	map_set(map, &wanted, value);
}

void *map_remove_text(struct map *map, const char *key)
{
	struct slot wanted = wanted_text(map, key);
	return map_cut(map, &wanted);
}

void map_each(struct map *map, void (*each)(void *value, void *context), void *context)
{
	for (size_t i = 0; i < map->capacity; i++) {
		if (map->slots[i].use > SLOT_GRAVE)
			each(map->slots[i].value, context);
	}
}

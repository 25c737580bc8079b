/* map.h - a hash table from a 64-bit key or a text to a pointer.  One thread.  Keys of texts are lent: they
 * must live as long as their entry.  Hashing is seeded per process, so nobody outside can choose collisions.
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stddef.h>
#include <stdint.h>

struct map;

struct map *map_new(void);
void map_free(struct map *map); /* not the values; NULL is fine */
size_t map_count(const struct map *map);

void *map_get(const struct map *map, int64_t key);       /* NULL: none */
void map_put(struct map *map, int64_t key, void *value); /* replaces; value not NULL */
void *map_remove(struct map *map, int64_t key);

void *map_get_text(const struct map *map, const char *key);
void map_put_text(struct map *map, const char *key, void *value);
void *map_remove_text(struct map *map, const char *key);

/* Calls each once, in no order; each may remove the entry it was given and no other. */
void map_each(struct map *map, void (*each)(void *value, void *context), void *context);

#endif

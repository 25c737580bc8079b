/* arena.h - memory with one lifetime: everything in an arena ends together.
 *
 * One thread uses an arena at a time; it may move between threads with the thing whose life it is.  Out of
 * memory aborts (the queue is on disk); what a caller can make big is bounded before it gets here. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

#include "herald/message.h"

struct arena;

struct arena *arena_new(void);
struct arena *arena_new_wiped(void);   /* for secrets: overwritten when it ends or is cleared */
void arena_free(struct arena *arena);  /* NULL is fine */
void arena_clear(struct arena *arena); /* everything in it ends; keeps a first block for reuse */
size_t arena_bytes(const struct arena *arena);

/* Zeroed, aligned for any type; never NULL, also for size 0. */
void *arena_alloc(struct arena *arena, size_t size) __attribute__((returns_nonnull, warn_unused_result));
void *arena_array(struct arena *arena, size_t count, size_t size); /* overflow aborts */
#define arena_new_of(arena, type) ((type *)arena_alloc((arena), sizeof(type)))
#define arena_array_of(arena, count, type) ((type *)arena_array((arena), (count), sizeof(type)))

/* Copies, with a 0 behind.  NULL reads as "". */
char *arena_text(struct arena *arena, const char *text);
struct herald_text arena_bytes_copy(struct arena *arena, const void *data, size_t size);
char *arena_printf(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));

static inline struct herald_text text_of(const char *data, size_t size)
{
	return (struct herald_text){.data = data, .size = size};
}

#endif

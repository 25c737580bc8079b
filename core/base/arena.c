/* arena.c - a chain of blocks that grow by doubling, allocated from by moving one mark.
 *
 * Invariant: the newest block is the head of the chain, and everything in front of its mark is in use.  Under
 * AddressSanitizer what lies behind the mark is poisoned and a gap stands between allocations, so that a
 * write past the end of one is seen although they share a block. */
#include "base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#define ARENA_POISON(at, size) __asan_poison_memory_region((at), (size))
#define ARENA_UNPOISON(at, size) __asan_unpoison_memory_region((at), (size))
#define ARENA_GAP 16
#else
#define ARENA_POISON(at, size) ((void)0)
#define ARENA_UNPOISON(at, size) ((void)0)
#define ARENA_GAP 0
#endif

#include "base/check.h"

enum {
	ARENA_ALIGN = alignof(max_align_t),
	BLOCK_BYTES_FIRST = 1024,
	BLOCK_BYTES_GROWN_MAX = 256 * 1024,
};

struct block {
	struct block *older;
	size_t size, used; /* of data */
	alignas(max_align_t) char data[];
};

struct arena {
	struct block *head;
	size_t bytes;
	bool is_wiped;
};

/* Zeroed from calloc on: a fresh block needs no second pass, a reused one is cleaned by arena_clear. */
static struct block *block_new(size_t size, struct block *older)
{
	struct block *block = calloc(1, sizeof(*block) + size);
	CHECK(block != NULL);
	block->older = older;
	block->size = size;
	ARENA_POISON(block->data, size);
	return block;
}

static void block_free(struct block *block, bool is_wiped)
{
	ARENA_UNPOISON(block->data, block->size);
	if (is_wiped)
		explicit_bzero(block->data, block->used);
	free(block);
}

struct arena *arena_new(void)
{
	struct arena *arena = calloc(1, sizeof(*arena));
	CHECK(arena != NULL);
	return arena;
}

struct arena *arena_new_wiped(void)
{
	struct arena *arena = arena_new();
	arena->is_wiped = true;
	return arena;
}

void arena_free(struct arena *arena)
{
	if (arena == NULL)
		return;
	while (arena->head != NULL) {
		struct block *block = arena->head;
		arena->head = block->older;
		block_free(block, arena->is_wiped);
	}
	free(arena);
}

void arena_clear(struct arena *arena)
{
	while (arena->head != NULL && arena->head->older != NULL) {
		struct block *block = arena->head;
		arena->head = block->older;
		block_free(block, arena->is_wiped);
	}
	arena->bytes = 0;
	if (arena->head != NULL) {
		ARENA_UNPOISON(arena->head->data, arena->head->size);
		explicit_bzero(arena->head->data, arena->head->used);
		arena->head->used = 0;
		ARENA_POISON(arena->head->data, arena->head->size);
	}
}

size_t arena_bytes(const struct arena *arena)
{
	return arena->bytes;
}

static size_t block_size_next(const struct arena *arena, size_t need)
{
	size_t size = arena->head == NULL ? BLOCK_BYTES_FIRST : arena->head->size * 2;
	if (size > BLOCK_BYTES_GROWN_MAX)
		size = BLOCK_BYTES_GROWN_MAX;
	return need > size ? need : size;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	CHECK(size <= SIZE_MAX / 2);
	size_t room = ((size == 0 ? 1 : size) + ARENA_GAP + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);

	if (arena->head == NULL || arena->head->size - arena->head->used < room)
		arena->head = block_new(block_size_next(arena, room), arena->head);
	struct block *block = arena->head;
	char *memory = block->data + block->used;
	block->used += room;
	arena->bytes += room;
	ARENA_UNPOISON(memory, size);
	CHECK(block->used <= block->size);
	return memory;
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
	size_t total;
	CHECK(!__builtin_mul_overflow(count, size, &total));
	return arena_alloc(arena, total);
}

struct herald_text arena_bytes_copy(struct arena *arena, const void *data, size_t size)
{
	char *copy = arena_alloc(arena, size + 1);
	if (size > 0)
		memcpy(copy, data, size);
	copy[size] = 0;
	return text_of(copy, size);
}

char *arena_text(struct arena *arena, const char *text)
{
	size_t size = text == NULL ? 0 : strlen(text);
	char *copy = arena_alloc(arena, size + 1);
	if (size > 0)
		memcpy(copy, text, size);
	return copy;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
	va_list args, again;
	va_start(args, format);
	va_copy(again, args);
	int size = vsnprintf(NULL, 0, format, args);
	va_end(args);
	CHECK(size >= 0);
	char *text = arena_alloc(arena, (size_t)size + 1);
	vsnprintf(text, (size_t)size + 1, format, again);
	va_end(again);
	return text;
}

/* test_arena.c - the arena's promises. */
#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"

static void every_allocation_is_zeroed_aligned_and_its_own(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	unsigned char *pieces[200];
	for (size_t i = 0; i < countof(pieces); i++) {
		pieces[i] = arena_alloc(arena, i);
		assert_int_equal((uintptr_t)pieces[i] % alignof(max_align_t), 0);
		for (size_t j = 0; j < i; j++)
			assert_int_equal(pieces[i][j], 0);
		memset(pieces[i], (int)i, i);
	}
	for (size_t i = 0; i < countof(pieces); i++) {
		for (size_t j = 0; j < i; j++)
			assert_int_equal(pieces[i][j], i);
	}
	arena_free(arena);
}

static void size_zero_still_gives_a_place_of_its_own(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	void *one = arena_alloc(arena, 0), *other = arena_alloc(arena, 0);
	assert_non_null(one);
	assert_ptr_not_equal(one, other);
	arena_free(arena);
}

static void something_larger_than_any_block_fits(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	size_t size = 3 * 1024 * 1024;
	char *large = arena_alloc(arena, size);
	memset(large, 'x', size);
	char *after = arena_text(arena, "after");
	assert_int_equal(large[size - 1], 'x');
	assert_string_equal(after, "after");
	assert_true(arena_bytes(arena) >= size);
	arena_free(arena);
}

static void a_cleared_arena_gives_zeroed_memory_again(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 100; i++) {
			unsigned char *piece = arena_alloc(arena, 100);
			for (int j = 0; j < 100; j++)
				assert_int_equal(piece[j], 0);
			memset(piece, 0xff, 100);
		}
		arena_clear(arena);
		assert_int_equal(arena_bytes(arena), 0);
	}
	arena_free(arena);
}

static void texts_are_copies_with_a_0_behind_and_null_is_empty(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	char original[] = "word";
	char *copy = arena_text(arena, original);
	original[0] = 'X';
	assert_string_equal(copy, "word");
	assert_string_equal(arena_text(arena, NULL), "");

	struct herald_text bytes = arena_bytes_copy(arena, "a\0b", 3);
	assert_int_equal(bytes.size, 3);
	assert_memory_equal(bytes.data, "a\0b", 4);
	struct herald_text none = arena_bytes_copy(arena, NULL, 0);
	assert_int_equal(none.size, 0);
	assert_string_equal(none.data, "");

	assert_string_equal(arena_printf(arena, "%s-%d", "n", 7), "n-7");
	arena_free(arena);
}

static void an_arena_for_secrets_overwrites_what_it_cleared(void **state)
{
	(void)state;
	struct arena *arena = arena_new_wiped();
	char *secret = arena_text(arena, "hunter2-hunter2");
	arena_clear(arena);
	char *again = arena_alloc(arena, 16); /* the first block is used again */
	assert_ptr_equal(again, secret);
	for (int i = 0; i < 16; i++)
		assert_int_equal(again[i], 0);
	arena_free(arena);
}

static void freeing_null_is_fine(void **state)
{
	(void)state;
	arena_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_allocation_is_zeroed_aligned_and_its_own),
		cmocka_unit_test(size_zero_still_gives_a_place_of_its_own),
		cmocka_unit_test(something_larger_than_any_block_fits),
		cmocka_unit_test(a_cleared_arena_gives_zeroed_memory_again),
		cmocka_unit_test(texts_are_copies_with_a_0_behind_and_null_is_empty),
		cmocka_unit_test(an_arena_for_secrets_overwrites_what_it_cleared),
		cmocka_unit_test(freeing_null_is_fine),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

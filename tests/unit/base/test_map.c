/* test_map.c - the map against a plain table that cannot be wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/map.h"
#include "base/check.h"

enum { KEYS = 2000 };

static void a_map_answers_as_a_plain_table_would_through_growth_and_removal(void **state)
{
	(void)state;
	struct map *map = map_new();
	void *table[KEYS] = {0};
	static char values[16];
	size_t count = 0;
	uint32_t dice = 12345;
	for (int step = 0; step < 200000; step++) {
		dice = dice * 1664525u + 1013904223u;
		int key = (int)(dice >> 8) % KEYS;
		void *value = &values[dice >> 28];
		if (dice & 0x80) {
			map_put(map, key - 1000, value);
			count += table[key] == NULL;
			table[key] = value;
		} else {
			assert_ptr_equal(map_remove(map, key - 1000), table[key]);
			count -= table[key] != NULL;
			table[key] = NULL;
		}
		assert_int_equal(map_count(map), count);
	}
	for (int key = 0; key < KEYS; key++)
		assert_ptr_equal(map_get(map, key - 1000), table[key]);
	map_free(map);
}

static void texts_are_compared_by_content_and_numbers_never_meet_them(void **state)
{
	(void)state;
	struct map *map = map_new();
	static char keys[500][16];
	for (size_t i = 0; i < countof(keys); i++) {
		snprintf(keys[i], sizeof(keys[i]), "key-%zu", i);
		map_put_text(map, keys[i], keys[i]);
	}
	char other[16];
	for (size_t i = 0; i < countof(keys); i++) {
		snprintf(other, sizeof(other), "key-%zu", i);
		assert_ptr_equal(map_get_text(map, other), keys[i]);
		assert_null(map_get(map, (int64_t)i));
	}
	assert_null(map_get_text(map, "key-"));
	assert_null(map_get_text(map, ""));
	assert_ptr_equal(map_remove_text(map, "key-7"), keys[7]);
	assert_null(map_get_text(map, "key-7"));
	assert_null(map_remove_text(map, "key-7"));
	map_free(map);
}

static void a_replaced_entry_lives_under_the_new_key(void **state)
{
	(void)state;
	struct map *map = map_new();
	char old[] = "same", new[] = "same";
	int one, two;
	map_put_text(map, old, &one);
	map_put_text(map, new, &two);
	old[0] = 'X'; /* the old key's life may have ended */
	assert_ptr_equal(map_get_text(map, "same"), &two);
	assert_int_equal(map_count(map), 1);
	map_free(map);
}

struct walk {
	struct map *map;
	int seen[KEYS];
	int64_t keys[KEYS];
};

static void see(void *value, void *context)
{
	struct walk *walk = context;
	int64_t key = *(int64_t *)value;
	walk->seen[key]++;
	if (key % 2 == 0)
		assert_ptr_equal(map_remove(walk->map, key), value);
}

static void each_calls_every_entry_once_and_may_remove_it(void **state)
{
	(void)state;
	static struct walk walk;
	memset(&walk, 0, sizeof(walk));
	walk.map = map_new();
	for (int64_t i = 0; i < KEYS; i++) {
		walk.keys[i] = i;
		map_put(walk.map, i, &walk.keys[i]);
	}
	map_each(walk.map, see, &walk);
	for (int i = 0; i < KEYS; i++)
		assert_int_equal(walk.seen[i], 1);
	assert_int_equal(map_count(walk.map), KEYS / 2);
	map_free(walk.map);
}

static void a_map_that_is_filled_and_emptied_for_ever_stays_quick(void **state)
{
	(void)state;
	/* Graves must not pile up: with probes that never end this test would not, either. */
	struct map *map = map_new();
	int value;
	for (int64_t i = 0; i < 1000000; i++) {
		map_put(map, i, &value);
		assert_ptr_equal(map_remove(map, i), &value);
	}
	assert_int_equal(map_count(map), 0);
	map_free(map);
	map_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_map_answers_as_a_plain_table_would_through_growth_and_removal),
		cmocka_unit_test(texts_are_compared_by_content_and_numbers_never_meet_them),
		cmocka_unit_test(a_replaced_entry_lives_under_the_new_key),
		cmocka_unit_test(each_calls_every_entry_once_and_may_remove_it),
		cmocka_unit_test(a_map_that_is_filled_and_emptied_for_ever_stays_quick),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

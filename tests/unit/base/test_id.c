/* test_id.c - ids never go back, never come twice, and their text reads as what was written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "base/check.h"

#define NOW_MS (ID_EPOCH_MS + INT64_C(86400000) * 900)

static void ids_grow_also_when_the_clock_goes_back(void **state)
{
	(void)state;
	struct id_source source;
	id_source_init(&source, 3, 0);
	int64_t last = 0;
	for (int i = 0; i < 10000; i++) {
		int64_t id = id_next(&source, NOW_MS - i * 1000);
		assert_true(id > last);
		last = id;
	}
	assert_true(id_next(&source, 0) > last);
}

static void an_id_tells_its_time_and_holds_its_node(void **state)
{
	(void)state;
	struct id_source source;
	id_source_init(&source, 1023, 0);
	int64_t id = id_next(&source, NOW_MS);
	assert_true(id_time_ms(id) == NOW_MS);
	assert_int_equal(id >> 11 & 1023, 1023);
}

static void more_than_a_millisecond_holds_runs_into_the_next(void **state)
{
	(void)state;
	struct id_source source;
	id_source_init(&source, 0, 0);
	for (int i = 0; i < 2048; i++)
		assert_true(id_time_ms(id_next(&source, NOW_MS)) == NOW_MS);
	assert_true(id_time_ms(id_next(&source, NOW_MS)) == NOW_MS + 1);
}

static void nothing_at_or_below_the_greatest_is_made_again_whatever_its_node(void **state)
{
	(void)state;
	struct id_source other, source;
	id_source_init(&other, 1023, 0);
	int64_t greatest = id_next(&other, NOW_MS + 3600000);
	id_source_init(&source, 0, greatest);
	assert_true(id_next(&source, NOW_MS) > greatest);
}

enum { THREADS = 4, IDS_EACH = 20000 };

struct maker {
	struct id_source *source;
	int64_t ids[IDS_EACH];
};

static void *make_ids(void *argument)
{
	struct maker *maker = argument;
	for (int i = 0; i < IDS_EACH; i++)
		maker->ids[i] = id_next(maker->source, NOW_MS);
	return NULL;
}

static int by_value(const void *a, const void *b)
{
	int64_t one = *(const int64_t *)a, other = *(const int64_t *)b;
	return (one > other) - (one < other);
}

static void no_two_threads_get_the_same_id(void **state)
{
	(void)state;
	struct id_source source;
	id_source_init(&source, 0, 0);
	struct maker *makers = calloc(THREADS, sizeof(*makers));
	pthread_t threads[THREADS];
	for (int i = 0; i < THREADS; i++) {
		makers[i].source = &source;
		assert_int_equal(pthread_create(&threads[i], NULL, make_ids, &makers[i]), 0);
	}
	int64_t *all = calloc(THREADS * IDS_EACH, sizeof(*all));
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		memcpy(all + i * IDS_EACH, makers[i].ids, sizeof(makers[i].ids));
	}
	qsort(all, THREADS * IDS_EACH, sizeof(*all), by_value);
	for (int i = 1; i < THREADS * IDS_EACH; i++)
		assert_true(all[i] > all[i - 1]);
	free(all);
	free(makers);
}

static void text_and_id_go_there_and_back_in_either_case(void **state)
{
	(void)state;
	static const int64_t ids[] = {1, 31, 32, INT64_C(0x123456789abcdef), INT64_MAX};
	for (size_t i = 0; i < countof(ids); i++) {
		char text[ID_TEXT_SIZE];
		int64_t back = 0;
		id_text("ntf", ids[i], text);
		assert_int_equal(strlen(text), 17);
		assert_true(id_parse("ntf", text, &back));
		assert_true(back == ids[i]);
		for (char *c = text + 4; *c != 0; c++)
			*c = (char)(*c >= 'A' ? *c + 32 : *c);
		back = 0;
		assert_true(id_parse("ntf", text, &back));
		assert_true(back == ids[i]);
	}
	char text[ID_TEXT_SIZE];
	id_text("key", 33, text);
	assert_string_equal(text, "key_0000000000011");
}

static void what_is_no_id_is_refused(void **state)
{
	(void)state;
	static const char *const wrong[] = {
		"",
		"ntf",
		"ntf_",
		"evt_0000000000011",
		"NTF_0000000000011",
		"ntf-0000000000011",
		"ntf_000000000001",
		"ntf_00000000000111",
		"ntf_0000000000000", /* 0 is nobody's id */
		"ntf_8000000000000", /* 2^63 */
		"ntf_000000000001I",
		"ntf_000000000001l",
		"ntf_000000000001O",
		"ntf_000000000001u",
		"ntf_00000000000 1",
		"ntf_0000000000011-1",
	};
	for (size_t i = 0; i < countof(wrong); i++) {
		int64_t id = 77;
		if (id_parse("ntf", wrong[i], &id) || id != 77)
			fail_msg("%s was read", wrong[i]);
	}
}

static void a_delivery_is_its_notification_and_a_number(void **state)
{
	(void)state;
	static const unsigned numbers[] = {0, 1, 12, 4294967295u};
	for (size_t i = 0; i < countof(numbers); i++) {
		char text[DELIVERY_TEXT_SIZE];
		int64_t id = 0;
		unsigned n = 77;
		id_delivery_text(INT64_MAX, numbers[i], text);
		assert_true(id_delivery_parse(text, &id, &n));
		assert_true(id == INT64_MAX);
		assert_int_equal(n, numbers[i]);
	}
	static const char *const wrong[] = {"ntf_0000000000011",    "ntf_0000000000011-",
					    "ntf_0000000000011-01", "ntf_0000000000011-4294967296",
					    "ntf_0000000000011-1x", "ntf_0000000000011--1",
					    "evt_0000000000011-1",  "ntf_0000000000011-99999999999999999999"};
	for (size_t i = 0; i < countof(wrong); i++) {
		int64_t id;
		unsigned n;
		assert_false(id_delivery_parse(wrong[i], &id, &n));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ids_grow_also_when_the_clock_goes_back),
		cmocka_unit_test(an_id_tells_its_time_and_holds_its_node),
		cmocka_unit_test(more_than_a_millisecond_holds_runs_into_the_next),
		cmocka_unit_test(nothing_at_or_below_the_greatest_is_made_again_whatever_its_node),
		cmocka_unit_test(no_two_threads_get_the_same_id),
		cmocka_unit_test(text_and_id_go_there_and_back_in_either_case),
		cmocka_unit_test(what_is_no_id_is_refused),
		cmocka_unit_test(a_delivery_is_its_notification_and_a_number),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_keepers.c - what the front remembers between requests: rates, guesses, keys in flight, checked
 * addresses. */
#include "first.h"

#include <pthread.h>
#include <stdio.h>

#include "base/check.h"

#define NOW INT64_C(1764000000000)

static unsigned granted(struct rate_keeper *keeper, int64_t key, uint32_t rate, int64_t now_ms,
			unsigned tries)
{
	unsigned count = 0, wait_s;

	for (unsigned i = 0; i < tries; i++)
		count += rate_keeper_take(keeper, key, rate, now_ms, &wait_s);
	return count;
}

static void a_key_gets_its_rate_and_a_second_of_burst(void **state)
{
	struct rate_keeper *keeper = rate_keeper_new(1);
	unsigned total = 0;

	(void)state;
	assert_int_equal(granted(keeper, 1, 10, NOW, 100), 10);
	assert_int_equal(granted(keeper, 1, 10, NOW + 500, 100), 5);
	assert_int_equal(granted(keeper, 2, 10, NOW + 500, 100), 10);
	for (int64_t at = 1000; at <= 11000; at += 10)
		total += granted(keeper, 1, 10, NOW + at, 100);
	assert_in_range(total, 99, 106);
	rate_keeper_free(keeper);
}

static void a_key_without_a_rate_is_never_held_back(void **state)
{
	struct rate_keeper *keeper = rate_keeper_new(2);

	(void)state;
	assert_int_equal(granted(keeper, 1, 0, NOW, 100000), 100000);
	rate_keeper_free(keeper);
}

static void threads_share_a_rate_and_even_one_a_second_passes(void **state)
{
	struct rate_keeper *keeper = rate_keeper_new(4);

	(void)state;
	assert_int_equal(granted(keeper, 1, 100, NOW, 100), 25);
	assert_int_equal(granted(keeper, 2, 1, NOW, 100), 1);
	assert_int_equal(granted(keeper, 2, 1, NOW + 3900, 100), 0);
	assert_int_equal(granted(keeper, 2, 1, NOW + 4100, 100), 1);
	rate_keeper_free(keeper);
}

static void the_wait_that_is_told_is_long_enough(void **state)
{
	struct rate_keeper *keeper = rate_keeper_new(4);
	unsigned wait_s = 0;

	(void)state;
	assert_true(granted(keeper, 1, 2, NOW, 100) <= 2);
	assert_false(rate_keeper_take(keeper, 1, 2, NOW, &wait_s));
	assert_true(wait_s >= 1);
	assert_true(rate_keeper_take(keeper, 1, 2, NOW + wait_s * 1000, &wait_s));
	rate_keeper_free(keeper);
}

static void a_clock_that_goes_back_gives_nothing_and_takes_nothing(void **state)
{
	struct rate_keeper *keeper = rate_keeper_new(1);

	(void)state;
	assert_int_equal(granted(keeper, 1, 10, NOW, 100), 10);
	assert_int_equal(granted(keeper, 1, 10, NOW - 100000, 100), 0);
	assert_int_equal(granted(keeper, 1, 10, NOW - 99000, 100), 10);
	rate_keeper_free(keeper);
}

static void guesses_are_ten_and_then_slow_and_their_memory_is_bounded(void **state)
{
	struct rate_keeper *keeper = rate_keeper_new(1);
	unsigned passed = 0, wait_s;

	(void)state;
	for (int i = 0; i < 100; i++)
		passed += rate_keeper_guess(keeper, 7, NOW, &wait_s);
	assert_int_equal(passed, GUESSES_PER_MINUTE);
	assert_true(rate_keeper_guess(keeper, 7, NOW + 60000, &wait_s));
	for (int64_t from = 100; from < 100000; from++)
		assert_true(rate_keeper_guess(keeper, from, NOW, &wait_s));
	rate_keeper_free(keeper);
}

/* --- keys in flight --- */

static void a_key_is_in_flight_once_per_tenant_until_it_leaves(void **state)
{
	struct inflight *inflight = inflight_new();

	(void)state;
	assert_true(inflight_enter(inflight, 1, "k"));
	assert_false(inflight_enter(inflight, 1, "k"));
	assert_true(inflight_enter(inflight, 2, "k"));
	assert_true(inflight_enter(inflight, 1, "K"));
	inflight_leave(inflight, 1, "k");
	assert_true(inflight_enter(inflight, 1, "k"));
	inflight_leave(inflight, 1, "k");
	inflight_leave(inflight, 2, "k");
	inflight_leave(inflight, 1, "K");
	inflight_free(inflight);
}

struct racer {
	struct inflight *inflight;
	_Atomic int *inside;
	_Atomic int *entered;
};

static void *race(void *context)
{
	struct racer *racer = context;

	for (int i = 0; i < 20000; i++) {
		if (!inflight_enter(racer->inflight, 1, "the one key"))
			continue;
		if (atomic_fetch_add(racer->inside, 1) != 0)
			return racer; /* two inside */
		atomic_fetch_add(racer->entered, 1);
		atomic_fetch_sub(racer->inside, 1);
		inflight_leave(racer->inflight, 1, "the one key");
	}
	return NULL;
}

static void of_many_threads_one_is_inside(void **state)
{
	_Atomic int inside = 0, entered = 0;
	struct racer racer = {.inflight = inflight_new(), .inside = &inside, .entered = &entered};
	pthread_t threads[4];

	(void)state;
	for (size_t i = 0; i < countof(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, race, &racer), 0);
	for (size_t i = 0; i < countof(threads); i++) {
		void *trouble;

		pthread_join(threads[i], &trouble);
		assert_null(trouble);
	}
	assert_true(entered > 0);
	inflight_free(racer.inflight);
}

static void the_longest_key_fits(void **state)
{
	struct inflight *inflight = inflight_new();
	char key[IDEMPOTENCY_KEY_BYTES_MAX + 1];

	(void)state;
	memset(key, 'k', sizeof(key));
	key[sizeof(key) - 1] = 0;
	assert_true(inflight_enter(inflight, INT64_MIN, key));
	inflight_leave(inflight, INT64_MIN, key);
	inflight_free(inflight);
}

/* --- checked addresses --- */

static void what_a_plugin_said_is_known_by_channel_and_spelling(void **state)
{
	struct address_cache *cache = address_cache_new();
	const struct checked_address said = {.canonical = "a@b", .destination = "b"};
	struct checked_address found;

	(void)state;
	assert_false(address_cache_get(cache, 1, "A@b", &found));
	address_cache_put(cache, 1, "A@b", &said);
	assert_true(address_cache_get(cache, 1, "A@b", &found));
	assert_string_equal(found.canonical, "a@b");
	assert_string_equal(found.destination, "b");
	assert_false(address_cache_get(cache, 2, "A@b", &found));
	assert_false(address_cache_get(cache, 1, "a@b", &found));
	assert_false(address_cache_get(cache, 11, "@b", &found));
	address_cache_free(cache);
}

static void the_cache_forgets_everything_before_it_grows_without_end(void **state)
{
	struct address_cache *cache = address_cache_new();
	const struct checked_address said = {.canonical = "x", .destination = ""};
	struct checked_address found;
	unsigned known = 0;

	(void)state;
	for (int i = 0; i < 25000; i++) {
		char address[32];

		snprintf(address, sizeof(address), "a%d", i);
		address_cache_get(cache, 1, address, &found);
		address_cache_put(cache, 1, address, &said);
	}
	for (int i = 0; i < 25000; i++) {
		char address[32];

		snprintf(address, sizeof(address), "a%d", i);
		known += address_cache_get(cache, 1, address, &found);
	}
	assert_in_range(known, 1, 10000);
	address_cache_free(cache);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_gets_its_rate_and_a_second_of_burst),
		cmocka_unit_test(a_key_without_a_rate_is_never_held_back),
		cmocka_unit_test(threads_share_a_rate_and_even_one_a_second_passes),
		cmocka_unit_test(the_wait_that_is_told_is_long_enough),
		cmocka_unit_test(a_clock_that_goes_back_gives_nothing_and_takes_nothing),
		cmocka_unit_test(guesses_are_ten_and_then_slow_and_their_memory_is_bounded),
		cmocka_unit_test(a_key_is_in_flight_once_per_tenant_until_it_leaves),
		cmocka_unit_test(of_many_threads_one_is_inside),
		cmocka_unit_test(the_longest_key_fits),
		cmocka_unit_test(what_a_plugin_said_is_known_by_channel_and_spelling),
		cmocka_unit_test(the_cache_forgets_everything_before_it_grows_without_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

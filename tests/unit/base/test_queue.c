/* test_queue.c - order, bounds, the bell, and nothing lost between threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/queue.h"
#include "base/check.h"

struct thing {
	struct queue_item item;
	int maker, number;
};

static bool bell_rings(const struct queue *queue)
{
	struct pollfd fd = {.fd = queue_bell(queue), .events = POLLIN};
	return poll(&fd, 1, 0) == 1;
}

static void what_is_pushed_comes_out_oldest_first(void **state)
{
	(void)state;
	struct queue *queue = queue_new(0);
	struct thing things[5] = {0};
	for (int i = 0; i < 5; i++) {
		things[i].number = i;
		assert_true(queue_push(queue, &things[i].item));
	}
	assert_int_equal(queue_length(queue), 5);
	int expected = 0;
	for (struct queue_item *item = queue_take_all(queue); item != NULL; item = item->next)
		assert_int_equal(((struct thing *)item)->number, expected++);
	assert_int_equal(expected, 5);
	assert_null(queue_take_all(queue));
	queue_free(queue);
}

static void a_queue_at_its_limit_gives_the_item_back(void **state)
{
	(void)state;
	struct queue *queue = queue_new(2);
	struct thing a = {0}, b = {0}, c = {0};
	assert_true(queue_push(queue, &a.item));
	assert_true(queue_push(queue, &b.item));
	assert_false(queue_push(queue, &c.item));
	assert_int_equal(queue_length(queue), 2);
	assert_ptr_equal(queue_take_all(queue), &a.item);
	assert_true(queue_push(queue, &c.item));
	assert_ptr_equal(queue_take_all(queue), &c.item);
	queue_free(queue);
}

static void the_bell_is_readable_exactly_while_something_waits(void **state)
{
	(void)state;
	struct queue *queue = queue_new(0);
	struct thing a = {0}, b = {0};
	assert_false(bell_rings(queue));
	queue_push(queue, &a.item);
	queue_push(queue, &b.item);
	assert_true(bell_rings(queue));
	queue_take_all(queue);
	assert_false(bell_rings(queue));
	queue_push(queue, &a.item);
	assert_true(bell_rings(queue));
	assert_ptr_equal(queue_wait_all(queue, -1), &a.item);
	assert_false(bell_rings(queue));
	queue_free(queue);
}

static void waiting_on_an_empty_queue_ends_with_its_time(void **state)
{
	(void)state;
	struct queue *queue = queue_new(0);
	assert_null(queue_wait_all(queue, 0));
	assert_null(queue_wait_all(queue, 5));
	queue_free(queue);
}

static void *close_it(void *queue)
{
	queue_close(queue);
	return NULL;
}

static void closing_wakes_the_sleeper_refuses_new_and_leaves_what_waits(void **state)
{
	(void)state;
	struct queue *queue = queue_new(0);
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, close_it, queue), 0);
	assert_null(queue_wait_all(queue, -1));
	pthread_join(thread, NULL);
	struct thing a = {0};
	assert_false(queue_push(queue, &a.item));
	queue_free(queue);

	queue = queue_new(0);
	assert_true(queue_push(queue, &a.item));
	queue_close(queue);
	assert_ptr_equal(queue_wait_all(queue, -1), &a.item);
	assert_null(queue_wait_all(queue, -1));
	queue_free(queue);
}

enum { MAKERS = 4, THINGS_EACH = 20000 };

struct maker {
	struct queue *queue;
	struct thing *things;
	int number;
};

static void *make(void *argument)
{
	struct maker *maker = argument;
	for (int i = 0; i < THINGS_EACH; i++) {
		maker->things[i].maker = maker->number;
		maker->things[i].number = i;
		CHECK(queue_push(maker->queue, &maker->things[i].item));
	}
	return NULL;
}

static void many_makers_lose_nothing_and_each_keeps_its_order(void **state)
{
	(void)state;
	struct queue *queue = queue_new(0);
	struct maker makers[MAKERS];
	pthread_t threads[MAKERS];
	for (int i = 0; i < MAKERS; i++) {
		makers[i] = (struct maker){queue, calloc(THINGS_EACH, sizeof(struct thing)), i};
		assert_int_equal(pthread_create(&threads[i], NULL, make, &makers[i]), 0);
	}
	int next[MAKERS] = {0}, taken = 0;
	while (taken < MAKERS * THINGS_EACH) {
		for (struct queue_item *item = queue_wait_all(queue, -1); item != NULL;) {
			struct thing *thing = (struct thing *)item;
			item = item->next;
			assert_int_equal(thing->number, next[thing->maker]++);
			taken++;
		}
	}
	for (int i = 0; i < MAKERS; i++) {
		pthread_join(threads[i], NULL);
		free(makers[i].things);
	}
	assert_int_equal(queue_length(queue), 0);
	queue_free(queue);
	queue_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_pushed_comes_out_oldest_first),
		cmocka_unit_test(a_queue_at_its_limit_gives_the_item_back),
		cmocka_unit_test(the_bell_is_readable_exactly_while_something_waits),
		cmocka_unit_test(waiting_on_an_empty_queue_ends_with_its_time),
		cmocka_unit_test(closing_wakes_the_sleeper_refuses_new_and_leaves_what_waits),
		cmocka_unit_test(many_makers_lose_nothing_and_each_keeps_its_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

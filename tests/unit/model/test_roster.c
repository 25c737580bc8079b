/* A roster in somebody's hands never changes and is never freed under them. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "model/roster.h"

static struct roster_channel channel(const char *name)
{
	return (struct roster_channel){.number = 1,
				       .name = name,
				       .kind = "sms",
				       .plugin = "acs_sms",
				       .version = "1",
				       .why = "",
				       .rate = "",
				       .state = CHANNEL_RUNNING};
}

static void what_was_published_is_a_copy(void **state)
{
	struct roster_board *board = roster_board_new();
	char name[] = "sms-eu";
	struct roster_channel channels[] = {channel(name)};
	const struct roster *seen;

	(void)state;
	seen = roster_get(board);
	assert_int_equal(seen->channel_count, 0);
	roster_put(seen);
	roster_publish(board, &(struct roster){.channels = channels, .channel_count = 1});
	name[0] = 'X';
	seen = roster_get(board);
	assert_non_null(roster_find(seen, "sms-eu"));
	assert_null(roster_find(seen, "Xms-eu"));
	roster_publish(board, &(struct roster){.channel_count = 0});
	assert_string_equal(seen->channels[0].name, "sms-eu");
	roster_put(seen);
	roster_board_free(board);
}

static void *reader(void *context)
{
	size_t seen = 0;

	for (int i = 0; i < 20000; i++) {
		const struct roster *roster = roster_get(context);

		seen += roster->channel_count == 1 && strcmp(roster->channels[0].name, "one") == 0;
		roster_put(roster);
	}
	return (void *)(uintptr_t)seen;
}

static void readers_and_the_publisher_do_not_hurt_each_other(void **state)
{
	struct roster_board *board = roster_board_new();
	struct roster_channel channels[] = {channel("one")};
	pthread_t threads[2];

	(void)state;
	roster_publish(board, &(struct roster){.channels = channels, .channel_count = 1});
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, reader, board), 0);
	for (int i = 0; i < 2000; i++)
		roster_publish(board, &(struct roster){.channels = channels, .channel_count = 1});
	for (int i = 0; i < 2; i++) {
		void *seen;

		assert_int_equal(pthread_join(threads[i], &seen), 0);
		assert_int_equal((uintptr_t)seen, 20000);
	}
	roster_board_free(board);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_published_is_a_copy),
		cmocka_unit_test(readers_and_the_publisher_do_not_hurt_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

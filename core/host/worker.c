/* worker.c - take what may go next, give it to the plugin, come again. */
#include "host/worker.h"

#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "herald/kit.h"
#include "host/line.h"
#include "base/check.h"

enum {
	WORKERS_MAX = 256,
	STACK_BYTES = 1024 * 1024,
	STUCK_AFTER_MS = 10 * 1000, /* past the deadline of what it was given */
};

struct worker {
	struct workers *workers;
	pthread_t thread;
	_Atomic int64_t due_ms; /* when its call should have returned, monotonic; INT64_MAX: it waits */
};

struct workers {
	struct arena *arena; /* holds this struct */
	struct herald_channel *channel;
	struct worker *items;
	unsigned count;
};

static void *worker_run(void *context)
{
	struct worker *worker = context;
	struct herald_channel *channel = worker->workers->channel;
	size_t max = channel->plugin->send_batch ? channel->plugin->batch_max : 1;
	struct ticket *tickets[LINE_BATCH_MAX];
	size_t count;

	CHECK(max <= countof(tickets));
	while ((count = line_wait(channel->tickets, max, tickets)) > 0) {
		int64_t due_ms = 0;
		for (size_t i = 0; i < count; i++)
			if (tickets[i]->deadline_ms > due_ms)
				due_ms = tickets[i]->deadline_ms;
		atomic_store(&worker->due_ms, due_ms + STUCK_AFTER_MS);
		channel_send(channel, tickets, count);
		atomic_store(&worker->due_ms, INT64_MAX);
	}
	return NULL;
}

enum herald_code workers_new(struct herald_channel *channel, unsigned count, struct workers **ret_workers,
			     struct herald_error *err)
{
	struct arena *arena = arena_new();
	struct workers *workers = arena_new_of(arena, struct workers);
	pthread_attr_t attributes;

	if (count < 1 || (channel->plugin->flags & HERALD_SERIAL))
		count = 1;
	if (count > WORKERS_MAX)
		count = WORKERS_MAX;
	workers->arena = arena;
	workers->channel = channel;
	workers->items = arena_array_of(arena, count, struct worker);
	CHECK(pthread_attr_init(&attributes) == 0);
	CHECK(pthread_attr_setstacksize(&attributes, STACK_BYTES) == 0);
	for (; workers->count < count; workers->count++) {
		struct worker *worker = &workers->items[workers->count];

		worker->workers = workers;
		atomic_store(&worker->due_ms, INT64_MAX);
		int failure = pthread_create(&worker->thread, &attributes, worker_run, worker);
		if (failure) {
			herald_fail(err, HERALD_BUSY, "starting worker %u of %u: %s", workers->count + 1,
				    count, strerrordesc_np(failure));
			break;
		}
	}
	pthread_attr_destroy(&attributes);
	if (workers->count < count) {
		tickets_close(channel->tickets);
		CHECK(workers_free(workers, STUCK_AFTER_MS)); /* they have not called the plugin yet */
		return HERALD_BUSY;
	}
	*ret_workers = workers;
	return HERALD_OK;
}

bool workers_free(struct workers *workers, int64_t patience_ms)
{
	struct timespec until;

	if (!workers)
		return true;
	CHECK(clock_gettime(CLOCK_REALTIME, &until) == 0);
	until.tv_sec += (time_t)(patience_ms / 1000);
	while (workers->count > 0) {
		if (pthread_timedjoin_np(workers->items[workers->count - 1].thread, NULL, &until) != 0)
			return false;
		workers->count--;
	}
	arena_free(workers->arena);
	return true;
}

bool workers_are_stuck(struct workers *workers, int64_t now_ms)
{
	for (unsigned i = 0; i < workers->count; i++)
		if (atomic_load(&workers->items[i].due_ms) > now_ms)
			return false;
	return true;
}

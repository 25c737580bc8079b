/* watch.c - the host's own clock.
 *
 * It never calls the plugin and takes no lock that is held while the plugin is called.  When the daemon is
 * dead, what is on the wire may finish for orphan_timeout; then the board says that we left, and the process
 * ends here, whatever its other threads are doing. */
#include "host/watch.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "herald/kit.h"
#include "base/check.h"

enum {
	TICK_MS = 100,       /* while a ticket is open */
	IDLE_TICK_MS = 1000, /* attempts last seconds: none can be overdue before */
	ORPHAN_TICK_MS = 5,
	STACK_BYTES = 256 * 1024,
};

enum { FD_STOP, FD_WORK, FD_COUNT };

struct watch {
	struct arena *arena; /* holds this struct */
	struct herald_channel *channel;
	pthread_t thread;
	int stop; /* eventfd */
	int work_fd;
};

static _Noreturn void orphan_end(struct watch *watch)
{
	struct herald_channel *channel = watch->channel;
	int64_t until_ms = clock_mono_ms() + channel->settings.orphan_timeout_ms;

	tickets_orphan(channel->tickets);
	CHECK(eventfd_write(channel->bell, 1) == 0);
	while (tickets_on_wire(channel->tickets) > 0 && clock_mono_ms() < until_ms)
		poll(NULL, 0, ORPHAN_TICK_MS);
	board_say_left(channel->tickets->board);
	_exit(0);
}

static void tick(struct watch *watch, int *ret_timeout_ms)
{
	struct herald_channel *channel = watch->channel;
	int64_t now_ms = clock_mono_ms();
	int64_t next_ms = tickets_overdue(channel->tickets, now_ms);
	int64_t wait_ms = tickets_are_idle(channel->tickets) ? IDLE_TICK_MS : TICK_MS;

	if (next_ms - now_ms < wait_ms)
		wait_ms = next_ms - now_ms;
	*ret_timeout_ms = wait_ms < 1 ? 1 : (int)wait_ms;
	/* The loop does this when it turns; when the plugin holds it up, somebody must. */
	outbox_flush(channel->work);
	outbox_flush(channel->talk);
}

static void *watch_run(void *context)
{
	struct watch *watch = context;
	struct pollfd fds[FD_COUNT] = {
		[FD_STOP] = {.fd = watch->stop, .events = POLLIN},
		[FD_WORK] = {.fd = watch->work_fd, .events = POLLRDHUP},
	};

	for (;;) {
		int timeout_ms;

		tick(watch, &timeout_ms);
		if (poll(fds, FD_COUNT, timeout_ms) < 0)
			CHECK(errno == EINTR);
		if (fds[FD_STOP].revents)
			return NULL;
		if (fds[FD_WORK].revents)
			orphan_end(watch);
	}
}

enum herald_code watch_new(struct herald_channel *channel, int work_fd, struct watch **ret_watch,
			   struct herald_error *err)
{
	struct arena *arena = arena_new();
	struct watch *watch = arena_new_of(arena, struct watch);
	pthread_attr_t attributes;

	*watch = (struct watch){
		.arena = arena,
		.channel = channel,
		.stop = eventfd(0, EFD_CLOEXEC),
		.work_fd = work_fd,
	};
	CHECK(watch->stop >= 0);
	CHECK(pthread_attr_init(&attributes) == 0);
	CHECK(pthread_attr_setstacksize(&attributes, STACK_BYTES) == 0);
	int failure = pthread_create(&watch->thread, &attributes, watch_run, watch);
	pthread_attr_destroy(&attributes);
	if (failure) {
		close(watch->stop);
		arena_free(arena);
		return herald_fail(err, HERALD_BUSY, "starting the watch: %s", strerrordesc_np(failure));
	}
	*ret_watch = watch;
	return HERALD_OK;
}

void watch_free(struct watch *watch)
{
	if (!watch)
		return;
	CHECK(eventfd_write(watch->stop, 1) == 0);
	pthread_join(watch->thread, NULL);
	close(watch->stop);
	arena_free(watch->arena);
}

/* serve.c - the life of a channel process: HELLO, CONFIG, READY, then the loop, until DRAIN is done or the
 * daemon is gone.
 *
 * The loop's thread reads both sockets, calls a plugin that does not block, and turns the HTTP client.  It
 * answers PING itself, so a PONG proves that the plugin has let go of it. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "herald/kit.h"
#include "host/chatter.h"
#include "host/host.h"
#include "host/http.h"
#include "host/line.h"
#include "host/loader.h"
#include "host/private.h"
#include "host/talk.h"
#include "host/watch.h"
#include "host/worker.h"
#include "base/check.h"

enum { EXIT_DEFECT = 70, EXIT_MISCONFIGURED = 78 };

/* Between two looks at the sockets: enough to be fast, few enough that a take-back is heard soon. */
enum {
	SENDS_PER_TURN = 64,
	READS_PER_TURN = 16,
	HANDSHAKE_TIMEOUT_MS = 60 * 1000,
	BYE_TIMEOUT_MS = 5 * 1000
};

struct serve {
	struct herald_channel channel; /* first: pump finds us by it */
	struct board *board;
	struct watch *watch;
	struct frame_reader work_in, talk_in;
	int work_fd, talk_fd;
	bool is_draining, is_broken;
	bool is_work_over, is_talk_over; /* the daemon closed it */
};

/* --- what the process gives up before it meets a plugin --- */

static void harden(void)
{
	const struct rlimit none = {0, 0};

	prctl(PR_SET_DUMPABLE, 0);
	setrlimit(RLIMIT_CORE, &none);
	/* The daemon tells us when to end; a signal to the whole group must not make it look like a crash. */
	const int ignored[] = {SIGPIPE, SIGINT, SIGTERM, SIGHUP};
	for (size_t i = 0; i < countof(ignored); i++)
		sigaction(ignored[i], &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
}

static void own(int fd)
{
	CHECK(fcntl(fd, F_SETFD, FD_CLOEXEC) == 0);
}

/* --- the daemon's frames --- */

static void work_frame(struct serve *serve, const struct frame *frame)
{
	struct herald_channel *channel = &serve->channel;
	struct herald_error err = {0};

	switch (frame->type) {
	case FRAME_SEND:
		if (serve->is_draining) /* stays QUEUED: the daemon takes it back untried */
			return;
		if (ticket_open(channel->tickets, frame, channel->settings.attempt_timeout_ms, &err) !=
		    HERALD_OK) {
			channel_log(channel, HERALD_FAULT, "send_refused", "%s", err.text);
			serve->is_broken = true;
		}
		return;
	case FRAME_REVOKE:
		ticket_revoke(channel->tickets, frame->sequence);
		return;
	case FRAME_KEPT:
		ticket_kept(channel->tickets, frame->sequence);
		return;
	case FRAME_DRAIN:
		serve->is_draining = true;
		return;
	case FRAME_PING:
		if (!channel->workers || !workers_are_stuck(channel->workers, clock_mono_ms()))
			outbox_add(channel->work, FRAME_PONG, frame->sequence);
		return;
	default: /* unknown frames are ignored: a newer daemon may say more */
		return;
	}
}

/* All whole frames that are there.  False: the other end closed. */
static bool frames_read(struct serve *serve, struct frame_reader *reader, int fd,
			void (*each)(struct serve *serve, const struct frame *frame))
{
	for (int i = 0; i < READS_PER_TURN && !serve->is_broken; i++) {
		struct frame frame;
		enum herald_code code = frame_reader_fill(reader, fd, NULL);

		if (code == HERALD_BUSY)
			return true;
		if (code != HERALD_OK)
			return false;
		while (!serve->is_broken && frame_next(reader, &frame, &serve->is_broken))
			each(serve, &frame);
	}
	return true;
}

static void talk_frame(struct serve *serve, const struct frame *frame)
{
	talk_answer(&serve->channel, frame);
}

static enum herald_code pump(struct herald_channel *channel, int timeout_ms)
{
	struct serve *serve = (struct serve *)channel;
	struct pollfd work = {.fd = serve->work_fd, .events = POLLIN};

	outbox_flush(channel->work);
	poll(&work, 1, timeout_ms);
	if (!serve->is_work_over && !frames_read(serve, &serve->work_in, serve->work_fd, work_frame))
		serve->is_work_over = true;
	return serve->is_work_over || serve->is_broken ? HERALD_IO : HERALD_OK;
}

/* --- the loop --- */

/* Call a plugin that does not block with what waits. */
static void feed(struct serve *serve)
{
	struct herald_channel *channel = &serve->channel;
	size_t max = channel->plugin->send_batch ? channel->plugin->batch_max : 1;
	struct ticket *tickets[LINE_BATCH_MAX];

	CHECK(max <= countof(tickets));
	for (size_t sent = 0; sent < SENDS_PER_TURN;) {
		size_t count = line_take(channel->tickets, max, tickets);
		if (count == 0)
			return;
		channel_send(channel, tickets, count);
		sent += count;
	}
}

static void loop_wait(struct serve *serve, int timeout_ms)
{
	struct herald_channel *channel = &serve->channel;
	struct pollfd fds[] = {
		{.fd = channel->bell, .events = POLLIN},
		{.fd = serve->is_work_over ? -1 : serve->work_fd, .events = POLLIN},
		{.fd = serve->is_talk_over ? -1 : serve->talk_fd, .events = POLLIN},
	};

	if (outbox_is_waiting(channel->work))
		fds[1].events |= POLLOUT;
	if (outbox_is_waiting(channel->talk))
		fds[2].events |= POLLOUT;
	http_wait(channel, fds, countof(fds), timeout_ms);
	eventfd_t rings;
	if (fds[0].revents)
		CHECK(eventfd_read(channel->bell, &rings) == 0 || errno == EAGAIN);
}

static void loop(struct serve *serve)
{
	struct herald_channel *channel = &serve->channel;
	for (;;) {
		if (!serve->is_work_over && !frames_read(serve, &serve->work_in, serve->work_fd, work_frame))
			serve->is_work_over = true; /* the watch sees it too, and ends the process */
		if (!serve->is_talk_over && !frames_read(serve, &serve->talk_in, serve->talk_fd, talk_frame))
			serve->is_talk_over = true;
		http_turn(channel);
		if (!channel->workers)
			feed(serve);
		http_begin(channel);
		outbox_flush(channel->work);
		outbox_flush(channel->talk);
		if (serve->is_broken || (serve->is_draining && tickets_are_idle(channel->tickets)))
			return;
		loop_wait(serve, !channel->workers && line_is_ready(channel->tickets) ? 0 : -1);
	}
}

/* --- beginning --- */

/* Before the loop there is one frame to wait for. */
static enum herald_code config_wait(struct serve *serve, struct herald_error *err)
{
	int64_t until_ms = clock_mono_ms() + HANDSHAKE_TIMEOUT_MS;
	struct pollfd work = {.fd = serve->work_fd, .events = POLLIN};
	struct frame frame;

	const char *pid = arena_printf(serve->channel.arena, "%d", (int)getpid());
	outbox_note(serve->channel.work, FRAME_HELLO, 0, FRAME_VERSION, text_of(pid, strlen(pid)));
	for (;;) {
		outbox_flush(serve->channel.work);
		while (frame_next(&serve->work_in, &frame, &serve->is_broken))
			if (frame.type == FRAME_CONFIG)
				return wire_config_read(&frame, serve->channel.arena,
							&serve->channel.settings, err);
		if (serve->is_broken)
			return herald_fail(err, HERALD_CORRUPT, "not a frame");
		int64_t left_ms = until_ms - clock_mono_ms();
		if (left_ms <= 0)
			return herald_fail(err, HERALD_TIMEOUT, "no configuration came");
		poll(&work, 1, (int)left_ms);
		enum herald_code code = frame_reader_fill(&serve->work_in, serve->work_fd, err);
		if (code != HERALD_OK && code != HERALD_BUSY)
			return code;
	}
}

static enum herald_code plugin_open(struct herald_channel *channel, struct herald_error *err)
{
	const struct wire_config *settings = &channel->settings;
	enum herald_code code = loader_load(settings->plugin_path, &channel->plugin, err);

	if (code == HERALD_OK)
		code = loader_fill(channel->plugin, settings->channel, settings->options,
				   settings->option_count, channel->arena, &channel->config, err);
	if (code != HERALD_OK)
		return code;
	channel->tickets->batch_by =
		channel->plugin->send_batch ? channel->plugin->batch_by : HERALD_BATCH_ANY;
	code = channel->plugin->open(&host_services, channel, channel->config, &channel->self, err);
	if (code != HERALD_OK) {
		err->text[sizeof(err->text) - 1] = '\0';
		err->code = (int32_t)code;
		return herald_within(err, "plugin %s: ", channel->plugin->name);
	}
	if (channel->plugin->flags & HERALD_BLOCKING)
		code = workers_new(channel, settings->workers, &channel->workers, err);
	return code;
}

static void ready_say(struct herald_channel *channel)
{
	const struct herald_plugin *plugin = channel->plugin;
	struct wire_meter *meters = arena_array_of(channel->arena, plugin->meter_count, struct wire_meter);

	for (size_t i = 0; i < plugin->meter_count; i++) {
		const struct herald_meter *meter =
			(const void *)((const char *)plugin->meters + i * plugin->meter_size);
		meters[i] = (struct wire_meter){meter->name, meter->help, meter->is_counter != 0};
	}
	const struct wire_ready ready = {
		.plugin = plugin->name,
		.version = plugin->version,
		.kind = plugin->kind,
		.batch_max = plugin->send_batch ? plugin->batch_max : 0,
		.batch_by = plugin->batch_by,
		.idempotent_ms = plugin->idempotent_ms,
		.is_blocking = (plugin->flags & HERALD_BLOCKING) != 0,
		.meters = meters,
		.meter_count = plugin->meter_count,
	};
	wire_ready_write(outbox_open(channel->work), &ready);
	outbox_close(channel->work);
}

static enum herald_code serve_begin(struct serve *serve, int board_fd, struct herald_error *err)
{
	struct herald_channel *channel = &serve->channel;
	enum herald_code code = board_attach(board_fd, &serve->board, err);

	if (code == HERALD_OK)
		code = config_wait(serve, err);
	if (code != HERALD_OK)
		return code;
	if (channel->settings.slots > board_slots(serve->board))
		return herald_fail(err, HERALD_CORRUPT, "the board is smaller than the configuration says");
	channel->tickets = tickets_new(channel, serve->board, channel->work, channel->bell, HERALD_BATCH_ANY);
	return watch_new(channel, serve->work_fd, &serve->watch, err);
}

/* --- end --- */

/* Say a last word and wait until it is out: what is still in our buffer dies with us. */
static void say_last(struct serve *serve)
{
	struct outbox *work = serve->channel.work;
	int64_t until_ms = clock_mono_ms() + BYE_TIMEOUT_MS;

	outbox_flush(serve->channel.talk);
	while (outbox_flush(work) && outbox_is_waiting(work) && clock_mono_ms() < until_ms) {
		struct pollfd fd = {.fd = serve->work_fd, .events = POLLOUT};
		poll(&fd, 1, 100);
	}
}

static int refuse(struct serve *serve, enum herald_code code, struct herald_error *err)
{
	err->text[sizeof(err->text) - 1] = '\0';
	outbox_note(serve->channel.work, FRAME_REFUSED, 0, (uint64_t)code,
		    (struct herald_text){err->text, strlen(err->text)});
	say_last(serve);
	return EXIT_MISCONFIGURED;
}

static int serve_end(struct serve *serve)
{
	struct herald_channel *channel = &serve->channel;

	if (serve->is_broken) {
		/* As after a crash: the board says what is known, and the plugin is not asked. */
		say_last(serve);
		return EXIT_DEFECT;
	}
	tickets_close(channel->tickets);
	http_stop(channel);
	if (workers_free(channel->workers, BYE_TIMEOUT_MS)) {
		channel->workers = NULL;
		channel->plugin->close(channel->self);
		atomic_store(&channel->is_over, true);
		http_free(channel->http);
		channel->http = NULL;
	} else
		channel_log(channel, HERALD_FAULT, "worker_stuck",
			    "a worker did not come back: not closed in order");
	outbox_add(channel->work, FRAME_BYE, 0);
	say_last(serve);
	return 0;
}

static int serve_run(struct serve *serve, int board_fd)
{
	struct herald_channel *channel = &serve->channel;
	struct herald_error err = {0};
	enum herald_code code = serve_begin(serve, board_fd, &err);

	/* Before the plugin is there, only the daemon can be at fault: it is gone, or a broken one. */
	if (code != HERALD_OK) {
		dprintf(STDERR_FILENO, "herald-channel: %s\n", err.text);
		return code == HERALD_IO ? 0 : EXIT_DEFECT;
	}
	code = plugin_open(channel, &err);
	if (code != HERALD_OK)
		return refuse(serve, code, &err);
	ready_say(channel);
	channel->pump = pump;
	loop(serve);
	return serve_end(serve);
}

/* What a plugin's thread may still hold after close (the tickets, the channel) is left to the end of the
 * process. */
int host_serve(int work_fd, int talk_fd, int board_fd)
{
	harden();
	own(work_fd);
	own(talk_fd);
	own(board_fd);

	struct arena *arena = arena_new();
	struct serve *serve = arena_new_of(arena, struct serve);
	struct herald_channel *channel = &serve->channel;

	serve->work_fd = work_fd;
	serve->talk_fd = talk_fd;
	frame_reader_init(&serve->work_in);
	frame_reader_init(&serve->talk_in);
	channel->arena = arena;
	channel->loop = pthread_self();
	channel->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	CHECK(channel->bell >= 0);
	CHECK(pthread_mutex_init(&channel->http_lock, NULL) == 0);
	channel->work = outbox_new(work_fd);
	channel->talk = outbox_new(talk_fd);
	channel->chatter = chatter_new(channel->talk);
	int status = serve_run(serve, board_fd);
	watch_free(serve->watch);
	frame_reader_done(&serve->work_in);
	frame_reader_done(&serve->talk_in);
	return status;
}

/* fake_host.c - a herald-channel for the tests: it speaks the wire and misbehaves on command.
 *
 * Before CONFIG it does what its channel's name says (silent, garbage, deafborn, unlocked); after it, what
 * the option `mode` says; for each SEND, what the address says.  Everything else goes well. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/arena.h"
#include "wire/board.h"
#include "wire/message.h"
#include "base/check.h"

extern char **environ;

enum { WORK = 3, TALK = 4, BOARD = 5, HELD_MAX = 4096, CLOSED_EXIT = 9 };

struct fake {
	struct board *board;
	struct frame_reader work, talk;
	struct arena *arena, *config_arena;
	struct wire_config config;
	uint64_t held[HELD_MAX]; /* tickets that wait for DRAIN, KEPT or a finish */
	size_t held_count;
	bool is_deaf, never_drains;
};

static void send_all(int fd, struct herald_builder *batch)
{
	size_t at = 0;
	while (at < batch->size) {
		ssize_t sent = write(fd, batch->data + at, batch->size - at);
		if (sent <= 0)
			_exit(CLOSED_EXIT);
		at += (size_t)sent;
	}
	herald_builder_done(batch);
}

static void note(int fd, enum frame_type type, uint64_t sequence, uint64_t number, const char *text)
{
	struct herald_builder batch;
	herald_builder_init(&batch, 1024 * 1024);
	wire_note_write(&batch, type, sequence, number, text_of(text, strlen(text)));
	send_all(fd, &batch);
}

static void garbage(int fd)
{
	static const char bytes[] = "HTTP/1.1 400 Bad Request\r\n\r\n";
	if (write(fd, bytes, sizeof(bytes)) < 0)
		_exit(CLOSED_EXIT);
}

static const char *option(const struct fake *fake, const char *name)
{
	for (size_t i = 0; i < fake->config.option_count; i++)
		if (strcmp(fake->config.options[i].name, name) == 0 &&
		    fake->config.options[i].value_count > 0)
			return fake->config.options[i].values[0];
	return "";
}

static void finish(struct fake *fake, uint64_t ticket, const char *reason)
{
	struct herald_outcome outcome = {.struct_size = sizeof(outcome), .verdict = HERALD_SENT};
	snprintf(outcome.reason, sizeof(outcome.reason), "%s", reason);
	snprintf(outcome.provider_ref, sizeof(outcome.provider_ref), "pid-%d", (int)getpid());
	if (board_finish(fake->board, ticket, &outcome))
		note(WORK, FRAME_SETTLED, ticket, 0, "");
}

/* What there is of ours, as text: descriptors, environment, limits. */
static void report(struct fake *fake, uint64_t ticket)
{
	struct herald_builder text;
	struct rlimit core, files;
	herald_builder_init(&text, 4000);
	for (int fd = 0; fd < 4096; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			herald_addf(&text, "fd %d\n", fd);
	for (char **entry = environ; *entry; entry++)
		herald_addf(&text, "env %.40s\n", *entry);
	getrlimit(RLIMIT_CORE, &core);
	getrlimit(RLIMIT_NOFILE, &files);
	herald_addf(&text, "core %llu\nfiles %llu\ngroup %s\n", (unsigned long long)core.rlim_cur,
		    (unsigned long long)files.rlim_cur, getpgrp() == getpid() ? "own" : "inherited");
	herald_addf(&text, "secret %s\n", option(fake, "key"));
	note(WORK, FRAME_MEMORY, ticket, 0, text.data);
	herald_builder_done(&text);
}

static void flood(void)
{
	static char line[1024];
	memset(line, 'x', sizeof(line));
	for (size_t i = 0; i < 20; i++)
		line[50 * i] = '\n';
	for (int i = 0; i < 10 * 1024; i++)
		if (write(1 + i % 2, line, sizeof(line)) < 0 && errno != EAGAIN)
			_exit(CLOSED_EXIT);
}

static void take(struct fake *fake, uint64_t ticket, const char *address)
{
	if (strcmp(address, "die-queued") == 0)
		_exit(3);
	if (strcmp(address, "ignore") == 0)
		return;
	if (!board_swap(fake->board, ticket, SLOT_QUEUED, SLOT_IN_PLUGIN))
		return;
	if (strcmp(address, "die-in-plugin") == 0)
		abort();
	if (strcmp(address, "leave-in-plugin") == 0) {
		board_say_left(fake->board);
		_exit(0);
	}
	if (strcmp(address, "hold") == 0 || strcmp(address, "memory") == 0 ||
	    strcmp(address, "report") == 0) {
		fake->held[fake->held_count++] = ticket;
		if (strcmp(address, "memory") == 0)
			note(WORK, FRAME_MEMORY, ticket, 0, "conversation-7");
		if (strcmp(address, "report") == 0)
			report(fake, ticket);
		return;
	}
	if (strcmp(address, "lie") == 0) {
		note(WORK, FRAME_SETTLED, ticket, 0, "");
		return;
	}
	if (!board_swap(fake->board, ticket, SLOT_IN_PLUGIN, SLOT_ON_WIRE))
		return;
	if (strcmp(address, "die-on-wire") == 0)
		_exit(4);
	if (strcmp(address, "hold-wire") == 0) {
		fake->held[fake->held_count++] = ticket;
		return;
	}
	if (strcmp(address, "garbage") == 0) {
		garbage(WORK);
		return;
	}
	if (strcmp(address, "deaf") == 0)
		fake->is_deaf = true;
	if (strcmp(address, "fork") == 0 && fork() == 0) {
		poll(NULL, 0, -1); /* holds every descriptor, and never ends by itself */
		_exit(0);
	}
	if (strcmp(address, "flood") == 0)
		flood();
	if (strcmp(address, "hang") == 0)
		poll(NULL, 0, -1);
	if (strcmp(address, "die-done") == 0) {
		struct herald_outcome outcome = {.verdict = HERALD_DELIVERED, .reason = "arrived"};
		board_finish(fake->board, ticket, &outcome);
		_exit(5);
	}
	finish(fake, ticket, address);
}

static void configure(struct fake *fake, const struct frame *frame)
{
	static const struct wire_meter meters[] = {{"conversations", "Known ones.", false},
						   {"pages", "Fetched.", true}};
	struct wire_ready ready = {
		.plugin = "fake",
		.version = "1",
		.kind = "sms",
		.batch_max = 7,
		.idempotent_ms = 1000,
		.meters = meters,
		.meter_count = 2,
	};
	struct herald_builder batch;

	if (wire_config_read(frame, fake->config_arena, &fake->config, NULL) != HERALD_OK)
		_exit(8);
	const char *mode = option(fake, "mode");
	if (strcmp(mode, "refuse") == 0) {
		note(WORK, FRAME_REFUSED, 0, HERALD_INVALID,
		     "conf.d/30-x.yaml:7:5: option 'from' is missing");
		return;
	}
	if (strcmp(mode, "crash") == 0)
		_exit(6);
	fake->never_drains = strcmp(mode, "never-drains") == 0;
	herald_builder_init(&batch, 65536);
	wire_ready_write(&batch, &ready);
	send_all(WORK, &batch);
	if (strcmp(mode, "never-reads") == 0)
		poll(NULL, 0, -1);
}

static void drain(struct fake *fake)
{
	if (fake->never_drains)
		return;
	for (size_t i = 0; i < fake->held_count; i++)
		finish(fake, fake->held[i], "drained");
	note(WORK, FRAME_BYE, 0, 0, "");
	_exit(0);
}

static void hear_work(struct fake *fake, const struct frame *frame)
{
	struct wire_send send;

	arena_clear(fake->arena);
	switch (frame->type) {
	case FRAME_CONFIG:
		configure(fake, frame);
		break;
	case FRAME_SEND:
		if (wire_send_read(frame, fake->arena, &send, NULL) != HERALD_OK)
			_exit(8);
		take(fake, frame->sequence, send.address);
		break;
	case FRAME_KEPT:
		finish(fake, frame->sequence, "kept");
		break;
	case FRAME_PING:
		if (!fake->is_deaf)
			note(WORK, FRAME_PONG, frame->sequence, 0, "");
		break;
	case FRAME_DRAIN:
		drain(fake);
		break;
	default:
		break;
	}
}

static void hear_talk(struct fake *fake, const struct frame *frame)
{
	struct herald_builder batch;
	struct wire_checked checked = {.canonical = "CANONICAL", .destination = "carrier"};
	struct herald_text address;
	uint64_t number;

	arena_clear(fake->arena);
	herald_builder_init(&batch, 65536);
	if (frame->type == FRAME_TELEMETRY) {
		wire_meters_write(&batch, frame->sequence, (double[]){1.5, 3}, 2);
	} else if (frame->type == FRAME_CHECK) {
		if (wire_note_read(frame, fake->arena, &number, &address, NULL) != HERALD_OK)
			_exit(8);
		if (strcmp(address.data, "die") == 0)
			_exit(7);
		if (strcmp(address.data, "garbage") == 0)
			garbage(TALK);
		if (strcmp(address.data, "good") != 0) {
			checked = (struct wire_checked){.code = HERALD_INVALID, .text = "no plus in it"};
		}
		wire_checked_write(&batch, frame->sequence, &checked);
	}
	send_all(TALK, &batch);
}

static void serve(struct fake *fake, int fd, struct frame_reader *reader,
		  void (*hear)(struct fake *, const struct frame *))
{
	struct frame frame;
	bool is_broken = false;
	if (frame_reader_fill(reader, fd, NULL) != HERALD_OK)
		_exit(CLOSED_EXIT);
	while (frame_next(reader, &frame, &is_broken))
		hear(fake, &frame);
	if (is_broken)
		_exit(8);
}

int main(int argc, char **argv)
{
	struct fake fake = {.arena = arena_new(), .config_arena = arena_new()};
	const char *name = getenv("HERALD_CHANNEL");

	if (argc != 2 || strcmp(argv[1], "--serve") != 0 || !name)
		return 2;
	frame_reader_init(&fake.work);
	frame_reader_init(&fake.talk);
	if (strcmp(name, "silent") == 0)
		poll(NULL, 0, -1);
	if (strcmp(name, "garbage") == 0)
		garbage(WORK);
	if (strcmp(name, "unlocked") == 0) {
		note(WORK, FRAME_HELLO, 0, FRAME_VERSION, "");
		for (;;)
			serve(&fake, WORK, &fake.work, hear_work);
	}
	if (board_attach(BOARD, &fake.board, NULL) != HERALD_OK)
		return 2;
	note(WORK, FRAME_HELLO, 0, strcmp(name, "stranger") == 0 ? FRAME_VERSION + 1 : FRAME_VERSION, "");
	for (;;) {
		struct pollfd ends[] = {{.fd = WORK, .events = POLLIN}, {.fd = TALK, .events = POLLIN}};
		if (poll(ends, 2, -1) < 0)
			return 2;
		if (ends[0].revents)
			serve(&fake, WORK, &fake.work, hear_work);
		if (ends[1].revents)
			serve(&fake, TALK, &fake.talk, hear_talk);
	}
}

/* daemon.c - see daemon.h. */
#include "daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "base/clock.h"
#include "model/words.h"

enum { PATIENCE_MS = 20 * 1000, SLOTS = 64, RUN = 77 };

/* Descriptors 3, 4 and 5 and nothing else, as the supervisor does it. */
static void become_host(int work, int talk, int board)
{
	int moved[] = {fcntl(work, F_DUPFD, 20), fcntl(talk, F_DUPFD, 20), fcntl(board, F_DUPFD, 20)};

	for (int i = 0; i < 3; i++)
		if (moved[i] < 0 || dup2(moved[i], 3 + i) < 0)
			_exit(99);
	close_range(6, ~0U, 0);
	execl(HERALD_BINARY_DIR "/bin/herald-channel", "herald-channel", "--serve", NULL);
	_exit(98);
}

static void config_send(struct daemon *daemon, struct wire_config config, const struct daemon_option *options)
{
	struct wire_option given[32];
	const char *values[32];
	size_t count = 0;

	for (; options && options[count].name; count++) {
		values[count] =
			strcmp(options[count].value, "@record") == 0 ? daemon->record : options[count].value;
		given[count] = (struct wire_option){
			.name = options[count].name,
			.where = "conf.d/30-test.yaml:7:5",
			.values = &values[count],
			.value_count = 1,
			.is_secret = strcmp(options[count].name, "secret") == 0,
		};
	}
	config.options = given;
	config.option_count = count;
	assert_true(wire_config_write(&daemon->out, &config));
	assert_int_equal(write(daemon->work, daemon->out.data, daemon->out.size), daemon->out.size);
	herald_builder_clear(&daemon->out);
}

void daemon_start_with(struct daemon *daemon, const struct wire_config *settings,
		       const struct daemon_option *options)
{
	int work[2], talk[2];
	char path[96];
	struct board_head head = {.run = RUN, .channel = "test"};
	struct herald_error err = {0};

	*daemon = (struct daemon){
		.folder = "/tmp/herald-host-XXXXXX",
		.arena = arena_new(),
		.attempt_timeout_ms = settings->attempt_timeout_ms,
	};
	assert_non_null(mkdtemp(daemon->folder));
	snprintf(daemon->record, sizeof(daemon->record), "%s/record", daemon->folder);
	snprintf(path, sizeof(path), "%s/board", daemon->folder);
	board_boot_id(head.boot_id);
	if (board_create(path, &head, SLOTS, &daemon->board, &err) != HERALD_OK)
		fail_msg("%s", err.text);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, work), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, talk), 0);
	daemon->pid = fork();
	assert_true(daemon->pid >= 0);
	if (daemon->pid == 0)
		become_host(work[1], talk[1], board_fd(daemon->board));
	close(work[1]);
	close(talk[1]);
	daemon->work = work[0];
	daemon->talk = talk[0];
	frame_reader_init(&daemon->work_in);
	frame_reader_init(&daemon->talk_in);
	herald_builder_init(&daemon->out, 8 * 1024 * 1024);
	config_send(daemon, *settings, options);
}

void daemon_start(struct daemon *daemon, const char *plugin, const struct daemon_option *options)
{
	char path[512];
	const struct wire_config settings = {
		.channel = "test",
		.plugin_path = path,
		.run = RUN,
		.workers = 2,
		.attempt_timeout_ms = daemon->attempt_timeout_ms > 0 ? daemon->attempt_timeout_ms : 10 * 1000,
		.orphan_timeout_ms = 2000,
		.allow_insecure_loopback = !daemon->is_strict,
		.slots = SLOTS,
	};
	struct frame frame;

	snprintf(path, sizeof(path), HERALD_BINARY_DIR "%s/plugins/%s.so",
		 strcmp(plugin, "loopback") == 0 ? "" : "/tests", plugin);
	daemon_start_with(daemon, &settings, options);
	if (!daemon_hear_either(daemon, FRAME_READY, FRAME_REFUSED, &frame))
		fail_msg("the process said neither READY nor REFUSED");
	struct herald_text why;
	uint64_t code;
	if (frame.type == FRAME_REFUSED &&
	    wire_note_read(&frame, daemon->arena, &code, &why, NULL) == HERALD_OK)
		fail_msg("refused: %s", why.data);
}

void daemon_end(struct daemon *daemon)
{
	char path[96];

	if (daemon->pid > 0) {
		kill(daemon->pid, SIGKILL);
		waitpid(daemon->pid, NULL, 0);
	}
	daemon_dies(daemon);
	board_free(daemon->board);
	frame_reader_done(&daemon->work_in);
	frame_reader_done(&daemon->talk_in);
	herald_builder_done(&daemon->out);
	snprintf(path, sizeof(path), "%s/board", daemon->folder);
	unlink(path);
	unlink(daemon->record);
	rmdir(daemon->folder);
	arena_free(daemon->arena);
}

void daemon_dies(struct daemon *daemon)
{
	if (daemon->work >= 0)
		close(daemon->work);
	if (daemon->talk >= 0)
		close(daemon->talk);
	daemon->work = daemon->talk = -1;
}

static void flush(struct daemon *daemon, int fd)
{
	size_t written = 0;

	while (written < daemon->out.size) {
		ssize_t sent = send(fd, daemon->out.data + written, daemon->out.size - written, MSG_NOSIGNAL);
		if (sent < 0)
			break;
		written += (size_t)sent;
	}
	herald_builder_clear(&daemon->out);
}

void daemon_say(struct daemon *daemon, enum frame_type type, uint64_t sequence)
{
	frame_end(&daemon->out, frame_begin(&daemon->out, type, sequence));
	flush(daemon, daemon->work);
}

void daemon_ask(struct daemon *daemon, const char *address, uint64_t question)
{
	wire_note_write(&daemon->out, FRAME_CHECK, question, 0, text_of(address, strlen(address)));
	flush(daemon, daemon->talk);
}

uint64_t daemon_post(struct daemon *daemon, uint32_t slot, const struct wire_send *send)
{
	uint64_t ticket = ++daemon->serial << 16 | slot;
	const struct slot_identity identity = {
		.notification = send->notification, .run = RUN, .n = send->n, .attempt = send->attempt};

	assert_true(board_post(daemon->board, ticket, &identity));
	return ticket;
}

uint64_t daemon_send_message(struct daemon *daemon, struct wire_send send)
{
	uint32_t slot = 0;
	struct words words = {
		.subject = "hello", .text = text_of("a text", 6), .reply_to = "", .from_name = ""};
	struct slot_identity identity;
	enum slot_state state;
	struct herald_outcome outcome;
	uint64_t ticket;

	words.html = words.card = words.json = text_of("", 0);
	if (send.words.size == 0)
		assert_int_equal(words_encode(&words, daemon->arena, &send.words, NULL), HERALD_OK);
	while (board_read(daemon->board, slot, &identity, &state, &ticket, &outcome))
		slot++;
	send.slot = slot;
	ticket = daemon_post(daemon, slot, &send);
	assert_true(wire_send_write(&daemon->out, ticket, &send));
	flush(daemon, daemon->work);
	return ticket;
}

uint64_t daemon_send(struct daemon *daemon, const char *address)
{
	return daemon_send_message(daemon, (struct wire_send){
						   .notification = (int64_t)(4096 + daemon->serial),
						   .n = 1,
						   .attempt = 1,
						   .priority = HERALD_NORMAL,
						   .first_attempt_at_ms = clock_wall_ms(),
						   .expires_at_ms = clock_wall_ms() + 60000,
						   .tenant = "default",
						   .category = "test",
						   .recipient = "r1",
						   .name = "",
						   .locale = "en",
						   .correlation_id = "",
						   .traceparent = "",
						   .address = address,
						   .destination = "",
						   .memory = text_of("", 0),
					   });
}

static bool hear(int fd, struct frame_reader *reader, enum frame_type type, enum frame_type other,
		 struct frame *ret_frame, int within_ms)
{
	int64_t until_ms = clock_mono_ms() + within_ms;
	bool is_broken = false;

	for (;;) {
		while (frame_next(reader, ret_frame, &is_broken))
			if (ret_frame->type == type || ret_frame->type == other)
				return true;
		assert_false(is_broken);
		int64_t left_ms = until_ms - clock_mono_ms();
		struct pollfd wait = {.fd = fd, .events = POLLIN};
		if (left_ms <= 0 || poll(&wait, 1, (int)left_ms) <= 0)
			return false;
		if (frame_reader_fill(reader, fd, NULL) == HERALD_IO)
			return false;
	}
}

bool daemon_hear(struct daemon *daemon, enum frame_type type, struct frame *ret_frame)
{
	return hear(daemon->work, &daemon->work_in, type, type, ret_frame, PATIENCE_MS);
}

bool daemon_hear_either(struct daemon *daemon, enum frame_type type, enum frame_type other,
			struct frame *ret_frame)
{
	return hear(daemon->work, &daemon->work_in, type, other, ret_frame, PATIENCE_MS);
}

bool daemon_hear_talk(struct daemon *daemon, enum frame_type type, struct frame *ret_frame)
{
	return hear(daemon->talk, &daemon->talk_in, type, type, ret_frame, PATIENCE_MS);
}

bool daemon_hears_nothing(struct daemon *daemon, enum frame_type type, int within_ms)
{
	struct frame frame;

	return !hear(daemon->work, &daemon->work_in, type, type, &frame, within_ms);
}

struct herald_outcome daemon_settled(struct daemon *daemon, uint64_t ticket)
{
	struct herald_outcome outcome = {0};
	struct frame frame;

	do {
		if (!daemon_hear(daemon, FRAME_SETTLED, &frame))
			fail_msg("ticket %llx was not settled in time", (unsigned long long)ticket);
	} while (frame.sequence != ticket);
	assert_true(board_outcome(daemon->board, ticket, &outcome));
	return outcome;
}

bool daemon_sees(struct daemon *daemon, uint64_t ticket, enum slot_state state)
{
	for (int64_t until_ms = clock_mono_ms() + PATIENCE_MS; clock_mono_ms() < until_ms; poll(NULL, 0, 2))
		if (board_state(daemon->board, ticket) == state)
			return true;
	return false;
}

int daemon_waits(struct daemon *daemon)
{
	for (int64_t until_ms = clock_mono_ms() + PATIENCE_MS; clock_mono_ms() < until_ms; poll(NULL, 0, 2)) {
		if (waitpid(daemon->pid, &daemon->status, WNOHANG) != daemon->pid)
			continue;
		daemon->pid = 0;
		return WIFEXITED(daemon->status) ? WEXITSTATUS(daemon->status)
						 : 128 + WTERMSIG(daemon->status);
	}
	fail_msg("the process did not end");
	return -1;
}

size_t daemon_recorded(struct daemon *daemon)
{
	size_t lines = 0;
	FILE *file = fopen(daemon->record, "r");

	for (int c; file && (c = getc(file)) != EOF;)
		lines += c == '\n';
	if (file)
		fclose(file);
	return lines;
}

/* heraldd: the notification router's daemon.  This page is the map of the house; docs/architecture.md tells
 * it at length.
 *
 *   plugins ----- include/herald ----- the border: plain C11, libc only ----- cli
 *
 *   7  heraldd, herald-channel   the two mains: start and stop, own all threads
 *   6  http                      asked from outside: API, health
 *   5  intake, clerk, dispatch   accept once | what waits for a time | deliver until settled
 *   4  channel, host             talk to channel processes | be one
 *   3  route, store              decide (pure) | remember
 *   2  config, model, wire       what the operator said | what we talk about | frames between processes
 *   1  base, telemetry           knows nothing of notifications | events and metrics
 *
 * A floor looks down, never up: core/<floor>/CMakeLists.txt says at whom, and the build refuses the rest.
 *
 * One notification, from POST to settle, in twelve steps:
 *
 *    1  http reads the request                                              API thread
 *    2  and knows the resource
 *    3  intake plans: who, where, what, why not; takes a permit, room promised ahead
 *    4  store: one writer, many operations, one commit, one fsync           writer thread
 *    5  202: the promise                                                    API thread
 *    6  dispatch takes the job: born leased with a permit, or claimed       dispatcher thread
 *    7  channel hands it over: a slot on the board, a frame on the socket
 *    8  host calls the plugin and carries its requests                      herald-channel
 *    9  the ticket is spent, once: the slot is DONE
 *   10  verdict: what happened becomes what comes next (pure)               dispatcher thread
 *   11  the settle is committed                                             writer thread
 *   12  then the slot is free                                               dispatcher thread
 *
 * The rooms of dispatch:
 *
 *   dispatcher (the trunk: clocks, inputs, one turn), take (jobs into hand and out to the carrier),
 *   settle (how a ticket ends), claim (asking the store, giving permits),
 *   takeback (after the answer nothing starts), memory (what a plugin learned about an address),
 *   ticket (the index of what is in hand), outlet (one channel), destination (window and breaker),
 *   lane (whose turn it is), limit (how often), roster (what others may see),
 *   start (what an earlier run left open), facts (what plugins said before), loop (the thread)
 *
 * and of this floor: heraldd_arguments, heraldd_places, heraldd_life (start and stop), heraldd_check,
 * heraldd_manual. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "heraldd_arguments.h"
#include "heraldd_manual.h"
#include "heraldd_check.h"
#include "heraldd_life.h"
#include "heraldd_places.h"
#include "telemetry/event.h"
#include "telemetry/metric.h"

#include "base/check.h"

#ifndef HERALD_VERSION
#define HERALD_VERSION "0.1.0"
#endif

enum { EXIT_GOOD = 0, EXIT_NO_START = 1, EXIT_USAGE = 2, EXIT_AT_ONCE = 3 };
enum { DRAIN_LOOK_MS = 20, COMPLAINTS_BYTES_MAX = 256 * 1024 };

struct daemon {
	const struct arguments *arguments;
	char *const *env;
	struct config *config; /* in force; the life holds the reference */
	struct life *life;
	int signals;
};

static void open_log(const struct config *config)
{
	struct event_settings settings = {.program = "heraldd"};

	/* Both were checked when the configuration was read. */
	if (!event_format_parse(config->log.format, &settings.format))
		settings.format = EVENT_FORMAT_AUTO;
	if (!event_level_parse(config->log.level, &settings.level))
		settings.level = EVENT_INFO;
	event_open(&settings);
}

/* Every fault on standard error, one line each, then the code of the load. */
static enum herald_code load(const struct daemon *daemon, struct config **ret_config,
			     struct herald_error *err)
{
	struct config_source source = arguments_source(daemon->arguments, daemon->env);
	struct arena *arena = arena_new();
	struct complaints *complaints = arena_new_of(arena, struct complaints);
	struct herald_builder page;
	enum herald_code code;

	complaints_init(complaints, arena);
	code = config_load(&source, complaints, ret_config, err);
	herald_builder_init(&page, COMPLAINTS_BYTES_MAX);
	complaints_print(complaints, true, &page);
	fputs(page.data, stderr);
	herald_builder_done(&page);
	arena_free(arena);
	return code;
}

/* Tells whoever started us (systemd's protocol, a datagram), if they asked to be told. */
static void notify(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	size_t size = path == NULL ? 0 : strlen(path);
	int fd;

	if (size == 0 || size >= sizeof(to.sun_path) || (path[0] != '/' && path[0] != '@'))
		return;
	memcpy(to.sun_path, path, size);
	if (path[0] == '@')
		to.sun_path[0] = 0;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	(void)sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&to,
		     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size));
	close(fd);
}

static void warn_of_changes(const struct config *old, const struct config *new)
{
	struct arena *arena = arena_new();
	struct complaints *complaints = arena_new_of(arena, struct complaints);

	complaints_init(complaints, arena);
	config_changes(old, new, complaints);
	for (size_t i = 0; i < complaints->count && i < COMPLAINTS_MAX; i++)
		event(EVENT_config_warning, EVENT_TEXT("what", complaints->items[i].text),
		      EVENT_TEXT("where", option_place_text(arena, complaints->items[i].place)));
	arena_free(arena);
}

/* All or nothing: a configuration with a fault changes nothing. */
static void reload(struct daemon *daemon)
{
	struct config *config = NULL;
	struct herald_error err = {0};
	enum herald_code code = load(daemon, &config, &err);

	if (code == HERALD_OK) {
		warn_of_changes(daemon->config, config);
		code = life_reload(daemon->life, config, &err);
	}
	if (code != HERALD_OK) {
		config_unref(config);
		event(EVENT_config_refused, EVENT_TEXT("why", err.text));
		return;
	}
	daemon->config = config;
	open_log(config);
	event(EVENT_config_reloaded, EVENT_INT("channels", (int64_t)config->channel_count));
}

/* The next signal, 0: none within timeout_ms (-1: for ever). */
static int next_signal(const struct daemon *daemon, int timeout_ms)
{
	struct pollfd set = {.fd = daemon->signals, .events = POLLIN};
	struct signalfd_siginfo signal;

	if (poll(&set, 1, timeout_ms) != 1 ||
	    read(daemon->signals, &signal, sizeof(signal)) != (ssize_t)sizeof(signal))
		return 0;
	return (int)signal.ssi_signo;
}

static bool is_end(int signal)
{
	return signal == SIGTERM || signal == SIGINT;
}

/* What does not end in time stays as it is: the channel processes finish it without us, write it on their
 * boards, and the next daemon reads it there.  Nothing is lost by leaving at once. */
static int drain(struct daemon *daemon)
{
	int64_t until_ms = clock_mono_ms() + life_drain_ms(daemon->life);

	notify("STOPPING=1");
	life_drain(daemon->life);
	while (!life_drained(daemon->life)) {
		int signal = next_signal(daemon, DRAIN_LOOK_MS);

		if (!is_end(signal) && clock_mono_ms() < until_ms)
			continue;
		event(EVENT_daemon_stopped, EVENT_TEXT("how", is_end(signal) ? "at once" : "out of time"));
		event_flush();
		_exit(is_end(signal) ? EXIT_AT_ONCE : EXIT_GOOD);
	}
	life_stop(daemon->life);
	event(EVENT_daemon_stopped, EVENT_TEXT("how", "in order"));
	event_flush();
	return EXIT_GOOD;
}

static int serve(struct daemon *daemon)
{
	struct herald_error err = {0};
	int signal = 0;

	if (load(daemon, &daemon->config, &err) != HERALD_OK) {
		fprintf(stderr, "heraldd: %s\n", err.text);
		return EXIT_NO_START;
	}
	open_log(daemon->config);
	metric_set(METRIC_build_info, METRIC_LABELS(HERALD_VERSION), 1);
	if (places_make_dir(daemon->arguments->run_dir, &err) != HERALD_OK ||
	    life_start(daemon->config, &daemon->life, &err) != HERALD_OK) {
		event(EVENT_daemon_failed, EVENT_TEXT("why", err.text));
		event_flush();
		return EXIT_NO_START;
	}
	notify("READY=1");
	while (!is_end(signal)) {
		signal = next_signal(daemon, -1);
		if (signal == SIGHUP)
			reload(daemon);
	}
	return drain(daemon);
}

/* Secrets pass through this process: no core file, no other process of the same user that reads it, and no
 * file that others could read. */
static void harden(void)
{
	const struct rlimit none = {0, 0};

	umask(077);
	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0);
}

/* Before any thread exists: all of them inherit the mask, and only the main thread reads signals. */
static int open_signals(void)
{
	const struct sigaction ignore = {.sa_handler = SIG_IGN};
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
	CHECK(sigaction(SIGPIPE, &ignore, NULL) == 0);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

int main(int count, char **words)
{
	struct arguments arguments;
	struct daemon daemon = {.arguments = &arguments, .env = environ};
	const char *why = "";

	if (!arguments_read(count, words, &arguments, &why)) {
		fprintf(stderr, "heraldd: %s\n\n%s", why, arguments_help);
		return EXIT_USAGE;
	}
	if (arguments.wants_help) {
		fputs(arguments_help, stdout);
		return EXIT_GOOD;
	}
	if (arguments.wants_man)
		return manual_print();
	if (arguments.wants_version) {
		puts("heraldd " HERALD_VERSION);
		return EXIT_GOOD;
	}
	if (arguments.wants_check)
		return check_run(&arguments, environ);
	harden();
	daemon.signals = open_signals();
	if (daemon.signals < 0) {
		fprintf(stderr, "heraldd: signals: %s\n", strerrordesc_np(errno));
		return EXIT_NO_START;
	}
	return serve(&daemon);
}

/* The API threads: each owns a libmicrohttpd daemon in external mode, and one of them the admin socket's as
 * well.
 *
 * The library's own thread stalls when exactly one full batch of events arrives, and a resume from another
 * thread can be late by a second; so the loop is ours, and completions come through a queue whose bell the
 * loop sleeps on. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "http/private.h"
#include "telemetry/metric.h"
#include "base/check.h"

enum { LOOP_WAIT_MS_MAX = 250, CONNECTION_MEMORY_BYTES = 64 * 1024, LINGER_MS = 1000 };

static void *uri_seen(void *context, const char *uri, struct MHD_Connection *connection)
{
	return request_begin(context, connection, uri);
}

static size_t leave_escaped(void *context, struct MHD_Connection *connection, char *text)
{
	(void)context;
	(void)connection;
	return strlen(text);
}

static enum MHD_Result arrived(void *context, struct MHD_Connection *connection, const char *url,
			       const char *method, const char *version, const char *data, size_t *size,
			       void **request)
{
	(void)context;
	(void)connection;
	(void)url;
	return *request == NULL ? MHD_NO : request_arrived(*request, method, version, data, size);
}

static void completed(void *context, struct MHD_Connection *connection, void **request,
		      enum MHD_RequestTerminationCode why)
{
	(void)context;
	(void)connection;
	(void)why;
	if (*request != NULL)
		request_end(*request);
	*request = NULL;
}

static void connected(void *context, struct MHD_Connection *connection, void **patience,
		      enum MHD_ConnectionNotificationCode what)
{
	metric_shift(METRIC_http_connections, METRIC_NO_LABELS,
		     what == MHD_CONNECTION_NOTIFY_STARTED ? 1 : -1);
	if (what == MHD_CONNECTION_NOTIFY_STARTED)
		*patience = patience_begin(
			context,
			MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd);
	else
		patience_end(*patience);
}

static struct MHD_Daemon *daemon_start(struct api_thread *thread, int listener)
{
	const struct config_server *server = &thread->http->settings.config->server;
	unsigned connections = (unsigned)server->connections_max / thread->http->thread_count;
	unsigned idle_s = (unsigned)(server->idle_timeout.ms / 1000);

	return MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, arrived, thread,
				MHD_OPTION_LISTEN_SOCKET, listener, MHD_OPTION_CONNECTION_LIMIT, connections,
				MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY_BYTES,
				MHD_OPTION_CONNECTION_TIMEOUT, idle_s, MHD_OPTION_STRICT_FOR_CLIENT, 1,
				MHD_OPTION_URI_LOG_CALLBACK, uri_seen, thread, MHD_OPTION_UNESCAPE_CALLBACK,
				leave_escaped, thread, MHD_OPTION_NOTIFY_COMPLETED, completed, thread,
				MHD_OPTION_NOTIFY_CONNECTION, connected, thread, MHD_OPTION_END);
}

static int wait_ms(const struct api_thread *thread)
{
	int64_t now = clock_mono_ms();
	int least = LOOP_WAIT_MS_MAX;

	for (const struct request *each = thread->sleepers; each != NULL; each = each->next_sleeper) {
		if (each->wakes_mono_ms - now < least)
			least = each->wakes_mono_ms > now ? (int)(each->wakes_mono_ms - now) : 0;
	}

	for (int i = 0; i < DAEMONS_PER_THREAD_MAX; i++) {
		MHD_UNSIGNED_LONG_LONG timeout;

		if (thread->daemons[i] != NULL && MHD_get_timeout(thread->daemons[i], &timeout) == MHD_YES &&
		    timeout < (MHD_UNSIGNED_LONG_LONG)least)
			least = (int)timeout;
	}
	return least;
}

static void run_completions(struct api_thread *thread)
{
	struct queue_item *item = queue_take_all(thread->completions);

	while (item != NULL) {
		struct queue_item *next = item->next; /* the request may end in here */

		request_woken((struct request *)item);
		item = next;
	}
}

/* Whoever pauses is woken by time; all of them when the thread is to end. */
static void run_sleepers(struct api_thread *thread, int64_t now_mono_ms)
{
	struct request **link = &thread->sleepers;

	while (*link != NULL) {
		struct request *request = *link;

		if (request->wakes_mono_ms > now_mono_ms) {
			link = &request->next_sleeper;
			continue;
		}
		*link = request->next_sleeper;
		if (request->stream != NULL)
			stream_look(request);
		else
			request_wake(request);
	}
}

/* Nobody new from now on; who was asked something is waited for, because whoever answers (store, talk)
 * outlives the front; who reads or writes slowly is given a moment. */
static bool is_over(struct api_thread *thread)
{
	if (!atomic_load(&thread->http->is_stopping))
		return false;
	if (thread->ends_mono_ms == 0) {
		thread->ends_mono_ms = clock_mono_ms() + LINGER_MS;
		for (int i = 0; i < DAEMONS_PER_THREAD_MAX; i++) {
			if (thread->daemons[i] != NULL)
				thread->listeners[i] = MHD_quiesce_daemon(thread->daemons[i]);
		}
	}
	return thread->suspended == 0 && (thread->open == 0 || clock_mono_ms() > thread->ends_mono_ms);
}

int64_t thread_now_ms(struct api_thread *thread)
{
	int64_t jump_ms; /* the dispatcher tells people */

	return clock_watch_look(&thread->clock, clock_wall_ms(), clock_mono_ms(), &jump_ms);
}

static void *api_thread_run(void *context)
{
	struct api_thread *thread = context;

	while (!is_over(thread)) {
		struct epoll_event events[4];

		(void)epoll_wait(thread->epoll, events, 4, wait_ms(thread));
		(void)thread_now_ms(thread); /* also while nobody asks: a jump has to be seen in time */
		run_sleepers(thread, thread->ends_mono_ms != 0 ? INT64_MAX : clock_mono_ms());
		run_completions(thread);
		patience_sweep(thread);
		for (int i = 0; i < DAEMONS_PER_THREAD_MAX; i++) {
			if (thread->daemons[i] != NULL)
				MHD_run(thread->daemons[i]);
		}
	}
	return NULL;
}

static enum herald_code epoll_watch(int epoll, int fd, struct herald_error *err)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0)
		return herald_fail(err, HERALD_IO, "epoll_ctl: %s", strerror(errno));
	return HERALD_OK;
}

static enum herald_code thread_start(struct http *http, unsigned number, struct herald_error *err)
{
	struct api_thread *thread = &http->threads[number];
	const struct intake_settings intake = {.store = http->settings.store,
					       .rosters = http->settings.rosters,
					       .permits = http->settings.permits,
					       .expires_in_ms = http->settings.expires_in_ms};
	enum herald_code code;

	*thread = (struct api_thread){.http = http, .number = number, .listeners = {-1, -1}};
	thread->completions = queue_new(0);
	thread->rates = rate_keeper_new(http->thread_count);
	thread->guesses = rate_keeper_new(1);
	thread->addresses = address_cache_new();
	thread->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (thread->epoll < 0)
		return herald_fail(err, HERALD_IO, "epoll_create1: %s", strerror(errno));
	code = intake_new(&intake, &thread->intake, err);
	if (code != HERALD_OK)
		return code;
	thread->daemons[0] = daemon_start(thread, dup(http->listener));
	if (number == 0)
		thread->daemons[1] = daemon_start(thread, dup(http->admin_listener));
	code = epoll_watch(thread->epoll, queue_bell(thread->completions), err);
	for (int i = 0; i < DAEMONS_PER_THREAD_MAX && code == HERALD_OK; i++) {
		if (i == 1 && number > 0)
			break;
		if (thread->daemons[i] == NULL)
			return herald_fail(err, HERALD_IO, "the HTTP library cannot start");
		code = epoll_watch(
			thread->epoll,
			MHD_get_daemon_info(thread->daemons[i], MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd, err);
	}
	if (code == HERALD_OK && pthread_create(&thread->thread, NULL, api_thread_run, thread) != 0)
		return herald_fail(err, HERALD_IO, "cannot start an API thread");
	return code;
}

/* "127.0.0.1:8470", "[::1]:8470". */
static enum herald_code listen_tcp(const char *where, int *ret_listener, int *ret_port,
				   struct herald_error *err)
{
	struct sockaddr_in6 six = {.sin6_family = AF_INET6};
	struct sockaddr_in four = {.sin_family = AF_INET};
	const char *colon = strrchr(where, ':');
	union {
		struct sockaddr any;
		struct sockaddr_in four;
		struct sockaddr_in6 six;
	} bound = {.six = {.sin6_port = 0}};
	socklen_t size = sizeof(bound);
	char host[64] = "";
	long port = colon ? strtol(colon + 1, NULL, 10) : -1;
	int listener, yes = 1, result;

	if (colon == NULL || port < 0 || port > 65535 || (size_t)(colon - where) >= sizeof(host))
		return herald_fail(err, HERALD_INVALID, "server.listen '%s' must be address:port", where);
	memcpy(host, where, (size_t)(colon - where));
	four.sin_port = six.sin6_port = htons((uint16_t)port);
	if (host[0] == '[' && host[strlen(host) - 1] == ']') {
		host[strlen(host) - 1] = 0;
		result = inet_pton(AF_INET6, host + 1, &six.sin6_addr);
	} else {
		result = inet_pton(AF_INET, host, &four.sin_addr);
	}
	if (result != 1)
		return herald_fail(err, HERALD_INVALID, "server.listen '%s' must begin with an IP address",
				   where);
	listener = socket(host[0] == '[' ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (listener < 0)
		return herald_fail(err, HERALD_IO, "socket: %s", strerror(errno));
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	result = host[0] == '[' ? bind(listener, (struct sockaddr *)&six, sizeof(six))
				: bind(listener, (struct sockaddr *)&four, sizeof(four));
	if (result != 0 || listen(listener, 1024) != 0) {
		close(listener);
		return herald_fail(err, HERALD_IO, "cannot listen on %s: %s", where, strerror(errno));
	}
	if (getsockname(listener, &bound.any, &size) != 0) {
		close(listener);
		return herald_fail(err, HERALD_IO, "getsockname: %s", strerror(errno));
	}
	*ret_port = ntohs(bound.any.sa_family == AF_INET6 ? bound.six.sin6_port : bound.four.sin_port);
	*ret_listener = listener;
	return HERALD_OK;
}

/* Mode 0600: who may connect is the daemon's own user and root, which request.c asks again by SO_PEERCRED. */
static enum herald_code listen_admin(const char *path, int *ret_listener, struct herald_error *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct stat there;
	mode_t mask;
	int listener, result;

	if (strlen(path) >= sizeof(address.sun_path))
		return herald_fail(err, HERALD_INVALID,
				   "server.admin_socket: the path is longer than %zu bytes",
				   sizeof(address.sun_path) - 1);
	memcpy(address.sun_path, path, strlen(path) + 1);
	/* The store's lock was taken before: a socket that is left is of a daemon that died. */
	if (lstat(path, &there) == 0 && S_ISSOCK(there.st_mode))
		unlink(path);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (listener < 0)
		return herald_fail(err, HERALD_IO, "socket: %s", strerror(errno));
	mask = umask(0177);
	result = bind(listener, (struct sockaddr *)&address, sizeof(address));
	umask(mask);
	if (result != 0 || listen(listener, 128) != 0) {
		close(listener);
		return herald_fail(err, HERALD_IO, "cannot listen on %s: %s", path, strerror(errno));
	}
	*ret_listener = listener;
	return HERALD_OK;
}

enum herald_code http_start(const struct http_settings *settings, struct http **ret_http,
			    struct herald_error *err)
{
	struct arena *arena = arena_new();
	struct http *http = arena_new_of(arena, struct http);
	const struct config_server *server = &settings->config->server;
	enum herald_code code;

	*http = (struct http){.settings = *settings, .arena = arena, .listener = -1, .admin_listener = -1};
	http->settings.config = config_ref(settings->config);
	http->admin_path = arena_text(arena, server->admin_socket);
	http->inflight = inflight_new();
	http->thread_count = (unsigned)server->api_threads;
	CHECK(http->thread_count >= 1 && http->thread_count <= API_THREADS_MAX);
	code = listen_tcp(server->listen, &http->listener, &http->port, err);
	if (code == HERALD_OK)
		code = listen_admin(server->admin_socket, &http->admin_listener, err);
	for (unsigned i = 0; i < http->thread_count && code == HERALD_OK; i++)
		code = thread_start(http, i, err);
	if (code != HERALD_OK) {
		http_stop(http);
		return code;
	}
	*ret_http = http;
	return HERALD_OK;
}

void http_drain(struct http *http)
{
	atomic_store(&http->is_draining, true);
}

size_t http_busy(const struct http *http)
{
	return atomic_load(&http->busy);
}

int http_port(const struct http *http)
{
	return http->port;
}

static void thread_stop(struct api_thread *thread)
{
	if (thread->http == NULL)
		return; /* it was not its turn to start any more */
	if (thread->thread != 0)
		pthread_join(thread->thread, NULL);
	for (int i = 0; i < DAEMONS_PER_THREAD_MAX; i++) {
		if (thread->daemons[i] != NULL)
			MHD_stop_daemon(thread->daemons[i]);
		if (thread->listeners[i] >= 0)
			close(thread->listeners[i]);
	}
	intake_free(thread->intake);
	rate_keeper_free(thread->rates);
	rate_keeper_free(thread->guesses);
	address_cache_free(thread->addresses);
	queue_free(thread->completions);
	if (thread->epoll > 0)
		close(thread->epoll);
}

void http_stop(struct http *http)
{
	if (http == NULL)
		return;
	http_drain(http);
	atomic_store(&http->is_stopping, true);
	for (unsigned i = 0; i < http->thread_count; i++)
		thread_stop(&http->threads[i]);
	if (http->listener >= 0)
		close(http->listener);
	if (http->admin_listener >= 0) {
		close(http->admin_listener);
		unlink(http->admin_path);
	}
	inflight_free(http->inflight);
	config_unref(http->settings.config);
	arena_free(http->arena);
}

/* smtp.c - accepts, reads, writes and closes; every decision is the session's.  At most SESSIONS_MAX at a
 * time: the next is told to come again. */
#include "smtp.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "session.h"

#include "base/check.h"

enum { SESSIONS_MAX = 256, IDLE_MS_MAX = 300 * 1000, EVENTS_MAX = 64, READ_BYTES = 64 * 1024 };

struct client {
	struct session session;
	struct arena *arena;
	int fd; /* -1: the place is free */
	int64_t active_ms;
	bool wants_write;
};

struct smtp {
	struct arena *arena;
	struct sandbox *sandbox;
	int listener, poll_fd;
	unsigned port;
	struct client *clients[SESSIONS_MAX];
};

static enum herald_code listen_on(const struct sockaddr_in *address, int *ret_fd, unsigned *ret_port,
				  struct herald_error *err)
{
	struct sockaddr_in bound = {0};
	socklen_t size = sizeof(bound);
	int on = 1;

	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return herald_fail(err, HERALD_IO, "socket: %s", strerror(errno));
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    bind(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 || listen(fd, 128) < 0 ||
	    getsockname(fd, (struct sockaddr *)&bound, &size) < 0) {
		herald_fail(err, HERALD_IO, "cannot listen for SMTP on port %u: %s", ntohs(address->sin_port),
			    strerror(errno));
		close(fd);
		return HERALD_IO;
	}
	*ret_fd = fd;
	*ret_port = ntohs(bound.sin_port);
	return HERALD_OK;
}

enum herald_code smtp_start(struct sandbox *sandbox, const struct sockaddr_in *address,
			    struct smtp **ret_smtp, struct herald_error *err)
{
	int listener = -1;
	unsigned port = 0;

	if (listen_on(address, &listener, &port, err) != HERALD_OK)
		return HERALD_IO;
	int poll_fd = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
	if (poll_fd < 0 || epoll_ctl(poll_fd, EPOLL_CTL_ADD, listener, &event) < 0) {
		herald_fail(err, HERALD_IO, "epoll: %s", strerror(errno));
		close(listener);
		return HERALD_IO;
	}
	struct arena *arena = arena_new();
	struct smtp *smtp = arena_new_of(arena, struct smtp);
	*smtp = (struct smtp){
		.arena = arena, .sandbox = sandbox, .listener = listener, .poll_fd = poll_fd, .port = port};
	*ret_smtp = smtp;
	return HERALD_OK;
}

static void client_close(struct smtp *smtp, size_t place)
{
	struct client *client = smtp->clients[place];

	smtp->clients[place] = NULL;
	session_done(&client->session);
	close(client->fd); /* leaves the epoll set, too */
	arena_free(client->arena);
}

void smtp_free(struct smtp *smtp)
{
	if (!smtp)
		return;
	for (size_t i = 0; i < SESSIONS_MAX; i++)
		if (smtp->clients[i])
			client_close(smtp, i);
	close(smtp->listener);
	close(smtp->poll_fd);
	arena_free(smtp->arena);
}

unsigned smtp_port(const struct smtp *smtp)
{
	return smtp->port;
}

int smtp_poll_fd(const struct smtp *smtp)
{
	return smtp->poll_fd;
}

static void client_accept(struct smtp *smtp, int64_t now_ms)
{
	static const char BUSY[] = "421 4.3.2 too many sessions, come again\r\n";
	size_t place = 0;
	int on = 1;

	int fd = accept4(smtp->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0)
		return;
	while (place < SESSIONS_MAX && smtp->clients[place])
		place++;
	struct epoll_event event = {.events = EPOLLIN};
	if (place == SESSIONS_MAX) {
		(void)!write(fd, BUSY, sizeof(BUSY) - 1);
		close(fd);
		return;
	}
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	struct arena *arena = arena_new();
	struct client *client = arena_new_of(arena, struct client);
	client->arena = arena;
	client->fd = fd;
	client->active_ms = now_ms;
	session_init(&client->session, smtp->sandbox);
	event.data.ptr = client;
	CHECK(epoll_ctl(smtp->poll_fd, EPOLL_CTL_ADD, fd, &event) == 0);
	smtp->clients[place] = client;
}

/* Write what is there.  False: the other side is gone. */
static bool client_write(struct smtp *smtp, struct client *client)
{
	struct herald_builder *output = &client->session.output;
	size_t written = 0;

	while (written < output->size) {
		ssize_t size = send(client->fd, output->data + written, output->size - written, MSG_NOSIGNAL);
		if (size < 0 && errno != EAGAIN && errno != EINTR)
			return false;
		if (size < 0 && errno == EAGAIN)
			break;
		if (size > 0)
			written += (size_t)size;
	}
	size_t left = output->size - written;
	if (written > 0) {
		memmove(output->data, output->data + written, left);
		output->size = left;
		output->data[left] = '\0';
	}
	bool wants_write = left > 0;
	if (wants_write != client->wants_write) {
		struct epoll_event event = {.events = EPOLLIN | (wants_write ? (uint32_t)EPOLLOUT : 0),
					    .data.ptr = client};
		client->wants_write = wants_write;
		CHECK(epoll_ctl(smtp->poll_fd, EPOLL_CTL_MOD, client->fd, &event) == 0);
	}
	return true;
}

/* False: the other side has closed or failed. */
static bool client_read(struct client *client, int64_t now_ms)
{
	char bytes[READ_BYTES];

	ssize_t size = recv(client->fd, bytes, sizeof(bytes), 0);
	if (size < 0)
		return errno == EAGAIN || errno == EINTR;
	if (size == 0)
		return false;
	client->active_ms = now_ms;
	session_feed(&client->session, bytes, (size_t)size, now_ms);
	return true;
}

static bool client_has_ended(const struct client *client)
{
	return client->session.state == SESSION_DROPPED ||
	       (client->session.state == SESSION_CLOSING && client->session.output.size == 0);
}

int64_t smtp_timeout_ms(const struct smtp *smtp, int64_t now_ms)
{
	int64_t timeout_ms = -1;

	for (size_t i = 0; i < SESSIONS_MAX; i++) {
		const struct client *client = smtp->clients[i];
		if (!client)
			continue;
		int64_t left_ms = client->active_ms + IDLE_MS_MAX - now_ms;
		if (client->session.due_ms > 0 && client->session.due_ms - now_ms < left_ms)
			left_ms = client->session.due_ms - now_ms;
		if (left_ms < 0)
			left_ms = 0;
		if (timeout_ms < 0 || left_ms < timeout_ms)
			timeout_ms = left_ms;
	}
	return timeout_ms;
}

void smtp_run(struct smtp *smtp, int64_t now_ms)
{
	struct epoll_event events[EVENTS_MAX];
	bool is_gone[SESSIONS_MAX] = {false};

	int count = epoll_wait(smtp->poll_fd, events, EVENTS_MAX, 0);
	for (int i = 0; i < count; i++) {
		struct client *client = events[i].data.ptr;
		if (!client) {
			client_accept(smtp, now_ms);
			continue;
		}
		for (size_t place = 0; place < SESSIONS_MAX; place++)
			if (smtp->clients[place] == client &&
			    (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
				is_gone[place] = !client_read(client, now_ms);
	}
	for (size_t place = 0; place < SESSIONS_MAX; place++) {
		struct client *client = smtp->clients[place];
		if (!client)
			continue;
		session_go_on(&client->session, now_ms);
		if (is_gone[place] || client->session.state == SESSION_DROPPED ||
		    !client_write(smtp, client) || client_has_ended(client) ||
		    now_ms - client->active_ms >= IDLE_MS_MAX)
			client_close(smtp, place);
	}
}

/* server.c - see server.h.  One thread per connection. */
#include "server.h"

#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { SEEN_MAX = 4096, TEXT_BYTES = 16 * 1024, PATIENCE_MS = 20 * 1000, TURN_MS = 5 };

struct seen {
	char path[128];
	char text[TEXT_BYTES];
};

struct server {
	int fd;
	char url[64];
	pthread_t thread;
	pthread_mutex_t lock;
	struct seen *seen;
	size_t count;
	unsigned connections, tokens, open;
	bool is_gate_open, is_ending;
	char last[TEXT_BYTES];
};

struct connection {
	struct server *server;
	int fd;
	unsigned answered;
};

static void rest(int ms)
{
	poll(NULL, 0, ms);
}

static bool is_ending(struct server *server)
{
	pthread_mutex_lock(&server->lock);
	bool ending = server->is_ending;
	pthread_mutex_unlock(&server->lock);
	return ending;
}

static bool put(struct connection *connection, const char *text, size_t size)
{
	while (size > 0) {
		ssize_t sent = send(connection->fd, text, size, MSG_NOSIGNAL);
		if (sent <= 0)
			return false;
		text += sent;
		size -= (size_t)sent;
	}
	return true;
}

static bool puts_text(struct connection *connection, const char *text)
{
	return put(connection, text, strlen(text));
}

/* One request, head and body.  False: closed before it was whole. */
static bool request_read(struct connection *connection, char *ret_text, char *ret_path)
{
	size_t used = 0, whole = 0;

	for (;;) {
		struct pollfd wait = {.fd = connection->fd, .events = POLLIN};
		if (is_ending(connection->server))
			return false;
		if (poll(&wait, 1, 50) == 0)
			continue;
		ssize_t got = recv(connection->fd, ret_text + used, TEXT_BYTES - 1 - used, 0);
		if (got <= 0)
			return false;
		used += (size_t)got;
		ret_text[used] = '\0';
		char *end = strstr(ret_text, "\r\n\r\n");
		if (!end)
			continue;
		const char *length = strcasestr(ret_text, "\r\nContent-Length:");
		whole = (size_t)(end + 4 - ret_text) +
			(length && length < end ? strtoul(length + 17, NULL, 10) : 0);
		if (used >= whole)
			break;
	}
	ret_path[0] = '\0';
	sscanf(ret_text, "%*s %127s", ret_path);
	return true;
}

static void remember(struct server *server, const char *path, const char *text)
{
	pthread_mutex_lock(&server->lock);
	if (server->count < SEEN_MAX) {
		struct seen *seen = &server->seen[server->count++];
		snprintf(seen->path, sizeof(seen->path), "%s", path);
		snprintf(seen->text, sizeof(seen->text), "%s", text);
	}
	pthread_mutex_unlock(&server->lock);
}

static bool answer(struct connection *connection, int status, const char *headers, const char *body)
{
	char text[1024];

	snprintf(text, sizeof(text),
		 "HTTP/1.1 %d Whatever\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n%s\r\n%s",
		 status, strlen(body), headers, body);
	return puts_text(connection, text);
}

static bool without_end(struct connection *connection, const char *head, const char *again, int every_ms)
{
	bool is_there = puts_text(connection, head);

	while (is_there && !is_ending(connection->server)) {
		is_there = puts_text(connection, again);
		if (every_ms > 0)
			rest(every_ms);
	}
	return false;
}

static bool token_answer(struct connection *connection, const char *path)
{
	struct server *server = connection->server;
	char body[256], error[64] = "";
	int status = 0;

	if (sscanf(path, "/token/%d/%63s", &status, error) == 2) {
		snprintf(body, sizeof(body), "{\"error\":\"%s\",\"error_description\":\"AADSTS0: no\\nway\"}",
			 error);
		return answer(connection, status, "", body);
	}
	pthread_mutex_lock(&server->lock);
	unsigned number = ++server->tokens;
	pthread_mutex_unlock(&server->lock);
	snprintf(body, sizeof(body),
		 "{\"token_type\":\"Bearer\",\"expires_in\":3599,\"access_token\":\"token-%u\"}", number);
	return answer(connection, 200, "", body);
}

static bool gate_wait(struct server *server)
{
	for (;; rest(TURN_MS)) {
		pthread_mutex_lock(&server->lock);
		bool is_open = server->is_gate_open, ending = server->is_ending;
		pthread_mutex_unlock(&server->lock);
		if (is_open || ending)
			return is_open;
	}
}

static bool begins(const char *path, const char *with)
{
	return strncmp(path, with, strlen(with)) == 0;
}

/* True: the connection may be used again. */
static bool misbehave(struct connection *connection, const char *path)
{
	if (begins(path, "/endless"))
		return without_end(connection, "HTTP/1.1 200 OK\r\n\r\n",
				   "0123456789012345678901234567890123456789", 0);
	if (begins(path, "/drip"))
		return without_end(connection, "HTTP/1.1 200 OK\r\nX-Slow: ", "z", 100);
	if (begins(path, "/flood"))
		return without_end(connection, "HTTP/1.1 200 OK\r\nX-Long: ", "zzzzzzzzzzzzzzzzzzzzzzzzzzzzz",
				   0);
	if (begins(path, "/many"))
		return without_end(connection, "HTTP/1.1 200 OK\r\n", "X-Many: yes\r\n", 0);
	if (begins(path, "/interim"))
		return without_end(connection, "", "HTTP/1.1 100 Continue\r\n\r\n", 0);
	if (begins(path, "/old")) {
		puts_text(connection, "just a body\n");
		return false;
	}
	if (begins(path, "/cut"))
		puts_text(connection, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this");
	return false; /* "/close" and everything that is unknown */
}

static bool behave(struct connection *connection, const char *path, const char *text)
{
	char headers[160] = "", value[100] = "";
	int status = 0;

	if (begins(path, "/prepare/")) {
		if (begins(path, "/prepare/close"))
			return false;
		return answer(connection, 200, "", "conversation-1");
	}
	if (sscanf(path, "/retry/%d/%99s", &status, value) == 2) {
		snprintf(headers, sizeof(headers), "Retry-After: %s\r\n", value);
		return answer(connection, status, headers, "{}");
	}
	if (sscanf(path, "/status/%d", &status) == 1)
		return answer(connection, status, "", "{}");
	if (begins(path, "/redirect")) {
		snprintf(headers, sizeof(headers), "Location: %s/landed\r\n", connection->server->url);
		return answer(connection, 302, headers, "");
	}
	if (begins(path, "/gate"))
		return gate_wait(connection->server) && answer(connection, 200, "", "{}");
	if (begins(path, "/token"))
		return (!begins(path, "/token/gate") || gate_wait(connection->server)) &&
		       token_answer(connection, begins(path, "/token/gate") ? "/token" : path);
	if (begins(path, "/once"))
		return answer(connection, strstr(text, "Bearer token-1\r\n") ? 401 : 200, "", "{}");
	if (begins(path, "/stale"))
		return connection->answered++ == 0 && answer(connection, 200, "", "{}");
	return misbehave(connection, path);
}

static void *connection_run(void *context)
{
	struct connection *connection = context;
	struct server *server = connection->server;
	char *text = malloc(TEXT_BYTES), path[128];

	while (text && request_read(connection, text, path)) {
		remember(server, path, text);
		if (!behave(connection, path, text))
			break;
	}
	free(text);
	close(connection->fd);
	free(connection);
	pthread_mutex_lock(&server->lock);
	server->open--;
	pthread_mutex_unlock(&server->lock);
	return NULL;
}

static void *server_run(void *context)
{
	struct server *server = context;

	while (!is_ending(server)) {
		struct pollfd wait = {.fd = server->fd, .events = POLLIN};
		struct connection *connection;
		pthread_t thread;

		if (poll(&wait, 1, 50) <= 0)
			continue;
		int fd = accept(server->fd, NULL, NULL);
		if (fd < 0)
			continue;
		connection = calloc(1, sizeof(*connection));
		*connection = (struct connection){.server = server, .fd = fd};
		pthread_mutex_lock(&server->lock);
		server->connections++;
		server->open++;
		pthread_mutex_unlock(&server->lock);
		pthread_create(&thread, NULL, connection_run, connection);
		pthread_detach(thread);
	}
	return NULL;
}

struct server *server_new(void)
{
	struct server *server = calloc(1, sizeof(*server));
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(at);

	server->seen = calloc(SEEN_MAX, sizeof(*server->seen));
	pthread_mutex_init(&server->lock, NULL);
	server->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(server->fd, (struct sockaddr *)&at, size) < 0 || listen(server->fd, 128) < 0 ||
	    getsockname(server->fd, (struct sockaddr *)&at, &size) < 0)
		abort();
	snprintf(server->url, sizeof(server->url), "http://127.0.0.1:%d", ntohs(at.sin_port));
	pthread_create(&server->thread, NULL, server_run, server);
	return server;
}

void server_free(struct server *server)
{
	pthread_mutex_lock(&server->lock);
	server->is_ending = true;
	pthread_mutex_unlock(&server->lock);
	pthread_join(server->thread, NULL);
	for (unsigned open = 1; open > 0; rest(TURN_MS)) {
		pthread_mutex_lock(&server->lock);
		open = server->open;
		pthread_mutex_unlock(&server->lock);
	}
	close(server->fd);
	free(server->seen);
	free(server);
}

const char *server_url(const struct server *server)
{
	return server->url;
}

void server_open_gate(struct server *server)
{
	pthread_mutex_lock(&server->lock);
	server->is_gate_open = true;
	pthread_mutex_unlock(&server->lock);
}

unsigned server_count(struct server *server, const char *path)
{
	unsigned count = 0;

	pthread_mutex_lock(&server->lock);
	for (size_t i = 0; i < server->count; i++)
		count += begins(server->seen[i].path, path);
	pthread_mutex_unlock(&server->lock);
	return count;
}

unsigned server_connections(struct server *server)
{
	pthread_mutex_lock(&server->lock);
	unsigned connections = server->connections;
	pthread_mutex_unlock(&server->lock);
	return connections;
}

bool server_sees(struct server *server, const char *path, unsigned count)
{
	for (int waited = 0; waited < PATIENCE_MS; waited += TURN_MS, rest(TURN_MS))
		if (server_count(server, path) >= count)
			return true;
	return false;
}

const char *server_last(struct server *server, const char *path)
{
	server->last[0] = '\0';
	pthread_mutex_lock(&server->lock);
	for (size_t i = server->count; i > 0; i--)
		if (begins(server->seen[i - 1].path, path)) {
			snprintf(server->last, sizeof(server->last), "%s", server->seen[i - 1].text);
			break;
		}
	pthread_mutex_unlock(&server->lock);
	return server->last;
}

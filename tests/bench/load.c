/* load - a load generator for POST /v1/notifications: the workload of the benchmark, closed or open loop.
 *
 * Notification i is for recipient u<i mod 1000>; its marker nid-<i>-<microseconds> travels in the words and
 *holds the moment at which it was sent (open loop: at which it was due), so that whoever receives it can tell
 *how long it took.  One thread, one epoll, keep-alive connections, no pipelining; a connection that breaks is
 *opened again and its request sent again with the same Idempotency-Key.
 *
 *	load PORT KEY COUNT CONNECTIONS [RATE]		RATE per second: open loop
 *
 * Prints one JSON object. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BUFFER_SIZE = 4096, CONNECTIONS_MAX = 1024 };

struct connection {
	int fd;
	long sequence; /* -1: idle */
	int64_t began_us;
	size_t out_size, out_done, in_size;
	char out[BUFFER_SIZE], in[BUFFER_SIZE + 1];
};

struct load {
	uint16_t port;
	const char *key;
	long count, next, done, refused, retried;
	double rate;
	int64_t began_us;
	uint32_t *answers_us;
	int epoll;
	struct connection *connections;
	int connection_count;
};

static int64_t now_us(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void watch(struct load *load, struct connection *connection, uint32_t events, int how)
{
	struct epoll_event event = {.events = events, .data.ptr = connection};

	epoll_ctl(load->epoll, how, connection->fd, &event);
}

static void dial(struct load *load, struct connection *connection)
{
	struct sockaddr_in where = {.sin_family = AF_INET,
				    .sin_port = htons(load->port),
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int yes = 1;

	connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connection->fd < 0 || connect(connection->fd, (struct sockaddr *)&where, sizeof(where)) != 0) {
		fprintf(stderr, "load: cannot connect: %s\n", strerror(errno));
		exit(1);
	}
	setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	fcntl(connection->fd, F_SETFL, O_NONBLOCK);
	watch(load, connection, EPOLLIN, EPOLL_CTL_ADD);
}

static void fill(struct load *load, struct connection *connection, int64_t marker_us)
{
	char body[1024];
	int size = snprintf(
		body, sizeof(body),
		"{\"category\":\"order.shipped\",\"to\":[{\"recipient\":\"u%ld\"}],\"data\":{\"name\":"
		"\"Ada\","
		"\"order\":\"nid-%ld-%lld\"},\"content\":{\"default\":{\"subject\":\"Your order\",\"text\":"
		"\"Hello {{name}}, your order #{{order}} has shipped\"}}}",
		connection->sequence % 1000, connection->sequence, (long long)marker_us);

	connection->out_size =
		(size_t)snprintf(connection->out, sizeof(connection->out),
				 "POST /v1/notifications HTTP/1.1\r\nHost: localhost\r\nAuthorization: "
				 "Bearer %s\r\nContent-Type: application/json\r\n"
				 "Idempotency-Key: load-%d-%ld\r\nContent-Length: %d\r\n\r\n%s",
				 load->key, (int)getpid(), connection->sequence, size, body);
	connection->out_done = connection->in_size = 0;
}

static void push(struct load *load, struct connection *connection)
{
	while (connection->out_done < connection->out_size) {
		ssize_t sent = send(connection->fd, connection->out + connection->out_done,
				    connection->out_size - connection->out_done, MSG_NOSIGNAL);

		if (sent < 0 && errno == EAGAIN) {
			watch(load, connection, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
			return;
		}
		if (sent <= 0)
			return; /* the read side will see it end */
		connection->out_done += (size_t)sent;
	}
}

static void begin(struct load *load, struct connection *connection)
{
	int64_t due_us = load->rate > 0 ? (int64_t)((double)load->next * 1e6 / load->rate) : 0;

	connection->sequence = load->next++;
	connection->began_us = load->rate > 0 ? load->began_us + due_us : now_us(CLOCK_MONOTONIC);
	fill(load, connection, now_us(CLOCK_REALTIME) - (now_us(CLOCK_MONOTONIC) - connection->began_us));
	push(load, connection);
}

/* The whole answer is there: its status, or 0. */
static int answered(const struct connection *connection)
{
	const char *end = strstr(connection->in, "\r\n\r\n"), *length;

	if (end == NULL)
		return 0;
	length = strcasestr(connection->in, "Content-Length:");
	if (length == NULL ||
	    connection->in_size < (size_t)(end + 4 - connection->in) + strtoul(length + 15, NULL, 10))
		return 0;
	return (int)strtol(connection->in + 9, NULL, 10);
}

static void again(struct load *load, struct connection *connection)
{
	close(connection->fd);
	dial(load, connection);
	load->retried++;
	if (connection->sequence >= 0) {
		connection->out_done = connection->in_size = 0;
		push(load, connection);
	}
}

static void came(struct load *load, struct connection *connection)
{
	ssize_t size = recv(connection->fd, connection->in + connection->in_size,
			    BUFFER_SIZE - connection->in_size, 0);
	int status;

	if (size <= 0) {
		if (size < 0 && errno == EAGAIN)
			return;
		again(load, connection);
		return;
	}
	connection->in_size += (size_t)size;
	connection->in[connection->in_size] = 0;
	status = answered(connection);
	if (status == 0)
		return;
	if (status == 503 || status == 429) {
		/* Not a good neighbour's way, but a benchmark's: ask again at once, and count it. */
		load->retried++;
		connection->out_done = connection->in_size = 0;
		push(load, connection);
		return;
	}
	load->refused += status != 202;
	if (status != 202 && load->refused == 1)
		fprintf(stderr, "load: %s\n", connection->in);
	load->answers_us[load->done++] = (uint32_t)(now_us(CLOCK_MONOTONIC) - connection->began_us);
	connection->sequence = -1;
}

static int by_size(const void *left, const void *right)
{
	uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;

	return (a > b) - (a < b);
}

static void feed(struct load *load)
{
	for (int i = 0; i < load->connection_count && load->next < load->count; i++) {
		bool is_due = load->rate <= 0 || (double)(now_us(CLOCK_MONOTONIC) - load->began_us) >=
							 (double)load->next * 1e6 / load->rate;

		if (!is_due)
			return;
		if (load->connections[i].sequence < 0)
			begin(load, &load->connections[i]);
	}
}

int main(int count, char **words)
{
	struct load load = {.rate = count > 5 ? strtod(words[5], NULL) : 0};
	double seconds;

	if (count < 5) {
		fprintf(stderr, "usage: load PORT KEY COUNT CONNECTIONS [RATE]\n");
		return 2;
	}
	load.port = (uint16_t)strtoul(words[1], NULL, 10);
	load.key = words[2];
	load.count = strtol(words[3], NULL, 10);
	load.connection_count = (int)strtol(words[4], NULL, 10);
	if (load.count < 1 || load.connection_count < 1 || load.connection_count > CONNECTIONS_MAX)
		return 2;
	load.answers_us = calloc((size_t)load.count, sizeof(*load.answers_us));
	load.connections = calloc((size_t)load.connection_count, sizeof(*load.connections));
	load.epoll = epoll_create1(EPOLL_CLOEXEC);
	for (int i = 0; i < load.connection_count; i++) {
		load.connections[i].sequence = -1;
		dial(&load, &load.connections[i]);
	}
	load.began_us = now_us(CLOCK_MONOTONIC);
	while (load.done < load.count) {
		struct epoll_event events[64];
		int ready;

		feed(&load);
		ready = epoll_wait(load.epoll, events, 64, load.rate > 0 ? 1 : 1000);
		for (int i = 0; i < ready; i++) {
			struct connection *connection = events[i].data.ptr;

			if ((events[i].events & EPOLLOUT) != 0) {
				watch(&load, connection, EPOLLIN, EPOLL_CTL_MOD);
				push(&load, connection);
			}
			if ((events[i].events & ~(uint32_t)EPOLLOUT) != 0)
				came(&load, connection);
		}
	}
	seconds = (double)(now_us(CLOCK_MONOTONIC) - load.began_us) / 1e6;
	qsort(load.answers_us, (size_t)load.done, sizeof(*load.answers_us), by_size);
	printf("{\"count\":%ld,\"seconds\":%.3f,\"accepts_per_s\":%.0f,\"answer_p50_ms\":%.3f,\"answer_p99_"
	       "ms\":%.3f,"
	       "\"refused\":%ld,\"retried\":%ld}\n",
	       load.done, seconds, (double)load.done / seconds, load.answers_us[load.done / 2] / 1e3,
	       load.answers_us[load.done * 99 / 100] / 1e3, load.refused, load.retried);
	return load.refused == 0 ? 0 : 1;
}

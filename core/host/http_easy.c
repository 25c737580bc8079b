/* http_easy.c - how curl is told to behave: nothing ambient, nothing followed, everything bounded.
 *
 * No proxy, netrc, cookies, HSTS or Alt-Svc from the environment; no redirect; no content decoding (93 bytes
 * of brotli are 100 MiB); TLS 1.2 at least, with the peer's name checked.  Where a connection may go is
 * decided on the binary socket address, because one loopback address has many spellings. */
#include <netinet/in.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "host/http_client.h"
#include "host/ticket.h"
#include "base/check.h"

enum {
	CONNECT_TIMEOUT_MS = 10 * 1000,
	SLOW_BYTES_PER_S = 10,
	SLOW_AFTER_S = 60, /* a provider may think for a while before its first byte */
	/* Servers close what idles for 5 s (Node) to 75 s (nginx): the older a connection, the likelier the
	 * race between their close and our request, which ends as LOST. */
	IDLE_CONNECTION_S = 20,
	RESOLVED_S = 60,
	RECEIVE_BYTES = 16 * 1024,
};

/* --- what curl calls --- */

static bool is_loopback(const struct sockaddr *address)
{
	const struct sockaddr_in *four = (const void *)address;
	const struct sockaddr_in6 *six = (const void *)address;

	if (address->sa_family == AF_INET)
		return (ntohl(four->sin_addr.s_addr) >> 24) == 127;
	if (address->sa_family != AF_INET6)
		return false;
	return IN6_IS_ADDR_LOOPBACK(&six->sin6_addr) ||
	       (IN6_IS_ADDR_V4MAPPED(&six->sin6_addr) && six->sin6_addr.s6_addr[12] == 127);
}

static curl_socket_t on_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
	const struct http_request *request = context;

	(void)purpose;
	if (request->is_local && !is_loopback(&address->addr))
		return CURL_SOCKET_BAD;
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static bool may_leave(struct http_request *request)
{
	struct tickets *tickets = request->channel->tickets;

	if (tickets_are_orphans(tickets))
		return false;
	for (size_t i = 0; i < request->ticket_count; i++) {
		struct ticket *ticket = request->tickets[i];
		bool is_good = request->flags & HERALD_HTTP_PREPARES
				       ? ticket_may_prepare(tickets, ticket)
				       : ticket_to_wire(tickets, ticket, &request->is_moved[i]) == HERALD_OK;
		if (!is_good)
			return false;
	}
	return true;
}

/* The connection stands, TLS included; the next thing that curl does is to write the request. */
static int on_ready(void *context, char *to, char *from, int to_port, int from_port)
{
	struct http_request *request = context;
	bool is_message = request->ticket_count > 0 && !(request->flags & HERALD_HTTP_PREPARES);

	(void)to, (void)from, (void)to_port, (void)from_port;
	/* curl wants to send it again on a fresh connection, because the old one ended before any answer: the
	 * far end may have acted on it all the same, unless it said that it did not (a connection that is
	 * being closed refuses what it has not begun: RFC 9113 8.7). */
	if (request->has_left && is_message && !request->is_returned)
		return CURL_PREREQFUNC_ABORT;
	request->is_returned = false;
	if (may_leave(request)) {
		request->has_left = true;
		return CURL_PREREQFUNC_OK;
	}
	http_request_off_wire(request);
	request->is_taken_back = true;
	return CURL_PREREQFUNC_ABORT;
}

/* The only place where curl tells a stream that was refused from a connection that broke.  Should its words
 * change, such a request ends as LOST, which is the careful reading. */
static int on_remark(CURL *easy, curl_infotype type, char *text, size_t size, void *context)
{
	static const char words[] = "REFUSED_STREAM";
	struct http_request *request = context;

	(void)easy;
	if (type == CURLINFO_TEXT && size > sizeof(words) && memcmp(text, words, sizeof(words) - 1) == 0)
		request->is_returned = true;
	return 0;
}

static size_t on_body(char *data, size_t size, size_t count, void *context)
{
	struct http_request *request = context;
	size_t bytes = size * count, room = REPLY_BODY_BYTES_MAX - request->answer.size;

	herald_add_bytes(&request->answer, data, bytes < room ? bytes : room);
	if (bytes <= room)
		return bytes;
	/* The status is known and so is the beginning; the rest is not worth reading. */
	request->is_cut = true;
	return 0;
}

static const char *copy_trimmed(struct arena *arena, const char *from, size_t size)
{
	while (size > 0 && (*from == ' ' || *from == '\t')) {
		from++;
		size--;
	}
	while (size > 0 && strchr(" \t\r\n", from[size - 1]))
		size--;
	return arena_bytes_copy(arena, from, size).data;
}

static size_t on_header(char *data, size_t size, size_t count, void *context)
{
	struct http_request *request = context;
	size_t bytes = size * count;
	const char *colon = memchr(data, ':', bytes);

	/* Counted over all answers, so that an endless row of 1xx ends, too. */
	request->field_bytes += bytes;
	if (request->field_bytes > REPLY_FIELD_BYTES_MAX)
		return 0;
	if (bytes >= 5 && strncmp(data, "HTTP/", 5) == 0) {
		request->field_count = 0;
		return bytes;
	}
	if (!colon || memchr(data, '\0', bytes))
		return bytes;
	if (request->field_count == REPLY_FIELDS_MAX)
		return 0;
	size_t name = (size_t)(colon - data);
	request->fields[request->field_count++] = (struct herald_field){
		.name = copy_trimmed(request->arena, data, name),
		.value = copy_trimmed(request->arena, colon + 1, bytes - name - 1),
	};
	return bytes;
}

/* --- what curl is told --- */

#define SET(easy, option, value) CHECK(curl_easy_setopt((easy), (option), (value)) == CURLE_OK)

static void set_manners(CURL *easy)
{
	SET(easy, CURLOPT_NOSIGNAL, 1L);
	SET(easy, CURLOPT_FOLLOWLOCATION, 0L);
	SET(easy, CURLOPT_PROXY, "");
	SET(easy, CURLOPT_NOPROXY, "*");
	SET(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	SET(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
	SET(easy, CURLOPT_HTTP_CONTENT_DECODING, 0L);
	SET(easy, CURLOPT_HTTP09_ALLOWED, 0L);
	SET(easy, CURLOPT_PATH_AS_IS, 1L);
	SET(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(easy, CURLOPT_SSL_VERIFYPEER, 1L);
	SET(easy, CURLOPT_SSL_VERIFYHOST, 2L);
	SET(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	SET(easy, CURLOPT_MAXAGE_CONN, (long)IDLE_CONNECTION_S);
	SET(easy, CURLOPT_DNS_CACHE_TIMEOUT, (long)RESOLVED_S);
	SET(easy, CURLOPT_BUFFERSIZE, (long)RECEIVE_BYTES);
	SET(easy, CURLOPT_LOW_SPEED_LIMIT, (long)SLOW_BYTES_PER_S);
	SET(easy, CURLOPT_LOW_SPEED_TIME, (long)SLOW_AFTER_S);
	SET(easy, CURLOPT_WRITEFUNCTION, on_body);
	SET(easy, CURLOPT_HEADERFUNCTION, on_header);
	SET(easy, CURLOPT_PREREQFUNCTION, on_ready);
	SET(easy, CURLOPT_OPENSOCKETFUNCTION, on_socket);
}

static bool list_add(struct http_request *request, const char *line)
{
	struct curl_slist *longer = curl_slist_append(request->list, line);

	if (longer)
		request->list = longer;
	return longer != NULL;
}

static bool list_fill(struct http_request *request)
{
	bool is_good = list_add(request, "Expect:") && list_add(request, "Accept-Encoding:");
	bool has_type = false;

	for (size_t i = 0; i < request->header_count && is_good; i++) {
		const struct herald_field *field = &request->headers[i];

		has_type |= strcasecmp(field->name, "Content-Type") == 0;
		/* "Name;" is curl's way of saying: this header, empty. */
		is_good = list_add(request,
				   field->value[0]
					   ? arena_printf(request->arena, "%s: %s", field->name, field->value)
					   : arena_printf(request->arena, "%s;", field->name));
	}
	/* Otherwise curl calls every body a form. */
	if (is_good && !has_type)
		is_good = list_add(request, "Content-Type:");
	if (is_good && request->bearer)
		is_good = list_add(request,
				   arena_printf(request->arena, "Authorization: Bearer %s", request->bearer));
	return is_good;
}

static void set_content(CURL *easy, struct http_request *request)
{
	SET(easy, CURLOPT_URL, request->url);
	SET(easy, CURLOPT_PROTOCOLS_STR, request->is_plain ? "http" : "https");
	SET(easy, CURLOPT_HTTP_VERSION,
	    (long)(request->is_plain ? CURL_HTTP_VERSION_1_1 : CURL_HTTP_VERSION_2TLS));
	/* Rather wait for a connection that can carry many than open one more. */
	SET(easy, CURLOPT_PIPEWAIT, request->is_plain ? 0L : 1L);
	SET(easy, CURLOPT_DEBUGFUNCTION, on_remark);
	SET(easy, CURLOPT_DEBUGDATA, request);
	SET(easy, CURLOPT_VERBOSE, request->is_plain ? 0L : 1L);
	SET(easy, CURLOPT_HTTPHEADER, request->list);
	SET(easy, CURLOPT_USERAGENT, "herald");
	if (strcmp(request->method, "GET") == 0)
		SET(easy, CURLOPT_HTTPGET, 1L);
	else if (strcmp(request->method, "HEAD") == 0)
		SET(easy, CURLOPT_NOBODY, 1L);
	else {
		SET(easy, CURLOPT_POST, 1L);
		SET(easy, CURLOPT_POSTFIELDS, request->body.data);
		SET(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.size);
	}
	if (strcmp(request->method, "POST") != 0 && strcmp(request->method, "HEAD") != 0)
		SET(easy, CURLOPT_CUSTOMREQUEST, request->method);
}

static void set_bounds(CURL *easy, struct http_request *request)
{
	int64_t left_ms = request->deadline_ms - clock_mono_ms();

	SET(easy, CURLOPT_TIMEOUT_MS, (long)(left_ms > 1 ? left_ms : 1));
	SET(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
	SET(easy, CURLOPT_ERRORBUFFER, request->error);
	SET(easy, CURLOPT_PRIVATE, request);
	SET(easy, CURLOPT_WRITEDATA, request);
	SET(easy, CURLOPT_HEADERDATA, request);
	SET(easy, CURLOPT_PREREQDATA, request);
	SET(easy, CURLOPT_OPENSOCKETDATA, request);
}

CURL *http_easy_new(struct http *http, struct http_request *request)
{
	CURL *easy = http->idle_count > 0 ? http->idle[--http->idle_count] : curl_easy_init();

	if (!easy)
		return NULL;
	set_manners(easy);
	if (!list_fill(request)) {
		curl_easy_cleanup(easy);
		return NULL;
	}
	set_content(easy, request);
	set_bounds(easy, request);
	request->easy = easy;
	return easy;
}

void http_easy_free(struct http *http, struct http_request *request)
{
	if (request->easy) {
		curl_easy_reset(request->easy); /* keeps what is learned of names and connections */
		if (http->idle_count < EASY_IDLE_MAX)
			http->idle[http->idle_count++] = request->easy;
		else
			curl_easy_cleanup(request->easy);
	}
	curl_slist_free_all(request->list);
	request->easy = NULL;
	request->list = NULL;
}

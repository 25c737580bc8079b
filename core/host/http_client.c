/* http_client.c - requests on their way: queued by any thread, started, driven and ended by the loop's.
 *
 * A request is always in exactly one place: the incoming list, held (until a memory is kept), a grant's queue
 * (until there is a token), curl's, or with whoever answers it. */
#include "host/http_client.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/clock.h"
#include "host/token.h"
#include "base/check.h"

enum { CONNECTIONS_KEPT = 64, CONNECTIONS_PER_HOST = 64, FDS_MAX = 8 };

/* --- lists --- */

void http_list_add(struct http_request **list, struct http_request *request)
{
	request->next = *list;
	request->at = list;
	if (*list)
		(*list)->at = &request->next;
	*list = request;
}

void http_list_remove(struct http_request *request)
{
	*request->at = request->next;
	if (request->next)
		request->next->at = request->at;
	request->next = NULL;
	request->at = NULL;
}

/* --- the client --- */

static void last_call_free(void *request)
{
	http_request_free(request);
}

static struct http *http_new(struct herald_channel *channel)
{
	struct arena *arena = arena_new();
	struct http *http = arena_new_of(arena, struct http);

	CHECK(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
	http->arena = arena;
	http->channel = channel;
	http->multi = curl_multi_init();
	CHECK(http->multi != NULL);
	curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_KEPT);
	curl_multi_setopt(http->multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)CONNECTIONS_PER_HOST);
	http->incoming_end = &http->incoming;
	http->grants = grants_new(channel);
	CHECK(pthread_key_create(&http->last_call, last_call_free) == 0);
	return http;
}

/* A channel that never speaks HTTP never pays for a client. */
static struct http *http_of(struct herald_channel *channel)
{
	pthread_mutex_lock(&channel->http_lock);
	if (!channel->http)
		channel->http = http_new(channel);
	struct http *http = channel->http;
	pthread_mutex_unlock(&channel->http_lock);
	return http;
}

/* Only the loop asks without the lock's owner having made it: what it misses now it sees after the bell. */
static struct http *http_if_any(struct herald_channel *channel)
{
	pthread_mutex_lock(&channel->http_lock);
	struct http *http = channel->http;
	pthread_mutex_unlock(&channel->http_lock);
	return http;
}

struct grants *http_grants(struct herald_channel *channel)
{
	return http_of(channel)->grants;
}

void http_free(struct http *http)
{
	if (!http)
		return;
	while (http->idle_count > 0)
		curl_easy_cleanup(http->idle[--http->idle_count]);
	curl_multi_cleanup(http->multi);
	grants_free(http->grants);
	pthread_key_delete(http->last_call);
	arena_free(http->arena);
}

enum herald_code http_enqueue(struct http_request *request)
{
	struct herald_channel *channel = request->channel;
	struct http *http = http_of(channel);

	pthread_mutex_lock(&channel->http_lock);
	bool is_taken = !http->is_stopped;
	if (is_taken) {
		request->next = NULL;
		*http->incoming_end = request;
		http->incoming_end = &request->next;
	}
	pthread_mutex_unlock(&channel->http_lock);
	if (is_taken && !pthread_equal(pthread_self(), channel->loop))
		CHECK(eventfd_write(channel->bell, 1) == 0);
	return is_taken ? HERALD_OK : HERALD_CONFLICT;
}

/* --- answering --- */

void http_fail(struct http_request *request, enum herald_http_failure failure, int32_t status,
	       const char *why)
{
	const struct herald_http_reply reply = {
		.struct_size = sizeof(reply),
		.failure = failure,
		.status = status,
		.body = {"", 0},
		.stage = request->stage,
		.error = why,
	};

	http_request_off_wire(request);
	if (request->is_taken_back)
		http_answer_taken_back(request);
	else
		request->done(request, &reply);
}

static int64_t retry_after_of(const struct http_request *request)
{
	for (size_t i = 0; i < request->field_count; i++)
		if (strcasecmp(request->fields[i].name, "Retry-After") == 0)
			return http_retry_after_ms(request->fields[i].value, clock_wall_ms());
	return 0;
}

static void answered(struct http_request *request, int32_t status)
{
	struct herald_text body = {"", 0};

	if (request->answer.size > 0)
		body = (struct herald_text){request->answer.data, request->answer.size};
	const struct herald_http_reply reply = {
		.struct_size = sizeof(reply),
		.failure = HERALD_HTTP_ANSWERED,
		.status = status,
		.headers = request->fields,
		.header_count = request->field_count,
		.body = body,
		.retry_after_ms = retry_after_of(request),
		.stage = request->stage,
		.error = "",
	};
	request->done(request, &reply);
}

/* As if it had never been under way. */
static void start_over(struct http_request *request)
{
	http_request_off_wire(request);
	herald_builder_clear(&request->answer);
	request->has_left = request->is_cut = false;
	request->field_count = request->field_bytes = 0;
	request->bearer = NULL;
	request->error[0] = '\0';
}

/* What became of it, told by what curl did and not by the name of its error: before on_ready nothing can have
 * left, and after it only a request of which not one byte was written can not have arrived. */
static void ended(struct http *http, struct http_request *request, CURLcode code)
{
	long status = 0, written = 0;

	curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(request->easy, CURLINFO_REQUEST_SIZE, &written);
	http_list_remove(request);
	curl_multi_remove_handle(http->multi, request->easy);
	http_easy_free(http, request);

	const char *why = request->error[0] ? request->error : curl_easy_strerror(code);
	if (code == CURLE_ABORTED_BY_CALLBACK && request->has_left)
		why = "the connection ended before any answer";
	if (code == CURLE_OK || request->is_cut) {
		if (status == 401 && request->bearer && !request->was_refused) {
			request->was_refused = true;
			grant_drop(request->grant, request->bearer);
			start_over(request);
			http_start(request);
			return;
		}
		answered(request, (int32_t)status);
		return;
	}
	if (!request->has_left || written == 0 || (request->flags & HERALD_HTTP_PREPARES))
		http_fail(request, HERALD_HTTP_NOT_SENT, 0, why);
	else {
		memset(request->is_moved, 0, sizeof(*request->is_moved) * request->ticket_count);
		http_fail(request, HERALD_HTTP_LOST, 0, why);
	}
}

/* --- starting --- */

static bool is_held(struct http_request *request)
{
	struct tickets *tickets = request->channel->tickets;

	for (size_t i = 0; i < request->ticket_count; i++)
		if (!ticket_is_kept(tickets, request->tickets[i]) &&
		    !ticket_is_spent(tickets, request->tickets[i]))
			return true;
	return false;
}

void http_start(struct http_request *request)
{
	struct http *http = http_of(request->channel);

	if (is_held(request)) {
		http_list_add(&http->held, request);
		return;
	}
	if (request->grant && grant_use(request->grant, request, &request->bearer) == HERALD_BUSY)
		return;
	CURL *easy = http_easy_new(http, request);
	if (!easy || curl_multi_add_handle(http->multi, easy) != CURLM_OK) {
		http_easy_free(http, request);
		http_fail(request, HERALD_HTTP_NOT_SENT, 0, "out of memory");
		return;
	}
	http_list_add(&http->running, request);
}

static struct http_request *incoming_take(struct http *http)
{
	pthread_mutex_lock(&http->channel->http_lock);
	struct http_request *first = http->incoming;
	http->incoming = NULL;
	http->incoming_end = &http->incoming;
	pthread_mutex_unlock(&http->channel->http_lock);
	return first;
}

static void start_waiting(struct http *http)
{
	struct http_request *request;

	/* Starting one may bring another: a token's fetch, or what a plugin says to a failure. */
	while ((request = incoming_take(http)))
		while (request) {
			struct http_request *next = request->next;
			request->next = NULL;
			http_start(request);
			request = next;
		}
	for (request = http->held; request;) {
		struct http_request *next = request->next;
		if (!is_held(request)) {
			http_list_remove(request);
			http_start(request);
		}
		request = next;
	}
}

void http_begin(struct herald_channel *channel)
{
	struct http *http = http_if_any(channel);

	if (http)
		start_waiting(http);
}

void http_turn(struct herald_channel *channel)
{
	struct http *http = http_if_any(channel);
	int running, left;
	CURLMsg *message;

	if (!http)
		return;
	start_waiting(http);
	if (!http->running)
		return;
	CHECK(curl_multi_perform(http->multi, &running) == CURLM_OK);
	while ((message = curl_multi_info_read(http->multi, &left))) {
		struct http_request *request = NULL;

		if (message->msg != CURLMSG_DONE)
			continue;
		CURLcode code = message->data.result;
		CHECK(curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &request) == CURLE_OK);
		ended(http, request, code);
	}
}

void http_wait(struct herald_channel *channel, struct pollfd *fds, unsigned count, int timeout_ms)
{
	struct http *http = http_if_any(channel);
	struct curl_waitfd waits[FDS_MAX];
	unsigned used = 0;

	if (!http || !http->running) {
		if (poll(fds, count, timeout_ms) < 0)
			for (unsigned i = 0; i < count; i++)
				fds[i].revents = 0;
		return;
	}
	CHECK(count <= countof(waits));
	for (unsigned i = 0; i < count; i++) {
		fds[i].revents = 0;
		if (fds[i].fd < 0)
			continue;
		waits[used++] = (struct curl_waitfd){
			.fd = fds[i].fd,
			.events = (short)((fds[i].events & POLLIN ? CURL_WAIT_POLLIN : 0) |
					  (fds[i].events & POLLOUT ? CURL_WAIT_POLLOUT : 0)),
		};
	}
	/* curl comes back by itself for its own timers; without a limit of ours it would only for those. */
	curl_multi_poll(http->multi, waits, used, timeout_ms < 0 ? 1000 : timeout_ms, NULL);
	for (unsigned i = 0, at = 0; i < count; i++)
		if (fds[i].fd >= 0)
			fds[i].revents = waits[at++].revents ? POLLIN : 0;
}

void http_stop(struct herald_channel *channel)
{
	struct http *http = http_if_any(channel);

	if (!http)
		return;
	pthread_mutex_lock(&channel->http_lock);
	http->is_stopped = true;
	pthread_mutex_unlock(&channel->http_lock);
	for (struct http_request *request = incoming_take(http), *next; request; request = next) {
		next = request->next;
		http_fail(request, HERALD_HTTP_NOT_SENT, 0, "the channel is closing");
	}
	while (http->held) {
		struct http_request *request = http->held;
		http_list_remove(request);
		http_fail(request, HERALD_HTTP_NOT_SENT, 0, "the channel is closing");
	}
	while (http->running) {
		struct http_request *request = http->running;
		bool may_have_left = request->has_left && !(request->flags & HERALD_HTTP_PREPARES);
		http_list_remove(request);
		curl_multi_remove_handle(http->multi, request->easy);
		http_easy_free(http, request);
		if (may_have_left)
			memset(request->is_moved, 0, sizeof(*request->is_moved) * request->ticket_count);
		http_fail(request, may_have_left ? HERALD_HTTP_LOST : HERALD_HTTP_NOT_SENT, 0,
			  "the channel is closing");
	}
}

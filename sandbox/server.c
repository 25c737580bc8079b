/* server.c - libmicrohttpd in external epoll mode, and what happens to a request on its way to a service: the
 * first bytes are written to the ledger, the whole is counted and broken as the faults ask, then its service
 * answers.
 *
 * A request that must wait (latency, hang) is suspended; server_run resumes it when its time has come. */
#include "server.h"

#include <microhttpd.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/check.h"

enum { CONNECTIONS_MAX_HTTP = 900, CONNECTION_TIMEOUT_S = 300, HANG_MS_MAX = 600 * 1000 };

enum phase { PHASE_READING = 0, PHASE_WAITING, PHASE_READY };

struct request {
	struct exchange exchange;
	struct server *server;
	struct MHD_Connection *connection;
	enum phase phase;
	bool has_begun, has_service, delivers, was_seen, is_too_deep;
	enum service service;
	struct fault_step step;
	int64_t due_ms;
	struct request *next; /* of those that wait */
};

struct server {
	struct arena *arena;
	struct MHD_Daemon *daemon;
	struct sandbox *sandbox;
	struct request *waiting;
	int64_t now_ms; /* monotonic */
	int poll_fd;
};

static const char *header_value(const struct exchange *exchange, const char *name)
{
	return MHD_lookup_connection_value(exchange->connection, MHD_HEADER_KIND, name);
}

/* The first that is heard of a request: its target, still encoded, as the signature needs it. */
static void *request_begin(void *context, const char *target, struct MHD_Connection *connection)
{
	struct server *server = context;
	struct herald_error err;
	struct arena *arena = arena_new();
	struct request *request = arena_new_of(arena, struct request);

	request->server = server;
	request->connection = connection;
	request->is_too_deep = exchange_init(&request->exchange, arena, target, &err) != HERALD_OK;
	request->exchange.number = ++server->sandbox->requests;
	request->exchange.header = header_value;
	request->exchange.connection = connection;
	return request;
}

static void request_end(void *context, struct MHD_Connection *connection, void **state,
			enum MHD_RequestTerminationCode reason)
{
	struct server *server = context;
	struct request *request = *state;

	(void)connection;
	(void)reason;
	if (!request)
		return;
	if (request->has_begun && request->delivers &&
	    !request->was_seen) /* it broke off before its body came */
		ledger_seen(server->sandbox->ledger, request->service, request->exchange.number, "", 0);
	for (struct request **at = &server->waiting; *at; at = &(*at)->next)
		if (*at == request) {
			*at = request->next;
			break;
		}
	exchange_done(&request->exchange);
	arena_free(request->exchange.arena);
	*state = NULL;
}

static const char *fault_code(enum service service, int status)
{
	bool is_bot = service == SERVICE_BOT;

	switch (status) {
	case 401:
		return is_bot ? "BotNotRegistered" : "Denied";
	case 403:
		return is_bot ? "ConversationBlockedByUser" : "Forbidden";
	case 404:
		return is_bot ? "ConversationNotFound" : "NotFound";
	case 412:
		return "PreconditionFailed";
	case 413:
		return "MessageSizeTooBig";
	case 429:
		return is_bot ? "Throttled" : "TooManyRequests";
	case 503:
		return "ServiceUnavailable";
	default:
		return status >= 500 ? (is_bot ? "ServiceError" : "InternalError") : "BadRequest";
	}
}

static void answer_fault(struct request *request)
{
	struct exchange *exchange = &request->exchange;
	const struct fault_step *step = &request->step;
	const char *code = step->code[0] ? step->code : fault_code(request->service, step->status);

	exchange->retry_after_s = step->retry_after_s;
	if (request->service == SERVICE_TOKEN) {
		herald_addf(&exchange->answer,
			    "{\"error\":\"%s\",\"error_description\":\"asked for by POST /control\"}",
			    step->status >= 500 || step->status == 429 ? "temporarily_unavailable"
								       : "invalid_client");
		exchange_answer(exchange, (unsigned)step->status);
	} else if (strcmp(code, "MessageWritesBlocked") ==
		   0) { /* Teams's other shape of 403: JSON inside a string */
		herald_add(&exchange->answer,
			   "{\"errorCode\":209,\"message\":\"{\\r\\n \\\"subCode\\\": "
			   "\\\"MessageWritesBlocked\\\", \\\"details\\\": \\\"asked for\\\"}\"}");
		exchange_answer(exchange, (unsigned)step->status);
	} else {
		exchange_refuse(exchange, (unsigned)step->status, code, "asked for by POST /control");
	}
}

static void answer_service(struct sandbox *sandbox, struct request *request)
{
	struct exchange *exchange = &request->exchange;

	if (!request->has_service) {
		control_handle(sandbox, exchange);
		return;
	}
	switch (request->service) {
	case SERVICE_BOT:
		connector_handle(sandbox, exchange);
		break;
	case SERVICE_CHAT:
		chat_handle(sandbox, exchange);
		break;
	case SERVICE_SMS:
		sms_handle(sandbox, exchange);
		break;
	case SERVICE_TOKEN:
		token_handle(sandbox, exchange);
		break;
	case SERVICE_IDENTITY:
		identity_handle(sandbox, exchange);
		break;
	case SERVICE_EMAIL:
	case SERVICE_COUNT:
		unreached();
	}
}

static enum MHD_Result queue_answer(struct request *request)
{
	struct exchange *exchange = &request->exchange;
	char seconds[16];

	struct MHD_Response *response = MHD_create_response_from_buffer(
		exchange->answer.size, exchange->answer.data, MHD_RESPMEM_MUST_COPY);
	if (!response)
		return MHD_NO;
	if (exchange->answer.size > 0)
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
					"application/json; charset=utf-8");
	if (exchange->location)
		MHD_add_response_header(response, MHD_HTTP_HEADER_LOCATION, exchange->location);
	if (exchange->retry_after_s > 0) {
		snprintf(seconds, sizeof(seconds), "%d", exchange->retry_after_s);
		MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, seconds);
	}
	enum MHD_Result result = MHD_queue_response(request->connection, exchange->status, response);
	MHD_destroy_response(response);
	return result;
}

/* The request is whole and its time has come. */
static enum MHD_Result answer(struct server *server, struct request *request)
{
	struct sandbox *sandbox = server->sandbox;
	struct exchange *exchange = &request->exchange;

	exchange->now_ms = clock_wall_ms();
	if (request->step.kind == FAULT_HANG || request->step.kind == FAULT_DROP)
		return MHD_NO;
	if (request->step.kind == FAULT_FAIL)
		answer_fault(request);
	else if (request->is_too_deep)
		exchange_refuse(exchange, 404, "NotFound", "the path has more than %d segments",
				EXCHANGE_SEGMENTS_MAX);
	else if (exchange->body.code != HERALD_OK)
		exchange_refuse(exchange, 413, "RequestTooLarge", "the body has more than %d bytes",
				EXCHANGE_BODY_BYTES_MAX);
	else
		answer_service(sandbox, request);
	CHECK(exchange->status != 0);
	if (request->has_service && exchange->status >= 400)
		ledger_refused(sandbox->ledger, request->service, exchange->number, "",
			       exchange->answer.data);
	return request->step.kind == FAULT_DROP_AFTER ? MHD_NO : queue_answer(request);
}

/* The body has come: what do the faults say?  True: it must wait. */
static bool decide(struct server *server, struct request *request)
{
	struct sandbox *sandbox = server->sandbox;

	request->phase = PHASE_READY;
	if (!request->has_service)
		return false;
	ledger_request(sandbox->ledger, request->service);
	request->step = fault_next(&sandbox->faults.service[request->service], sandbox_dice(sandbox));
	if (request->step.kind != FAULT_NONE)
		ledger_faulted(sandbox->ledger, request->service);
	request->due_ms =
		server->now_ms + (request->step.kind == FAULT_HANG ? HANG_MS_MAX : request->step.latency_ms);
	return request->due_ms > server->now_ms;
}

static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *url,
			      const char *method, const char *version, const char *data, size_t *data_size,
			      void **state)
{
	struct server *server = context;
	struct request *request = *state;

	(void)url;
	(void)version;
	CHECK(request && request->connection == connection);
	if (!request->has_begun) {
		request->has_begun = true;
		request->exchange.method = arena_text(request->exchange.arena, method);
		request->has_service =
			sandbox_service_of(&request->exchange, &request->service, &request->delivers);
		return MHD_YES;
	}
	if (*data_size > 0) {
		if (request->delivers && !request->was_seen) {
			request->was_seen = true;
			ledger_seen(server->sandbox->ledger, request->service, request->exchange.number, data,
				    *data_size);
		}
		herald_add_bytes(&request->exchange.body, data, *data_size);
		*data_size = 0;
		return MHD_YES;
	}
	if (request->phase == PHASE_READING && decide(server, request)) {
		request->phase = PHASE_WAITING;
		request->next = server->waiting;
		server->waiting = request;
		MHD_suspend_connection(connection);
		return MHD_YES;
	}
	return answer(server, request);
}

/* A hung request waits until somebody clears the fault. */
static bool is_due(const struct server *server, const struct request *request, int64_t now_ms)
{
	return now_ms >= request->due_ms ||
	       (request->step.kind == FAULT_HANG &&
		server->sandbox->faults.service[request->service].kind != FAULT_HANG);
}

static void resume_due(struct server *server, int64_t now_ms, bool all)
{
	for (struct request **at = &server->waiting; *at;) {
		struct request *request = *at;
		if (!all && !is_due(server, request, now_ms)) {
			at = &request->next;
			continue;
		}
		*at = request->next;
		request->phase = PHASE_READY;
		MHD_resume_connection(request->connection);
	}
}

enum herald_code server_start(struct sandbox *sandbox, const struct sockaddr_in *address,
			      struct server **ret_server, struct herald_error *err)
{
	struct arena *arena = arena_new();
	struct server *server = arena_new_of(arena, struct server);

	server->arena = arena;
	server->sandbox = sandbox;
	server->daemon = MHD_start_daemon(
		MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_TURBO, 0, NULL, NULL, handle, server,
		MHD_OPTION_SOCK_ADDR, (const struct sockaddr *)address, MHD_OPTION_URI_LOG_CALLBACK,
		request_begin, server, MHD_OPTION_NOTIFY_COMPLETED, request_end, server,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX_HTTP, MHD_OPTION_CONNECTION_TIMEOUT,
		(unsigned)CONNECTION_TIMEOUT_S, MHD_OPTION_END);
	if (!server->daemon) {
		arena_free(arena);
		return herald_fail(err, HERALD_IO, "cannot listen for HTTP on port %u: is it taken?",
				   ntohs(address->sin_port));
	}
	server->poll_fd = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
	*ret_server = server;
	return HERALD_OK;
}

void server_free(struct server *server)
{
	if (!server)
		return;
	resume_due(server, 0, true);
	MHD_run(server->daemon);
	MHD_stop_daemon(server->daemon);
	arena_free(server->arena);
}

unsigned server_port(const struct server *server)
{
	return MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
}

int server_poll_fd(const struct server *server)
{
	return server->poll_fd;
}

int64_t server_timeout_ms(struct server *server, int64_t now_ms)
{
	MHD_UNSIGNED_LONG_LONG daemon_ms = 0;
	int64_t timeout_ms = MHD_get_timeout(server->daemon, &daemon_ms) == MHD_YES ? (int64_t)daemon_ms : -1;

	for (const struct request *request = server->waiting; request; request = request->next) {
		int64_t left_ms = is_due(server, request, now_ms) ? 0 : request->due_ms - now_ms;
		if (timeout_ms < 0 || left_ms < timeout_ms)
			timeout_ms = left_ms;
	}
	return timeout_ms;
}

void server_run(struct server *server, int64_t now_ms)
{
	server->now_ms = now_ms;
	resume_due(server, now_ms, false);
	MHD_run(server->daemon);
}

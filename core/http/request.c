/* The life of a request, from its target to the end of its answer: see request.h.
 *
 * Order: head checked, route found, key checked, admission, and only then the first byte of the body is kept.
 * What was refused before never keeps a byte of its body. */
#include "http/request.h"

#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/json.h"
#include "http/private.h"
#include "telemetry/event.h"
#include "telemetry/metric.h"
#include "base/check.h"

static const char *header(const struct request *request, const char *name)
{
	const char *value = MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);

	return value ? value : "";
}

struct request *request_begin(struct api_thread *thread, struct MHD_Connection *connection, const char *raw)
{
	struct arena *arena = arena_new();
	struct request *request = arena_new_of(arena, struct request);
	struct http *http = thread->http;
	uint64_t serial = atomic_fetch_add(&http->request_serial, 1);

	request->thread = thread;
	request->connection = connection;
	request->arena = arena;
	request->intake = thread->intake;
	request->config = http->settings.config;
	request->store = http->settings.store;
	request->raw = arena_text(arena, raw);
	request->is_admin_socket =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_DAEMON)->daemon == thread->daemons[1];
	request->now_ms = thread_now_ms(thread);
	request->began_mono_us = clock_mono_us();
	request->patience =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
	patience_for_head(request->patience);
	request->if_match = -1;
	request->traceparent = request->idempotency_key = request->actor = request->tenant_name = "";
	request->content_type = "application/json";
	snprintf(request->id, sizeof(request->id), "req_%08x%06x", (unsigned)(request->now_ms / 1000),
		 (unsigned)(serial & 0xffffff));
	faults_init(&request->faults, arena);
	herald_builder_init(&request->body, BODY_BYTES_MAX);
	atomic_fetch_add(&http->busy, 1);
	thread->open++;
	return request;
}

void request_end(struct request *request)
{
	struct http *http = request->thread->http;
	char status[8];

	CHECK(atomic_load(&request->waiting) == 0);
	if (request->cleanup != NULL)
		request->cleanup(request);
	if (request->holds_key)
		inflight_leave(http->inflight, request->tenant, request->idempotency_key);
	if (request->is_answered) {
		const char *route = request->route ? request->route->path : "none";

		snprintf(status, sizeof(status), "%u", request->status);
		metric_add(METRIC_http_requests, METRIC_LABELS(route, status), 1);
		metric_observe(METRIC_http_seconds, METRIC_LABELS(route),
			       (double)(clock_mono_us() - request->began_mono_us) / 1e6);
	}
	json_decref(request->tree);
	herald_builder_done(&request->body);
	atomic_fetch_sub(&http->busy, 1);
	request->thread->open--;
	patience_for_next(request->patience, (int)request->config->server.idle_timeout.ms);
	arena_free(request->arena);
}

/* --- before the body --- */

/* "12" with its quotes, as we gave it; anything else was never ours. */
static bool etag_read(const char *text, int64_t *ret_version)
{
	size_t digits = *text == '"' ? strspn(text + 1, "0123456789") : 0;

	if (digits == 0 || digits > 18 || strcmp(text + 1 + digits, "\"") != 0)
		return false;
	*ret_version = strtoll(text + 1, NULL, 10);
	return true;
}

/* W3C trace context: "00-<32 hex>-<16 hex>-<2 hex>", neither id all zeros. */
static bool trace_is_good(const char *text)
{
	static const char form[] = "00-hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh-hhhhhhhhhhhhhhhh-hh";
	size_t size = strlen(text);

	if (size != sizeof(form) - 1)
		return false;
	for (size_t i = 0; i < size; i++) {
		if (form[i] == 'h' ? strchr("0123456789abcdef", text[i]) == NULL : text[i] != form[i])
			return false;
	}
	return strspn(text + 3, "0") < 32 && strspn(text + 36, "0") < 16;
}

/* The caller's, or one that begins here. */
static const char *trace_of(struct request *request, const char *given)
{
	struct herald_builder builder;
	uint8_t ids[24];
	const char *text;

	if (trace_is_good(given))
		return arena_text(request->arena, given);
	if ((request->route->flags & ROUTE_NEW_WORK) == 0 || RAND_bytes(ids, sizeof(ids)) != 1)
		return "";
	herald_builder_init(&builder, 64);
	herald_add(&builder, "00-");
	herald_add_hex(&builder, ids, 16);
	herald_add(&builder, "-");
	herald_add_hex(&builder, ids + 16, 8);
	herald_add(&builder, "-01");
	text = arena_text(request->arena, builder.data);
	herald_builder_done(&builder);
	return text;
}

static void read_heads(struct request *request)
{
	const char *key = header(request, "Idempotency-Key"), *match = header(request, "If-Match");
	const char *traceparent = header(request, "traceparent");
	size_t size = strlen(key);

	if (size >= 2 && key[0] == '"' && key[size - 1] == '"') {
		key++;
		size -= 2;
	}
	if (*header(request, "Idempotency-Key") != 0) {
		bool is_good = size >= 1 && size <= IDEMPOTENCY_KEY_BYTES_MAX;

		for (size_t i = 0; i < size; i++)
			is_good &= (unsigned char)key[i] > 0x20 && (unsigned char)key[i] < 0x7f;
		if (!is_good) {
			answer_problem(request, PROBLEM_malformed_request,
				       "Idempotency-Key must be 1 to %d visible ASCII characters",
				       IDEMPOTENCY_KEY_BYTES_MAX);
			return;
		}
		request->idempotency_key = arena_bytes_copy(request->arena, key, size).data;
	}
	request->must_exist = strcmp(match, "*") == 0;
	if (*match != 0 && !request->must_exist && !etag_read(match, &request->if_match))
		answer_problem(request, PROBLEM_changed_meanwhile,
			       "If-Match must be the ETag of an earlier answer, or *");
	request->traceparent = trace_of(request, traceparent);
}

static bool type_is_good(const char *type, bool is_bulk)
{
	size_t size = strcspn(type, "; \t");

	if (is_bulk)
		return size == 20 && strncasecmp(type, "application/x-ndjson", size) == 0;
	return (size == 16 && strncasecmp(type, "application/json", size) == 0) ||
	       (size > 17 && strncasecmp(type, "application/", 12) == 0 &&
		strncasecmp(type + size - 5, "+json", 5) == 0);
}

static bool charset_is_good(const char *type)
{
	const char *charset = strcasestr(type, "charset=");

	if (charset == NULL)
		return true;
	charset += 8;
	charset += *charset == '"';
	return strncasecmp(charset, "utf-8", 5) == 0 && strchr("; \t\"", charset[5]) != NULL;
}

/* Would the caller read what this route answers?  Problems are for everybody. */
static void check_accept(struct request *request)
{
	const char *accept = header(request, "Accept");
	const char *type = (request->route->flags & ROUTE_BULK) != 0   ? "application/x-ndjson"
			   : (request->route->flags & ROUTE_TEXT) != 0 ? "text/"
								       : "application/json";

	if (*accept != 0 && strstr(accept, "*/*") == NULL && strcasestr(accept, "application/*") == NULL &&
	    strcasestr(accept, type) == NULL)
		answer_problem(request, PROBLEM_not_acceptable, "this answers %s; Accept must allow that",
			       type);
}

static void check_media(struct request *request)
{
	const char *type = header(request, "Content-Type"), *encoding = header(request, "Content-Encoding");
	const char *length = header(request, "Content-Length");
	unsigned flags = request->route->flags;
	bool has_body = strtoull(length, NULL, 10) > 0 || *header(request, "Transfer-Encoding") != 0;
	size_t most = (flags & ROUTE_BULK) ? BULK_BODY_BYTES_MAX : BODY_BYTES_MAX;

	if ((flags & (ROUTE_HAS_BODY | ROUTE_BULK)) == 0) {
		if (has_body)
			answer_problem(request, PROBLEM_malformed_request, "%s %s takes no body",
				       request->route->method, request->route->path);
		return;
	}
	if (!has_body && (flags & ROUTE_OPTIONAL_BODY) != 0)
		return;
	if (*length == 0 && !has_body)
		answer_problem(request, PROBLEM_length_required,
			       "%s %s takes a body: say how long it is, or send it in chunks",
			       request->route->method, request->route->path);
	else if (strtoull(length, NULL, 10) > most)
		answer_problem(request, PROBLEM_too_large, "the body has at most %zu bytes", most);
	else if (*encoding != 0 && strcasecmp(encoding, "identity") != 0)
		answer_problem(request, PROBLEM_media_type,
			       "the body must not be encoded (Content-Encoding)");
	else if (!type_is_good(type, (flags & ROUTE_BULK) != 0))
		answer_problem(request, PROBLEM_media_type, "Content-Type must be %s",
			       (flags & ROUTE_BULK) ? "application/x-ndjson" : "application/json");
	else if (!charset_is_good(type))
		answer_problem(request, PROBLEM_media_type, "the body must be UTF-8");
}

/* New work is refused early, so that what was promised can go on. */
static void admit(struct request *request)
{
	struct http *http = request->thread->http;
	struct store_health health;

	if ((request->route->flags & ROUTE_NEW_WORK) == 0)
		return;
	if (atomic_load(&http->is_draining)) {
		answer_retry_after(request, 5);
		answer_problem(request, PROBLEM_draining, "the daemon is going down; come again");
		answer_header(request, "Connection", "close");
		return;
	}
	store_health(http->settings.store, &health);
	if (!health.is_taking_work) {
		answer_retry_after(request, 5);
		answer_problem(request, problem_of_health(&health), "no new work is taken: %s", health.why);
	}
}

static void take_key(struct request *request)
{
	if (*request->idempotency_key == 0)
		return;
	if ((request->route->flags & ROUTE_IDEMPOTENT) == 0) {
		if ((request->route->flags & ROUTE_BULK) != 0)
			answer_problem(request, PROBLEM_invalid,
				       "in bulk the keys go into the lines, as idempotency_key");
		return;
	}
	if (!inflight_enter(request->thread->http->inflight, request->tenant, request->idempotency_key)) {
		answer_retry_after(request, 1);
		answer_problem(request, PROBLEM_idempotency_in_flight,
			       "the first request with this key is still running");
		return;
	}
	request->holds_key = true;
}

/* A refusal waits for the end of a short body, so that the connection can go on and the answer cannot be lost
 * in a reset; a long or a doubtful one is not read at all, and the library then closes the connection. */
static bool has_to_close(const struct request *request)
{
	return request->has_doubtful_head || *header(request, "Transfer-Encoding") != 0 ||
	       *header(request, "Expect") != 0 ||
	       strtoull(header(request, "Content-Length"), NULL, 10) > BODY_BYTES_MAX;
}

static void check_head(struct request *request, const char *method, const char *version)
{
	request->is_checked = true;
	request_refuse_if_malformed(request, version);
	if (!request->is_answered)
		route_find(request, method);
	if (!request->is_answered)
		read_heads(request);
	if (!request->is_answered)
		auth_check(request);
	if (!request->is_answered)
		check_accept(request);
	if (!request->is_answered)
		check_media(request);
	if (!request->is_answered)
		admit(request);
	if (!request->is_answered)
		take_key(request);
	request->is_refused_early = request->is_answered && has_to_close(request);
	if (!request->is_answered && (request->route->flags & ROUTE_BULK) != 0)
		request->body.size_max = BULK_BODY_BYTES_MAX;
}

/* --- the body --- */

static void refuse_json(struct request *request, const struct json_fault *fault)
{
	static const enum problem names[] = {
		[JSON_MALFORMED] = PROBLEM_malformed_json, [JSON_DUPLICATE_KEY] = PROBLEM_duplicate_key,
		[JSON_NOT_UTF8] = PROBLEM_not_utf8,        [JSON_TOO_DEEP] = PROBLEM_too_deep,
		[JSON_TOO_MANY] = PROBLEM_too_deep,
	};

	if (fault->line > 0)
		answer_problem(request, names[fault->trouble], "line %u, column %u: %s", fault->line,
			       fault->column, fault->text);
	else
		answer_problem(request, names[fault->trouble], "%s", fault->text);
}

/* What an Idempotency-Key stands for: method, target and body, whether there is one or not. */
static void print_request(struct request *request)
{
	struct herald_builder print;

	herald_builder_init(&print, BODY_BYTES_MAX + REQUEST_LINE_BYTES_MAX + 16);
	herald_addf(&print, "%s %s\n", request->route->method, request->raw);
	herald_add_bytes(&print, request->body.data, request->body.size);
	herald_sha256(print.data, print.size, request->fingerprint);
	herald_builder_done(&print);
}

static void read_body(struct request *request)
{
	struct json_fault fault;

	if (request->body_bytes > request->body.size_max) {
		answer_problem(request, PROBLEM_too_large, "the body has at most %zu bytes",
			       request->body.size_max);
		return;
	}
	if (request->holds_key)
		print_request(request);
	if ((request->route->flags & ROUTE_HAS_BODY) == 0 ||
	    (request->body.size == 0 && (request->route->flags & ROUTE_OPTIONAL_BODY) != 0))
		return;
	request->tree = json_read(request->body.data, request->body.size, &fault);
	if (request->tree == NULL)
		refuse_json(request, &fault);
}

static enum MHD_Result send_answer(struct request *request)
{
	struct MHD_Response *response =
		request->stream != NULL
			? stream_response(request)
			: MHD_create_response_from_buffer(request->answer.size,
							  (void *)(uintptr_t)request->answer.data,
							  MHD_RESPMEM_PERSISTENT);
	enum MHD_Result result;

	if (response == NULL)
		return MHD_NO;
	MHD_add_response_header(response, "Herald-Request-Id", request->id);
	if (request->answer.size > 0 || request->stream != NULL)
		MHD_add_response_header(response, "Content-Type", request->content_type);
	MHD_add_response_header(response, "Cache-Control", "no-store");
	for (size_t i = 0; i < request->header_count; i++)
		MHD_add_response_header(response, request->headers[i].name, request->headers[i].value);
	result = MHD_queue_response(request->connection, request->status, response);
	MHD_destroy_response(response);
	if (request->stream != NULL)
		patience_stop(request->patience); /* it rests when nothing happens */
	else
		patience_for_reader(request->patience, (int)request->config->server.idle_timeout.ms,
				    request->answer.size);
	return result;
}

/* The handler's turn, and the next step's while all answers are there already.  The extra count keeps an
 * early answer from waking the request while its step still asks. */
static void run(struct request *request, request_step step)
{
	for (;;) {
		atomic_store(&request->waiting, 1);
		step(request);
		if (atomic_fetch_sub(&request->waiting, 1) > 1) {
			CHECK(!request->is_answered);
			return;
		}
		if (request->is_answered || request->wants_body)
			return;
		CHECK(request->next != NULL);
		step = request->next;
		request->next = NULL;
	}
}

enum MHD_Result request_arrived(struct request *request, const char *method, const char *version,
				const char *data, size_t *size)
{
	if (!request->is_checked) {
		check_head(request, method, version);
		patience_for_bytes(request->patience);
		return request->is_refused_early ? send_answer(request) : MHD_YES;
	}
	if (request->is_answered) {
		if (*size == 0)
			return send_answer(request);
		*size = 0; /* the rest of a body that was refused */
		return MHD_YES;
	}
	if (*size > 0) {
		bool is_over = request->body_bytes + *size > request->body.size_max;

		request->body_bytes += *size;
		patience_came(request->patience, *size);
		if (!is_over)
			herald_add_bytes(&request->body, data, *size);
		*size = 0;
		/* The library hands over all chunks that it has already, also to a suspended connection. */
		if (is_over || request->is_suspended || (request->route->flags & ROUTE_BULK) == 0)
			return MHD_YES;
	} else {
		request->has_whole_body = true;
		read_body(request);
	}
	request->wants_body = false;
	if (!request->is_answered)
		run(request, request->route->handle);
	/* A bulk that is answered in the middle of its body is sent when the library asks again. */
	if (request->is_answered && request->has_whole_body)
		return send_answer(request);
	if (request->is_answered || request->wants_body)
		return MHD_YES;
	request->is_suspended = true;
	request->thread->suspended++;
	patience_stop(request->patience);
	MHD_suspend_connection(request->connection);
	return MHD_YES;
}

/* --- questions --- */

void request_wake(struct request *request)
{
	struct queue *completions = request->thread->completions;

	if (atomic_fetch_sub(&request->waiting, 1) == 1)
		CHECK(queue_push(completions, &request->item));
}

void request_woken(struct request *request)
{
	request_step next = request->next;

	request->next = NULL;
	CHECK(next != NULL && !request->is_answered);
	run(request, next);
	if ((request->is_answered || request->wants_body) && request->is_suspended) {
		request->is_suspended = false;
		request->thread->suspended--;
		patience_for_bytes(request->patience);
		MHD_resume_connection(request->connection);
	}
}

static void op_done(struct store_op *op)
{
	if (op->code == HERALD_OK && op->ret_is_audited)
		event(EVENT_audit_written, EVENT_TEXT("actor", op->audit.actor),
		      EVENT_TEXT("verb", op->audit.verb));
	request_wake(op->context);
}

void request_submit(struct request *request, struct store_op *op, request_step next)
{
	if (op->tenant == 0)
		op->tenant = request->tenant;
	op->now_ms = request->now_ms;
	if (op->arena == NULL)
		op->arena = request->arena;
	op->context = request;
	op->done = op_done;
	if (op->audit.verb == NULL)
		op->audit = (struct store_audit){.actor = request->actor, .verb = "", .payload = ""};
	else
		op->audit.actor = request->actor;
	if (op->idempotency.key == NULL)
		op->idempotency.key = "";
	request->next = next;
	atomic_fetch_add(&request->waiting, 1);
	store_submit(request->store, op);
}

void request_submit_once(struct request *request, struct store_op *op, unsigned status,
			 struct herald_text answer, request_step next)
{
	op->idempotency = (struct store_idempotency){
		.key = request->idempotency_key, .answer = answer, .status = status};
	memcpy(op->idempotency.fingerprint, request->fingerprint, sizeof(request->fingerprint));
	request_submit(request, op, next);
}

void request_pause(struct request *request, int ms, request_step next)
{
	struct api_thread *thread = request->thread;

	request->wakes_mono_ms = clock_mono_ms() + ms;
	request->next_sleeper = thread->sleepers;
	thread->sleepers = request;
	request->next = next;
	atomic_fetch_add(&request->waiting, 1);
}

bool request_is_last(const struct request *request)
{
	return atomic_load(&request->thread->http->is_stopping);
}

static void check_done(struct talk_check *check)
{
	request_wake(check->context);
}

void request_check(struct request *request, struct talk_check *check, request_step next)
{
	check->done = check_done;
	check->context = request;
	request->next = next;
	atomic_fetch_add(&request->waiting, 1);
	talk_check(request->thread->http->settings.talk, check);
}

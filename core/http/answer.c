/* Answers: JSON, problems, pages; and what the codes of the floors below mean to a caller. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "http/private.h"
#include "telemetry/event.h"
#include "base/check.h"

enum { ANSWER_BYTES_MAX = 16 * 1024 * 1024 };

void answer_header(struct request *request, const char *name, const char *value)
{
	CHECK(request->header_count < REQUEST_HEADERS_MAX);
	request->headers[request->header_count++] =
		(struct herald_field){.name = name, .value = arena_text(request->arena, value)};
}

void answer_etag(struct request *request, int64_t version)
{
	char text[32];

	snprintf(text, sizeof(text), "\"%lld\"", (long long)version);
	answer_header(request, "ETag", text);
}

void answer_text(struct request *request, unsigned status, const char *content_type, struct herald_text text)
{
	CHECK(!request->is_answered);
	request->is_answered = true;
	request->status = status;
	request->content_type = content_type;
	request->answer = arena_bytes_copy(request->arena, text.data, text.size);
}

void answer_json(struct request *request, unsigned status, const json_t *tree)
{
	struct herald_builder builder;

	herald_builder_init(&builder, ANSWER_BYTES_MAX);
	if (tree != NULL)
		json_write(tree, &builder);
	if (tree == NULL)
		answer_problem(request, PROBLEM_internal, "what is stored cannot be shown as JSON");
	else if (builder.code == HERALD_OK)
		answer_text(request, status, "application/json", text_of(builder.data, builder.size));
	else
		answer_problem(request, PROBLEM_internal, "the answer is too large; ask for fewer items");
	herald_builder_done(&builder);
}

void answer_tree(struct request *request, unsigned status, json_t *tree)
{
	answer_json(request, status, tree);
	json_decref(tree);
}

void answer_nothing(struct request *request)
{
	CHECK(!request->is_answered);
	request->is_answered = true;
	request->status = 204;
	request->answer = text_of("", 0);
}

void answer_stream(struct request *request, const char *content_type,
		   ssize_t (*stream)(struct request *request, char *buffer, size_t size))
{
	CHECK(!request->is_answered);
	request->is_answered = true;
	request->status = 200;
	request->content_type = content_type;
	request->stream = stream;
}

void answer_page(struct request *request, json_t *items, const char *next)
{
	json_t *page = json_pack("{s:o}", "items", items);

	if (*next != 0)
		json_object_set_new(page, "next", json_string(next));
	answer_tree(request, 200, page);
}

json_t *problem_tree(struct request *request, enum problem problem, const char *detail,
		     const struct faults *faults)
{
	char *words = arena_text(request->arena, detail);
	json_t *items = json_array(), *tree;

	text_mend_utf8(words);
	tree = json_pack("{s:o, s:s, s:i, s:s, s:s}", "type",
			 json_sprintf("%s%s", request->config->server.problem_base, problem_name(problem)),
			 "title", problem_title(problem), "status", (int)problem_status(problem), "detail",
			 words, "request_id", request->id);
	CHECK(tree != NULL);

	for (size_t i = 0; faults != NULL && i < faults->count && i < FAULTS_MAX; i++)
		json_array_append_new(items, json_pack("{s:s, s:s, s:s}", "pointer", faults->items[i].pointer,
						       "fault", faults->items[i].fault, "detail",
						       faults->items[i].detail));
	if (json_array_size(items) > 0)
		json_object_set(tree, "faults", items);
	json_decref(items);
	return tree;
}

static void problem(struct request *request, enum problem problem, const char *detail,
		    const struct faults *faults)
{
	json_t *tree = problem_tree(request, problem, detail, faults);
	struct herald_builder builder;

	herald_builder_init(&builder, ANSWER_BYTES_MAX);
	json_write(tree, &builder);
	answer_text(request, problem_status(problem), "application/problem+json",
		    text_of(builder.data, builder.size));
	herald_builder_done(&builder);
	json_decref(tree);
	if (problem_status(problem) >= 500)
		event_emit(EVENT_request_failed,
			   (struct event_field[]){EVENT_TEXT("request", request->id),
						  EVENT_TEXT("problem", problem_name(problem)),
						  EVENT_TEXT("detail", detail)},
			   3);
	else
		event_emit(EVENT_request_refused,
			   (struct event_field[]){EVENT_TEXT("request", request->id),
						  EVENT_TEXT("problem", problem_name(problem))},
			   2);
}

void answer_problem(struct request *request, enum problem kind, const char *format, ...)
{
	char detail[512];
	va_list args;

	va_start(args, format);
	vsnprintf(detail, sizeof(detail), format, args);
	va_end(args);
	problem(request, kind, detail, NULL);
}

void faults_detail(const struct faults *faults, char *ret_text, size_t size)
{
	const char *where = *faults->items[0].pointer ? faults->items[0].pointer : "the body";

	if (faults->count == 1)
		snprintf(ret_text, size, "%s: %s", where, faults->items[0].detail);
	else
		snprintf(ret_text, size, "%zu faults; the first: %s: %s", faults->count, where,
			 faults->items[0].detail);
}

void answer_faults(struct request *request)
{
	const struct faults *faults = &request->faults;
	char detail[512];

	CHECK(faults_any(faults));
	faults_detail(faults, detail, sizeof(detail));
	problem(request, problem_find(faults->problem), detail, faults);
}

bool request_is_faulty(struct request *request)
{
	if (!faults_any(&request->faults))
		return false;
	answer_faults(request);
	return true;
}

void answer_retry_after(struct request *request, unsigned seconds)
{
	/* Jitter from the request's own number: callers who were refused together do not come again together.
	 */
	unsigned spread = seconds * 2 / 5 + 1;
	unsigned jittered =
		seconds - seconds / 5 + (unsigned)((uint64_t)request->began_mono_us / 1000 % spread);
	char text[16];

	snprintf(text, sizeof(text), "%u", jittered < 1 ? 1 : jittered > 120 ? 120 : jittered);
	answer_header(request, "Retry-After", text);
}

enum problem problem_of_code(enum herald_code code)
{
	switch (code) {
	case HERALD_NOT_FOUND:
		return PROBLEM_not_found;
	case HERALD_INVALID:
	case HERALD_LIMIT:
		return PROBLEM_invalid;
	case HERALD_UNSUPPORTED:
		return PROBLEM_unsupported;
	case HERALD_DENIED:
		return PROBLEM_scope_missing;
	case HERALD_CONFLICT:
	case HERALD_BUSY:
	case HERALD_TIMEOUT:
		return PROBLEM_overloaded;
	case HERALD_UNCERTAIN_WRITE:
	case HERALD_IO:
		return PROBLEM_store_unavailable;
	case HERALD_OK:
	case HERALD_CORRUPT:
	case HERALD_BUG:
		return PROBLEM_internal;
	}
	unreached();
}

enum problem problem_of_health(const struct store_health *health)
{
	switch (health->trouble) {
	case STORE_QUEUE_FULL:
		return PROBLEM_overloaded;
	case STORE_DISK_SHORT:
		return PROBLEM_store_full;
	case STORE_FINE:
	case STORE_DEAD:
		return PROBLEM_store_unavailable;
	}
	unreached();
}

const char *code_detail(enum herald_code code, const struct herald_error *err)
{
	if (code == HERALD_CONFLICT)
		return "what this needs kept changing while it was planned; try again";
	if (code == HERALD_UNCERTAIN_WRITE)
		return "it is not known whether this was written; repeat it with the same Idempotency-Key";
	return code == HERALD_OK ? "no reason was given" : err->text;
}

void answer_code(struct request *request, enum herald_code code, const struct herald_error *err)
{
	enum problem kind = problem_of_code(code);
	struct store_health health;

	store_health(request->store, &health);
	if (problem_status(kind) == 503 && health.trouble == STORE_DISK_SHORT)
		kind = PROBLEM_store_full;
	if (problem_status(kind) == 503)
		answer_retry_after(request, kind == PROBLEM_overloaded ? 2 : 5);
	answer_problem(request, kind, "%s", code_detail(code, err));
}

bool answer_op_trouble(struct request *request, const struct store_op *op)
{
	if (op->ret_is_mismatch) {
		answer_problem(request, PROBLEM_idempotency_mismatch,
			       "this Idempotency-Key was used for another request within the last 72 hours");
		return true;
	}
	if (op->code != HERALD_OK) {
		answer_code(request, op->code, &op->err);
		return true;
	}
	if (op->ret_is_replay) {
		answer_header(request, "Idempotent-Replayed", "true");
		answer_text(request, op->ret_replay_status, "application/json", op->ret_replay);
		return true;
	}
	return false;
}

const char *request_query(const struct request *request, const char *name)
{
	for (size_t i = 0; i < request->query_count; i++) {
		if (strcmp(request->query[i].name, name) == 0)
			return request->query[i].value;
	}
	return "";
}

bool request_page(struct request *request, uint32_t *ret_limit, const char **ret_after)
{
	const char *limit = request_query(request, "limit");
	size_t digits = strspn(limit, "0123456789");
	unsigned long number = *limit ? strtoul(limit, NULL, 10) : PAGE_ITEMS_DEFAULT;

	if (limit[digits] != 0 || number < 1 || number > PAGE_ITEMS_MAX) {
		faults_add(&request->faults, "?limit", "range", "must be 1 to %d", PAGE_ITEMS_MAX);
		return false;
	}
	*ret_limit = (uint32_t)number;
	*ret_after = request_query(request, "after");
	return true;
}

int64_t request_after_number(struct request *request)
{
	const char *after = request_query(request, "after");

	if (strspn(after, "0123456789") != strlen(after) || strlen(after) > 18)
		faults_add(&request->faults, "?after", "syntax", "is not a cursor of this list");
	return strtoll(after, NULL, 10);
}

bool request_instant(struct request *request, const char *name, int64_t *ret_ms)
{
	const char *text = request_query(request, name);
	char pointer[64];

	if (*text == 0 || clock_parse(text, ret_ms, NULL) == HERALD_OK)
		return true;
	snprintf(pointer, sizeof(pointer), "?%s", name);
	faults_add(&request->faults, pointer, "syntax", "must be an instant like 2026-11-24T09:30:00Z");
	return false;
}

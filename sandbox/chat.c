/* chat.c - ACS Chat: threads and messages, with the token of a user who takes part.
 *
 * The last 10,000 threads are remembered, and what made each (repeatability-request-id): the same id makes no
 * second thread.  Messages have no such id, exactly as the service's do: who sends twice is read twice. */
#include <stdio.h>
#include <string.h>

#include "sandbox.h"
#include "shape.h"
#include "token.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/map.h"
#include "base/check.h"

enum {
	THREADS_MAX = 10000,
	PARTICIPANTS_BYTES_MAX = 16 * 1024,
	THREAD_ID_SIZE = 80,
	CONTENT_BYTES_MAX = 28 * 1024
};

static const struct shape_field THREAD[] = {
	{.name = "topic", .kind = SHAPE_TEXT, .is_required = true, .min = 1, .max = 250},
	{.name = "participants", .kind = SHAPE_ARRAY, .min = 0, .max = 200},
	{.name = "metadata", .kind = SHAPE_OBJECT},
	{.name = "retentionPolicy", .kind = SHAPE_OBJECT},
};
static const struct shape_field ADD[] = {
	{.name = "participants", .kind = SHAPE_ARRAY, .is_required = true, .min = 1, .max = 200},
};
static const struct shape_field PARTICIPANT[] = {
	{.name = "communicationIdentifier", .kind = SHAPE_OBJECT, .is_required = true},
	{.name = "displayName", .kind = SHAPE_TEXT},
	{.name = "shareHistoryTime", .kind = SHAPE_TEXT},
	{.name = "metadata", .kind = SHAPE_OBJECT},
};
static const struct shape_field MESSAGE[] = {
	{.name = "content", .kind = SHAPE_TEXT, .is_required = true, .min = 1},
	{.name = "senderDisplayName", .kind = SHAPE_TEXT},
	{.name = "type", .kind = SHAPE_TEXT},
	{.name = "metadata", .kind = SHAPE_OBJECT},
};

struct thread {
	char id[THREAD_ID_SIZE];
	char made_by[HERALD_UUID_CHARS + 1]; /* repeatability-request-id, "" none */
	char created_on[CLOCK_TEXT_SIZE];
	struct herald_builder participants; /* one id a line, the creator first */
	struct herald_builder answer;       /* what its creator was told */
};

struct threads {
	struct arena *arena;
	struct thread *ring;
	size_t next;
	struct map *by_id, *by_request;
};

struct threads *threads_new(void)
{
	struct arena *arena = arena_new();
	struct threads *threads = arena_new_of(arena, struct threads);

	threads->arena = arena;
	threads->ring = arena_array_of(arena, THREADS_MAX, struct thread);
	for (size_t i = 0; i < THREADS_MAX; i++) {
		herald_builder_init(&threads->ring[i].participants, PARTICIPANTS_BYTES_MAX);
		herald_builder_init(&threads->ring[i].answer, PARTICIPANTS_BYTES_MAX);
	}
	threads->by_id = map_new();
	threads->by_request = map_new();
	return threads;
}

static void thread_forget(struct threads *threads, struct thread *thread)
{
	if (thread->id[0])
		map_remove_text(threads->by_id, thread->id);
	if (thread->made_by[0])
		map_remove_text(threads->by_request, thread->made_by);
	thread->id[0] = thread->made_by[0] = '\0';
	herald_builder_done(&thread->participants);
	herald_builder_done(&thread->answer);
}

void threads_free(struct threads *threads)
{
	if (!threads)
		return;
	for (size_t i = 0; i < THREADS_MAX; i++)
		thread_forget(threads, &threads->ring[i]);
	map_free(threads->by_id);
	map_free(threads->by_request);
	arena_free(threads->arena);
}

static struct thread *threads_add(struct sandbox *sandbox, const struct exchange *exchange,
				  const char *made_by, const char *creator)
{
	struct threads *threads = sandbox->threads;
	struct thread *thread = &threads->ring[threads->next];

	thread_forget(threads, thread);
	threads->next = (threads->next + 1) % THREADS_MAX;
	snprintf(thread->id, sizeof(thread->id), "19:sandbox%lld@thread.v2",
		 (long long)sandbox_number(sandbox, exchange->now_ms));
	snprintf(thread->made_by, sizeof(thread->made_by), "%s", made_by);
	clock_text(exchange->now_ms, thread->created_on);
	herald_addf(&thread->participants, "%s\n", creator);
	map_put_text(threads->by_id, thread->id, thread);
	if (made_by[0])
		map_put_text(threads->by_request, thread->made_by, thread);
	return thread;
}

static bool thread_has(const struct thread *thread, const char *user)
{
	size_t size = strlen(user);

	for (const char *at = thread->participants.data; *at; at += strcspn(at, "\n") + 1)
		if (strcspn(at, "\n") == size && memcmp(at, user, size) == 0)
			return true;
	return false;
}

/* Whom it is for: everybody but the creator; one person, as a rule. */
static const char *thread_others(const struct thread *thread, struct arena *arena)
{
	const char *rest = strchr(thread->participants.data, '\n');
	char *others = arena_text(arena, rest ? rest + 1 : "");

	for (char *at = others; *at; at++)
		if (*at == '\n')
			*at = at[1] ? ',' : '\0';
	return others;
}

/* Their id, or NULL and what is wrong with them. */
static const char *participant_id(const json_t *participant, size_t i, struct herald_error *err)
{
	const json_t *identifier = json_object_get(participant, "communicationIdentifier");
	char where[48];

	snprintf(where, sizeof(where), "participants[%zu].", i);
	if (shape_check(participant, PARTICIPANT, countof(PARTICIPANT), where, err) != HERALD_OK)
		return NULL;
	const char *raw = shape_text(identifier, "rawId");
	const char *user = shape_text(json_object_get(identifier, "communicationUser"), "id");
	if (raw[0] && user[0] && strcmp(raw, user) != 0) {
		herald_fail(err, HERALD_INVALID,
			    "%scommunicationIdentifier: rawId and communicationUser.id differ", where);
		return NULL;
	}
	if (raw[0] == '\0' && user[0] == '\0') {
		herald_fail(err, HERALD_INVALID,
			    "%scommunicationIdentifier: needs rawId or communicationUser.id", where);
		return NULL;
	}
	return raw[0] ? raw : user;
}

static enum herald_code check_participants(const json_t *participants, struct herald_error *err)
{
	for (size_t i = 0; i < json_array_size(participants); i++)
		if (!participant_id(json_array_get(participants, i), i, err))
			return HERALD_INVALID;
	return HERALD_OK;
}

/* Adds who can be added; returns those who cannot, as the service lists them.  The caller owns the list. */
static json_t *add_participants(struct sandbox *sandbox, struct thread *thread, const json_t *participants)
{
	json_t *invalid = json_array();
	struct herald_error err;

	for (size_t i = 0; i < json_array_size(participants); i++) {
		const char *user = participant_id(json_array_get(participants, i), i, &err);
		CHECK(user);
		if (strncmp(user, "8:acs:", 6) != 0)
			json_array_append_new(
				invalid, json_pack("{s:s, s:s, s:s}", "target", user, "code", "404",
						   "message", "Not found: an ACS user begins with 8:acs:"));
		else if (fault_rejects(&sandbox->faults.service[SERVICE_CHAT], user))
			json_array_append_new(invalid,
					      json_pack("{s:s, s:s, s:s}", "target", user, "code", "403",
							"message", "Permissions check failed"));
		else if (!thread_has(thread, user))
			herald_addf(&thread->participants, "%s\n", user);
	}
	return invalid;
}

static void threads_post(struct sandbox *sandbox, struct exchange *exchange, const char *user)
{
	struct herald_error err;
	const char *request = exchange->header(exchange, "repeatability-request-id");
	struct thread *thread = request ? map_get_text(sandbox->threads->by_request, request) : NULL;

	if (request && !shape_is_uuid(request)) {
		exchange_refuse(exchange, 400, "BadRequest", "repeatability-request-id is no UUID");
		return;
	}
	if (thread) {
		herald_add_bytes(&exchange->answer, thread->answer.data, thread->answer.size);
		exchange_answer(exchange, 201);
		return;
	}
	json_t *body = exchange_json(exchange);
	if (!body)
		return;
	const json_t *participants = json_object_get(body, "participants");
	if (shape_check(body, THREAD, countof(THREAD), "", &err) != HERALD_OK ||
	    check_participants(participants, &err) != HERALD_OK) {
		exchange_refuse(exchange, 400, "BadRequest", "%s", err.text);
		json_decref(body);
		return;
	}
	thread = threads_add(sandbox, exchange, request ? request : "", user);
	json_t *invalid = add_participants(sandbox, thread, participants);
	json_t *answer = json_pack("{s:{s:s, s:s, s:s, s:{s:s, s:s, s:{s:s}}}}", "chatThread", "id",
				   thread->id, "topic", shape_text(body, "topic"), "createdOn",
				   thread->created_on, "createdByCommunicationIdentifier", "kind",
				   "communicationUser", "rawId", user, "communicationUser", "id", user);
	if (json_array_size(invalid) > 0)
		json_object_set(answer, "invalidParticipants", invalid);
	json_decref(invalid);
	json_write(answer, &thread->answer);
	exchange->location =
		arena_printf(exchange->arena, "%s/chat/threads/%s", sandbox->http_base, thread->id);
	exchange_answer_json(exchange, 201, answer);
	json_decref(body);
}

static void participants_add(struct sandbox *sandbox, struct exchange *exchange, struct thread *thread)
{
	struct herald_error err;

	json_t *body = exchange_json(exchange);
	if (!body)
		return;
	const json_t *participants = json_object_get(body, "participants");
	if (shape_check(body, ADD, countof(ADD), "", &err) != HERALD_OK ||
	    check_participants(participants, &err) != HERALD_OK) {
		exchange_refuse(exchange, 400, "BadRequest", "%s", err.text);
	} else {
		json_t *invalid = add_participants(sandbox, thread, participants);
		exchange_answer_json(exchange, 201,
				     json_array_size(invalid) > 0
					     ? json_pack("{s:O}", "invalidParticipants", invalid)
					     : json_object());
		json_decref(invalid);
	}
	json_decref(body);
}

static enum herald_code check_message(const json_t *body, struct herald_error *err)
{
	const char *type = shape_text(body, "type"), *name;
	json_t *value;

	if (shape_check(body, MESSAGE, countof(MESSAGE), "", err) != HERALD_OK)
		return HERALD_INVALID;
	if (type[0] && strcmp(type, "text") != 0 && strcmp(type, "html") != 0)
		return herald_fail(err, HERALD_INVALID, "type: must be text or html");
	json_object_foreach(
		json_object_get(body, "metadata"), name,
		value) if (!json_is_string(value)) return herald_fail(err, HERALD_INVALID,
								      "metadata.%.60s: must be a string",
								      name);
	return HERALD_OK;
}

/* As the service lists it; the caller owns it. */
static json_t *message_item(const struct exchange *exchange, const json_t *body, const char *id,
			    const char *user)
{
	char created_on[CLOCK_TEXT_SIZE];
	const char *type = shape_text(body, "type");

	clock_text(exchange->now_ms, created_on);
	json_t *item = json_pack("{s:s, s:s, s:s, s:s, s:{s:s}, s:s, s:s, s:{s:s, s:s, s:{s:s}}}", "id", id,
				 "type", type[0] ? type : "text", "sequenceId", id, "version", id, "content",
				 "message", shape_text(body, "content"), "senderDisplayName",
				 shape_text(body, "senderDisplayName"), "createdOn", created_on,
				 "senderCommunicationIdentifier", "kind", "communicationUser", "rawId", user,
				 "communicationUser", "id", user);
	if (json_object_get(body, "metadata"))
		json_object_set(item, "metadata", json_object_get(body, "metadata"));
	return item;
}

static void messages_post(struct sandbox *sandbox, struct exchange *exchange, const struct thread *thread,
			  const char *user)
{
	char delivery[MARKER_TEXT_SIZE], marker[MARKER_TEXT_SIZE], id[24];
	struct herald_builder extra;
	struct herald_error err;

	json_t *body = exchange_json(exchange);
	if (!body)
		return;
	if (check_message(body, &err) != HERALD_OK) {
		exchange_refuse(exchange, 400, "BadRequest", "%s", err.text);
	} else if (fault_rejects(&sandbox->faults.service[SERVICE_CHAT],
				 thread_others(thread, exchange->arena))) {
		exchange_refuse(exchange, 403, "Forbidden", "%.100s cannot be written to",
				thread_others(thread, exchange->arena));
	} else if (strlen(shape_text(body, "content")) > CONTENT_BYTES_MAX) {
		exchange_refuse(exchange, 413, "MessageSizeTooBig", "content: more than 28 KB");
	} else {
		snprintf(id, sizeof(id), "%lld", (long long)sandbox_number(sandbox, exchange->now_ms));
		marker_find(exchange->body.data, exchange->body.size, delivery, marker);
		herald_builder_init(&extra, 4 * LEDGER_TEXT_BYTES);
		json_t *item = message_item(exchange, body, id, user);
		json_write(item, &extra);
		json_decref(item);
		ledger_arrived(sandbox->ledger,
			       &(struct arrival){.service = SERVICE_CHAT,
						 .request = exchange->number,
						 .to = thread_others(thread, exchange->arena),
						 .from = user,
						 .place = thread->id,
						 .text = shape_text(body, "content"),
						 .id = id,
						 .delivery = delivery,
						 .marker = marker,
						 .extra = extra.code == HERALD_OK ? extra.data : NULL},
			       exchange->now_ms);
		herald_builder_done(&extra);
		exchange->location = arena_printf(exchange->arena, "%s/chat/threads/%s/messages/%s",
						  sandbox->http_base, thread->id, id);
		exchange_answer_json(exchange, 201, json_pack("{s:s}", "id", id));
	}
	json_decref(body);
}

static void messages_get(struct sandbox *sandbox, struct exchange *exchange, const struct thread *thread)
{
	struct ledger_filter filter = {
		.channel = "chat", .to = "", .place = thread->id, .since = 0, .limit = 200};

	herald_add(&exchange->answer, "{\"value\":");
	ledger_show_extras(sandbox->ledger, &filter, &exchange->answer);
	herald_add(&exchange->answer, "}");
	exchange_answer(exchange, 200);
}

static void in_thread(struct sandbox *sandbox, struct exchange *exchange, const char *user)
{
	static const char *const MESSAGES[] = {"chat", "threads", "*", "messages", NULL};
	static const char *const ADD_PARTICIPANTS[] = {"chat", "threads", "*", "participants", ":add", NULL};
	struct thread *thread = map_get_text(sandbox->threads->by_id, exchange->segment[2]);

	if (!thread)
		exchange_refuse(exchange, 404, "NotFound",
				"no thread %.60s was created here (since the sandbox started)",
				exchange->segment[2]);
	else if (!thread_has(thread, user))
		exchange_refuse(exchange, 403, "Forbidden", "%.100s does not take part in the thread", user);
	else if (exchange_is(exchange, "POST", MESSAGES))
		messages_post(sandbox, exchange, thread, user);
	else if (exchange_is(exchange, "GET", MESSAGES))
		messages_get(sandbox, exchange, thread);
	else if (exchange_is(exchange, "POST", ADD_PARTICIPANTS))
		participants_add(sandbox, exchange, thread);
	else
		exchange_refuse(exchange, 404, "NotFound",
				"the sandbox knows POST and GET .../messages and POST .../participants/:add");
}

void chat_handle(struct sandbox *sandbox, struct exchange *exchange)
{
	static const char *const THREADS[] = {"chat", "threads", NULL};
	struct herald_error err;
	char user[TOKEN_SUBJECT_SIZE];

	if (token_check(exchange->header(exchange, "Authorization"), "chat", sandbox->faults.generation,
			exchange->now_ms, sandbox->process_key, sizeof(sandbox->process_key), user,
			&err) != HERALD_OK)
		exchange_refuse(exchange, 401, "Unauthorized", "%s", err.text);
	else if (exchange_query(exchange, "api-version")[0] == '\0')
		exchange_refuse(exchange, 400, "MissingApiVersion",
				"the query parameter api-version is missing");
	else if (exchange_is(exchange, "POST", THREADS))
		threads_post(sandbox, exchange, user);
	else if (exchange->segment_count > 2)
		in_thread(sandbox, exchange, user);
	else
		exchange_refuse(exchange, 404, "NotFound", "the sandbox knows POST /chat/threads");
}

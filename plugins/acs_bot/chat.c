/* chat.c - writing to an ACS user who has never written to the bot: the connector has no way in, so the bot's
 *own ACS user opens a chat thread and writes there.
 *
 *	token (if the cached one is stale) -> thread (if none is remembered) -> look (on a repeated attempt)
 *-> message
 *
 * Invariants: one thread for a person, whatever crashes, because its creation carries a constant
 *repeatability id and the thread is remembered before the message goes; and the user token goes to the
 *configured endpoint only.  Each answer decides the next request from the job alone, so nothing is kept
 *between them. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "acs_bot/bot.h"

enum {
	RENEW_EARLY_MS = 5 * 60 * 1000,
	TOKEN_LIFE_UNKNOWN_MS = 10 * 60 * 1000,
	LOOK_BACK_MS = 5 * 60 * 1000, /* clocks differ */
	LOOK_MESSAGES = 10,
};

/* --- requests --- */

static enum herald_sent post_token(struct bot *bot, const struct herald_job *job, uint32_t again,
				   struct herald_outcome *outcome)
{
	static const char body[] = "{\"scopes\":[\"chat\"]}";
	struct herald_field headers[ACS_SIGNED_HEADERS];
	struct acs_signature signature;
	struct herald_error err = {0};
	struct herald_builder url;
	struct herald_http_request request = {
		.struct_size = sizeof(request),
		.method = "POST",
		.headers = headers,
		.header_count = ACS_SIGNED_HEADERS,
		.body = {body, sizeof(body) - 1},
		.timeout = bot->config->timeout,
		.stage = STAGE_TOKEN | again,
		.flags = HERALD_HTTP_PREPARES,
	};

	herald_builder_init(&url, URL_BYTES_MAX);
	herald_add(&url, bot->account.endpoint.base);
	size_t path = url.size;
	herald_add(&url, "/identities/");
	herald_add_percent(&url, bot->config->acs_bot_user);
	herald_addf(&url, "/:issueAccessToken?api-version=%s", bot->config->identity_api_version);
	request.url = url.data;
	enum herald_code code = url.code == HERALD_OK ? HERALD_OK : HERALD_BUSY;
	/* Far below every limit: what fails here is out of memory, and passes. */
	if (code == HERALD_OK && acs_sign(&bot->account, "POST", url.data + path, request.body,
					  bot->host->now_ms(), &signature, headers, &err) != HERALD_OK)
		code = HERALD_BUSY;
	enum herald_sent sent =
		code == HERALD_OK ? bot_post(bot, job, &request, outcome) : bot_give_up(code, &err, outcome);
	herald_builder_done(&url);
	return sent;
}

/* Any request of the Chat API: what differs is method, address, stage, body and one header. */
struct chat_call {
	const char *method;
	uint32_t stage;
	struct herald_builder url, body;
	const char *repeatability_id; /* NULL: none */
};

static void call_init(struct chat_call *call, const struct bot *bot, const char *method, uint32_t stage)
{
	*call = (struct chat_call){.method = method, .stage = stage};
	herald_builder_init(&call->url, URL_BYTES_MAX);
	herald_builder_init(&call->body, BODY_BYTES_MAX);
	herald_add(&call->url, bot->account.endpoint.base);
}

static enum herald_sent call_post(struct chat_call *call, struct bot *bot, const struct herald_job *job,
				  struct herald_outcome *outcome)
{
	char bearer[CHAT_TOKEN_BYTES_MAX + 16];
	struct herald_field headers[3] = {{"Authorization", bearer}, {"Content-Type", "application/json"}};
	struct herald_error err = {0};
	struct herald_http_request request = {
		.struct_size = sizeof(request),
		.method = call->method,
		.url = call->url.data,
		.headers = headers,
		.header_count = 2,
		.timeout = bot->config->timeout,
		.stage = call->stage,
		.flags = stage_prepares(stage_of(call->stage)) ? HERALD_HTTP_PREPARES : 0,
	};

	snprintf(bearer, sizeof(bearer), "Bearer %s", bot->chat_token);
	if (call->repeatability_id)
		headers[request.header_count++] =
			(struct herald_field){"repeatability-request-id", call->repeatability_id};
	enum herald_code code = herald_builder_text(&call->body, &request.body, &err);
	enum herald_sent sent =
		code == HERALD_OK ? bot_post(bot, job, &request, outcome) : bot_give_up(code, &err, outcome);
	explicit_bzero(bearer, sizeof(bearer));
	herald_builder_done(&call->body);
	herald_builder_done(&call->url);
	return sent;
}

/* gone: the thread that was remembered and is no more; "": there was none. */
static enum herald_sent post_thread(struct bot *bot, const struct herald_job *job, const char *gone,
				    uint32_t again, struct herald_outcome *outcome)
{
	char id[HERALD_UUID_CHARS + 1];
	struct chat_call call;

	thread_repeatability(bot->config->acs_bot_user, job->message->address, gone, id);
	call_init(&call, bot, "POST", STAGE_THREAD | again);
	herald_addf(&call.url, "/chat/threads?api-version=%s", bot->config->chat_api_version);
	body_thread(bot->config->topic, job->message->address, &call.body);
	call.repeatability_id = id;
	return call_post(&call, bot, job, outcome);
}

static enum herald_sent post_look(struct bot *bot, const struct herald_job *job, const char *thread,
				  uint32_t again, struct herald_outcome *outcome)
{
	char since[32];
	struct chat_call call;

	rfc3339_write(job->message->first_attempt_at_ms - LOOK_BACK_MS, since);
	call_init(&call, bot, "GET", STAGE_LOOK | again);
	herald_add(&call.url, "/chat/threads/");
	herald_add_percent(&call.url, thread);
	herald_addf(&call.url, "/messages?maxPageSize=%d&startTime=", LOOK_MESSAGES);
	herald_add_percent(&call.url, since);
	herald_addf(&call.url, "&api-version=%s", bot->config->chat_api_version);
	return call_post(&call, bot, job, outcome);
}

static enum herald_sent post_message(struct bot *bot, const struct herald_job *job, const char *thread,
				     uint32_t again, struct herald_outcome *outcome)
{
	struct herald_text text = job->message->text;
	struct chat_call call;

	if (text.size == 0)
		text = (struct herald_text){job->message->subject, strlen(job->message->subject)};
	call_init(&call, bot, "POST", STAGE_MESSAGE | again);
	herald_add(&call.url, "/chat/threads/");
	herald_add_percent(&call.url, thread);
	herald_addf(&call.url, "/messages?api-version=%s", bot->config->chat_api_version);
	body_chat_message(job->message, text, bot->config->sender_name, &call.body);
	return call_post(&call, bot, job, outcome);
}

/* --- the way --- */

/* The thread to write to: remembered, or the address itself.  False: it has to be created. */
static bool find_thread(const struct herald_message *message, char ret_thread[ADDRESS_CHARS_MAX + 1])
{
	struct bot_memory memory;

	if (bot_memory_read(message->memory, &memory))
		snprintf(ret_thread, ADDRESS_CHARS_MAX + 1, "%s", memory.conversation);
	else if (address_kind(message->address) == ADDRESS_THREAD)
		snprintf(ret_thread, ADDRESS_CHARS_MAX + 1, "%s", message->address);
	else
		return false;
	return true;
}

/* There is a token: what comes next for this job? */
static enum herald_sent go_on(struct bot *bot, const struct herald_job *job, uint32_t again,
			      struct herald_outcome *outcome)
{
	char thread[ADDRESS_CHARS_MAX + 1];

	if (!find_thread(job->message, thread))
		return post_thread(bot, job, "", again, outcome);
	if (job->message->attempt > 1)
		return post_look(bot, job, thread, again, outcome);
	return post_message(bot, job, thread, again, outcome);
}

enum herald_sent chat_send(struct bot *bot, const struct herald_job *job, struct herald_outcome *outcome)
{
	const struct herald_message *message = job->message;
	uint64_t size = message->text.size > 0 ? message->text.size : strlen(message->subject);
	struct herald_error err = {0};

	/* A user can't send cards here; text_max is the limit of the service. */
	if (size == 0 || size > bot->config->text_max.bytes) {
		enum herald_code code = size == 0 ? HERALD_INVALID : HERALD_LIMIT;
		herald_fail(&err, code,
			    size == 0 ? "the message has no text" : "%" PRIu64 " bytes, more than text_max",
			    size);
		return bot_give_up(code, &err, outcome);
	}
	if (bot->chat_token[0] == '\0' || bot->host->now_ms() > bot->chat_token_until_ms - RENEW_EARLY_MS)
		return post_token(bot, job, 0, outcome);
	return go_on(bot, job, 0, outcome);
}

/* A token goes into a header as it is: printable ASCII without blanks, or none at all. */
static bool is_token(const char *text)
{
	size_t size = strlen(text);

	for (size_t i = 0; i < size; i++)
		if (text[i] <= ' ' || text[i] > '~')
			return false;
	return size > 0 && size <= CHAT_TOKEN_BYTES_MAX;
}

static enum herald_sent step_token(struct bot *bot, const struct herald_job *job,
				   const struct herald_http_reply *reply, struct herald_outcome *outcome)
{
	json_t *json = acs_json_read(reply->body);
	const char *token = acs_json_string(json, "token");
	bool is_usable = is_token(token);

	if (is_usable) {
		int64_t until_ms = rfc3339_read(acs_json_string(json, "expiresOn"));
		snprintf(bot->chat_token, sizeof(bot->chat_token), "%s", token);
		bot->chat_token_until_ms =
			until_ms > 0 ? until_ms : bot->host->now_ms() + TOKEN_LIFE_UNKNOWN_MS;
		bot->values[METER_TOKENS]++;
	}
	json_decref(json);
	/* However soon it ends, this job uses it: asking again at once would never end. */
	return is_usable ? go_on(bot, job, reply->stage & STAGE_AGAIN, outcome) : HERALD_NOW;
}

static enum herald_sent step_thread(struct bot *bot, const struct herald_job *job,
				    const struct herald_http_reply *reply, struct herald_outcome *outcome)
{
	json_t *json = acs_json_read(reply->body);
	const json_t *refused = json_array_get(json_object_get(json, "invalidParticipants"), 0);
	const char *id = acs_json_string(json_object_get(json, "chatThread"), "id");
	struct herald_error err = {0};
	struct bot_memory memory = {0};
	enum herald_sent sent = HERALD_NOW;

	if (refused) {
		/* The thread exists, but without the person. */
		acs_outcome_set(outcome, HERALD_UNREACHABLE, "5.1.1",
				"ACS Chat refuses this user: %.60s %.100s", acs_json_string(refused, "code"),
				acs_json_string(refused, "message"));
	} else if (id[0] != '\0' && strlen(id) <= ADDRESS_CHARS_MAX) {
		snprintf(memory.conversation, sizeof(memory.conversation), "%s", id);
		bot->values[METER_THREADS]++;
		enum herald_code code = bot_remember(bot, job, &memory, &err);
		sent = code == HERALD_OK ? post_message(bot, job, memory.conversation,
							(reply->stage & STAGE_AGAIN) | STAGE_FRESH, outcome)
					 : bot_give_up(code, &err, outcome);
	}
	json_decref(json);
	return sent;
}

/* Is the message of an earlier attempt there?  Then it has arrived, and its name is copied.  Long messages
 * may leave only the beginning of the list, which is no JSON any more, but has the newest first. */
static bool find_message(const struct herald_http_reply *reply, const char *delivery_id,
			 struct herald_outcome *outcome)
{
	static const char words[] = "an earlier attempt had arrived in the thread";
	json_t *json = acs_json_read(reply->body), *item;
	bool is_there = false;
	size_t at;

	json_array_foreach(json_object_get(json, "value"), at, item)
	{
		const char *id = acs_json_string(json_object_get(item, "metadata"), "deliveryId");
		if (!is_there && strcmp(id, delivery_id) == 0) {
			acs_outcome_sent(outcome, acs_json_string(item, "id"), words);
			is_there = true;
		}
	}
	if (!json && memmem(reply->body.data, reply->body.size, delivery_id, strlen(delivery_id))) {
		acs_outcome_sent(outcome, "", words);
		is_there = true;
	}
	json_decref(json);
	return is_there;
}

static enum herald_sent step_look(struct bot *bot, const struct herald_job *job,
				  const struct herald_http_reply *reply, struct herald_outcome *outcome)
{
	char thread[ADDRESS_CHARS_MAX + 1];

	if (find_message(reply, job->message->delivery_id, outcome)) {
		bot->values[METER_REPEATS]++;
		return HERALD_NOW;
	}
	if (!find_thread(job->message, thread))
		return HERALD_NOW;
	return post_message(bot, job, thread, reply->stage & STAGE_AGAIN, outcome);
}

/* The thread is no more.  A person gets a new one; if the thread itself is the address, the address is dead.
 */
static enum herald_sent step_gone(struct bot *bot, const struct herald_job *job,
				  const struct herald_http_reply *reply, struct herald_outcome *outcome)
{
	char thread[ADDRESS_CHARS_MAX + 1];

	if (address_kind(job->message->address) != ADDRESS_ACS_USER)
		return HERALD_NOW;
	if (!(reply->stage & STAGE_FRESH) && find_thread(job->message, thread))
		return post_thread(bot, job, thread, reply->stage & STAGE_AGAIN, outcome);
	acs_outcome_set(outcome, HERALD_DEFERRED, "4.3.0",
			"ACS Chat does not know the thread that it has just created");
	return HERALD_NOW;
}

enum herald_sent chat_step(struct bot *bot, const struct herald_job *job,
			   const struct herald_http_reply *reply, struct herald_outcome *outcome)
{
	bool is_answered = reply->failure == HERALD_HTTP_ANSWERED;
	enum bot_stage stage = stage_of(reply->stage);

	/* Revoked or expired early: once more with a new token.  Identity's own 401 is about the key. */
	if (is_answered && reply->status == 401 && stage != STAGE_TOKEN && !(reply->stage & STAGE_AGAIN)) {
		bot->chat_token[0] = '\0';
		return post_token(bot, job, STAGE_AGAIN, outcome);
	}
	if (is_answered && reply->status == 404 && (stage == STAGE_LOOK || stage == STAGE_MESSAGE))
		return step_gone(bot, job, reply, outcome);
	if (!is_answered || reply->status < 200 || reply->status > 299)
		return HERALD_NOW;
	switch (stage) {
	case STAGE_TOKEN:
		return step_token(bot, job, reply, outcome);
	case STAGE_THREAD:
		return step_thread(bot, job, reply, outcome);
	case STAGE_LOOK:
		return step_look(bot, job, reply, outcome);
	case STAGE_MESSAGE:
	case STAGE_CONVERSATION:
	case STAGE_ACTIVITY:
		break;
	}
	return HERALD_NOW;
}

/* connector.c - the Bot Framework connector: create the conversation once, remember it, post the activity.
 *
 * Invariant: the bot's token goes only where acs_url_parse has read the address, and the host checks that
 * against the channel's token_hosts; and what creates a conversation can never make the message arrive. */
#include <stdio.h>
#include <string.h>

#include "acs_bot/bot.h"

static const struct herald_field json_headers[] = {{"Content-Type", "application/json; charset=utf-8"}};

static enum herald_sent post_json(struct bot *bot, const struct herald_job *job,
				  const struct herald_builder *url, enum bot_stage stage,
				  const struct herald_builder *body, struct herald_outcome *outcome)
{
	struct herald_http_request request = {
		.struct_size = sizeof(request),
		.method = "POST",
		.url = url->data,
		.headers = json_headers,
		.header_count = 1,
		.timeout = bot->config->timeout,
		.token = &bot->token,
		.stage = stage,
		.flags = stage_prepares(stage) ? HERALD_HTTP_PREPARES : 0,
	};
	struct herald_error err = {0};
	struct herald_text all;

	/* Both are bounded far below their builders: what does not fit is out of memory, and passes. */
	if (herald_builder_text(url, &all, &err) != HERALD_OK ||
	    herald_builder_text(body, &request.body, &err) != HERALD_OK)
		return bot_give_up(HERALD_BUSY, &err, outcome);
	return bot_post(bot, job, &request, outcome);
}

static enum herald_sent post_conversation(struct bot *bot, const struct herald_job *job,
					  struct herald_outcome *outcome)
{
	struct herald_builder body, url;

	herald_builder_init(&url, URL_BYTES_MAX);
	herald_addf(&url, "%s/v3/conversations", bot->service.base);
	herald_builder_init(&body, BODY_BYTES_MAX);
	body_conversation(bot->bot_id, job->message->address, bot->config->tenant_id, &body);
	enum herald_sent sent = post_json(bot, job, &url, STAGE_CONVERSATION, &body, outcome);
	herald_builder_done(&body);
	herald_builder_done(&url);
	return sent;
}

static enum herald_sent post_activity(struct bot *bot, const struct herald_job *job,
				      const struct acs_url *service, const char *conversation,
				      struct herald_outcome *outcome)
{
	const struct herald_message *message = job->message;
	enum address_kind kind = address_kind(message->address);
	bool is_acs = kind == ADDRESS_ACS_USER || address_is_acs_thread(conversation);
	bool is_person = kind == ADDRESS_TEAMS_USER || kind == ADDRESS_ACS_USER;
	struct bot_activity activity = {
		.bot_id = is_acs && bot->config->acs_bot_user[0] != '\0' ? bot->config->acs_bot_user
									 : bot->bot_id,
		.conversation = conversation,
		.recipient = is_person ? message->address : "",
		.is_acs = is_acs,
		.message = message,
	};
	struct herald_error err = {0};
	struct herald_builder body, url;

	if (!bot_words_choose(message, bot->config->text_max.bytes, &activity.words, &err))
		return bot_give_up((enum herald_code)err.code, &err, outcome);
	herald_builder_init(&url, URL_BYTES_MAX);
	herald_addf(&url, "%s/v3/conversations/", service->base);
	herald_add_percent(&url, conversation);
	herald_add(&url, "/activities");
	herald_builder_init(&body, BODY_BYTES_MAX);
	body_activity(&activity, &body);
	enum herald_sent sent = post_json(bot, job, &url, STAGE_ACTIVITY, &body, outcome);
	herald_builder_done(&body);
	herald_builder_done(&url);
	return sent;
}

enum herald_sent connector_send(struct bot *bot, const struct herald_job *job,
				const struct bot_memory *memory, struct herald_outcome *outcome)
{
	struct acs_url service = bot->service;
	struct bot_words words;
	struct herald_error err = {0};

	/* Before a conversation is created for a message that can't be sent. */
	if (!bot_words_choose(job->message, bot->config->text_max.bytes, &words, &err))
		return bot_give_up((enum herald_code)err.code, &err, outcome);
	if (!memory) {
		enum address_kind kind = address_kind(job->message->address);
		if (kind == ADDRESS_TEAMS_USER)
			return post_conversation(bot, job, outcome);
		return post_activity(bot, job, &service, job->message->address, outcome);
	}
	if (memory->service_url[0] != '\0' &&
	    acs_url_parse(memory->service_url, ACS_URL_WITH_PATH, &service, &err) != HERALD_OK) {
		acs_outcome_set(outcome, HERALD_REJECTED, "5.7.1", "the remembered serviceUrl is refused: %s",
				err.text);
		return HERALD_NOW;
	}
	enum herald_sent sent = post_activity(bot, job, &service, memory->conversation, outcome);
	/* One address with a strange service must not stop the channel for the others. */
	if (sent == HERALD_NOW && outcome->verdict == HERALD_MISCONFIGURED &&
	    memory->service_url[0] != '\0' && strcmp(service.base, bot->service.base) != 0)
		acs_outcome_set(outcome, HERALD_REJECTED, "5.7.1",
				"the remembered serviceUrl is not among token_hosts");
	return sent;
}

/* The conversation that was created; false: the answer has none that could be used. */
static bool read_created(const struct bot *bot, const struct herald_http_reply *reply,
			 struct acs_url *ret_service, struct bot_memory *ret_memory)
{
	json_t *json = acs_json_read(reply->body);
	const char *id = acs_json_string(json, "id"), *url = acs_json_string(json, "serviceUrl");
	bool is_usable = id[0] != '\0' && strlen(id) <= ADDRESS_CHARS_MAX;

	*ret_memory = (struct bot_memory){0};
	*ret_service = bot->service;
	if (is_usable) {
		if (url[0] != '\0' && acs_url_parse(url, ACS_URL_WITH_PATH, ret_service, NULL) != HERALD_OK)
			*ret_service = bot->service;
		snprintf(ret_memory->conversation, sizeof(ret_memory->conversation), "%s", id);
		snprintf(ret_memory->service_url, sizeof(ret_memory->service_url), "%.511s",
			 ret_service->base);
	}
	json_decref(json);
	return is_usable;
}

enum herald_sent connector_step(struct bot *bot, const struct herald_job *job,
				const struct herald_http_reply *reply, struct herald_outcome *outcome)
{
	bool is_success =
		reply->failure == HERALD_HTTP_ANSWERED && reply->status >= 200 && reply->status < 300;
	struct herald_error err = {0};
	struct bot_memory memory;
	struct acs_url service;

	if (!is_success || stage_of(reply->stage) == STAGE_ACTIVITY) {
		bot_verdict_limit(reply, job->message->attempt, outcome);
		return HERALD_NOW;
	}
	if (!read_created(bot, reply, &service, &memory))
		return HERALD_NOW;
	bot->values[METER_CONVERSATIONS]++;
	enum herald_code code = bot_remember(bot, job, &memory, &err);
	if (code != HERALD_OK)
		return bot_give_up(code, &err, outcome);
	return post_activity(bot, job, &service, memory.conversation, outcome);
}

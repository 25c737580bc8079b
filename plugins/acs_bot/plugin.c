/* plugin.c - the acs_bot channel: proactive messages through the Bot Framework connector (Teams, and ACS
 * conversations that people began), and through the ACS Chat API to ACS users who never wrote to the bot.
 *
 * This file reads the settings and chooses the way; connector.c and chat.c go it, the rooms beside them
 * decide. Invariant: which way is taken follows from address, memory and settings alone, so every attempt of
 * a delivery takes the same one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acs_bot/bot.h"

static const struct herald_option options[] = {
	HERALD_OPTION(struct config, app_id, 0, "",
		      "The bot's application (client) id; empty: no connector, ACS Chat only."),
	HERALD_OPTION(struct config, app_secret, 0, "", "The application's client secret."),
	HERALD_OPTION(
		struct config, tenant_id, 0, "",
		"The tenant whose people are written to; a single-tenant bot's tokens come from there, too."),
	HERALD_OPTION(struct config, tenancy, 0, "single",
		      "Whether the bot is registered for its own tenant, or for several (an older kind).",
		      .one_of = "single|multi"),
	HERALD_OPTION(struct config, login_url, 0, "https://login.microsoftonline.com",
		      "Where tokens are fetched; for US Gov https://login.microsoftonline.us."),
	HERALD_OPTION(struct config, token_scope, 0, "https://api.botframework.com/.default",
		      "What tokens are for; for US Gov https://api.botframework.us/.default."),
	HERALD_OPTION(struct config, service_url, 0, "https://smba.trafficmanager.net/teams/",
		      "The connector for people whose conversation is not known yet."),
	HERALD_OPTION(struct config, bot_id, 0, "", "The bot's own id in chats; empty: 28: and the app_id."),
	HERALD_OPTION(struct config, acs_connection_string, 0, "",
		      "Connection string of the ACS resource, instead of acs_endpoint and acs_access_key."),
	HERALD_OPTION(struct config, acs_endpoint, 0, "",
		      "Address of the ACS resource for chat threads; empty: no ACS Chat."),
	HERALD_OPTION(struct config, acs_access_key, 0, "",
		      "One of the ACS resource's two access keys (base64)."),
	HERALD_OPTION(struct config, acs_bot_user, 0, "",
		      "The bot's own ACS user, 8:acs:..., who opens threads."),
	HERALD_OPTION(struct config, topic, HERALD_RELOADABLE, "Notifications",
		      "Topic of threads that are opened."),
	HERALD_OPTION(struct config, sender_name, HERALD_RELOADABLE, "",
		      "Name shown beside messages in ACS threads."),
	HERALD_OPTION(struct config, chat_api_version, 0, "2024-03-07", "Version of the ACS Chat API."),
	HERALD_OPTION(struct config, identity_api_version, 0, "2023-10-01",
		      "Version of the ACS Identity API."),
	HERALD_OPTION(struct config, text_max, HERALD_RELOADABLE, "28000",
		      "Longest text or card in bytes; longer texts are rejected, longer cards become text.",
		      .least = "1", .most = "100KiB"),
	HERALD_OPTION(struct config, timeout, HERALD_RELOADABLE, "15s", "How long to wait for each answer.",
		      .least = "1s", .most = "5m"),
};

static const struct herald_meter meters[METERS] = {
	[METER_CONVERSATIONS] = {"bot_conversations_created_total", "Conversations created at the connector.",
				 1},
	[METER_THREADS] = {"bot_threads_created_total", "Chat threads created for ACS users.", 1},
	[METER_TOKENS] = {"bot_chat_tokens_total", "Access tokens issued for the bot's ACS user.", 1},
	[METER_REPEATS] = {"bot_repeats_avoided_total",
			   "Messages found in their thread, so that a repeated attempt sent nothing.", 1},
};

/* --- settings --- */

/* Stands in addresses as it is. */
static bool is_plain(const char *text)
{
	static const char plain[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-";
	size_t size = strlen(text);

	return size > 0 && size < 100 && strspn(text, plain) == size;
}

static enum herald_code open_connector(struct bot *bot, struct herald_error *err)
{
	const struct config *config = bot->config;
	struct acs_url login;

	if (!is_plain(config->app_id))
		return herald_fail(err, HERALD_INVALID,
				   "option 'app_id' must be the application's id, a UUID");
	if (!is_plain(config->tenant_id))
		return herald_fail(
			err, HERALD_INVALID,
			"option 'tenant_id' is needed with app_id: it names whose people are written to");
	if (config->app_secret.value[0] == '\0')
		return herald_fail(err, HERALD_INVALID, "option 'app_secret' is needed with app_id");
	if (acs_url_parse(config->service_url, ACS_URL_WITH_PATH, &bot->service, err) != HERALD_OK)
		return herald_within(err, "option 'service_url': ");
	if (acs_url_parse(config->login_url, ACS_URL_WITH_PATH, &login, err) != HERALD_OK)
		return herald_within(err, "option 'login_url': ");
	if (config->bot_id[0] == '\0')
		snprintf(bot->bot_id, sizeof(bot->bot_id), "28:%s", config->app_id);
	else
		snprintf(bot->bot_id, sizeof(bot->bot_id), "%.400s", config->bot_id);
	snprintf(bot->token_url, sizeof(bot->token_url), "%s/%s/oauth2/v2.0/token", login.base,
		 strcmp(config->tenancy, "multi") == 0 ? "botframework.com" : config->tenant_id);
	bot->token = (struct herald_token){
		.struct_size = sizeof(bot->token),
		.url = bot->token_url,
		.client_id = config->app_id,
		.scope = config->token_scope,
		.client_secret = config->app_secret,
	};
	bot->has_connector = true;
	return HERALD_OK;
}

static enum herald_code open_chat(struct bot *bot, struct herald_error *err)
{
	const struct config *config = bot->config;

	if (config->acs_connection_string.value[0] != '\0' &&
	    (config->acs_endpoint[0] != '\0' || config->acs_access_key.value[0] != '\0'))
		return herald_fail(
			err, HERALD_INVALID,
			"give either acs_connection_string, or acs_endpoint and acs_access_key, not both");
	if (address_kind(config->acs_bot_user) != ADDRESS_ACS_USER)
		return herald_fail(err, HERALD_INVALID,
				   "option 'acs_bot_user' must be the bot's ACS user, 8:acs:...");
	if (!is_plain(config->chat_api_version) || !is_plain(config->identity_api_version))
		return herald_fail(err, HERALD_INVALID, "an api version looks like 2024-03-07");
	if (acs_account_parse(config->acs_connection_string.value, config->acs_endpoint,
			      config->acs_access_key.value, &bot->account, err) != HERALD_OK)
		return herald_within(err, "options 'acs_...': ");
	bot->has_chat = true;
	return HERALD_OK;
}

static void bot_close(void *self)
{
	struct bot *bot = self;

	acs_account_done(&bot->account);
	explicit_bzero(bot->chat_token, sizeof(bot->chat_token));
	free(bot);
}

static enum herald_code bot_open(const struct herald_host *host, struct herald_channel *channel,
				 const void *config, void **ret_self, struct herald_error *err)
{
	struct bot *bot = calloc(1, sizeof(*bot));

	(void)channel;
	if (!bot)
		return herald_fail(err, HERALD_LIMIT, "out of memory");
	bot->host = host;
	bot->config = config;
	bool wants_chat =
		bot->config->acs_endpoint[0] != '\0' || bot->config->acs_connection_string.value[0] != '\0';
	enum herald_code code = HERALD_OK;
	if (bot->config->app_id[0] != '\0')
		code = open_connector(bot, err);
	if (code == HERALD_OK && wants_chat)
		code = open_chat(bot, err);
	if (code == HERALD_OK && !bot->has_connector && !bot->has_chat)
		code = herald_fail(err, HERALD_INVALID,
				   "give app_id (Teams), or acs_connection_string (ACS chat), or both");
	if (code != HERALD_OK) {
		bot_close(bot);
		return code;
	}
	*ret_self = bot;
	return HERALD_OK;
}

/* --- sending --- */

/* By the Chat API?  An ACS user, unless the conversation began at the connector; a thread that is ACS's own,
 * or that nobody but ACS could have. */
static bool goes_by_chat(const struct bot *bot, const struct herald_message *message,
			 const struct bot_memory *memory)
{
	enum address_kind kind = address_kind(message->address);

	if (!bot->has_chat || (memory && memory->service_url[0] != '\0' && bot->has_connector))
		return false;
	if (kind == ADDRESS_ACS_USER)
		return true;
	return kind == ADDRESS_THREAD && (!bot->has_connector || address_is_acs_thread(message->address));
}

static enum herald_sent bot_send(void *self, const struct herald_job *job, struct herald_outcome *outcome)
{
	struct bot *bot = self;
	struct bot_memory memory;
	bool has_memory = bot_memory_read(job->message->memory, &memory);

	if (goes_by_chat(bot, job->message, has_memory ? &memory : NULL))
		return chat_send(bot, job, outcome);
	if (!bot->has_connector || (!has_memory && address_kind(job->message->address) == ADDRESS_ACS_USER)) {
		/* check_address refuses such addresses: the settings have changed since. */
		acs_outcome_set(
			outcome, HERALD_REJECTED, "5.7.1",
			"this channel has no way to this address (app_id for Teams, acs_bot_user for ACS)");
		return HERALD_NOW;
	}
	return connector_send(bot, job, has_memory ? &memory : NULL, outcome);
}

static void bot_classify(void *self, const struct herald_http_reply *reply, struct herald_outcome *outcome)
{
	const struct bot *bot = self;

	bot_verdict(bot->host, reply, outcome);
}

static enum herald_sent bot_step(void *self, const struct herald_job *const *jobs, size_t count,
				 const struct herald_http_reply *reply,
				 struct herald_outcome *const *outcomes)
{
	struct bot *bot = self;

	(void)count; /* every request of ours is for one ticket */
	if (stage_of(reply->stage) <= STAGE_ACTIVITY)
		return connector_step(bot, jobs[0], reply, outcomes[0]);
	return chat_step(bot, jobs[0], reply, outcomes[0]);
}

/* --- addresses --- */

static enum herald_code check_reachable(const struct bot *bot, const char *address, struct herald_error *err)
{
	switch (address_kind(address)) {
	case ADDRESS_OTHER:
		return herald_fail(err, HERALD_INVALID,
				   "not an id of a chat: 29:..., 8:orgid:..., 8:acs:..., a:... or "
				   "19:...@thread...");
	case ADDRESS_ACS_USER:
		if (strcmp(address, bot->config->acs_bot_user) == 0)
			return herald_fail(err, HERALD_INVALID, "this is the bot itself");
		if (!bot->has_chat)
			return herald_fail(err, HERALD_INVALID,
					   "ACS users need the channel's options acs_connection_string and "
					   "acs_bot_user");
		return HERALD_OK;
	case ADDRESS_TEAMS_USER:
	case ADDRESS_CONVERSATION:
		if (!bot->has_connector)
			return herald_fail(err, HERALD_INVALID, "Teams needs the channel's option app_id");
		return HERALD_OK;
	case ADDRESS_THREAD:
		return HERALD_OK;
	}
	return HERALD_BUG;
}

static enum herald_code bot_check_address(void *self, const char *address, char *ret_canonical, size_t size,
					  struct herald_error *err)
{
	enum herald_code code = check_reachable(self, address, err);

	if (code != HERALD_OK)
		return code;
	if (strlen(address) >= size)
		return herald_fail(err, HERALD_LIMIT, "the address is longer than %zu bytes", size);
	memcpy(ret_canonical, address, strlen(address) + 1);
	return HERALD_OK;
}

/* Limits of Teams and ACS are per conversation. */
static void bot_destination(void *self, const char *address, struct herald_text memory, char *ret_name,
			    size_t size)
{
	struct bot_memory known;

	(void)self;
	if (size > 0)
		snprintf(ret_name, size, "%s",
			 bot_memory_read(memory, &known) ? known.conversation : address);
}

static void bot_telemetry(void *self, double *values)
{
	const struct bot *bot = self;

	memcpy(values, bot->values, sizeof(bot->values));
}

static const struct herald_plugin plugin = {
	.struct_size = sizeof(plugin),
	.abi = HERALD_ABI,
	.name = "acs_bot",
	.version = "0.1.0",
	.summary = "Bot chat: Teams through the Bot Framework connector, ACS users through ACS Chat",
	.kind = "bot",
	.options = options,
	.option_count = sizeof(options) / sizeof(options[0]),
	.option_size = sizeof(options[0]),
	.config_size = sizeof(struct config),
	.meters = meters,
	.meter_count = METERS,
	.meter_size = sizeof(meters[0]),
	.open = bot_open,
	.close = bot_close,
	.send = bot_send,
	.classify = bot_classify,
	.step = bot_step,
	.check_address = bot_check_address,
	.destination = bot_destination,
	.telemetry = bot_telemetry,
};

HERALD_EXPORT const struct herald_plugin *herald_channel_v1(void)
{
	return &plugin;
}

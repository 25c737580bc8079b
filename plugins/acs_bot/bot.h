/* bot.h - inside of the plugin acs_bot: its settings, its instance, and the two ways a message can go. */
#ifndef ACS_BOT_BOT_H
#define ACS_BOT_BOT_H

#include "acs/signature.h"
#include "acs/url.h"
#include "acs_bot/address.h"
#include "acs_bot/body.h"
#include "acs_bot/memory.h"
#include "acs_bot/verdict.h"
#include "herald/channel.h"

struct config {
	const char *app_id, *tenant_id, *tenancy, *login_url, *token_scope, *service_url, *bot_id;
	herald_secret app_secret;
	const char *acs_endpoint, *acs_bot_user, *chat_api_version, *identity_api_version, *topic,
		*sender_name;
	herald_secret acs_connection_string, acs_access_key;
	herald_size text_max;
	herald_duration timeout;
};

enum { METER_CONVERSATIONS, METER_THREADS, METER_TOKENS, METER_REPEATS, METERS };
enum { CHAT_TOKEN_BYTES_MAX = 8192, BODY_BYTES_MAX = 1024 * 1024, URL_BYTES_MAX = 4096 };

struct bot {
	const struct herald_host *host;
	const struct config *config;
	double values[METERS];

	/* The connector: Teams, and ACS conversations that began there.  has_connector: app_id was given. */
	bool has_connector;
	struct acs_url service;
	char bot_id[ADDRESS_CHARS_MAX + 1], token_url[1024];
	struct herald_token token;

	/* The Chat API.  has_chat: an ACS resource was given. */
	bool has_chat;
	struct acs_account account;
	char chat_token[CHAT_TOKEN_BYTES_MAX + 1]; /* "": none */
	int64_t chat_token_until_ms;
};

/* post.c.  Hand a request over for this job: LATER, or NOW with *outcome saying why it could not be. */
enum herald_sent bot_post(const struct bot *bot, const struct herald_job *job,
			  const struct herald_http_request *request, struct herald_outcome *outcome);
/* The same for a text that did not fit its builder, a memory that was not kept, ... */
enum herald_sent bot_give_up(enum herald_code code, const struct herald_error *err,
			     struct herald_outcome *outcome);
/* Keep the conversation: OK, or NOT OK with err. */
enum herald_code bot_remember(const struct bot *bot, const struct herald_job *job,
			      const struct bot_memory *memory, struct herald_error *err);

/* connector.c.  memory is NULL when nothing is remembered. */
enum herald_sent connector_send(struct bot *bot, const struct herald_job *job,
				const struct bot_memory *memory, struct herald_outcome *outcome);
enum herald_sent connector_step(struct bot *bot, const struct herald_job *job,
				const struct herald_http_reply *reply, struct herald_outcome *outcome);

/* chat.c */
enum herald_sent chat_send(struct bot *bot, const struct herald_job *job, struct herald_outcome *outcome);
enum herald_sent chat_step(struct bot *bot, const struct herald_job *job,
			   const struct herald_http_reply *reply, struct herald_outcome *outcome);

#endif

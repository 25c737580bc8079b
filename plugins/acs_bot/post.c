/* post.c - what both ways do: hand over, remember, or say why not. */
#include "acs_bot/bot.h"

enum herald_sent bot_give_up(enum herald_code code, const struct herald_error *err,
			     struct herald_outcome *outcome)
{
	outcome->retry_after_ms = 0;
	if (code == HERALD_LIMIT)
		acs_outcome_set(outcome, HERALD_REJECTED, "5.3.4", "too long: %s", err->text);
	else if (code == HERALD_INVALID)
		acs_outcome_set(outcome, HERALD_REJECTED, "5.6.0", "%s", err->text);
	else if (code == HERALD_DENIED)
		acs_outcome_set(outcome, HERALD_MISCONFIGURED, "4.3.5", "refused by the host: %s", err->text);
	else
		acs_outcome_set(outcome, HERALD_DEFERRED, "4.3.0", "not sent: %s", err->text);
	return HERALD_NOW;
}

enum herald_sent bot_post(const struct bot *bot, const struct herald_job *job,
			  const struct herald_http_request *request, struct herald_outcome *outcome)
{
	struct herald_error err = {0};
	enum herald_code code = bot->host->http_send(&job->ticket, 1, request, &err);

	/* CONFLICT too: the ticket is spent, so what is said here changes nothing, but says that we let go.
	 */
	return code == HERALD_OK ? HERALD_LATER : bot_give_up(code, &err, outcome);
}

enum herald_code bot_remember(const struct bot *bot, const struct herald_job *job,
			      const struct bot_memory *memory, struct herald_error *err)
{
	struct herald_builder builder;
	struct herald_text text;

	herald_builder_init(&builder, 2048);
	bot_memory_write(memory, &builder);
	enum herald_code code = herald_builder_text(&builder, &text, err);
	if (code == HERALD_OK)
		code = bot->host->store_address(job->ticket, text, err);
	herald_builder_done(&builder);
	/* Not kept is no fault of the message, whatever the reason. */
	return code == HERALD_OK || code == HERALD_CONFLICT ? code : HERALD_BUSY;
}

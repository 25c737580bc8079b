/* verdict.c - error tables of the connector (the code first, then the status: services use one code with
 * several statuses) and of the ACS APIs.
 *
 * Invariant: an address is called dead only where the service says so of the conversation or the person. */
#include "acs_bot/verdict.h"

#include <string.h>
#include <strings.h>

enum { LATE_MS = 60 * 1000 };

struct row {
	const char *code;
	int status;
	enum herald_verdict verdict;
	const char *enhanced;
};

static const struct row connector_codes[] = {
	{"BotNotRegistered", 0, HERALD_MISCONFIGURED, "4.3.5"},
	{"InvalidBotApiHost", 0, HERALD_MISCONFIGURED, "4.3.5"},
	{"BotNotInConversationRoster", 0, HERALD_UNREACHABLE, "5.1.1"},
	{"ConversationBlockedByUser", 0, HERALD_UNREACHABLE, "5.1.1"},
	{"BotDisabledByAdmin", 0, HERALD_UNREACHABLE, "5.1.1"},
	{"ForbiddenOperationException", 0, HERALD_UNREACHABLE, "5.1.1"},
	{"MessageWritesBlocked", 0, HERALD_UNREACHABLE, "5.1.1"},
	{"ConversationNotFound", 0, HERALD_UNREACHABLE, "5.1.1"},
	{"ActivityNotFoundInConversation", 0, HERALD_UNREACHABLE, "5.1.1"},
	{"NotEnoughPermissions", 0, HERALD_REJECTED, "5.7.1"},
	{"MessageSizeTooBig", 0, HERALD_REJECTED, "5.3.4"},
	{"BadArgument", 0, HERALD_REJECTED, "5.5.4"},
	{"Bad Argument", 0, HERALD_REJECTED, "5.5.4"},
	{"BadSyntax", 0, HERALD_REJECTED, "5.5.4"},
	{"PreconditionFailed", 0, HERALD_DEFERRED, "4.3.0"},
	{"Throttled", 0, HERALD_THROTTLED, "4.7.1"},
};

static const struct row connector_statuses[] = {
	{NULL, 400, HERALD_REJECTED, "5.5.4"},      {NULL, 401, HERALD_MISCONFIGURED, "4.3.5"},
	{NULL, 403, HERALD_REJECTED, "5.7.1"},      {NULL, 404, HERALD_REJECTED, "5.1.0"},
	{NULL, 405, HERALD_MISCONFIGURED, "4.3.5"}, {NULL, 412, HERALD_DEFERRED, "4.3.0"},
	{NULL, 413, HERALD_REJECTED, "5.3.4"},
};

/* The identity is ours and so is the key: whatever is refused there, the set-up is to blame. */
static const struct row token_statuses[] = {
	{NULL, 400, HERALD_MISCONFIGURED, "4.3.5"}, {NULL, 401, HERALD_MISCONFIGURED, "4.3.5"},
	{NULL, 403, HERALD_MISCONFIGURED, "4.3.5"}, {NULL, 404, HERALD_MISCONFIGURED, "4.3.5"},
	{NULL, 405, HERALD_MISCONFIGURED, "4.3.5"},
};

/* 403: not with this person.  404: there is no such service at that address. */
static const struct row thread_statuses[] = {
	{NULL, 400, HERALD_REJECTED, "5.5.4"},      {NULL, 401, HERALD_MISCONFIGURED, "4.3.5"},
	{NULL, 403, HERALD_REJECTED, "5.7.1"},      {NULL, 404, HERALD_MISCONFIGURED, "4.3.5"},
	{NULL, 405, HERALD_MISCONFIGURED, "4.3.5"}, {NULL, 413, HERALD_REJECTED, "5.3.4"},
};

/* 403: the bot is not in the thread any more.  404: the thread is gone. */
static const struct row message_statuses[] = {
	{NULL, 400, HERALD_REJECTED, "5.5.4"},      {NULL, 401, HERALD_MISCONFIGURED, "4.3.5"},
	{NULL, 403, HERALD_UNREACHABLE, "5.1.1"},   {NULL, 404, HERALD_UNREACHABLE, "5.1.1"},
	{NULL, 405, HERALD_MISCONFIGURED, "4.3.5"}, {NULL, 413, HERALD_REJECTED, "5.3.4"},
};

enum bot_stage stage_of(uint32_t stage)
{
	return (enum bot_stage)(stage & 0xFF);
}

bool stage_prepares(enum bot_stage stage)
{
	return stage != STAGE_ACTIVITY && stage != STAGE_MESSAGE;
}

static struct row by_status(const struct row *rows, size_t count, int status)
{
	for (size_t i = 0; i < count; i++)
		if (rows[i].status == status)
			return rows[i];
	if (status == 429)
		return (struct row){NULL, status, HERALD_THROTTLED, "4.7.1"};
	if (status == 408 || status == 425)
		return (struct row){NULL, status, HERALD_DEFERRED, "4.4.2"};
	if (status >= 500)
		return (struct row){NULL, status, HERALD_DEFERRED, "4.3.0"};
	if (status >= 400)
		return (struct row){NULL, status, HERALD_REJECTED, "5.5.0"};
	/* Nobody redirects or informs here: that is not the service we think it is. */
	return (struct row){NULL, status, HERALD_MISCONFIGURED, "4.3.5"};
}

#define BY_STATUS(rows, status) by_status(rows, sizeof(rows) / sizeof((rows)[0]), status)

static struct row connector_row(int status, const struct acs_fault *fault)
{
	for (size_t i = 0; status < 500 && i < sizeof(connector_codes) / sizeof(connector_codes[0]); i++)
		if (strcasecmp(connector_codes[i].code, fault->code) == 0)
			return connector_codes[i];
	return BY_STATUS(connector_statuses, status);
}

static struct row find_row(enum bot_stage stage, int status, const struct acs_fault *fault)
{
	switch (stage) {
	case STAGE_CONVERSATION:
	case STAGE_ACTIVITY:
		return connector_row(status, fault);
	case STAGE_TOKEN:
		return BY_STATUS(token_statuses, status);
	case STAGE_THREAD:
		return BY_STATUS(thread_statuses, status);
	case STAGE_LOOK:
	case STAGE_MESSAGE:
		return BY_STATUS(message_statuses, status);
	}
	return (struct row){NULL, status, HERALD_UNCERTAIN, "4.4.0"};
}

static const char *service_name(enum bot_stage stage)
{
	return stage <= STAGE_ACTIVITY ? "the connector" : stage == STAGE_TOKEN ? "ACS Identity" : "ACS Chat";
}

static void settle_success(enum bot_stage stage, const struct herald_http_reply *reply,
			   struct herald_outcome *outcome)
{
	if (stage_prepares(stage)) {
		/* step reads it and goes on; this stands when what it needs is not in there. */
		acs_outcome_set(outcome, HERALD_DEFERRED, "4.3.0",
				"%s answered %d without what was asked for", service_name(stage),
				reply->status);
		return;
	}
	/* No id is no failure: 202 has none, nor has a message that Teams took apart. */
	json_t *json = acs_json_read(reply->body);
	acs_outcome_sent(outcome, acs_json_string(json, "id"),
			 stage == STAGE_ACTIVITY ? "accepted by the connector" : "accepted by ACS Chat");
	json_decref(json);
}

void bot_verdict(const struct herald_host *host, const struct herald_http_reply *reply,
		 struct herald_outcome *outcome)
{
	enum bot_stage stage = stage_of(reply->stage);
	struct acs_fault fault;

	if (acs_outcome_unanswered(host, reply, stage_prepares(stage), outcome))
		return;
	if (reply->status >= 200 && reply->status < 300) {
		settle_success(stage, reply, outcome);
		return;
	}
	acs_fault_read(reply->body, &fault);
	struct row row = find_row(stage, reply->status, &fault);
	const char *advice = "";
	if (strcasecmp(fault.code, "InvalidBotApiHost") == 0)
		advice = " (another cloud serves this tenant: set service_url to its connector, for GCC "
			 "https://smba.infra.gcc.teams.microsoft.com/gcc)";
	acs_outcome_set(outcome, row.verdict, row.enhanced, "%s answered %d %s: %.100s%s",
			service_name(stage), reply->status, fault.code,
			fault.message[0] != '\0' ? fault.message : "no reason given", advice);
}

void bot_verdict_limit(const struct herald_http_reply *reply, uint32_t attempt,
		       struct herald_outcome *outcome)
{
	enum bot_stage stage = stage_of(reply->stage);

	if (reply->status != 500 || (stage != STAGE_ACTIVITY && stage != STAGE_CONVERSATION))
		return;
	if (attempt > 1) {
		outcome->verdict = HERALD_REJECTED;
		memcpy(outcome->status, "5.3.0", sizeof("5.3.0"));
	} else if (outcome->retry_after_ms < LATE_MS) {
		outcome->retry_after_ms = LATE_MS;
	}
}

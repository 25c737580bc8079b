/* connector.c - the Bot Framework connector as Teams answers it: create a conversation, send an activity.
 *
 * A conversation's id holds the member that it was created for, so creating is idempotent, an arrival can say
 * whom it reached, and a restarted sandbox still knows every conversation. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "sandbox.h"
#include "shape.h"
#include "token.h"

#include "base/check.h"

enum { ACTIVITY_BYTES_MAX = 100 * 1024, MEMBER_BYTES_MAX = 200, ID_SIZE = 3 + 2 * MEMBER_BYTES_MAX + 1 };

static const char PREFIX[] = "a:1";

static const struct shape_field ACCOUNT[] = {
	{.name = "id", .kind = SHAPE_TEXT, .is_required = true, .min = 1, .max = MEMBER_BYTES_MAX},
	{.name = "name", .kind = SHAPE_TEXT},
	{.name = "aadObjectId", .kind = SHAPE_TEXT},
	{.name = "role", .kind = SHAPE_TEXT},
};
static const struct shape_field PARAMETERS[] = {
	{.name = "isGroup", .kind = SHAPE_BOOL},
	{.name = "bot", .kind = SHAPE_OBJECT},
	{.name = "members", .kind = SHAPE_ARRAY, .is_required = true, .min = 1, .max = 1},
	{.name = "tenantId", .kind = SHAPE_TEXT},
	{.name = "topicName", .kind = SHAPE_TEXT},
	{.name = "activity", .kind = SHAPE_OBJECT},
	{.name = "channelData", .kind = SHAPE_OBJECT},
};
static const struct shape_field ACTIVITY[] = {
	{.name = "type", .kind = SHAPE_TEXT, .is_required = true},
	{.name = "id", .kind = SHAPE_TEXT},
	{.name = "timestamp", .kind = SHAPE_TEXT},
	{.name = "localTimestamp", .kind = SHAPE_TEXT},
	{.name = "localTimezone", .kind = SHAPE_TEXT},
	{.name = "serviceUrl", .kind = SHAPE_TEXT},
	{.name = "channelId", .kind = SHAPE_TEXT},
	{.name = "from", .kind = SHAPE_OBJECT},
	{.name = "recipient", .kind = SHAPE_OBJECT},
	{.name = "conversation", .kind = SHAPE_OBJECT},
	{.name = "textFormat", .kind = SHAPE_TEXT},
	{.name = "attachmentLayout", .kind = SHAPE_TEXT},
	{.name = "text", .kind = SHAPE_TEXT},
	{.name = "speak", .kind = SHAPE_TEXT},
	{.name = "inputHint", .kind = SHAPE_TEXT},
	{.name = "summary", .kind = SHAPE_TEXT},
	{.name = "locale", .kind = SHAPE_TEXT},
	{.name = "suggestedActions", .kind = SHAPE_OBJECT},
	{.name = "attachments", .kind = SHAPE_ARRAY, .min = 0, .max = 10},
	{.name = "entities", .kind = SHAPE_ARRAY, .min = 0, .max = 50},
	{.name = "channelData", .kind = SHAPE_OBJECT},
	{.name = "replyToId", .kind = SHAPE_TEXT},
	{.name = "value", .kind = SHAPE_ANY},
	{.name = "name", .kind = SHAPE_TEXT},
	{.name = "importance", .kind = SHAPE_TEXT},
	{.name = "deliveryMode", .kind = SHAPE_TEXT},
	{.name = "expiration", .kind = SHAPE_TEXT},
};
static const struct shape_field ATTACHMENT[] = {
	{.name = "contentType", .kind = SHAPE_TEXT, .is_required = true, .min = 1, .max = 200},
	{.name = "contentUrl", .kind = SHAPE_TEXT},
	{.name = "content", .kind = SHAPE_ANY},
	{.name = "name", .kind = SHAPE_TEXT},
	{.name = "thumbnailUrl", .kind = SHAPE_TEXT},
};

static void conversation_id(const char *member, char ret_id[ID_SIZE])
{
	struct herald_builder id;

	herald_builder_init(&id, ID_SIZE - 1);
	herald_add(&id, PREFIX);
	herald_add_hex(&id, member, strlen(member));
	snprintf(ret_id, ID_SIZE, "%s", id.data);
	herald_builder_done(&id);
}

/* Whose conversation is it?  Its own id where it was not created here. */
static const char *conversation_member(struct exchange *exchange, const char *id)
{
	const char *digits = id + sizeof(PREFIX) - 1;

	if (strncmp(id, PREFIX, sizeof(PREFIX) - 1) != 0 || strlen(digits) % 2 != 0 || digits[0] == '\0' ||
	    strspn(digits, "0123456789abcdef") != strlen(digits))
		return id;
	char *member = arena_alloc(exchange->arena, strlen(digits) / 2 + 1);
	for (size_t i = 0; digits[2 * i]; i++) {
		unsigned byte = 0;
		sscanf(digits + 2 * i, "%2x", &byte);
		if (byte < ' ')
			return id;
		member[i] = (char)byte;
	}
	return member;
}

static enum herald_code check_account(const json_t *account, const char *where, const char *prefix,
				      struct herald_error *err)
{
	if (!account)
		return HERALD_OK;
	if (shape_check(account, ACCOUNT, countof(ACCOUNT), where, err) != HERALD_OK)
		return HERALD_INVALID;
	if (prefix && strncmp(shape_text(account, "id"), prefix, strlen(prefix)) != 0)
		return herald_fail(err, HERALD_INVALID, "%sid: '%.60s' does not begin with '%s'", where,
				   shape_text(account, "id"), prefix);
	return HERALD_OK;
}

/* One to one, as Teams takes it: exactly one member, a tenant, and no group. */
static enum herald_code check_parameters(const json_t *body, struct herald_error *err)
{
	const json_t *member = json_array_get(json_object_get(body, "members"), 0);
	const json_t *tenant = json_object_get(json_object_get(body, "channelData"), "tenant");

	if (shape_check(body, PARAMETERS, countof(PARAMETERS), "", err) != HERALD_OK)
		return HERALD_INVALID;
	if (json_is_true(json_object_get(body, "isGroup")))
		return herald_fail(err, HERALD_INVALID, "isGroup: a bot cannot create a group chat");
	if (shape_text(body, "tenantId")[0] == '\0' && shape_text(tenant, "id")[0] == '\0')
		return herald_fail(err, HERALD_INVALID, "tenantId: is missing");
	if (check_account(json_object_get(body, "bot"), "bot.", "28:", err) != HERALD_OK)
		return HERALD_INVALID;
	if (check_account(member, "members[0].", NULL, err) != HERALD_OK)
		return HERALD_INVALID;
	const char *id = shape_text(member, "id");
	if (strncmp(id, "8:acs:", 6) == 0)
		return herald_fail(
			err, HERALD_INVALID,
			"members[0].id: an ACS user has no conversation here; create a chat thread instead");
	if (strncmp(id, "29:", 3) != 0 && !shape_is_uuid(id))
		return herald_fail(
			err, HERALD_INVALID,
			"members[0].id: '%.60s' is neither a Teams user (29:...) nor an Entra object id", id);
	return HERALD_OK;
}

static void conversations_post(struct sandbox *sandbox, struct exchange *exchange)
{
	struct herald_error err;
	char id[ID_SIZE];

	json_t *body = exchange_json(exchange);
	if (!body)
		return;
	if (check_parameters(body, &err) != HERALD_OK) {
		exchange_refuse(exchange, 400, "BadSyntax", "%s", err.text);
		json_decref(body);
		return;
	}
	const char *member = shape_text(json_array_get(json_object_get(body, "members"), 0), "id");
	if (fault_rejects(&sandbox->faults.service[SERVICE_BOT], member)) {
		exchange_refuse(exchange, 403, "ForbiddenOperationException",
				"the app is not installed for %.60s", member);
	} else {
		conversation_id(member, id);
		exchange_answer_json(exchange, 201, json_pack("{s:s}", "id", id));
	}
	json_decref(body);
}

static enum herald_code check_card(const json_t *content, size_t i, struct herald_error *err)
{
	if (!json_is_object(content) || strcmp(shape_text(content, "type"), "AdaptiveCard") != 0)
		return herald_fail(err, HERALD_INVALID, "attachments[%zu].content.type: must be AdaptiveCard",
				   i);
	if (shape_text(content, "version")[0] == '\0')
		return herald_fail(err, HERALD_INVALID, "attachments[%zu].content.version: is missing", i);
	return HERALD_OK;
}

static enum herald_code check_attachments(const json_t *attachments, struct herald_error *err)
{
	for (size_t i = 0; i < json_array_size(attachments); i++) {
		const json_t *attachment = json_array_get(attachments, i);
		char where[48];

		snprintf(where, sizeof(where), "attachments[%zu].", i);
		if (shape_check(attachment, ATTACHMENT, countof(ATTACHMENT), where, err) != HERALD_OK)
			return HERALD_INVALID;
		if (strcmp(shape_text(attachment, "contentType"),
			   "application/vnd.microsoft.card.adaptive") == 0 &&
		    check_card(json_object_get(attachment, "content"), i, err) != HERALD_OK)
			return HERALD_INVALID;
	}
	return HERALD_OK;
}

static enum herald_code check_activity(const json_t *body, const char *conversation, struct herald_error *err)
{
	const json_t *attachments = json_object_get(body, "attachments");
	const char *type = shape_text(body, "type"), *format = shape_text(body, "textFormat");

	if (shape_check(body, ACTIVITY, countof(ACTIVITY), "", err) != HERALD_OK)
		return HERALD_INVALID;
	if (strcmp(type, "message") != 0 && strcmp(type, "typing") != 0)
		return herald_fail(err, HERALD_INVALID, "type: a bot sends message or typing, not '%.40s'",
				   type);
	if (format[0] && strcmp(format, "plain") != 0 && strcmp(format, "markdown") != 0 &&
	    strcmp(format, "xml") != 0)
		return herald_fail(err, HERALD_INVALID, "textFormat: must be plain, markdown or xml");
	if (strcmp(type, "message") == 0 && shape_text(body, "text")[0] == '\0' &&
	    json_array_size(attachments) == 0)
		return herald_fail(err, HERALD_INVALID, "text: a message needs a text or an attachment");
	const char *named = shape_text(json_object_get(body, "conversation"), "id");
	if (named[0] && strcmp(named, conversation) != 0)
		return herald_fail(err, HERALD_INVALID,
				   "conversation.id: is not the conversation in the path");
	if (check_account(json_object_get(body, "from"), "from.", "28:", err) != HERALD_OK ||
	    check_account(json_object_get(body, "recipient"), "recipient.", NULL, err) != HERALD_OK)
		return HERALD_INVALID;
	return check_attachments(attachments, err);
}

static void deliver(struct sandbox *sandbox, struct exchange *exchange, const json_t *body,
		    const char *conversation)
{
	char delivery[MARKER_TEXT_SIZE], marker[MARKER_TEXT_SIZE], id[24];
	bool is_split =
		shape_text(body, "text")[0] && json_array_size(json_object_get(body, "attachments")) > 0;
	const char *text = shape_text(body, "text");

	if (text[0] == '\0')
		text = shape_text(body, "summary");
	snprintf(id, sizeof(id), "%lld", (long long)sandbox_number(sandbox, exchange->now_ms));
	marker_find(exchange->body.data, exchange->body.size, delivery, marker);
	if (strcmp(shape_text(body, "type"), "message") == 0)
		ledger_arrived(sandbox->ledger,
			       &(struct arrival){.service = SERVICE_BOT,
						 .request = exchange->number,
						 .to = conversation_member(exchange, conversation),
						 .from = shape_text(json_object_get(body, "from"), "id"),
						 .place = conversation,
						 .text = text,
						 .id = id,
						 .delivery = delivery,
						 .marker = marker},
			       exchange->now_ms);
	/* Teams splits a message with both a text and an attachment, and then gives no id. */
	exchange_answer_json(exchange, 201, is_split ? json_object() : json_pack("{s:s}", "id", id));
}

static void activities_post(struct sandbox *sandbox, struct exchange *exchange, const char *conversation)
{
	struct herald_error err;
	const struct fault *fault = &sandbox->faults.service[SERVICE_BOT];
	const char *member = conversation_member(exchange, conversation);

	json_t *body = exchange_json(exchange);
	if (!body)
		return;
	if (strncmp(conversation, "a:", 2) != 0 && strncmp(conversation, "19:", 3) != 0)
		exchange_refuse(exchange, 404, "ConversationNotFound",
				"'%.80s' is no conversation: ids begin with a: or 19:", conversation);
	else if (2 * shape_characters(exchange->body.data) > ACTIVITY_BYTES_MAX)
		exchange_refuse(exchange, 413, "MessageSizeTooBig", "more than %d KiB in UTF-16",
				ACTIVITY_BYTES_MAX / 1024);
	else if (check_activity(body, conversation, &err) != HERALD_OK)
		exchange_refuse(exchange, 400, "BadSyntax", "%s", err.text);
	else if (fault_rejects(fault, member) || fault_rejects(fault, conversation))
		exchange_refuse(exchange, 403, "ConversationBlockedByUser", "%.60s has blocked the bot",
				member);
	else
		deliver(sandbox, exchange, body, conversation);
	json_decref(body);
}

void connector_handle(struct sandbox *sandbox, struct exchange *exchange)
{
	static const char *const CREATE[] = {"v3", "conversations", NULL};
	static const char *const SEND[] = {"v3", "conversations", "*", "activities", NULL};
	static const char *const REPLY[] = {"v3", "conversations", "*", "activities", "*", NULL};
	struct herald_error err;
	char subject[TOKEN_SUBJECT_SIZE];

	/* A service URL may have a path of its own: /teams/, /amer/. */
	if (exchange->segment_count > 0 && strcmp(exchange->segment[0], "v3") != 0) {
		exchange->segment_count--;
		memmove(exchange->segment, exchange->segment + 1,
			exchange->segment_count * sizeof(exchange->segment[0]));
	}
	if (token_check(exchange->header(exchange, "Authorization"), "bot", sandbox->faults.generation,
			exchange->now_ms, sandbox->process_key, sizeof(sandbox->process_key), subject,
			&err) != HERALD_OK)
		exchange_refuse(exchange, 401, "BotNotRegistered", "%s", err.text);
	else if (exchange_is(exchange, "POST", CREATE))
		conversations_post(sandbox, exchange);
	else if (exchange_is(exchange, "POST", SEND) || exchange_is(exchange, "POST", REPLY))
		activities_post(sandbox, exchange, exchange->segment[2]);
	else
		exchange_refuse(exchange, 404, "NotFound",
				"the sandbox's connector knows POST /v3/conversations and POST "
				"/v3/conversations/{id}/activities");
}

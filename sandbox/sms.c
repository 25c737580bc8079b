/* sms.c - ACS SMS: one call, up to a hundred recipients, an answer for each.
 *
 * A (repeatabilityRequestId, repeatabilityFirstSent) pair that was accepted before is accepted again with the
 * same message id and not delivered twice; the same id with another time is rejected, because it cannot be
 * honoured. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "sandbox.h"
#include "shape.h"
#include "signature.h"

#include "base/map.h"
#include "base/check.h"

enum { REPEATS_MAX = 65536, MESSAGE_CHARACTERS_MAX = 2048, RECIPIENTS_MAX = 100, MESSAGE_ID_SIZE = 72 };

static const struct shape_field REQUEST[] = {
	{.name = "from", .kind = SHAPE_TEXT, .is_required = true, .min = 1, .max = 16},
	{.name = "smsRecipients", .kind = SHAPE_ARRAY, .is_required = true, .min = 1, .max = RECIPIENTS_MAX},
	{.name = "message", .kind = SHAPE_TEXT, .is_required = true, .min = 1, .max = MESSAGE_CHARACTERS_MAX},
	{.name = "smsSendOptions", .kind = SHAPE_OBJECT},
};
static const struct shape_field RECIPIENT[] = {
	{.name = "to", .kind = SHAPE_TEXT, .is_required = true},
	{.name = "repeatabilityRequestId", .kind = SHAPE_TEXT},
	{.name = "repeatabilityFirstSent", .kind = SHAPE_TEXT},
};
static const struct shape_field OPTIONS[] = {
	{.name = "enableDeliveryReport", .kind = SHAPE_BOOL, .is_required = true},
	{.name = "tag", .kind = SHAPE_TEXT},
	{.name = "deliveryReportTimeoutInSeconds", .kind = SHAPE_INTEGER, .min = 60, .max = 43200},
	{.name = "messagingConnect", .kind = SHAPE_OBJECT},
};

/* What was accepted under a repeatability id, in a ring: the oldest is forgotten. */
struct repeat {
	char id[HERALD_UUID_CHARS + 1], first_sent[HERALD_HTTP_DATE_CHARS + 1], message_id[MESSAGE_ID_SIZE];
};

struct repeats {
	struct arena *arena;
	struct repeat *ring;
	size_t next;
	struct map *by_id;
};

struct repeats *repeats_new(void)
{
	struct arena *arena = arena_new();
	struct repeats *repeats = arena_new_of(arena, struct repeats);

	repeats->arena = arena;
	repeats->ring = arena_array_of(arena, REPEATS_MAX, struct repeat);
	repeats->by_id = map_new();
	return repeats;
}

void repeats_free(struct repeats *repeats)
{
	if (!repeats)
		return;
	map_free(repeats->by_id);
	arena_free(repeats->arena);
}

static void repeats_put(struct repeats *repeats, const char *id, const char *first_sent,
			const char *message_id)
{
	struct repeat *repeat = &repeats->ring[repeats->next];

	if (repeat->id[0])
		map_remove_text(repeats->by_id, repeat->id);
	snprintf(repeat->id, sizeof(repeat->id), "%s", id);
	snprintf(repeat->first_sent, sizeof(repeat->first_sent), "%s", first_sent);
	snprintf(repeat->message_id, sizeof(repeat->message_id), "%s", message_id);
	map_put_text(repeats->by_id, repeat->id, repeat);
	repeats->next = (repeats->next + 1) % REPEATS_MAX;
}

/* E.164, a short code, or up to eleven letters and digits with at least one letter. */
static bool is_sender(const char *from)
{
	size_t size = strlen(from), digits = strspn(from, "0123456789");

	if (from[0] == '+')
		return shape_is_e164(from);
	if (digits == size)
		return size >= 3 && size <= 9;
	for (size_t i = 0; i < size; i++)
		if (!isalnum((unsigned char)from[i]) && from[i] != ' ')
			return false;
	return size <= 11;
}

static enum herald_code check_recipient(const json_t *recipient, size_t i, struct herald_error *err)
{
	char where[48];
	int64_t at_ms;

	snprintf(where, sizeof(where), "smsRecipients[%zu].", i);
	if (shape_check(recipient, RECIPIENT, countof(RECIPIENT), where, err) != HERALD_OK)
		return HERALD_INVALID;
	if (!shape_is_e164(shape_text(recipient, "to")))
		return herald_fail(err, HERALD_INVALID,
				   "%sto: '%.20s' is no number in E.164 form (+ and digits)", where,
				   shape_text(recipient, "to"));
	const char *id = shape_text(recipient, "repeatabilityRequestId");
	const char *first_sent = shape_text(recipient, "repeatabilityFirstSent");
	if ((id[0] == '\0') != (first_sent[0] == '\0'))
		return herald_fail(err, HERALD_INVALID,
				   "%srepeatabilityRequestId and repeatabilityFirstSent go together", where);
	if (id[0] == '\0')
		return HERALD_OK;
	if (!shape_is_uuid(id))
		return herald_fail(err, HERALD_INVALID, "%srepeatabilityRequestId: is no UUID", where);
	if (http_date_parse(first_sent, &at_ms, err) != HERALD_OK)
		return herald_within(err, "%srepeatabilityFirstSent: ", where);
	return HERALD_OK;
}

static enum herald_code check_options(const json_t *options, bool is_old, struct herald_error *err)
{
	if (!options)
		return HERALD_OK;
	if (shape_check(options, OPTIONS, is_old ? 2 : countof(OPTIONS), "smsSendOptions.", err) != HERALD_OK)
		return HERALD_INVALID;
	const json_t *connect = json_object_get(options, "messagingConnect");
	if (connect &&
	    (shape_text(connect, "apiKey")[0] == '\0' || shape_text(connect, "partner")[0] == '\0'))
		return herald_fail(err, HERALD_INVALID,
				   "smsSendOptions.messagingConnect: needs apiKey and partner");
	return HERALD_OK;
}

static enum herald_code check_request(const json_t *body, bool is_old, struct herald_error *err)
{
	const json_t *recipients = json_object_get(body, "smsRecipients");

	if (shape_check(body, REQUEST, countof(REQUEST), "", err) != HERALD_OK)
		return HERALD_INVALID;
	if (!is_sender(shape_text(body, "from")))
		return herald_fail(
			err, HERALD_INVALID,
			"from: '%.20s' is no number in E.164 form, no short code and no alphanumeric sender",
			shape_text(body, "from"));
	for (size_t i = 0; i < json_array_size(recipients); i++)
		if (check_recipient(json_array_get(recipients, i), i, err) != HERALD_OK)
			return HERALD_INVALID;
	return check_options(json_object_get(body, "smsSendOptions"), is_old, err);
}

static json_t *item_refused(struct sandbox *sandbox, const struct exchange *exchange, const char *to,
			    int status, bool has_repeat, const char *message)
{
	ledger_refused(sandbox->ledger, SERVICE_SMS, exchange->number, to, message);
	json_t *item = json_pack("{s:s, s:i, s:b, s:s}", "to", to, "httpStatusCode", status, "successful", 0,
				 "errorMessage", message);
	if (has_repeat)
		json_object_set_new(item, "repeatabilityResult", json_string("rejected"));
	return item;
}

static json_t *item_accepted(const char *to, const char *message_id, bool has_repeat)
{
	json_t *item = json_pack("{s:s, s:s, s:i, s:b}", "to", to, "messageId", message_id, "httpStatusCode",
				 202, "successful", 1);
	if (has_repeat)
		json_object_set_new(item, "repeatabilityResult", json_string("accepted"));
	return item;
}

/* One recipient: delivered, known, or refused. */
static json_t *deliver_one(struct sandbox *sandbox, struct exchange *exchange, const json_t *body,
			   const json_t *recipient)
{
	const char *to = shape_text(recipient, "to"), *id = shape_text(recipient, "repeatabilityRequestId");
	const char *first_sent = shape_text(recipient, "repeatabilityFirstSent");
	char delivery[MARKER_TEXT_SIZE], marker[MARKER_TEXT_SIZE], message_id[MESSAGE_ID_SIZE];
	const char *tag = shape_text(json_object_get(body, "smsSendOptions"), "tag");

	if (fault_rejects(&sandbox->faults.service[SERVICE_SMS], to))
		return item_refused(sandbox, exchange, to, 400, id[0], "Invalid To phone number format.");
	const struct repeat *known = id[0] ? map_get_text(sandbox->repeats->by_id, id) : NULL;
	if (known && strcmp(known->first_sent, first_sent) != 0)
		return item_refused(sandbox, exchange, to, 412, true,
				    "repeatabilityRequestId came before with another repeatabilityFirstSent");
	marker_find(shape_text(body, "message"), strlen(shape_text(body, "message")), delivery, marker);
	if (delivery[0] == '\0') {
		char none[MARKER_TEXT_SIZE];
		marker_find(tag, strlen(tag), delivery, none);
	}
	struct arrival arrival = {
		.service = SERVICE_SMS,
		.request = exchange->number,
		.to = to,
		.from = shape_text(body, "from"),
		.text = shape_text(body, "message"),
		.delivery = delivery[0] ? delivery : id, /* the nearest thing to a name that an SMS has */
		.marker = marker};
	if (known) {
		arrival.id = known->message_id;
		ledger_repeated(sandbox->ledger, &arrival);
		return item_accepted(to, known->message_id, true);
	}
	snprintf(message_id, sizeof(message_id), "Outgoing_%lld",
		 (long long)sandbox_number(sandbox, exchange->now_ms));
	if (id[0])
		repeats_put(sandbox->repeats, id, first_sent, message_id);
	arrival.id = message_id;
	ledger_arrived(sandbox->ledger, &arrival, exchange->now_ms);
	return item_accepted(to, message_id, id[0] != '\0');
}

void sms_handle(struct sandbox *sandbox, struct exchange *exchange)
{
	static const char *const SEND[] = {"sms", NULL};
	struct herald_error err;

	if (!exchange_is(exchange, "POST", SEND)) {
		exchange_refuse(exchange, 404, "NotFound", "the sandbox knows POST /sms");
		return;
	}
	const char *version = exchange_query(exchange, "api-version");
	bool is_old = strcmp(version, "2021-03-07") == 0;
	if (!is_old && strcmp(version, "2025-09-17") != 0 && strcmp(version, "2026-01-23") != 0) {
		exchange_refuse(exchange, 400, "UnsupportedApiVersion",
				"api-version must be 2021-03-07 or 2026-01-23, not '%.20s'", version);
		return;
	}
	if (!sandbox_signed(sandbox, exchange))
		return;
	json_t *body = exchange_json(exchange);
	if (!body)
		return;
	if (check_request(body, is_old, &err) != HERALD_OK) {
		exchange_refuse(exchange, 400, "InvalidRequest", "%s", err.text);
	} else {
		json_t *items = json_array(), *recipients = json_object_get(body, "smsRecipients");
		for (size_t i = 0; i < json_array_size(recipients); i++)
			json_array_append_new(
				items, deliver_one(sandbox, exchange, body, json_array_get(recipients, i)));
		exchange_answer_json(exchange, 202, json_pack("{s:o}", "value", items));
	}
	json_decref(body);
}

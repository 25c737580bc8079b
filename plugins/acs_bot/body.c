/* body.c - activities, conversations, threads and chat messages as JSON.
 *
 * Invariant: what people or alerts wrote goes out as plain text, so nothing in it is a link, a mention or a
 * picture; and a card is inserted as JSON that was parsed, never as text. */
#include "acs_bot/body.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "acs/answer.h"
#include "acs_bot/address.h"

enum { SUMMARY_BYTES_MAX = 1000 };

static bool is_card(struct herald_text text)
{
	json_t *json = acs_json_read(text);
	bool is_it = strcmp(acs_json_string(json, "type"), "AdaptiveCard") == 0 &&
		     acs_json_string(json, "version")[0] != '\0';

	json_decref(json);
	return is_it;
}

bool bot_words_choose(const struct herald_message *message, uint64_t bytes_max, struct bot_words *ret_words,
		      struct herald_error *err)
{
	struct herald_text text = message->text;

	if (text.size == 0)
		text = (struct herald_text){message->subject, strlen(message->subject)};
	*ret_words = (struct bot_words){.text = text};
	if (message->card.size > 0 && message->card.size <= bytes_max) {
		if (!is_card(message->card)) {
			herald_fail(err, HERALD_INVALID,
				    "the card is no Adaptive Card: type and version are missing");
			return false;
		}
		ret_words->card = message->card;
		return true;
	}
	if (text.size > 0 && text.size <= bytes_max)
		return true;
	if (text.size == 0 && message->card.size == 0)
		herald_fail(err, HERALD_INVALID, "the message has no text");
	else
		herald_fail(err, HERALD_LIMIT, "%zu bytes, more than text_max (%llu)",
			    text.size > 0 ? text.size : message->card.size, (unsigned long long)bytes_max);
	return false;
}

void body_conversation(const char *bot_id, const char *member, const char *tenant_id,
		       struct herald_builder *body)
{
	herald_add(body, "{\"isGroup\":false,\"bot\":{\"id\":");
	herald_add_json(body, bot_id);
	herald_add(body, "},\"members\":[{\"id\":");
	herald_add_json(body, member);
	herald_add(body, "}],\"tenantId\":");
	herald_add_json(body, tenant_id);
	herald_add(body, ",\"channelData\":{\"tenant\":{\"id\":");
	herald_add_json(body, tenant_id);
	herald_add(body, "}}}");
}

/* What a notification shows in one line; longer texts are none. */
static void add_summary(const char *summary, struct herald_builder *body)
{
	if (summary[0] == '\0' || strlen(summary) > SUMMARY_BYTES_MAX)
		return;
	herald_add(body, ",\"summary\":");
	herald_add_json(body, summary);
}

static void add_words(const struct bot_activity *activity, struct herald_builder *body)
{
	const char *subject = activity->message->subject;

	if (activity->words.card.size == 0) {
		herald_add(body, ",\"text\":");
		herald_add_json(body, activity->words.text.data);
		herald_add(body, ",\"textFormat\":\"plain\"");
		add_summary(subject, body);
		return;
	}
	add_summary(subject[0] != '\0' ? subject : activity->words.text.data, body);
	herald_add(body, ",\"attachments\":[{\"contentType\":\"application/vnd.microsoft.card.adaptive\","
			 "\"content\":");
	herald_add_bytes(body, activity->words.card.data, activity->words.card.size);
	herald_add(body, "}]");
}

void body_activity(const struct bot_activity *activity, struct herald_builder *body)
{
	herald_add(body, "{\"type\":\"message\",\"from\":{\"id\":");
	herald_add_json(body, activity->bot_id);
	herald_add(body, "},\"conversation\":{\"id\":");
	herald_add_json(body, activity->conversation);
	herald_add(body, "}");
	if (activity->recipient[0] != '\0') {
		herald_add(body, ",\"recipient\":{\"id\":");
		herald_add_json(body, activity->recipient);
		herald_add(body, "}");
	}
	add_words(activity, body);
	if (activity->is_acs) {
		herald_add(body, ",\"channelData\":{\"deliveryId\":");
		herald_add_json(body, activity->message->delivery_id);
		herald_add(body, "}");
	} else if (activity->message->priority > HERALD_BULK) {
		herald_add(body, ",\"channelData\":{\"notification\":{\"alert\":true}}");
	}
	herald_add(body, "}");
}

void body_thread(const char *topic, const char *person, struct herald_builder *body)
{
	/* Nothing here may change from one attempt to the next: the service compares repeated requests.  The
	 * bot itself is in the thread because its token creates it. */
	herald_add(body, "{\"topic\":");
	herald_add_json(body, topic);
	herald_add(body, ",\"participants\":[{\"communicationIdentifier\":{\"rawId\":");
	herald_add_json(body, person);
	herald_add(body, ",\"communicationUser\":{\"id\":");
	herald_add_json(body, person);
	herald_add(body, "}}}]}");
}

void body_chat_message(const struct herald_message *message, struct herald_text text, const char *sender_name,
		       struct herald_builder *body)
{
	herald_add(body, "{\"content\":");
	herald_add_json(body, text.data);
	herald_add(body, ",\"type\":\"text\"");
	if (sender_name[0] != '\0') {
		herald_add(body, ",\"senderDisplayName\":");
		herald_add_json(body, sender_name);
	}
	herald_add(body, ",\"metadata\":{\"deliveryId\":");
	herald_add_json(body, message->delivery_id);
	herald_add(body, "}}");
}

void thread_repeatability(const char *bot_user, const char *person, const char *gone,
			  char ret_id[HERALD_UUID_CHARS + 1])
{
	/* Made once for this plugin; a change would open a second thread with everybody. */
	static const uint8_t space[16] = {0x4e, 0x93, 0x0d, 0x7c, 0x52, 0xa8, 0x4b, 0x16,
					  0xb3, 0x2a, 0x90, 0x6f, 0x17, 0xce, 0x85, 0x44};
	char name[3 * (ADDRESS_CHARS_MAX + 1)];

	snprintf(name, sizeof(name), "%.400s %.400s%s%.400s", bot_user, person, gone[0] != '\0' ? " " : "",
		 gone);
	herald_uuid5(space, name, ret_id);
}

static int two_digits(const char *text)
{
	return (text[0] - '0') * 10 + (text[1] - '0');
}

/* "Z", "+01:00", "-0030": minutes east, or -1 when it is none of these. */
static bool read_zone(const char *text, int *ret_minutes)
{
	int sign = text[0] == '-' ? -1 : 1;

	*ret_minutes = 0;
	if (strcmp(text, "Z") == 0 || strcmp(text, "z") == 0)
		return true;
	if ((text[0] != '+' && text[0] != '-') || strspn(text + 1, "0123456789") < 2)
		return false;
	const char *minutes = text + 3 + (text[3] == ':');
	if (strlen(minutes) != 2 || strspn(minutes, "0123456789") != 2)
		return false;
	*ret_minutes = sign * (two_digits(text + 1) * 60 + two_digits(minutes));
	return true;
}

int64_t rfc3339_read(const char *text)
{
	struct tm parts = {0};
	int minutes;

	if (strlen(text) < 20 || strlen(text) > 40)
		return 0;
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &parts);
	if (!rest)
		return 0;
	if (*rest == '.')
		rest += 1 + strspn(rest + 1, "0123456789");
	if (!read_zone(rest, &minutes))
		return 0;
	return ((int64_t)timegm(&parts) - INT64_C(60) * minutes) * 1000;
}

void rfc3339_write(int64_t at_ms, char ret_text[32])
{
	time_t at = (time_t)(at_ms > 0 ? at_ms / 1000 : 0);
	struct tm parts;

	if (!gmtime_r(&at, &parts) || strftime(ret_text, 32, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0)
		snprintf(ret_text, 32, "1970-01-01T00:00:00Z");
}

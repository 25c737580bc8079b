/* request.c - SendMessageRequest of the ACS SMS API.  Invariant: the same attempt of the same delivery gives
 * the same bytes, and every attempt of it the same repeatability pair. */
#include "acs_sms/request.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "acs_sms/e164.h"

struct sms_repeatability sms_repeatability(const struct herald_message *message)
{
	/* Made once for this plugin; a change would make every message in flight at an upgrade a new one. */
	static const uint8_t space[16] = {0x8d, 0x1f, 0x52, 0x0b, 0x6a, 0x35, 0x4e, 0x0c,
					  0x9b, 0x67, 0x21, 0xd4, 0xc8, 0x70, 0x3e, 0xf9};
	struct sms_repeatability pair = {0};
	char name[256];

	/* A redrive begins with a new first attempt: then people want the message again, so the id changes.
	 */
	snprintf(name, sizeof(name), "%.200s/%" PRId64, message->delivery_id, message->first_attempt_at_ms);
	herald_uuid5(space, name, pair.id);
	herald_http_date(message->first_attempt_at_ms, pair.first_sent);
	return pair;
}

bool sms_is_sender(const char *from)
{
	static const char digits[] = "0123456789";
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	size_t size = strlen(from);

	if (from[0] == '+')
		return e164_is_number(from);
	if (strspn(from, digits) == size)
		return size >= 3 && size <= 8;
	if (size > 11 || strpbrk(from, letters) == NULL || from[0] == ' ' || from[size - 1] == ' ')
		return false;
	for (size_t i = 0; i < size; i++)
		if (!strchr(digits, from[i]) && !strchr(letters, from[i]) && from[i] != ' ')
			return false;
	return true;
}

void sms_request_body(const struct sms_sender *sender, const struct herald_job *const *jobs, size_t count,
		      struct herald_builder *body)
{
	herald_add(body, "{\"from\":");
	herald_add_json(body, sender->from);
	herald_add(body, ",\"smsRecipients\":[");
	for (size_t i = 0; i < count; i++) {
		struct sms_repeatability pair = sms_repeatability(jobs[i]->message);
		herald_add(body, i > 0 ? ",{\"to\":" : "{\"to\":");
		herald_add_json(body, jobs[i]->message->address);
		herald_addf(body, ",\"repeatabilityRequestId\":\"%s\",\"repeatabilityFirstSent\":\"%s\"}",
			    pair.id, pair.first_sent);
	}
	herald_add(body, "],\"message\":");
	herald_add_json(body, jobs[0]->message->text.data);
	/* The service wants enableDeliveryReport wherever there are options at all. */
	herald_addf(body, ",\"smsSendOptions\":{\"enableDeliveryReport\":%s",
		    sender->delivery_report ? "true" : "false");
	if (sender->tag[0] != '\0') {
		herald_add(body, ",\"tag\":");
		herald_add_json(body, sender->tag);
	}
	herald_add(body, "}}");
}

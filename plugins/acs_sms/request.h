/* request.h - the body of one bulk call: one text, up to a hundred people.  Pure. */
#ifndef ACS_SMS_REQUEST_H
#define ACS_SMS_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "herald/channel.h"
#include "herald/kit.h"

enum { SMS_RECIPIENTS_MAX = 100, SMS_CHARACTERS_MAX = 2048 };

struct sms_sender {
	const char *from, *tag;
	bool delivery_report;
};

/* What makes a repeated delivery the same one to the service: constant over its attempts. */
struct sms_repeatability {
	char id[HERALD_UUID_CHARS + 1];
	char first_sent[HERALD_HTTP_DATE_CHARS + 1];
};

struct sms_repeatability sms_repeatability(const struct herald_message *message);

/* E.164, a short code of 3 to 8 digits, or 1 to 11 letters, digits and blanks with a letter among them. */
bool sms_is_sender(const char *from);

/* All jobs have the text of the first. */
void sms_request_body(const struct sms_sender *sender, const struct herald_job *const *jobs, size_t count,
		      struct herald_builder *body);

#endif

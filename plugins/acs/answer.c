/* answer.c - faults in, outcomes out.  Invariant: whatever came over the wire, what leaves here is short,
 * valid UTF-8, 0-terminated and free of control characters. */
#include "acs/answer.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "herald/kit.h"

enum { BODY_BYTES_MAX = 1024 * 1024 };

/* Copy, cut between characters, blanks for control characters. */
static void copy_clean(char *to, size_t size, const char *from)
{
	size_t length = strlen(from);

	if (length >= size)
		length = size - 1;
	while (length > 0 && !herald_utf8_valid(from, length))
		length--;
	for (size_t i = 0; i < length; i++)
		to[i] = (unsigned char)from[i] < 0x20 || from[i] == 0x7F ? ' ' : from[i];
	to[length] = '\0';
}

json_t *acs_json_read(struct herald_text body)
{
	if (body.size == 0 || body.size > BODY_BYTES_MAX)
		return NULL;
	json_t *json = json_loadb(body.data, body.size, 0, NULL);
	if (json && !json_is_object(json)) {
		json_decref(json);
		return NULL;
	}
	return json;
}

const char *acs_json_string(const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));

	return value ? value : "";
}

/* The connector's second shape: a number, and JSON inside a string. */
static void read_flat(const json_t *json, struct acs_fault *fault)
{
	const char *message = acs_json_string(json, "message");
	struct herald_text text = {message, strlen(message)};
	json_t *inner = acs_json_read(text);

	copy_clean(fault->message, sizeof(fault->message), message);
	if (inner) {
		copy_clean(fault->code, sizeof(fault->code), acs_json_string(inner, "subCode"));
		json_decref(inner);
	}
	if (json_integer_value(json_object_get(json, "errorCode")) == 209 ||
	    (fault->code[0] == '\0' && strstr(message, "\"MessageWritesBlocked\"")))
		copy_clean(fault->code, sizeof(fault->code), "MessageWritesBlocked");
	if (fault->code[0] == '\0')
		copy_clean(fault->code, sizeof(fault->code), acs_json_string(json, "code"));
}

void acs_fault_read(struct herald_text body, struct acs_fault *ret_fault)
{
	json_t *json = acs_json_read(body);
	const json_t *error = json_object_get(json, "error");

	*ret_fault = (struct acs_fault){0};
	if (json_is_object(error)) {
		copy_clean(ret_fault->code, sizeof(ret_fault->code), acs_json_string(error, "code"));
		copy_clean(ret_fault->message, sizeof(ret_fault->message), acs_json_string(error, "message"));
	} else if (json_is_string(error)) {
		copy_clean(ret_fault->code, sizeof(ret_fault->code), json_string_value(error));
		copy_clean(ret_fault->message, sizeof(ret_fault->message), acs_json_string(json, "message"));
	} else if (json) {
		read_flat(json, ret_fault);
	}
	json_decref(json);
}

void acs_outcome_set(struct herald_outcome *outcome, enum herald_verdict verdict, const char *status,
		     const char *format, ...)
{
	char reason[512];
	va_list arguments;

	va_start(arguments, format);
	if (vsnprintf(reason, sizeof(reason), format, arguments) < 0)
		reason[0] = '\0';
	va_end(arguments);
	outcome->verdict = verdict;
	copy_clean(outcome->status, sizeof(outcome->status), status);
	copy_clean(outcome->reason, sizeof(outcome->reason), reason);
}

void acs_outcome_sent(struct herald_outcome *outcome, const char *provider_ref, const char *reason)
{
	acs_outcome_set(outcome, HERALD_SENT, "2.0.0", "%s", reason);
	copy_clean(outcome->provider_ref, sizeof(outcome->provider_ref), provider_ref);
	outcome->retry_after_ms = 0;
}

bool acs_outcome_unanswered(const struct herald_host *host, const struct herald_http_reply *reply,
			    bool only_prepares, struct herald_outcome *outcome)
{
	outcome->provider_ref[0] = '\0';
	outcome->retry_after_ms = reply->retry_after_ms;
	switch (reply->failure) {
	case HERALD_HTTP_ANSWERED:
		return false;
	case HERALD_HTTP_NOT_SENT:
		acs_outcome_set(outcome, HERALD_DEFERRED, "4.4.1", "no connection: %s", reply->error);
		return true;
	case HERALD_HTTP_TOKEN:
		host->classify_http(reply, outcome);
		return true;
	default: /* LOST, and whatever a later host may say: it may have arrived */
		if (only_prepares)
			acs_outcome_set(outcome, HERALD_DEFERRED, "4.4.2", "the answer was lost: %s",
					reply->error);
		else
			acs_outcome_set(outcome, HERALD_UNCERTAIN, "4.4.2", "the answer was lost: %s",
					reply->error);
		return true;
	}
}

/* outcome.c - the border's side of an outcome: nothing that a plugin wrote is believed unread. */
#include "host/outcome.h"

#include <stdio.h>
#include <string.h>

#include "herald/kit.h"
#include "base/check.h"

enum { GUARD_BYTE = 0xA5, RETRY_AFTER_MS_MAX = 366 * 24 * 3600 };

struct words_of {
	const char *status, *reason;
};

/* By verdict: what to say when the plugin said nothing. */
static const struct words_of usual[] = {
	[HERALD_DELIVERED] = {"2.0.0", "the far end confirmed it"},
	[HERALD_SENT] = {"2.0.0", "the provider took it over"},
	[HERALD_DEFERRED] = {"4.0.0", "not now"},
	[HERALD_THROTTLED] = {"4.7.1", "the provider asked us to slow down"},
	[HERALD_REJECTED] = {"5.0.0", "the provider refused this message"},
	[HERALD_UNREACHABLE] = {"5.1.1", "the address is dead"},
	[HERALD_UNCERTAIN] = {"4.4.0", "it may or may not have arrived"},
	[HERALD_MISCONFIGURED] = {"4.3.5", "the channel is not set up as the provider wants it"},
};

static bool verdict_is_known(uint32_t verdict)
{
	return verdict >= HERALD_DELIVERED && verdict <= HERALD_MISCONFIGURED;
}

/* "d.d.d" with up to three digits each (RFC 3463). */
static bool status_is_valid(const char *status)
{
	unsigned part = 0, digits = 0;

	for (const char *at = status; *at; at++) {
		if (*at >= '0' && *at <= '9' && digits < 3)
			digits++;
		else if (*at == '.' && digits > 0 && part < 2) {
			part++;
			digits = 0;
		} else
			return false;
	}
	return part == 2 && digits > 0 && status[1] == '.' && strchr("245", status[0]);
}

/* A fixed array that may have lost its end, or hold what no log should see. */
static void text_take(char *ret_text, size_t size, const char *from)
{
	size_t length = strnlen(from, size - 1);
	bool is_valid = herald_utf8_valid(from, length);

	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)from[i];
		ret_text[i] = c < 0x20 || c == 0x7F || (c >= 0x80 && !is_valid) ? '?' : from[i];
	}
	ret_text[length] = '\0';
}

static uint32_t verdict_read(uint32_t verdict, const char *status)
{
	if (verdict_is_known(verdict))
		return verdict;
	/* 0 is a plugin that filled in nothing; its status is not a hint. */
	if (verdict == 0 || !status_is_valid(status))
		return HERALD_UNCERTAIN;
	return status[0] == '2' ? HERALD_SENT : status[0] == '4' ? HERALD_DEFERRED : HERALD_REJECTED;
}

void outcome_take(const struct herald_outcome *from, struct herald_outcome *ret_outcome)
{
	struct herald_outcome read = {.struct_size = sizeof(read)};

	if (from->struct_size >= offsetof(struct herald_outcome, reason) + sizeof(from->reason)) {
		text_take(read.status, sizeof(read.status), from->status);
		text_take(read.provider_ref, sizeof(read.provider_ref), from->provider_ref);
		text_take(read.reason, sizeof(read.reason), from->reason);
		read.retry_after_ms = from->retry_after_ms;
		read.verdict = from->verdict;
	}
	bool was_known = verdict_is_known(read.verdict);
	read.verdict = verdict_read(read.verdict, read.status);
	if (read.retry_after_ms < 0)
		read.retry_after_ms = 0;
	if (read.retry_after_ms > RETRY_AFTER_MS_MAX * INT64_C(1000))
		read.retry_after_ms = RETRY_AFTER_MS_MAX * INT64_C(1000);
	if (!status_is_valid(read.status))
		snprintf(read.status, sizeof(read.status), "%s", usual[read.verdict].status);
	if (!was_known && !read.reason[0])
		snprintf(read.reason, sizeof(read.reason), "the plugin gave no verdict that is known here");
	if (!read.reason[0])
		snprintf(read.reason, sizeof(read.reason), "%s", usual[read.verdict].reason);
	*ret_outcome = read;
}

void outcome_say(struct herald_outcome *ret_outcome, enum herald_verdict verdict, const char *reason)
{
	*ret_outcome = (struct herald_outcome){.struct_size = sizeof(*ret_outcome), .verdict = verdict};
	snprintf(ret_outcome->status, sizeof(ret_outcome->status), "%s", usual[verdict].status);
	snprintf(ret_outcome->reason, sizeof(ret_outcome->reason), "%s", reason);
}

static enum herald_verdict verdict_of_status(int32_t status)
{
	if (status >= 200 && status <= 299)
		return HERALD_SENT;
	if (status == 401 || status == 403)
		return HERALD_MISCONFIGURED;
	if (status == 429)
		return HERALD_THROTTLED;
	if (status == 408 || (status >= 500 && status <= 599))
		return HERALD_DEFERRED;
	if (status >= 300 && status <= 499)
		return HERALD_REJECTED;
	return HERALD_UNCERTAIN;
}

/* Only up to the size that the caller knows: an older plugin's struct may be shorter. */
void outcome_classify_http(const struct herald_http_reply *reply, struct herald_outcome *outcome)
{
	enum herald_verdict verdict = HERALD_UNCERTAIN;
	char reason[sizeof(outcome->reason)];

	switch ((enum herald_http_failure)reply->failure) {
	case HERALD_HTTP_ANSWERED:
		verdict = verdict_of_status(reply->status);
		snprintf(reason, sizeof(reason), "the provider answered %d", (int)reply->status);
		break;
	case HERALD_HTTP_NOT_SENT:
		verdict = HERALD_DEFERRED;
		snprintf(reason, sizeof(reason), "not sent: %s", reply->error);
		break;
	case HERALD_HTTP_LOST:
		snprintf(reason, sizeof(reason), "sent, but no whole answer came: %s", reply->error);
		break;
	case HERALD_HTTP_TOKEN:
		/* The token service answers with the status that the token end-point gave, 0 for none: a 4xx
		 * other than 408 and 429 is a refusal of the credentials. */
		verdict = reply->status >= 400 && reply->status < 500 && reply->status != 408 &&
					  reply->status != 429
				  ? HERALD_MISCONFIGURED
				  : HERALD_DEFERRED;
		snprintf(reason, sizeof(reason), "no token: %s", reply->error);
		break;
	}
	size_t size = outcome->struct_size;
	outcome_say(outcome, verdict, reason);
	outcome->struct_size = size;
	outcome->retry_after_ms = reply->retry_after_ms;
}

void outcome_slip_init(struct outcome_slip *slip)
{
	*slip = (struct outcome_slip){.outcome = {.struct_size = sizeof(slip->outcome)}};
	memset(slip->guard, GUARD_BYTE, sizeof(slip->guard));
}

bool outcome_slip_is_whole(const struct outcome_slip *slip)
{
	for (size_t i = 0; i < sizeof(slip->guard); i++)
		if (slip->guard[i] != GUARD_BYTE)
			return false;
	return true;
}

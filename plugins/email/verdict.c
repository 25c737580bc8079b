/* verdict.c - the table.
 *
 * Invariant: only a final reply to the end of the content makes SENT, and only silence after it makes
 * UNCERTAIN. */
#include "verdict.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { FULL_MAILBOX_RETRY_MS = 3600 * 1000 };

static bool is_enhanced(const struct reply *reply, int subject, int detail)
{
	return reply->enhanced[1] == subject && reply->enhanced[2] == detail;
}

/* RFC 3463's word counts where both are there and differ between "not now" and "never"; a 2yz stays one,
 * because the server has taken the message over by then. */
static int reply_class(const struct reply *reply)
{
	int class = reply->code / 100;

	if ((class == 4 || class == 5) && (reply->enhanced[0] == 4 || reply->enhanced[0] == 5))
		return reply->enhanced[0];
	return class;
}

static bool mentions(const struct reply *reply, const char *const words[])
{
	for (size_t i = 0; words[i]; i++)
		if (strcasestr(reply->text, words[i]))
			return true;
	return false;
}

static bool is_throttling(const struct reply *reply)
{
	static const char *const words[] = {"too many", "too fast",       "rate limit",         "rate-limit",
					    "throttl",  "limit exceeded", "exceeded the limit", NULL};

	/* 4.7.28 is what large receivers use for rates; 4.3.2 and plain 421 mean "closing", not "slower". */
	return (reply->enhanced[0] == 4 && is_enhanced(reply, 7, 28)) || mentions(reply, words);
}

/* Codes about us as a client of this relay rather than about the message. */
static bool is_about_us(const struct reply *reply)
{
	static const char *const relaying[] = {"relay", NULL};

	switch (reply->code) {
	case 530: /* must log in, or use TLS, first */
	case 534:
	case 535:
	case 538:
		return true;
	default:
		break;
	}
	if (reply->enhanced[0] == 5 &&
	    (is_enhanced(reply, 7, 8) || is_enhanced(reply, 7, 9) || is_enhanced(reply, 7, 11)))
		return true;
	if (reply->stage <= REPLY_LOGIN)
		return true;
	/* "Relay access denied": a relay that does not relay for us at all, or not to this one domain. */
	if (reply->stage == REPLY_RCPT && !reply->is_proven &&
	    (reply->enhanced[0] == 0 || reply->enhanced[1] == 7) && mentions(reply, relaying))
		return true;
	/* The sender is the channel's, so who refuses it refuses the channel; a size is the message's. */
	return reply->stage == REPLY_MAIL && reply->code != 552 && !is_enhanced(reply, 3, 4) &&
	       reply->enhanced[1] != 6;
}

static bool is_dead_address(const struct reply *reply)
{
	static const int codes[][2] = {{1, 1}, {1, 2}, {1, 3}, {1, 6}, {1, 10}, {2, 1}, {4, 4}};

	if (reply->code == 521 || reply->code == 556) /* RFC 7504: takes no mail at all */
		return reply->stage == REPLY_RCPT;
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (reply->enhanced[0] == 5 && is_enhanced(reply, codes[i][0], codes[i][1]))
			return true;
	return false;
}

static enum herald_verdict answered(const struct reply *reply)
{
	int class = reply_class(reply);

	if (class == 2 || class == 3) {
		if (reply->stage != REPLY_DOT)
			return HERALD_DEFERRED; /* out of step: whatever it means, it is not an acceptance */
		return class == 2 ? HERALD_SENT : HERALD_UNCERTAIN;
	}
	/* A full mailbox and a full system empty themselves, whatever digit they come with. */
	if (is_enhanced(reply, 2, 2) || is_enhanced(reply, 3, 1))
		return HERALD_DEFERRED;
	if (class != 5)
		return is_throttling(reply) ? HERALD_THROTTLED : HERALD_DEFERRED;
	if (is_about_us(reply))
		return HERALD_MISCONFIGURED;
	return is_dead_address(reply) ? HERALD_UNREACHABLE : HERALD_REJECTED;
}

static enum herald_verdict unanswered(const struct reply *reply)
{
	if (reply->stage == REPLY_DOT)
		return HERALD_UNCERTAIN;
	switch (reply->fault) {
	case REPLY_UNTRUSTED:
	case REPLY_LOGIN_REFUSED:
	case REPLY_BROKEN:
		return HERALD_MISCONFIGURED;
	case REPLY_ANSWERED:
	case REPLY_LOST:
		break;
	}
	return HERALD_DEFERRED;
}

static const char *status_of(const struct reply *reply, enum herald_verdict verdict)
{
	switch (verdict) {
	case HERALD_UNCERTAIN:
		return "4.4.2";
	case HERALD_MISCONFIGURED:
		return reply->fault == REPLY_UNTRUSTED ? "4.7.5" : "4.3.5";
	case HERALD_DEFERRED:
		return reply->stage == REPLY_CONNECT ? "4.4.1" : "4.4.2";
	case HERALD_DELIVERED:
	case HERALD_SENT:
	case HERALD_THROTTLED:
	case HERALD_REJECTED:
	case HERALD_UNREACHABLE:
		break;
	}
	return "";
}

static const char *stage_name(enum reply_stage stage)
{
	switch (stage) {
	case REPLY_CONNECT:
		return "connecting";
	case REPLY_GREETING:
		return "greeting";
	case REPLY_TLS:
		return "TLS";
	case REPLY_LOGIN:
		return "login";
	case REPLY_MAIL:
		return "MAIL";
	case REPLY_RCPT:
		return "RCPT";
	case REPLY_DATA:
		return "DATA";
	case REPLY_DOT:
		return "end of message";
	}
	return "?";
}

void verdict_read(const struct reply *reply, struct herald_outcome *outcome)
{
	bool is_answer = reply->code != 0 && reply->fault != REPLY_UNTRUSTED;
	enum herald_verdict verdict = is_answer ? answered(reply) : unanswered(reply);

	outcome->verdict = (uint32_t)verdict;
	outcome->retry_after_ms = 0;
	if (is_answer && verdict == HERALD_DEFERRED && is_enhanced(reply, 2, 2))
		outcome->retry_after_ms = FULL_MAILBOX_RETRY_MS;
	/* The status keeps to the verdict's class, so that both tell one story. */
	int class = verdict == HERALD_SENT                                        ? 2
		    : verdict == HERALD_REJECTED || verdict == HERALD_UNREACHABLE ? 5
										  : 4;
	if (is_answer && reply->enhanced[0] != 0 && verdict != HERALD_MISCONFIGURED)
		snprintf(outcome->status, sizeof(outcome->status), "%d.%d.%d", class,
			 reply->enhanced[1] % 1000, reply->enhanced[2] % 1000);
	else
		snprintf(outcome->status, sizeof(outcome->status), "%s",
			 is_answer && verdict != HERALD_MISCONFIGURED ? "" : status_of(reply, verdict));
	if (verdict == HERALD_SENT)
		snprintf(outcome->reason, sizeof(outcome->reason), "%s", reply->text);
	else
		snprintf(outcome->reason, sizeof(outcome->reason), "%s: %s", stage_name(reply->stage),
			 *reply->text ? reply->text : "no answer");
}

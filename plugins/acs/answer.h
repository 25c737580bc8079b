/* answer.h - reading what a Microsoft service says went wrong, and writing outcomes.
 *
 * Nothing here trusts a body: any JSON, or none, gives a fault that is safe to show. */
#ifndef ACS_ANSWER_H
#define ACS_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "herald/channel.h"

/* "" where the answer said nothing. */
struct acs_fault {
	char code[64];
	char message[160];
};

/* {"error":{"code","message"}}, {"error":"text"}, {"errorCode":209,"message":"{ \"subCode\": ... }"}, or not
 * JSON at all. */
void acs_fault_read(struct herald_text body, struct acs_fault *ret_fault);

/* The body as JSON, an object, or NULL.  The caller's to json_decref. */
json_t *acs_json_read(struct herald_text body);

/* The string under that key, or "". */
const char *acs_json_string(const json_t *object, const char *key);

/* Write one outcome: verdict, RFC 3463 status, a reason for people.  Control characters in the reason become
 * blanks; retry_after_ms and provider_ref are kept. */
void acs_outcome_set(struct herald_outcome *outcome, enum herald_verdict verdict, const char *status,
		     const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Sent: provider_ref is cut at its size. */
void acs_outcome_sent(struct herald_outcome *outcome, const char *provider_ref, const char *reason);

/* What is the same for all our services when no answer came: not sent, lost.  Why a token could not be had
 * only the host knows, so its table decides that.  False: there is an answer. */
bool acs_outcome_unanswered(const struct herald_host *host, const struct herald_http_reply *reply,
			    bool only_prepares, struct herald_outcome *outcome);

#endif

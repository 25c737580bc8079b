/* verdict.h - what an answer of the ACS SMS API means, for the whole call and for each recipient in it. Pure.
 */
#ifndef ACS_SMS_VERDICT_H
#define ACS_SMS_VERDICT_H

#include "acs/answer.h"

/* The whole call.  A 2xx is UNCERTAIN here: only the items inside say who was accepted. */
void sms_verdict_call(const struct herald_host *host, const struct herald_http_reply *reply,
		      struct herald_outcome *outcome);

/* The items of a 2xx, matched on `to`; outcomes are prefilled by sms_verdict_call. */
void sms_verdict_items(const struct herald_http_reply *reply, const struct herald_job *const *jobs,
		       size_t count, struct herald_outcome *const *outcomes);

#endif

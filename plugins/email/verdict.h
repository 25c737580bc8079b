/* verdict.h - from what an SMTP server said to an outcome in Herald's words.
 *
 * Pure, a table.  Two questions decide: may the message have arrived (then it is UNCERTAIN unless the server
 * said), and whose fault is a refusal: the address's (UNREACHABLE suppresses it), the message's (REJECTED),
 * the moment's (DEFERRED, THROTTLED), or our set-up's (MISCONFIGURED: the channel stops and no delivery pays
 * for it). */
#ifndef EMAIL_VERDICT_H
#define EMAIL_VERDICT_H

#include "herald/outcome.h"
#include "reply.h"

/* Fill verdict, status, reason and retry_after_ms; provider_ref is left as it is. */
void verdict_read(const struct reply *reply, struct herald_outcome *outcome);

#endif

/* verdict.h - what the connector, the Identity API and the Chat API mean by their answers.  Pure. */
#ifndef ACS_BOT_VERDICT_H
#define ACS_BOT_VERDICT_H

#include <stdbool.h>

#include "acs/answer.h"

/* The stages of a delivery: which request an answer belongs to.  All but the last of each way only prepare.
 */
enum bot_stage {
	STAGE_CONVERSATION = 1, /* connector: create the conversation */
	STAGE_ACTIVITY,         /* connector: the message */
	STAGE_TOKEN,            /* identity: a token for the bot's ACS user */
	STAGE_THREAD,           /* chat: create the thread */
	STAGE_LOOK,             /* chat: is the message of an earlier attempt there already? */
	STAGE_MESSAGE,          /* chat: the message */
};

/* Set beside a stage, so that nothing happens twice in one attempt: a chat token was refused and fetched
 * anew; the thread was created just now. */
enum { STAGE_AGAIN = 0x100, STAGE_FRESH = 0x200 };

enum bot_stage stage_of(uint32_t stage);
bool stage_prepares(enum bot_stage stage);

/* Fill the outcome of a ticket whose request got that answer, were it the last one. */
void bot_verdict(const struct herald_host *host, const struct herald_http_reply *reply,
		 struct herald_outcome *outcome);

/* The connector's 500 may be tried once more, late, then never: what an outcome becomes on that attempt. */
void bot_verdict_limit(const struct herald_http_reply *reply, uint32_t attempt,
		       struct herald_outcome *outcome);

#endif

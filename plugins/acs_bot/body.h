/* body.h - the JSON that the connector and the Chat API are sent, and the little that is read back.  Pure. */
#ifndef ACS_BOT_BODY_H
#define ACS_BOT_BODY_H

#include <stdbool.h>
#include <stdint.h>

#include "herald/kit.h"
#include "herald/message.h"

/* What is said: one of the two, never both, because Teams splits a message with both and then names neither.
 */
struct bot_words {
	struct herald_text text; /* plain */
	struct herald_text card; /* size 0: text counts */
};

/* The card if it fits, else the text, else the subject.  False: there is nothing, or nothing that fits; err
 * says which (LIMIT: too long). */
bool bot_words_choose(const struct herald_message *message, uint64_t bytes_max, struct bot_words *ret_words,
		      struct herald_error *err);

/* POST /v3/conversations: one person and the bot. */
void body_conversation(const char *bot_id, const char *member, const char *tenant_id,
		       struct herald_builder *body);

struct bot_activity {
	const char *bot_id, *conversation;
	const char *recipient; /* "": the conversation is the address */
	bool is_acs;           /* channelData becomes metadata there, and means notification in Teams */
	const struct herald_message *message;
	struct bot_words words;
};

void body_activity(const struct bot_activity *activity, struct herald_builder *body);

void body_thread(const char *topic, const char *person, struct herald_builder *body);
void body_chat_message(const struct herald_message *message, struct herald_text text, const char *sender_name,
		       struct herald_builder *body);

/* One thread per bot user and person: the same id for every process, attempt and crash.  It is made of the
 * bot's user instead of the channel's name, which a plugin is not told; two channels of one bot share the
 * thread. gone: the thread that this one comes after, because the service has it no more; "": none. */
void thread_repeatability(const char *bot_user, const char *person, const char *gone,
			  char ret_id[HERALD_UUID_CHARS + 1]);

/* RFC 3339, as the services write it: milliseconds UTC, or 0 when it is not that. */
int64_t rfc3339_read(const char *text);
/* "2026-11-24T03:54:42Z" */
void rfc3339_write(int64_t at_ms, char ret_text[32]);

#endif

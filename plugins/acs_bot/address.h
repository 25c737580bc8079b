/* address.h - whom a bot can write to: people and conversations, by the shape of their ids.  Pure. */
#ifndef ACS_BOT_ADDRESS_H
#define ACS_BOT_ADDRESS_H

#include <stdbool.h>

enum address_kind {
	ADDRESS_OTHER = 0,    /* none of ours */
	ADDRESS_TEAMS_USER,   /* 29:..., 8:orgid:... */
	ADDRESS_ACS_USER,     /* 8:acs:{resource}_{user} */
	ADDRESS_CONVERSATION, /* a:..., 19:...@thread.tacv2, .skype: of the connector */
	ADDRESS_THREAD,       /* 19:...@thread.v2: a Teams group chat, or an ACS thread */
};

enum { ADDRESS_CHARS_MAX = 400 };

/* Ids are printable ASCII without blanks, quotes and angle brackets. */
enum address_kind address_kind(const char *address);
/* ACS names its threads 19:acs...; Teams does not. */
bool address_is_acs_thread(const char *address);

#endif

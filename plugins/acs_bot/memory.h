/* memory.h - what is kept about an address: its conversation, and where that conversation is served.
 *
 * {"conversation":{"id":"a:1..."},"serviceUrl":"https://..."}; without serviceUrl an ACS user's conversation
 * is a thread of the Chat API.  Pure. */
#ifndef ACS_BOT_MEMORY_H
#define ACS_BOT_MEMORY_H

#include <stdbool.h>

#include "acs_bot/address.h"
#include "herald/kit.h"

struct bot_memory {
	char conversation[ADDRESS_CHARS_MAX + 1];
	char service_url[512]; /* as it was kept, "" if it was not; check it before use */
};

/* False: there is nothing that could be used. */
bool bot_memory_read(struct herald_text text, struct bot_memory *ret_memory);
void bot_memory_write(const struct bot_memory *memory, struct herald_builder *builder);

#endif

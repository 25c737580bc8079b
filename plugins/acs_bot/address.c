/* address.c - ids of the Bot Framework, Teams and ACS, told apart by their prefixes. */
#include "acs_bot/address.h"

#include <string.h>

static bool has_prefix(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool is_id(const char *text)
{
	size_t size = strlen(text);

	if (size == 0 || size > ADDRESS_CHARS_MAX)
		return false;
	for (size_t i = 0; i < size; i++)
		if (text[i] <= ' ' || text[i] > '~' || strchr("\"\\<>`", text[i]))
			return false;
	return true;
}

static bool is_made_of(const char *text, const char *more)
{
	static const char alnum[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

	for (; *text; text++)
		if (!strchr(alnum, *text) && !strchr(more, *text))
			return false;
	return true;
}

/* What follows "19:": a name, then @thread.kind, then perhaps ;messageid=... */
static enum address_kind thread_kind(const char *rest)
{
	const char *at = strchr(rest, '@');

	if (!at || at == rest || !has_prefix(at, "@thread."))
		return ADDRESS_OTHER;
	const char *kind = at + strlen("@thread.");
	size_t size = strcspn(kind, ";");
	if (size == 0)
		return ADDRESS_OTHER;
	return size == 2 && strncmp(kind, "v2", 2) == 0 ? ADDRESS_THREAD : ADDRESS_CONVERSATION;
}

enum address_kind address_kind(const char *address)
{
	if (!is_id(address))
		return ADDRESS_OTHER;
	if (has_prefix(address, "29:"))
		return address[3] != '\0' ? ADDRESS_TEAMS_USER : ADDRESS_OTHER;
	if (has_prefix(address, "8:orgid:"))
		return address[8] != '\0' && is_made_of(address + 8, "-") ? ADDRESS_TEAMS_USER
									  : ADDRESS_OTHER;
	if (has_prefix(address, "8:acs:")) {
		const char *between = strchr(address + 6, '_');
		bool is_whole = between && between > address + 6 && between[1] != '\0';
		return is_whole && is_made_of(address + 6, "-_") ? ADDRESS_ACS_USER : ADDRESS_OTHER;
	}
	if (has_prefix(address, "a:"))
		return address[2] != '\0' ? ADDRESS_CONVERSATION : ADDRESS_OTHER;
	return has_prefix(address, "19:") ? thread_kind(address + 3) : ADDRESS_OTHER;
}

bool address_is_acs_thread(const char *address)
{
	return has_prefix(address, "19:acs") && address_kind(address) == ADDRESS_THREAD;
}

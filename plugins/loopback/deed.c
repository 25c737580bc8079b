/* deed.c - one table, one small grammar. */
#include "deed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum argument { NONE, COUNT, SPAN, WIRE };

static const struct word {
	const char *name;
	enum deed_kind kind;
	enum argument argument;
	bool is_needed;
} words[] = {
	{"ok", DEED_OK, NONE, false},
	{"sent", DEED_SENT, NONE, false},
	{"defer", DEED_DEFER, COUNT, false},
	{"reject", DEED_REJECT, NONE, false},
	{"unreachable", DEED_UNREACHABLE, NONE, false},
	{"throttle", DEED_THROTTLE, SPAN, true},
	{"uncertain", DEED_UNCERTAIN, NONE, false},
	{"misconfigured", DEED_MISCONFIGURED, NONE, false},
	{"slow", DEED_SLOW, SPAN, true},
	{"learn", DEED_LEARN, NONE, false},
	{"crash", DEED_CRASH, WIRE, false},
	{"hang", DEED_HANG, WIRE, false},
	{"spin", DEED_SPIN, NONE, false},
	{"lie", DEED_LIE, NONE, false},
	{"flood", DEED_FLOOD, NONE, false},
	{"fork", DEED_FORK, NONE, false},
};

enum { NUMBER_MAX = 86400, ADDRESS_BYTES = 256 };

/* "250ms", "2s", "5m"; a day at most. */
static bool span_read(const char *text, int64_t *ret_ms)
{
	char *end;
	long number = strtol(text, &end, 10);

	if (text[0] < '0' || text[0] > '9' || number < 0 || number > NUMBER_MAX)
		return false;
	int64_t scale = strcmp(end, "ms") == 0  ? 1
			: strcmp(end, "s") == 0 ? 1000
			: strcmp(end, "m") == 0 ? 60000
						: 0;
	*ret_ms = number * scale;
	return scale > 0;
}

static bool count_read(const char *text, int64_t *ret_count)
{
	char *end;
	long number = strtol(text, &end, 10);

	*ret_count = number;
	return text[0] >= '0' && text[0] <= '9' && *end == '\0' && number <= NUMBER_MAX;
}

static bool argument_read(const struct word *word, const char *text, struct deed *deed)
{
	if (!text) {
		deed->number = INT64_MAX;
		return !word->is_needed;
	}
	switch (word->argument) {
	case NONE:
		return false;
	case COUNT:
		return count_read(text, &deed->number);
	case SPAN:
		return span_read(text, &deed->number);
	case WIRE:
		deed->is_on_wire = true;
		return strcmp(text, "wire") == 0;
	}
	return false;
}

enum herald_code deed_read(const char *address, struct deed *ret_deed, struct herald_error *err)
{
	char text[ADDRESS_BYTES];
	struct deed deed = {0};

	if (snprintf(text, sizeof(text), "%s", address) >= (int)sizeof(text))
		return herald_fail(err, HERALD_INVALID, "longer than %d bytes", ADDRESS_BYTES - 1);
	for (const char *at = text; *at; at++)
		if (*at <= ' ' || *at > '~')
			return herald_fail(err, HERALD_INVALID, "holds a blank or a byte beyond ASCII");
	text[strcspn(text, "/")] = '\0';
	char *destination = strchr(text, '@');
	if (destination)
		*destination++ = '\0';
	char *argument = strchr(text, ':');
	if (argument)
		*argument++ = '\0';

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(text, words[i].name) != 0)
			continue;
		deed.kind = words[i].kind;
		if (!argument_read(&words[i], argument, &deed))
			return herald_fail(err, HERALD_INVALID, "'%s' does not take '%s'", words[i].name,
					   argument ? argument : "no argument");
		if (destination && snprintf(deed.destination, sizeof(deed.destination), "%s", destination) >=
					   (int)sizeof(deed.destination))
			return herald_fail(err, HERALD_INVALID, "the destination is longer than %d bytes",
					   DEED_DESTINATION_BYTES - 1);
		*ret_deed = deed;
		return HERALD_OK;
	}
	return herald_fail(err, HERALD_INVALID, "'%s' is nothing that loopback does", text);
}

/* recipient.h - a person as a caller describes them: names, locale, time zone, and the places where they can
 * be reached.  Addresses here are as they came; the channel's plugin makes them canonical before they are
 * stored. */
#ifndef MODEL_RECIPIENT_H
#define MODEL_RECIPIENT_H

#include <jansson.h>

#include "herald/message.h"
#include "model/fault.h"

struct recipient_address {
	const char *kind, *channel, *address, *label; /* channel "": any of the kind */
	bool is_verified;
	struct herald_text memory; /* JSON, "" when nothing is known */
};

struct recipient {
	const char *id, *name, *locale, *timezone;
	const char *attributes; /* JSON object as text, "{}" */
	const struct recipient_address *addresses;
	size_t address_count;
};

/* id: from the path. */
bool recipient_parse(const json_t *body, const char *id, struct recipient *ret_recipient,
		     struct faults *faults);
/* An `addresses` array, also of a notification's `to`. */
bool recipient_addresses_parse(const json_t *value, const char *pointer,
			       const struct recipient_address **ret_addresses, size_t *ret_count,
			       struct faults *faults);
/* BCP 47 and IANA names, by their form. */
bool locale_is_good(const char *text);
bool timezone_is_good(const char *text);

#endif

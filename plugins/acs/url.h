/* url.h - addresses of services, taken apart strictly before a token or a key goes there.
 *
 * What is refused here (user information, query, fragment, odd characters, plain http to anything but this
 * machine) can't fool the host's list of token hosts later.  Which hosts may be asked is the host's to say.
 */
#ifndef ACS_URL_H
#define ACS_URL_H

#include "herald/error.h"

struct acs_url {
	char base[512]; /* "https://host[:port][/path]", no slash at the end, host in lower case */
	char host[256]; /* as a client writes it into Host: without the scheme's own port */
};

enum acs_url_kind { ACS_URL_ORIGIN, ACS_URL_WITH_PATH };

/* INVALID: err says what is wrong, without repeating the text, which may hold a secret. */
enum herald_code acs_url_parse(const char *text, enum acs_url_kind kind, struct acs_url *ret_url,
			       struct herald_error *err);

#endif

/* signature.h - requests signed with the access key of an Azure Communication Services resource.
 *
 * The signature covers method, path and query as they go on the request line, date, host and body: sign
 * freshly for every attempt, and let nobody re-encode the address afterwards. */
#ifndef ACS_SIGNATURE_H
#define ACS_SIGNATURE_H

#include <stddef.h>
#include <stdint.h>

#include "acs/url.h"
#include "herald/kit.h"

/* Where to, and with which key.  Wipe it with acs_account_done. */
struct acs_account {
	struct acs_url endpoint;
	uint8_t key[256];
	size_t key_size;
};

/* From "endpoint=https://...;accesskey=BASE64" when that is not empty, else from endpoint and key (base64).
 * INVALID: which part is missing or wrong; never the key itself. */
enum herald_code acs_account_parse(const char *connection_string, const char *endpoint, const char *key,
				   struct acs_account *ret_account, struct herald_error *err);
void acs_account_done(struct acs_account *account);

enum { ACS_SIGNED_HEADERS = 4 };

/* The texts that the headers point to; lives as long as they do. */
struct acs_signature {
	char date[HERALD_HTTP_DATE_CHARS + 1];
	char content_hash[48];
	char authorization[160];
};

/* Headers for one request: Content-Type, x-ms-date, x-ms-content-sha256, Authorization.
 * LIMIT: the path is longer than any that we make. */
enum herald_code acs_sign(const struct acs_account *account, const char *method, const char *path_and_query,
			  struct herald_text body, int64_t now_ms, struct acs_signature *ret_signature,
			  struct herald_field ret_headers[ACS_SIGNED_HEADERS], struct herald_error *err);

#endif

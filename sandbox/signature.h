/* signature.h - is a request signed as Azure Communication Services asks?  (HMAC-SHA256 over method, target,
 * date, host and the body's hash.)  Pure: the clock is an argument. */
#ifndef SANDBOX_SIGNATURE_H
#define SANDBOX_SIGNATURE_H

#include <stddef.h>
#include <stdint.h>

#include "herald/error.h"
#include "herald/message.h"

enum { SIGNATURE_SKEW_MS = 15 * 60 * 1000 };

struct signature_request {
	const char *method,
		*target; /* target as it stands on the request line: path and query, still encoded */
	const char *host, *date, *content_sha256, *authorization; /* header values; NULL when absent */
	struct herald_text body;
};

/* DENIED: not signed, or not with this key; the text says which part does not fit, and what was expected
 * where that gives no secret away. */
enum herald_code signature_check(const struct signature_request *request, const void *key, size_t key_size,
				 int64_t now_ms, struct herald_error *err);

/* "Tue, 24 Nov 2026 03:54:42 GMT" and nothing else (RFC 9110's IMF-fixdate); INVALID otherwise. */
enum herald_code http_date_parse(const char *text, int64_t *ret_at_ms, struct herald_error *err);

#endif

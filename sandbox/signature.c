/* signature.c - the receiving side of the signature.  A developer's first hour with it goes into finding out
 * which of five parts is wrong, so each refusal names its part. */
#include "signature.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "herald/kit.h"

#include "base/check.h"

static const char SCHEME[] = "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=";

enum { STRING_TO_SIGN_BYTES_MAX = 16 * 1024 };

enum herald_code http_date_parse(const char *text, int64_t *ret_at_ms, struct herald_error *err)
{
	static const char MONTHS[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	char day[4], month[4], again[HERALD_HTTP_DATE_CHARS + 1];
	struct tm tm = {0};
	int end = 0;

	if (strlen(text) != HERALD_HTTP_DATE_CHARS ||
	    sscanf(text, "%3s, %2d %3s %4d %2d:%2d:%2d GMT%n", day, &tm.tm_mday, month, &tm.tm_year,
		   &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &end) != 7)
		return herald_fail(err, HERALD_INVALID,
				   "'%.40s' is not a date like Tue, 24 Nov 2026 03:54:42 GMT", text);
	const char *found = strlen(month) == 3 ? strstr(MONTHS, month) : NULL;
	if (!found || (found - MONTHS) % 3 != 0)
		return herald_fail(err, HERALD_INVALID, "'%.40s' names no month", text);
	tm.tm_mon = (int)(found - MONTHS) / 3;
	tm.tm_year -= 1900;
	int64_t at_ms = (int64_t)timegm(&tm) * 1000;
	herald_http_date(at_ms, again);
	if (strcmp(again, text) != 0)
		return herald_fail(err, HERALD_INVALID,
				   "'%.40s' is no date that exists; it would be written '%s'", text, again);
	*ret_at_ms = at_ms;
	return HERALD_OK;
}

static bool same_bytes(const char *a, const char *b)
{
	size_t size = strlen(a);
	unsigned difference = size != strlen(b);
	for (size_t i = 0; i < size && !(difference && i >= strlen(b)); i++)
		difference |= (unsigned char)a[i] ^ (unsigned char)b[i];
	return difference == 0;
}

static enum herald_code check_parts(const struct signature_request *request, int64_t now_ms,
				    struct herald_error *err)
{
	int64_t at_ms = 0;
	const struct {
		const char *value, *name;
	} needed[] = {{request->host, "Host"},
		      {request->date, "x-ms-date"},
		      {request->content_sha256, "x-ms-content-sha256"},
		      {request->authorization, "Authorization"}};

	for (size_t i = 0; i < countof(needed); i++)
		if (!needed[i].value)
			return herald_fail(err, HERALD_DENIED, "header %s is missing", needed[i].name);
	if (http_date_parse(request->date, &at_ms, err) != HERALD_OK) {
		herald_within(err, "x-ms-date: ");
		return HERALD_DENIED;
	}
	if (at_ms < now_ms - SIGNATURE_SKEW_MS || at_ms > now_ms + SIGNATURE_SKEW_MS)
		return herald_fail(err, HERALD_DENIED,
				   "x-ms-date is %lld s away from the clock here: sign each attempt anew",
				   (long long)((at_ms - now_ms) / 1000));
	if (strncmp(request->authorization, SCHEME, sizeof(SCHEME) - 1) != 0)
		return herald_fail(err, HERALD_DENIED, "Authorization does not begin with '%s'", SCHEME);
	return HERALD_OK;
}

static enum herald_code sign(const struct signature_request *request, const void *key, size_t key_size,
			     char *ret_signature, size_t size, struct herald_error *err)
{
	uint8_t digest[HERALD_SHA256_BYTES];
	struct herald_builder text;

	herald_builder_init(&text, STRING_TO_SIGN_BYTES_MAX);
	herald_addf(&text, "%s\n%s\n%s;%s;%s", request->method, request->target, request->date, request->host,
		    request->content_sha256);
	if (text.code != HERALD_OK) {
		herald_builder_done(&text);
		return herald_fail(err, HERALD_LIMIT, "the string to sign is longer than %d bytes",
				   STRING_TO_SIGN_BYTES_MAX);
	}
	herald_hmac_sha256(key, key_size, text.data, text.size, digest);
	herald_builder_clear(&text);
	herald_add_base64(&text, digest, sizeof(digest));
	snprintf(ret_signature, size, "%s", text.data);
	herald_builder_done(&text);
	return HERALD_OK;
}

enum herald_code signature_check(const struct signature_request *request, const void *key, size_t key_size,
				 int64_t now_ms, struct herald_error *err)
{
	uint8_t digest[HERALD_SHA256_BYTES];
	char hash[64], signature[64] = "";
	struct herald_builder text;

	enum herald_code code = check_parts(request, now_ms, err);
	if (code != HERALD_OK)
		return code;
	herald_sha256(request->body.data, request->body.size, digest);
	herald_builder_init(&text, sizeof(hash) - 1);
	herald_add_base64(&text, digest, sizeof(digest));
	snprintf(hash, sizeof(hash), "%s", text.data);
	herald_builder_done(&text);
	if (strcmp(hash, request->content_sha256) != 0)
		return herald_fail(
			err, HERALD_DENIED,
			"x-ms-content-sha256 does not fit the body: the %zu bytes that came hash to %s",
			request->body.size, hash);
	code = sign(request, key, key_size, signature, sizeof(signature), err);
	if (code != HERALD_OK)
		return code;
	if (!same_bytes(signature, request->authorization + sizeof(SCHEME) - 1))
		return herald_fail(
			err, HERALD_DENIED,
			"the signature is not that of '%s\\n%.80s\\n%s;%.60s;...' under the access key",
			request->method, request->target, request->date, request->host);
	return HERALD_OK;
}

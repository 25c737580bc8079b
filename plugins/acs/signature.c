/* signature.c - HMAC-SHA256 as Azure Communication Services want it.  Invariant: the key is decoded once and
 * leaves this room only as a signature. */
#include "acs/signature.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Copy the value of `name` in "a=b;c=d" (names without case) to `to`; LIMIT: it does not fit; NOT_FOUND. */
static enum herald_code find_value(const char *text, const char *name, char *to, size_t size)
{
	size_t name_size = strlen(name);

	while (*text) {
		size_t length = strcspn(text, ";");
		const char *equals = memchr(text, '=', length);
		if (equals && (size_t)(equals - text) == name_size &&
		    strncasecmp(text, name, name_size) == 0) {
			size_t value_size = length - name_size - 1;
			if (value_size >= size)
				return HERALD_LIMIT;
			memcpy(to, equals + 1, value_size);
			to[value_size] = '\0';
			return HERALD_OK;
		}
		text += length;
		text += *text == ';';
	}
	return HERALD_NOT_FOUND;
}

enum herald_code acs_account_parse(const char *connection_string, const char *endpoint, const char *key,
				   struct acs_account *ret_account, struct herald_error *err)
{
	char url[512], base64[512];
	enum herald_code code;

	*ret_account = (struct acs_account){0};
	if (connection_string[0] != '\0') {
		if (find_value(connection_string, "endpoint", url, sizeof(url)) != HERALD_OK ||
		    find_value(connection_string, "accesskey", base64, sizeof(base64)) != HERALD_OK) {
			explicit_bzero(base64, sizeof(base64));
			return herald_fail(
				err, HERALD_INVALID,
				"a connection string looks like endpoint=https://...;accesskey=...");
		}
		endpoint = url;
		key = base64;
	}
	code = acs_url_parse(endpoint, ACS_URL_ORIGIN, &ret_account->endpoint, err);
	if (code == HERALD_OK) {
		code = herald_base64_decode(key, ret_account->key, sizeof(ret_account->key),
					    &ret_account->key_size, err);
		if (code != HERALD_OK)
			code = herald_fail(err, HERALD_INVALID,
					   "the access key is not base64, or is too long");
		else if (ret_account->key_size == 0)
			code = herald_fail(err, HERALD_INVALID, "the access key is empty");
	}
	if (connection_string[0] != '\0')
		explicit_bzero(base64, sizeof(base64));
	if (code != HERALD_OK)
		acs_account_done(ret_account);
	return code;
}

void acs_account_done(struct acs_account *account)
{
	explicit_bzero(account, sizeof(*account));
}

static void put_base64(const uint8_t digest[HERALD_SHA256_BYTES], const char *before, char *to, size_t size)
{
	struct herald_builder builder;

	herald_builder_init(&builder, size - 1);
	herald_add(&builder, before);
	herald_add_base64(&builder, digest, HERALD_SHA256_BYTES);
	memcpy(to, builder.data, builder.size + 1);
	herald_builder_done(&builder);
}

enum herald_code acs_sign(const struct acs_account *account, const char *method, const char *path_and_query,
			  struct herald_text body, int64_t now_ms, struct acs_signature *ret_signature,
			  struct herald_field ret_headers[ACS_SIGNED_HEADERS], struct herald_error *err)
{
	struct acs_signature *s = ret_signature;
	uint8_t digest[HERALD_SHA256_BYTES];
	struct herald_builder to_sign;
	struct herald_text text;

	herald_http_date(now_ms, s->date);
	herald_sha256(body.data, body.size, digest);
	put_base64(digest, "", s->content_hash, sizeof(s->content_hash));
	herald_builder_init(&to_sign, 8192);
	herald_addf(&to_sign, "%s\n%s\n%s;%s;%s", method, path_and_query, s->date, account->endpoint.host,
		    s->content_hash);
	enum herald_code code = herald_builder_text(&to_sign, &text, err);
	if (code == HERALD_OK) {
		herald_hmac_sha256(account->key, account->key_size, text.data, text.size, digest);
		put_base64(digest, "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=",
			   s->authorization, sizeof(s->authorization));
		ret_headers[0] = (struct herald_field){"Content-Type", "application/json"};
		ret_headers[1] = (struct herald_field){"x-ms-date", s->date};
		ret_headers[2] = (struct herald_field){"x-ms-content-sha256", s->content_hash};
		ret_headers[3] = (struct herald_field){"Authorization", s->authorization};
	}
	herald_builder_done(&to_sign);
	return code;
}

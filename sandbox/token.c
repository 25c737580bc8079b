/* token.c - makes and reads the tokens of the stand-in.  It keeps nothing: what it must know later is in the
 * token. */
#include "token.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "shape.h"

#include "base/check.h"

static void add_base64url(struct herald_builder *builder, const void *data, size_t size)
{
	struct herald_builder text;

	herald_builder_init(&text, TOKEN_BYTES_MAX);
	herald_add_base64(&text, data, size);
	for (size_t i = 0; i < text.size && text.data[i] != '='; i++) {
		char digit = text.data[i];
		digit = digit == '+' ? '-' : digit == '/' ? '_' : digit;
		herald_add_bytes(builder, &digit, 1);
	}
	herald_builder_done(&text);
}

static void add_signature(struct herald_builder *builder, const char *text, size_t size, const void *key,
			  size_t key_size)
{
	uint8_t digest[HERALD_SHA256_BYTES];

	herald_hmac_sha256(key, key_size, text, size, digest);
	add_base64url(builder, digest, sizeof(digest));
}

void token_make(struct herald_builder *builder, const char *audience, const char *subject, int64_t expires_ms,
		int64_t generation, const void *key, size_t key_size)
{
	static const char HEAD[] = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}";
	struct herald_builder claims;

	herald_builder_init(&claims, TOKEN_BYTES_MAX);
	herald_addf(&claims, "{\"aud\":\"%s\",\"exp\":%lld,\"gen\":%lld,\"sub\":", audience,
		    (long long)(expires_ms / 1000), (long long)generation);
	herald_add_json(&claims, subject);
	herald_add(&claims, "}");
	herald_builder_clear(builder);
	add_base64url(builder, HEAD, sizeof(HEAD) - 1);
	herald_add(builder, ".");
	add_base64url(builder, claims.data, claims.size);
	herald_builder_done(&claims);
	struct herald_builder signature;
	herald_builder_init(&signature, 64);
	add_signature(&signature, builder->data, builder->size, key, key_size);
	herald_addf(builder, ".%s", signature.data);
	herald_builder_done(&signature);
}

/* The claims between the two dots, decoded.  NULL: not ours. */
static json_t *read_claims(const char *start, const char *end)
{
	char padded[TOKEN_BYTES_MAX + 4], claims[TOKEN_BYTES_MAX];
	size_t size = (size_t)(end - start), claims_size = 0;

	if (size >= TOKEN_BYTES_MAX)
		return NULL;
	for (size_t i = 0; i < size; i++)
		padded[i] = start[i] == '-' ? '+' : start[i] == '_' ? '/' : start[i];
	while (size % 4 != 0)
		padded[size++] = '=';
	padded[size] = '\0';
	if (herald_base64_decode(padded, claims, sizeof(claims), &claims_size, NULL) != HERALD_OK)
		return NULL;
	return json_loadb(claims, claims_size, 0, NULL);
}

static enum herald_code check_claims(const json_t *claims, const char *audience, int64_t generation,
				     int64_t now_ms, char ret_subject[TOKEN_SUBJECT_SIZE],
				     struct herald_error *err)
{
	int64_t expires_s = json_integer_value(json_object_get(claims, "exp"));

	if (strcmp(shape_text(claims, "aud"), audience) != 0)
		return herald_fail(err, HERALD_DENIED, "the token is for '%.20s', this is '%s'",
				   shape_text(claims, "aud"), audience);
	if (json_integer_value(json_object_get(claims, "gen")) != generation)
		return herald_fail(err, HERALD_DENIED, "the token was ended by POST /control");
	if (expires_s * 1000 <= now_ms)
		return herald_fail(err, HERALD_DENIED, "the token has expired %lld s ago",
				   (long long)(now_ms / 1000 - expires_s));
	snprintf(ret_subject, TOKEN_SUBJECT_SIZE, "%s", shape_text(claims, "sub"));
	return HERALD_OK;
}

enum herald_code token_check(const char *authorization, const char *audience, int64_t generation,
			     int64_t now_ms, const void *key, size_t key_size,
			     char ret_subject[TOKEN_SUBJECT_SIZE], struct herald_error *err)
{
	struct herald_builder signature;

	if (!authorization || strncmp(authorization, "Bearer ", 7) != 0)
		return herald_fail(err, HERALD_DENIED, "header Authorization: Bearer <token> is missing");
	const char *token = authorization + 7;
	const char *dot = strchr(token, '.'), *last = strrchr(token, '.');
	if (!dot || dot == last)
		return herald_fail(err, HERALD_DENIED, "the bearer token is none that this sandbox gave out");
	herald_builder_init(&signature, 64);
	add_signature(&signature, token, (size_t)(last - token), key, key_size);
	bool is_ours = strcmp(signature.data, last + 1) == 0;
	herald_builder_done(&signature);
	json_t *claims = is_ours ? read_claims(dot + 1, last) : NULL;
	if (!claims)
		return herald_fail(err, HERALD_DENIED,
				   "the bearer token is none that this sandbox gave out (since it started)");
	enum herald_code code = check_claims(claims, audience, generation, now_ms, ret_subject, err);
	json_decref(claims);
	return code;
}

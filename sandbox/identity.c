/* identity.c - ACS Identity: users and their access tokens.  A user is nothing but an id, so none is
 * remembered. */
#include <stdio.h>
#include <string.h>

#include "sandbox.h"
#include "shape.h"
#include "token.h"

#include "base/clock.h"
#include "base/check.h"

static const struct shape_field CREATE[] = {
	{.name = "createTokenWithScopes", .kind = SHAPE_ARRAY, .min = 0, .max = 5},
	{.name = "expiresInMinutes", .kind = SHAPE_INTEGER, .min = 60, .max = 1440},
};
static const struct shape_field ISSUE[] = {
	{.name = "scopes", .kind = SHAPE_ARRAY, .is_required = true, .min = 1, .max = 5},
	{.name = "expiresInMinutes", .kind = SHAPE_INTEGER, .min = 60, .max = 1440},
};

static enum herald_code check_scopes(const json_t *scopes, struct herald_error *err)
{
	static const char *const KNOWN[] = {"chat", "voip", "chat.join", "chat.join.limited", "voip.join"};

	for (size_t i = 0; i < json_array_size(scopes); i++) {
		const char *scope = json_string_value(json_array_get(scopes, i));
		size_t k = 0;
		while (k < countof(KNOWN) && (!scope || strcmp(KNOWN[k], scope) != 0))
			k++;
		if (k == countof(KNOWN))
			return herald_fail(
				err, HERALD_INVALID,
				"scope %zu: must be chat, voip, chat.join, chat.join.limited or voip.join",
				i);
	}
	return HERALD_OK;
}

/* {"token": ..., "expiresOn": ...} */
static json_t *make_token(struct sandbox *sandbox, const struct exchange *exchange, const char *user,
			  const json_t *body)
{
	const json_t *minutes = json_object_get(body, "expiresInMinutes");
	int64_t lifetime_ms = (minutes ? json_integer_value(minutes) : 1440) * INT64_C(60000);
	char expires_on[CLOCK_TEXT_SIZE];
	struct herald_builder token;

	herald_builder_init(&token, TOKEN_BYTES_MAX);
	token_make(&token, "chat", user, exchange->now_ms + lifetime_ms, sandbox->faults.generation,
		   sandbox->process_key, sizeof(sandbox->process_key));
	clock_text(exchange->now_ms + lifetime_ms, expires_on);
	json_t *answer = json_pack("{s:s, s:s}", "token", token.data, "expiresOn", expires_on);
	herald_builder_done(&token);
	return answer;
}

static void identities_post(struct sandbox *sandbox, struct exchange *exchange)
{
	struct herald_error err;
	uint8_t digest[HERALD_SHA256_BYTES];
	char user[128], count[32];
	struct herald_builder hex;

	json_t *body = exchange->body.size ? exchange_json(exchange) : json_object();
	if (!body)
		return;
	const json_t *scopes = json_object_get(body, "createTokenWithScopes");
	if (shape_check(body, CREATE, countof(CREATE), "", &err) != HERALD_OK ||
	    check_scopes(scopes, &err) != HERALD_OK) {
		exchange_refuse(exchange, 400, "ValidationError", "%s", err.text);
		json_decref(body);
		return;
	}
	snprintf(count, sizeof(count), "%lld", (long long)sandbox_number(sandbox, exchange->now_ms));
	herald_hmac_sha256(sandbox->process_key, sizeof(sandbox->process_key), count, strlen(count), digest);
	herald_builder_init(&hex, 64);
	herald_add_hex(&hex, digest, 16);
	snprintf(user, sizeof(user), "8:acs:5a4db0c5-0000-4000-8000-000000000000_%.8s-%.4s-%.4s-%.4s-%.12s",
		 hex.data, hex.data + 8, hex.data + 12, hex.data + 16, hex.data + 20);
	herald_builder_done(&hex);
	json_t *answer = json_pack("{s:{s:s}}", "identity", "id", user);
	if (json_array_size(scopes) > 0)
		json_object_set_new(answer, "accessToken", make_token(sandbox, exchange, user, body));
	exchange_answer_json(exchange, 201, answer);
	json_decref(body);
}

static void issue_post(struct sandbox *sandbox, struct exchange *exchange, const char *user)
{
	struct herald_error err;

	json_t *body = exchange_json(exchange);
	if (!body)
		return;
	if (fault_rejects(&sandbox->faults.service[SERVICE_IDENTITY], user))
		exchange_refuse(exchange, 404, "NotFound", "no such identity");
	else if (shape_check(body, ISSUE, countof(ISSUE), "", &err) != HERALD_OK ||
		 check_scopes(json_object_get(body, "scopes"), &err) != HERALD_OK)
		exchange_refuse(exchange, 400, "ValidationError", "%s", err.text);
	else
		exchange_answer_json(exchange, 200, make_token(sandbox, exchange, user, body));
	json_decref(body);
}

void identity_handle(struct sandbox *sandbox, struct exchange *exchange)
{
	static const char *const ALL[] = {"identities", NULL};
	static const char *const ONE[] = {"identities", "*", NULL};
	static const char *const ISSUE_TOKEN[] = {"identities", "*", ":issueAccessToken", NULL};
	static const char *const REVOKE[] = {"identities", "*", ":revokeAccessTokens", NULL};

	if (exchange_query(exchange, "api-version")[0] == '\0') {
		exchange_refuse(exchange, 400, "MissingApiVersion",
				"the query parameter api-version is missing");
		return;
	}
	if (!sandbox_signed(sandbox, exchange))
		return;
	if (exchange->segment_count > 1 && strncmp(exchange->segment[1], "8:acs:", 6) != 0) {
		exchange_refuse(exchange, 400, "ValidationError",
				"'%.60s' is no ACS user: ids begin with 8:acs:", exchange->segment[1]);
		return;
	}
	if (exchange_is(exchange, "POST", ALL))
		identities_post(sandbox, exchange);
	else if (exchange_is(exchange, "POST", ISSUE_TOKEN))
		issue_post(sandbox, exchange, exchange->segment[1]);
	else if (exchange_is(exchange, "POST", REVOKE) || exchange_is(exchange, "DELETE", ONE))
		exchange_answer(exchange, 204);
	else
		exchange_refuse(exchange, 404, "NotFound",
				"the sandbox knows POST /identities, POST "
				"/identities/{id}/:issueAccessToken, .../:revokeAccessTokens "
				"and DELETE /identities/{id}");
}

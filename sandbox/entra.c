/* entra.c - Entra's token endpoint for client credentials: strict about the form, and the only thing that it
 * gives out is a token for the Bot connector. */
#include <string.h>

#include "sandbox.h"
#include "token.h"

#include "base/check.h"

static void refuse(struct exchange *exchange, unsigned status, const char *error, const char *description)
{
	exchange_answer_json(exchange, status,
			     json_pack("{s:s, s:s}", "error", error, "error_description", description));
}

static bool fits(const char *wanted, const char *given)
{
	return given[0] != '\0' && (wanted[0] == '\0' || strcmp(wanted, given) == 0);
}

/* POST /{tenant}/oauth2/v2.0/token */
void token_handle(struct sandbox *sandbox, struct exchange *exchange)
{
	static const char *const PATH[] = {"*", "oauth2", "v2.0", "token", NULL};
	static const char FORM[] = "application/x-www-form-urlencoded";
	const char *type = exchange->header(exchange, "Content-Type");
	struct herald_builder token;

	if (!exchange_is(exchange, "POST", PATH)) {
		refuse(exchange, 404, "invalid_request",
		       "the token endpoint is POST /{tenant}/oauth2/v2.0/token");
	} else if (!type || strncmp(type, FORM, sizeof(FORM) - 1) != 0) {
		refuse(exchange, 400, "invalid_request",
		       "AADSTS900144: Content-Type must be application/x-www-form-urlencoded");
	} else if (strcmp(exchange_form(exchange, "grant_type"), "client_credentials") != 0) {
		refuse(exchange, 400, "unsupported_grant_type",
		       "AADSTS70003: grant_type must be client_credentials");
	} else if (strcmp(exchange_form(exchange, "scope"), "https://api.botframework.com/.default") != 0) {
		refuse(exchange, 400, "invalid_scope",
		       "AADSTS70011: scope must be https://api.botframework.com/.default");
	} else if (!fits(sandbox->client_id, exchange_form(exchange, "client_id"))) {
		refuse(exchange, 400, "unauthorized_client",
		       "AADSTS700016: no application has this client_id");
	} else if (!fits(sandbox->client_secret, exchange_form(exchange, "client_secret"))) {
		refuse(exchange, 401, "invalid_client",
		       "AADSTS7000215: this is not the application's client_secret");
	} else {
		herald_builder_init(&token, TOKEN_BYTES_MAX);
		token_make(&token, "bot", exchange_form(exchange, "client_id"),
			   exchange->now_ms + sandbox->token_lifetime_s * 1000, sandbox->faults.generation,
			   sandbox->process_key, sizeof(sandbox->process_key));
		exchange_answer_json(exchange, 200,
				     json_pack("{s:s, s:I, s:I, s:s}", "token_type", "Bearer", "expires_in",
					       (json_int_t)sandbox->token_lifetime_s, "ext_expires_in",
					       (json_int_t)sandbox->token_lifetime_s, "access_token",
					       token.data));
		herald_builder_done(&token);
	}
}

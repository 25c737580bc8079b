/* services.c - what all services share: which path is whose, the signature of the ACS ones, numbers and dice.
 */
#include <string.h>

#include "sandbox.h"
#include "signature.h"

#include "base/check.h"

/* splitmix64: good enough to decide which request is hit by a fault. */
uint64_t sandbox_dice(struct sandbox *sandbox)
{
	uint64_t z = (sandbox->dice += UINT64_C(0x9e3779b97f4a7c15));
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

int64_t sandbox_number(struct sandbox *sandbox, int64_t now_ms)
{
	return now_ms * 1000 + sandbox->numbers++ % 1000;
}

bool sandbox_service_of(const struct exchange *exchange, enum service *ret_service, bool *ret_delivers)
{
	const char *first = exchange->segment_count > 0 ? exchange->segment[0] : "";
	const char *second = exchange->segment_count > 1 ? exchange->segment[1] : "";
	const char *last = exchange->segment_count > 0 ? exchange->segment[exchange->segment_count - 1] : "";
	bool is_post = strcmp(exchange->method, "POST") == 0;

	*ret_delivers = false;
	if (strcmp(second, "oauth2") == 0) {
		*ret_service = SERVICE_TOKEN;
	} else if (strcmp(first, "identities") == 0) {
		*ret_service = SERVICE_IDENTITY;
	} else if (strcmp(first, "sms") == 0) {
		*ret_service = SERVICE_SMS;
		*ret_delivers = is_post && exchange->segment_count == 1;
	} else if (strcmp(first, "chat") == 0) {
		*ret_service = SERVICE_CHAT;
		*ret_delivers = is_post && strcmp(last, "messages") == 0;
	} else if (strcmp(first, "v3") == 0 || strcmp(second, "v3") == 0) {
		*ret_service = SERVICE_BOT;
		/* .../conversations/{id}/activities, and a reply to one of them */
		*ret_delivers = is_post && exchange->segment_count > 3;
	} else {
		return false;
	}
	return true;
}

bool sandbox_signed(struct sandbox *sandbox, struct exchange *exchange)
{
	struct herald_error err;
	const struct signature_request request = {
		.method = exchange->method,
		.target = exchange->target,
		.host = exchange->header(exchange, "Host"),
		.date = exchange->header(exchange, "x-ms-date"),
		.content_sha256 = exchange->header(exchange, "x-ms-content-sha256"),
		.authorization = exchange->header(exchange, "Authorization"),
		.body = {exchange->body.data, exchange->body.size},
	};

	if (signature_check(&request, sandbox->access_key, sandbox->access_key_size, exchange->now_ms,
			    &err) == HERALD_OK)
		return true;
	exchange_refuse(exchange, 401, "Denied", "Denied by the resource provider: %s", err.text);
	return false;
}

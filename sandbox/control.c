/* control.c - our own pages: script the faults, ask what arrived.  No service has a path like these. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sandbox.h"

#include "base/check.h"

static void control(struct sandbox *sandbox, struct exchange *exchange)
{
	struct herald_error err;

	if (strcmp(exchange->method, "POST") == 0) {
		json_t *body = exchange_json(exchange);
		if (!body)
			return;
		enum herald_code code = fault_read(&sandbox->faults, body, &err);
		json_decref(body);
		if (code != HERALD_OK) {
			exchange_refuse(exchange, 400, "BadRequest", "%s", err.text);
			return;
		}
	}
	exchange_answer_json(exchange, 200, fault_show(&sandbox->faults));
}

static long long number_of(const char *text, long long otherwise)
{
	char *end;
	long long number = strtoll(text, &end, 10);
	return *text && !*end && number >= 0 ? number : otherwise;
}

static void arrivals(struct sandbox *sandbox, struct exchange *exchange)
{
	enum service service;
	struct ledger_filter filter = {
		.channel = exchange_query(exchange, "channel"),
		.to = exchange_query(exchange, "to"),
		.place = exchange_query(exchange, "conversation"),
		.since = number_of(exchange_query(exchange, "since"), 0),
		.limit = (size_t)number_of(exchange_query(exchange, "limit"), LEDGER_ARRIVALS)};

	if (strcmp(exchange->method, "DELETE") == 0) {
		ledger_clear(sandbox->ledger);
		exchange_answer(exchange, 204);
	} else if (filter.channel[0] && !service_parse(filter.channel, &service)) {
		exchange_refuse(exchange, 400, "BadRequest", "channel: must be bot, chat, sms or email");
	} else {
		ledger_show(sandbox->ledger, &filter, &exchange->answer);
		exchange_answer(exchange, 200);
	}
}

void control_handle(struct sandbox *sandbox, struct exchange *exchange)
{
	static const char *const CONTROL[] = {"control", NULL};
	static const char *const ARRIVALS[] = {"arrivals", NULL};
	static const char *const STATS[] = {"stats", NULL};

	if (exchange_is(exchange, "POST", CONTROL) || exchange_is(exchange, "GET", CONTROL)) {
		control(sandbox, exchange);
	} else if (exchange_is(exchange, "GET", ARRIVALS) || exchange_is(exchange, "DELETE", ARRIVALS)) {
		arrivals(sandbox, exchange);
	} else if (exchange_is(exchange, "GET", STATS)) {
		ledger_stats(sandbox->ledger, &exchange->answer);
		exchange_answer(exchange, 200);
	} else {
		exchange_refuse(
			exchange, 404, "NotFound",
			"%s %.100s: no service of the sandbox has such a path (see herald-sandbox --help)",
			exchange->method, exchange->target);
	}
}

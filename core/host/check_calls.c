/* check_calls.c - calls without a ticket: what they promise about their results, asked with what nobody would
 * send in good faith. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "herald/kit.h"
#include "host/check.h"
#include "host/outcome.h"
#include "base/check.h"

enum { GUARD_BYTES = 256, GUARD_BYTE = 0xA5, METERS_MAX = 64 };

/* --- addresses --- */

struct room {
	char text[ADDRESS_BYTES_MAX];
	unsigned char guard[GUARD_BYTES];
};

static void room_init(struct room *room)
{
	memset(room->text, 0, sizeof(room->text));
	memset(room->guard, GUARD_BYTE, sizeof(room->guard));
}

/* Nothing was written past the first size bytes that were given. */
static bool room_is_whole(const struct room *room, size_t size)
{
	for (size_t i = size; i < sizeof(room->text); i++)
		if (room->text[i] != 0)
			return false;
	for (size_t i = 0; i < GUARD_BYTES; i++)
		if (room->guard[i] != GUARD_BYTE)
			return false;
	return true;
}

static const char *const hostile[] = {
	"",
	" ",
	"\r\n",
	"a\r\nBcc: b@example.org",
	"%n%s%x",
	"\x01\x02\x7F",
	"\xFF\xFE",
	"\xC3",
	"../../etc/passwd",
	"javascript:alert(1)",
	"+",
	"@",
	"a@b@c",
	"8:acs:",
	"https://",
	"{\"json\":1}",
	"-1",
	"0",
};

static bool canonical_is_stable(struct check *check, void *self, const char *canonical, size_t size)
{
	struct room again;
	struct herald_error err = {0};

	room_init(&again);
	return check->plugin->check_address(self, canonical, again.text, size, &err) == HERALD_OK &&
	       strcmp(again.text, canonical) == 0;
}

/* One address into rooms of several sizes.  NULL: it kept its word. */
static const char *address_fault(struct check *check, void *self, const char *address)
{
	static const size_t sizes[] = {ADDRESS_BYTES_MAX, 64, 8, 1};
	const struct herald_plugin *plugin = check->plugin;

	for (size_t i = 0; i < countof(sizes); i++) {
		struct room room;
		struct herald_error err = {0};

		room_init(&room);
		enum herald_code code = plugin->check_address(self, address, room.text, sizes[i], &err);
		if (!room_is_whole(&room, sizes[i]))
			return "wrote past the size that it was given";
		if (code != HERALD_OK)
			continue;
		size_t length = strnlen(room.text, sizes[i]);
		if (length == sizes[i] || length == 0)
			return "said OK and left no whole text";
		if (!herald_utf8_valid(room.text, length))
			return "made a canonical form that is not UTF-8";
		if (!canonical_is_stable(check, self, room.text, sizes[i]))
			return "has a canonical form that is not its own canonical form";
	}
	return NULL;
}

void check_addresses(struct check *check)
{
	const struct herald_plugin *plugin = check->plugin;
	char *endless = arena_alloc(check->arena, ADDRESS_BYTES_MAX * 2);
	const char *fault = NULL, *which = "";

	if (!HERALD_HAS(struct herald_plugin, plugin, check_address) || !plugin->check_address) {
		check_skip(check, "check_address", "the plugin takes any address");
		return;
	}
	void *self = check->instances[0].channel.self;
	memset(endless, 'a', ADDRESS_BYTES_MAX * 2 - 1);
	for (size_t i = 0; i < countof(hostile) && !fault; i++)
		fault = address_fault(check, self, which = hostile[i]);
	if (!fault)
		fault = address_fault(check, self, which = endless);
	check_that(check, !fault, "check_address keeps to its size and to one canonical form%s%s%s%.40s",
		   fault ? ": it " : "", fault ? fault : "", fault ? " for " : "", fault ? which : "");
	if (!HERALD_HAS(struct herald_plugin, plugin, destination) || !plugin->destination) {
		check_skip(check, "destination", "the channel is one destination");
		return;
	}
	bool is_whole = true;
	for (size_t i = 0; i < countof(hostile); i++) {
		struct room room;
		room_init(&room);
		plugin->destination(self, hostile[i], (struct herald_text){"", 0}, room.text, 8);
		is_whole = is_whole && room_is_whole(&room, 8) && memchr(room.text, 0, 8);
	}
	check_that(check, is_whole, "destination keeps to its size");
}

/* --- answers --- */

static const char *const bodies[] = {
	"",
	"{}",
	"[]",
	"null",
	"\"text\"",
	"{",
	"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
	"\xFF\xFE\xFD",
	"<html>no</html>",
	"{\"error\":{\"code\":\"x\",\"message\":\"y\"}}",
	"{\"error\":null}",
	"{\"error\":[1,2]}",
	"{\"value\":[null]}",
	"{\"value\":[{\"to\":null,\"httpStatusCode\":\"x\"}]}",
	"{\"id\":12}",
	"{\"id\":\"\"}",
};

static void answer_fill(struct herald_http_reply *reply, uint32_t failure, int32_t status, const char *body)
{
	static const struct herald_field headers[] = {
		{"Content-Type", "application/json"}, {"Retry-After", "-1"}, {"X-Odd", ""}};

	*reply = (struct herald_http_reply){
		.struct_size = sizeof(*reply),
		.failure = failure,
		.status = status,
		.headers = headers,
		.header_count = failure == HERALD_HTTP_ANSWERED ? countof(headers) : 0,
		.body = {body, strlen(body)},
		.error = failure == HERALD_HTTP_ANSWERED ? "" : "made up",
	};
}

static void read_once(struct check *check, void *self, const struct herald_http_reply *reply,
		      struct outcome_slip *ret_slip)
{
	outcome_slip_init(ret_slip);
	check->plugin->classify(self, reply, &ret_slip->outcome);
}

static bool verdict_fits(uint32_t failure, int32_t status, uint32_t verdict)
{
	if (verdict < HERALD_DELIVERED || verdict > HERALD_MISCONFIGURED)
		return false;
	bool has_arrived = verdict == HERALD_DELIVERED || verdict == HERALD_SENT;
	switch ((enum herald_http_failure)failure) {
	case HERALD_HTTP_ANSWERED:
		return status < 500 || !has_arrived;
	case HERALD_HTTP_NOT_SENT:
	case HERALD_HTTP_TOKEN:
		return verdict == HERALD_DEFERRED || verdict == HERALD_THROTTLED ||
		       verdict == HERALD_MISCONFIGURED;
	case HERALD_HTTP_LOST:
		/* DEFERRED is for a plugin that looks, before it sends again, whether it arrived. */
		return verdict == HERALD_UNCERTAIN || verdict == HERALD_DEFERRED;
	}
	return false;
}

static const char *answer_fault(struct check *check, uint32_t failure, int32_t status, const char *body)
{
	struct outcome_slip first, second;
	struct herald_http_reply reply;

	answer_fill(&reply, failure, status, body);
	read_once(check, check->instances[0].channel.self, &reply, &first);
	read_once(check, check->instances[1].channel.self, &reply, &second);
	if (!outcome_slip_is_whole(&first) || !outcome_slip_is_whole(&second))
		return "wrote past the end of its outcome";
	if (!memchr(first.outcome.reason, 0, sizeof(first.outcome.reason)) ||
	    !memchr(first.outcome.status, 0, sizeof(first.outcome.status)) ||
	    !memchr(first.outcome.provider_ref, 0, sizeof(first.outcome.provider_ref)))
		return "left a text without its end";
	if (first.outcome.verdict != second.outcome.verdict ||
	    strcmp(first.outcome.reason, second.outcome.reason) != 0)
		return "read the same answer in two ways: it must be pure";
	if (!verdict_fits(failure, status, first.outcome.verdict))
		return "gave a verdict that the failure forbids";
	return NULL;
}

void check_answers(struct check *check)
{
	static const uint32_t failures[] = {HERALD_HTTP_NOT_SENT, HERALD_HTTP_LOST, HERALD_HTTP_TOKEN};
	const char *fault = NULL;
	int32_t status = 0;

	if (!HERALD_HAS(struct herald_plugin, check->plugin, classify) || !check->plugin->classify) {
		check_skip(check, "classify", "the host's table is used");
		return;
	}
	for (size_t i = 0; i < countof(failures) && !fault; i++)
		fault = answer_fault(check, failures[i], 0, "");
	check_that(check, !fault, "classify: what was not sent or lost is not delivered, nor refused%s%s",
		   fault ? ": it " : "", fault ? fault : "");
	char *long_body = arena_alloc(check->arena, 64 * 1024 + 1);
	memset(long_body, '[', 64 * 1024);
	fault = NULL;
	for (status = 200; status < 600 && !fault; status++) {
		for (size_t i = 0; i < countof(bodies) && !fault; i++)
			fault = answer_fault(check, HERALD_HTTP_ANSWERED, status, bodies[i]);
		if (!fault && status % 100 < 2)
			fault = answer_fault(check, HERALD_HTTP_ANSWERED, status, long_body);
	}
	check_that(check, !fault, "classify reads every status with every body, and twice the same%s%s",
		   fault ? ": it " : "", fault ? fault : "");
	if (fault)
		printf("       at status %d\n", (int)status - 1);
}

/* --- meters --- */

void check_meters(struct check *check)
{
	const struct herald_plugin *plugin = check->plugin;
	double values[METERS_MAX + 1];

	if (plugin->meter_count == 0 || !HERALD_HAS(struct herald_plugin, plugin, telemetry) ||
	    !plugin->telemetry) {
		check_skip(check, "telemetry", "no meters");
		return;
	}
	for (size_t i = 0; i < countof(values); i++)
		values[i] = -12345.0;
	plugin->telemetry(check->instances[0].channel.self, values);
	bool is_good = true;
	for (size_t i = 0; i < plugin->meter_count; i++)
		is_good = is_good && isfinite(values[i]) && values[i] != -12345.0;
	for (size_t i = plugin->meter_count; i < countof(values); i++)
		is_good = is_good && values[i] == -12345.0;
	check_that(check, is_good, "telemetry fills one finite value per meter");
}

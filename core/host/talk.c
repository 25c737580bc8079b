/* talk.c - is this an address, where does it belong, what do your meters say. */
#include "host/talk.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "herald/kit.h"
#include "base/check.h"

enum { GUARD_BYTES = 256, GUARD_BYTE = 0xA5, METERS_MAX = 64 };

/* Lent to a plugin for writing at most size bytes; what it writes behind them is seen. */
struct slip {
	char text[ADDRESS_BYTES_MAX];
	unsigned char guard[GUARD_BYTES];
	struct herald_error err;
	unsigned char err_guard[GUARD_BYTES];
};

static void slip_init(struct slip *slip)
{
	memset(slip, 0, sizeof(*slip));
	memset(slip->guard, GUARD_BYTE, sizeof(slip->guard));
	memset(slip->err_guard, GUARD_BYTE, sizeof(slip->err_guard));
}

static bool guard_is_whole(const unsigned char *guard)
{
	for (size_t i = 0; i < GUARD_BYTES; i++)
		if (guard[i] != GUARD_BYTE)
			return false;
	return true;
}

/* Its text ends, is UTF-8, and nothing was written past it. */
static bool slip_is_whole(struct herald_channel *channel, const char *call, struct slip *slip)
{
	bool is_whole = guard_is_whole(slip->guard) && guard_is_whole(slip->err_guard);

	if (!is_whole)
		channel_log(channel, HERALD_FAULT, "wrote_past", "%s wrote past the end of what it was given",
			    call);
	slip->err.text[sizeof(slip->err.text) - 1] = '\0';
	size_t length = strnlen(slip->text, sizeof(slip->text));
	return is_whole && length < sizeof(slip->text) && herald_utf8_valid(slip->text, length);
}

static enum herald_code canonical_ask(struct herald_channel *channel, const char *address, struct slip *slip)
{
	const struct herald_plugin *plugin = channel->plugin;

	slip_init(slip);
	if (!HERALD_HAS(struct herald_plugin, plugin, check_address) || !plugin->check_address) {
		snprintf(slip->text, sizeof(slip->text), "%s", address);
		return HERALD_OK;
	}
	enum herald_code code =
		plugin->check_address(channel->self, address, slip->text, sizeof(slip->text), &slip->err);
	if (!slip_is_whole(channel, "check_address", slip) || (code == HERALD_OK && !slip->text[0]))
		return herald_fail(&slip->err, HERALD_BUG, "the plugin's answer makes no sense");
	return code;
}

static void destination_ask(struct herald_channel *channel, const char *canonical, struct slip *slip)
{
	const struct herald_plugin *plugin = channel->plugin;

	slip_init(slip);
	if (!HERALD_HAS(struct herald_plugin, plugin, destination) || !plugin->destination)
		return;
	plugin->destination(channel->self, canonical, (struct herald_text){"", 0}, slip->text,
			    sizeof(slip->text));
	if (!slip_is_whole(channel, "destination", slip))
		slip->text[0] = '\0';
}

struct wire_checked talk_check_address(struct herald_channel *channel, const char *address,
				       struct arena *arena)
{
	struct slip slip;
	struct wire_checked checked = {.canonical = "", .destination = "", .text = ""};
	enum herald_code code = canonical_ask(channel, address, &slip);

	checked.code = (uint32_t)code;
	if (code != HERALD_OK) {
		checked.text = arena_text(arena, slip.err.text[0] ? slip.err.text
								  : "not an address of this channel");
		return checked;
	}
	checked.canonical = arena_text(arena, slip.text);
	destination_ask(channel, checked.canonical, &slip);
	checked.destination = arena_text(arena, slip.text);
	return checked;
}

static void check_answer(struct herald_channel *channel, const struct frame *frame)
{
	struct arena *arena = arena_new();
	struct herald_text address;
	uint64_t number;
	struct herald_error err = {0};
	struct wire_checked checked = {
		.code = HERALD_INVALID, .canonical = "", .destination = "", .text = ""};

	if (wire_note_read(frame, arena, &number, &address, &err) != HERALD_OK)
		checked.text = err.text;
	else if (address.size >= ADDRESS_BYTES_MAX || strlen(address.data) != address.size)
		checked.text = "longer than an address may be, or with a 0 in it";
	else
		checked = talk_check_address(channel, address.data, arena);
	wire_checked_write(outbox_open(channel->talk), frame->sequence, &checked);
	outbox_close(channel->talk);
	arena_free(arena);
}

static void meters_answer(struct herald_channel *channel, const struct frame *frame)
{
	const struct herald_plugin *plugin = channel->plugin;
	double values[METERS_MAX] = {0};

	CHECK(plugin->meter_count <= countof(values));
	if (plugin->meter_count > 0 && HERALD_HAS(struct herald_plugin, plugin, telemetry) &&
	    plugin->telemetry)
		plugin->telemetry(channel->self, values);
	wire_meters_write(outbox_open(channel->talk), frame->sequence, values, plugin->meter_count);
	outbox_close(channel->talk);
}

void talk_answer(struct herald_channel *channel, const struct frame *frame)
{
	if (frame->type == FRAME_CHECK)
		check_answer(channel, frame);
	else if (frame->type == FRAME_TELEMETRY)
		meters_answer(channel, frame);
}

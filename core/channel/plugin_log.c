/* plugin_log.c - a bucket of lines per process, so that a plugin that talks without end costs a bounded share
 * of the log and of our time. */
#include "channel/plugin_log.h"

#include <string.h>

#include "herald/kit.h"
#include "telemetry/event.h"
#include "wire/message.h"
#include "base/check.h"

void plugin_log_init(struct plugin_log *log, const char *channel, int64_t now_ms)
{
	*log = (struct plugin_log){.channel = channel, .filled_at_ms = now_ms, .left = PLUGIN_LOG_BURST};
}

static void say_held_back(struct plugin_log *log)
{
	if (log->held_back == 0)
		return;
	event_emit_at(EVENT_plugin_log, EVENT_WARNING,
		      (struct event_field[]){
			      EVENT_TEXT("channel", log->channel),
			      EVENT_TEXT("said", "held_back"),
			      EVENT_INT("lines", (int64_t)log->held_back),
		      },
		      3);
	log->held_back = 0;
}

/* May one more be said? */
static bool admit(struct plugin_log *log, int64_t now_ms)
{
	int64_t more = (now_ms - log->filled_at_ms) * PLUGIN_LOG_PER_SECOND / 1000;

	if (more > 0) {
		log->left = more < PLUGIN_LOG_BURST - (int64_t)log->left ? log->left + (uint32_t)more
									 : PLUGIN_LOG_BURST;
		log->filled_at_ms = now_ms;
		say_held_back(log);
	}
	if (log->left == 0) {
		log->held_back++;
		return false;
	}
	log->left--;
	return true;
}

enum herald_code plugin_log_frame(struct plugin_log *log, const struct frame *frame, struct arena *scratch,
				  int64_t now_ms, struct herald_error *err)
{
	struct event_field fields[WIRE_LOG_FIELDS_MAX + 2];
	struct wire_log said;
	size_t count = 0;

	if (!admit(log, now_ms))
		return HERALD_OK;

	enum herald_code code = wire_log_read(frame, scratch, &said, err);
	if (code != HERALD_OK)
		return code;

	fields[count++] = EVENT_TEXT("channel", log->channel);
	fields[count++] = EVENT_TEXT("said", said.event);
	/* A plugin's field is told from ours by its name. */
	for (size_t i = 0; i < said.field_count; i++)
		fields[count++] = EVENT_TEXT(arena_printf(scratch, "plugin.%s", said.fields[i].name),
					     said.fields[i].value);
	event_emit_at(EVENT_plugin_log,
		      said.level >= EVENT_DEBUG && said.level <= EVENT_FAULT ? (enum event_level)said.level
									     : EVENT_INFO,
		      fields, count);
	return HERALD_OK;
}

static void say_line(struct plugin_log *log, int64_t now_ms)
{
	size_t size = log->line_size;

	log->line_size = 0;
	if (size == 0 || !admit(log, now_ms))
		return;
	log->line[size] = '\0';
	bool is_valid = herald_utf8_valid(log->line, size);
	for (size_t i = 0; i < size; i++) {
		unsigned char c = (unsigned char)log->line[i];
		if (c < 0x20 || c == 0x7f || (c >= 0x80 && !is_valid))
			log->line[i] = '?';
	}
	event_emit_at(EVENT_plugin_log, EVENT_WARNING,
		      (struct event_field[]){
			      EVENT_TEXT("channel", log->channel),
			      EVENT_TEXT("said", "output"),
			      EVENT_TEXT("text", log->line),
		      },
		      3);
}

void plugin_log_output(struct plugin_log *log, const char *data, size_t size, int64_t now_ms)
{
	for (size_t i = 0; i < size; i++) {
		if (data[i] == '\n' || data[i] == '\0')
			say_line(log, now_ms);
		else if (log->line_size < sizeof(log->line) - 1) /* the rest of a long line is dropped */
			log->line[log->line_size++] = data[i];
	}
}

void plugin_log_end(struct plugin_log *log, int64_t now_ms)
{
	say_line(log, now_ms);
	say_held_back(log);
}

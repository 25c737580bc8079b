/* event.c - counts events, holds back what comes too fast, and writes the rest, one line in one write.
 *
 * This room and metric.c are the two that keep state at file scope: what they keep is the process's, as its
 * standard error is.  A line is at most PIPE_BUF long, so that the lines of several processes that share a
 * pipe do not mix, and a reader that stopped reading costs one short wait, then lines, and never the daemon's
 * time. */
#include "telemetry/event.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "telemetry/metric.h"
#include "telemetry/private.h"
#include "base/check.h"

enum { WRITE_WAIT_MS = 200 };

_Static_assert(EVENT_LINE_BYTES_MAX <= PIPE_BUF, "a line must go into a pipe whole");

struct event_description {
	const char *name, *sentence;
	enum event_level level;
};

static const struct event_description descriptions[EVENT_KIND_COUNT] = {
#define X(name_, level_, sentence_) [EVENT_##name_] = {#name_, sentence_, EVENT_##level_},
	EVENT_TABLE(X)
#undef X
};

struct kind_rate {
	int64_t second; /* monotonic */
	uint32_t lines; /* written in it */
	uint64_t suppressed;
};

static struct {
	pthread_mutex_t lock; /* settings and rates; never held while writing */
	pthread_mutex_t writing;
	struct event_settings settings;
	bool is_open, is_json;
	struct kind_rate rates[EVENT_KIND_COUNT];
	bool is_stuck; /* under writing: the reader of the log stopped reading */
} log_state = {.lock = PTHREAD_MUTEX_INITIALIZER, .writing = PTHREAD_MUTEX_INITIALIZER};

const char *event_name(enum event_kind kind)
{
	CHECK((unsigned)kind < EVENT_KIND_COUNT);
	return descriptions[kind].name;
}

const char *event_sentence(enum event_kind kind)
{
	CHECK((unsigned)kind < EVENT_KIND_COUNT);
	return descriptions[kind].sentence;
}

enum event_level event_level_of(enum event_kind kind)
{
	CHECK((unsigned)kind < EVENT_KIND_COUNT);
	return descriptions[kind].level;
}

static const char *const level_names[] = {
	[EVENT_DEBUG] = "debug",     [EVENT_INFO] = "info",   [EVENT_NOTICE] = "notice",
	[EVENT_WARNING] = "warning", [EVENT_FAULT] = "fault",
};

const char *event_level_name(enum event_level level)
{
	CHECK(level >= EVENT_DEBUG && level <= EVENT_FAULT);
	return level_names[level];
}

bool event_level_parse(const char *text, enum event_level *ret_level)
{
	for (size_t i = EVENT_DEBUG; i < countof(level_names); i++) {
		if (strcmp(text, level_names[i]) == 0) {
			*ret_level = (enum event_level)i;
			return true;
		}
	}
	return false;
}

bool event_format_parse(const char *text, enum event_format *ret_format)
{
	static const char *const names[] = {
		[EVENT_FORMAT_AUTO] = "auto", [EVENT_FORMAT_JSON] = "json", [EVENT_FORMAT_TEXT] = "text"};
	for (size_t i = 0; i < countof(names); i++) {
		if (strcmp(text, names[i]) == 0) {
			*ret_format = (enum event_format)i;
			return true;
		}
	}
	return false;
}

/* The lock is held. */
static void settings_take(const struct event_settings *settings)
{
	log_state.settings = *settings;
	if (log_state.settings.fd == 0)
		log_state.settings.fd = STDERR_FILENO;
	if (log_state.settings.level == 0)
		log_state.settings.level = EVENT_INFO;
	log_state.is_json = settings->format == EVENT_FORMAT_JSON ||
			    (settings->format == EVENT_FORMAT_AUTO && isatty(log_state.settings.fd) == 0);
	log_state.is_open = true;
}

void event_open(const struct event_settings *settings)
{
	pthread_mutex_lock(&log_state.lock);
	settings_take(settings);
	pthread_mutex_unlock(&log_state.lock);
}

/* May a line of this kind be written now?  True takes its place, and what was held back before it. */
static bool rate_admit(struct kind_rate *rate, int64_t second, uint64_t *ret_suppressed)
{
	if (rate->second != second) {
		rate->second = second;
		rate->lines = 0;
	}
	if (rate->lines >= EVENT_LINES_PER_SECOND_MAX) {
		rate->suppressed++;
		return false;
	}
	rate->lines++;
	*ret_suppressed = rate->suppressed;
	rate->suppressed = 0;
	return true;
}

/* What is written goes out whole or is lost whole, except on a file system that is full. */
static bool line_write(int fd, const struct event_line *line)
{
	struct pollfd ready = {.fd = fd, .events = POLLOUT};
	ssize_t written = -1;
	pthread_mutex_lock(&log_state.writing);
	int polled = poll(&ready, 1, log_state.is_stuck ? 0 : WRITE_WAIT_MS);
	log_state.is_stuck = polled == 0;
	if (polled != 0) {
		do
			written = write(fd, line->data, line->size);
		while (written < 0 && errno == EINTR);
	}
	pthread_mutex_unlock(&log_state.writing);
	return written == (ssize_t)line->size;
}

void event_emit_at(enum event_kind kind, enum event_level level, const struct event_field *fields,
		   size_t count)
{
	metric_add(METRIC_events, METRIC_LABELS(event_name(kind)), 1);

	struct event_head head = {.at_ms = clock_wall_ms(), .kind = kind, .level = level};
	pthread_mutex_lock(&log_state.lock);
	if (!log_state.is_open)
		settings_take(&(struct event_settings){0});
	bool is_wanted = level >= log_state.settings.level;
	bool is_admitted =
		is_wanted && rate_admit(&log_state.rates[kind], clock_mono_ms() / 1000, &head.suppressed);
	int fd = log_state.settings.fd;
	bool is_json = log_state.is_json;
	head.program = log_state.settings.program;
	pthread_mutex_unlock(&log_state.lock);

	if (is_admitted) {
		struct event_line line;
		event_ring_put(&head, fields, count);
		if (is_json)
			event_line_json(&line, &head, fields, count);
		else
			event_line_text(&line, &head, fields, count);
		is_admitted = line_write(fd, &line);
	}
	if (is_wanted && !is_admitted)
		metric_add(METRIC_events_unwritten, METRIC_NO_LABELS, 1);
}

void event_emit(enum event_kind kind, const struct event_field *fields, size_t count)
{
	event_emit_at(kind, event_level_of(kind), fields, count);
}

void event_flush(void)
{
	for (int kind = 0; kind < EVENT_KIND_COUNT; kind++) {
		pthread_mutex_lock(&log_state.lock);
		uint64_t suppressed = log_state.rates[kind].suppressed;
		log_state.rates[kind].suppressed = 0;
		pthread_mutex_unlock(&log_state.lock);
		if (suppressed > 0)
			event(EVENT_events_suppressed, EVENT_TEXT("of", event_name((enum event_kind)kind)),
			      EVENT_INT("count", (int64_t)suppressed));
	}
}

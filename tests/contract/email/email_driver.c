/* email_driver.c - a host with one plugin and no Herald behind it: loads a channel plugin, gives it messages
 *from several worker threads, and prints what it did with them.
 *
 *	email_driver PLUGIN.so < job.json > events.jsonl
 *
 * job: {"options": {name: value}, "messages": [{...}], "batch": n, "workers": n, "refuse": [index]}.
 *Durations and sizes are numbers (ms, bytes).  Events, one a line: on_wire, complete, log, meters,
 *open_failed, closed. */
#include <dlfcn.h>
#include <jansson.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "herald/channel.h"

struct herald_ticket {
	size_t index;
	bool is_refused;
	int on_wire, completed;
};

struct driver {
	const struct herald_plugin *plugin;
	void *self;
	const struct herald_job **jobs;
	size_t count, batch, next;
	pthread_mutex_t mutex;
	struct timespec begin;
};

/* The host's calls carry no context, and this program is one host. */
static struct driver driver = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static long since_begin_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - driver.begin.tv_sec) * 1000 + (now.tv_nsec - driver.begin.tv_nsec) / 1000000;
}

static void print_event(json_t *event)
{
	json_object_set_new(event, "ms", json_integer(since_begin_ms()));
	char *line = json_dumps(event, JSON_COMPACT | JSON_ENSURE_ASCII);
	pthread_mutex_lock(&driver.mutex);
	puts(line);
	fflush(stdout);
	pthread_mutex_unlock(&driver.mutex);
	free(line);
	json_decref(event);
}

static int64_t now_ms(void)
{
	return (int64_t)time(NULL) * 1000;
}

static void on_log(struct herald_channel *channel, uint32_t level, const char *event,
		   const struct herald_field *fields, size_t count)
{
	(void)channel, (void)level, (void)fields, (void)count;
	print_event(json_pack("{s:s, s:s}", "event", "log", "name", event));
}

static void on_complete(struct herald_ticket *ticket, const struct herald_outcome *outcome)
{
	pthread_mutex_lock(&driver.mutex);
	int times = ++ticket->completed;
	pthread_mutex_unlock(&driver.mutex);
	print_event(json_pack("{s:s, s:I, s:I, s:s, s:s%, s:s, s:I, s:i}", "event", "complete", "index",
			      (json_int_t)ticket->index, "verdict", (json_int_t)outcome->verdict, "status",
			      outcome->status, "reason", outcome->reason, strlen(outcome->reason), "ref",
			      outcome->provider_ref, "retry_after_ms", (json_int_t)outcome->retry_after_ms,
			      "times", times));
}

/* As the host's: a second question for the same ticket is a conflict. */
static enum herald_code on_wire(struct herald_ticket *ticket)
{
	pthread_mutex_lock(&driver.mutex);
	int times = ++ticket->on_wire;
	pthread_mutex_unlock(&driver.mutex);
	print_event(json_pack("{s:s, s:I, s:b}", "event", "on_wire", "index", (json_int_t)ticket->index,
			      "refused", ticket->is_refused));
	return ticket->is_refused || times > 1 ? HERALD_CONFLICT : HERALD_OK;
}

static const struct herald_host host = {
	.struct_size = sizeof(host),
	.abi = HERALD_ABI,
	.now_ms = now_ms,
	.log = on_log,
	.complete = on_complete,
	.on_wire = on_wire,
};

/* "60s", "11m", "10MiB", "100": number and unit. */
static int64_t read_quantity(const char *text)
{
	static const struct {
		const char *unit;
		int64_t factor;
	} units[] = {{"", 1},        {"ms", 1},        {"s", 1000},     {"m", 60000},
		     {"h", 3600000}, {"KiB", 1 << 10}, {"MiB", 1 << 20}};
	char *unit;
	int64_t value = strtoll(text, &unit, 10);

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strcmp(unit, units[i].unit) == 0)
			return value * units[i].factor;
	fprintf(stderr, "no quantity: %s\n", text);
	exit(2);
}

static void set_option(void *config, const struct herald_option *option, const json_t *given)
{
	char *at = (char *)config + option->offset;
	const char *text = given ? json_string_value(given) : option->fallback;

	switch ((enum herald_option_type)option->type) {
	case HERALD_OPTION_TEXT:
		*(const char **)(void *)at = text ? text : "";
		break;
	case HERALD_OPTION_SECRET:
		((herald_secret *)(void *)at)->value = text ? text : "";
		break;
	case HERALD_OPTION_BOOL:
		*(bool *)at = given ? json_is_true(given) : text && strcmp(text, "true") == 0;
		break;
	case HERALD_OPTION_INT:
	case HERALD_OPTION_DURATION:
	case HERALD_OPTION_SIZE:
		*(int64_t *)(void *)at = given ? (int64_t)json_integer_value(given) : read_quantity(text);
		break;
	case HERALD_OPTION_LIST:
		break;
	}
}

static void *config_of(const struct herald_plugin *plugin, const json_t *given)
{
	void *config = calloc(1, plugin->config_size);

	for (size_t i = 0; i < plugin->option_count; i++) {
		const struct herald_option *option =
			(const void *)((const char *)plugin->options + i * plugin->option_size);

		set_option(config, option, json_object_get(given, option->name));
	}
	return config;
}

static const char *text_in(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "";
}

static struct herald_text words_in(const json_t *object, const char *name)
{
	const char *text = text_in(object, name);

	return (struct herald_text){text, strlen(text)};
}

static const struct herald_job *job_of(const json_t *given, size_t index, bool is_refused)
{
	struct herald_message *message = calloc(1, sizeof(*message));
	struct herald_ticket *ticket = calloc(1, sizeof(*ticket));
	struct herald_job *job = calloc(1, sizeof(*job));
	const json_t *headers = json_object_get(given, "headers");
	struct herald_field *fields = calloc(json_array_size(headers) + 1, sizeof(*fields));

	for (size_t i = 0; i < json_array_size(headers); i++) {
		fields[i].name = json_string_value(json_array_get(json_array_get(headers, i), 0));
		fields[i].value = json_string_value(json_array_get(json_array_get(headers, i), 1));
	}
	*message = (struct herald_message){
		.struct_size = sizeof(*message),
		.delivery_id = text_in(given, "delivery_id"),
		.tenant = "default",
		.category = "test",
		.recipient = "r",
		.correlation_id = "",
		.traceparent = "",
		.attempt = 1,
		.priority = HERALD_NORMAL,
		.first_attempt_at_ms = 1795492482000,
		.expires_at_ms = INT64_MAX,
		.address = text_in(given, "address"),
		.name = text_in(given, "name"),
		.locale = "en",
		.subject = text_in(given, "subject"),
		.text = words_in(given, "text"),
		.html = words_in(given, "html"),
		.card = {"", 0},
		.json = {"", 0},
		.memory = {"", 0},
		.reply_to = text_in(given, "reply_to"),
		.from_name = text_in(given, "from_name"),
		.headers = fields,
		.header_count = json_array_size(headers),
		.part_size = sizeof(struct herald_part),
	};
	*ticket = (struct herald_ticket){.index = index, .is_refused = is_refused};
	*job = (struct herald_job){message, ticket};
	return job;
}

static void *work(void *argument)
{
	(void)argument;
	for (;;) {
		pthread_mutex_lock(&driver.mutex);
		size_t first = driver.next;
		size_t count = driver.count - first < driver.batch ? driver.count - first : driver.batch;
		driver.next += count;
		pthread_mutex_unlock(&driver.mutex);
		if (count == 0)
			return NULL;
		driver.plugin->send_batch(driver.self, driver.jobs + first, count);
	}
}

static bool is_in(const json_t *list, size_t index)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		if ((size_t)json_integer_value(json_array_get(list, i)) == index)
			return true;
	return false;
}

static void send_all(const json_t *job)
{
	enum { WORKERS_MAX = 64 };
	const json_t *messages = json_object_get(job, "messages");
	size_t workers = (size_t)json_integer_value(json_object_get(job, "workers"));
	pthread_t threads[WORKERS_MAX];

	driver.count = json_array_size(messages);
	driver.batch = (size_t)json_integer_value(json_object_get(job, "batch"));
	if (driver.batch == 0 || driver.batch > driver.plugin->batch_max)
		driver.batch = driver.plugin->batch_max;
	driver.jobs = calloc(driver.count + 1, sizeof(const struct herald_job *));
	for (size_t i = 0; i < driver.count; i++)
		driver.jobs[i] =
			job_of(json_array_get(messages, i), i, is_in(json_object_get(job, "refuse"), i));
	workers = workers == 0 ? 1 : workers > WORKERS_MAX ? WORKERS_MAX : workers;
	for (size_t i = 0; i < workers; i++)
		pthread_create(&threads[i], NULL, work, NULL);
	for (size_t i = 0; i < workers; i++)
		pthread_join(threads[i], NULL);
}

static void print_meters(void)
{
	double values[16] = {0};
	json_t *event = json_pack("{s:s}", "event", "meters");

	driver.plugin->telemetry(driver.self, values);
	for (size_t i = 0; i < driver.plugin->meter_count && i < 16; i++)
		json_object_set_new(event, driver.plugin->meters[i].name, json_real(values[i]));
	print_event(event);
}

static void free_all(void)
{
	for (size_t i = 0; i < driver.count; i++) {
		const struct herald_job *job = driver.jobs[i];

		free((void *)(uintptr_t)job->message->headers);
		free((void *)(uintptr_t)job->message);
		free(job->ticket);
		free((void *)(uintptr_t)job);
	}
	free(driver.jobs);
}

int main(int argc, char **argv)
{
	const struct herald_plugin *(*table)(void);
	struct herald_error err = {0};
	json_error_t where;

	if (argc != 2)
		return 2;
	json_t *job = json_loadf(stdin, 0, &where);
	void *library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
	if (!job || !library) {
		fprintf(stderr, "%s\n", job ? dlerror() : where.text);
		return 2;
	}
	*(void **)&table = dlsym(library, "herald_channel_v1");
	driver.plugin = table();
	clock_gettime(CLOCK_MONOTONIC, &driver.begin);
	void *config = config_of(driver.plugin, json_object_get(job, "options"));
	if (driver.plugin->open(&host, NULL, config, &driver.self, &err) != HERALD_OK) {
		print_event(json_pack("{s:s, s:s}", "event", "open_failed", "error", err.text));
	} else {
		send_all(job);
		print_meters();
		driver.plugin->close(driver.self);
		print_event(json_pack("{s:s}", "event", "closed"));
		free_all();
	}
	free(config);
	json_decref(job);
	return 0;
}

/* fake_host.c - see fake_host.h.  Invariant: it is as strict as the real host about what a plugin may do with
 * a ticket, so that a test fails where production would count a defect. */
#include "fake_host.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "herald/kit.h"

struct herald_ticket {
	struct fake_host *fake;
	struct herald_job job;
	struct herald_outcome outcome;
	bool is_spent, is_taken_back;
	char memory[1024];
};

struct herald_channel {
	int unused;
};

struct fake_host {
	const struct herald_plugin *plugin;
	void *self;
	char *config;
	char *texts[64];
	size_t text_count;
	const char **lists[8];
	size_t list_count;
	struct herald_channel channel;
	struct herald_ticket tickets[FAKE_TICKETS_MAX];
	size_t ticket_count;
	struct fake_request requests[FAKE_REQUESTS_MAX];
	size_t request_count;
	enum herald_code refuse_requests, refuse_memory;
	size_t spent_twice;
};

static int64_t fake_now_ms; /* now_ms has no argument */

static void insist(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "fake_host: %s\n", what);
	abort();
}

static int64_t host_now_ms(void)
{
	return fake_now_ms;
}

static void host_log(struct herald_channel *channel, uint32_t level, const char *event,
		     const struct herald_field *fields, size_t field_count)
{
	(void)channel;
	(void)level;
	(void)event;
	(void)fields;
	(void)field_count;
}

static void host_complete(struct herald_ticket *ticket, const struct herald_outcome *outcome)
{
	if (ticket->is_spent) {
		ticket->fake->spent_twice++;
		return;
	}
	insist(outcome->verdict >= HERALD_DELIVERED && outcome->verdict <= HERALD_MISCONFIGURED,
	       "no such verdict");
	insist(outcome->reason[0] != '\0' && outcome->status[0] != '\0', "status and reason are never empty");
	insist(herald_utf8_valid(outcome->reason, strlen(outcome->reason)), "a reason is UTF-8");
	ticket->outcome = *outcome;
	ticket->is_spent = true;
}

static void copy_token(struct fake_request *to, const struct herald_token *token)
{
	if (!token)
		return;
	to->has_token = true;
	snprintf(to->token.url, sizeof(to->token.url), "%s", token->url);
	snprintf(to->token.client_id, sizeof(to->token.client_id), "%s", token->client_id);
	snprintf(to->token.client_secret, sizeof(to->token.client_secret), "%s", token->client_secret.value);
	snprintf(to->token.scope, sizeof(to->token.scope), "%s", token->scope);
}

static enum herald_code host_http_send(struct herald_ticket *const *tickets, size_t count,
				       const struct herald_http_request *request, struct herald_error *err)
{
	struct fake_host *fake = tickets[0]->fake;

	if (fake->refuse_requests != HERALD_OK)
		return herald_fail(err, fake->refuse_requests, "refused by the test");
	for (size_t i = 0; i < count; i++)
		if (tickets[i]->is_spent || tickets[i]->is_taken_back)
			return herald_fail(err, HERALD_CONFLICT, "a ticket was taken back");
	insist(fake->request_count < FAKE_REQUESTS_MAX && request->header_count <= FAKE_HEADERS_MAX,
	       "too many");
	struct fake_request *to = &fake->requests[fake->request_count++];
	to->method = strdup(request->method);
	to->url = strdup(request->url);
	to->body = strndup(request->body.data ? request->body.data : "", request->body.size);
	for (size_t i = 0; i < request->header_count; i++) {
		insist(strpbrk(request->headers[i].value, "\r\n") == NULL, "a header has no line breaks");
		to->headers[i] = (struct herald_field){strdup(request->headers[i].name),
						       strdup(request->headers[i].value)};
	}
	to->header_count = request->header_count;
	to->timeout_ms = request->timeout.ms;
	to->stage = request->stage;
	to->flags = request->flags;
	copy_token(to, request->token);
	for (size_t i = 0; i < count; i++)
		to->tickets[i] = (size_t)(tickets[i] - fake->tickets);
	to->ticket_count = count;
	return HERALD_OK;
}

static enum herald_code host_store_address(struct herald_ticket *ticket, struct herald_text memory,
					   struct herald_error *err)
{
	if (ticket->fake->refuse_memory != HERALD_OK)
		return herald_fail(err, ticket->fake->refuse_memory, "refused by the test");
	insist(memory.size < sizeof(ticket->memory), "memory is too long");
	memcpy(ticket->memory, memory.data, memory.size);
	ticket->memory[memory.size] = '\0';
	return HERALD_OK;
}

/* The real host's table, as channel.h states it. */
static void host_classify_http(const struct herald_http_reply *reply, struct herald_outcome *outcome)
{
	int status = reply->status;

	outcome->retry_after_ms = reply->retry_after_ms;
	if (reply->failure == HERALD_HTTP_LOST)
		outcome->verdict = HERALD_UNCERTAIN;
	else if (reply->failure != HERALD_HTTP_ANSWERED || status == 408 || status >= 500)
		outcome->verdict = HERALD_DEFERRED;
	else if (status >= 200 && status < 300)
		outcome->verdict = HERALD_SENT;
	else if (status == 401 || status == 403)
		outcome->verdict = HERALD_MISCONFIGURED;
	else
		outcome->verdict = status == 429 ? HERALD_THROTTLED : HERALD_REJECTED;
	snprintf(outcome->status, sizeof(outcome->status), "4.0.0");
	snprintf(outcome->reason, sizeof(outcome->reason), "classify_http: %u %d", reply->failure, status);
}

static const struct herald_host host = {
	.struct_size = sizeof(host),
	.abi = HERALD_ABI,
	.now_ms = host_now_ms,
	.log = host_log,
	.complete = host_complete,
	.http_send = host_http_send,
	.store_address = host_store_address,
	.classify_http = host_classify_http,
};

static const char *keep(struct fake_host *fake, const char *text)
{
	insist(fake->text_count < sizeof(fake->texts) / sizeof(fake->texts[0]), "too many options");
	return fake->texts[fake->text_count++] = strdup(text);
}

static herald_list read_list(struct fake_host *fake, const char *text)
{
	const char **items = calloc(32, sizeof(*items));
	char *rest = (char *)keep(fake, text), *item;
	size_t count = 0;

	fake->lists[fake->list_count++] = items;
	while ((item = strsep(&rest, ",")) && count < 32)
		if (*item)
			items[count++] = item;
	return (herald_list){items, count};
}

static int64_t read_scaled(const char *text, const char *const *units, const int64_t *factors, size_t count)
{
	char *end;
	int64_t value = strtoll(text, &end, 10);

	for (size_t i = 0; i < count; i++)
		if (strcmp(end, units[i]) == 0)
			return value * factors[i];
	insist(false, text);
	return 0;
}

static void fill_option(struct fake_host *fake, const struct herald_option *option, const char *value)
{
	static const char *const times[] = {"ms", "s", "m", "h"}, *const sizes[] = {"", "B", "KiB", "MiB"};
	static const int64_t time_factors[] = {1, 1000, 60000, 3600000},
			     size_factors[] = {1, 1, 1024, 1048576};
	void *field = fake->config + option->offset;

	switch (option->type) {
	case HERALD_OPTION_TEXT:
		*(const char **)field = keep(fake, value);
		break;
	case HERALD_OPTION_BOOL:
		*(bool *)field = strcmp(value, "true") == 0;
		break;
	case HERALD_OPTION_INT:
		*(int64_t *)field = strtoll(value, NULL, 10);
		break;
	case HERALD_OPTION_DURATION:
		((herald_duration *)field)->ms = read_scaled(value, times, time_factors, 4);
		break;
	case HERALD_OPTION_SIZE:
		((herald_size *)field)->bytes = (uint64_t)read_scaled(value, sizes, size_factors, 4);
		break;
	case HERALD_OPTION_SECRET:
		((herald_secret *)field)->value = keep(fake, value);
		break;
	case HERALD_OPTION_LIST:
		*(herald_list *)field = read_list(fake, value);
		break;
	default:
		insist(false, option->name);
	}
}

static void fill_config(struct fake_host *fake, const struct fake_setting *settings, size_t setting_count)
{
	for (size_t i = 0; i < fake->plugin->option_count; i++) {
		const struct herald_option *option =
			(const void *)((const char *)fake->plugin->options + i * fake->plugin->option_size);
		const char *value = option->fallback;
		for (size_t j = 0; j < setting_count; j++)
			if (strcmp(settings[j].name, option->name) == 0)
				value = settings[j].value;
		insist(option->help && option->help[0], "every option has help");
		insist(value != NULL, option->name);
		fill_option(fake, option, value);
	}
}

struct fake_host *fake_host_new(const struct herald_plugin *plugin, const struct fake_setting *settings,
				size_t setting_count, struct herald_error *err)
{
	struct fake_host *fake = calloc(1, sizeof(*fake));

	fake->plugin = plugin;
	fake->config = calloc(1, plugin->config_size);
	fake_now_ms = 1553616411000; /* Tue, 26 Mar 2019 16:06:51 GMT */
	fill_config(fake, settings, setting_count);
	if (plugin->open(&host, &fake->channel, fake->config, &fake->self, err) != HERALD_OK) {
		fake_host_free(fake);
		return NULL;
	}
	return fake;
}

static void free_request(struct fake_request *request)
{
	free(request->method);
	free(request->url);
	free(request->body);
	for (size_t i = 0; i < request->header_count; i++) {
		free((char *)request->headers[i].name);
		free((char *)request->headers[i].value);
	}
}

void fake_host_free(struct fake_host *fake)
{
	if (!fake)
		return;
	if (fake->self)
		fake->plugin->close(fake->self);
	for (size_t i = 0; i < fake->request_count; i++)
		free_request(&fake->requests[i]);
	for (size_t i = 0; i < fake->text_count; i++)
		free(fake->texts[i]);
	for (size_t i = 0; i < fake->list_count; i++)
		free(fake->lists[i]);
	free(fake->config);
	free(fake);
}

void fake_set_now(struct fake_host *fake, int64_t now_ms)
{
	(void)fake;
	fake_now_ms = now_ms;
}

void *fake_self(struct fake_host *fake)
{
	return fake->self;
}

size_t fake_send(struct fake_host *fake, const struct herald_message *messages, size_t count)
{
	const struct herald_job *jobs[FAKE_TICKETS_MAX];
	size_t first = fake->ticket_count;

	insist(count > 0 && first + count <= FAKE_TICKETS_MAX, "too many tickets");
	for (size_t i = 0; i < count; i++) {
		struct herald_ticket *ticket = &fake->tickets[fake->ticket_count++];
		ticket->fake = fake;
		ticket->job = (struct herald_job){&messages[i], ticket};
		jobs[i] = &ticket->job;
	}
	if (fake->plugin->send_batch) {
		insist(count <= fake->plugin->batch_max, "more than batch_max");
		fake->plugin->send_batch(fake->self, jobs, count);
		return first;
	}
	for (size_t i = 0; i < count; i++) {
		struct herald_outcome outcome = {.struct_size = sizeof(outcome)};
		if (fake->plugin->send(fake->self, jobs[i], &outcome) == HERALD_NOW)
			host_complete(jobs[i]->ticket, &outcome);
	}
	return first;
}

void fake_take_back(struct fake_host *fake, size_t ticket)
{
	fake->tickets[ticket].is_taken_back = true;
}

void fake_refuse_requests(struct fake_host *fake, enum herald_code code)
{
	fake->refuse_requests = code;
}

void fake_refuse_memory(struct fake_host *fake, enum herald_code code)
{
	fake->refuse_memory = code;
}

size_t fake_request_count(const struct fake_host *fake)
{
	return fake->request_count;
}

const struct fake_request *fake_request(const struct fake_host *fake, size_t at)
{
	insist(at < fake->request_count, "there is no such request");
	return &fake->requests[at];
}

const char *fake_header(const struct fake_request *request, const char *name)
{
	for (size_t i = 0; i < request->header_count; i++)
		if (strcasecmp(request->headers[i].name, name) == 0)
			return request->headers[i].value;
	return NULL;
}

void fake_answer(struct fake_host *fake, size_t at, struct fake_answer answer)
{
	const struct fake_request *request = fake_request(fake, at);
	const char *body = answer.body ? answer.body : "";
	struct herald_http_reply reply = {
		.struct_size = sizeof(reply),
		.failure = answer.failure,
		.status = answer.status,
		.body = {body, strlen(body)},
		.retry_after_ms = answer.retry_after_ms,
		.stage = request->stage,
		.error = answer.error ? answer.error : "",
	};
	struct herald_outcome outcomes[FAKE_TICKETS_MAX], *pointers[FAKE_TICKETS_MAX];
	const struct herald_job *jobs[FAKE_TICKETS_MAX];

	for (size_t i = 0; i < request->ticket_count; i++) {
		outcomes[i] = (struct herald_outcome){.struct_size = sizeof(outcomes[i])};
		pointers[i] = &outcomes[i];
		jobs[i] = &fake->tickets[request->tickets[i]].job;
		if (fake->plugin->classify)
			fake->plugin->classify(fake->self, &reply, &outcomes[i]);
		else
			host_classify_http(&reply, &outcomes[i]);
	}
	if (request->stage != 0 &&
	    fake->plugin->step(fake->self, jobs, request->ticket_count, &reply, pointers) == HERALD_LATER)
		return;
	for (size_t i = 0; i < request->ticket_count; i++)
		host_complete(jobs[i]->ticket, &outcomes[i]);
}

const struct herald_outcome *fake_outcome(const struct fake_host *fake, size_t ticket)
{
	return fake->tickets[ticket].is_spent ? &fake->tickets[ticket].outcome : NULL;
}

const char *fake_memory(const struct fake_host *fake, size_t ticket)
{
	return fake->tickets[ticket].memory;
}

size_t fake_spent_twice(const struct fake_host *fake)
{
	return fake->spent_twice;
}

static void write_request(FILE *file, const char *service, const struct fake_request *request)
{
	struct herald_builder line;

	herald_builder_init(&line, 1024 * 1024);
	herald_addf(&line, "{\"service\":\"%s\",\"method\":\"%s\",\"url\":", service, request->method);
	herald_add_json(&line, request->url);
	herald_add(&line, ",\"headers\":{");
	for (size_t i = 0; i < request->header_count; i++) {
		herald_add(&line, i > 0 ? "," : "");
		herald_add_json(&line, request->headers[i].name);
		herald_add(&line, ":");
		herald_add_json(&line, request->headers[i].value);
	}
	herald_addf(&line, "},\"token\":%s,\"body\":", request->has_token ? "true" : "false");
	herald_add_json(&line, request->body);
	fprintf(file, "%s}\n", line.data);
	herald_builder_done(&line);
}

bool fake_record(const struct fake_host *fake, const char *service, const char *path)
{
	FILE *file = fopen(path, "a");

	if (!file)
		return false;
	for (size_t i = 0; i < fake->request_count; i++)
		write_request(file, service, &fake->requests[i]);
	return fclose(file) == 0;
}

/* probe.c - a plugin that sends what the test tells it to: the address is METHODS:PATH.
 *
 *	post:/x		one request, classified by the host
 *	step:/x		the same with a stage; step agrees with what classify said
 *	prepare:/x	first a request that cannot make the message arrive, then store_address, then POST /x
 *	token:/x	with a bearer token
 *	stray:/x	with a bearer token, to `stray` instead of `base`
 *
 * Built three times: as it is, with PROBE_BATCH (send_batch, one request for all), with PROBE_BLOCKING
 *(worker threads and http_call). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "herald/channel.h"
#include "herald/kit.h"

struct probe_config {
	const char *base, *stray, *token_url, *scope;
	herald_secret secret;
	herald_duration timeout;
};

static const struct herald_option options[] = {
	HERALD_OPTION(struct probe_config, base, HERALD_REQUIRED, NULL, "Where to send."),
	HERALD_OPTION(struct probe_config, stray, 0, "", "Where a token must not go."),
	HERALD_OPTION(struct probe_config, token_url, 0, "", "Where tokens come from."),
	HERALD_OPTION(struct probe_config, scope, 0, "a/.default", "The token's scope."),
	HERALD_OPTION(struct probe_config, secret, 0, NULL, "The client's secret."),
	HERALD_OPTION(struct probe_config, timeout, 0, "0s",
		      "Of one request; 0: what is left of the attempt."),
};

struct probe {
	const struct herald_host *host;
	struct herald_channel *channel;
	const struct probe_config *config;
	struct herald_token token;
};

enum { STAGE_STEP = 1, STAGE_PREPARE };

static enum herald_code probe_open(const struct herald_host *host, struct herald_channel *channel,
				   const void *config, void **ret_self, struct herald_error *err)
{
	struct probe *self = calloc(1, sizeof(*self));

	if (!self)
		return herald_fail(err, HERALD_BUSY, "out of memory");
	self->host = host;
	self->channel = channel;
	self->config = config;
	self->token = (struct herald_token){
		.struct_size = sizeof(self->token),
		.url = self->config->token_url,
		.client_id = "client",
		.scope = self->config->scope,
		.client_secret = self->config->secret,
	};
	*ret_self = self;
	return HERALD_OK;
}

static void probe_close(void *context)
{
	free(context);
}

static void request_fill(struct probe *self, const struct herald_message *message, const char *path,
			 char *url, size_t url_size, struct herald_http_request *ret_request)
{
	const char *address = message->address;
	bool is_stray = strncmp(address, "stray:", 6) == 0;

	snprintf(url, url_size, "%s%s", is_stray ? self->config->stray : self->config->base, path);
	*ret_request = (struct herald_http_request){
		.struct_size = sizeof(*ret_request),
		.method = "POST",
		.url = url,
		.body = message->text,
		.timeout = self->config->timeout,
		.stage = strncmp(address, "step:", 5) == 0 ? STAGE_STEP : 0,
	};
	if (is_stray || strncmp(address, "token:", 6) == 0)
		ret_request->token = &self->token;
}

static const char *path_of(const struct herald_message *message)
{
	const char *colon = strchr(message->address, ':');

	return colon ? colon + 1 : "/";
}

static void say(struct herald_outcome *outcome, enum herald_code code, const struct herald_error *err)
{
	outcome->verdict = code == HERALD_DENIED ? HERALD_MISCONFIGURED : HERALD_DEFERRED;
	snprintf(outcome->reason, sizeof(outcome->reason), "%.250s", err->text);
}

#ifdef PROBE_BLOCKING

static enum herald_sent probe_send(void *context, const struct herald_job *job,
				   struct herald_outcome *outcome)
{
	struct probe *self = context;
	struct herald_http_request request;
	const struct herald_http_reply *reply;
	struct herald_error err = {0};
	char url[512];

	request_fill(self, job->message, path_of(job->message), url, sizeof(url), &request);
	enum herald_code code = self->host->http_call(self->channel, job->ticket, &request, &reply, &err);
	if (code == HERALD_CONFLICT)
		return HERALD_LATER;
	if (code != HERALD_OK)
		say(outcome, code, &err);
	else
		self->host->classify_http(reply, outcome);
	return HERALD_NOW;
}

#elif defined(PROBE_BATCH)

static void probe_send_batch(void *context, const struct herald_job *const *jobs, size_t count)
{
	struct probe *self = context;
	struct herald_ticket *tickets[100];
	struct herald_http_request request;
	struct herald_error err = {0};
	char url[512], path[256];

	for (size_t i = 0; i < count; i++)
		tickets[i] = jobs[i]->ticket;
	snprintf(path, sizeof(path), "%s/%zu", path_of(jobs[0]->message), count);
	request_fill(self, jobs[0]->message, path, url, sizeof(url), &request);
	enum herald_code code = self->host->http_send(tickets, count, &request, &err);
	for (size_t i = 0; code != HERALD_OK && i < count; i++) {
		struct herald_outcome outcome = {.struct_size = sizeof(outcome)};
		say(&outcome, code, &err);
		self->host->complete(tickets[i], &outcome);
	}
}

#else

static enum herald_sent probe_send(void *context, const struct herald_job *job,
				   struct herald_outcome *outcome)
{
	struct probe *self = context;
	struct herald_http_request request;
	struct herald_error err = {0};
	char url[512];

	request_fill(self, job->message, path_of(job->message), url, sizeof(url), &request);
	if (strncmp(job->message->address, "prepare:", 8) == 0) {
		snprintf(url, sizeof(url), "%s/prepare%s", self->config->base, path_of(job->message));
		request.stage = STAGE_PREPARE;
		request.flags = HERALD_HTTP_PREPARES;
	}
	enum herald_code code = self->host->http_send(&job->ticket, 1, &request, &err);
	if (code == HERALD_OK)
		return HERALD_LATER;
	say(outcome, code, &err);
	return HERALD_NOW;
}

#endif

static enum herald_sent probe_step(void *context, const struct herald_job *const *jobs, size_t count,
				   const struct herald_http_reply *reply,
				   struct herald_outcome *const *outcomes)
{
	struct probe *self = context;
	struct herald_http_request request;
	struct herald_error err = {0};
	char url[512];

	if (reply->stage != STAGE_PREPARE || reply->failure != HERALD_HTTP_ANSWERED || reply->status != 200)
		return HERALD_NOW; /* as classify said */
	enum herald_code code = HERALD_OK;
	if (count == 1)
		code = self->host->store_address(jobs[0]->ticket, reply->body, &err);
	request_fill(self, jobs[0]->message, path_of(jobs[0]->message), url, sizeof(url), &request);
	if (code == HERALD_OK)
		code = self->host->http_send(&jobs[0]->ticket, 1, &request, &err);
	if (code == HERALD_OK)
		return HERALD_LATER;
	for (size_t i = 0; i < count; i++)
		say(outcomes[i], code, &err);
	return HERALD_NOW;
}

static const struct herald_plugin probe = {
	.struct_size = sizeof(probe),
	.abi = HERALD_ABI,
	.name = "probe",
	.version = "1.0",
	.summary = "sends what a test tells it to",
	.kind = "probe",
	.options = options,
	.option_count = sizeof(options) / sizeof(options[0]),
	.option_size = sizeof(options[0]),
	.config_size = sizeof(struct probe_config),
	.open = probe_open,
	.close = probe_close,
	.step = probe_step,
#ifdef PROBE_BATCH
	.send_batch = probe_send_batch,
	.batch_max = 100,
	.batch_by = HERALD_BATCH_CONTENT,
#else
	.send = probe_send,
#endif
#ifdef PROBE_BLOCKING
	.flags = HERALD_BLOCKING,
#endif
};

const struct herald_plugin *herald_channel_v1(void)
{
	return &probe;
}

/* webhook.c - a whole plugin: it posts each notification as JSON to one URL.
 *
 * Read it beside docs/plugin-guide.md.  It knows how to write the request and how to read the answer;
 * retries, time-outs, TLS, back-off and what becomes of the delivery are the host's and the daemon's. */
#include <stdlib.h>
#include <string.h>

#include <herald/channel.h>
#include <herald/kit.h>

/* The operator's settings: one struct, one table, from which parsing, --describe and the manual page come. */
struct webhook_config {
	const char *url;
	herald_secret bearer;
	herald_duration timeout;
};

static const struct herald_option options[] = {
	HERALD_OPTION(struct webhook_config, url, HERALD_REQUIRED, NULL, "Where to post to."),
	HERALD_OPTION(struct webhook_config, bearer, 0, NULL, "Sent as a bearer token, if there is one."),
	HERALD_OPTION(struct webhook_config, timeout, 0, "10s", "How long to wait for an answer.",
		      .least = "1s", .most = "5m"),
};

enum { BODY_BYTES_MAX = 512 * 1024, FIELD_BYTES_MAX = 4096, ADDRESS_BYTES_MAX = 128 };

/* No globals: everything of one channel hangs here.  A process has one, a test may have two. */
struct webhook {
	const struct herald_host *host;
	const struct webhook_config *config;
};

static enum herald_code webhook_open(const struct herald_host *host, struct herald_channel *channel,
				     const void *config, void **ret_self, struct herald_error *err)
{
	struct webhook *self = calloc(1, sizeof(*self));

	(void)channel;
	if (!self)
		return herald_fail(err, HERALD_BUSY, "out of memory");
	self->host = host;
	self->config = config; /* lives as long as the instance */
	if (strncmp(self->config->url, "https://", 8) != 0 && strncmp(self->config->url, "http://", 7) != 0) {
		free(self);
		return herald_fail(err, HERALD_INVALID, "option 'url': not an http or https URL");
	}
	*ret_self = self;
	return HERALD_OK;
}

static void webhook_close(void *context)
{
	free(context);
}

static void body_write(struct herald_builder *body, const struct herald_message *message)
{
	herald_add(body, "{\"id\":");
	herald_add_json(body, message->delivery_id);
	herald_add(body, ",\"category\":");
	herald_add_json(body, message->category);
	herald_add(body, ",\"to\":");
	herald_add_json(body, message->address);
	herald_add(body, ",\"subject\":");
	herald_add_json(body, message->subject);
	herald_add(body, ",\"text\":");
	herald_add_json(body, message->text.data);
	herald_add(body, "}");
}

/* Everything in the request is copied before http_send returns, so it may live in this frame. */
static enum herald_code post(struct webhook *self, const struct herald_job *job,
			     const struct herald_builder *body, struct herald_error *err)
{
	struct herald_builder bearer;
	struct herald_field headers[3] = {
		{"Content-Type", "application/json"},
		{"Idempotency-Key", job->message->delivery_id},
	};
	size_t header_count = 2;

	herald_builder_init(&bearer, FIELD_BYTES_MAX);
	if (self->config->bearer.value[0]) {
		herald_addf(&bearer, "Bearer %s", self->config->bearer.value);
		headers[header_count++] = (struct herald_field){"Authorization", bearer.data};
	}
	const struct herald_http_request request = {
		.struct_size = sizeof(request),
		.method = "POST",
		.url = self->config->url,
		.headers = headers,
		.header_count = header_count,
		.body = {body->data, body->size},
		.timeout = self->config->timeout,
	};
	enum herald_code code = self->host->http_send(&job->ticket, 1, &request, err);
	herald_builder_done(&bearer);
	return code;
}

/* send builds.  LATER: the answer to the request will spend the ticket. */
static enum herald_sent webhook_send(void *context, const struct herald_job *job,
				     struct herald_outcome *outcome)
{
	struct webhook *self = context;
	struct herald_error err = {0};
	struct herald_builder body;

	herald_builder_init(&body, BODY_BYTES_MAX);
	body_write(&body, job->message);
	enum herald_code code = body.code == HERALD_OK
					? post(self, job, &body, &err)
					: herald_fail(&err, HERALD_LIMIT, "the message is too long");
	herald_builder_done(&body);
	if (code == HERALD_OK || code == HERALD_CONFLICT) /* CONFLICT: taken back, the ticket is spent */
		return HERALD_LATER;
	outcome->verdict = code == HERALD_LIMIT  ? HERALD_REJECTED
			   : code == HERALD_BUSY ? HERALD_DEFERRED
						 : HERALD_MISCONFIGURED;
	strncpy(outcome->reason, err.text, sizeof(outcome->reason) - 1);
	return HERALD_NOW;
}

/* classify reads: only what this far end says differently from most.  Pure: no I/O, no memory. */
static void webhook_classify(void *context, const struct herald_http_reply *reply,
			     struct herald_outcome *outcome)
{
	struct webhook *self = context;

	self->host->classify_http(reply, outcome);
	if (reply->failure == HERALD_HTTP_ANSWERED && reply->status == 410)
		outcome->verdict = HERALD_UNREACHABLE; /* gone: nobody listens there any more */
}

/* Is this an address of ours?  A name of letters, digits, dots and dashes; its canonical form is lower case.
 */
static enum herald_code webhook_check_address(void *context, const char *address, char *ret_canonical,
					      size_t size, struct herald_error *err)
{
	size_t length = strlen(address);

	(void)context;
	if (length == 0 || length >= ADDRESS_BYTES_MAX || length >= size)
		return herald_fail(err, HERALD_INVALID, "1 to %d characters", ADDRESS_BYTES_MAX - 1);
	for (size_t i = 0; i < length; i++) {
		char c = address[i];
		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_'))
			return herald_fail(err, HERALD_INVALID, "letters, digits, dots and dashes only");
		ret_canonical[i] = c;
	}
	ret_canonical[length] = '\0';
	return HERALD_OK;
}

static const struct herald_plugin plugin = {
	.struct_size = sizeof(plugin),
	.abi = HERALD_ABI,
	.name = "example_webhook",
	.version = "1.0",
	.summary = "posts each notification as JSON to one URL",
	.kind = "webhook",
	.options = options,
	.option_count = sizeof(options) / sizeof(options[0]),
	.option_size = sizeof(options[0]),
	.config_size = sizeof(struct webhook_config),
	.open = webhook_open,
	.close = webhook_close,
	.send = webhook_send,
	.classify = webhook_classify,
	.check_address = webhook_check_address,
};

/* The one symbol. */
const struct herald_plugin *herald_channel_v1(void)
{
	return &plugin;
}

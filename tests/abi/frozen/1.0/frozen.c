/* frozen.c - a plugin of ABI 1.0, compiled against the headers of 1.0 beside it: both stay as they are for ever.
 *
 * It uses what a plugin without kit and without HTTP uses: options of every type, the clock, the log, on_wire,
 * complete, and every optional call of 1.0. */
#include <stdio.h>
#include <string.h>

#include "herald/channel.h"

struct frozen_config {
	const char *text;
	bool flag;
	int64_t number;
	herald_duration wait;
	herald_size room;
	herald_secret secret;
	herald_list list;
};

static const struct herald_option options[] = {
	HERALD_OPTION(struct frozen_config, text, 0, "a text", "A text."),
	HERALD_OPTION(struct frozen_config, flag, 0, "true", "A flag."),
	HERALD_OPTION(struct frozen_config, number, 0, "7", "A number.", .least = "1", .most = "9"),
	HERALD_OPTION(struct frozen_config, wait, 0, "90s", "A wait."),
	HERALD_OPTION(struct frozen_config, room, 0, "64KiB", "A size."),
	HERALD_OPTION(struct frozen_config, secret, 0, NULL, "A secret."),
	HERALD_OPTION(struct frozen_config, list, 0, "", "A list."),
};

static const struct herald_meter meters[] = {{"frozen_sent_total", "What was sent.", 1}};

/* One instance per process is all that this one needs. */
struct frozen {
	const struct herald_host *host;
	struct herald_channel *channel;
	const struct frozen_config *config;
	double sent;
};

static enum herald_code frozen_open(const struct herald_host *host, struct herald_channel *channel,
				    const void *config, void **ret_self, struct herald_error *err)
{
	static struct frozen instances[2];
	const struct frozen_config *settings = config;
	struct frozen *self = instances[0].host ? &instances[1] : &instances[0];

	if (!HERALD_HAS(struct herald_host, host, classify_http) || host->abi >> 16 != 1) {
		err->code = HERALD_UNSUPPORTED;
		snprintf(err->text, sizeof(err->text), "this host does not know 1.0 any more");
		return HERALD_UNSUPPORTED;
	}
	if (strcmp(settings->text, "a text") != 0 || !settings->flag || settings->number != 7 ||
	    settings->wait.ms != 90000 || settings->room.bytes != 65536 || settings->list.count != 0) {
		err->code = HERALD_INVALID;
		snprintf(err->text, sizeof(err->text), "options are not filled as in 1.0");
		return HERALD_INVALID;
	}
	*self = (struct frozen){.host = host, .channel = channel, .config = settings};
	*ret_self = self;
	return HERALD_OK;
}

static void frozen_close(void *context)
{
	((struct frozen *)context)->host = NULL;
}

static enum herald_sent frozen_send(void *context, const struct herald_job *job, struct herald_outcome *outcome)
{
	struct frozen *self = context;
	const struct herald_field field = {"delivery", job->message->delivery_id};

	self->host->log(self->channel, HERALD_INFO, "frozen_send", &field, 1);
	if (self->host->on_wire(job->ticket) != HERALD_OK)
		return HERALD_LATER;
	self->sent++;
	outcome->verdict = job->message->attempt > 1 ? HERALD_SENT : HERALD_DELIVERED;
	snprintf(outcome->reason, sizeof(outcome->reason), "%s: %.40s, %zu bytes, at %lld", job->message->address,
		 job->message->subject, job->message->text.size, (long long)(self->host->now_ms() / 1000000000));
	if (strcmp(job->message->address, "later") != 0)
		return HERALD_NOW;
	self->host->complete(job->ticket, outcome);
	return HERALD_LATER;
}

static void frozen_classify(void *context, const struct herald_http_reply *reply, struct herald_outcome *outcome)
{
	((struct frozen *)context)->host->classify_http(reply, outcome);
}

static enum herald_code frozen_check_address(void *context, const char *address, char *ret_canonical, size_t size,
					     struct herald_error *err)
{
	(void)context, (void)err;
	if (strcmp(address, "now") != 0 && strcmp(address, "later") != 0)
		return HERALD_INVALID;
	if (strlen(address) + 1 > size)
		return HERALD_LIMIT;
	memcpy(ret_canonical, address, strlen(address) + 1);
	return HERALD_OK;
}

static void frozen_destination(void *context, const char *address, struct herald_text memory, char *ret_name,
			       size_t size)
{
	(void)context, (void)memory;
	snprintf(ret_name, size, "to-%s", address);
}

static void frozen_telemetry(void *context, double *values)
{
	values[0] = ((struct frozen *)context)->sent;
}

static const struct herald_plugin frozen = {
	.struct_size = sizeof(frozen),
	.abi = HERALD_ABI,
	.name = "frozen",
	.version = "1.0",
	.summary = "a plugin of ABI 1.0 that must load for ever",
	.kind = "frozen",
	.options = options,
	.option_count = sizeof(options) / sizeof(options[0]),
	.option_size = sizeof(options[0]),
	.config_size = sizeof(struct frozen_config),
	.meters = meters,
	.meter_count = 1,
	.meter_size = sizeof(meters[0]),
	.open = frozen_open,
	.close = frozen_close,
	.send = frozen_send,
	.classify = frozen_classify,
	.check_address = frozen_check_address,
	.destination = frozen_destination,
	.telemetry = frozen_telemetry,
};

const struct herald_plugin *herald_channel_v1(void)
{
	return &frozen;
}

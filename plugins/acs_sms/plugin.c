/* plugin.c - the acs_sms channel: Azure Communication Services SMS over HTTPS, up to 100 people a call.
 *
 * The rooms beside it decide (segments, e164, request, verdict); this file only wires them to the border.
 * Invariant: every request is signed when it is made and never kept, and no request holds one number twice,
 * because the answer names its recipients by number. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acs/answer.h"
#include "acs/signature.h"
#include "acs_sms/e164.h"
#include "acs_sms/request.h"
#include "acs_sms/segments.h"
#include "acs_sms/verdict.h"
#include "herald/channel.h"
#include "herald/kit.h"

enum { STAGE_SEND = 1, BODY_BYTES_MAX = 64 * 1024 };

struct config {
	herald_secret connection_string, access_key;
	const char *endpoint, *from, *api_version, *tag;
	bool delivery_report;
	int64_t segments_max;
	herald_list countries;
	herald_duration timeout;
};

static const struct herald_option options[] = {
	HERALD_OPTION(
		struct config, connection_string, 0, "",
		"The resource's connection string, endpoint=https://...;accesskey=..., instead of endpoint "
		"and access_key."),
	HERALD_OPTION(struct config, endpoint, 0, "",
		      "The resource's address, like https://contoso.communication.azure.com."),
	HERALD_OPTION(struct config, access_key, 0, "", "One of the resource's two access keys (base64)."),
	HERALD_OPTION(
		struct config, from, HERALD_REQUIRED, NULL,
		"Who sends: a number of the resource in E.164 form, a short code, or an alphanumeric name."),
	HERALD_OPTION(
		struct config, countries, HERALD_RELOADABLE, "",
		"Where messages may go: ISO countries (DE), prefixes (+49), or *; empty allows nothing."),
	HERALD_OPTION(struct config, segments_max, HERALD_RELOADABLE, "3",
		      "How many SMS one message may become; longer ones are rejected, not cut.", .least = "1",
		      .most = "14"),
	HERALD_OPTION(struct config, delivery_report, HERALD_RELOADABLE, "true",
		      "Ask for delivery reports through Event Grid."),
	HERALD_OPTION(struct config, tag, HERALD_RELOADABLE, "",
		      "A word that comes back in every delivery report of this channel."),
	HERALD_OPTION(struct config, api_version, 0, "2026-01-23", "Version of the SMS API to speak."),
	HERALD_OPTION(struct config, timeout, HERALD_RELOADABLE, "10s", "How long to wait for an answer.",
		      .least = "1s", .most = "5m"),
};

enum { METER_CALLS, METER_RECIPIENTS, METER_PARTS, METER_REFUSED, METERS };

static const struct herald_meter meters[METERS] = {
	[METER_CALLS] = {"sms_calls_total", "Bulk calls made to the SMS API.", 1},
	[METER_RECIPIENTS] = {"sms_recipients_total", "Recipients that the SMS API accepted.", 1},
	[METER_PARTS] = {"sms_parts_total", "Billed parts of the accepted messages.", 1},
	[METER_REFUSED] = {"sms_refused_total", "Messages refused here: too long, or country not allowed.",
			   1},
};

struct sms {
	const struct herald_host *host;
	const struct config *config;
	struct acs_account account;
	char path[128], url[sizeof(((struct acs_url *)0)->base) + 128];
	double values[METERS];
};

/* A version stands in the address as it is: letters, digits, dots and dashes only. */
static bool is_version(const char *text)
{
	size_t size = strlen(text);

	return size > 0 && size < 40 &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-") == size;
}

static enum herald_code check_config(const struct config *config, struct herald_error *err)
{
	if (!sms_is_sender(config->from))
		return herald_fail(
			err, HERALD_INVALID,
			"option 'from' must be a number like +18445550100, a short code, or 1 to 11 "
			"letters and digits");
	if (!is_version(config->api_version))
		return herald_fail(err, HERALD_INVALID, "option 'api_version' looks like 2026-01-23");
	if (config->connection_string.value[0] != '\0' &&
	    (config->endpoint[0] != '\0' || config->access_key.value[0] != '\0'))
		return herald_fail(err, HERALD_INVALID,
				   "give either connection_string, or endpoint and access_key, not both");
	return e164_check_countries(&config->countries, err);
}

static enum herald_code sms_open(const struct herald_host *host, struct herald_channel *channel,
				 const void *given, void **ret_self, struct herald_error *err)
{
	const struct config *config = given;

	(void)channel;
	enum herald_code code = check_config(config, err);
	if (code != HERALD_OK)
		return code;
	struct sms *sms = calloc(1, sizeof(*sms));
	if (!sms)
		return herald_fail(err, HERALD_LIMIT, "out of memory");
	sms->host = host;
	sms->config = config;
	code = acs_account_parse(config->connection_string.value, config->endpoint, config->access_key.value,
				 &sms->account, err);
	if (code != HERALD_OK) {
		free(sms);
		return code;
	}
	snprintf(sms->path, sizeof(sms->path), "/sms?api-version=%s", config->api_version);
	snprintf(sms->url, sizeof(sms->url), "%s%s", sms->account.endpoint.base, sms->path);
	*ret_self = sms;
	return HERALD_OK;
}

static void sms_close(void *self)
{
	struct sms *sms = self;

	acs_account_done(&sms->account);
	free(sms);
}

static void spend(struct sms *sms, const struct herald_job *job, const struct herald_outcome *outcome)
{
	sms->host->complete(job->ticket, outcome);
}

/* What must not go out at all is spent here.  True: send it. */
static bool is_fit(struct sms *sms, const struct herald_job *job)
{
	struct herald_outcome outcome = {.struct_size = sizeof(outcome)};
	struct herald_text text = job->message->text;
	struct herald_error err;

	/* The list may have become shorter since the address was checked. */
	if (e164_check(job->message->address, &sms->config->countries, &err) != HERALD_OK) {
		acs_outcome_set(&outcome, HERALD_REJECTED, "5.7.1", "%s", err.text);
	} else if (text.size == 0) {
		acs_outcome_set(&outcome, HERALD_REJECTED, "5.6.0", "the message has no text");
	} else {
		struct segments count = segments_count(text.data, text.size);
		if (count.parts <= (uint64_t)sms->config->segments_max && count.utf16 <= SMS_CHARACTERS_MAX)
			return true;
		acs_outcome_set(&outcome, HERALD_REJECTED, "5.3.4",
				"%u parts of SMS (%s), more than segments_max (%d) or %d characters",
				count.parts,
				count.is_ucs2 ? "UCS-2: a character outside GSM 03.38" : "GSM 03.38",
				(int)sms->config->segments_max, SMS_CHARACTERS_MAX);
	}
	sms->values[METER_REFUSED]++;
	spend(sms, job, &outcome);
	return false;
}

static enum herald_code post(struct sms *sms, const struct herald_job *const *jobs, size_t count,
			     struct herald_error *err)
{
	const struct sms_sender sender = {sms->config->from, sms->config->tag, sms->config->delivery_report};
	struct herald_ticket *tickets[SMS_RECIPIENTS_MAX];
	struct herald_field headers[ACS_SIGNED_HEADERS];
	struct acs_signature signature;
	struct herald_builder body;
	struct herald_http_request request = {
		.struct_size = sizeof(request),
		.method = "POST",
		.url = sms->url,
		.headers = headers,
		.header_count = ACS_SIGNED_HEADERS,
		.timeout = sms->config->timeout,
		.stage = STAGE_SEND,
	};

	for (size_t i = 0; i < count; i++)
		tickets[i] = jobs[i]->ticket;
	herald_builder_init(&body, BODY_BYTES_MAX);
	sms_request_body(&sender, jobs, count, &body);
	/* Far below every limit: what fails here is out of memory, and passes. */
	enum herald_code code = HERALD_BUSY;
	if (herald_builder_text(&body, &request.body, err) == HERALD_OK &&
	    acs_sign(&sms->account, "POST", sms->path, request.body, sms->host->now_ms(), &signature, headers,
		     err) == HERALD_OK)
		code = sms->host->http_send(tickets, count, &request, err);
	if (code == HERALD_OK)
		sms->values[METER_CALLS]++;
	herald_builder_done(&body);
	return code;
}

/* CONFLICT: somebody's ticket was taken back, and a request that names that person must not go.  Halving
 * finds whose, and lets the others go. */
static void post_group(struct sms *sms, const struct herald_job *const *jobs, size_t count)
{
	struct herald_error err = {0};
	enum herald_code code = post(sms, jobs, count, &err);

	if (code == HERALD_OK || (code == HERALD_CONFLICT && count == 1))
		return;
	if (code == HERALD_CONFLICT) {
		post_group(sms, jobs, count / 2);
		post_group(sms, jobs + count / 2, count - count / 2);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		struct herald_outcome outcome = {.struct_size = sizeof(outcome)};
		if (code == HERALD_LIMIT)
			acs_outcome_set(&outcome, HERALD_REJECTED, "5.3.4", "too long: %s", err.text);
		else if (code == HERALD_DENIED || code == HERALD_INVALID)
			acs_outcome_set(&outcome, HERALD_MISCONFIGURED, "4.3.5", "refused by the host: %s",
					err.text);
		else
			acs_outcome_set(&outcome, HERALD_DEFERRED, "4.3.0", "not sent: %s", err.text);
		spend(sms, jobs[i], &outcome);
	}
}

/* Same text, and a number that the group does not have yet. */
static bool belongs(const struct herald_job *job, const struct herald_job *const *group, size_t count)
{
	const struct herald_text *ours = &job->message->text, *theirs = &group[0]->message->text;

	if (ours->size != theirs->size || memcmp(ours->data, theirs->data, ours->size) != 0)
		return false;
	for (size_t i = 0; i < count; i++)
		if (strcmp(group[i]->message->address, job->message->address) == 0)
			return false;
	return true;
}

static void sms_send_batch(void *self, const struct herald_job *const *jobs, size_t count)
{
	struct sms *sms = self;
	const struct herald_job *left[SMS_RECIPIENTS_MAX];
	size_t left_count = 0;

	for (size_t i = 0; i < count && i < SMS_RECIPIENTS_MAX; i++)
		if (is_fit(sms, jobs[i]))
			left[left_count++] = jobs[i];
	while (left_count > 0) {
		const struct herald_job *group[SMS_RECIPIENTS_MAX] = {left[0]};
		size_t group_count = 1, kept = 0;
		for (size_t i = 1; i < left_count; i++) {
			if (belongs(left[i], group, group_count))
				group[group_count++] = left[i];
			else
				left[kept++] = left[i];
		}
		post_group(sms, group, group_count);
		left_count = kept;
	}
}

static void sms_classify(void *self, const struct herald_http_reply *reply, struct herald_outcome *outcome)
{
	const struct sms *sms = self;

	sms_verdict_call(sms->host, reply, outcome);
}

static enum herald_sent sms_step(void *self, const struct herald_job *const *jobs, size_t count,
				 const struct herald_http_reply *reply,
				 struct herald_outcome *const *outcomes)
{
	struct sms *sms = self;

	sms_verdict_items(reply, jobs, count, outcomes);
	for (size_t i = 0; i < count; i++) {
		struct herald_text text = jobs[i]->message->text;
		if (outcomes[i]->verdict != HERALD_SENT)
			continue;
		sms->values[METER_RECIPIENTS]++;
		sms->values[METER_PARTS] += segments_count(text.data, text.size).parts;
	}
	return HERALD_NOW;
}

static enum herald_code sms_check_address(void *self, const char *address, char *ret_canonical, size_t size,
					  struct herald_error *err)
{
	const struct sms *sms = self;
	enum herald_code code = e164_check(address, &sms->config->countries, err);

	if (code != HERALD_OK)
		return code;
	if (strlen(address) >= size)
		return herald_fail(err, HERALD_LIMIT, "the address is longer than %zu bytes", size);
	memcpy(ret_canonical, address, strlen(address) + 1);
	return HERALD_OK;
}

static void sms_telemetry(void *self, double *values)
{
	const struct sms *sms = self;

	memcpy(values, sms->values, sizeof(sms->values));
}

static const struct herald_plugin plugin = {
	.struct_size = sizeof(plugin),
	.abi = HERALD_ABI,
	.name = "acs_sms",
	.version = "0.1.0",
	.summary = "SMS through Azure Communication Services",
	.kind = "sms",
	.options = options,
	.option_count = sizeof(options) / sizeof(options[0]),
	.option_size = sizeof(options[0]),
	.config_size = sizeof(struct config),
	.meters = meters,
	.meter_count = METERS,
	.meter_size = sizeof(meters[0]),
	.batch_max = SMS_RECIPIENTS_MAX,
	.batch_by = HERALD_BATCH_CONTENT,
	.idempotent_ms = INT64_C(5) * 60 * 1000,
	.open = sms_open,
	.close = sms_close,
	.send_batch = sms_send_batch,
	.classify = sms_classify,
	.step = sms_step,
	.check_address = sms_check_address,
	.telemetry = sms_telemetry,
};

HERALD_EXPORT const struct herald_plugin *herald_channel_v1(void)
{
	return &plugin;
}

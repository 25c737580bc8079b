/* check_send.c - sends that go nowhere: requests are held to the rules and answered with what the run makes
 * up.
 *
 * The promise under test is the border's first: a ticket is spent exactly once, whatever the answer. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "herald/kit.h"
#include "host/check.h"
#include "host/http_request.h"
#include "host/outcome.h"
#include "base/check.h"

enum { STEPS_MAX = 16 };

/* One try of one message; its handle is the trial itself. */
struct trial {
	struct check *check;
	struct herald_channel *channel;
	struct herald_message message;
	struct herald_job job;
	unsigned spent, requests;
	uint32_t stage, flags; /* of the request that is under way */
	bool is_asked;         /* one is */
	struct herald_outcome outcome;
	char fault[300]; /* the first rule that was broken, "" none */
};

static struct trial *trial_of(struct herald_ticket *handle)
{
	return (struct trial *)(void *)handle;
}

static void trial_fault(struct trial *trial, const char *what)
{
	if (!trial->fault[0])
		snprintf(trial->fault, sizeof(trial->fault), "%s", what);
}

static void trial_spend(struct trial *trial, const struct herald_outcome *outcome)
{
	outcome_take(outcome, &trial->outcome);
	if (outcome->verdict < HERALD_DELIVERED || outcome->verdict > HERALD_MISCONFIGURED)
		trial_fault(trial, "an outcome without a known verdict");
	trial->spent++;
}

/* --- the table that is lent --- */

static int64_t check_now_ms(void)
{
	return clock_wall_ms();
}

static void check_log(struct herald_channel *channel, uint32_t level, const char *event,
		      const struct herald_field *fields, size_t field_count)
{
	(void)channel, (void)level, (void)event, (void)fields, (void)field_count;
}

static void check_complete(struct herald_ticket *ticket, const struct herald_outcome *outcome)
{
	trial_spend(trial_of(ticket), outcome);
}

static enum herald_code check_http_send(struct herald_ticket *const *tickets, size_t count,
					const struct herald_http_request *request, struct herald_error *err)
{
	struct http_request *copy;
	struct herald_http_request bare = *request;
	struct trial *trial = trial_of(tickets[0]);

	if (trial->spent > 0)
		return herald_fail(err, HERALD_CONFLICT, "the ticket is spent");
	/* Where tokens may go is the operator's to say, and there is no operator here. */
	bare.token = NULL;
	enum herald_code code = http_request_new(trial->channel, NULL, 0, &bare, &copy, err);
	if (code != HERALD_OK) {
		if (code == HERALD_INVALID && err)
			trial_fault(trial, err->text);
		return code;
	}
	http_request_free(copy);
	for (size_t i = 0; i < count; i++) {
		trial = trial_of(tickets[i]);
		trial->requests++;
		trial->is_asked = true;
		trial->stage = request->stage;
		trial->flags = request->flags;
	}
	return HERALD_OK;
}

static enum herald_code check_on_wire(struct herald_ticket *ticket)
{
	(void)ticket;
	return HERALD_OK;
}

static enum herald_code check_http_call(struct herald_channel *channel, struct herald_ticket *ticket,
					const struct herald_http_request *request,
					const struct herald_http_reply **ret_reply, struct herald_error *err)
{
	(void)channel, (void)ticket, (void)request, (void)ret_reply;
	return herald_fail(err, HERALD_UNSUPPORTED, "nothing is sent in a contract run");
}

static enum herald_code check_key(struct herald_channel *channel, const char *url, const char *key_id,
				  struct herald_text *ret_key, struct herald_error *err)
{
	(void)channel, (void)url, (void)key_id, (void)ret_key;
	return herald_fail(err, HERALD_UNSUPPORTED, "this version takes no call-backs");
}

static enum herald_code check_store_address(struct herald_ticket *ticket, struct herald_text memory,
					    struct herald_error *err)
{
	(void)memory;
	return trial_of(ticket)->spent > 0 ? herald_fail(err, HERALD_CONFLICT, "the ticket is spent")
					   : HERALD_OK;
}

const struct herald_host check_host = {
	.struct_size = sizeof(struct herald_host),
	.abi = HERALD_ABI,
	.now_ms = check_now_ms,
	.log = check_log,
	.complete = check_complete,
	.http_send = check_http_send,
	.on_wire = check_on_wire,
	.http_call = check_http_call,
	.key = check_key,
	.store_address = check_store_address,
	.classify_http = outcome_classify_http,
};

/* --- one send, one answer --- */

static void trial_init(struct trial *trial, struct check *check, size_t instance)
{
	*trial = (struct trial){.check = check, .channel = &check->instances[instance].channel};
	trial->message = (struct herald_message){
		.struct_size = sizeof(trial->message),
		.delivery_id = "ntf_0000000000000-1",
		.tenant = "default",
		.category = "check",
		.recipient = "somebody",
		.correlation_id = "",
		.traceparent = "",
		.attempt = 1,
		.priority = HERALD_NORMAL,
		.first_attempt_at_ms = clock_wall_ms(),
		.expires_at_ms = clock_wall_ms() + 60000,
		.address = check->address,
		.memory = {"", 0},
		.name = "Some Body",
		.locale = "en",
		.subject = "A subject: \"quoted\" \xE2\x82\xAC",
		.text = {"A text\nof two lines \xF0\x9F\x99\x82", 24},
		.html = {"", 0},
		.card = {"", 0},
		.json = {"", 0},
		.reply_to = "",
		.from_name = "",
		.part_size = sizeof(struct herald_part),
	};
	trial->job = (struct herald_job){&trial->message, (struct herald_ticket *)(void *)trial};
}

static void trial_send(struct trial *trial)
{
	const struct herald_plugin *plugin = trial->check->plugin;
	void *self = trial->channel->self;
	const struct herald_job *job = &trial->job;
	struct outcome_slip slip;

	if (!plugin->send) {
		plugin->send_batch(self, &job, 1);
		return;
	}
	outcome_slip_init(&slip);
	enum herald_sent sent = plugin->send(self, job, &slip.outcome);
	if (!outcome_slip_is_whole(&slip))
		trial_fault(trial, "send wrote past the end of its outcome");
	if (sent == HERALD_NOW)
		trial_spend(trial, &slip.outcome);
	else if (sent != HERALD_LATER)
		trial_fault(trial, "send answered neither NOW nor LATER");
	if (sent == HERALD_NOW && trial->is_asked)
		trial_fault(trial, "send asked for a request and answered NOW");
}

static void trial_step(struct trial *trial, const struct herald_http_reply *reply)
{
	const struct herald_plugin *plugin = trial->check->plugin;
	void *self = trial->channel->self;
	const struct herald_job *job = &trial->job;
	struct outcome_slip slip;
	struct herald_outcome *outcome = &slip.outcome;

	outcome_slip_init(&slip);
	if (HERALD_HAS(struct herald_plugin, plugin, classify) && plugin->classify)
		plugin->classify(self, reply, outcome);
	else
		outcome_classify_http(reply, outcome);
	bool has_step = HERALD_HAS(struct herald_plugin, plugin, step) && plugin->step;
	if (reply->stage != 0 && !has_step)
		trial_fault(trial, "a request with a stage, and no step");
	if (reply->stage == 0 || !has_step || plugin->step(self, &job, 1, reply, &outcome) == HERALD_NOW)
		trial_spend(trial, &slip.outcome);
	if (!outcome_slip_is_whole(&slip))
		trial_fault(trial, "an outcome was written past its end");
}

/* All answers of one try are of one kind: a provider's bad day. */
static const char *trial_run(struct trial *trial, uint32_t failure, int32_t status, const char *body)
{
	trial_send(trial);
	for (int step = 0; trial->is_asked && trial->spent == 0 && step < STEPS_MAX; step++) {
		bool is_lost = failure == HERALD_HTTP_LOST && (trial->flags & HERALD_HTTP_PREPARES);
		const struct herald_http_reply reply = {
			.struct_size = sizeof(reply),
			.failure = is_lost ? HERALD_HTTP_NOT_SENT : failure,
			.status = status,
			.body = {body, strlen(body)},
			.stage = trial->stage,
			.error = failure == HERALD_HTTP_ANSWERED ? "" : "made up",
		};
		trial->is_asked = false;
		trial_step(trial, &reply);
	}
	if (trial->fault[0])
		return trial->fault;
	if (trial->spent > 1)
		return "the ticket was spent more than once";
	if (trial->spent == 0 && trial->is_asked)
		return "it went on and on";
	return NULL;
}

void check_sends(struct check *check)
{
	static const struct {
		uint32_t failure;
		int32_t status;
		const char *body;
	} answers[] = {
		{HERALD_HTTP_ANSWERED, 200, "{\"id\":\"x1\"}"},
		{HERALD_HTTP_ANSWERED, 202, ""},
		{HERALD_HTTP_ANSWERED, 200, "<html>"},
		{HERALD_HTTP_ANSWERED, 400, "{}"},
		{HERALD_HTTP_ANSWERED, 401, "{}"},
		{HERALD_HTTP_ANSWERED, 404, "{}"},
		{HERALD_HTTP_ANSWERED, 429, "{}"},
		{HERALD_HTTP_ANSWERED, 503, "no"},
		{HERALD_HTTP_NOT_SENT, 0, ""},
		{HERALD_HTTP_LOST, 0, ""},
		{HERALD_HTTP_TOKEN, 401, ""},
	};

	if (check->plugin->flags & HERALD_BLOCKING) {
		check_skip(check, "send", "a plugin with a transport of its own would really send");
		return;
	}
	if (!check->address) {
		check_skip(check, "send", "no address is known that it takes: give --address");
		return;
	}
	const char *fault = NULL;
	size_t i;
	/* Both instances in turn: neither may know of the other. */
	for (i = 0; i < countof(answers) && !fault; i++) {
		struct trial *trial = arena_new_of(check->arena, struct trial);

		trial_init(trial, check, i % 2);
		fault = trial_run(trial, answers[i].failure, answers[i].status, answers[i].body);
	}
	check_that(check, !fault, "send to %.60s: every answer spends the ticket once%s%s", check->address,
		   fault ? ": " : "", fault ? fault : "");
	if (fault)
		printf("       answer %u, status %d\n", answers[i - 1].failure, (int)answers[i - 1].status);
}

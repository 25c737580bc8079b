/* http_answer.c - the two services that send requests, and how their answers come back to the plugin. */
#include <stdio.h>
#include <string.h>

#include "herald/kit.h"
#include "host/http_client.h"
#include "host/line.h"
#include "host/outcome.h"
#include "base/check.h"

/* --- for tickets: classify or step --- */

static void classify(struct herald_channel *channel, const struct herald_http_reply *reply,
		     struct outcome_slip *slip)
{
	const struct herald_plugin *plugin = channel->plugin;

	outcome_slip_init(slip);
	if (HERALD_HAS(struct herald_plugin, plugin, classify) && plugin->classify)
		plugin->classify(channel->self, reply, &slip->outcome);
	else
		outcome_classify_http(reply, &slip->outcome);
	if (!outcome_slip_is_whole(slip))
		channel_log(channel, HERALD_FAULT, "wrote_past",
			    "classify wrote past the end of its outcome");
}

/* Spent by the watchdog or taken back meanwhile: then the plugin owes nothing more, since it did its part. */
static void spend(struct herald_channel *channel, struct ticket *ticket, const struct herald_outcome *outcome)
{
	struct herald_ticket *handle = ticket->job.ticket;

	ticket_spend(channel->tickets, ticket, outcome);
	ticket_answered(handle);
}

static void step(struct http_request *request, const struct herald_http_reply *reply)
{
	struct herald_channel *channel = request->channel;
	size_t count = request->ticket_count;
	const struct herald_job **jobs = arena_array_of(request->arena, count, const struct herald_job *);
	struct outcome_slip *slips = arena_array_of(request->arena, count, struct outcome_slip);
	struct herald_outcome **outcomes = arena_array_of(request->arena, count, struct herald_outcome *);

	classify(channel, reply, &slips[0]);
	for (size_t i = 0; i < count; i++) {
		jobs[i] = &request->tickets[i]->job;
		slips[i] = slips[0];
		outcomes[i] = &slips[i].outcome;
	}
	enum herald_sent sent = channel->plugin->step(channel->self, jobs, count, reply, outcomes);
	for (size_t i = 0; i < count; i++)
		if (!outcome_slip_is_whole(&slips[i]))
			channel_log(channel, HERALD_FAULT, "wrote_past",
				    "step wrote past the end of an outcome");
	if (sent == HERALD_LATER)
		return;
	for (size_t i = 0; i < count; i++)
		spend(channel, request->tickets[i], &slips[i].outcome);
}

void http_answer_tickets(struct http_request *request, const struct herald_http_reply *reply)
{
	struct herald_channel *channel = request->channel;
	const struct herald_plugin *plugin = channel->plugin;
	struct outcome_slip slip;

	if (request->stage != 0 && HERALD_HAS(struct herald_plugin, plugin, step) && plugin->step)
		step(request, reply);
	else {
		classify(channel, reply, &slip);
		for (size_t i = 0; i < request->ticket_count; i++)
			spend(channel, request->tickets[i], &slip.outcome);
	}
	http_request_free(request);
}

void http_answer_taken_back(struct http_request *request)
{
	struct tickets *tickets = request->channel->tickets;

	if (request->done != http_answer_tickets) {
		request->done(request, NULL);
		return;
	}
	for (size_t i = 0; i < request->ticket_count; i++) {
		/* Out of its hands either way; one that is still open comes to the plugin again. */
		ticket_answered(request->tickets[i]->job.ticket);
		line_return(tickets, request->tickets[i]);
	}
	http_request_free(request);
}

enum herald_code http_send(struct herald_ticket *const *tickets, size_t count,
			   const struct herald_http_request *given, struct herald_error *err)
{
	struct tickets *table = count > 0 && tickets ? handle_tickets(tickets[0]) : NULL;
	struct http_request *request;

	if (!table)
		return herald_fail(err, HERALD_INVALID, "a request is for at least one ticket");
	if (atomic_load(&table->channel->is_over))
		return herald_fail(err, HERALD_CONFLICT, "the channel is closed");
	enum herald_code code = http_request_new(table->channel, tickets, count, given, &request, err);
	if (code != HERALD_OK)
		return code;
	request->done = http_answer_tickets;
	if (http_enqueue(request) == HERALD_OK)
		return HERALD_OK;
	http_request_free(request);
	return herald_fail(err, HERALD_CONFLICT, "the channel is closing");
}

/* --- for worker threads: send and wait --- */

struct call {
	pthread_mutex_t lock;
	pthread_cond_t is_done;
	bool is_over, is_taken_back;
	struct herald_http_reply reply; /* its texts live in the request */
};

static void call_end(struct http_request *request, const struct herald_http_reply *reply)
{
	struct call *call = request->context;

	pthread_mutex_lock(&call->lock);
	if (reply) {
		call->reply = *reply;
		call->reply.error = arena_text(request->arena, reply->error);
	} else
		call->is_taken_back = true;
	call->is_over = true;
	pthread_cond_signal(&call->is_done);
	pthread_mutex_unlock(&call->lock);
}

static void call_wait(struct call *call)
{
	pthread_mutex_lock(&call->lock);
	while (!call->is_over)
		pthread_cond_wait(&call->is_done, &call->lock);
	pthread_mutex_unlock(&call->lock);
	pthread_cond_destroy(&call->is_done);
	pthread_mutex_destroy(&call->lock);
}

static enum herald_code call_check(struct herald_channel *channel, struct herald_error *err)
{
	if (atomic_load(&channel->is_over))
		return herald_fail(err, HERALD_CONFLICT, "the channel is closed");
	/* The loop would wait for itself. */
	if (pthread_equal(pthread_self(), channel->loop))
		return herald_fail(err, HERALD_UNSUPPORTED, "http_call waits: it is for worker threads only");
	return HERALD_OK;
}

/* The reply is lent until this thread's next call, so the request that holds it lives until then. */
static struct call *call_new(struct http_request *request)
{
	struct call *call = arena_new_of(request->arena, struct call);

	CHECK(pthread_mutex_init(&call->lock, NULL) == 0);
	CHECK(pthread_cond_init(&call->is_done, NULL) == 0);
	request->done = call_end;
	request->context = call;
	return call;
}

enum herald_code http_call(struct herald_channel *channel, struct herald_ticket *ticket,
			   const struct herald_http_request *given,
			   const struct herald_http_reply **ret_reply, struct herald_error *err)
{
	struct http_request *request;
	enum herald_code code = call_check(channel, err);

	if (code == HERALD_OK)
		code = http_request_new(channel, &ticket, ticket ? 1 : 0, given, &request, err);
	if (code != HERALD_OK)
		return code;
	struct call *call = call_new(request);
	if (http_enqueue(request) != HERALD_OK) {
		http_request_free(request);
		return herald_fail(err, HERALD_CONFLICT, "the channel is closing");
	}
	call_wait(call);
	pthread_key_t key = channel->http->last_call;
	http_request_free(pthread_getspecific(key));
	CHECK(pthread_setspecific(key, request) == 0);
	if (call->is_taken_back)
		return herald_fail(err, HERALD_CONFLICT, "the ticket was taken back: do not send");
	*ret_reply = &call->reply;
	return HERALD_OK;
}

/* Channels: how they are, pausing and resuming, and one real message to see whether a channel works. */
#include <string.h>

#include "base/id.h"
#include "http/private.h"
#include "http/resources.h"
#include "http/view.h"
#include "model/field.h"
#include "base/check.h"

static json_t *view_destinations(const struct roster_channel *channel)
{
	json_t *items = json_array();

	for (size_t i = 0; i < channel->destination_count; i++) {
		const struct roster_destination *ill = &channel->destinations[i];

		json_array_append_new(items, json_pack("{s:s, s:s, s:s, s:o, s:i, s:i}", "name", ill->name,
						       "state", ill->state, "why", ill->why, "blocked_until",
						       view_time(ill->blocked_until_ms), "window",
						       (int)ill->window, "in_flight", (int)ill->in_flight));
	}
	return items;
}

static json_t *view_channel(const struct request *request, const struct roster_channel *channel)
{
	int64_t uptime_s = channel->started_at_ms ? (request->now_ms - channel->started_at_ms) / 1000 : 0;

	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:{s:i, s:i, s:I}, s:i, s:i, s:s, s:I, s:o, s:o}",
			 "name", channel->name, "plugin", channel->plugin, "version", channel->version,
			 "kind", channel->kind, "state", channel_state_name(channel->state), "why",
			 channel->why, "process", "pid", (int)channel->pid, "restarts",
			 (int)channel->restarts, "uptime_s", (json_int_t)(uptime_s > 0 ? uptime_s : 0),
			 "window", (int)channel->window, "in_flight", (int)channel->in_flight, "rate",
			 channel->rate, "queued", (json_int_t)channel->queued, "oldest_due_at",
			 view_time(channel->oldest_due_at_ms), "destinations", view_destinations(channel));
}

void channels_get(struct request *request)
{
	const struct roster *roster = roster_get(request->thread->http->settings.rosters);
	json_t *items = json_array();

	for (size_t i = 0; i < roster->channel_count; i++)
		json_array_append_new(items, view_channel(request, &roster->channels[i]));
	roster_put(roster);
	answer_page(request, items, "");
}

/* Answers with what view makes of the named channel, or 404. */
static void answer_channel(struct request *request,
			   json_t *(*view)(const struct request *, const struct roster_channel *))
{
	const struct roster *roster = roster_get(request->thread->http->settings.rosters);
	const struct roster_channel *channel = roster_find(roster, request->params[0]);

	if (channel != NULL)
		answer_tree(request, 200, view(request, channel));
	else
		answer_problem(request, PROBLEM_not_found, "there is no such channel");
	roster_put(roster);
}

void channel_get(struct request *request)
{
	answer_channel(request, view_channel);
}

static json_t *view_only_destinations(const struct request *request, const struct roster_channel *channel)
{
	(void)request;
	return json_pack("{s:o}", "items", view_destinations(channel));
}

void channel_destinations_get(struct request *request)
{
	answer_channel(request, view_only_destinations);
}

/* -1: it has answered 404. */
static int32_t number_of(struct request *request)
{
	const struct roster *roster = roster_get(request->thread->http->settings.rosters);
	const struct roster_channel *channel = roster_find(roster, request->params[0]);
	int32_t number = channel ? channel->number : -1;

	roster_put(roster);
	if (number < 0)
		answer_problem(request, PROBLEM_not_found, "there is no such channel");
	return number;
}

static void switched(struct request *request)
{
	struct store_put_channel *put = request->state;

	if (!answer_op_trouble(request, &put->op))
		answer_tree(request, 200,
			    json_pack("{s:s, s:s, s:s}", "name", request->params[0], "state",
				      put->is_paused ? "paused" : "resuming", "why", put->why));
}

static void switch_channel(struct request *request, bool is_paused, const char *why)
{
	struct store_put_channel *put = arena_new_of(request->arena, struct store_put_channel);

	put->channel = number_of(request);
	if (put->channel < 0)
		return;
	put->op.verb = STORE_PUT_CHANNEL;
	put->op.takes_back = true;
	put->op.audit =
		(struct store_audit){.verb = is_paused ? "channel.pause" : "channel.resume", .payload = "{}"};
	put->is_paused = is_paused;
	put->why = why;
	request->state = put;
	request_submit(request, &put->op, switched);
}

void channel_pause(struct request *request)
{
	const char *why = "paused by an operator";
	struct field_reader reader;

	if (request->tree != NULL && field_open(&reader, request->tree, "", "reason", "", &request->faults))
		field_text(&reader, "reason", 256, &why);
	if (!request_is_faulty(request))
		switch_channel(request, true, why);
}

void channel_resume(struct request *request)
{
	switch_channel(request, false, "");
}

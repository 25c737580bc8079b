/* What became of notifications: one whole, the timeline, lists, and cancelling. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "http/resources.h"
#include "http/view.h"
#include "route/verdict.h"
#include "base/check.h"

struct story {
	int64_t id;
	struct store_notification_row row;
	struct store_delivery_row *deliveries;
	struct store_left_out_row *left_out;
	struct store_attempt_row *attempts;
	size_t delivery_count, left_out_count, attempt_count;
};

static bool id_of(struct request *request, int64_t *ret_id)
{
	if (id_parse("ntf", request->params[0], ret_id))
		return true;
	answer_problem(request, PROBLEM_not_found, "there is no such notification");
	return false;
}

static bool story_read(struct request *request, struct story *story)
{
	struct store_session *session = intake_session(request->intake);
	struct herald_error err;
	enum herald_code code;

	if (!id_of(request, &story->id))
		return false;
	code = store_notification(session, request->tenant, story->id, request->arena, &story->row, &err);
	if (code == HERALD_OK)
		code = store_notification_deliveries(session, story->id, request->arena, &story->deliveries,
						     &story->delivery_count, &err);
	if (code == HERALD_OK)
		code = store_left_outs(session, story->id, request->arena, &story->left_out,
				       &story->left_out_count, &err);
	if (code == HERALD_OK)
		code = store_attempts(session, story->id, -1, request->arena, &story->attempts,
				      &story->attempt_count, &err);
	if (code == HERALD_OK)
		return true;
	answer_code(request, code, &err);
	return false;
}

void notification_get(struct request *request)
{
	json_t *view, *deliveries, *left_out;
	struct story story;

	if (!story_read(request, &story))
		return;
	view = view_notification(&story.row);
	deliveries = json_array();
	left_out = json_array();
	for (size_t i = 0; i < story.delivery_count; i++)
		json_array_append_new(deliveries, view_delivery(request, &story.deliveries[i]));
	for (size_t i = 0; i < story.left_out_count; i++)
		json_array_append_new(left_out, view_left_out(&story.left_out[i]));
	json_object_set_new(view, "deliveries", deliveries);
	json_object_set_new(view, "left_out", left_out);
	answer_tree(request, 200, view);
}

/* --- timeline --- */

struct moment {
	int64_t at_ms;
	size_t order; /* of what happened within one millisecond no more is known */
	json_t *entry;
};

struct timeline {
	struct request *request;
	struct moment *moments;
	size_t count;
};

static void add_moment(struct timeline *timeline, int64_t at_ms, const char *what, const char *actor,
		       const char *delivery, const char *words)
{
	json_t *entry = json_pack("{s:o, s:s, s:s, s:s}", "at", view_time(at_ms), "what", what, "actor",
				  actor, "words", words);

	if (*delivery != 0)
		json_object_set_new(entry, "delivery", json_string(delivery));
	timeline->moments[timeline->count] =
		(struct moment){.at_ms = at_ms, .order = timeline->count, .entry = entry};
	timeline->count++;
}

static const struct store_delivery_row *delivery_of(const struct story *story, uint32_t n)
{
	for (size_t i = 0; i < story->delivery_count; i++) {
		if (story->deliveries[i].n == n)
			return &story->deliveries[i];
	}
	return NULL;
}

static void add_attempt(struct timeline *timeline, const struct story *story,
			const struct store_attempt_row *attempt)
{
	const struct store_delivery_row *delivery = delivery_of(story, attempt->n);
	const char *channel =
		delivery ? store_channel_name(timeline->request->store, delivery->channel) : NULL;
	struct arena *arena = timeline->request->arena;
	char id[DELIVERY_TEXT_SIZE];

	id_delivery_text(story->id, attempt->n, id);
	add_moment(timeline, attempt->started_at_ms, "attempt", "dispatcher", id,
		   arena_printf(arena, "attempt %u goes to channel %s", attempt->attempt,
				channel ? channel : "?"));
	if (attempt->ended_at_ms == 0)
		return;
	add_moment(timeline, attempt->ended_at_ms, "answer", channel ? channel : "channel", id,
		   arena_printf(arena, "%s%s%s%s%s",
				attempt->verdict <= HERALD_MISCONFIGURED
					? verdict_name((enum herald_verdict)attempt->verdict)
					: "none",
				*attempt->status ? " " : "", attempt->status, *attempt->text ? ": " : "",
				attempt->text));
}

static int earlier(const void *left, const void *right)
{
	const struct moment *a = left, *b = right;

	if (a->at_ms != b->at_ms)
		return a->at_ms > b->at_ms ? 1 : -1;
	return (a->order > b->order) - (a->order < b->order);
}

static void fill_timeline(struct timeline *timeline, const struct story *story)
{
	char words[256], id[DELIVERY_TEXT_SIZE];

	snprintf(words, sizeof(words), "accepted for %u %s: %zu %s, %zu %s left out", story->row.recipients,
		 story->row.recipients == 1 ? "recipient" : "recipients", story->delivery_count,
		 story->delivery_count == 1 ? "delivery" : "deliveries", story->left_out_count,
		 story->left_out_count == 1 ? "channel" : "channels");
	add_moment(timeline, story->row.accepted_at_ms, "accepted", "api", "", words);
	for (size_t i = 0; i < story->left_out_count; i++) {
		const struct store_left_out_row *out = &story->left_out[i];

		add_moment(timeline, story->row.accepted_at_ms, "left_out", "planner", "",
			   arena_printf(timeline->request->arena, "%s by %s was left out: %s",
					*out->recipient_id ? out->recipient_id : "the address",
					*out->channel ? out->channel : "any channel", out->detail));
	}
	for (size_t i = 0; i < story->attempt_count; i++)
		add_attempt(timeline, story, &story->attempts[i]);
	for (size_t i = 0; i < story->delivery_count; i++) {
		const struct store_delivery_row *row = &story->deliveries[i];

		id_delivery_text(row->notification, row->n, id);
		snprintf(words, sizeof(words), "is now %s%s%s", delivery_state_name(row->state),
			 row->reason == REASON_none ? "" : ": ",
			 row->reason == REASON_none ? "" : reason_words(row->reason));
		add_moment(timeline, row->changed_at_ms, delivery_state_name(row->state), "dispatcher", id,
			   words);
	}
}

void timeline_get(struct request *request)
{
	struct timeline timeline = {.request = request};
	json_t *items = json_array();
	struct story story;

	if (!story_read(request, &story)) {
		json_decref(items);
		return;
	}
	timeline.moments = arena_array_of(
		request->arena, 1 + story.left_out_count + 2 * story.attempt_count + story.delivery_count,
		struct moment);
	fill_timeline(&timeline, &story);
	qsort(timeline.moments, timeline.count, sizeof(*timeline.moments), earlier);
	for (size_t i = 0; i < timeline.count; i++)
		json_array_append_new(items, timeline.moments[i].entry);
	answer_tree(request, 200, json_pack("{s:o, s:o}", "id", view_id("ntf", story.id), "items", items));
}

/* --- lists --- */

static bool state_is_good(struct request *request, const char *state)
{
	if (*state == 0 || strcmp(state, "scheduled") == 0 || strcmp(state, "active") == 0 ||
	    strcmp(state, "done") == 0)
		return true;
	faults_add(&request->faults, "?state", "range", "must be scheduled, active or done");
	return false;
}

void notifications_get(struct request *request)
{
	const char *after, *state = request_query(request, "state");
	struct store_notification_row *rows;
	int64_t since_ms = 0, after_id = 0;
	char next[ID_TEXT_SIZE] = "";
	struct herald_error err;
	json_t *items;
	uint32_t limit = 0;
	size_t count;
	enum herald_code code;

	request_page(request, &limit, &after);
	request_instant(request, "since", &since_ms);
	state_is_good(request, state);
	if (limit > 0 && *after != 0 && !id_parse("ntf", after, &after_id))
		faults_add(&request->faults, "?after", "syntax", "is not a cursor of this list");
	if (request_is_faulty(request))
		return;
	code = store_notifications(intake_session(request->intake), request->tenant,
				   request_query(request, "recipient"), request_query(request, "category"),
				   request_query(request, "correlation_id"), state, since_ms, after_id, limit,
				   request->arena, &rows, &count, &err);
	if (code != HERALD_OK) {
		answer_code(request, code, &err);
		return;
	}
	items = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(items, view_notification(&rows[i]));
	if (count == limit)
		id_text("ntf", rows[count - 1].id, next);
	answer_page(request, items, next);
}

/* --- cancel --- */

static void cancelled(struct request *request)
{
	struct store_cancel *cancel = request->state;

	if (answer_op_trouble(request, &cancel->op))
		return;
	if (cancel->ret_is_unknown)
		answer_problem(request, PROBLEM_not_found, "there is no such notification");
	else
		answer_tree(request, 200,
			    json_pack("{s:i, s:i}", "cancelled", (int)cancel->ret_cancelled, "too_late",
				      (int)cancel->ret_too_late));
}

void notification_cancel(struct request *request)
{
	struct store_cancel *cancel = arena_new_of(request->arena, struct store_cancel);

	if (!id_of(request, &cancel->notification))
		return;
	cancel->op.verb = STORE_CANCEL;
	cancel->op.takes_back = true;
	cancel->op.audit = (struct store_audit){
		.verb = "notification.cancel",
		.payload = arena_printf(request->arena, "{\"id\":\"%s\"}", request->params[0])};
	cancel->reason = REASON_by_caller;
	request->state = cancel;
	request_submit(request, &cancel->op, cancelled);
}

/* POST /v1/notifications and /v1/explain: the same road until the end, where one makes the promise and the
 * other prints the plan. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/json.h"
#include "http/private.h"
#include "http/resources.h"
#include "model/words.h"
#include "telemetry/metric.h"
#include "base/check.h"

/* What one notification needs on its way in. */
struct sending {
	struct notification notification;
	struct intake_call call;
	struct address_question *questions;
	size_t question_count;
	int64_t id;
};

static void sending_end(struct request *request)
{
	struct sending *sending = request->state;

	intake_done(&sending->call);
}

/* One question per inline address, in the order of `to`. */
static void questions_make(struct request *request, struct sending *sending)
{
	const struct notification *notification = &sending->notification;
	size_t count = 0;

	for (size_t i = 0; i < notification->target_count; i++)
		count += notification->targets[i].address_count;
	sending->questions = arena_array_of(request->arena, count, struct address_question);
	for (size_t i = 0; i < notification->target_count; i++) {
		for (size_t j = 0; j < notification->targets[i].address_count; j++) {
			const struct recipient_address *from = &notification->targets[i].addresses[j];
			struct address_question *question = &sending->questions[sending->question_count++];

			question->kind = from->kind;
			question->channel = from->channel;
			question->address = from->address;
			snprintf(question->pointer, sizeof(question->pointer),
				 "/to/%zu/addresses/%zu/address", i, j);
		}
	}
}

static const struct intake_place *const *places_of(struct request *request, const struct sending *sending)
{
	const struct notification *notification = &sending->notification;
	const struct intake_place **places =
		arena_array_of(request->arena, notification->target_count, const struct intake_place *);
	size_t question = 0;

	for (size_t i = 0; i < notification->target_count; i++) {
		struct intake_place *row = arena_array_of(
			request->arena, notification->targets[i].address_count, struct intake_place);

		for (size_t j = 0; j < notification->targets[i].address_count; j++) {
			const struct checked_address *checked = &sending->questions[question++].checked;

			row[j] = (struct intake_place){.canonical = checked->canonical,
						       .destination = checked->destination};
		}
		places[i] = row;
	}
	return places;
}

/* Parse the body and have its addresses checked. */
static void begin(struct request *request, enum notification_form form, request_step next)
{
	struct sending *sending = arena_new_of(request->arena, struct sending);

	request->state = sending;
	request->cleanup = sending_end;
	if (!notification_parse(request->tree, form, &sending->notification, &request->faults)) {
		answer_faults(request);
		return;
	}
	sending->notification.traceparent = request->traceparent;
	questions_make(request, sending);
	addresses_check(request, sending->questions, sending->question_count, next);
}

/* The addresses are checked: plan.  False: it has answered. */
static bool plan(struct request *request, bool wants_why)
{
	struct sending *sending = request->state;
	struct intake_call *call = &sending->call;
	struct herald_error err;
	enum herald_code code;

	if (!addresses_checked(request, sending->questions, sending->question_count, false))
		return false;
	call->tenant = request->tenant;
	call->now_ms = sending->notification.at_ms ? sending->notification.at_ms : request->now_ms;
	call->notification = &sending->notification;
	call->places = places_of(request, sending);
	call->faults = &request->faults;
	call->wants_why = wants_why;
	call->body = text_of(request->body.data, request->body.size);
	code = intake_plan(request->intake, call, &err);
	if (code == HERALD_OK)
		return true;
	metric_add(METRIC_accepts, METRIC_LABELS("refused"), 1);
	if (!request_is_faulty(request))
		answer_code(request, code, &err);
	return false;
}

static struct herald_text accepted_text(struct request *request, int64_t id, int64_t at_ms, size_t recipients,
					bool is_duplicate)
{
	char at[CLOCK_TEXT_SIZE], text[ID_TEXT_SIZE];
	const char *answer;

	clock_text(at_ms, at);
	id_text("ntf", id, text);
	answer = arena_printf(request->arena, "{\"id\":\"%s\",\"accepted_at\":\"%s\",\"recipients\":%zu%s}",
			      text, at, recipients, is_duplicate ? ",\"duplicate\":true" : "");
	return text_of(answer, strlen(answer));
}

static void accepted(struct request *request);

static void promise(struct request *request)
{
	struct sending *sending = request->state;

	intake_prepare(request->intake, &sending->call, sending->id);
	request_submit_once(
		request, &sending->call.accept.op, 202,
		accepted_text(request, sending->id, sending->call.now_ms, sending->call.person_count, false),
		accepted);
}

static void accepted(struct request *request)
{
	struct sending *sending = request->state;
	struct store_accept *accept = &sending->call.accept;

	if (intake_answered(request->intake, &sending->call)) {
		/* Something that the plan looked at moved meanwhile: look again. */
		if (plan(request, false))
			promise(request);
		return;
	}
	metric_add(METRIC_accepts,
		   METRIC_LABELS(accept->op.code != HERALD_OK ? "busy"
				 : accept->op.ret_is_replay   ? "replayed"
							      : "accepted"),
		   1);
	if (answer_op_trouble(request, &accept->op))
		return;
	if (accept->ret_is_duplicate) {
		answer_text(request, 202, "application/json",
			    accepted_text(request, accept->ret_first_id, accept->ret_first_accepted_at_ms,
					  accept->ret_first_recipients, true));
		return;
	}
	answer_text(request, 202, "application/json", accept->op.idempotency.answer);
}

static void send_planned(struct request *request)
{
	struct sending *sending = request->state;

	if (!plan(request, false))
		return;
	sending->id = store_next_id(request->store);
	promise(request);
}

void notifications_post(struct request *request)
{
	begin(request, NOTIFICATION_POST, send_planned);
}

/* --- explain --- */

static json_t *preview(struct request *request, struct herald_text blob)
{
	struct words words;
	json_t *tree;

	if (words_decode(blob, request->arena, &words, NULL) != HERALD_OK)
		return json_null();
	tree = json_pack("{s:s%}", "text", words.text.data, words.text.size);
	if (*words.subject != 0)
		json_object_set_new(tree, "subject", json_string(words.subject));
	if (words.html.size > 0)
		json_object_set_new(tree, "html", json_stringn(words.html.data, words.html.size));
	return tree;
}

static json_t *explained_delivery(struct request *request, const struct plan *plan,
				  const struct plan_delivery *delivery)
{
	json_t *why = json_array();
	char due[CLOCK_TEXT_SIZE];

	clock_text(delivery->due_at_ms, due);
	for (size_t i = 0; i < PLAN_WHY_MAX && delivery->why[i] != NULL; i++)
		json_array_append_new(why, json_string(delivery->why[i]));
	if (delivery->step > 1)
		json_array_append_new(why,
				      json_sprintf("step %u: only if the one before is dead or impossible",
						   delivery->step));
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:o}", "channel", delivery->channel->name, "kind",
			 delivery->channel->kind, "address", delivery->address->address, "due_at", due,
			 "state", delivery_state_name(delivery->state), "why", why, "content",
			 preview(request, plan->bodies[delivery->body]));
}

static json_t *explained_person(struct request *request, const struct plan *plan,
				const struct plan_person *person)
{
	json_t *deliveries = json_array(), *left_out = json_array();

	for (size_t i = 0; i < plan->delivery_count; i++) {
		if (plan->deliveries[i].person == person)
			json_array_append_new(deliveries,
					      explained_delivery(request, plan, &plan->deliveries[i]));
	}
	for (size_t i = 0; i < plan->left_out_count; i++) {
		const struct plan_left_out *out = &plan->left_out[i];

		if (out->person == person)
			json_array_append_new(left_out,
					      json_pack("{s:s, s:s, s:s, s:s}", "channel", out->channel,
							"reason", reason_name(out->reason), "detail",
							out->detail, "rule", out->rule));
	}
	return json_pack("{s:s, s:o, s:o}", "recipient", person->id, "deliveries", deliveries, "left_out",
			 left_out);
}

static void explain_planned(struct request *request)
{
	struct sending *sending = request->state;
	const struct plan *made = &sending->call.plan;
	char at[CLOCK_TEXT_SIZE], expires[CLOCK_TEXT_SIZE];
	json_t *recipients;

	if (!plan(request, true))
		return;
	recipients = json_array();
	for (size_t i = 0; i < sending->call.person_count; i++)
		json_array_append_new(recipients, explained_person(request, made, &sending->call.people[i]));
	clock_text(sending->call.now_ms, at);
	clock_text(made->expires_at_ms, expires);
	answer_tree(request, 200,
		    json_pack("{s:s, s:s, s:s, s:s, s:o}", "category", sending->call.category->name, "at", at,
			      "expires_at", expires, "strategy",
			      made->strategy == STRATEGY_FIRST ? "first" : "all", "recipients", recipients));
}

void explain_post(struct request *request)
{
	begin(request, NOTIFICATION_EXPLAIN, explain_planned);
}

/* POST /v1/notifications and /v1/explain: the same road until the end, where one makes the promise and the
 * other prints the plan. */
#include <string.h>

#include "base/clock.h"
#include "http/resources.h"
#include "http/sending.h"
#include "model/words.h"
#include "telemetry/metric.h"
#include "base/check.h"

static void sending_end(struct request *request)
{
	sending_done(request->state);
}

/* Parse the body and have its addresses checked. */
static void begin(struct request *request, enum notification_form form, request_step next)
{
	struct sending *sending = arena_new_of(request->arena, struct sending);

	request->state = sending;
	request->cleanup = sending_end;
	sending->faults = &request->faults;
	sending->body = text_of(request->body.data, request->body.size);
	if (sending_parse(request, sending, request->tree, form))
		sending_ask(request, sending, next);
	else
		answer_faults(request);
}

/* The addresses are checked: plan.  False: it has answered. */
static bool plan(struct request *request, bool wants_why)
{
	struct herald_error err;
	enum herald_code code = sending_plan(request, request->state, wants_why, &err);

	if (code == HERALD_OK)
		return true;
	metric_add(METRIC_accepts, METRIC_LABELS("refused"), 1);
	if (!request_is_faulty(request))
		answer_code(request, code, &err);
	return false;
}

static void accepted(struct request *request);

static void send_planned(struct request *request)
{
	if (!plan(request, false))
		return;
	sending_prepare(request, request->state, request->idempotency_key, request->fingerprint);
	sending_submit(request, request->state, accepted);
}

static void accepted(struct request *request)
{
	struct sending *sending = request->state;

	/* Something that the plan looked at may have moved meanwhile: then look again. */
	if (sending_answered(request, sending))
		send_planned(request);
	else if (!answer_op_trouble(request, &sending->call.accept.op))
		answer_text(request, 202, "application/json", sending_receipt(sending));
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

/* POST /v1/channels/{name}/test: one real message through everything that a notification goes through, but
 * the plan; the answer waits for the outcome. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "http/private.h"
#include "http/resources.h"
#include "http/view.h"
#include "model/field.h"
#include "model/words.h"
#include "base/check.h"

enum { OUTCOME_WAIT_MS_MAX = 30000, OUTCOME_LOOK_MS = 200 };

struct trial {
	struct store_accept accept;
	struct store_delivery delivery;
	struct address_question question;
	struct herald_text body;
	const char *kind;
	int32_t channel;
	int64_t waits_until_mono_ms;
};

static void look(struct request *request);

/* Ended, or the time is over: a delivery that waits for another try is an outcome, too. */
static bool is_told(const struct store_delivery_row *row, size_t attempts)
{
	return delivery_is_final(row->state) || row->state == DELIVERY_PARKED ||
	       (row->state == DELIVERY_QUEUED && attempts > 0);
}

static void look(struct request *request)
{
	struct trial *trial = request->state;
	struct store_session *session = intake_session(request->intake);
	struct store_attempt_row *attempts;
	struct store_delivery_row row;
	struct herald_error err;
	json_t *view, *items;
	size_t count = 0;
	enum herald_code code =
		store_delivery(session, request->tenant, trial->accept.id, 1, request->arena, &row, &err);

	if (code == HERALD_OK)
		code = store_attempts(session, trial->accept.id, 1, request->arena, &attempts, &count, &err);
	if (code != HERALD_OK) {
		answer_code(request, code, &err);
		return;
	}
	if (!is_told(&row, count) && clock_mono_ms() < trial->waits_until_mono_ms &&
	    !request_is_last(request)) {
		request_pause(request, OUTCOME_LOOK_MS, look);
		return;
	}
	view = view_delivery(request, &row);
	items = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(items, view_attempt(&attempts[i]));
	json_object_set_new(view, "attempts", items);
	answer_tree(request, 200, view);
}

static void accepted(struct request *request)
{
	struct trial *trial = request->state;

	/* The same key again: how the first one went, with no second message. */
	if (trial->accept.op.code == HERALD_OK && trial->accept.op.ret_is_replay) {
		const char *first = arena_bytes_copy(request->arena, trial->accept.op.ret_replay.data,
						     trial->accept.op.ret_replay.size)
					    .data;

		CHECK(id_parse("ntf", first, &trial->accept.id));
		answer_header(request, "Idempotent-Replayed", "true");
	} else if (answer_op_trouble(request, &trial->accept.op)) {
		return;
	}
	trial->waits_until_mono_ms = clock_mono_ms() + OUTCOME_WAIT_MS_MAX;
	look(request);
}

static bool words_make(struct request *request, struct trial *trial)
{
	static const char text[] = "This is a test message from Herald. Nothing needs to be done.";
	const struct words words = {.subject = "Herald test message",
				    .text = text_of(text, sizeof(text) - 1),
				    .html = text_of("", 0),
				    .card = text_of("", 0),
				    .json = text_of("", 0),
				    .reply_to = "",
				    .from_name = ""};
	struct herald_error err;
	enum herald_code code = words_encode(&words, request->arena, &trial->body, &err);

	if (code != HERALD_OK)
		answer_code(request, code, &err);
	return code == HERALD_OK;
}

static void checked(struct request *request)
{
	struct trial *trial = request->state;
	struct store_accept *accept = &trial->accept;
	char id[ID_TEXT_SIZE];

	if (!addresses_good(request, &trial->question, 1, false) || !words_make(request, trial))
		return;
	trial->delivery = (struct store_delivery){
		.n = 1,
		.channel = trial->channel,
		.state = DELIVERY_QUEUED,
		.due_at_ms = request->now_ms,
		.expires_at_ms = request->now_ms + OUTCOME_WAIT_MS_MAX,
		.recipient_id = "",
		.address = trial->question.checked.canonical,
		.kind = trial->kind,
		.destination = trial->question.checked.destination,
		.name = "",
		.locale = "",
		.memory = text_of("", 0),
	};
	store_address_hash(request->tenant, trial->kind, trial->delivery.address,
			   trial->delivery.address_hash);
	accept->op.verb = STORE_ACCEPT;
	accept->op.is_new_work = true;
	accept->op.audit = (struct store_audit){.verb = "channel.test", .payload = "{}"};
	accept->id = store_next_id(request->store);
	accept->category = "herald.test";
	accept->policy_version = -1;
	accept->priority = HERALD_HIGH;
	accept->accepted_at_ms = request->now_ms;
	accept->expires_at_ms = trial->delivery.expires_at_ms;
	accept->correlation_id = accept->metadata = accept->traceparent = accept->dedup_key = "";
	accept->attempts_max = 1;
	accept->uncertain = UNCERTAIN_DEAD;
	accept->deliveries = &trial->delivery;
	accept->delivery_count = 1;
	accept->bodies = &trial->body;
	accept->body_count = 1;
	accept->recipients = 1;
	accept->request = text_of("", 0);
	id_text("ntf", accept->id, id);
	request_submit_once(request, &accept->op, 200, arena_bytes_copy(request->arena, id, strlen(id)),
			    accepted);
}

void channel_test(struct request *request)
{
	const struct roster *roster = roster_get(request->thread->http->settings.rosters);
	const struct roster_channel *channel = roster_find(roster, request->params[0]);
	struct trial *trial = arena_new_of(request->arena, struct trial);
	struct field_reader reader;
	const char *address = "";

	request->state = trial;
	if (field_open(&reader, request->tree, "", "address", "", &request->faults) &&
	    field_required(&reader, "address"))
		field_text(&reader, "address", ADDRESS_BYTES_MAX - 1, &address);
	if (channel == NULL) {
		answer_problem(request, PROBLEM_not_found, "there is no such channel");
	} else if (!request_is_faulty(request)) {
		trial->channel = channel->number;
		trial->kind = arena_text(request->arena, channel->kind);
		trial->question.kind = trial->kind;
		trial->question.channel = arena_text(request->arena, channel->name);
		trial->question.address = address;
		snprintf(trial->question.pointer, sizeof(trial->question.pointer), "/address");
		addresses_check(request, &trial->question, 1, &request->faults, checked);
	}
	roster_put(roster);
}

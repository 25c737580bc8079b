/* One notification through the front: see sending.h. */
#include "http/sending.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "telemetry/metric.h"
#include "base/check.h"

/* One question per inline address, in the order of `to`. */
static void questions_make(struct sending *sending)
{
	const struct notification *notification = &sending->notification;
	size_t count = 0;

	for (size_t i = 0; i < notification->target_count; i++)
		count += notification->targets[i].address_count;
	sending->questions = arena_array_of(sending->faults->arena, count, struct address_question);
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

bool sending_parse(struct request *request, struct sending *sending, const json_t *tree,
		   enum notification_form form)
{
	if (!notification_parse(tree, form, &sending->notification, sending->faults))
		return false;
	sending->notification.traceparent = request->traceparent;
	questions_make(sending);
	return true;
}

void sending_ask(struct request *request, struct sending *sending, request_step next)
{
	addresses_check(request, sending->questions, sending->question_count, sending->faults, next);
}

static const struct intake_place *const *places_of(const struct sending *sending)
{
	const struct notification *notification = &sending->notification;
	const struct intake_place **places = arena_array_of(
		sending->faults->arena, notification->target_count, const struct intake_place *);
	size_t question = 0;

	for (size_t i = 0; i < notification->target_count; i++) {
		struct intake_place *row = arena_array_of(
			sending->faults->arena, notification->targets[i].address_count, struct intake_place);

		for (size_t j = 0; j < notification->targets[i].address_count; j++) {
			const struct checked_address *checked = &sending->questions[question++].checked;

			row[j] = (struct intake_place){.canonical = checked->canonical,
						       .destination = checked->destination};
		}
		places[i] = row;
	}
	return places;
}

enum herald_code sending_plan(struct request *request, struct sending *sending, bool wants_why,
			      struct herald_error *err)
{
	struct intake_call *call = &sending->call;
	enum herald_code code;

	if (call->places == NULL) {
		code = addresses_checked(request, sending->questions, sending->question_count,
					 sending->faults);
		if (faults_any(sending->faults))
			return HERALD_INVALID;
		if (code != HERALD_OK)
			return herald_fail(err, code,
					   "the channel that checks these addresses is not up; come again");
		call->places = places_of(sending);
	}
	call->tenant = request->tenant;
	call->now_ms = sending->notification.at_ms ? sending->notification.at_ms : request->now_ms;
	call->notification = &sending->notification;
	call->faults = sending->faults;
	call->wants_why = wants_why;
	call->body = sending->body;
	return intake_plan(request->intake, call, err);
}

static struct herald_text receipt(struct arena *arena, int64_t id, int64_t at_ms, size_t recipients,
				  bool is_duplicate)
{
	char at[CLOCK_TEXT_SIZE], text[ID_TEXT_SIZE];
	const char *answer;

	clock_text(at_ms, at);
	id_text("ntf", id, text);
	answer = arena_printf(arena, "{\"id\":\"%s\",\"accepted_at\":\"%s\",\"recipients\":%zu%s}", text, at,
			      recipients, is_duplicate ? ",\"duplicate\":true" : "");
	return text_of(answer, strlen(answer));
}

void sending_prepare(struct request *request, struct sending *sending, const char *key,
		     const uint8_t fingerprint[32])
{
	struct store_op *op = &sending->call.accept.op;

	if (sending->id == 0)
		sending->id = store_next_id(request->store);
	intake_prepare(request->intake, &sending->call, sending->id);
	op->idempotency = (struct store_idempotency){.key = key,
						     .status = 202,
						     .answer = receipt(sending->faults->arena, sending->id,
								       sending->call.now_ms,
								       sending->call.person_count, false)};
	memcpy(op->idempotency.fingerprint, fingerprint, 32);
}

void sending_submit(struct request *request, struct sending *sending, request_step next)
{
	request_submit(request, &sending->call.accept.op, next);
}

bool sending_answered(struct request *request, struct sending *sending)
{
	const struct store_op *op = &sending->call.accept.op;

	if (intake_answered(request->intake, &sending->call))
		return true;
	metric_add(METRIC_accepts,
		   METRIC_LABELS(op->code != HERALD_OK ? "busy"
				 : op->ret_is_replay   ? "replayed"
						       : "accepted"),
		   1);
	return false;
}

struct herald_text sending_receipt(const struct sending *sending)
{
	const struct store_accept *accept = &sending->call.accept;

	if (accept->ret_is_duplicate)
		return receipt(sending->faults->arena, accept->ret_first_id, accept->ret_first_accepted_at_ms,
			       accept->ret_first_recipients, true);
	return accept->op.idempotency.answer;
}

void sending_done(struct sending *sending)
{
	intake_done(&sending->call);
}

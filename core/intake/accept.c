/* One notification on its way in: plan it, fill the operation, and account for the permits it took. */
#include <string.h>

#include "base/id.h"
#include "intake/private.h"
#include "telemetry/metric.h"
#include "base/check.h"

enum herald_code intake_new(const struct intake_settings *settings, struct intake **ret_intake,
			    struct herald_error *err)
{
	struct arena *arena = arena_new();
	struct intake *intake = arena_new_of(arena, struct intake);
	enum herald_code code;

	*intake = (struct intake){.settings = *settings, .arena = arena};
	code = store_session_new(settings->store, &intake->session, err);
	if (code != HERALD_OK) {
		arena_free(arena);
		return code;
	}
	intake->categories = category_cache_new();
	*ret_intake = intake;
	return HERALD_OK;
}

void intake_free(struct intake *intake)
{
	if (intake == NULL)
		return;
	category_cache_free(intake->categories);
	store_session_free(intake->session);
	arena_free(intake->arena);
}

struct store_session *intake_session(struct intake *intake)
{
	return intake->session;
}

enum herald_code intake_category(struct intake *intake, int64_t tenant, const char *name,
				 const struct category **ret_category, struct herald_error *err)
{
	return category_cache_get(intake->categories, intake->settings.store, intake->session, tenant, name,
				  ret_category, err);
}

void intake_done(struct intake_call *call)
{
	if (call->roster != NULL)
		roster_put(call->roster);
	call->roster = NULL;
	for (size_t i = 0; i < call->person_count; i++)
		json_decref(call->trees[i]);
	call->person_count = 0;
}

static bool is_starting(const struct roster_channel *channel)
{
	return *channel->kind == 0 && channel->state == CHANNEL_RESTARTING && channel->restarts == 0;
}

static bool is_carried(const struct roster *roster, const char *kind)
{
	for (size_t i = 0; i < roster->channel_count; i++) {
		if (strcmp(roster->channels[i].kind, kind) == 0)
			return true;
	}
	return false;
}

/* Might it be the one for somebody's address, or is it asked for by its name? */
static bool is_missed(const struct intake_call *call, const struct roster_channel *channel)
{
	for (size_t i = 0; i < call->notification->channel_count; i++) {
		if (strcmp(call->notification->channels[i], channel->name) == 0)
			return true;
	}
	for (size_t i = 0; i < call->person_count; i++) {
		for (size_t j = 0; j < call->people[i].address_count; j++) {
			if (!is_carried(call->roster, call->people[i].addresses[j].kind))
				return true;
		}
	}
	return false;
}

/* Until a channel's plugin was described once, a plan could leave out what only seems not to be there.  A
 * channel that died before it said anything keeps nobody waiting, nor does one that a reload added beside
 * those that carry all that is needed. */
static bool has_to_wait(const struct intake_call *call)
{
	for (size_t i = 0; i < call->roster->channel_count; i++) {
		if (is_starting(&call->roster->channels[i]) && is_missed(call, &call->roster->channels[i]))
			return true;
	}
	return false;
}

enum herald_code intake_plan(struct intake *intake, struct intake_call *call, struct herald_error *err)
{
	struct plan_input input = {
		.now_ms = call->now_ms,
		.notification = call->notification,
		.expires_in_ms = atomic_load(intake->settings.expires_in_ms),
		.wants_why = call->wants_why,
	};
	enum herald_code code;

	intake_done(call);
	code = intake_category(intake, call->tenant, call->notification->category, &call->category, err);
	if (code == HERALD_NOT_FOUND) {
		faults_add_as(call->faults, "unknown_category", "/category", "unknown",
			      "there is no category %s; make it with PUT /v1/categories/%s",
			      call->notification->category, call->notification->category);
		return HERALD_INVALID;
	}
	if (code == HERALD_OK)
		code = people_read(intake, call, err);
	if (code != HERALD_OK)
		return code;
	call->roster = roster_get(intake->settings.rosters);
	if (has_to_wait(call))
		return herald_fail(err, HERALD_BUSY,
				   "a channel is still starting, and has not said yet what it "
				   "carries; come again");
	input.category = call->category;
	input.roster = call->roster;
	input.people = call->people;
	input.person_count = call->person_count;
	code = plan_make(&input, &call->plan, call->faults);
	return code;
}

/* One planned delivery as the store's row.  A permit is only asked for by what may start now. */
static void delivery_fill(struct intake *intake, const struct intake_call *call, size_t index,
			  struct store_delivery *ret_delivery)
{
	const struct plan_delivery *from = &call->plan.deliveries[index];
	struct store_delivery delivery = {
		.n = (uint32_t)index + 1,
		.channel = from->channel->number,
		.state = from->state,
		.reason = from->reason,
		.due_at_ms = from->due_at_ms,
		.expires_at_ms = call->plan.expires_at_ms,
		.recipient = from->person->row,
		.recipient_version = from->person->version,
		.recipient_id = from->person->id,
		.address_row = from->address->row,
		.address = from->address->address,
		.kind = from->address->kind,
		.destination = from->address->destination,
		.name = from->person->name,
		.locale = from->person->locale,
		.memory = from->address->memory,
		.body = from->body,
		.step = from->step,
	};

	memcpy(delivery.address_hash, from->address->hash, ADDRESS_HASH_BYTES);
	if (from->address->memory_channel != 0 && from->address->memory_channel != delivery.channel)
		delivery.memory = text_of("", 0);
	if (from->address->row == 0 && from->address->memory.size == 0) {
		bool is_suppressed;

		/* Best effort: without it the plugin asks the provider again, which finds the same
		 * conversation. */
		if (store_inline(intake->session, call->tenant, delivery.channel, delivery.address_hash,
				 call->faults->arena, &is_suppressed, &delivery.memory, NULL) != HERALD_OK)
			delivery.memory = text_of("", 0);
	}
	if (delivery.state == DELIVERY_QUEUED)
		delivery.has_permit = permit_take(intake->settings.permits, delivery.channel);
	*ret_delivery = delivery;
}

static void fill_deliveries(struct intake *intake, struct intake_call *call)
{
	struct arena *arena = call->faults->arena;
	struct store_delivery *deliveries =
		arena_array_of(arena, call->plan.delivery_count, struct store_delivery);
	struct store_left_out *left_out =
		arena_array_of(arena, call->plan.left_out_count, struct store_left_out);

	for (size_t i = 0; i < call->plan.delivery_count; i++)
		delivery_fill(intake, call, i, &deliveries[i]);
	for (size_t i = 0; i < call->plan.left_out_count; i++) {
		const struct plan_left_out *from = &call->plan.left_out[i];

		left_out[i] = (struct store_left_out){
			.recipient = from->person->row,
			.recipient_id = from->person->id,
			.channel = from->channel,
			.rule = from->rule,
			.detail = from->detail,
			.reason = from->reason,
		};
	}
	call->accept.deliveries = deliveries;
	call->accept.delivery_count = call->plan.delivery_count;
	call->accept.left_out = left_out;
	call->accept.left_out_count = call->plan.left_out_count;
	call->accept.bodies = call->plan.bodies;
	call->accept.body_count = call->plan.body_count;
}

static void fill_seen(struct intake_call *call)
{
	struct store_seen *seen = arena_array_of(call->faults->arena, call->person_count, struct store_seen);
	size_t count = 0;

	for (size_t i = 0; i < call->person_count; i++) {
		if (call->people[i].row != 0)
			seen[count++] = (struct store_seen){.recipient = call->people[i].row,
							    .version = call->people[i].version};
	}
	call->accept.seen = seen;
	call->accept.seen_count = count;
}

void intake_prepare(struct intake *intake, struct intake_call *call, int64_t id)
{
	const struct notification *notification = call->notification;
	struct store_accept *accept = &call->accept;
	bool is_later = notification->send_at_ms > call->now_ms && !accept->is_from_schedule;

	accept->op.verb = STORE_ACCEPT;
	accept->op.is_new_work = true;
	accept->op.tenant = call->tenant;
	accept->op.now_ms = call->now_ms;
	accept->op.arena = call->faults->arena;
	accept->op.takes_back = notification->replaces != 0;
	accept->op.audit = (struct store_audit){.actor = "", .verb = "", .payload = ""};
	accept->id = id;
	accept->category = notification->category;
	accept->policy_version = call->category->version;
	accept->priority = notification->priority;
	if (!accept->is_from_schedule)
		accept->accepted_at_ms = call->now_ms;
	accept->expires_at_ms = call->plan.expires_at_ms;
	accept->is_test = notification->is_test;
	accept->correlation_id = notification->correlation_id;
	accept->metadata = notification->metadata;
	accept->traceparent = notification->traceparent;
	accept->attempts_max = (uint32_t)call->category->attempts_max;
	accept->uncertain = call->category->uncertain;
	accept->recipients = (uint32_t)call->person_count;
	accept->dedup_key = notification->dedup_key;
	accept->dedup_for_ms = notification->dedup_for_ms;
	accept->replaces = notification->replaces;
	accept->request = text_of("", 0);
	fill_seen(call);
	if (is_later) {
		accept->send_at_ms = notification->send_at_ms;
		/* Its time to live begins when it is sent, not when it is accepted. */
		accept->expires_at_ms += notification->send_at_ms - call->now_ms;
		accept->request = schedule_write(call);
		accept->delivery_count = accept->left_out_count = accept->body_count = 0;
		return;
	}
	fill_deliveries(intake, call);
}

/* Every channel that was looked at for somebody: `none` where a delivery was made. */
static void count_plan(const struct plan *plan)
{
	for (size_t i = 0; i < plan->delivery_count; i++)
		metric_add(METRIC_planned,
			   METRIC_LABELS(plan->deliveries[i].channel->name, reason_name(REASON_none)), 1);
	for (size_t i = 0; i < plan->left_out_count; i++)
		metric_add(METRIC_planned,
			   METRIC_LABELS(plan->left_out[i].channel, reason_name(plan->left_out[i].reason)),
			   1);
}

bool intake_answered(struct intake *intake, struct intake_call *call)
{
	const struct store_accept *accept = &call->accept;
	bool is_written =
		accept->op.code == HERALD_OK && !accept->op.ret_is_replay && !accept->ret_is_duplicate;

	for (size_t i = 0; i < accept->delivery_count && !is_written; i++) {
		if (accept->deliveries[i].has_permit)
			permit_give(intake->settings.permits, accept->deliveries[i].channel, 1);
	}
	if (is_written && accept->request.size == 0)
		count_plan(&call->plan);
	return accept->op.code == HERALD_CONFLICT && ++call->tries < INTAKE_TRIES_MAX;
}

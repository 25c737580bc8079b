/* dispatcher.c - the state machine's trunk: clocks, inputs, one turn: see dispatcher.h.
 *
 * The order of a turn: what the store did not take, the watchdog, what waits in hand, claims, permits.  Rooms
 * beside this one know one thing each; this one knows the order. */
#include "dispatch/dispatcher.h"

#include <string.h>

#include "dispatch/private.h"
#include "telemetry/event.h"

#include "base/check.h"

_Static_assert(CHANNELS_MAX <= 64, "a take-back keeps a bit per channel");

struct dispatcher *dispatcher_new(const struct dispatcher_settings *settings)
{
	struct arena *arena = arena_new();
	struct dispatcher *dispatcher = arena_new_of(arena, struct dispatcher);

	dispatcher->arena = arena;
	dispatcher->settings = *settings;
	dispatcher->dice = settings->seed;
	hand_init(&dispatcher->hand);
	return dispatcher;
}

static void forget_ticket(void *value, void *context)
{
	struct ticket *ticket = value;
	struct dispatcher *dispatcher = context;

	/* Each stands in the index of its notification: the heads lead to all. */
	while (ticket != NULL) {
		struct ticket *next = ticket->keys[TICKET_BY_NOTIFICATION].next;

		if (ticket->stage == TICKET_WAITING)
			ticket_list_remove(&ticket->outlet->waiting, ticket);
		else if (ticket->stage == TICKET_OUT)
			ticket_list_remove(&ticket->outlet->out, ticket);
		dispatcher->hand.count--;
		job_free(ticket->job);
		ticket = next;
	}
}

void dispatcher_forget(struct dispatcher *dispatcher, struct store_op *op)
{
	struct store_claim *claim = (struct store_claim *)op;

	(void)dispatcher;
	if (op->verb == STORE_MEMORY)
		memory_forget((struct store_memory *)op);
	while (op->verb == STORE_CLAIM && claim->ret_jobs != NULL) {
		struct job *job = (struct job *)claim->ret_jobs;

		claim->ret_jobs = job->item.next;
		job_free(job);
	}
}

void dispatcher_free(struct dispatcher *dispatcher)
{
	struct queue_item *item, *next;

	if (dispatcher == NULL)
		return;
	for (item = dispatcher->retries; item != NULL; item = next) {
		next = item->next;
		dispatcher_forget(dispatcher, (struct store_op *)item);
	}
	map_each(dispatcher->hand.by_key[TICKET_BY_NOTIFICATION], forget_ticket, dispatcher);
	hand_done(&dispatcher->hand);
	while (dispatcher->take_backs != NULL) {
		struct take_back *take_back = dispatcher->take_backs;

		dispatcher->take_backs = take_back->next;
		dispatcher->settings.book.taken_back(dispatcher->settings.book.context, take_back->op);
	}
	for (int32_t channel = 0; channel < CHANNELS_MAX; channel++)
		outlet_free(dispatcher->outlets[channel]);
	arena_free(dispatcher->arena);
}

uint64_t dispatcher_dice(struct dispatcher *dispatcher)
{
	/* splitmix64: any seed will do, also 0. */
	uint64_t mixed = dispatcher->dice += UINT64_C(0x9e3779b97f4a7c15);

	mixed = (mixed ^ mixed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
	return mixed ^ mixed >> 31;
}

struct outlet *dispatcher_outlet(const struct dispatcher *dispatcher, int32_t channel)
{
	return channel < 0 || channel >= CHANNELS_MAX ? NULL : dispatcher->outlets[channel];
}

void dispatcher_clock(struct dispatcher *dispatcher, int64_t now_mono_ms, int64_t now_wall_ms)
{
	int64_t jump_ms;

	CHECK(!dispatcher->clock.has_looked || now_mono_ms >= dispatcher->now.mono);
	dispatcher->now.mono = now_mono_ms;
	dispatcher->now.wall = clock_watch_look(&dispatcher->clock, now_wall_ms, now_mono_ms, &jump_ms);
	if (jump_ms != 0)
		event(EVENT_clock_stepped, EVENT_INT("by_ms", jump_ms));
}

bool dispatcher_is_late(const struct dispatcher *dispatcher, const struct job *job)
{
	return job->expires_at_ms != 0 && dispatcher->now.wall >= job->expires_at_ms;
}

/* What was wrong may have been put right. */
static void forgive(struct outlet *outlet)
{
	if (outlet->is_held && !outlet->is_paused)
		outlet->why[0] = 0;
	outlet->is_held = outlet->is_probing = false;
}

void dispatcher_channel(struct dispatcher *dispatcher, int32_t channel, const struct outlet_policy *policy,
			bool is_changed)
{
	struct outlet *outlet = dispatcher_outlet(dispatcher, channel);

	CHECK(channel >= 0 && channel < CHANNELS_MAX);
	dispatcher->has_changed = true;
	if (outlet == NULL) {
		dispatcher->outlets[channel] = outlet_new(channel, policy, dispatcher->now.mono);
		return;
	}
	outlet_change(outlet, policy, dispatcher->now.mono);
	outlet->is_renewing = is_changed;
	if (!is_changed)
		forgive(outlet);
}

bool dispatcher_knows(const struct dispatcher *dispatcher, int32_t channel)
{
	return dispatcher_outlet(dispatcher, channel) != NULL;
}

void dispatcher_channel_drop(struct dispatcher *dispatcher, int32_t channel)
{
	struct outlet *outlet = dispatcher_outlet(dispatcher, channel);

	if (outlet == NULL)
		return;
	outlet->is_dropped = dispatcher->has_changed = true;
	permit_recall_all(dispatcher, outlet);
	take_release_waiting(dispatcher, outlet, REASON_none);
}

void dispatcher_channel_paused(struct dispatcher *dispatcher, int32_t channel, const char *why)
{
	struct outlet *outlet = dispatcher_outlet(dispatcher, channel);

	if (outlet == NULL)
		return;
	outlet->is_paused = dispatcher->has_changed = true;
	memset(outlet->why, 0, sizeof(outlet->why));
	strncpy(outlet->why, why == NULL ? "" : why, sizeof(outlet->why) - 1);
}

void dispatcher_channel_remembered(struct dispatcher *dispatcher, int32_t channel,
				   const struct channel_facts *facts)
{
	struct outlet *outlet = dispatcher_outlet(dispatcher, channel);

	if (outlet == NULL)
		return;
	memset(outlet->kind, 0, sizeof(outlet->kind));
	memset(outlet->version, 0, sizeof(outlet->version));
	strncpy(outlet->kind, facts->kind, sizeof(outlet->kind) - 1);
	strncpy(outlet->version, facts->version, sizeof(outlet->version) - 1);
	outlet->idempotent_ms = facts->idempotent_ms;
	dispatcher->has_changed = true;
}

void dispatcher_channel_ready(struct dispatcher *dispatcher, int32_t channel,
			      const struct channel_facts *facts)
{
	struct outlet *outlet = dispatcher_outlet(dispatcher, channel);

	if (outlet == NULL)
		return;
	dispatcher_channel_remembered(dispatcher, channel, facts);
	outlet->process = CHANNEL_RUNNING;
	if (outlet->is_renewing) {
		outlet->is_renewing = false;
		outlet->renewed_ms = dispatcher->now.mono;
		forgive(outlet);
	}
	if (!outlet->is_paused && !outlet->is_held)
		outlet->why[0] = 0;
	dispatcher->has_changed = true;
}

void dispatcher_channel_state(struct dispatcher *dispatcher, int32_t channel, enum channel_state state,
			      const char *why)
{
	struct outlet *outlet = dispatcher_outlet(dispatcher, channel);

	if (outlet == NULL)
		return;
	dispatcher->has_changed = true;
	outlet->process = state;
	if (!outlet->is_paused && !outlet->is_held) {
		memset(outlet->why, 0, sizeof(outlet->why));
		strncpy(outlet->why, why, sizeof(outlet->why) - 1);
	}
	if (state == CHANNEL_RUNNING)
		return;
	permit_recall_all(dispatcher, outlet);
	take_release_waiting(dispatcher, outlet, REASON_none);
}

static void settle_fate(struct dispatcher *dispatcher, struct ticket *ticket, const struct ticket_fate *fate,
			bool was_clean)
{
	static const struct herald_outcome unknown = {
		.struct_size = sizeof(unknown),
		.verdict = HERALD_UNCERTAIN,
		.status = "4.4.2",
		.reason = "the channel process ended while the message was on its way out",
	};

	switch (fate->state) {
	case SLOT_FREE:
	case SLOT_QUEUED:
	case SLOT_REVOKED:
		settle_untried(dispatcher, ticket, REASON_none, ticket->job->due_at_ms, 0);
		return;
	case SLOT_IN_PLUGIN:
		if (was_clean)
			settle_untried(dispatcher, ticket, REASON_none, ticket->job->due_at_ms, 0);
		else
			settle_crashed(dispatcher, ticket);
		return;
	case SLOT_ON_WIRE:
		/* Our process died: the far end is not to blame. */
		ticket_pay_back(dispatcher, ticket, (enum destination_health)0, 0, "");
		settle_outcome(dispatcher, ticket, &unknown);
		return;
	case SLOT_DONE:
		settle_outcome(dispatcher, ticket, &fate->outcome);
		return;
	}
	unreached();
}

void dispatcher_channel_gone(struct dispatcher *dispatcher, int32_t channel, const struct ticket_fate *fates,
			     size_t count, bool was_clean)
{
	struct outlet *outlet = dispatcher_outlet(dispatcher, channel);

	if (outlet == NULL)
		return;
	dispatcher->has_changed = true;
	for (size_t i = 0; i < count; i++) {
		struct ticket *ticket = map_get(outlet->by_number, (int64_t)fates[i].ticket);

		if (ticket != NULL && ticket->stage == TICKET_OUT)
			settle_fate(dispatcher, ticket, &fates[i], was_clean);
	}
}

void dispatcher_settled(struct dispatcher *dispatcher, int32_t channel, uint64_t number,
			const struct herald_outcome *outcome)
{
	struct outlet *outlet = dispatcher_outlet(dispatcher, channel);
	struct ticket *ticket = outlet == NULL ? NULL : map_get(outlet->by_number, (int64_t)number);

	if (outlet == NULL)
		return;
	outlet->settled_at_ms = dispatcher->now.mono;
	if (ticket == NULL || ticket->stage != TICKET_OUT) {
		if (outcome->verdict != 0)
			event(EVENT_delivery_fenced, EVENT_TEXT("channel", outlet->policy.name),
			      EVENT_INT("ticket", (int64_t)number));
		return;
	}
	if (outcome->verdict == 0)
		settle_untried(dispatcher, ticket, REASON_none, ticket->job->due_at_ms, 0);
	else
		settle_outcome(dispatcher, ticket, outcome);
}

void dispatcher_leased(struct dispatcher *dispatcher, struct job *job)
{
	take_job(dispatcher, job, true);
}

void dispatcher_queued(struct dispatcher *dispatcher, const struct store_queued *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct outlet *outlet = dispatcher_outlet(dispatcher, rows[i].channel);

		if (outlet != NULL)
			lanes_note(&outlet->lanes, rows[i].lane, rows[i].due_at_ms,
				   rows[i].priority == HERALD_CRITICAL, rows[i].count);
	}
}

void dispatcher_committed(struct dispatcher *dispatcher, struct store_op *op)
{
	if (op->verb == STORE_SETTLE)
		settle_committed(dispatcher, (struct store_settle *)op);
	else if (op->verb == STORE_CLAIM)
		claim_committed(dispatcher, (struct store_claim *)op);
	else if (op->verb == STORE_MEMORY)
		memory_committed(dispatcher, (struct store_memory *)op);
	else
		unreached();
}

void dispatcher_retry(struct dispatcher *dispatcher, struct store_op *op)
{
	if (dispatcher->retries == NULL)
		dispatcher->retry_at_ms = dispatcher->now.mono + STORE_AGAIN_MS;
	op->item.next = dispatcher->retries;
	dispatcher->retries = &op->item;
}

static void submit_retries(struct dispatcher *dispatcher)
{
	struct queue_item *item = dispatcher->retries;

	if (item == NULL || dispatcher->now.mono < dispatcher->retry_at_ms)
		return;
	dispatcher->retries = NULL;
	while (item != NULL) {
		struct store_op *op = (struct store_op *)item;

		item = item->next;
		op->code = HERALD_OK;
		dispatcher->settings.book.submit(dispatcher->settings.book.context, op);
	}
}

void dispatcher_turn(struct dispatcher *dispatcher)
{
	CHECK(dispatcher->clock.has_looked);
	submit_retries(dispatcher);
	for (int32_t channel = 0; channel < CHANNELS_MAX; channel++) {
		struct outlet *outlet = dispatcher->outlets[channel];

		if (outlet == NULL)
			continue;
		settle_overdue(dispatcher, outlet);
		take_feed(dispatcher, outlet);
		permit_recall_turn(dispatcher, outlet);
		claim_turn(dispatcher, outlet);
		permit_give_turn(dispatcher, outlet);
		outlet_sweep(outlet, dispatcher->now.mono);
	}
}

static void lower(int64_t *instant, int64_t to)
{
	if (to < *instant)
		*instant = to;
}

/* When this channel could need a turn by itself. */
static int64_t outlet_next_ms(struct dispatcher *dispatcher, struct outlet *outlet)
{
	struct outlet_now now = dispatcher->now;
	int64_t next_ms = now.mono + TURN_MS_MAX;
	int64_t due_ms = lanes_next_due_ms(&outlet->lanes, now.wall);

	if (outlet->waiting.count > 0 || outlet->out.count > 0 || outlet->lanes.turn != NULL)
		lower(&next_ms, now.mono + TURN_MS_BUSY);
	if (!outlet_is_open(outlet))
		return next_ms;
	if (due_ms != INT64_MAX && due_ms - now.wall < TURN_MS_MAX)
		lower(&next_ms, now.mono + (due_ms - now.wall));
	if (outlet->lanes.turn == NULL)
		return next_ms;
	if (now.mono < outlet->claim_again_ms)
		lower(&next_ms, outlet->claim_again_ms);
	if (outlet->self.state == DESTINATION_BLOCKED && now.mono < outlet->self.blocked_until_ms)
		lower(&next_ms, outlet->self.blocked_until_ms);
	if (!outlet->is_claiming && limit_room(&outlet->rate, now.mono) == 0)
		lower(&next_ms, limit_next_ms(&outlet->rate, now.mono));
	return next_ms;
}

int64_t dispatcher_next_ms(struct dispatcher *dispatcher)
{
	int64_t next_ms = dispatcher->now.mono + TURN_MS_MAX;

	if (dispatcher->retries != NULL)
		lower(&next_ms, dispatcher->retry_at_ms);
	for (int32_t channel = 0; channel < CHANNELS_MAX; channel++) {
		if (dispatcher->outlets[channel] != NULL)
			lower(&next_ms, outlet_next_ms(dispatcher, dispatcher->outlets[channel]));
	}
	return next_ms;
}

void dispatcher_drain(struct dispatcher *dispatcher)
{
	dispatcher->is_draining = dispatcher->has_changed = true;
	for (int32_t channel = 0; channel < CHANNELS_MAX; channel++) {
		if (dispatcher->outlets[channel] == NULL)
			continue;
		permit_recall_all(dispatcher, dispatcher->outlets[channel]);
		take_release_waiting(dispatcher, dispatcher->outlets[channel], REASON_none);
	}
}

bool dispatcher_is_idle(const struct dispatcher *dispatcher)
{
	return dispatcher->hand.count == 0 && dispatcher->claims == 0 && dispatcher->notes == 0 &&
	       dispatcher->take_backs == NULL;
}

bool dispatcher_changed(struct dispatcher *dispatcher)
{
	bool has_changed = dispatcher->has_changed;

	dispatcher->has_changed = false;
	return has_changed;
}

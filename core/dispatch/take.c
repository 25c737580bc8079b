/* take.c - a job arrives: does it still make sense, is there room for it, and out it goes.
 *
 * What does not fit goes back in the next commit as if it had never been leased: to a lane of its own when
 * its destination is ill or busy, so that the next claim meets somebody else.  A job that carries a crash
 * mark goes out alone: everybody waits until it is back. */
#include <string.h>

#include "dispatch/private.h"
#include "telemetry/metric.h"

#include "base/check.h"

enum { ADDRESS_AGAIN_MS = 300 };

/* Born after its words were read but before the plugin learned something: use what is known now. */
static void refresh_memory(const struct outlet *outlet, struct job *job)
{
	const struct destination *known;

	if (job->memory.size > 0)
		return;
	known = outlet_remembered(outlet, job->address_hash);
	if (known != NULL)
		job->memory = arena_bytes_copy(job->arena, known->memory.data, known->memory.size);
}

/* Where it should wait instead; due 0: as it was. */
struct refusal {
	bool is_refused;
	enum reason reason;
	int64_t due_at_ms, lane;
};

static struct refusal refuse(enum reason reason, int64_t due_at_ms, int64_t lane)
{
	return (struct refusal){.is_refused = true, .reason = reason, .due_at_ms = due_at_ms, .lane = lane};
}

static struct refusal destination_refuses(struct dispatcher *dispatcher, struct ticket *ticket)
{
	struct destination *destination = ticket->destination;
	int64_t mono = dispatcher->now.mono;
	struct budget *retries = destination != NULL ? &destination->retries : &ticket->outlet->self.retries;
	int64_t lane = destination != NULL ? -destination->number : 0;
	int64_t later = dispatcher->now.wall + (int64_t)(dispatcher_dice(dispatcher) % ADDRESS_AGAIN_MS);

	if (destination != NULL && destination_room(destination, mono) == 0)
		return refuse(destination->state == DESTINATION_READY ? REASON_none
								      : REASON_destination_blocked,
			      0, lane);
	if (destination != NULL && limit_room(&destination->rate, mono) == 0)
		return refuse(REASON_none, 0, lane);
	if (ticket->address != NULL && destination_room(ticket->address, mono) == 0)
		return refuse(REASON_none, later + ADDRESS_AGAIN_MS, 0);
	if (ticket_is_retry(ticket) && !budget_take(retries, mono))
		return refuse(REASON_backoff, later + (budget_again_ms(retries, mono) - mono), lane);
	if (ticket->job->attempt == 1)
		budget_first(retries);
	return (struct refusal){.is_refused = false};
}

/* Takes room everywhere or nowhere. */
static struct refusal admit(struct dispatcher *dispatcher, struct ticket *ticket)
{
	struct outlet *outlet = ticket->outlet;
	struct job *job = ticket->job;
	int64_t mono = dispatcher->now.mono;
	struct refusal refusal;

	if (job->destination_number != 0)
		ticket->destination =
			outlet_destination(outlet, job->destination_number, job->destination, mono);
	if (strcmp(outlet->kind, "bot") == 0 && job->memory.size == 0)
		ticket->address = outlet_address(outlet, job->address_hash, mono);
	if (destination_room(&outlet->self, mono) == 0)
		return refuse(outlet->self.state == DESTINATION_READY ? REASON_none
								      : REASON_destination_blocked,
			      0, 0);
	refusal = destination_refuses(dispatcher, ticket);
	if (refusal.is_refused)
		return refusal;
	CHECK(destination_admit(&outlet->self, mono));
	if (ticket->destination != NULL) {
		CHECK(destination_admit(ticket->destination, mono));
		limit_reserve(&ticket->destination->rate, 1);
		limit_spend(&ticket->destination->rate, 1);
	}
	if (ticket->address != NULL)
		CHECK(destination_admit(ticket->address, mono));
	ticket->has_room = true;
	return refusal;
}

static void settle_as_test(struct dispatcher *dispatcher, struct ticket *ticket)
{
	static const struct herald_outcome outcome = {
		.struct_size = sizeof(outcome),
		.verdict = HERALD_DELIVERED,
		.status = "2.0.0",
		.reason = "a test: nothing was handed to the provider",
	};
	const struct ending ending = {.to = DELIVERY_DELIVERED, .spends_try = true};

	settle_ticket(dispatcher, ticket, &ending, &outcome);
}

static enum reason closed_reason(const struct dispatcher *dispatcher, const struct outlet *outlet)
{
	return !dispatcher->is_draining && outlet->is_paused ? REASON_channel_paused : REASON_none;
}

void take_job(struct dispatcher *dispatcher, struct job *job, bool has_permit)
{
	struct outlet *outlet = dispatcher_outlet(dispatcher, job->channel);
	struct ticket *ticket;
	struct refusal refusal;

	/* Claims come from channels that are known, permits too: only a number of this daemon gets here. */
	CHECK(outlet != NULL);
	ticket = ticket_new(&dispatcher->hand, job, outlet, dispatcher->now.mono);
	ticket->has_token = true;
	if (has_permit) {
		CHECK(outlet->permits_out > 0);
		outlet->permits_out--;
	}
	refresh_memory(outlet, job);
	if (take_back_catches(dispatcher, ticket))
		return;
	if (dispatcher_is_late(dispatcher, job)) {
		settle_ticket(dispatcher, ticket,
			      &(struct ending){
				      .to = DELIVERY_EXPIRED, .reason = REASON_expired, .is_untried = true},
			      NULL);
		return;
	}
	if (job->is_test) {
		settle_as_test(dispatcher, ticket);
		return;
	}
	if (dispatcher->is_draining || !outlet_is_open(outlet)) {
		settle_untried(dispatcher, ticket, closed_reason(dispatcher, outlet), job->due_at_ms, 0);
		return;
	}
	refusal = admit(dispatcher, ticket);
	if (refusal.is_refused) {
		settle_untried(dispatcher, ticket, refusal.reason,
			       refusal.due_at_ms == 0 ? job->due_at_ms : refusal.due_at_ms, refusal.lane);
		return;
	}
	ticket->stage = TICKET_WAITING;
	ticket_list_push(&outlet->waiting, ticket);
	if (job->crash_marks > 0)
		outlet->marked_waiting++;
}

static bool hand_over(struct dispatcher *dispatcher, struct ticket *ticket)
{
	struct outlet *outlet = ticket->outlet;
	const struct job *job = ticket->job;

	ticket->number = dispatcher->settings.carrier.submit(
		dispatcher->settings.carrier.context, outlet->number, job, outlet->policy.attempt_timeout_ms);
	if (ticket->number == 0)
		return false;
	CHECK(map_get(outlet->by_number, (int64_t)ticket->number) == NULL);
	map_put(outlet->by_number, (int64_t)ticket->number, ticket);
	limit_spend(&outlet->rate, 1);
	ticket->has_token = false;
	ticket_list_remove(&outlet->waiting, ticket);
	ticket_list_push(&outlet->out, ticket);
	ticket->stage = TICKET_OUT;
	ticket->since_ms = dispatcher->now.mono;
	ticket->began_at_ms = dispatcher->now.wall;
	if (job->crash_marks > 0) {
		outlet->marked_waiting--;
		outlet->alone = ticket;
	}
	if (job->attempt == 1)
		metric_observe(METRIC_accept_to_send, METRIC_LABELS(outlet->policy.name),
			       (double)(dispatcher->now.wall - job->accepted_at_ms) / 1000);
	return true;
}

static struct ticket *first_marked(const struct outlet *outlet)
{
	struct ticket *ticket = outlet->waiting.first;

	while (ticket->job->crash_marks == 0)
		ticket = ticket->stages.next;
	return ticket;
}

void take_feed(struct dispatcher *dispatcher, struct outlet *outlet)
{
	struct ticket *ticket, *next;

	if (outlet->waiting.count == 0 || outlet->alone != NULL)
		return;
	if (outlet->marked_waiting > 0) {
		if (outlet->out.count == 0)
			hand_over(dispatcher, first_marked(outlet));
		return;
	}
	for (ticket = outlet->waiting.first; ticket != NULL; ticket = next) {
		next = ticket->stages.next;
		if (hand_over(dispatcher, ticket))
			continue;
		/* No slot: those that end soon make room, but nobody waits for ever. */
		if (dispatcher->now.mono - ticket->since_ms >= WAITING_MS_MAX)
			take_release_waiting(dispatcher, outlet, REASON_none);
		return;
	}
}

void take_release_waiting(struct dispatcher *dispatcher, struct outlet *outlet, enum reason reason)
{
	while (outlet->waiting.first != NULL)
		settle_untried(dispatcher, outlet->waiting.first, reason,
			       outlet->waiting.first->job->due_at_ms, 0);
	CHECK(outlet->marked_waiting == 0);
}

/* settle.c - how a ticket ends: outcome to decision to one operation, and what is paid back.
 *
 * A ticket turns to ENDING exactly once and is freed when its settle is committed; only then is its slot
 * released, so that whoever comes after a crash still finds it.  A settle that the store cannot take now is
 * submitted again until it does. */
#include <string.h>

#include "base/id.h"
#include "dispatch/private.h"
#include "telemetry/event.h"
#include "telemetry/metric.h"

#include "base/check.h"

void ticket_pay_back(struct dispatcher *dispatcher, struct ticket *ticket, enum destination_health health,
		     int64_t retry_after_ms, const char *why)
{
	struct outlet *outlet = ticket->outlet;
	struct destination *sick = ticket->destination != NULL ? ticket->destination : &outlet->self;
	enum destination_state before = sick->state;

	if (ticket->has_token)
		limit_return(&outlet->rate, 1);
	ticket->has_token = false;
	if (!ticket->has_room)
		return;
	ticket->has_room = false;
	if (ticket->address != NULL)
		destination_give_back(ticket->address);
	/* A destination's illness is not the channel's; its health is. */
	if (ticket->destination != NULL && health == DESTINATION_WELL)
		destination_feedback(&outlet->self, health, 0, "", dispatcher->now.mono);
	else if (ticket->destination != NULL)
		destination_give_back(&outlet->self);
	if (health == DESTINATION_WELL && ticket_is_retry(ticket))
		budget_well(&sick->retries);
	if (health == 0)
		destination_give_back(sick);
	else
		destination_feedback(sick, health, retry_after_ms, why, dispatcher->now.mono);
	ticket->destination = ticket->address = NULL;
	if (sick->state == before)
		return;
	dispatcher->has_changed = true;
	if (sick->state == DESTINATION_BLOCKED)
		event(EVENT_destination_blocked, EVENT_TEXT("channel", outlet->policy.name),
		      EVENT_TEXT("destination", sick->name), EVENT_TEXT("why", why),
		      EVENT_INT("for_ms", sick->blocked_until_ms - dispatcher->now.mono));
	else if (sick->state == DESTINATION_READY)
		event(EVENT_destination_ready, EVENT_TEXT("channel", outlet->policy.name),
		      EVENT_TEXT("destination", sick->name));
}

static void leave_stage(struct ticket *ticket)
{
	struct outlet *outlet = ticket->outlet;

	if (ticket->stage == TICKET_WAITING) {
		ticket_list_remove(&outlet->waiting, ticket);
		if (ticket->job->crash_marks > 0) {
			CHECK(outlet->marked_waiting > 0);
			outlet->marked_waiting--;
		}
	} else if (ticket->stage == TICKET_OUT) {
		ticket_list_remove(&outlet->out, ticket);
		if (outlet->alone == ticket)
			outlet->alone = NULL;
	}
}

static void submit(struct dispatcher *dispatcher, struct store_op *op)
{
	dispatcher->settings.book.submit(dispatcher->settings.book.context, op);
}

void settle_ticket(struct dispatcher *dispatcher, struct ticket *ticket, const struct ending *ending,
		   const struct herald_outcome *outcome)
{
	const struct job *job = ticket->job;
	struct store_settle *settle = &ticket->settle;

	CHECK(ticket->stage != TICKET_ENDING);
	CHECK(delivery_may_move(DELIVERY_LEASED, ending->to));
	leave_stage(ticket);
	ticket->stage = TICKET_ENDING;
	ticket->since_ms = dispatcher->now.mono;
	*settle = (struct store_settle){
		.op = {.verb = STORE_SETTLE, .now_ms = dispatcher->now.wall, .arena = job->arena},
		.notification = job->notification,
		.n = job->n,
		.attempt = job->attempt,
		.run = dispatcher->settings.run,
		.to = ending->to,
		.reason = ending->reason,
		.due_at_ms = ending->due_at_ms,
		.lane = ending->lane,
		.removes_attempt = ending->is_untried,
		.spends_try = ending->spends_try,
		.adds_crash_mark = ending->adds_crash_mark,
		.suppresses_address = ending->suppresses_address,
		.started_at_ms = ticket->began_at_ms != 0 ? ticket->began_at_ms : dispatcher->now.wall,
		.ended_at_ms = dispatcher->now.wall,
	};
	if (outcome != NULL)
		settle->outcome = *outcome;
	/* Whoever ends it without feedback of its own learned nothing of the far end. */
	ticket_pay_back(dispatcher, ticket, (enum destination_health)0, 0, "");
	submit(dispatcher, &settle->op);
}

void settle_untried(struct dispatcher *dispatcher, struct ticket *ticket, enum reason reason,
		    int64_t due_at_ms, int64_t lane)
{
	const struct ending ending = {
		.to = DELIVERY_QUEUED,
		.reason = reason,
		.due_at_ms = due_at_ms,
		.lane = lane,
		.is_untried = true,
	};

	settle_ticket(dispatcher, ticket, &ending, NULL);
}

static enum destination_health health_of(const struct herald_outcome *outcome,
					 const struct decision *decision)
{
	if (decision->is_well)
		return DESTINATION_WELL;
	if (!decision->slows_destination)
		return (enum destination_health)0;
	return outcome->verdict == HERALD_THROTTLED ? DESTINATION_SLOW : DESTINATION_ILL;
}

/* What the channel's own condition means for it: misconfigured, or well again after it was. */
static void judge_channel(struct dispatcher *dispatcher, struct outlet *outlet, int64_t since_ms,
			  const struct herald_outcome *outcome, const struct decision *decision)
{
	/* Whatever an older configuration was like. */
	if (since_ms < outlet->renewed_ms)
		return;
	if (decision->holds_channel) {
		bool was_held = outlet->is_held;

		outlet_hold(outlet, outcome->reason, dispatcher->now.mono);
		dispatcher->has_changed = true;
		permit_recall_all(dispatcher, outlet);
		take_release_waiting(dispatcher, outlet, REASON_none);
		if (!was_held)
			event(EVENT_channel_misconfigured, EVENT_TEXT("channel", outlet->policy.name),
			      EVENT_TEXT("why", outlet->why), EVENT_TEXT("status", outcome->status));
	} else if (outlet->is_held && outlet->is_probing) {
		outlet->is_held = outlet->is_probing = false;
		outlet->why[0] = 0;
		dispatcher->has_changed = true;
		event(EVENT_channel_resumed, EVENT_TEXT("channel", outlet->policy.name),
		      EVENT_TEXT("why", "a probe went through"));
	}
}

static struct verdict_facts facts_of(struct dispatcher *dispatcher, const struct ticket *ticket)
{
	const struct job *job = ticket->job;
	const struct outlet_policy *policy = &ticket->outlet->policy;

	return (struct verdict_facts){
		.now_ms = dispatcher->now.wall,
		.first_attempt_at_ms =
			job->first_attempt_at_ms != 0 ? job->first_attempt_at_ms : ticket->began_at_ms,
		.expires_at_ms = job->expires_at_ms != 0 ? job->expires_at_ms : INT64_MAX,
		.dice = dispatcher_dice(dispatcher),
		.policy = &policy->backoff,
		.tries_spent = job->tries_spent,
		.attempts_max = job->attempts_max != 0 ? job->attempts_max : policy->attempts_max,
		.uncertain = policy->uncertain != UNCERTAIN_DEFAULT ? policy->uncertain : job->uncertain,
		.is_email = strcmp(ticket->outlet->kind, "email") == 0,
		.is_critical = job->priority == HERALD_CRITICAL,
		.idempotent_ms = ticket->outlet->idempotent_ms,
		.has_receipts = policy->has_receipts,
	};
}

void settle_outcome(struct dispatcher *dispatcher, struct ticket *ticket, const struct herald_outcome *said)
{
	struct outlet *outlet = ticket->outlet;
	struct herald_outcome outcome = *said;
	struct verdict_facts facts = facts_of(dispatcher, ticket);
	int64_t since_ms = ticket->since_ms;
	struct decision decision;

	if (outcome_normalise(&outcome))
		event(EVENT_channel_lied, EVENT_TEXT("channel", outlet->policy.name),
		      EVENT_TEXT("what", "an outcome had to be put right"));
	decision = verdict_decide(&facts, (enum herald_verdict)outcome.verdict, outcome.retry_after_ms);
	if (outcome.verdict == HERALD_UNCERTAIN)
		metric_add(METRIC_attempts_uncertain, METRIC_LABELS(outlet->policy.name), 1);
	int64_t wish_ms = outcome.retry_after_ms < facts.policy->retry_after_max_ms
				  ? outcome.retry_after_ms
				  : facts.policy->retry_after_max_ms;
	ticket_pay_back(dispatcher, ticket, health_of(&outcome, &decision), wish_ms, outcome.reason);
	settle_ticket(dispatcher, ticket,
		      &(struct ending){
			      .to = decision.to,
			      .reason = decision.reason,
			      .due_at_ms = decision.due_at_ms,
			      .spends_try = decision.spends_try,
			      .suppresses_address = decision.suppresses_address,
		      },
		      &outcome);
	judge_channel(dispatcher, outlet, since_ms, &outcome, &decision);
}

/* Its process died while the plugin had it, and nothing was on the wire. */
void settle_crashed(struct dispatcher *dispatcher, struct ticket *ticket)
{
	const struct herald_outcome outcome = {
		.struct_size = sizeof(outcome),
		.verdict = HERALD_DEFERRED,
		.status = "4.3.0",
		.reason = "the channel process ended while the plugin had the message",
	};
	const struct job *job = ticket->job;
	bool is_poison = job->crash_marks + 1 >= CRASH_MARKS_MAX;
	char delivery[DELIVERY_TEXT_SIZE];

	settle_ticket(dispatcher, ticket,
		      &(struct ending){
			      .to = is_poison ? DELIVERY_DEAD : DELIVERY_QUEUED,
			      .reason = is_poison ? REASON_poison : REASON_backoff,
			      .due_at_ms = dispatcher->now.wall,
			      .adds_crash_mark = true,
			      .spends_try = is_poison,
		      },
		      &outcome);
	if (!is_poison)
		return;
	id_delivery_text(job->notification, job->n, delivery);
	event(EVENT_delivery_poison, EVENT_TEXT("channel", ticket->outlet->policy.name),
	      EVENT_TEXT("delivery", delivery));
}

static bool has_answered_since(const struct outlet *outlet, int64_t since_ms)
{
	return outlet->settled_at_ms > since_ms;
}

/* Past its lease and still on the wire. */
static void give_up_lease(struct dispatcher *dispatcher, struct ticket *ticket)
{
	const struct carrier *carrier = &dispatcher->settings.carrier;
	struct outlet *outlet = ticket->outlet;
	static const struct herald_outcome outcome = {
		.struct_size = sizeof(outcome),
		.verdict = HERALD_UNCERTAIN,
		.status = "4.4.7",
		.reason = "the channel process never answered",
	};

	/* A process that answers others is not hung: it forgot this one. */
	if (ticket->is_killed || has_answered_since(outlet, ticket->since_ms)) {
		settle_outcome(dispatcher, ticket, &outcome);
		return;
	}
	ticket->is_killed = true;
	carrier->kill(carrier->context, outlet->number, ticket->number,
		      "it answered nothing for the length of a lease");
}

void settle_overdue(struct dispatcher *dispatcher, struct outlet *outlet)
{
	static const struct herald_outcome late = {
		.struct_size = sizeof(late),
		.verdict = HERALD_DEFERRED,
		.status = "4.4.7",
		.reason = "the attempt took longer than attempt_timeout and was taken back",
	};
	const struct carrier *carrier = &dispatcher->settings.carrier;
	int64_t overdue_ms = outlet->policy.attempt_timeout_ms + OUTLET_OVERDUE_MS;
	int64_t lease_ms = outlet->policy.attempt_timeout_ms + OUTLET_LEASE_MS;
	struct ticket *ticket, *next;

	for (ticket = outlet->out.first; ticket != NULL; ticket = next) {
		int64_t age_ms = dispatcher->now.mono - ticket->since_ms;

		next = ticket->stages.next;
		if (age_ms < overdue_ms)
			return;
		if (carrier->revoke(carrier->context, outlet->number, ticket->number))
			settle_outcome(dispatcher, ticket, &late);
		else if (age_ms >= lease_ms + (ticket->is_killed ? OUTLET_LEASE_MS : 0))
			give_up_lease(dispatcher, ticket);
	}
}

static void count_end(struct dispatcher *dispatcher, const struct ticket *ticket)
{
	const struct store_settle *settle = &ticket->settle;
	const struct job *job = ticket->job;
	const char *channel = ticket->outlet->policy.name;
	char delivery[DELIVERY_TEXT_SIZE];

	if (settle->removes_attempt && settle->to == DELIVERY_QUEUED)
		return;
	metric_add(METRIC_deliveries,
		   METRIC_LABELS(channel, verdict_name((enum herald_verdict)settle->outcome.verdict),
				 reason_name(settle->reason)),
		   1);
	if (settle->to == DELIVERY_SENT || settle->to == DELIVERY_DELIVERED)
		metric_observe(METRIC_accept_to_delivered, METRIC_LABELS(channel),
			       (double)(dispatcher->now.wall - job->accepted_at_ms) / 1000);
	id_delivery_text(job->notification, job->n, delivery);
	if (settle->to == DELIVERY_PARKED)
		event(EVENT_delivery_parked, EVENT_TEXT("channel", channel), EVENT_TEXT("delivery", delivery),
		      EVENT_TEXT("why", settle->outcome.reason));
	event(EVENT_delivery_settled, EVENT_TEXT("channel", channel), EVENT_TEXT("delivery", delivery),
	      EVENT_INT("attempt", settle->attempt),
	      EVENT_TEXT("verdict", verdict_name((enum herald_verdict)settle->outcome.verdict)),
	      EVENT_TEXT("state", delivery_state_name(settle->to)),
	      EVENT_TEXT("reason", reason_name(settle->reason)));
}

void settle_committed(struct dispatcher *dispatcher, struct store_settle *settle)
{
	struct ticket *ticket = (struct ticket *)((char *)settle - offsetof(struct ticket, settle));
	const struct carrier *carrier = &dispatcher->settings.carrier;
	struct outlet *outlet = ticket->outlet;
	char delivery[DELIVERY_TEXT_SIZE];

	CHECK(ticket->stage == TICKET_ENDING);
	if (settle->op.code != HERALD_OK) {
		if (settle->op.code != HERALD_BUSY && settle->op.code != HERALD_IO)
			event(EVENT_request_failed, EVENT_TEXT("who", "dispatcher"),
			      EVENT_TEXT("channel", outlet->policy.name),
			      EVENT_TEXT("why", settle->op.err.text));
		dispatcher_retry(dispatcher, &settle->op);
		return;
	}
	if (settle->ret_is_fenced) {
		id_delivery_text(settle->notification, settle->n, delivery);
		event(EVENT_delivery_fenced, EVENT_TEXT("channel", outlet->policy.name),
		      EVENT_TEXT("delivery", delivery), EVENT_INT("attempt", settle->attempt));
	} else {
		count_end(dispatcher, ticket);
		if (settle->ret_state == DELIVERY_QUEUED)
			lanes_note(&outlet->lanes, settle->lane != 0 ? settle->lane : ticket->job->lane,
				   settle->due_at_ms, ticket->job->priority == HERALD_CRITICAL, 1);
	}
	if (ticket->number != 0) {
		map_remove(outlet->by_number, (int64_t)ticket->number);
		carrier->release(carrier->context, outlet->number, ticket->number);
	}
	if (ticket->owed != NULL)
		take_back_settled(dispatcher, ticket);
	ticket_free(&dispatcher->hand, ticket);
}

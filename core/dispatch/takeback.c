/* takeback.c - an opt-out, suppression, cancel or pause: from the moment of its answer no send starts.
 *
 * Tickets that it names are revoked on the board, without waiting for anybody.  It is answered once every
 * revoked ticket's settle is committed (so that who asks next sees it) and every claim that was under way
 * when it came has brought its jobs: they may have been leased in the very commit before it. */
#include <string.h>

#include "dispatch/private.h"
#include "telemetry/event.h"

#include "base/check.h"

/* Which of the indexes finds what an op names; TICKET_KEYS: none (a channel, or nothing). */
static enum ticket_key key_of_op(const struct store_op *op, int64_t *ret_value, const uint8_t **ret_hash)
{
	*ret_value = 0;
	*ret_hash = NULL;
	switch (op->verb) {
	case STORE_CANCEL:
		*ret_value = ((const struct store_cancel *)op)->notification;
		return TICKET_BY_NOTIFICATION;
	case STORE_ACCEPT:
		*ret_value = ((const struct store_accept *)op)->replaces;
		return TICKET_BY_NOTIFICATION;
	case STORE_PUT_RECIPIENT:
		*ret_value = ((const struct store_put_recipient *)op)->ret_recipient;
		return TICKET_BY_RECIPIENT;
	case STORE_PUT_PREFERENCE:
		*ret_value = ((const struct store_put_preference *)op)->ret_recipient;
		return TICKET_BY_RECIPIENT;
	case STORE_PUT_SUPPRESSION:
		if (((const struct store_put_suppression *)op)->is_delete)
			return TICKET_KEYS;
		*ret_hash = ((const struct store_put_suppression *)op)->hash;
		*ret_value = ticket_address_key(*ret_hash);
		return TICKET_BY_ADDRESS;
	case STORE_PUT_CHANNEL:
	case STORE_CLAIM:
	case STORE_SETTLE:
	case STORE_MEMORY:
	case STORE_REPLAN:
	case STORE_WAKE:
	case STORE_REDRIVE:
	case STORE_RESOLVE:
	case STORE_PRUNE:
	case STORE_PUT_CATEGORY:
	case STORE_PUT_KEY:
	case STORE_VERBS:
		return TICKET_KEYS;
	}
	unreached();
}

bool take_back_names(const struct store_op *op, const struct job *job)
{
	const uint8_t *hash;
	int64_t value;
	enum ticket_key key = key_of_op(op, &value, &hash);

	if (op->verb == STORE_PUT_CHANNEL)
		return ((const struct store_put_channel *)op)->is_paused &&
		       ((const struct store_put_channel *)op)->channel == job->channel;
	if (key == TICKET_KEYS || value == 0)
		return false;
	if (key == TICKET_BY_NOTIFICATION)
		return job->notification == value;
	if (key == TICKET_BY_RECIPIENT)
		return job->recipient == value;
	return memcmp(job->address_hash, hash, ADDRESS_HASH_BYTES) == 0;
}

/* What becomes of a delivery that was taken back.  A person who changed something: the next claim compares
 * versions and has it planned again. */
static struct ending ending_of(const struct store_op *op, const struct job *job)
{
	struct ending ending = {
		.to = DELIVERY_QUEUED,
		.due_at_ms = job->due_at_ms,
		.is_untried = true,
	};

	if (op->verb == STORE_CANCEL) {
		ending.to = DELIVERY_CANCELLED;
		ending.reason = ((const struct store_cancel *)op)->reason;
	} else if (op->verb == STORE_ACCEPT) {
		ending.to = DELIVERY_CANCELLED;
		ending.reason = REASON_replaced;
	} else if (op->verb == STORE_PUT_SUPPRESSION) {
		ending.to = DELIVERY_SUPPRESSED;
		ending.reason = REASON_address_suppressed;
	} else if (op->verb == STORE_PUT_CHANNEL) {
		ending.reason = REASON_channel_paused;
	}
	return ending;
}

/* One of those that were in hands when the cancel was committed does not start, or not again. */
static void count_taken_back(struct store_op *op)
{
	struct store_cancel *cancel = (struct store_cancel *)op;

	if (op->verb != STORE_CANCEL || cancel->ret_too_late == 0)
		return;
	cancel->ret_cancelled++;
	cancel->ret_too_late--;
}

static void owe(struct take_back *take_back, struct ticket *ticket)
{
	ticket->owed = take_back;
	take_back->settles++;
}

void take_back_apply(struct dispatcher *dispatcher, struct take_back *take_back, struct ticket *ticket)
{
	const struct carrier *carrier = &dispatcher->settings.carrier;
	struct ending ending = ending_of(take_back->op, ticket->job);

	if (ticket->stage == TICKET_ENDING) {
		/* On its way to the store already; only that settle's commit tells who came first there. */
		if (take_back->op->verb == STORE_CANCEL && ticket->owed == NULL)
			owe(take_back, ticket);
		return;
	}
	if (ticket->stage == TICKET_OUT &&
	    !carrier->revoke(carrier->context, ticket->outlet->number, ticket->number))
		return;
	count_taken_back(take_back->op);
	settle_ticket(dispatcher, ticket, &ending, NULL);
	owe(take_back, ticket);
}

bool take_back_catches(struct dispatcher *dispatcher, struct ticket *ticket)
{
	struct take_back *take_back;

	for (take_back = dispatcher->take_backs; take_back != NULL; take_back = take_back->next) {
		if (take_back_names(take_back->op, ticket->job)) {
			take_back_apply(dispatcher, take_back, ticket);
			return true;
		}
	}
	return false;
}

static void answer_if_over(struct dispatcher *dispatcher, struct take_back *take_back)
{
	struct take_back **at = &dispatcher->take_backs;

	if (take_back->claims != 0 || take_back->settles > 0)
		return;
	while (*at != take_back)
		at = &(*at)->next;
	*at = take_back->next;
	dispatcher->settings.book.taken_back(dispatcher->settings.book.context, take_back->op);
	take_back->next = dispatcher->spare_take_backs;
	dispatcher->spare_take_backs = take_back;
}

void take_back_settled(struct dispatcher *dispatcher, struct ticket *ticket)
{
	struct take_back *take_back = ticket->owed;
	const struct store_settle *settle = &ticket->settle;

	CHECK(take_back->settles > 0);
	/* It came back after the cancel: the store ended it instead of letting it wait. */
	if (!settle->ret_is_fenced && settle->to != DELIVERY_CANCELLED &&
	    settle->ret_state == DELIVERY_CANCELLED)
		count_taken_back(take_back->op);
	take_back->settles--;
	answer_if_over(dispatcher, take_back);
}

void take_back_claim_ended(struct dispatcher *dispatcher, int32_t channel)
{
	struct take_back *take_back, *next;

	for (take_back = dispatcher->take_backs; take_back != NULL; take_back = next) {
		next = take_back->next;
		take_back->claims &= ~(UINT64_C(1) << channel);
		answer_if_over(dispatcher, take_back);
	}
}

/* Pause and resume are the channel's state before they are a take-back. */
static void switch_channel(struct dispatcher *dispatcher, const struct store_put_channel *put)
{
	struct outlet *outlet = dispatcher_outlet(dispatcher, put->channel);
	const struct carrier *carrier = &dispatcher->settings.carrier;

	if (outlet == NULL)
		return;
	dispatcher->has_changed = true;
	if (put->is_paused) {
		dispatcher_channel_paused(dispatcher, put->channel, put->why);
		permit_recall_all(dispatcher, outlet);
		event(EVENT_channel_paused, EVENT_TEXT("channel", outlet->policy.name),
		      EVENT_TEXT("why", outlet->why), EVENT_TEXT("by", put->op.audit.actor));
		return;
	}
	outlet_resume(outlet);
	event(EVENT_channel_resumed, EVENT_TEXT("channel", outlet->policy.name),
	      EVENT_TEXT("by", put->op.audit.actor));
	if (outlet->process == CHANNEL_MISCONFIGURED)
		carrier->revive(carrier->context, outlet->number);
}

static void apply_to_hand(struct dispatcher *dispatcher, struct take_back *take_back)
{
	const uint8_t *hash;
	int64_t value;
	enum ticket_key key = key_of_op(take_back->op, &value, &hash);
	struct ticket *first = key == TICKET_KEYS ? NULL : hand_find(&dispatcher->hand, key, value);
	struct ticket *ticket;

	/* A ticket stays in its lists until its settle is committed: walking while settling is safe. */
	for (ticket = first; ticket != NULL; ticket = ticket->keys[key].next) {
		if (take_back_names(take_back->op, ticket->job))
			take_back_apply(dispatcher, take_back, ticket);
	}
}

static void apply_to_channel(struct dispatcher *dispatcher, struct take_back *take_back)
{
	const struct store_put_channel *put = (const struct store_put_channel *)take_back->op;
	struct outlet *outlet = dispatcher_outlet(dispatcher, put->channel);
	struct ticket *ticket, *next;

	if (outlet == NULL || !put->is_paused)
		return;
	for (ticket = outlet->waiting.first; ticket != NULL; ticket = next) {
		next = ticket->stages.next;
		take_back_apply(dispatcher, take_back, ticket);
	}
	for (ticket = outlet->out.first; ticket != NULL; ticket = next) {
		next = ticket->stages.next;
		take_back_apply(dispatcher, take_back, ticket);
	}
}

void dispatcher_take_back(struct dispatcher *dispatcher, struct store_op *op)
{
	struct take_back *take_back = dispatcher->spare_take_backs;

	if (take_back != NULL)
		dispatcher->spare_take_backs = take_back->next;
	else
		take_back = arena_new_of(dispatcher->arena, struct take_back);
	*take_back = (struct take_back){.op = op, .next = dispatcher->take_backs};
	dispatcher->take_backs = take_back;
	if (op->code == HERALD_OK && op->verb == STORE_PUT_CHANNEL)
		switch_channel(dispatcher, (const struct store_put_channel *)op);
	if (op->code == HERALD_OK) {
		apply_to_hand(dispatcher, take_back);
		if (op->verb == STORE_PUT_CHANNEL)
			apply_to_channel(dispatcher, take_back);
		for (int32_t channel = 0; channel < CHANNELS_MAX; channel++) {
			if (dispatcher->outlets[channel] != NULL && dispatcher->outlets[channel]->is_claiming)
				take_back->claims |= UINT64_C(1) << channel;
		}
	}
	answer_if_over(dispatcher, take_back);
}

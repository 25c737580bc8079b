/* claim.c - asking the store for what fits, and giving out room ahead.
 *
 * One claim a channel is under way at a time; it asks for no more than there is room for.  Permits are given
 * only while nothing due waits, so that fresh work never overtakes the backlog; tokens of the channel's rate
 * are reserved for both, and come back with what was not used. */
#include "dispatch/private.h"
#include "telemetry/event.h"

#include "base/check.h"

struct lane_question {
	struct outlet *outlet;
	struct outlet_now now;
};

static uint32_t ask_lane(void *context, int64_t number)
{
	struct lane_question *question = context;

	return outlet_lane_room(question->outlet, number, question->now);
}

void claim_turn(struct dispatcher *dispatcher, struct outlet *outlet)
{
	struct lane_question question = {outlet, dispatcher->now};
	uint32_t limit = 0;
	struct lane *lane;

	if (outlet->is_held && !outlet->is_probing && dispatcher->now.mono >= outlet->probe_at_ms)
		outlet->is_probing = true;
	if (outlet->is_claiming || dispatcher->is_draining || dispatcher->now.mono < outlet->claim_again_ms)
		return;
	lane = lanes_choose(&outlet->lanes, outlet_room(outlet, dispatcher->now), ask_lane, &question,
			    dispatcher->now.wall, &limit);
	if (lane == NULL)
		return;
	lanes_claiming(&outlet->lanes, lane);
	limit_reserve(&outlet->rate, limit);
	outlet->claim_asked = limit;
	outlet->is_claiming = true;
	dispatcher->claims++;
	outlet->claim = (struct store_claim){
		.op = {.verb = STORE_CLAIM, .now_ms = dispatcher->now.wall},
		.channel = outlet->number,
		.lane = lane->number,
		.limit = limit,
	};
	dispatcher->settings.book.submit(dispatcher->settings.book.context, &outlet->claim.op);
}

void claim_committed(struct dispatcher *dispatcher, struct store_claim *claim)
{
	struct outlet *outlet = dispatcher_outlet(dispatcher, claim->channel);
	struct queue_item *jobs = claim->ret_jobs;
	uint32_t count = 0;

	CHECK(outlet != NULL && &outlet->claim == claim && outlet->is_claiming);
	outlet->is_claiming = false;
	outlet->claim_asked = 0;
	dispatcher->claims--;
	if (claim->op.code != HERALD_OK) {
		limit_return(&outlet->rate, claim->limit);
		lanes_unclaimed(&outlet->lanes, claim->lane, dispatcher->now.wall + STORE_AGAIN_MS);
		outlet->claim_again_ms = dispatcher->now.mono + STORE_AGAIN_MS;
		take_back_claim_ended(dispatcher, outlet->number);
		return;
	}
	CHECK(claim->ret_count <= claim->limit);
	limit_return(&outlet->rate, claim->limit - claim->ret_count);
	while (jobs != NULL) {
		struct job *job = (struct job *)jobs;

		jobs = jobs->next;
		count++;
		take_job(dispatcher, job, false);
	}
	CHECK(count == claim->ret_count);
	if (claim->ret_damaged > 0)
		event(EVENT_row_damaged, EVENT_TEXT("channel", outlet->policy.name),
		      EVENT_INT("deliveries", claim->ret_damaged));
	lanes_claimed(&outlet->lanes, claim->lane, count + claim->ret_other, claim->ret_next_due_ms,
		      claim->ret_next_critical_ms, dispatcher->now.wall);
	take_back_claim_ended(dispatcher, outlet->number);
}

void permit_recall_all(struct dispatcher *dispatcher, struct outlet *outlet)
{
	int32_t recalled = permit_recall(dispatcher->settings.permits, outlet->number);

	CHECK(recalled >= 0 && (uint32_t)recalled <= outlet->permits_out);
	outlet->permits_out -= (uint32_t)recalled;
	limit_return(&outlet->rate, (uint32_t)recalled);
}

static bool may_promise(struct dispatcher *dispatcher, struct outlet *outlet)
{
	struct lane_question question = {outlet, dispatcher->now};

	return !dispatcher->is_draining && outlet_is_open(outlet) && !outlet->is_held &&
	       !outlet_wants_quiet(outlet) && outlet->self.state == DESTINATION_READY &&
	       destination_room(&outlet->self, dispatcher->now.mono) >=
		       outlet->permits_out + outlet->claim_asked &&
	       !lanes_are_due(&outlet->lanes, ask_lane, &question, dispatcher->now.wall);
}

void permit_recall_turn(struct dispatcher *dispatcher, struct outlet *outlet)
{
	if (outlet->permits_out > 0 && !may_promise(dispatcher, outlet))
		permit_recall_all(dispatcher, outlet);
}

void permit_give_turn(struct dispatcher *dispatcher, struct outlet *outlet)
{
	uint32_t room = outlet_room(outlet, dispatcher->now);

	if (room == 0 || !may_promise(dispatcher, outlet))
		return;
	limit_reserve(&outlet->rate, room);
	outlet->permits_out += room;
	permit_give(dispatcher->settings.permits, outlet->number, (int32_t)room);
}

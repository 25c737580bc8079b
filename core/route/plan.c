/* Routing: see plan.h.  For each person: gates, candidates, then for each candidate address, choice and
 * words, and at the end the strategy puts what is left in order. */
#include "route/plan.h"

#include <string.h>

#include "base/map.h"
#include "model/field.h"
#include "route/private.h"
#include "base/check.h"

/* One thing that may become a delivery: a kind, with its channels as alternatives; or one channel that was
 * named. */
struct candidate {
	const char *kind;
	const char *channel; /* NULL: any of the kind */
};

struct planning {
	const struct plan_input *input;
	struct plan *plan;
	struct faults *faults;
	struct arena *arena;
	struct body_shelf *shelf;
	struct map *named; /* recipients that were planned for already, by id */
	struct content content;
	struct candidate candidates[CHANNELS_MAX];
	size_t candidate_count;
	size_t capacity; /* of deliveries and of left_out */
};

static void add_candidate(struct planning *planning, const char *kind, const char *channel)
{
	for (size_t i = 0; i < planning->candidate_count; i++) {
		const struct candidate *known = &planning->candidates[i];

		if (strcmp(known->kind, kind) == 0 &&
		    (channel == NULL ? known->channel == NULL
				     : known->channel != NULL && strcmp(known->channel, channel) == 0))
			return;
	}
	if (planning->candidate_count < CHANNELS_MAX)
		planning->candidates[planning->candidate_count++] =
			(struct candidate){.kind = kind, .channel = channel};
}

/* Without `channels` every configured kind is a candidate; with it, what it names. */
static void candidates_find(struct planning *planning)
{
	const struct notification *notification = planning->input->notification;
	const struct roster *roster = planning->input->roster;

	for (size_t i = 0; i < roster->channel_count && notification->channel_count == 0; i++) {
		const struct roster_channel *channel = &roster->channels[i];

		/* One that never said what it carries stands for itself, so that it is left out by name. */
		add_candidate(planning, channel->kind, *channel->kind == 0 ? channel->name : NULL);
	}
	for (size_t i = 0; i < notification->channel_count; i++) {
		const struct roster_channel *named = roster_find(roster, notification->channels[i]);

		if (named != NULL)
			add_candidate(planning, named->kind, named->name);
		else
			add_candidate(planning, notification->channels[i], NULL);
	}
}

static void leave_out(struct planning *planning, const struct plan_person *person, const char *channel,
		      struct ruling ruling)
{
	CHECK(planning->plan->left_out_count < planning->capacity && ruling.reason != REASON_none);
	planning->plan->left_out[planning->plan->left_out_count++] = (struct plan_left_out){
		.person = person,
		.channel = channel,
		.reason = ruling.reason,
		.detail = ruling.detail,
		.rule = ruling.rule,
	};
}

static bool is_up(const struct roster_channel *channel)
{
	return channel->state == CHANNEL_RUNNING || channel->state == CHANNEL_PAUSED;
}

/* Of the alternatives the first that runs and is allowed; one that is down only when no other will do,
 * because its deliveries can wait for it.  NULL: ret_ruling is of the first alternative. */
static const struct roster_channel *choose(struct planning *planning, const struct plan_person *person,
					   const struct candidate *candidate, bool is_forced,
					   const struct plan_address **ret_address, struct ruling *ret_ruling)
{
	const struct roster *roster = planning->input->roster;
	const struct roster_channel *spare = NULL;
	const struct plan_address *spare_address = NULL;
	struct ruling spare_ruling = {.reason = REASON_none, .rule = "", .detail = ""};
	struct ruling first = {.reason = REASON_channel_unknown,
			       .rule = "channels",
			       .detail = reason_words(REASON_channel_unknown)};
	bool is_first = true;

	for (size_t i = 0; i < roster->channel_count; i++) {
		const struct roster_channel *channel = &roster->channels[i];
		const struct plan_address *address;
		struct ruling ruling;

		if (strcmp(channel->kind, candidate->kind) != 0 ||
		    (candidate->channel != NULL && strcmp(channel->name, candidate->channel) != 0))
			continue;
		address = address_for(person, channel->name, channel->kind, &ruling);
		if (ruling.reason == REASON_none && !is_forced)
			ruling = choice_allows(planning->input->category, &person->preference, channel->name,
					       channel->kind, planning->arena);
		if (ruling.reason == REASON_none && is_up(channel)) {
			*ret_address = address;
			*ret_ruling = ruling;
			return channel;
		}
		if (ruling.reason == REASON_none && spare == NULL) {
			spare = channel;
			spare_address = address;
			spare_ruling = ruling;
		}
		if (is_first)
			first = ruling;
		is_first = false;
	}
	*ret_address = spare_address;
	*ret_ruling = spare != NULL ? spare_ruling : first;
	return spare;
}

static const char *candidate_name(const struct candidate *candidate)
{
	return candidate->channel != NULL ? candidate->channel : candidate->kind;
}

static void explain(struct planning *planning, struct plan_delivery *delivery, const struct ruling *ruling)
{
	size_t count = 0;

	if (!planning->input->wants_why)
		return;
	if (*ruling->detail != 0)
		delivery->why[count++] = ruling->detail;
	delivery->why[count++] =
		delivery->address->is_verified ? "the address is verified" : "the address was checked";
	if (!is_up(delivery->channel))
		delivery->why[count++] =
			arena_printf(planning->arena, "channel %s is %s: the delivery waits for it",
				     delivery->channel->name, channel_state_name(delivery->channel->state));
	delivery->why[count] = NULL;
	CHECK(count < PLAN_WHY_MAX);
}

/* One candidate of one person: a delivery, or a left-out. */
static void consider(struct planning *planning, const struct plan_person *person,
		     const struct candidate *candidate, bool is_forced)
{
	const struct plan_address *address = NULL;
	const struct roster_channel *channel;
	struct plan_delivery *delivery;
	struct content_part part;
	struct ruling ruling;

	if (*candidate->kind == 0) {
		leave_out(planning, person, candidate->channel,
			  (struct ruling){.reason = REASON_channel_disabled,
					  .rule = "channel",
					  .detail = "the channel has never started, so nobody knows what it "
						    "carries"});
		return;
	}
	channel = choose(planning, person, candidate, is_forced, &address, &ruling);
	if (channel == NULL) {
		leave_out(planning, person, candidate_name(candidate), ruling);
		return;
	}
	if (!content_for(&planning->content, channel->name, channel->kind, &part)) {
		leave_out(planning, person, channel->name,
			  (struct ruling){.reason = REASON_content_missing,
					  .rule = "content",
					  .detail = reason_words(REASON_content_missing)});
		return;
	}
	CHECK(planning->plan->delivery_count < planning->capacity);
	delivery = &planning->plan->deliveries[planning->plan->delivery_count];
	*delivery = (struct plan_delivery){
		.person = person,
		.address = address,
		.channel = channel,
		.state = DELIVERY_QUEUED,
		.reason = REASON_none,
		.due_at_ms = planning->input->now_ms,
	};
	explain(planning, delivery, &ruling);
	if (body_shelf_put(planning->shelf, person, &part, &delivery->body))
		planning->plan->delivery_count++;
}

/* Where a delivery stands in the recipient's order; what they did not name comes after, in the order of the
 * files. */
static size_t rank(const struct plan_delivery *delivery)
{
	const struct preference *preference = &delivery->person->preference;

	for (size_t i = 0; i < preference->order_count; i++) {
		if (strcmp(preference->order[i], delivery->channel->name) == 0 ||
		    strcmp(preference->order[i], delivery->channel->kind) == 0)
			return i;
	}
	return preference->order_count;
}

/* Steps of strategy first: a stable insertion sort of a handful, then numbers. */
static void order_steps(struct plan_delivery *deliveries, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		struct plan_delivery moved = deliveries[i];
		size_t at = i;

		for (; at > 0 && rank(&deliveries[at - 1]) > rank(&moved); at--)
			deliveries[at] = deliveries[at - 1];
		deliveries[at] = moved;
	}
	for (size_t i = 0; i < count; i++) {
		deliveries[i].step = (uint32_t)i + 1;
		if (i > 0) {
			deliveries[i].state = DELIVERY_HELD;
			deliveries[i].reason = REASON_strategy_waiting;
		}
	}
}

static enum strategy strategy_for(const struct planning *planning, const struct plan_person *person)
{
	const struct category_choice *chosen =
		preference_category(&person->preference, planning->input->category->name);

	if (chosen != NULL && chosen->strategy != 0)
		return chosen->strategy;
	return planning->plan->strategy;
}

/* Somebody who is named twice is still notified once. */
static bool is_named_before(struct planning *planning, const struct plan_person *person)
{
	if (*person->id == 0)
		return false;
	if (map_get_text(planning->named, person->id) != NULL)
		return true;
	map_put_text(planning->named, person->id, (void *)(uintptr_t)person);
	return false;
}

static void plan_person(struct planning *planning, const struct plan_person *person)
{
	size_t first = planning->plan->delivery_count, left = planning->plan->left_out_count;
	struct ruling gate;

	if (!person->is_known) {
		leave_out(planning, person, "",
			  (struct ruling){.reason = REASON_recipient_unknown,
					  .rule = "to",
					  .detail = reason_words(REASON_recipient_unknown)});
		return;
	}
	if (is_named_before(planning, person)) {
		leave_out(planning, person, "",
			  (struct ruling){.reason = REASON_duplicate,
					  .rule = "to",
					  .detail = "the recipient is named more than once"});
		return;
	}
	gate = choice_gate(planning->input->category, person, planning->input->now_ms, planning->arena);
	for (size_t i = 0; i < planning->candidate_count; i++) {
		if (gate.reason != REASON_none)
			leave_out(planning, person, candidate_name(&planning->candidates[i]), gate);
		else
			consider(planning, person, &planning->candidates[i], false);
	}
	if (planning->plan->delivery_count == first && planning->input->category->is_required &&
	    !faults_any(planning->faults)) {
		/* Switched off everywhere, and it may not be: as if nothing had been chosen. */
		planning->plan->left_out_count = left;
		for (size_t i = 0; i < planning->candidate_count; i++)
			consider(planning, person, &planning->candidates[i], true);
	}
	if (strategy_for(planning, person) == STRATEGY_FIRST)
		order_steps(&planning->plan->deliveries[first], planning->plan->delivery_count - first);
}

static void check_whole(struct planning *planning)
{
	const struct notification *notification = planning->input->notification;
	const struct category *category = planning->input->category;
	bool is_anybody_known = false;

	if (notification->priority == HERALD_CRITICAL && !category->is_critical_allowed)
		faults_add(planning->faults, "/priority", "range", "category %s does not allow critical",
			   category->name);
	if (planning->content.part_count == 0)
		faults_add_as(planning->faults, "content_missing", "/content", "missing",
			      "is required: category %s has no content of its own", category->name);
	for (size_t i = 0; i < planning->input->person_count; i++)
		is_anybody_known |= planning->input->people[i].is_known;
	if (!is_anybody_known)
		faults_add(planning->faults, "/to", "unknown", "none of these recipients is known");
	for (size_t i = 0; i < notification->channel_count; i++) {
		const struct roster *roster = planning->input->roster;
		bool is_there = roster_find(roster, notification->channels[i]) != NULL;
		char pointer[POINTER_BYTES_MAX];

		for (size_t j = 0; j < roster->channel_count && !is_there; j++)
			is_there = strcmp(roster->channels[j].kind, notification->channels[i]) == 0;
		field_pointer_index("/channels", i, pointer);
		if (!is_there)
			faults_add_as(planning->faults, "unknown_channel", pointer, "unknown",
				      "there is no channel and no kind named %s", notification->channels[i]);
	}
}

enum herald_code plan_make(const struct plan_input *input, struct plan *ret_plan, struct faults *faults)
{
	const struct notification *notification = input->notification;
	struct plan plan = {.strategy = notification->strategy ? notification->strategy
							       : input->category->strategy};
	struct planning planning = {.input = input, .plan = &plan, .faults = faults, .arena = faults->arena};
	int64_t expires_in_ms = notification->expires_in_ms      ? notification->expires_in_ms
				: input->category->expires_in_ms ? input->category->expires_in_ms
								 : input->expires_in_ms;

	*ret_plan = (struct plan){.delivery_count = 0};
	plan.expires_at_ms = input->now_ms + expires_in_ms;
	planning.content =
		notification->content.part_count > 0 ? notification->content : input->category->content;
	check_whole(&planning);
	if (faults_any(faults))
		return HERALD_INVALID;
	candidates_find(&planning);
	planning.capacity = input->person_count * (planning.candidate_count + 1);
	plan.deliveries = arena_array_of(faults->arena, planning.capacity, struct plan_delivery);
	plan.left_out = arena_array_of(faults->arena, planning.capacity, struct plan_left_out);
	planning.shelf = body_shelf_new(input, faults);
	planning.named = map_new();
	for (size_t i = 0; i < input->person_count && !faults_any(faults); i++)
		plan_person(&planning, &input->people[i]);
	plan.body_count = body_shelf_bodies(planning.shelf, &plan.bodies);
	body_shelf_free(planning.shelf);
	map_free(planning.named);
	if (faults_any(faults))
		return HERALD_INVALID;
	*ret_plan = plan;
	return HERALD_OK;
}

/* lane.c - a ring of lanes and whose turn it is: see lane.h.
 *
 * Invariant: a lane is in the ring exactly while something is known to wait in it or a claim of it is under
 * way. */
#include "dispatch/lane.h"

#include "base/check.h"

void lanes_init(struct lanes *lanes)
{
	*lanes = (struct lanes){.by_number = map_new(), .arena = arena_new()};
}

static void lane_remove(struct lanes *lanes, struct lane *lane)
{
	map_remove(lanes->by_number, lane->number);
	if (lane->next == lane) {
		lanes->turn = lanes->critical_turn = NULL;
	} else {
		lane->next->previous = lane->previous;
		lane->previous->next = lane->next;
		if (lanes->turn == lane)
			lanes->turn = lane->next;
		if (lanes->critical_turn == lane)
			lanes->critical_turn = lane->next;
	}
	lanes->waiting -= lane->waiting;
	lane->next = lanes->spare;
	lanes->spare = lane;
}

void lanes_done(struct lanes *lanes)
{
	map_free(lanes->by_number);
	arena_free(lanes->arena);
	*lanes = (struct lanes){.by_number = NULL};
}

static struct lane *lane_of(struct lanes *lanes, int64_t number)
{
	struct lane *lane = map_get(lanes->by_number, number);

	if (lane != NULL)
		return lane;
	lane = lanes->spare;
	if (lane != NULL)
		lanes->spare = lane->next;
	else
		lane = arena_new_of(lanes->arena, struct lane);
	*lane = (struct lane){
		.number = number,
		.due_ms = INT64_MAX,
		.critical_due_ms = INT64_MAX,
		.noted_ms = INT64_MAX,
		.noted_critical_ms = INT64_MAX,
	};
	/* A newcomer waits for everybody who is there: it stands just behind the turn. */
	if (lanes->turn == NULL) {
		lane->next = lane->previous = lanes->turn = lane;
	} else {
		lane->next = lanes->turn;
		lane->previous = lanes->turn->previous;
		lane->previous->next = lanes->turn->previous = lane;
	}
	map_put(lanes->by_number, number, lane);
	return lane;
}

static void lower(int64_t *instant, int64_t to)
{
	if (to < *instant)
		*instant = to;
}

void lanes_note(struct lanes *lanes, int64_t number, int64_t due_ms, bool is_critical, uint32_t count)
{
	struct lane *lane = lane_of(lanes, number);

	lane->waiting += count;
	lanes->waiting += count;
	lower(&lane->due_ms, due_ms);
	if (is_critical)
		lower(&lane->critical_due_ms, due_ms);
	if (!lane->is_claimed)
		return;
	/* The claim under way may have looked before this row was there. */
	lower(&lane->noted_ms, due_ms);
	if (is_critical)
		lower(&lane->noted_critical_ms, due_ms);
}

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* Turns of their own, a quantum each: who is critical without end must not keep the others' critical. */
static struct lane *choose_critical(struct lanes *lanes, lane_room *room, void *context, int64_t now_ms,
				    uint32_t *ret_room)
{
	struct lane *first = lanes->critical_turn != NULL ? lanes->critical_turn : lanes->turn;
	struct lane *lane = first;

	do {
		if (lane->critical_due_ms <= now_ms && (*ret_room = room(context, lane->number)) > 0) {
			lanes->critical_turn = lane->next;
			return lane;
		}
		lane = lane->next;
	} while (lane != first);
	return NULL;
}

struct lane *lanes_choose(struct lanes *lanes, uint32_t limit, lane_room *room, void *context, int64_t now_ms,
			  uint32_t *ret_limit)
{
	uint32_t fits = 0;
	struct lane *lane = lanes->turn;

	if (lane == NULL || limit == 0)
		return NULL;
	limit = least(limit, LANE_CLAIM_MAX);
	lane = choose_critical(lanes, room, context, now_ms, &fits);
	if (lane != NULL) {
		*ret_limit = least(least(limit, fits), LANE_QUANTUM);
		return lane;
	}
	lane = lanes->turn;
	do {
		if (lane->due_ms <= now_ms && (fits = room(context, lane->number)) > 0) {
			if (lane->deficit == 0)
				lane->deficit = LANE_QUANTUM;
			lanes->turn = lane;
			*ret_limit = least(least(limit, fits), lane->deficit);
			return lane;
		}
		/* Who has nothing to send when its turn comes saves nothing up. */
		lane->deficit = 0;
		lane = lane->next;
	} while (lane != lanes->turn);
	return NULL;
}

void lanes_claiming(struct lanes *lanes, struct lane *lane)
{
	(void)lanes;
	CHECK(!lane->is_claimed);
	lane->is_claimed = true;
	lane->noted_ms = lane->noted_critical_ms = INT64_MAX;
}

void lanes_claimed(struct lanes *lanes, int64_t number, uint32_t taken, int64_t next_due_ms,
		   int64_t next_critical_ms, int64_t now_ms)
{
	struct lane *lane = map_get(lanes->by_number, number);
	uint64_t gone;

	CHECK(lane != NULL && lane->is_claimed);
	lane->is_claimed = false;
	lane->due_ms = next_due_ms == 0 ? INT64_MAX : next_due_ms;
	lane->critical_due_ms = next_critical_ms == 0 ? INT64_MAX : next_critical_ms;
	lower(&lane->due_ms, lane->noted_ms);
	lower(&lane->critical_due_ms, lane->noted_critical_ms);
	gone = lane->due_ms == INT64_MAX || taken > lane->waiting ? lane->waiting : taken;
	lane->waiting -= gone;
	lanes->waiting -= gone;
	lane->deficit -= least(lane->deficit, taken);
	if (lane == lanes->turn && (lane->deficit == 0 || lane->due_ms > now_ms)) {
		lane->deficit = 0;
		lanes->turn = lane->next;
	}
	if (lane->due_ms == INT64_MAX)
		lane_remove(lanes, lane);
}

void lanes_unclaimed(struct lanes *lanes, int64_t number, int64_t again_ms)
{
	struct lane *lane = map_get(lanes->by_number, number);

	CHECK(lane != NULL && lane->is_claimed);
	lane->is_claimed = false;
	if (lane->due_ms < again_ms)
		lane->due_ms = again_ms;
	if (lane->critical_due_ms < again_ms)
		lane->critical_due_ms = again_ms;
}

bool lanes_are_due(struct lanes *lanes, lane_room *room, void *context, int64_t now_ms)
{
	struct lane *lane = lanes->turn;

	if (lane == NULL)
		return false;
	do {
		if (lane->due_ms <= now_ms && room(context, lane->number) > 0)
			return true;
		lane = lane->next;
	} while (lane != lanes->turn);
	return false;
}

int64_t lanes_next_due_ms(const struct lanes *lanes, int64_t now_ms)
{
	const struct lane *lane = lanes->turn;
	int64_t next_ms = INT64_MAX;

	if (lane == NULL)
		return next_ms;
	do {
		if (lane->due_ms > now_ms)
			lower(&next_ms, lane->due_ms);
		lane = lane->next;
	} while (lane != lanes->turn);
	return next_ms;
}

int64_t lanes_oldest_due_ms(const struct lanes *lanes)
{
	const struct lane *lane = lanes->turn;
	int64_t oldest_ms = INT64_MAX;

	if (lane == NULL)
		return oldest_ms;
	do {
		lower(&oldest_ms, lane->due_ms);
		lane = lane->next;
	} while (lane != lanes->turn);
	return oldest_ms;
}

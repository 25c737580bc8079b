/* outlet.c - what one channel may take, and its destinations: see outlet.h.
 *
 * Invariant: self.in_flight counts the tickets that have room; together with permits_out and claim_asked it
 * stays within self.window but for a window that narrowed meanwhile. */
#include "dispatch/outlet.h"

#include <string.h>

#include "base/check.h"

enum {
	SWEEP_MS = 60 * 1000,
	IDLE_MS = 10 * 60 * 1000,  /* of a destination */
	MEMORY_MS = 5 * 60 * 1000, /* longer than any accept that read "nothing known" is under way */
};

struct outlet *outlet_new(int32_t number, const struct outlet_policy *policy, int64_t now_ms)
{
	struct arena *arena = arena_new();
	struct outlet *outlet = arena_new_of(arena, struct outlet);

	outlet->arena = arena;
	CHECK(number >= 0 && number < CHANNELS_MAX);
	outlet->number = number;
	outlet->policy = *policy;
	outlet->process = CHANNEL_RESTARTING;
	outlet->single = policy->destination;
	outlet->single.window = outlet->single.window_max = 1;
	destination_init(&outlet->self, 0, &outlet->policy.destination, now_ms);
	limit_init(&outlet->rate, policy->rate_count, policy->rate_per_ms, now_ms);
	/* The channel's own rate has its own bucket. */
	limit_init(&outlet->self.rate, 0, 1, now_ms);
	outlet->destinations = map_new();
	outlet->addresses = map_new();
	outlet->by_number = map_new();
	lanes_init(&outlet->lanes);
	return outlet;
}

static void end_destination(void *value, void *context)
{
	struct destination *destination = value;
	struct outlet *outlet = context;

	destination_done(destination);
	destination->spare = outlet->spare;
	outlet->spare = destination;
}

static struct destination *new_destination(struct outlet *outlet)
{
	struct destination *destination = outlet->spare;

	if (destination == NULL)
		return arena_new_of(outlet->arena, struct destination);
	outlet->spare = destination->spare;
	return destination;
}

void outlet_free(struct outlet *outlet)
{
	if (outlet == NULL)
		return;
	CHECK(outlet->waiting.count == 0 && outlet->out.count == 0);
	destination_done(&outlet->self);
	map_each(outlet->destinations, end_destination, outlet);
	map_each(outlet->addresses, end_destination, outlet);
	map_free(outlet->destinations);
	map_free(outlet->addresses);
	map_free(outlet->by_number);
	lanes_done(&outlet->lanes);
	arena_free(outlet->arena);
}

static void fit_window(void *value, void *context)
{
	struct destination *destination = value;

	(void)context;
	if (destination->window > destination->policy->window_max)
		destination->window = destination->policy->window_max;
}

void outlet_change(struct outlet *outlet, const struct outlet_policy *policy, int64_t now_ms)
{
	bool is_other_rate = policy->rate_count != outlet->policy.rate_count ||
			     policy->rate_per_ms != outlet->policy.rate_per_ms;

	outlet->policy = *policy;
	outlet->single = policy->destination;
	outlet->single.window = outlet->single.window_max = 1;
	fit_window(&outlet->self, NULL);
	map_each(outlet->destinations, fit_window, NULL);
	if (is_other_rate)
		limit_change(&outlet->rate, policy->rate_count, policy->rate_per_ms, now_ms);
	outlet->is_dropped = false;
}

bool outlet_is_open(const struct outlet *outlet)
{
	return outlet->process == CHANNEL_RUNNING && !outlet->is_paused && !outlet->is_dropped &&
	       (!outlet->is_held || outlet->is_probing);
}

enum channel_state outlet_state(const struct outlet *outlet)
{
	if (outlet->is_held || outlet->process == CHANNEL_MISCONFIGURED)
		return CHANNEL_MISCONFIGURED;
	if (outlet->is_paused)
		return CHANNEL_PAUSED;
	return outlet->is_dropped ? CHANNEL_DRAINING : outlet->process;
}

bool outlet_wants_quiet(const struct outlet *outlet)
{
	return outlet->alone != NULL || outlet->marked_waiting > 0;
}

static uint32_t minus(uint32_t a, uint32_t b)
{
	return a > b ? a - b : 0;
}

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

uint32_t outlet_room(struct outlet *outlet, struct outlet_now now)
{
	uint32_t room;

	if (!outlet_is_open(outlet) || outlet_wants_quiet(outlet))
		return 0;
	room = destination_room(&outlet->self, now.mono);
	/* A channel that was wrong is tried with one. */
	if (outlet->is_held)
		room = outlet->self.in_flight == 0 ? least(room, 1) : 0;
	room = minus(room, outlet->permits_out + outlet->claim_asked);
	return room == 0 ? 0 : least(room, limit_room(&outlet->rate, now.mono));
}

uint32_t outlet_lane_room(struct outlet *outlet, int64_t lane, struct outlet_now now)
{
	struct destination *destination;

	if (lane >= 0)
		return UINT32_MAX;
	destination = outlet_destination(outlet, -lane, "", now.mono);
	return least(destination_room(destination, now.mono), limit_room(&destination->rate, now.mono));
}

void outlet_hold(struct outlet *outlet, const char *why, int64_t now_ms)
{
	outlet->is_held = true;
	outlet->is_probing = false;
	outlet->probe_at_ms = now_ms + OUTLET_PROBE_MS;
	strncpy(outlet->why, why, sizeof(outlet->why) - 1);
}

void outlet_resume(struct outlet *outlet)
{
	outlet->is_paused = outlet->is_held = outlet->is_probing = false;
	outlet->why[0] = 0;
}

struct destination *outlet_destination(struct outlet *outlet, int64_t number, const char *name,
				       int64_t now_ms)
{
	struct destination *destination = map_get(outlet->destinations, number);

	if (destination == NULL) {
		destination = new_destination(outlet);
		destination_init(destination, number, &outlet->policy.destination, now_ms);
		map_put(outlet->destinations, number, destination);
	}
	if (destination->name[0] == 0)
		strncpy(destination->name, name, sizeof(destination->name) - 1);
	return destination;
}

struct destination *outlet_address(struct outlet *outlet, const uint8_t hash[ADDRESS_HASH_BYTES],
				   int64_t now_ms)
{
	int64_t key = ticket_address_key(hash);
	struct destination *destination = map_get(outlet->addresses, key);

	if (destination != NULL)
		return destination;
	destination = new_destination(outlet);
	destination_init(destination, 0, &outlet->single, now_ms);
	memcpy(destination->address_hash, hash, ADDRESS_HASH_BYTES);
	map_put(outlet->addresses, key, destination);
	return destination;
}

const struct destination *outlet_remembered(const struct outlet *outlet,
					    const uint8_t hash[ADDRESS_HASH_BYTES])
{
	const struct destination *destination = map_get(outlet->addresses, ticket_address_key(hash));

	if (destination == NULL || destination->memory.size == 0 ||
	    memcmp(destination->address_hash, hash, ADDRESS_HASH_BYTES) != 0)
		return NULL;
	return destination;
}

static void count_ill(void *value, void *context)
{
	const struct destination *destination = value;

	if (destination->state != DESTINATION_READY)
		++*(uint32_t *)context;
}

uint32_t outlet_ill(struct outlet *outlet)
{
	uint32_t ill = outlet->self.state != DESTINATION_READY;

	map_each(outlet->destinations, count_ill, &ill);
	return ill;
}

struct sweep {
	struct outlet *outlet;
	int64_t now_ms, idle_ms, memory_ms;
};

static void sweep_destination(void *value, void *context)
{
	struct destination *destination = value;
	const struct sweep *sweep = context;

	/* A lane of its own still waits for its health. */
	if (!destination_is_idle(destination, sweep->now_ms, sweep->idle_ms) ||
	    map_get(sweep->outlet->lanes.by_number, -destination->number) != NULL)
		return;
	map_remove(sweep->outlet->destinations, destination->number);
	end_destination(destination, sweep->outlet);
}

static void sweep_address(void *value, void *context)
{
	struct destination *destination = value;
	const struct sweep *sweep = context;

	if (destination->in_flight > 0 || sweep->now_ms - destination->used_at_ms < sweep->memory_ms ||
	    sweep->now_ms < destination->blocked_until_ms)
		return;
	map_remove(sweep->outlet->addresses, ticket_address_key(destination->address_hash));
	end_destination(destination, sweep->outlet);
}

void outlet_sweep(struct outlet *outlet, int64_t now_ms)
{
	struct sweep sweep = {outlet, now_ms, IDLE_MS, MEMORY_MS};

	if (now_ms - outlet->swept_at_ms < SWEEP_MS)
		return;
	outlet->swept_at_ms = now_ms;
	if (map_count(outlet->destinations) > DESTINATIONS_MAX)
		sweep.idle_ms = 0;
	map_each(outlet->destinations, sweep_destination, &sweep);
	map_each(outlet->addresses, sweep_address, &sweep);
}

/* roster.c - what the dispatcher knows of its channels, as people and scrapers see it. */
#include <string.h>

#include "dispatch/private.h"
#include "telemetry/metric.h"

#include "base/check.h"

enum { ILL_SHOWN_MAX = 100 };

struct ill_list {
	struct roster_destination *items;
	size_t count;
	struct outlet_now now;
};

static void show_ill(void *value, void *context)
{
	const struct destination *destination = value;
	struct ill_list *list = context;

	if (destination->state == DESTINATION_READY || list->count >= ILL_SHOWN_MAX)
		return;
	list->items[list->count++] = (struct roster_destination){
		.name = destination->name,
		.state = destination_state_name(destination->state),
		.why = destination->why,
		.blocked_until_ms = destination->state == DESTINATION_BLOCKED
					    ? list->now.wall + destination->blocked_until_ms - list->now.mono
					    : 0,
		.window = destination->window,
		.in_flight = destination->in_flight,
	};
}

bool dispatcher_describe(struct dispatcher *dispatcher, int32_t channel, struct arena *arena,
			 struct roster_channel *ret_channel)
{
	struct outlet *outlet = dispatcher_outlet(dispatcher, channel);
	struct ill_list list = {.now = dispatcher->now};
	int64_t oldest_ms;

	if (outlet == NULL)
		return false;
	list.items = arena_array_of(arena, ILL_SHOWN_MAX, struct roster_destination);
	show_ill(&outlet->self, &list);
	map_each(outlet->destinations, show_ill, &list);
	oldest_ms = lanes_oldest_due_ms(&outlet->lanes);
	*ret_channel = (struct roster_channel){
		.number = channel,
		.name = outlet->policy.name,
		.kind = outlet->kind,
		.plugin = outlet->policy.plugin,
		.version = outlet->version,
		.why = outlet->why,
		.state = outlet_state(outlet),
		.window = outlet->self.window,
		.in_flight = (uint32_t)outlet->out.count,
		.rate = outlet->policy.rate,
		.queued = outlet->lanes.waiting,
		.oldest_due_at_ms = oldest_ms == INT64_MAX ? 0 : oldest_ms,
		.has_receipts = outlet->policy.has_receipts,
		.destinations = list.items,
		.destination_count = list.count,
	};
	return true;
}

void dispatcher_measure(struct dispatcher *dispatcher)
{
	for (int32_t channel = 0; channel < CHANNELS_MAX; channel++) {
		struct outlet *outlet = dispatcher->outlets[channel];
		struct metric_labels labels;

		if (outlet == NULL)
			continue;
		labels = METRIC_LABELS(outlet->policy.name);
		metric_set(METRIC_queue_depth, labels, (double)outlet->lanes.waiting);
		metric_set(METRIC_in_flight, labels, (double)outlet->out.count);
		metric_set(METRIC_window, labels, outlet->self.window);
		metric_set(METRIC_permits, labels, outlet->permits_out);
		metric_set(METRIC_destinations_blocked, labels, outlet_ill(outlet));
	}
}

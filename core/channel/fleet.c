/* fleet.c - births, deaths and successors of one channel's processes.
 *
 * Whatever happens to a process, its owner hears the fate of each open ticket exactly once, and before the
 * channel's state. */
#include "channel/fleet.h"

#include <stdio.h>
#include <string.h>

#include "base/map.h"
#include "telemetry/event.h"
#include "telemetry/metric.h"
#include "base/check.h"

struct fleet *fleet_new(const struct fleet_birth *birth)
{
	struct arena *arena = arena_new();
	struct fleet *fleet = arena_new_of(arena, struct fleet);

	*fleet = (struct fleet){
		.arena = arena,
		.settings = birth->settings,
		.by_id = birth->by_id,
		.next_id = birth->next_id,
		.epoll = birth->epoll,
		.number = birth->number,
		.name = arena_text(arena, birth->name),
	};
	return fleet;
}

void fleet_free(struct fleet *fleet)
{
	if (!fleet)
		return;
	/* All are told first, so that they die at the same time and not one after the other. */
	fleet_kill(fleet, 0, "the daemon ended");
	for (size_t i = 0; i < PROCESS_INDEX_MAX; i++) {
		if (fleet->processes[i])
			map_remove(fleet->by_id, (int64_t)fleet->processes[i]->id);
		process_free(fleet->processes[i]);
	}
	config_unref(fleet->config);
	arena_free(fleet->arena);
}

/* --- who is there --- */

struct process *fleet_process(const struct fleet *fleet, uint64_t ticket)
{
	struct process *process = fleet->processes[tickets_index_of(ticket)];

	return process && tickets_is_known(&process->tickets, ticket) ? process : NULL;
}

struct process *fleet_process_of_id(const struct fleet *fleet, uint64_t id)
{
	for (size_t i = 0; i < PROCESS_INDEX_MAX; i++)
		if (fleet->processes[i] && fleet->processes[i]->id == id)
			return fleet->processes[i];
	return NULL;
}

static bool may_serve(const struct process *process)
{
	return process && process_may_serve(process);
}

struct process *fleet_choose(const struct fleet *fleet)
{
	struct process *best = NULL;

	/* The least loaded of those in force; one that retires only while there is none.  One that does not
	 * read, or has no slot left, must not keep the work from the others. */
	for (size_t i = 0; i < PROCESS_INDEX_MAX; i++) {
		struct process *process = fleet->processes[i];
		if (!may_serve(process) || !process_has_room(process))
			continue;
		if (!best || process->is_retiring < best->is_retiring ||
		    (process->is_retiring == best->is_retiring &&
		     tickets_used(&process->tickets) < tickets_used(&best->tickets)))
			best = process;
	}
	return best;
}

size_t fleet_alive(const struct fleet *fleet)
{
	size_t alive = 0;

	for (size_t i = 0; i < PROCESS_INDEX_MAX; i++)
		alive += fleet->processes[i] && process_is_alive(fleet->processes[i]);
	return alive;
}

static void fleet_forget(struct fleet *fleet, struct process *process)
{
	CHECK(fleet->processes[process->tickets.index] == process);
	fleet->processes[process->tickets.index] = NULL;
	process_free(process);
}

void fleet_release(struct fleet *fleet, uint64_t ticket)
{
	struct process *process = fleet_process(fleet, ticket);

	if (!process)
		return;
	tickets_release(&process->tickets, ticket);
	if (!process_is_alive(process) && !process->is_reporting && tickets_used(&process->tickets) == 0)
		fleet_forget(fleet, process);
}

/* --- what was asked for --- */

void fleet_configure(struct fleet *fleet, struct config *config, const struct config_channel *channel)
{
	struct config *before = fleet->config;
	int64_t wanted = channel->processes;

	fleet->config = config_ref(config);
	fleet->channel = channel;
	config_unref(before);
	for (size_t i = 0; i < PROCESS_INDEX_MAX; i++)
		if (fleet->processes[i])
			fleet->processes[i]->is_retiring = true;

	fleet->berth_count = wanted < 1 ? 1 : wanted > FLEET_BERTHS_MAX ? FLEET_BERTHS_MAX : (size_t)wanted;
	for (size_t i = 0; i < fleet->berth_count; i++)
		fleet->berths[i] = (struct berth){.backoff_ms = FLEET_BACKOFF_LEAST_MS};
	fleet->is_draining = fleet->is_refused = false;
	fleet->is_due = true;
	snprintf(fleet->last_why, sizeof(fleet->last_why), "starting");
	if (channel->may_be_insecure_on_loopback)
		event(EVENT_insecure_channel, EVENT_TEXT("channel", fleet->name));
}

void fleet_resume(struct fleet *fleet)
{
	fleet->is_refused = false;
	fleet->is_due = true;
	for (size_t i = 0; i < fleet->berth_count; i++)
		fleet->berths[i].start_ms = 0;
}

void fleet_drain(struct fleet *fleet)
{
	fleet->is_draining = fleet->is_due = true;
}

void fleet_kill(struct fleet *fleet, uint64_t ticket, const char *why)
{
	for (size_t i = 0; i < PROCESS_INDEX_MAX; i++) {
		struct process *process = fleet->processes[i];
		if (process && (ticket == 0 || process == fleet_process(fleet, ticket)))
			process_kill(process, PROCESS_HUNG, why);
	}
}

/* --- births --- */

static void owner_ready(void *context, struct process *process, const struct wire_ready *ready)
{
	struct fleet *fleet = context;
	struct channel_facts facts = {
		.plugin = ready->plugin,
		.version = ready->version,
		.kind = ready->kind,
		.batch_max = ready->batch_max,
		.batch_by = ready->batch_by,
		.idempotent_ms = ready->idempotent_ms,
	};

	event(EVENT_channel_started, EVENT_TEXT("channel", fleet->name), EVENT_INT("pid", process->pid),
	      EVENT_TEXT("plugin", ready->plugin), EVENT_TEXT("version", ready->version));
	fleet->settings->handler.ready(fleet->settings->handler.context, fleet->number, &facts);
}

static void owner_settled(void *context, struct process *process, uint64_t ticket,
			  const struct herald_outcome *outcome)
{
	const struct fleet *fleet = context;

	(void)process;
	fleet->settings->handler.settled(fleet->settings->handler.context, fleet->number, ticket, outcome);
}

static void owner_memory(void *context, struct process *process, uint64_t ticket, struct herald_text memory)
{
	const struct fleet *fleet = context;

	(void)process;
	fleet->settings->handler.memory(fleet->settings->handler.context, fleet->number, ticket, memory);
}

static bool index_find(struct fleet *fleet, uint32_t *ret_index)
{
	for (uint32_t i = 0; i < PROCESS_INDEX_MAX; i++) {
		uint32_t index = (fleet->next_index + i) % PROCESS_INDEX_MAX;
		if (!fleet->processes[index]) {
			fleet->next_index = index + 1;
			*ret_index = index;
			return true;
		}
	}
	return false;
}

static void berth_back_off(struct fleet *fleet, struct berth *berth, int64_t now_ms, const char *why)
{
	berth->process = NULL;
	berth->start_ms = now_ms + berth->backoff_ms;
	berth->backoff_ms =
		2 * berth->backoff_ms < FLEET_BACKOFF_MOST_MS ? 2 * berth->backoff_ms : FLEET_BACKOFF_MOST_MS;
	snprintf(fleet->last_why, sizeof(fleet->last_why), "%s", why);
}

static void berth_start(struct fleet *fleet, struct berth *berth, int64_t now_ms)
{
	struct herald_error err = {.text = ""};
	struct process_birth birth = {
		.settings = fleet->settings,
		.owner = {fleet, owner_ready, owner_settled, owner_memory},
		.number = fleet->number,
		.config = fleet->config,
		.channel = fleet->channel,
		.id = ++*fleet->next_id,
		.serial = &fleet->serial,
		.epoll = fleet->epoll,
	};

	if (!index_find(fleet, &birth.index)) {
		berth_back_off(fleet, berth, now_ms, "too many ended processes wait for their settles");
		return;
	}
	if (process_new(&birth, now_ms, &berth->process, &err) != HERALD_OK) {
		event(EVENT_channel_died, EVENT_TEXT("channel", fleet->name), EVENT_TEXT("why", err.text));
		berth_back_off(fleet, berth, now_ms, err.text);
		return;
	}
	fleet->processes[birth.index] = berth->process;
	map_put(fleet->by_id, (int64_t)birth.id, fleet);
}

/* --- deaths --- */

static void tell_end(struct fleet *fleet, const struct process *process)
{
	enum event_kind kind = EVENT_channel_died;

	switch (process->end) {
	case PROCESS_DIED:
		break;
	case PROCESS_HUNG:
		kind = EVENT_channel_hung;
		break;
	case PROCESS_REFUSED:
		kind = EVENT_channel_misconfigured;
		break;
	case PROCESS_DRAINED:
	case PROCESS_DISMISSED:
		kind = EVENT_channel_drained;
		break;
	}
	event(kind, EVENT_TEXT("channel", fleet->name), EVENT_INT("pid", process->pid),
	      EVENT_TEXT("why", process->why), EVENT_INT("open", tickets_open(&process->tickets)));
}

static void tell_fates(struct fleet *fleet, struct process *process)
{
	const struct supervisor_handler *handler = &fleet->settings->handler;
	struct arena *arena = arena_new();
	struct ticket_fate *fates;
	size_t count = tickets_fates(&process->tickets, arena, &fates);

	process->is_reporting = true; /* it must outlive the call, whatever is released in it */
	handler->gone(handler->context, fleet->number, fates, count, process->end == PROCESS_DRAINED);
	process->is_reporting = false;
	arena_free(arena);
}

static struct berth *berth_of(struct fleet *fleet, const struct process *process)
{
	for (size_t i = 0; i < fleet->berth_count; i++)
		if (fleet->berths[i].process == process)
			return &fleet->berths[i];
	return NULL;
}

static void plan_successor(struct fleet *fleet, struct process *process, int64_t now_ms)
{
	struct berth *berth = berth_of(fleet, process);

	if (!berth)
		return;
	if (process->end == PROCESS_REFUSED) {
		fleet->is_refused = true;
		snprintf(fleet->refused_why, sizeof(fleet->refused_why), "%s", process->why);
		berth->process = NULL;
		return;
	}
	if (process->ready_ms > 0 && now_ms - process->ready_ms >= FLEET_HEALTHY_MS)
		berth->backoff_ms = FLEET_BACKOFF_LEAST_MS;
	berth_back_off(fleet, berth, now_ms, process->why);
	if (fleet->is_draining)
		return;
	fleet->restarts++;
	metric_add(METRIC_channel_restarts, METRIC_LABELS(fleet->name), 1);
}

void fleet_bury(struct fleet *fleet, struct process *process, int64_t now_ms)
{
	process_bury(process, now_ms);
	map_remove(fleet->by_id, (int64_t)process->id);
	tell_end(fleet, process);
	plan_successor(fleet, process, now_ms);
	tell_fates(fleet, process);
	if (tickets_used(&process->tickets) == 0)
		fleet_forget(fleet, process);
}

/* --- time --- */

static bool may_start(const struct fleet *fleet)
{
	return !fleet->is_draining && !fleet->is_refused && fleet->config;
}

static bool is_replaced(const struct fleet *fleet)
{
	for (size_t i = 0; i < fleet->berth_count; i++)
		if (may_serve(fleet->berths[i].process))
			return true;
	return false;
}

/* Also one that is about to die: its fates are told before the state that follows from them. */
static bool is_up(const struct fleet *fleet)
{
	for (size_t i = 0; i < PROCESS_INDEX_MAX; i++)
		if (fleet->processes[i] && fleet->processes[i]->phase == PROCESS_READY)
			return true;
	return false;
}

static void tell_state(struct fleet *fleet)
{
	enum channel_state state = CHANNEL_RESTARTING;
	char why[256];

	snprintf(why, sizeof(why), "%s", fleet->last_why);
	if (fleet->is_draining) {
		state = CHANNEL_DRAINING;
		why[0] = '\0';
	} else if (is_up(fleet)) {
		state = CHANNEL_RUNNING;
		why[0] = '\0';
		if (fleet->is_refused)
			snprintf(why, sizeof(why), "an older configuration goes on: %.220s",
				 fleet->refused_why);
	} else if (fleet->is_refused) {
		state = CHANNEL_MISCONFIGURED;
		snprintf(why, sizeof(why), "%s", fleet->refused_why);
	}
	if (state == fleet->told_state && strcmp(why, fleet->told_why) == 0)
		return;
	fleet->told_state = state;
	memcpy(fleet->told_why, why, sizeof(why));
	metric_set(METRIC_channel_up, METRIC_LABELS(fleet->name), state == CHANNEL_RUNNING ? 1 : 0);
	fleet->settings->handler.state(fleet->settings->handler.context, fleet->number, state, why);
}

void fleet_turn(struct fleet *fleet, int64_t now_ms)
{
	fleet->is_due = false;
	for (size_t i = 0; i < fleet->berth_count && may_start(fleet); i++)
		if (!fleet->berths[i].process && now_ms >= fleet->berths[i].start_ms)
			berth_start(fleet, &fleet->berths[i], now_ms);

	bool ends_old = is_replaced(fleet);
	for (size_t i = 0; i < PROCESS_INDEX_MAX; i++) {
		struct process *process = fleet->processes[i];
		if (!process)
			continue;
		bool is_useless = process->is_retiring && process->phase == PROCESS_STARTING;
		if (fleet->is_draining || is_useless || (process->is_retiring && ends_old))
			process_drain(process, now_ms);
		process_timers(process, now_ms);
	}
	tell_state(fleet);
	fleet_flush(fleet);
}

int64_t fleet_next_ms(const struct fleet *fleet)
{
	int64_t next = fleet->is_due ? 0 : INT64_MAX;

	for (size_t i = 0; i < fleet->berth_count && may_start(fleet); i++)
		if (!fleet->berths[i].process && fleet->berths[i].start_ms < next)
			next = fleet->berths[i].start_ms;
	for (size_t i = 0; i < PROCESS_INDEX_MAX; i++) {
		const struct process *process = fleet->processes[i];
		if (process && process_next_ms(process) < next)
			next = process_next_ms(process);
	}
	return next;
}

void fleet_flush(struct fleet *fleet)
{
	for (size_t i = 0; i < PROCESS_INDEX_MAX; i++)
		if (fleet->processes[i] && outbox_pending(&fleet->processes[i]->outbox) > 0)
			process_flush(fleet->processes[i]);
}

void fleet_describe(const struct fleet *fleet, struct roster_channel *ret_channel)
{
	const struct process *shown = NULL;

	/* The youngest. */
	for (size_t i = 0; i < PROCESS_INDEX_MAX; i++)
		if (may_serve(fleet->processes[i]) && (!shown || fleet->processes[i]->id > shown->id))
			shown = fleet->processes[i];
	ret_channel->restarts = fleet->restarts;
	ret_channel->pid = shown ? (int32_t)shown->pid : 0;
	ret_channel->started_at_ms = shown ? shown->started_at_ms : 0;
}

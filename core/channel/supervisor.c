/* supervisor.c - the door: channels by their number, one epoll descriptor, one turn.
 *
 * An epoll key is a process's id and whether it is its death that is told, never a pointer: an event that is
 * read after its process is gone finds nobody. */
#include "channel/supervisor.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/map.h"
#include "channel/fleet.h"
#include "base/check.h"

enum { EVENTS_PER_TURN = 64 };

struct supervisor {
	struct arena *arena; /* holds this struct */
	struct supervisor_settings settings;
	struct map *by_number; /* channel -> fleet */
	struct map *by_id;     /* process -> fleet */
	struct fleet *fleets[CHANNELS_MAX];
	size_t fleet_count;
	uint64_t next_id;
	int epoll;
};

enum herald_code supervisor_new(const struct supervisor_settings *settings,
				struct supervisor **ret_supervisor, struct herald_error *err)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	CHECK(settings->talk && settings->handler.ready && settings->handler.settled &&
	      settings->handler.memory && settings->handler.gone && settings->handler.state);
	if (epoll < 0)
		return herald_fail(err, HERALD_IO, "epoll: %s", strerrordesc_np(errno));
	if (mkdir(settings->board_dir, 0700) < 0 && errno != EEXIST) {
		close(epoll);
		return herald_fail(err, HERALD_IO, "making %s: %s", settings->board_dir,
				   strerrordesc_np(errno));
	}

	struct arena *arena = arena_new();
	struct supervisor *supervisor = arena_new_of(arena, struct supervisor);
	*supervisor = (struct supervisor){
		.arena = arena,
		.settings = *settings,
		.by_number = map_new(),
		.by_id = map_new(),
		.epoll = epoll,
	};
	supervisor->settings.host_program = arena_text(arena, settings->host_program);
	supervisor->settings.plugin_dir = arena_text(arena, settings->plugin_dir);
	supervisor->settings.board_dir = arena_text(arena, settings->board_dir);
	*ret_supervisor = supervisor;
	return HERALD_OK;
}

void supervisor_free(struct supervisor *supervisor)
{
	if (!supervisor)
		return;
	for (size_t i = 0; i < supervisor->fleet_count; i++)
		fleet_kill(supervisor->fleets[i], 0, "the daemon ended");
	for (size_t i = 0; i < supervisor->fleet_count; i++)
		fleet_free(supervisor->fleets[i]);
	map_free(supervisor->by_number);
	map_free(supervisor->by_id);
	close(supervisor->epoll);
	arena_free(supervisor->arena);
}

static struct fleet *fleet_of(const struct supervisor *supervisor, int32_t channel)
{
	return map_get(supervisor->by_number, channel);
}

enum herald_code supervisor_start(struct supervisor *supervisor, int32_t channel, struct config *config,
				  const struct config_channel *settings, struct herald_error *err)
{
	struct fleet *fleet = fleet_of(supervisor, channel);

	if (!fleet) {
		if (supervisor->fleet_count == CHANNELS_MAX)
			return herald_fail(err, HERALD_LIMIT,
					   "there are %d channels already: no room for '%s'",
					   (int)CHANNELS_MAX, settings->name);
		fleet = fleet_new(&(struct fleet_birth){
			.settings = &supervisor->settings,
			.by_id = supervisor->by_id,
			.next_id = &supervisor->next_id,
			.epoll = supervisor->epoll,
			.number = channel,
			.name = settings->name,
		});
		supervisor->fleets[supervisor->fleet_count++] = fleet;
		map_put(supervisor->by_number, channel, fleet);
	}
	fleet_configure(fleet, config, settings);
	return HERALD_OK;
}

void supervisor_resume(struct supervisor *supervisor, int32_t channel)
{
	struct fleet *fleet = fleet_of(supervisor, channel);

	if (fleet)
		fleet_resume(fleet);
}

void supervisor_drain(struct supervisor *supervisor, int32_t channel)
{
	struct fleet *fleet = fleet_of(supervisor, channel);

	if (fleet)
		fleet_drain(fleet);
}

void supervisor_drain_all(struct supervisor *supervisor)
{
	for (size_t i = 0; i < supervisor->fleet_count; i++)
		fleet_drain(supervisor->fleets[i]);
}

bool supervisor_is_idle(const struct supervisor *supervisor)
{
	for (size_t i = 0; i < supervisor->fleet_count; i++)
		if (fleet_alive(supervisor->fleets[i]) > 0)
			return false;
	return true;
}

int supervisor_fd(const struct supervisor *supervisor)
{
	return supervisor->epoll;
}

int64_t supervisor_next_ms(const struct supervisor *supervisor)
{
	int64_t next = INT64_MAX;

	for (size_t i = 0; i < supervisor->fleet_count; i++) {
		int64_t due_ms = fleet_next_ms(supervisor->fleets[i]);
		if (due_ms < next)
			next = due_ms;
	}
	return next;
}

static void serve(struct supervisor *supervisor, uint64_t key, int64_t now_mono_ms)
{
	struct fleet *fleet = map_get(supervisor->by_id, (int64_t)(key >> 1));
	struct process *process = fleet ? fleet_process_of_id(fleet, key >> 1) : NULL;

	if (!process)
		return;
	if (key & 1)
		fleet_bury(fleet, process, now_mono_ms);
	else
		process_serve(process, now_mono_ms);
}

void supervisor_turn(struct supervisor *supervisor, int64_t now_mono_ms)
{
	struct epoll_event events[EVENTS_PER_TURN];
	int count;

	do {
		count = epoll_wait(supervisor->epoll, events, EVENTS_PER_TURN, 0);
	} while (count < 0 && errno == EINTR);
	CHECK(count >= 0);

	for (int i = 0; i < count; i++)
		serve(supervisor, events[i].data.u64, now_mono_ms);
	for (size_t i = 0; i < supervisor->fleet_count; i++)
		fleet_turn(supervisor->fleets[i], now_mono_ms);
}

uint64_t supervisor_submit(struct supervisor *supervisor, int32_t channel, const struct job *job,
			   int64_t timeout_ms)
{
	struct fleet *fleet = fleet_of(supervisor, channel);
	struct process *process = fleet && !fleet->is_draining ? fleet_choose(fleet) : NULL;

	return process ? process_submit(process, job, timeout_ms) : 0;
}

void supervisor_flush(struct supervisor *supervisor)
{
	for (size_t i = 0; i < supervisor->fleet_count; i++)
		fleet_flush(supervisor->fleets[i]);
}

/* Whose ticket it is, NULL when it was released. */
static struct process *process_of(const struct supervisor *supervisor, int32_t channel, uint64_t ticket)
{
	struct fleet *fleet = fleet_of(supervisor, channel);

	return fleet ? fleet_process(fleet, ticket) : NULL;
}

bool supervisor_revoke(struct supervisor *supervisor, int32_t channel, uint64_t ticket)
{
	struct process *process = process_of(supervisor, channel, ticket);

	return process && process_revoke(process, ticket);
}

enum slot_state supervisor_slot(const struct supervisor *supervisor, int32_t channel, uint64_t ticket)
{
	const struct process *process = process_of(supervisor, channel, ticket);

	return process ? board_state(process->board, ticket) : SLOT_FREE;
}

void supervisor_kept(struct supervisor *supervisor, int32_t channel, uint64_t ticket)
{
	struct process *process = process_of(supervisor, channel, ticket);

	if (process)
		process_kept(process, ticket);
}

void supervisor_release(struct supervisor *supervisor, int32_t channel, uint64_t ticket)
{
	struct fleet *fleet = fleet_of(supervisor, channel);

	if (fleet)
		fleet_release(fleet, ticket);
}

void supervisor_kill(struct supervisor *supervisor, int32_t channel, uint64_t ticket, const char *why)
{
	struct fleet *fleet = fleet_of(supervisor, channel);

	if (fleet)
		fleet_kill(fleet, ticket, why);
}

void supervisor_describe(const struct supervisor *supervisor, int32_t channel,
			 struct roster_channel *ret_channel)
{
	const struct fleet *fleet = fleet_of(supervisor, channel);

	if (fleet)
		fleet_describe(fleet, ret_channel);
}

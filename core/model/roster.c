/* The published snapshot of the channels: see roster.h.
 *
 * The pointer swap is under one small mutex: readers take it for two instructions, and no snapshot is freed
 * while anybody still holds a reference. */
#include "model/roster.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"

struct snapshot {
	struct roster roster; /* first: a roster handed out is its snapshot */
	struct arena *arena;
	_Atomic unsigned references;
};

struct roster_board {
	pthread_mutex_t mutex;
	struct arena *arena; /* of the board itself */
	struct snapshot *current;
};

const char *channel_state_name(enum channel_state state)
{
	static const char *const names[] = {
		[CHANNEL_RUNNING] = "running",
		[CHANNEL_PAUSED] = "paused",
		[CHANNEL_DRAINING] = "draining",
		[CHANNEL_RESTARTING] = "restarting",
		[CHANNEL_MISCONFIGURED] = "misconfigured",
	};

	CHECK(state >= CHANNEL_RUNNING && state <= CHANNEL_MISCONFIGURED);
	return names[state];
}

static struct snapshot *snapshot_copy(const struct roster *roster)
{
	struct arena *arena = arena_new();
	struct snapshot *snapshot = arena_new_of(arena, struct snapshot);
	struct roster_channel *channels = arena_array_of(arena, roster->channel_count, struct roster_channel);

	for (size_t i = 0; i < roster->channel_count; i++) {
		const struct roster_channel *from = &roster->channels[i];
		struct roster_destination *ill =
			arena_array_of(arena, from->destination_count, struct roster_destination);

		channels[i] = *from;
		channels[i].name = arena_text(arena, from->name);
		channels[i].kind = arena_text(arena, from->kind);
		channels[i].plugin = arena_text(arena, from->plugin);
		channels[i].version = arena_text(arena, from->version);
		channels[i].why = arena_text(arena, from->why);
		channels[i].rate = arena_text(arena, from->rate);
		channels[i].destinations = ill;
		for (size_t j = 0; j < from->destination_count; j++) {
			ill[j] = from->destinations[j];
			ill[j].name = arena_text(arena, from->destinations[j].name);
			ill[j].state = arena_text(arena, from->destinations[j].state);
			ill[j].why = arena_text(arena, from->destinations[j].why);
		}
	}
	snapshot->arena = arena;
	snapshot->roster = (struct roster){.channels = channels, .channel_count = roster->channel_count};
	atomic_init(&snapshot->references, 1);
	return snapshot;
}

void roster_put(const struct roster *roster)
{
	struct snapshot *snapshot = (struct snapshot *)(uintptr_t)roster;

	if (atomic_fetch_sub(&snapshot->references, 1) == 1)
		arena_free(snapshot->arena);
}

struct roster_board *roster_board_new(void)
{
	static const struct roster nobody = {.channel_count = 0};
	struct arena *arena = arena_new();
	struct roster_board *board = arena_new_of(arena, struct roster_board);

	board->arena = arena;
	pthread_mutex_init(&board->mutex, NULL);
	board->current = snapshot_copy(&nobody);
	return board;
}

void roster_board_free(struct roster_board *board)
{
	if (board == NULL)
		return;
	roster_put(&board->current->roster);
	pthread_mutex_destroy(&board->mutex);
	arena_free(board->arena);
}

void roster_publish(struct roster_board *board, const struct roster *roster)
{
	struct snapshot *next = snapshot_copy(roster), *last;

	pthread_mutex_lock(&board->mutex);
	last = board->current;
	board->current = next;
	pthread_mutex_unlock(&board->mutex);
	roster_put(&last->roster);
}

const struct roster *roster_get(struct roster_board *board)
{
	struct snapshot *snapshot;

	pthread_mutex_lock(&board->mutex);
	snapshot = board->current;
	atomic_fetch_add(&snapshot->references, 1);
	pthread_mutex_unlock(&board->mutex);
	return &snapshot->roster;
}

const struct roster_channel *roster_find(const struct roster *roster, const char *name)
{
	for (size_t i = 0; i < roster->channel_count; i++) {
		if (strcmp(roster->channels[i].name, name) == 0)
			return &roster->channels[i];
	}
	return NULL;
}

/* memory.c - what a plugin learned about an address: kept durably, then told to the host, then to whoever
 * comes next.
 *
 * The host sends nothing more for that ticket before KEPT, so one person gets one conversation. */
#include <string.h>

#include "dispatch/private.h"

#include "base/check.h"

enum { NOTES_PER_ROOM = 4 }; /* what may be learned at once, for each that may be in flight */

void dispatcher_memory(struct dispatcher *dispatcher, int32_t channel, uint64_t number,
		       struct herald_text memory)
{
	const struct carrier *carrier = &dispatcher->settings.carrier;
	struct outlet *outlet = dispatcher_outlet(dispatcher, channel);
	const struct ticket *ticket = outlet == NULL ? NULL : map_get(outlet->by_number, (int64_t)number);
	struct memory_note *note;
	struct arena *arena;

	if (ticket == NULL)
		return;
	/* It gets no KEPT for this one; its process ends, and with it what it learned without end. */
	if (outlet->notes >= NOTES_PER_ROOM * outlet->policy.destination.window_max) {
		carrier->kill(carrier->context, channel, number, "it learns faster than can be kept");
		return;
	}
	arena = arena_new();
	note = arena_new_of(arena, struct memory_note);
	note->arena = arena;
	note->ticket = number;
	note->memory = (struct store_memory){
		.op = {.verb = STORE_MEMORY,
		       .tenant = ticket->job->tenant_number,
		       .now_ms = dispatcher->now.wall,
		       .arena = arena},
		.channel = channel,
		.address_row = ticket->job->address_row,
		.memory = arena_bytes_copy(arena, memory.data, memory.size),
	};
	memcpy(note->memory.address_hash, ticket->job->address_hash, ADDRESS_HASH_BYTES);
	dispatcher->notes++;
	outlet->notes++;
	dispatcher->settings.book.submit(dispatcher->settings.book.context, &note->memory.op);
}

/* Jobs that were read before the commit know nothing of it: those in hand, and those on their way. */
static void spread(struct dispatcher *dispatcher, struct outlet *outlet, const struct store_memory *memory)
{
	struct destination *address = outlet_address(outlet, memory->address_hash, dispatcher->now.mono);
	struct ticket *ticket;

	herald_builder_clear(&address->memory);
	herald_add_bytes(&address->memory, memory->memory.data, memory->memory.size);
	address->used_at_ms = dispatcher->now.mono;
	for (ticket = outlet->waiting.first; ticket != NULL; ticket = ticket->stages.next) {
		if (memcmp(ticket->job->address_hash, memory->address_hash, ADDRESS_HASH_BYTES) == 0)
			ticket->job->memory = arena_bytes_copy(ticket->job->arena, memory->memory.data,
							       memory->memory.size);
	}
}

static struct memory_note *note_of(struct store_memory *memory)
{
	return (struct memory_note *)((char *)memory - offsetof(struct memory_note, memory));
}

void memory_forget(struct store_memory *memory)
{
	arena_free(note_of(memory)->arena);
}

void memory_committed(struct dispatcher *dispatcher, struct store_memory *memory)
{
	struct memory_note *note = note_of(memory);
	struct outlet *outlet = dispatcher_outlet(dispatcher, memory->channel);

	CHECK(outlet != NULL && dispatcher->notes > 0);
	if (memory->op.code != HERALD_OK) {
		dispatcher_retry(dispatcher, &memory->op);
		return;
	}
	spread(dispatcher, outlet, memory);
	if (map_get(outlet->by_number, (int64_t)note->ticket) != NULL)
		dispatcher->settings.carrier.kept(dispatcher->settings.carrier.context, outlet->number,
						  note->ticket);
	dispatcher->notes--;
	outlet->notes--;
	arena_free(note->arena);
}

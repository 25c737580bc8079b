/* handle.c - what a plugin holds instead of a ticket, safe to use for as long as anybody may remember it.
 *
 * A handle points into an entry of one table: the entry says which ticket it stands for, the byte inside the
 * entry which of the entry's lives the handle belongs to.  Entries are taken in turn, so a handle comes back
 * only after HANDLES others, and an entry whose plugin has not answered yet is passed over until it does: a
 * worker that wakes after an hour can not spend somebody else's ticket.
 *
 * Why not simply the wire's number as a handle: a service gets nothing but the handle and must find its
 * table, and a process-wide variable would allow only one channel in a process (the contract run has two). */
#include <stdalign.h>

#include "host/ticket.h"
#include "base/check.h"

enum { ENTRY_BYTES = 32, ENTRIES = 32768, HANDLES = ENTRIES * ENTRY_BYTES };

struct entry {
	alignas(ENTRY_BYTES) struct tickets *tickets;
	struct ticket *ticket; /* NULL: free to be given */
	uint8_t life;          /* 0 .. ENTRY_BYTES - 1 */
	bool is_owed;          /* the ticket is spent, but the plugin has not answered */
};

_Static_assert(sizeof(struct entry) == ENTRY_BYTES, "a handle's low bits are the entry's life");

struct handles {
	struct arena *arena; /* holds this struct and the entries; pages that nobody used cost nothing */
	struct tickets *tickets;
	struct entry *entries;
	size_t next;
};

static struct entry *entry_of(struct herald_ticket *handle)
{
	return (struct entry *)((uintptr_t)handle & ~(uintptr_t)(ENTRY_BYTES - 1));
}

static uint8_t life_of(struct herald_ticket *handle)
{
	return (uint8_t)((uintptr_t)handle & (ENTRY_BYTES - 1));
}

struct handles *handles_new(struct tickets *tickets)
{
	struct arena *arena = arena_new();
	struct handles *handles = arena_new_of(arena, struct handles);
	uintptr_t at = (uintptr_t)arena_alloc(arena, sizeof(struct entry) * (ENTRIES + 1));

	handles->arena = arena;
	handles->tickets = tickets;
	handles->entries = (struct entry *)((at + ENTRY_BYTES - 1) & ~(uintptr_t)(ENTRY_BYTES - 1));
	return handles;
}

void handles_free(struct handles *handles)
{
	if (!handles)
		return;
	for (size_t i = 0; i < ENTRIES; i++)
		if (handles->entries[i].is_owed)
			arena_free(handles->entries[i].ticket->arena);
	arena_free(handles->arena);
}

struct herald_ticket *handle_give(struct handles *handles, struct ticket *ticket)
{
	for (size_t tried = 0; tried < ENTRIES; tried++) {
		struct entry *entry = &handles->entries[handles->next];

		handles->next = (handles->next + 1) % ENTRIES;
		if (entry->ticket)
			continue;
		entry->tickets = handles->tickets;
		entry->ticket = ticket;
		entry->life = (uint8_t)((entry->life + 1) % ENTRY_BYTES);
		return (struct herald_ticket *)((uintptr_t)entry + entry->life);
	}
	return NULL;
}

struct tickets *handle_tickets(struct herald_ticket *handle)
{
	return handle ? entry_of(handle)->tickets : NULL;
}

struct ticket *handle_ticket(struct herald_ticket *handle)
{
	struct entry *entry = entry_of(handle);

	return entry->life == life_of(handle) && !entry->is_owed ? entry->ticket : NULL;
}

void handle_end(struct herald_ticket *handle, bool is_owed)
{
	struct entry *entry = entry_of(handle);

	CHECK(entry->life == life_of(handle) && entry->ticket && !entry->is_owed);
	entry->is_owed = is_owed;
	if (!is_owed)
		entry->ticket = NULL;
}

struct ticket *handle_answered(struct herald_ticket *handle)
{
	struct entry *entry = entry_of(handle);

	if (entry->life != life_of(handle) || !entry->is_owed)
		return NULL;
	struct ticket *ticket = entry->ticket;
	entry->is_owed = false;
	entry->ticket = NULL;
	return ticket;
}

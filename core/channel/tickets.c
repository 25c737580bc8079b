/* tickets.c - slots given out, answered once, taken back. */
#include "channel/tickets.h"

#include "base/check.h"

enum { SLOT_BITS = 16, INDEX_BITS = 8 };

_Static_assert(PROCESS_INDEX_MAX <= 1 << INDEX_BITS, "a ticket names its process");

void tickets_init(struct tickets *tickets, struct arena *arena, struct board *board, uint32_t index,
		  uint64_t *serial)
{
	uint32_t slots = board_slots(board);

	CHECK(index < PROCESS_INDEX_MAX);
	*tickets = (struct tickets){
		.board = board,
		.by_slot = arena_array_of(arena, slots, uint64_t),
		.is_answered = arena_array_of(arena, slots, bool),
		.free_slots = arena_array_of(arena, slots, uint16_t),
		.free_count = slots,
		.slots = slots,
		.index = index,
		.serial = serial,
	};
	for (uint32_t i = 0; i < slots; i++)
		tickets->free_slots[i] = (uint16_t)(slots - 1 - i);
}

uint32_t tickets_index_of(uint64_t ticket)
{
	return (uint32_t)(ticket >> SLOT_BITS) & ((1u << INDEX_BITS) - 1);
}

uint32_t tickets_slot_of(uint64_t ticket)
{
	return (uint32_t)ticket & ((1u << SLOT_BITS) - 1);
}

uint64_t tickets_post(struct tickets *tickets, const struct slot_identity *identity, bool *ret_is_damaged)
{
	if (tickets->free_count == 0)
		return 0;

	uint32_t slot = tickets->free_slots[tickets->free_count - 1];
	uint64_t serial = ++*tickets->serial;
	uint64_t ticket = serial << (SLOT_BITS + INDEX_BITS) | (uint64_t)tickets->index << SLOT_BITS | slot;
	if (!board_post(tickets->board, ticket, identity)) {
		*ret_is_damaged = true;
		return 0;
	}
	tickets->free_count--;
	tickets->by_slot[slot] = ticket;
	tickets->is_answered[slot] = false;
	return ticket;
}

bool tickets_is_known(const struct tickets *tickets, uint64_t ticket)
{
	uint32_t slot = tickets_slot_of(ticket);

	return ticket != 0 && slot < tickets->slots && tickets->by_slot[slot] == ticket;
}

bool tickets_is_open(const struct tickets *tickets, uint64_t ticket)
{
	return tickets_is_known(tickets, ticket) && !tickets->is_answered[tickets_slot_of(ticket)];
}

bool tickets_settle(struct tickets *tickets, uint64_t ticket, struct herald_outcome *ret_outcome)
{
	CHECK(tickets_is_open(tickets, ticket));
	if (!board_outcome(tickets->board, ticket, ret_outcome))
		return false;
	tickets->is_answered[tickets_slot_of(ticket)] = true;
	return true;
}

bool tickets_revoke(struct tickets *tickets, uint64_t ticket)
{
	if (!tickets_is_known(tickets, ticket))
		return false;
	if (!tickets_is_open(tickets, ticket))
		return board_state(tickets->board, ticket) == SLOT_REVOKED;

	/* The host may take it from QUEUED between the two; then the second one meets it. */
	bool is_back = board_swap(tickets->board, ticket, SLOT_QUEUED, SLOT_REVOKED) ||
		       board_swap(tickets->board, ticket, SLOT_IN_PLUGIN, SLOT_REVOKED);
	if (is_back)
		tickets->is_answered[tickets_slot_of(ticket)] = true;
	return is_back;
}

void tickets_release(struct tickets *tickets, uint64_t ticket)
{
	if (!tickets_is_known(tickets, ticket))
		return;
	board_free_slot(tickets->board, ticket);
	tickets->by_slot[tickets_slot_of(ticket)] = 0;
	tickets->free_slots[tickets->free_count++] = (uint16_t)tickets_slot_of(ticket);
}

uint32_t tickets_used(const struct tickets *tickets)
{
	return tickets->slots - tickets->free_count;
}

uint32_t tickets_open(const struct tickets *tickets)
{
	uint32_t open = 0;

	for (uint32_t i = 0; i < tickets->slots; i++)
		open += tickets->by_slot[i] != 0 && !tickets->is_answered[i];
	return open;
}

static struct ticket_fate fate_of(const struct tickets *tickets, uint64_t ticket, bool has_left)
{
	struct ticket_fate fate = {
		.ticket = ticket,
		.state = board_state(tickets->board, ticket),
		.outcome = {.struct_size = sizeof(fate.outcome)},
	};

	switch (fate.state) {
	case SLOT_FREE:
		fate.state = SLOT_ON_WIRE; /* nobody but us frees a slot: it was scribbled on, so unknown */
		break;
	case SLOT_IN_PLUGIN:
		if (has_left)
			fate.state = SLOT_QUEUED; /* it ended in order: no crash to mark */
		break;
	case SLOT_DONE:
		board_outcome(tickets->board, ticket, &fate.outcome);
		break;
	case SLOT_QUEUED:
	case SLOT_ON_WIRE:
	case SLOT_REVOKED:
		break;
	}
	return fate;
}

size_t tickets_fates(struct tickets *tickets, struct arena *arena, struct ticket_fate **ret_fates)
{
	bool has_left = board_head(tickets->board).has_left;
	size_t count = 0;

	*ret_fates = arena_array_of(arena, tickets_open(tickets), struct ticket_fate);
	for (uint32_t i = 0; i < tickets->slots; i++) {
		uint64_t ticket = tickets->by_slot[i];
		if (ticket == 0 || tickets->is_answered[i])
			continue;
		(*ret_fates)[count++] = fate_of(tickets, ticket, has_left);
		tickets->is_answered[i] = true;
	}
	return count;
}

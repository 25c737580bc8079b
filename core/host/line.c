/* line.c - first in, first out, but for tickets that may share a call with the first. */
#include "host/line.h"

#include <string.h>

#include "base/check.h"

/* How far behind the first one to look for its companions. */
enum { LOOK_MAX = 512 };

void line_push(struct tickets *tickets, struct ticket *ticket)
{
	ticket->uses++;
	ticket->next = NULL;
	*tickets->line_end = ticket;
	tickets->line_end = &ticket->next;
	tickets->waiting++;
}

/* Unlink what *at points to. */
static struct ticket *line_pull(struct tickets *tickets, struct ticket **at)
{
	struct ticket *ticket = *at;

	*at = ticket->next;
	if (!*at)
		tickets->line_end = at;
	ticket->next = NULL;
	tickets->waiting--;
	return ticket;
}

static void line_drop(struct tickets *tickets, struct ticket **at)
{
	struct ticket *ticket = line_pull(tickets, at);

	CHECK(ticket->phase == TICKET_SPENT);
	ticket_use_end_locked(tickets, ticket);
}

/* What was spent while it waited falls out. */
static void line_sweep_front(struct tickets *tickets)
{
	while (tickets->line && tickets->line->phase == TICKET_SPENT)
		line_drop(tickets, &tickets->line);
}

static bool may_go(const struct tickets *tickets, const struct ticket *ticket)
{
	/* One that was returned is still counted itself. */
	unsigned others = tickets->in_hand - (ticket->is_in_hand ? 1 : 0);

	if (tickets->is_orphan || (tickets->is_alone_in_hand && !ticket->is_in_hand))
		return false;
	return !ticket->is_alone || others == 0;
}

/* The last moment: ours on the board, or taken back.  The line's use becomes the caller's. */
static bool start(struct tickets *tickets, struct ticket *ticket)
{
	if (ticket->phase == TICKET_WAITING) {
		if (!board_swap(tickets->board, ticket->number, SLOT_QUEUED, SLOT_IN_PLUGIN))
			return false;
		ticket->phase = TICKET_IN_PLUGIN;
	}
	if (!ticket->is_in_hand) {
		ticket->is_in_hand = true;
		tickets->in_hand++;
	}
	tickets->is_alone_in_hand = ticket->is_alone;
	return true;
}

/* The daemon knows that it was taken back, and nothing is said about it. */
static void end_taken_back(struct tickets *tickets, struct ticket *ticket)
{
	ticket_end_locked(tickets, ticket, false);
	ticket_use_end_locked(tickets, ticket);
}

static bool may_share(const struct ticket *first, const struct ticket *other)
{
	return other->phase != TICKET_SPENT && !other->is_alone && first->batch_hash == other->batch_hash &&
	       first->batch_key.size == other->batch_key.size &&
	       memcmp(first->batch_key.data, other->batch_key.data, first->batch_key.size) == 0;
}

static size_t take_companions(struct tickets *tickets, size_t max, struct ticket **ret_tickets)
{
	size_t count = 1;
	struct ticket **at = &tickets->line;

	for (size_t looked = 0; *at && count < max && looked < LOOK_MAX; looked++) {
		if (!may_share(ret_tickets[0], *at)) {
			at = &(*at)->next;
			continue;
		}
		struct ticket *ticket = line_pull(tickets, at);
		if (start(tickets, ticket))
			ret_tickets[count++] = ticket;
		else
			end_taken_back(tickets, ticket);
	}
	return count;
}

static size_t take_locked(struct tickets *tickets, size_t max, struct ticket **ret_tickets)
{
	for (;;) {
		line_sweep_front(tickets);
		if (!tickets->line || !may_go(tickets, tickets->line))
			return 0;
		struct ticket *first = line_pull(tickets, &tickets->line);
		if (!start(tickets, first)) {
			end_taken_back(tickets, first);
			continue;
		}
		ret_tickets[0] = first;
		return first->is_alone ? 1 : take_companions(tickets, max, ret_tickets);
	}
}

size_t line_take(struct tickets *tickets, size_t max, struct ticket **ret_tickets)
{
	pthread_mutex_lock(&tickets->lock);
	size_t count = take_locked(tickets, max, ret_tickets);
	pthread_mutex_unlock(&tickets->lock);
	return count;
}

bool line_is_ready(struct tickets *tickets)
{
	pthread_mutex_lock(&tickets->lock);
	line_sweep_front(tickets);
	bool is_ready = tickets->line && may_go(tickets, tickets->line);
	pthread_mutex_unlock(&tickets->lock);
	return is_ready;
}

size_t line_wait(struct tickets *tickets, size_t max, struct ticket **ret_tickets)
{
	size_t count = 0;

	pthread_mutex_lock(&tickets->lock);
	while (!tickets->is_closed && (count = take_locked(tickets, max, ret_tickets)) == 0)
		pthread_cond_wait(&tickets->changed, &tickets->lock);
	pthread_mutex_unlock(&tickets->lock);
	return count;
}

void line_return(struct tickets *tickets, struct ticket *ticket)
{
	pthread_mutex_lock(&tickets->lock);
	if (ticket->phase == TICKET_IN_PLUGIN) {
		ticket->uses++;
		ticket->next = tickets->line;
		if (!tickets->line)
			tickets->line_end = &ticket->next;
		tickets->line = ticket;
		tickets->waiting++;
		pthread_cond_signal(&tickets->changed);
	}
	pthread_mutex_unlock(&tickets->lock);
}

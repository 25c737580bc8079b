/* ticket.c - intrusive lists, one per key value, whose heads stand in maps: see ticket.h.
 *
 * Invariant: a ticket is in the list of each of its keys from ticket_new to ticket_free, whatever its stage;
 * keys that are 0 (an inline recipient) are not indexed. */
#include "dispatch/ticket.h"

#include <string.h>

#include "base/check.h"

void hand_init(struct hand *hand)
{
	for (int key = 0; key < TICKET_KEYS; key++)
		hand->by_key[key] = map_new();
	hand->count = 0;
}

void hand_done(struct hand *hand)
{
	CHECK(hand->count == 0);
	for (int key = 0; key < TICKET_KEYS; key++)
		map_free(hand->by_key[key]);
}

int64_t ticket_address_key(const uint8_t hash[ADDRESS_HASH_BYTES])
{
	int64_t key;

	memcpy(&key, hash, sizeof(key));
	return key;
}

static int64_t key_of(const struct job *job, int key)
{
	switch ((enum ticket_key)key) {
	case TICKET_BY_NOTIFICATION:
		return job->notification;
	case TICKET_BY_RECIPIENT:
		return job->recipient;
	case TICKET_BY_ADDRESS:
		return ticket_address_key(job->address_hash);
	case TICKET_KEYS:
		break;
	}
	unreached();
}

struct ticket *ticket_new(struct hand *hand, struct job *job, struct outlet *outlet, int64_t now_ms)
{
	struct ticket *ticket = arena_new_of(job->arena, struct ticket);

	ticket->job = job;
	ticket->outlet = outlet;
	ticket->since_ms = now_ms;
	for (int key = 0; key < TICKET_KEYS; key++) {
		int64_t value = key_of(job, key);
		struct ticket *first;

		if (value == 0)
			continue;
		first = map_get(hand->by_key[key], value);
		ticket->keys[key].next = first;
		if (first != NULL)
			first->keys[key].previous = ticket;
		map_put(hand->by_key[key], value, ticket);
	}
	hand->count++;
	return ticket;
}

void ticket_free(struct hand *hand, struct ticket *ticket)
{
	CHECK(hand->count > 0 && ticket->stages.next == NULL && ticket->stages.previous == NULL);
	hand->count--;
	for (int key = 0; key < TICKET_KEYS; key++) {
		int64_t value = key_of(ticket->job, key);
		struct ticket_link *link = &ticket->keys[key];

		if (value == 0)
			continue;
		if (link->next != NULL)
			link->next->keys[key].previous = link->previous;
		if (link->previous != NULL)
			link->previous->keys[key].next = link->next;
		else if (link->next != NULL)
			map_put(hand->by_key[key], value, link->next);
		else
			map_remove(hand->by_key[key], value);
	}
	job_free(ticket->job);
}

bool ticket_is_retry(const struct ticket *ticket)
{
	return ticket->job->tries_spent > 0 && ticket->job->crash_marks == 0;
}

struct ticket *hand_find(const struct hand *hand, enum ticket_key key, int64_t value)
{
	return value == 0 ? NULL : map_get(hand->by_key[key], value);
}

void ticket_list_push(struct ticket_list *list, struct ticket *ticket)
{
	ticket->stages = (struct ticket_link){.previous = list->last};
	if (list->last != NULL)
		list->last->stages.next = ticket;
	else
		list->first = ticket;
	list->last = ticket;
	list->count++;
}

void ticket_list_remove(struct ticket_list *list, struct ticket *ticket)
{
	CHECK(list->count > 0);
	if (ticket->stages.next != NULL)
		ticket->stages.next->stages.previous = ticket->stages.previous;
	else
		list->last = ticket->stages.previous;
	if (ticket->stages.previous != NULL)
		ticket->stages.previous->stages.next = ticket->stages.next;
	else
		list->first = ticket->stages.next;
	ticket->stages = (struct ticket_link){NULL, NULL};
	list->count--;
}

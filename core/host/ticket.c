/* ticket.c - the table of what is in our hands: opened by a SEND, spent once, recycled when nobody looks any
 * more.
 *
 * Every move on the board is made under the one lock, so that "never on the wire" can be said for certain of
 * a ticket that is overdue.  Only the daemon moves slots beside us, and only to REVOKED. */
#include "host/ticket.h"

#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/limits.h"
#include "host/line.h"
#include "host/outcome.h"
#include "model/words.h"
#include "base/check.h"

/* A plugin that leaves more than OWED_MAX tickets unanswered is broken, and its process is replaced. */
enum { SLOT_BITS = 16, OWED_MAX = 1024 };

struct tickets *tickets_new(struct herald_channel *channel, struct board *board, struct outbox *work,
			    int bell, uint32_t batch_by)
{
	struct arena *arena = arena_new();
	struct tickets *tickets = arena_new_of(arena, struct tickets);
	pthread_condattr_t attributes;

	tickets->arena = arena;
	tickets->channel = channel;
	tickets->board = board;
	tickets->work = work;
	tickets->bell = bell;
	tickets->loop = pthread_self();
	tickets->batch_by = batch_by;
	tickets->slots = board_slots(board);
	tickets->by_slot = arena_array_of(arena, tickets->slots, struct ticket *);
	tickets->line_end = &tickets->line;
	tickets->handles = handles_new(tickets);
	CHECK(pthread_mutex_init(&tickets->lock, NULL) == 0);
	CHECK(pthread_condattr_init(&attributes) == 0);
	CHECK(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
	CHECK(pthread_cond_init(&tickets->changed, &attributes) == 0);
	pthread_condattr_destroy(&attributes);
	return tickets;
}

static uint32_t slot_of(uint64_t number)
{
	return (uint32_t)(number & ((1u << SLOT_BITS) - 1));
}

static void list_free(struct ticket *list)
{
	while (list) {
		struct ticket *next = list->next;
		arena_free(list->arena);
		list = next;
	}
}

void tickets_free(struct tickets *tickets)
{
	if (!tickets)
		return;
	/* What is in the line may also be in the table; it must be freed once. */
	for (struct ticket *ticket = tickets->line; ticket; ticket = ticket->next)
		if (tickets->by_slot[slot_of(ticket->number)] == ticket)
			tickets->by_slot[slot_of(ticket->number)] = NULL;
	list_free(tickets->line);
	for (uint32_t slot = 0; slot < tickets->slots; slot++)
		if (tickets->by_slot[slot])
			arena_free(tickets->by_slot[slot]->arena);
	list_free(tickets->pool);
	handles_free(tickets->handles);
	pthread_cond_destroy(&tickets->changed);
	pthread_mutex_destroy(&tickets->lock);
	arena_free(tickets->arena);
}

static void bell_ring(struct tickets *tickets)
{
	if (!pthread_equal(pthread_self(), tickets->loop))
		CHECK(eventfd_write(tickets->bell, 1) == 0);
}

/* --- birth and end --- */

/* The struct lives in its own arena, so clearing the arena ends it: the pool keeps bare arenas' first blocks
 * through a fresh struct in each. */
static struct ticket *ticket_fresh(struct tickets *tickets)
{
	struct ticket *ticket = tickets->pool;
	struct arena *arena;

	if (ticket) {
		tickets->pool = ticket->next;
		arena = ticket->arena;
		arena_clear(arena);
	} else
		arena = arena_new();
	ticket = arena_new_of(arena, struct ticket);
	ticket->arena = arena;
	return ticket;
}

static void ticket_recycle(struct tickets *tickets, struct ticket *ticket)
{
	ticket->next = tickets->pool;
	tickets->pool = ticket;
}

void ticket_use_end_locked(struct tickets *tickets, struct ticket *ticket)
{
	CHECK(ticket->uses > 0);
	if (--ticket->uses == 0 && ticket->phase == TICKET_SPENT)
		ticket_recycle(tickets, ticket);
}

static uint64_t text_hash(struct herald_text text)
{
	uint64_t hash = UINT64_C(14695981039346656037);

	for (size_t i = 0; i < text.size; i++)
		hash = (hash ^ (unsigned char)text.data[i]) * UINT64_C(1099511628211);
	return hash;
}

static void message_fill(struct ticket *ticket, const struct wire_send *send, const struct words *words)
{
	char *delivery_id = arena_alloc(ticket->arena, DELIVERY_TEXT_SIZE);

	id_delivery_text(send->notification, send->n, delivery_id);
	ticket->message = (struct herald_message){
		.struct_size = sizeof(ticket->message),
		.delivery_id = delivery_id,
		.tenant = send->tenant,
		.category = send->category,
		.recipient = send->recipient,
		.correlation_id = send->correlation_id,
		.traceparent = send->traceparent,
		.attempt = send->attempt,
		.priority = send->priority,
		.first_attempt_at_ms = send->first_attempt_at_ms,
		.expires_at_ms = send->expires_at_ms,
		.address = send->address,
		.memory = send->memory,
		.name = send->name,
		.locale = send->locale,
		.subject = words->subject,
		.text = words->text,
		.html = words->html,
		.card = words->card,
		.json = words->json,
		.reply_to = words->reply_to,
		.from_name = words->from_name,
		.headers = words->headers,
		.header_count = words->header_count,
		.part_size = sizeof(struct herald_part),
	};
}

static enum herald_code ticket_read(struct tickets *tickets, struct ticket *ticket, const struct frame *frame,
				    int64_t default_timeout_ms, struct herald_error *err)
{
	struct wire_send send;
	struct words words;
	enum herald_code code = wire_send_read(frame, ticket->arena, &send, err);

	if (code == HERALD_OK)
		code = words_decode(send.words, ticket->arena, &words, err);
	if (code != HERALD_OK)
		return code;

	message_fill(ticket, &send, &words);
	int64_t timeout_ms = send.timeout_ms > 0 ? send.timeout_ms : default_timeout_ms;
	ticket->deadline_ms = clock_mono_ms() + timeout_ms;
	ticket->number = frame->sequence;
	ticket->is_alone = send.is_alone;
	if (tickets->batch_by == HERALD_BATCH_CONTENT)
		ticket->batch_key = send.words;
	else if (tickets->batch_by == HERALD_BATCH_DESTINATION)
		ticket->batch_key = text_of(send.destination, strlen(send.destination));
	ticket->batch_hash = text_hash(ticket->batch_key);
	return HERALD_OK;
}

enum herald_code ticket_open(struct tickets *tickets, const struct frame *frame, int64_t default_timeout_ms,
			     struct herald_error *err)
{
	uint32_t slot = slot_of(frame->sequence);

	if (slot >= tickets->slots)
		return herald_fail(err, HERALD_CORRUPT, "slot %u is beyond the board", slot);

	pthread_mutex_lock(&tickets->lock);
	/* A slot that comes again while we still hold the ticket that had it: the daemon took that one back.
	 */
	if (tickets->by_slot[slot])
		ticket_end_locked(tickets, tickets->by_slot[slot], true);
	struct ticket *ticket = ticket_fresh(tickets);
	enum herald_code code = ticket_read(tickets, ticket, frame, default_timeout_ms, err);
	struct herald_ticket *handle = code == HERALD_OK ? handle_give(tickets->handles, ticket) : NULL;
	if (code == HERALD_OK && (!handle || tickets->owed >= OWED_MAX))
		code = herald_fail(err, HERALD_LIMIT, "the plugin leaves its tickets unanswered");
	if (code == HERALD_OK) {
		ticket->job = (struct herald_job){.message = &ticket->message, .ticket = handle};
		ticket->phase = TICKET_WAITING;
		tickets->by_slot[slot] = ticket;
		tickets->open++;
		line_push(tickets, ticket);
		pthread_cond_signal(&tickets->changed);
	} else
		ticket_recycle(tickets, ticket);
	pthread_mutex_unlock(&tickets->lock);
	return code;
}

/* --- being held --- */

struct ticket *ticket_hold(struct herald_ticket *handle)
{
	struct tickets *tickets = handle_tickets(handle);

	if (!tickets)
		return NULL;
	pthread_mutex_lock(&tickets->lock);
	struct ticket *ticket = handle_ticket(handle);
	if (ticket)
		ticket->uses++;
	pthread_mutex_unlock(&tickets->lock);
	return ticket;
}

void ticket_release(struct tickets *tickets, struct ticket *ticket)
{
	pthread_mutex_lock(&tickets->lock);
	ticket_use_end_locked(tickets, ticket);
	pthread_mutex_unlock(&tickets->lock);
}

bool ticket_is_spent(struct tickets *tickets, const struct ticket *ticket)
{
	pthread_mutex_lock(&tickets->lock);
	bool is_spent = ticket->phase == TICKET_SPENT;
	pthread_mutex_unlock(&tickets->lock);
	return is_spent;
}

/* --- being spent --- */

/* Out of the table.  Whoever spends does the board first. */
void ticket_end_locked(struct tickets *tickets, struct ticket *ticket, bool is_owed)
{
	CHECK(ticket->phase != TICKET_SPENT);
	if (ticket->phase == TICKET_ON_WIRE)
		tickets->on_wire--;
	if (ticket->is_in_hand) {
		tickets->in_hand--;
		ticket->is_in_hand = false;
		if (ticket->is_alone)
			tickets->is_alone_in_hand = false;
	}
	/* What waits was never shown to the plugin, which therefore owes nothing for it. */
	is_owed = is_owed && ticket->phase != TICKET_WAITING;
	handle_end(ticket->job.ticket, is_owed);
	if (is_owed) {
		ticket->uses++;
		tickets->owed++;
	}
	ticket->phase = TICKET_SPENT;
	tickets->by_slot[slot_of(ticket->number)] = NULL;
	tickets->open--;
	pthread_cond_broadcast(&tickets->changed);
	bell_ring(tickets);
	if (ticket->uses == 0)
		ticket_recycle(tickets, ticket);
}

static void spend_locked(struct tickets *tickets, struct ticket *ticket, const struct herald_outcome *outcome,
			 bool is_owed)
{
	/* False: it was taken back; the daemon knows, and nothing has left. */
	if (board_finish(tickets->board, ticket->number, outcome))
		outbox_add(tickets->work, FRAME_SETTLED, ticket->number);
	ticket_end_locked(tickets, ticket, is_owed);
}

bool ticket_spend(struct tickets *tickets, struct ticket *ticket, const struct herald_outcome *outcome)
{
	struct herald_outcome read;

	outcome_take(outcome, &read);
	pthread_mutex_lock(&tickets->lock);
	bool is_open = ticket->phase != TICKET_SPENT;
	if (is_open)
		spend_locked(tickets, ticket, &read, false);
	pthread_mutex_unlock(&tickets->lock);
	return is_open;
}

bool ticket_answered(struct herald_ticket *handle)
{
	struct tickets *tickets = handle_tickets(handle);

	if (!tickets)
		return false;
	pthread_mutex_lock(&tickets->lock);
	struct ticket *owed = handle_answered(handle);
	if (owed) {
		tickets->owed--;
		ticket_use_end_locked(tickets, owed);
	}
	pthread_mutex_unlock(&tickets->lock);
	return owed != NULL;
}

void ticket_count_again(struct tickets *tickets)
{
	pthread_mutex_lock(&tickets->lock);
	tickets->spent_again++;
	pthread_mutex_unlock(&tickets->lock);
}

/* --- the wire --- */

enum herald_code ticket_to_wire(struct tickets *tickets, struct ticket *ticket, bool *ret_moved)
{
	pthread_mutex_lock(&tickets->lock);
	enum herald_code code = HERALD_CONFLICT;
	if (ticket->phase == TICKET_ON_WIRE)
		code = HERALD_OK;
	else if (ticket->phase == TICKET_IN_PLUGIN && !tickets->is_orphan) {
		if (board_swap(tickets->board, ticket->number, SLOT_IN_PLUGIN, SLOT_ON_WIRE)) {
			ticket->phase = TICKET_ON_WIRE;
			tickets->on_wire++;
			if (ret_moved)
				*ret_moved = true;
			code = HERALD_OK;
		} else
			ticket_end_locked(tickets, ticket, true);
	}
	pthread_mutex_unlock(&tickets->lock);
	return code;
}

bool ticket_may_prepare(struct tickets *tickets, struct ticket *ticket)
{
	pthread_mutex_lock(&tickets->lock);
	bool is_open = ticket->phase != TICKET_SPENT && !tickets->is_orphan;
	if (is_open && ticket->phase == TICKET_IN_PLUGIN &&
	    board_state(tickets->board, ticket->number) != SLOT_IN_PLUGIN) {
		ticket_end_locked(tickets, ticket, true);
		is_open = false;
	}
	pthread_mutex_unlock(&tickets->lock);
	return is_open;
}

void ticket_off_wire(struct tickets *tickets, struct ticket *ticket)
{
	pthread_mutex_lock(&tickets->lock);
	if (ticket->phase == TICKET_ON_WIRE &&
	    board_swap(tickets->board, ticket->number, SLOT_ON_WIRE, SLOT_IN_PLUGIN)) {
		ticket->phase = TICKET_IN_PLUGIN;
		tickets->on_wire--;
	}
	pthread_mutex_unlock(&tickets->lock);
}

/* --- the daemon's words --- */

void ticket_revoke(struct tickets *tickets, uint64_t number)
{
	uint32_t slot = slot_of(number);

	pthread_mutex_lock(&tickets->lock);
	struct ticket *ticket = slot < tickets->slots ? tickets->by_slot[slot] : NULL;
	/* The board decides; the frame only wakes us. */
	if (ticket && ticket->number == number && ticket->phase != TICKET_ON_WIRE &&
	    board_state(tickets->board, number) != SLOT_QUEUED &&
	    board_state(tickets->board, number) != SLOT_IN_PLUGIN)
		ticket_end_locked(tickets, ticket, true);
	pthread_mutex_unlock(&tickets->lock);
}

void ticket_kept(struct tickets *tickets, uint64_t number)
{
	uint32_t slot = slot_of(number);

	pthread_mutex_lock(&tickets->lock);
	struct ticket *ticket = slot < tickets->slots ? tickets->by_slot[slot] : NULL;
	if (ticket && ticket->number == number && ticket->memories > 0) {
		ticket->memories--;
		pthread_cond_broadcast(&tickets->changed);
	}
	pthread_mutex_unlock(&tickets->lock);
}

/* --- memory --- */

enum herald_code ticket_remember(struct tickets *tickets, struct ticket *ticket, struct herald_text memory)
{
	pthread_mutex_lock(&tickets->lock);
	bool is_open = ticket->phase != TICKET_SPENT && !tickets->is_orphan;
	if (is_open) {
		ticket->memories++;
		outbox_note(tickets->work, FRAME_MEMORY, ticket->number, 0, memory);
		bell_ring(tickets);
	}
	pthread_mutex_unlock(&tickets->lock);
	return is_open ? HERALD_OK : HERALD_CONFLICT;
}

bool ticket_is_kept(struct tickets *tickets, const struct ticket *ticket)
{
	pthread_mutex_lock(&tickets->lock);
	bool is_kept = ticket->memories == 0;
	pthread_mutex_unlock(&tickets->lock);
	return is_kept;
}

enum herald_code ticket_wait_kept(struct tickets *tickets, struct ticket *ticket)
{
	pthread_mutex_lock(&tickets->lock);
	while (ticket->memories > 0 && ticket->phase != TICKET_SPENT && !tickets->is_orphan)
		pthread_cond_wait(&tickets->changed, &tickets->lock);
	bool is_good = ticket->memories == 0 && ticket->phase != TICKET_SPENT;
	pthread_mutex_unlock(&tickets->lock);
	return is_good ? HERALD_OK : HERALD_CONFLICT;
}

/* --- the watch --- */

static void overdue_spend(struct tickets *tickets, struct ticket *ticket)
{
	struct herald_outcome outcome;

	/* One that still waits must be ours on the board before it can be answered. */
	if (ticket->phase == TICKET_WAITING &&
	    !board_swap(tickets->board, ticket->number, SLOT_QUEUED, SLOT_IN_PLUGIN)) {
		ticket_end_locked(tickets, ticket, false);
		return;
	}
	if (ticket->phase == TICKET_WAITING)
		outcome_say(&outcome, HERALD_DEFERRED, "waited in the channel's process for its whole time");
	else if (ticket->phase == TICKET_IN_PLUGIN)
		outcome_say(&outcome, HERALD_DEFERRED, "the plugin did not send it in time");
	else
		outcome_say(&outcome, HERALD_UNCERTAIN, "on the wire, and no answer in time");
	tickets->overdue++;
	spend_locked(tickets, ticket, &outcome, true);
}

int64_t tickets_overdue(struct tickets *tickets, int64_t now_ms)
{
	int64_t next_ms = INT64_MAX;

	pthread_mutex_lock(&tickets->lock);
	for (uint32_t slot = 0; slot < tickets->slots && !tickets->is_orphan && tickets->open > 0; slot++) {
		struct ticket *ticket = tickets->by_slot[slot];

		if (!ticket)
			continue;
		if (ticket->deadline_ms <= now_ms)
			overdue_spend(tickets, ticket);
		else if (ticket->deadline_ms < next_ms)
			next_ms = ticket->deadline_ms;
	}
	pthread_mutex_unlock(&tickets->lock);
	return next_ms;
}

void tickets_orphan(struct tickets *tickets)
{
	pthread_mutex_lock(&tickets->lock);
	tickets->is_orphan = true;
	pthread_cond_broadcast(&tickets->changed);
	pthread_mutex_unlock(&tickets->lock);
}

bool tickets_are_orphans(struct tickets *tickets)
{
	pthread_mutex_lock(&tickets->lock);
	bool is_orphan = tickets->is_orphan;
	pthread_mutex_unlock(&tickets->lock);
	return is_orphan;
}

unsigned tickets_on_wire(struct tickets *tickets)
{
	pthread_mutex_lock(&tickets->lock);
	unsigned on_wire = tickets->on_wire;
	pthread_mutex_unlock(&tickets->lock);
	return on_wire;
}

bool tickets_are_idle(struct tickets *tickets)
{
	pthread_mutex_lock(&tickets->lock);
	bool is_idle = tickets->open == 0;
	pthread_mutex_unlock(&tickets->lock);
	return is_idle;
}

void tickets_close(struct tickets *tickets)
{
	pthread_mutex_lock(&tickets->lock);
	tickets->is_closed = true;
	pthread_cond_broadcast(&tickets->changed);
	pthread_mutex_unlock(&tickets->lock);
}

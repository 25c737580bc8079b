/* ticket.h - one attempt of one delivery in this process's hands, and the table of all of them.
 *
 * Invariants: a ticket is spent exactly once, whoever is first (the plugin, an answer, the watchdog, a
 * take-back); nothing leaves without ON_WIRE having been swapped on the board; the message lives until the
 * ticket is spent, the last call or request that holds it has ended, and the plugin has answered: one that is
 * late must not read freed memory.
 *
 * What a plugin holds is a handle, never this struct: a handle of a spent ticket stays safe to use (see
 * handle.c).  Every function may be called from any thread; the table's lock is taken inside and never held
 * while a plugin is called. */
#ifndef HOST_TICKET_H
#define HOST_TICKET_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "herald/channel.h"
#include "host/outbox.h"
#include "wire/board.h"
#include "wire/message.h"

enum ticket_phase {
	TICKET_WAITING = 1, /* in the line; QUEUED on the board */
	TICKET_IN_PLUGIN,
	TICKET_ON_WIRE,
	TICKET_SPENT,
};

struct ticket {
	struct ticket *next;   /* in the line, or in the pool */
	struct arena *arena;   /* holds this struct and the message */
	uint64_t number;       /* the wire's: serial << 16 | slot */
	struct herald_job job; /* what the plugin is given: the message and the handle */
	struct herald_message message;
	struct herald_text batch_key; /* tickets with equal keys may share a call */
	uint64_t batch_hash;
	enum ticket_phase phase;
	unsigned uses;       /* line, calls and requests that hold it */
	unsigned memories;   /* handed to the daemon, not yet durable */
	int64_t deadline_ms; /* monotonic */
	bool is_alone;       /* it carries a crash mark: nothing beside it */
	bool is_in_hand;     /* counted in tickets.in_hand */
};

struct handles;

/* Shared by ticket.c and line.c, and by nobody else. */
struct tickets {
	struct arena *arena; /* holds this struct */
	pthread_mutex_t lock;
	pthread_cond_t changed; /* monotonic clock; something was spent, kept, added, closed */
	struct board *board;
	struct outbox *work;
	int bell; /* eventfd of the loop, rung by every other thread */
	pthread_t loop;
	struct herald_channel *channel;
	struct handles *handles;
	struct ticket **by_slot; /* the open ticket of each slot */
	uint32_t slots;
	struct ticket *pool;
	struct ticket *line, **line_end; /* waiting, oldest first */
	size_t waiting;
	unsigned open, in_hand, on_wire; /* not spent; of these: with the plugin; of these: on the wire */
	unsigned owed;                   /* spent by us, their message kept alive until the plugin answers */
	bool is_alone_in_hand;
	bool is_orphan; /* the daemon is dead: nothing new starts */
	bool is_closed; /* workers go home */
	uint32_t batch_by;
	uint64_t spent_again, overdue; /* what a plugin did wrong, for its log */
};

/* channel: what the services are called with; loop: the thread whose calls need no bell. */
struct tickets *tickets_new(struct herald_channel *channel, struct board *board, struct outbox *work,
			    int bell, uint32_t batch_by);
void tickets_free(struct tickets *tickets);

/* A SEND: into the line.  LIMIT: the plugin has left more tickets unanswered than this process bears.
 * CORRUPT: not a frame of ours, or a slot that is taken.  Both end the process. */
enum herald_code ticket_open(struct tickets *tickets, const struct frame *frame, int64_t default_timeout_ms,
			     struct herald_error *err);

/* The open ticket behind a handle, held for the caller, or NULL when it is spent.  ret_tickets may be NULL.
 */
struct ticket *ticket_hold(struct herald_ticket *handle);
void ticket_release(struct tickets *tickets, struct ticket *ticket);
struct tickets *handle_tickets(struct herald_ticket *handle);

/* IN_PLUGIN -> ON_WIRE.  OK also when it is there already.  CONFLICT: taken back, overdue or orphaned.
 * *ret_moved (NULL is fine): this call did it. */
enum herald_code ticket_to_wire(struct tickets *tickets, struct ticket *ticket, bool *ret_moved);
/* May a request leave for it that is no message itself: open, not taken back, and the daemon alive? */
bool ticket_may_prepare(struct tickets *tickets, struct ticket *ticket);
/* ON_WIRE -> IN_PLUGIN: nothing of what was about to leave can have been acted on. */
void ticket_off_wire(struct tickets *tickets, struct ticket *ticket);
bool ticket_is_spent(struct tickets *tickets, const struct ticket *ticket);

/* Spend.  *outcome comes from a plugin and is copied through outcome_take.  False: it was spent before. */
bool ticket_spend(struct tickets *tickets, struct ticket *ticket, const struct herald_outcome *outcome);
/* The plugin has answered for this handle: it owes nothing more.  True: it did owe, the watchdog or a
 * take-back had been faster. */
bool ticket_answered(struct herald_ticket *handle);
void ticket_count_again(struct tickets *tickets); /* complete was called for a spent one */

/* The daemon's words. */
void ticket_revoke(struct tickets *tickets, uint64_t number);
void ticket_kept(struct tickets *tickets, uint64_t number);

/* store_address: a MEMORY frame goes out; ticket_is_kept turns false until KEPT comes back. */
enum herald_code ticket_remember(struct tickets *tickets, struct ticket *ticket, struct herald_text memory);
bool ticket_is_kept(struct tickets *tickets, const struct ticket *ticket);
/* Sleep until the memories are durable.  CONFLICT: spent, or nobody is left to keep them.  Not on the loop.
 */
enum herald_code ticket_wait_kept(struct tickets *tickets, struct ticket *ticket);

/* The watchdog: spends what is overdue, answers the instant at which to come again (INT64_MAX: nothing). */
int64_t tickets_overdue(struct tickets *tickets, int64_t now_ms);
/* The daemon is dead.  From the return on no ticket moves to the wire. */
void tickets_orphan(struct tickets *tickets);
bool tickets_are_orphans(struct tickets *tickets);
unsigned tickets_on_wire(struct tickets *tickets);
bool tickets_are_idle(struct tickets *tickets); /* none is open */
void tickets_close(struct tickets *tickets);    /* whoever waits in line_wait goes home */

/* Shared with line.c; the lock is held.  Out of the table (the board is done before): is_owed as in
 * handle_end. */
void ticket_end_locked(struct tickets *tickets, struct ticket *ticket, bool is_owed);
void ticket_use_end_locked(struct tickets *tickets, struct ticket *ticket);

/* handle.c */
struct handles *handles_new(struct tickets *tickets);
void handles_free(struct handles *handles); /* and the tickets that are owed */
/* The tickets' lock is held for all three. */
struct herald_ticket *handle_give(struct handles *handles, struct ticket *ticket); /* NULL: none is free */
struct ticket *handle_ticket(struct herald_ticket *handle);                        /* NULL: spent */
/* is_owed: the plugin has not answered yet; its handle is not given to anybody else until it does. */
void handle_end(struct herald_ticket *handle, bool is_owed);
struct ticket *handle_answered(struct herald_ticket *handle); /* the ticket that was owed, or NULL */

#endif

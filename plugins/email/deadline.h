/* deadline.h - ends SMTP sessions that take too long.
 *
 * A server that sends a byte now and then keeps within every time-out of one read; libesmtp has no other kind
 * and cannot be stopped, and libcurl waits in places that its own total does not reach (its goodbye).  So
 * this room keeps a duplicate of a session's socket and shuts it down when its time is over; the library then
 * sees a closed connection, which it knows how to handle.  The duplicate belongs to us: its number cannot be
 * reused under our hands.
 *
 * libcurl lets us make the socket.  libesmtp does not even tell it, so it is found: sessions connect one at a
 * time (deadline_dial), which makes "the socket to the relay's port that nobody has adopted yet" exactly one.
 *
 * One keeper per channel, with one thread. */
#ifndef EMAIL_DEADLINE_H
#define EMAIL_DEADLINE_H

#include <stdbool.h>
#include <stdint.h>

#include "herald/error.h"

struct deadline_keeper;
struct deadline; /* one session's */

int64_t deadline_clock_ms(void); /* monotonic */

enum herald_code deadline_keeper_new(struct deadline_keeper **ret_keeper, struct herald_error *err);
void deadline_keeper_free(struct deadline_keeper *keeper); /* no deadline is left */

/* Take the only line to the relay: until deadline_adopt or deadline_hang_up by the same thread.  TIMEOUT: not
 * free by until_ms. */
enum herald_code deadline_dial(struct deadline_keeper *keeper, int64_t until_ms);
void deadline_hang_up(struct deadline_keeper *keeper);

/* Find the socket that was connected to port since deadline_dial, watch it, and give the line back.
 * NOT_FOUND: there is none; the line is given back all the same. */
enum herald_code deadline_adopt(struct deadline_keeper *keeper, uint16_t port, int64_t until_ms,
				struct deadline **ret_deadline);

/* Watch a socket that we made.  LIMIT: out of memory or descriptors. */
enum herald_code deadline_watch(struct deadline_keeper *keeper, int fd, int64_t until_ms,
				struct deadline **ret_deadline);

void deadline_move(struct deadline *deadline, int64_t until_ms);
void deadline_cut(struct deadline *deadline);          /* now */
bool deadline_is_connected(struct deadline *deadline); /* as far as this host knows */
bool deadline_is_over(struct deadline *deadline);      /* it was cut, by time or by hand */
void deadline_free(struct deadline *deadline);         /* NULL is fine */

#endif

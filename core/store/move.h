/* move.h - a delivery as the writer reads it, and the moves it makes.
 *
 * Writer thread, inside its transaction.  The caller of delivery_move need not care what a move means for the
 * steps behind it or for the dispatcher: the move does. */
#ifndef STORE_MOVE_H
#define STORE_MOVE_H

#include "model/delivery.h"
#include "model/reason.h"
#include "store/sqlite.h"

struct writer;

/* A delivery as the writer reads it before it moves it. */
struct delivery_row {
	int64_t notification, tenant, lane, due_at_ms, expires_at_ms, recipient, recipient_version, run,
		first_attempt_at_ms, address, destination;
	uint32_t n, priority, step, attempts, tries_spent, crash_marks;
	int32_t channel;
	enum delivery_state state;
	enum reason reason;
};

bool delivery_read(struct writer *writer, int64_t notification, uint32_t n, struct delivery_row *ret_row);
/* From row->state to an end, or to HELD or QUEUED at due_at_ms; fills the hooks and walks the strategy: the
 * caller need not care what the move means for the steps behind it. */
void delivery_move(struct writer *writer, const struct delivery_row *row, enum delivery_state to,
		   enum reason reason, int64_t due_at_ms, int64_t now_ms);
/* Strategy `first`: what the end of a step means for those behind it. */
void strategy_walk(struct writer *writer, const struct delivery_row *row, enum delivery_state to,
		   int64_t now_ms);
/* A row is QUEUED now: tell the dispatcher. */
void delivery_tell_queued(struct writer *writer, const struct delivery_row *row, int64_t due_at_ms);
/* From a row whose first columns are those of every statement on deliveries. */
void delivery_take(sqlite3_stmt *row, struct conn *conn, struct delivery_row *ret_row);
/* When the clerk has to look at a row: 0 for states that wait for nobody. */
int64_t delivery_wake_at(enum delivery_state state, enum reason reason, int64_t due_at_ms,
			 int64_t expires_at_ms);

#endif

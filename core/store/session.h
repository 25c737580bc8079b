/* session.h - the inside of a reader's session. */
#ifndef STORE_SESSION_H
#define STORE_SESSION_H

#include "store/private.h"

struct store_session {
	struct arena *arena; /* the session is in it */
	struct store *store;
	struct conn conn;
};

/* Several statements on one snapshot. */
void session_begin(struct store_session *session);
/* The same for a list, which may look at many rows for the few that it gives: TIMEOUT after two seconds. */
void session_begin_list(struct store_session *session);
/* The end of a call: what stuck, as its answer; the session is good for the next one. */
enum herald_code session_end(struct store_session *session, struct herald_error *err);

/* Rows of a list whose length nobody knows before: a chain of pieces in the arena, joined at the end. */
struct rows {
	struct arena *arena;
	char *data;
	size_t size, count, room; /* of one row; rows */
};

void rows_init(struct rows *rows, struct arena *arena, size_t row_size);
void *rows_add(struct rows *rows); /* zeroed; earlier pointers are void after it */

/* Where a list goes on: behind the last row, or "" at the end. */
const char *next_cursor(bool is_full, const char *last);
/* The recipient's number; -1 when nobody has this id, 0 for "". */
int64_t session_recipient(struct store_session *session, int64_t tenant, const char *id);

#endif

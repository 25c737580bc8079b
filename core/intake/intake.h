/* intake.h - accept once: read the people, plan, render, and fill the one operation that makes the promise.
 *
 * An intake belongs to one thread (an API thread, the clerk): a read session and a cache of parsed
 * categories.  Nothing here waits: the caller submits call.accept to the store and, when it is answered,
 * calls intake_answered. Invariant: every permit taken is spent by a committed accept or given back. */
#ifndef INTAKE_INTAKE_H
#define INTAKE_INTAKE_H

#include <stdatomic.h>

#include "model/notification.h"
#include "model/permit.h"
#include "model/roster.h"
#include "route/plan.h"
#include "store/read.h"

struct intake;

struct intake_settings {
	struct store *store;
	struct roster_board *rosters;
	struct permits *permits;
	const _Atomic int64_t *expires_in_ms; /* where neither caller nor category says; lent, may change */
};

enum herald_code intake_new(const struct intake_settings *settings, struct intake **ret_intake,
			    struct herald_error *err);
void intake_free(struct intake *intake);
struct store_session *intake_session(struct intake *intake); /* lent, same thread */

/* An inline address as its channel's plugin wrote it.  destination "": the channel itself. */
struct intake_place {
	const char *canonical, *destination;
};

struct intake_call {
	/* The caller fills these; texts and trees live until intake_done. */
	int64_t tenant, now_ms;
	const struct notification *notification;
	const struct intake_place *const *places; /* per target; NULL where it is a recipient */
	struct faults *faults;                    /* its arena is the call's */
	bool wants_why;
	struct herald_text body; /* as it came: kept when the notification waits for send_at */

	/* intake_plan fills these. */
	const struct category *category;
	const struct roster *roster;
	struct plan_person *people;
	json_t **trees; /* attributes, one per person */
	size_t person_count;
	struct plan plan;
	struct store_accept accept;
	int tries;
};

/* Read, plan, render.  INVALID: the faults say why.  Else OK, BUSY or what the store says.  May be called
 * again on the same call after a CONFLICT. */
enum herald_code intake_plan(struct intake *intake, struct intake_call *call, struct herald_error *err);

/* Fill call->accept (its op.done, context and idempotency are the caller's) under this id, taking permits. */
void intake_prepare(struct intake *intake, struct intake_call *call, int64_t id);

/* After the store's answer: gives permits back where nothing was written.  True: it conflicted and may be
 * planned again. */
bool intake_answered(struct intake *intake, struct intake_call *call);

void intake_done(struct intake_call *call); /* roster and trees; works on a zeroed call */

enum { INTAKE_TRIES_MAX = 3 };

/* --- for the clerk --- */

/* A held(changed) delivery, looked at again: fills *ret_replan but its op.done. */
enum herald_code intake_replan(struct intake *intake, int64_t tenant, const struct store_delivery_row *row,
			       int64_t now_ms, struct arena *arena, struct store_replan *ret_replan,
			       struct herald_error *err);

/* A scheduled notification whose time came: parses what was kept, plans.  INVALID: nobody can be reached any
 * more; the faults say why (the caller cancels it).  The call is then used like any other, prepared under the
 * row's id. */
enum herald_code intake_scheduled(struct intake *intake, int64_t tenant,
				  const struct store_notification_row *row, int64_t now_ms,
				  struct intake_call *call, struct notification *notification,
				  json_t **ret_tree, struct herald_error *err);

/* The category as parsed, cached until the tenant's policy moves.  NOT_FOUND: there is none.  Lent until the
 * next call. */
enum herald_code intake_category(struct intake *intake, int64_t tenant, const char *name,
				 const struct category **ret_category, struct herald_error *err);

/* A person of the store as the planner sees one; *ret_tree (attributes) is the caller's. */
void intake_person(const struct store_recipient *from, struct arena *arena, struct plan_person *ret_person,
		   json_t **ret_tree);

#endif

/* sending.h - one notification on its way through the front: asked about, planned, promised.  Used by the
 * single call, by explain and by each line of a bulk, so that they cannot differ. */
#ifndef HTTP_SENDING_H
#define HTTP_SENDING_H

#include "http/private.h"

struct sending {
	struct notification notification;
	struct intake_call call;
	struct faults *faults;
	struct herald_text body; /* as it came */
	struct address_question *questions;
	size_t question_count;
	int64_t id;
};

/* Read a body; false: faults say why.  Everything is in the arena of the faults. */
bool sending_parse(struct request *request, struct sending *sending, const json_t *tree,
		   enum notification_form form);
/* Have its inline addresses checked; next runs when they are. */
void sending_ask(struct request *request, struct sending *sending, request_step next);
/* Plan it.  INVALID: see the faults. */
enum herald_code sending_plan(struct request *request, struct sending *sending, bool wants_why,
			      struct herald_error *err);
/* Take an id and permits and fill the operation, under this Idempotency-Key ("" none). */
void sending_prepare(struct request *request, struct sending *sending, const char *key,
		     const uint8_t fingerprint[32]);
/* Hand it to the store.  Its arena is the writer's until next runs: nobody else may use it before. */
void sending_submit(struct request *request, struct sending *sending, request_step next);
/* After the store's answer.  True: it conflicted; plan and promise it again. */
bool sending_answered(struct request *request, struct sending *sending);
/* The 202's body. */
struct herald_text sending_receipt(const struct sending *sending);
void sending_done(struct sending *sending);

#endif

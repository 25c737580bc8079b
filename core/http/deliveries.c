/* Deliveries: lists with a filter, one with its attempts, sending dead ones again, resolving parked ones. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "http/private.h"
#include "http/resources.h"
#include "http/view.h"
#include "model/field.h"
#include "base/check.h"

static bool delivery_id(struct request *request, int64_t *ret_notification, unsigned *ret_n)
{
	if (id_delivery_parse(request->params[0], ret_notification, ret_n))
		return true;
	answer_problem(request, PROBLEM_not_found, "there is no such delivery");
	return false;
}

/* The words of a filter, from the query or from a body. */
struct filter_words {
	const char *state, *channel, *recipient, *reason;
};

/* By its name, also one that is not configured any more; -1: there never was one.  Asking makes none. */
static int32_t channel_of(struct request *request, const char *name)
{
	for (int32_t number = 0; number < CHANNELS_MAX; number++) {
		const char *known = store_channel_name(request->store, number);

		if (known != NULL && strcmp(known, name) == 0)
			return number;
	}
	return -1;
}

static void filter_read(struct request *request, const struct filter_words *words, const char *mark,
			struct store_filter *ret_filter)
{
	char pointer[32];

	*ret_filter = (struct store_filter){.recipient = words->recipient};
	snprintf(pointer, sizeof(pointer), "%sstate", mark);
	if (*words->state != 0 && !delivery_state_parse(words->state, &ret_filter->state))
		faults_add(&request->faults, pointer, "range", "is not a state of a delivery");
	snprintf(pointer, sizeof(pointer), "%sreason", mark);
	if (*words->reason != 0 && !reason_parse(words->reason, &ret_filter->reason))
		faults_add(&request->faults, pointer, "range", "is not a reason");
	snprintf(pointer, sizeof(pointer), "%schannel", mark);
	if (*words->channel != 0) {
		ret_filter->channel = channel_of(request, words->channel);
		if (ret_filter->channel < 0)
			faults_add_as(&request->faults, "unknown_channel", pointer, "unknown",
				      "there is no such channel");
	}
}

void deliveries_get(struct request *request)
{
	const struct filter_words words = {.state = request_query(request, "state"),
					   .channel = request_query(request, "channel"),
					   .recipient = request_query(request, "recipient"),
					   .reason = request_query(request, "reason")};
	struct store_delivery_row *rows;
	char next[DELIVERY_TEXT_SIZE] = "";
	struct store_filter filter;
	int64_t after_id = 0;
	unsigned after_n = 0;
	struct herald_error err;
	const char *after;
	uint32_t limit = 0;
	json_t *items;
	size_t count;
	enum herald_code code;

	request_page(request, &limit, &after);
	filter_read(request, &words, "?", &filter);
	request_instant(request, "since", &filter.since_ms);
	if (limit > 0 && *after != 0 && !id_delivery_parse(after, &after_id, &after_n))
		faults_add(&request->faults, "?after", "syntax", "is not a cursor of this list");
	if (request_is_faulty(request))
		return;
	code = store_deliveries(intake_session(request->intake), request->tenant, &filter, after_id, after_n,
				limit, request->arena, &rows, &count, &err);
	if (code != HERALD_OK) {
		answer_code(request, code, &err);
		return;
	}
	items = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(items, view_delivery(request, &rows[i]));
	if (count == limit)
		id_delivery_text(rows[count - 1].notification, rows[count - 1].n, next);
	answer_page(request, items, next);
}

void delivery_get(struct request *request)
{
	struct store_session *session = intake_session(request->intake);
	struct store_attempt_row *attempts;
	struct store_delivery_row row;
	json_t *view, *items;
	struct herald_error err;
	int64_t notification;
	size_t count;
	unsigned n;
	enum herald_code code;

	if (!delivery_id(request, &notification, &n))
		return;
	code = store_delivery(session, request->tenant, notification, n, request->arena, &row, &err);
	if (code == HERALD_OK)
		code = store_attempts(session, notification, n, request->arena, &attempts, &count, &err);
	if (code == HERALD_NOT_FOUND) {
		answer_problem(request, PROBLEM_not_found, "there is no such delivery");
		return;
	}
	if (code != HERALD_OK) {
		answer_code(request, code, &err);
		return;
	}
	view = view_delivery(request, &row);
	items = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(items, view_attempt(&attempts[i]));
	json_object_del(view, "attempts");
	json_object_set_new(view, "attempts", items);
	answer_tree(request, 200, view);
}

/* --- redrive --- */

static void redriven(struct request *request)
{
	struct store_redrive *redrive = request->state;

	if (answer_op_trouble(request, &redrive->op))
		return;
	if (redrive->ret_is_unknown)
		answer_problem(request, PROBLEM_not_found, "there is no such delivery");
	else if (redrive->ret_is_wrong_state)
		answer_problem(request, PROBLEM_conflict,
			       "only a dead or expired delivery can be sent again");
	else
		answer_tree(request, 202, json_pack("{s:i}", "count", (int)redrive->ret_count));
}

static void submit_redrive(struct request *request, struct store_redrive *redrive)
{
	redrive->op.verb = STORE_REDRIVE;
	redrive->op.audit = (struct store_audit){.verb = "delivery.redrive", .payload = "{}"};
	redrive->expires_in_ms = atomic_load(request->thread->http->settings.expires_in_ms);
	request->state = redrive;
	request_submit(request, &redrive->op, redriven);
}

void delivery_redrive(struct request *request)
{
	struct store_redrive *redrive = arena_new_of(request->arena, struct store_redrive);
	struct store_letter *letter = arena_new_of(request->arena, struct store_letter);

	redrive->letters = letter;
	redrive->letter_count = 1;
	if (delivery_id(request, &letter->notification, &letter->n))
		submit_redrive(request, redrive);
}

/* Which ones is found here, where looking for them holds nobody's writes up. */
static void redrive_found(struct request *request, const struct store_filter *filter, uint32_t limit)
{
	struct store_redrive *redrive = arena_new_of(request->arena, struct store_redrive);
	struct store_letter *letters;
	struct herald_error err;
	enum herald_code code = store_letters(intake_session(request->intake), request->tenant, filter, limit,
					      request->arena, &letters, &redrive->letter_count, &err);

	if (code != HERALD_OK) {
		answer_code(request, code, &err);
		return;
	}
	redrive->letters = letters;
	submit_redrive(request, redrive);
}

/* At most STATEMENT_ROWS_MAX in one call, so that no statement holds the writer; the count says whether to
 * ask again. */
void deliveries_redrive(struct request *request)
{
	struct store_filter filter = {.recipient = ""};
	struct filter_words words = {.state = "dead", .channel = "", .recipient = "", .reason = ""};
	struct field_reader reader;
	int64_t limit = STATEMENT_ROWS_MAX;

	if (field_open(&reader, request->tree, "", "state channel recipient reason since limit", "",
		       &request->faults)) {
		field_text(&reader, "state", 16, &words.state);
		field_text(&reader, "channel", 32, &words.channel);
		field_text(&reader, "recipient", RECIPIENT_ID_BYTES_MAX, &words.recipient);
		field_text(&reader, "reason", 32, &words.reason);
		field_count(&reader, "limit", 1, STATEMENT_ROWS_MAX, &limit);
		filter_read(request, &words, "/", &filter);
		field_instant(&reader, "since", &filter.since_ms);
		if (filter.state != DELIVERY_DEAD && filter.state != DELIVERY_EXPIRED)
			faults_add(&request->faults, "/state", "range", "must be dead or expired");
	}
	if (request_is_faulty(request))
		return;
	redrive_found(request, &filter, (uint32_t)limit);
}

/* --- parked ones --- */

static void resolved(struct request *request)
{
	struct store_resolve *resolve = request->state;

	if (answer_op_trouble(request, &resolve->op))
		return;
	if (resolve->ret_is_unknown)
		answer_problem(request, PROBLEM_not_found, "there is no such delivery");
	else if (resolve->ret_is_wrong_state)
		answer_problem(request, PROBLEM_conflict, "only a parked delivery is resolved");
	else
		delivery_get(request);
}

void delivery_resolve(struct request *request)
{
	struct store_resolve *resolve = arena_new_of(request->arena, struct store_resolve);
	struct field_reader reader;
	int as = -1;

	if (!delivery_id(request, &resolve->notification, &resolve->n))
		return;
	if (field_open(&reader, request->tree, "", "as", "", &request->faults) &&
	    field_required(&reader, "as"))
		field_word(&reader, "as", "delivered|dead|retry", &as);
	if (request_is_faulty(request))
		return;
	resolve->op.verb = STORE_RESOLVE;
	resolve->op.audit = (struct store_audit){.verb = "delivery.resolve", .payload = "{}"};
	resolve->as = (enum store_resolution)(as + 1);
	request->state = resolve;
	request_submit(request, &resolve->op, resolved);
}

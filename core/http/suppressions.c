/* Addresses that must not be tried. */
#include <string.h>

#include "http/private.h"
#include "http/resources.h"
#include "http/view.h"
#include "model/field.h"
#include "base/check.h"

struct suppressing {
	struct store_put_suppression put;
	struct address_question question;
};

static json_t *view_suppression(const struct store_suppression_row *row)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o}", "kind", row->kind, "address", row->address,
			 "reason", row->reason, "source", row->source, "at", view_time(row->at_ms), "until",
			 view_time(row->until_ms));
}

static bool kind_is_good(struct request *request)
{
	if (name_is_kind(request->params[0]))
		return true;
	answer_problem(request, PROBLEM_not_found, "there is no such kind of address");
	return false;
}

/* An address in a path is asked of its plugin, so that every spelling finds the same suppression; when the
 * plugin is down or does not know it any more, it is taken as it is written. */
static const char *canonical(const struct suppressing *suppressing)
{
	const struct address_question *question = &suppressing->question;

	if (question->checked.canonical != NULL)
		return question->checked.canonical;
	return question->is_asked && question->check.code == HERALD_OK ? question->check.canonical
								       : question->address;
}

static struct suppressing *begin(struct request *request, request_step next)
{
	struct suppressing *suppressing = arena_new_of(request->arena, struct suppressing);
	struct faults unread;

	request->state = suppressing;
	suppressing->question.kind = request->params[0];
	suppressing->question.channel = "";
	suppressing->question.address = request->params[1];
	if (!kind_is_good(request))
		return NULL;
	if (strlen(request->params[1]) >= ADDRESS_BYTES_MAX) {
		answer_problem(request, PROBLEM_not_found, "an address has at most %d bytes",
			       ADDRESS_BYTES_MAX - 1);
		return NULL;
	}
	faults_init(&unread, request->arena); /* a kind without a channel may still be suppressed */
	addresses_check(request, &suppressing->question, 1, &unread, next);
	return suppressing;
}

static void shown(struct request *request)
{
	const struct suppressing *suppressing = request->state;
	struct store_suppression_row row;
	uint8_t hash[ADDRESS_HASH_BYTES];
	struct herald_error err;
	enum herald_code code;

	store_address_hash(request->tenant, request->params[0], canonical(suppressing), hash);
	code = store_suppression(intake_session(request->intake), request->tenant, request->params[0], hash,
				 request->arena, &row, &err);
	if (code == HERALD_OK)
		answer_tree(request, 200, view_suppression(&row));
	else if (code == HERALD_NOT_FOUND)
		answer_problem(request, PROBLEM_not_found, "this address is not suppressed");
	else
		answer_code(request, code, &err);
}

void suppression_get(struct request *request)
{
	begin(request, shown);
}

static void suppressed(struct request *request)
{
	struct suppressing *suppressing = request->state;
	struct store_put_suppression *put = &suppressing->put;

	if (answer_op_trouble(request, &put->op))
		return;
	if (put->ret_is_unknown)
		answer_problem(request, PROBLEM_not_found, "this address is not suppressed");
	else if (put->is_delete)
		answer_nothing(request);
	else
		shown(request);
}

static void submit(struct request *request)
{
	struct suppressing *suppressing = request->state;
	struct store_put_suppression *put = &suppressing->put;

	put->op.verb = STORE_PUT_SUPPRESSION;
	put->op.takes_back = !put->is_delete;
	put->op.audit = (struct store_audit){.verb = put->is_delete ? "suppression.lift" : "suppression.put",
					     .payload = "{}"};
	put->kind = request->params[0];
	put->address = canonical(suppressing);
	store_address_hash(request->tenant, put->kind, put->address, put->hash);
	request_submit(request, &put->op, suppressed);
}

void suppression_put(struct request *request)
{
	const char *reason = "by_operator", *source = "api";
	struct suppressing *suppressing;
	struct field_reader reader;
	int64_t until_ms = 0;

	if (request->tree != NULL &&
	    field_open(&reader, request->tree, "", "kind address reason source until at", "",
		       &request->faults)) {
		field_text(&reader, "reason", 128, &reason);
		field_text(&reader, "source", 128, &source);
		if (!json_is_null(json_object_get(request->tree, "until")))
			field_instant(&reader, "until", &until_ms);
	}
	if (request_is_faulty(request))
		return;
	suppressing = begin(request, submit);
	if (suppressing == NULL)
		return;
	suppressing->put.reason = reason;
	suppressing->put.source = source;
	suppressing->put.until_ms = until_ms;
}

void suppression_delete(struct request *request)
{
	struct suppressing *suppressing = begin(request, submit);

	if (suppressing == NULL)
		return;
	suppressing->put.is_delete = true;
	suppressing->put.reason = suppressing->put.source = "";
}

void suppressions_get(struct request *request)
{
	struct store_suppression_row *rows;
	const char *after, *next;
	struct herald_error err;
	uint32_t limit = 0;
	json_t *items;
	size_t count;
	enum herald_code code;

	request_page(request, &limit, &after);
	if (request_is_faulty(request))
		return;
	code = store_suppressions(intake_session(request->intake), request->tenant,
				  request_query(request, "kind"), request_query(request, "reason"), after,
				  limit, request->arena, &rows, &count, &next, &err);
	if (code != HERALD_OK) {
		answer_code(request, code, &err);
		return;
	}
	items = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(items, view_suppression(&rows[i]));
	answer_page(request, items, next);
}

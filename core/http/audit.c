/* The audit chain: who did what, and whether the chain still holds. */
#include <stdlib.h>

#include "http/resources.h"
#include "http/view.h"
#include "base/check.h"

void audit_get(struct request *request)
{
	const char *after, *subject = request_query(request, "subject");
	struct store_audit_row *rows;
	int64_t since_ms = 0, after_seq;
	struct herald_error err;
	char *end = NULL;
	int64_t number = 0;
	uint32_t limit = 0;
	json_t *items;
	size_t count;
	enum herald_code code;

	request_page(request, &limit, &after);
	request_instant(request, "since", &since_ms);
	after_seq = request_after_number(request);
	if (*subject != 0) {
		number = strtoll(subject, &end, 10);
		if (*end != 0)
			faults_add(&request->faults, "?subject", "syntax",
				   "must be a number that an audit row shows as its subject");
	}
	if (request_is_faulty(request))
		return;
	code = store_audit(intake_session(request->intake), request->tenant, since_ms,
			   request_query(request, "actor"), number, after_seq, limit, request->arena, &rows,
			   &count, &err);
	if (code != HERALD_OK) {
		answer_code(request, code, &err);
		return;
	}
	items = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(
			items, json_pack("{s:I, s:o, s:s, s:s, s:I}", "seq", (json_int_t)rows[i].seq, "at",
					 view_time(rows[i].at_ms), "actor", rows[i].actor, "verb",
					 rows[i].verb, "subject", (json_int_t)rows[i].subject));
	answer_page(request, items,
		    count == limit ? arena_printf(request->arena, "%lld", (long long)rows[count - 1].seq)
				   : "");
}

void audit_verify_get(struct request *request)
{
	struct herald_error err;
	int64_t rows = 0;
	enum herald_code code = store_audit_verify(intake_session(request->intake), &rows, &err);

	if (code == HERALD_OK)
		answer_tree(request, 200, json_pack("{s:b, s:I}", "valid", 1, "rows", (json_int_t)rows));
	else if (code == HERALD_CORRUPT)
		answer_tree(request, 200, json_pack("{s:b, s:s}", "valid", 0, "why", err.text));
	else
		answer_code(request, code, &err);
}

/* Categories: what a notification is about, and its policy. */
#include <string.h>

#include "base/json.h"
#include "http/resources.h"
#include "http/view.h"
#include "model/field.h"
#include "base/check.h"

enum { PATCH_TRIES_MAX = 50 };

struct deciding {
	struct store_put_category put;
	json_t *body;
	int64_t read_version; /* of a PATCH: what it was made of; else -1 */
	int tries;
};

static json_t *view_category(const struct store_category *row)
{
	json_t *view = view_stored(row->body);

	if (!json_is_object(view)) {
		json_decref(view);
		view = json_object();
	}
	json_object_set_new(view, "name", json_string(row->name));
	json_object_set_new(view, "version", json_integer(row->version));
	return view;
}

/* False: it has answered. */
static bool category_read(struct request *request, struct store_category *ret_row)
{
	struct herald_error err;
	enum herald_code code = store_category(intake_session(request->intake), request->tenant,
					       request->params[0], request->arena, ret_row, &err);

	if (code == HERALD_OK)
		return true;
	if (code == HERALD_NOT_FOUND && request->must_exist)
		answer_problem(request, PROBLEM_changed_meanwhile, "there is no such category (any more)");
	else if (code == HERALD_NOT_FOUND)
		answer_problem(request, PROBLEM_not_found, "there is no such category");
	else
		answer_code(request, code, &err);
	return false;
}

void category_get(struct request *request)
{
	struct store_category row;

	if (!category_read(request, &row))
		return;
	answer_etag(request, row.version);
	answer_tree(request, 200, view_category(&row));
}

void categories_get(struct request *request)
{
	struct store_category *rows;
	const char *after, *next;
	struct herald_error err;
	uint32_t limit = 0;
	json_t *items;
	size_t count;
	enum herald_code code;

	request_page(request, &limit, &after);
	if (request_is_faulty(request))
		return;
	code = store_categories(intake_session(request->intake), request->tenant, after, limit,
				request->arena, &rows, &count, &next, &err);
	if (code != HERALD_OK) {
		answer_code(request, code, &err);
		return;
	}
	items = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(items, view_category(&rows[i]));
	answer_page(request, items, next);
}

static void patch(struct request *request);

static void decided(struct request *request)
{
	struct deciding *deciding = request->state;
	struct store_put_category *put = &deciding->put;

	/* A PATCH that names no version is of whatever version there is: then of the new one. */
	if (put->op.code == HERALD_CONFLICT && request->if_match < 0 && deciding->read_version >= 0 &&
	    ++deciding->tries < PATCH_TRIES_MAX) {
		patch(request);
		return;
	}
	if (put->op.code == HERALD_CONFLICT && (request->if_match >= 0 || deciding->read_version < 0)) {
		answer_problem(request, PROBLEM_changed_meanwhile,
			       "the category was changed meanwhile; read it again");
		return;
	}
	if (answer_op_trouble(request, &put->op))
		return;
	if (put->ret_is_unknown) {
		answer_problem(request, PROBLEM_not_found, "there is no such category");
	} else if (put->ret_is_in_use) {
		answer_problem(request, PROBLEM_conflict,
			       "deliveries of this category are still on their way; cancel them or wait");
	} else if (put->is_delete) {
		answer_nothing(request);
	} else {
		json_object_set_new(deciding->body, "name", json_string(request->params[0]));
		json_object_set_new(deciding->body, "version", json_integer(put->ret_version));
		answer_etag(request, put->ret_version);
		answer_json(request, put->ret_is_new ? 201 : 200, deciding->body);
	}
}

static void deciding_end(struct request *request)
{
	json_decref(((struct deciding *)request->state)->body);
}

/* Takes body; NULL: delete. */
static void decide(struct request *request, json_t *body, const char *verb)
{
	struct deciding *deciding = request->state;
	struct herald_builder builder;
	struct category category;

	json_decref(deciding->body);
	deciding->body = body;
	if (!name_is_category(request->params[0]))
		faults_add(&request->faults, "/name", "syntax",
			   "is not a category's name: a-z, then a-z 0-9 . _ -, at most 64");
	if (body != NULL)
		category_parse(body, request->params[0], &category, &request->faults);
	if (request_is_faulty(request))
		return;
	herald_builder_init(&builder, BODY_BYTES_MAX);
	if (body != NULL) {
		json_object_del(body, "name");
		json_object_del(body, "version");
		json_write(body, &builder);
	}
	deciding->put.body = arena_bytes_copy(request->arena, builder.data, builder.size);
	herald_builder_done(&builder);
	deciding->put.op.verb = STORE_PUT_CATEGORY;
	deciding->put.op.audit =
		(struct store_audit){.verb = verb, .payload = body ? deciding->put.body.data : "{}"};
	deciding->put.name = request->params[0];
	deciding->put.if_version = request->if_match >= 0 ? request->if_match : deciding->read_version;
	deciding->put.is_delete = body == NULL;
	request_submit(request, &deciding->put.op, decided);
}

static void deciding_begin(struct request *request)
{
	struct deciding *deciding = arena_new_of(request->arena, struct deciding);

	deciding->read_version = -1;
	request->state = deciding;
	request->cleanup = deciding_end;
}

void category_put(struct request *request)
{
	struct store_category row;

	deciding_begin(request);
	if (request->must_exist && !category_read(request, &row))
		return; /* If-Match: * */
	decide(request, json_incref(request->tree), "category.put");
}

static void patch(struct request *request)
{
	struct deciding *deciding = request->state;
	struct store_category row;
	json_t *now;

	if (!category_read(request, &row))
		return;
	deciding->read_version = row.version;
	now = view_category(&row);
	decide(request, merge_patch(now, request->tree), "category.put");
	json_decref(now);
}

void category_patch(struct request *request)
{
	deciding_begin(request);
	patch(request);
}

void category_delete(struct request *request)
{
	deciding_begin(request);
	decide(request, NULL, "category.delete");
}

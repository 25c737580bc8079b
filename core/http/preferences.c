/* What a recipient chose: read, replaced, patched; and, for each category and channel, what it comes to and
 * why. */
#include <string.h>

#include "base/json.h"
#include "http/private.h"
#include "http/resources.h"
#include "http/view.h"
#include "model/field.h"
#include "base/check.h"

enum { PATCH_TRIES_MAX = 50 };

struct choosing {
	struct store_put_preference put;
	json_t *body;         /* as it will be stored */
	int64_t read_version; /* of a PATCH: what it was made of; else -1 */
	int tries;
};

/* NULL: it has answered. */
static const struct store_recipient *person_read(struct request *request)
{
	struct store_recipient *rows;
	struct herald_error err;
	enum herald_code code = store_people(intake_session(request->intake), request->tenant,
					     &request->params[0], 1, request->arena, &rows, &err);

	if (code != HERALD_OK)
		answer_code(request, code, &err);
	else if (!rows[0].is_known)
		answer_problem(request, PROBLEM_not_found, "there is no such recipient");
	else
		return &rows[0];
	return NULL;
}

static json_t *view_preference(const struct store_recipient *row)
{
	json_t *view = row->preference.size > 0 ? view_stored(row->preference) : json_object();

	json_object_set_new(view, "version", json_integer(row->preference_version));
	return view;
}

static json_t *effective_channel(struct request *request, const struct category *category,
				 struct plan_person *person, const struct roster_channel *channel)
{
	const char *rule, *address = "";
	enum reason reason;

	for (size_t i = 0; i < person->address_count && *address == 0; i++) {
		if (strcmp(person->addresses[i].kind, channel->kind) == 0)
			address = person->addresses[i].address;
	}
	reason =
		plan_recheck(category, person, channel->name, channel->kind, address, request->now_ms, &rule);
	return json_pack("{s:s, s:s, s:s, s:b, s:s, s:s}", "category", category->name, "channel",
			 channel->name, "kind", channel->kind, "allowed", reason == REASON_none, "reason",
			 reason_name(reason), "words", reason_words(reason));
}

static void effective(struct request *request, const struct store_recipient *row)
{
	const struct roster *roster = roster_get(request->thread->http->settings.rosters);
	struct store_category *categories;
	json_t *items = json_array(), *tree;
	struct plan_person person;
	struct herald_error err;
	const char *next;
	size_t count = 0;
	enum herald_code code;

	intake_person(row, request->arena, &person, &tree);
	code = store_categories(intake_session(request->intake), request->tenant, "", PAGE_ITEMS_MAX,
				request->arena, &categories, &count, &next, &err);
	for (size_t i = 0; i < count && code == HERALD_OK; i++) {
		const struct category *category;

		code = intake_category(request->intake, request->tenant, categories[i].name, &category, &err);
		for (size_t j = 0; j < roster->channel_count && code == HERALD_OK; j++)
			json_array_append_new(
				items, effective_channel(request, category, &person, &roster->channels[j]));
	}
	roster_put(roster);
	json_decref(tree);
	if (code == HERALD_OK) {
		answer_page(request, items, "");
		return;
	}
	json_decref(items);
	answer_code(request, code, &err);
}

void preference_get(struct request *request)
{
	const struct store_recipient *row = person_read(request);
	const char *wants = request_query(request, "effective");

	if (row == NULL)
		return;
	if (*wants != 0 && strcmp(wants, "true") != 0 && strcmp(wants, "false") != 0) {
		faults_add(&request->faults, "?effective", "range", "must be true or false");
		answer_faults(request);
		return;
	}
	if (strcmp(wants, "true") == 0) {
		effective(request, row);
		return;
	}
	answer_etag(request, row->preference_version);
	answer_tree(request, 200, view_preference(row));
}

static void patch(struct request *request);

static void chosen(struct request *request)
{
	struct choosing *choosing = request->state;
	struct store_put_preference *put = &choosing->put;

	/* A PATCH that names no version is of whatever version there is: then of the new one, so that two
	 * choices made at once are both kept. */
	if (put->op.code == HERALD_CONFLICT && request->if_match < 0 && choosing->read_version >= 0 &&
	    ++choosing->tries < PATCH_TRIES_MAX) {
		patch(request);
		return;
	}
	if (put->op.code == HERALD_CONFLICT && (request->if_match >= 0 || choosing->read_version < 0)) {
		answer_problem(request, PROBLEM_changed_meanwhile,
			       "the preferences were changed meanwhile; read them again");
		return;
	}
	if (answer_op_trouble(request, &put->op))
		return;
	if (put->ret_is_unknown) {
		answer_problem(request, PROBLEM_not_found, "there is no such recipient");
		return;
	}
	answer_etag(request, put->ret_version);
	json_object_set_new(choosing->body, "version", json_integer(put->ret_version));
	answer_json(request, 200, choosing->body);
}

static void choosing_end(struct request *request)
{
	json_decref(((struct choosing *)request->state)->body);
}

/* Takes body. */
static void choose(struct request *request, json_t *body)
{
	struct choosing *choosing = request->state;
	struct herald_builder builder;
	struct preference preference;

	json_decref(choosing->body);
	choosing->body = body;
	preference_parse(body, &preference, &request->faults);
	if (request_is_faulty(request))
		return;
	json_object_del(body, "version");
	herald_builder_init(&builder, PREFERENCE_BYTES_MAX);
	json_write(body, &builder);
	choosing->put.body = arena_bytes_copy(request->arena, builder.data, builder.size);
	if (builder.code != HERALD_OK)
		faults_add(&request->faults, "", "range", "preferences have at most %d bytes",
			   PREFERENCE_BYTES_MAX);
	herald_builder_done(&builder);
	if (request_is_faulty(request))
		return;
	choosing->put.op.verb = STORE_PUT_PREFERENCE;
	choosing->put.op.takes_back = true;
	choosing->put.op.audit =
		(struct store_audit){.verb = "preference.put", .payload = choosing->put.body.data};
	choosing->put.recipient = request->params[0];
	choosing->put.if_version = request->if_match >= 0 ? request->if_match : choosing->read_version;
	request_submit(request, &choosing->put.op, chosen);
}

static void choosing_begin(struct request *request)
{
	struct choosing *choosing = arena_new_of(request->arena, struct choosing);

	choosing->read_version = -1;
	request->state = choosing;
	request->cleanup = choosing_end;
}

void preference_put(struct request *request)
{
	choosing_begin(request);
	choose(request, json_incref(request->tree));
}

static void patch(struct request *request)
{
	struct choosing *choosing = request->state;
	const struct store_recipient *row = person_read(request);
	json_t *now;

	if (row == NULL)
		return;
	choosing->read_version = row->preference_version;
	now = view_preference(row);
	json_object_del(now, "version");
	choose(request, merge_patch(now, request->tree));
	json_decref(now);
}

void preference_patch(struct request *request)
{
	choosing_begin(request);
	patch(request);
}

/* Every change that the audit kept, newest first. */
void preference_history_get(struct request *request)
{
	const struct store_recipient *row = person_read(request);
	struct store_audit_row *rows;
	struct herald_error err;
	int64_t after_seq;
	const char *after;
	uint32_t limit = 0;
	json_t *items;
	size_t count;
	enum herald_code code;

	if (row == NULL)
		return;
	request_page(request, &limit, &after);
	after_seq = request_after_number(request);
	if (request_is_faulty(request))
		return;
	code = store_audit(intake_session(request->intake), request->tenant, 0, "", row->row, after_seq,
			   limit, request->arena, &rows, &count, &err);
	if (code != HERALD_OK) {
		answer_code(request, code, &err);
		return;
	}
	items = json_array();
	for (size_t i = 0; i < count; i++) {
		if (strcmp(rows[i].verb, "preference.put") == 0)
			json_array_append_new(
				items,
				json_pack("{s:o, s:s, s:o}", "at", view_time(rows[i].at_ms), "actor",
					  rows[i].actor, "preferences",
					  view_stored(text_of(rows[i].payload, strlen(rows[i].payload)))));
	}
	answer_page(request, items,
		    count == limit ? arena_printf(request->arena, "%lld", (long long)rows[count - 1].seq)
				   : "");
}

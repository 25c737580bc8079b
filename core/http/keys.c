/* API keys: made, listed, revoked.  The secret is shown once and stored as a hash; a tenant exists from its
 * first key. */
#include <stdio.h>
#include <string.h>

#include "base/id.h"
#include "base/json.h"
#include "http/private.h"
#include "http/resources.h"
#include "http/view.h"
#include "model/field.h"
#include "base/check.h"

enum { KEY_TEXT_SIZE = 128 };

struct keying {
	struct store_put_key put;
	char secret[KEY_TEXT_SIZE];
	const char *tenant_name;
	int64_t tenant;
};

static json_t *scopes_view(const char *scopes)
{
	json_t *view = json_array();

	while (*scopes != 0) {
		size_t size = strcspn(scopes, " ");

		json_array_append_new(view, json_stringn(scopes, size));
		scopes += size + (scopes[size] == ' ');
	}
	return view;
}

static json_t *view_key(struct request *request, const struct store_key_row *row)
{
	const char *tenant = store_tenant_name(request->store, row->tenant);
	json_t *view = json_pack("{s:o, s:s, s:s, s:o, s:o, s:o}", "id", view_id("key", row->id), "tenant",
				 tenant ? tenant : "", "name", row->name, "scopes", scopes_view(row->scopes),
				 "created_at", view_time(row->created_at_ms), "expires_at",
				 view_time(row->expires_at_ms));

	if (row->rate_per_s > 0)
		json_object_set_new(view, "rate", json_sprintf("%u/s", row->rate_per_s));
	return view;
}

void keys_get(struct request *request)
{
	struct store_key_row *rows;
	struct herald_error err;
	int64_t after_id = 0;
	char next[ID_TEXT_SIZE] = "";
	const char *after;
	uint32_t limit = 0;
	json_t *items;
	size_t count;
	enum herald_code code;

	request_page(request, &limit, &after);
	if (limit > 0 && *after != 0 && !id_parse("key", after, &after_id))
		faults_add(&request->faults, "?after", "syntax", "is not a cursor of this list");
	if (request_is_faulty(request))
		return;
	code = store_keys(intake_session(request->intake), request->tenant, after_id, limit, request->arena,
			  &rows, &count, &err);
	if (code != HERALD_OK) {
		answer_code(request, code, &err);
		return;
	}
	items = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(items, view_key(request, &rows[i]));
	if (count == limit)
		id_text("key", rows[count - 1].id, next);
	answer_page(request, items, next);
}

static bool scope_is_good(const char *scope)
{
	static const char *const known[] = {"send",       "read",    "recipients", "preferences",
					    "categories", "operate", "admin"};

	for (size_t i = 0; i < countof(known); i++) {
		if (strcmp(scope, known[i]) == 0)
			return true;
	}
	return false;
}

/* "100/s" */
static uint32_t rate_parse(struct request *request, const char *text)
{
	char *end;
	unsigned long rate = strtoul(text, &end, 10);

	if (end != text && strcmp(end, "/s") == 0 && rate >= 1 && rate <= 1000000)
		return (uint32_t)rate;
	faults_add(&request->faults, "/rate", "syntax", "must be like 100/s");
	return 0;
}

static json_t *made_view(struct request *request, const struct keying *keying, bool with_secret)
{
	struct store_key_row row = {.id = keying->put.id,
				    .tenant = keying->tenant,
				    .expires_at_ms = keying->put.expires_at_ms,
				    .created_at_ms = request->now_ms,
				    .scopes = keying->put.scopes,
				    .name = keying->put.name,
				    .rate_per_s = keying->put.rate_per_s};
	json_t *view = view_key(request, &row);

	if (with_secret)
		json_object_set_new(view, "key", json_string(keying->secret));
	return view;
}

static void made(struct request *request)
{
	struct keying *keying = request->state;

	if (!answer_op_trouble(request, &keying->put.op))
		answer_tree(request, 201, made_view(request, keying, true));
	explicit_bzero(keying->secret, sizeof(keying->secret));
}

static bool key_parse(struct request *request, struct keying *keying)
{
	const char *const *scopes = NULL, *tenant = request->tenant_name, *rate = "";
	struct herald_builder builder;
	struct field_reader reader;
	size_t count = 0;

	keying->put.name = "";
	if (!field_open(&reader, request->tree, "", "tenant scopes rate expires_at name", "",
			&request->faults))
		return false;
	if (field_text(&reader, "tenant", 32, &tenant) && !name_is_channel(tenant))
		faults_add(&request->faults, "/tenant", "syntax",
			   "is not a tenant's name: a-z, then a-z 0-9 -, at most 32");
	field_text(&reader, "name", 64, &keying->put.name);
	field_instant(&reader, "expires_at", &keying->put.expires_at_ms);
	if (field_text(&reader, "rate", 16, &rate))
		keying->put.rate_per_s = rate_parse(request, rate);
	if (field_required(&reader, "scopes") &&
	    field_texts(&reader, "scopes", 7, 16, scope_is_good, &scopes, &count) && count == 0)
		faults_add(&request->faults, "/scopes", "range", "needs at least one scope");
	if (faults_any(&request->faults))
		return false;
	herald_builder_init(&builder, 256);
	for (size_t i = 0; i < count; i++)
		herald_addf(&builder, "%s%s", i ? " " : "", scopes[i]);
	keying->put.scopes = arena_text(request->arena, builder.data);
	herald_builder_done(&builder);
	keying->tenant_name = tenant;
	return true;
}

void key_post(struct request *request)
{
	struct keying *keying = arena_new_of(request->arena, struct keying);
	struct herald_builder replay;
	struct herald_text answer;
	json_t *view;

	request->state = keying;
	if (!key_parse(request, keying)) {
		answer_faults(request);
		return;
	}
	if (!request->is_admin_socket && strcmp(keying->tenant_name, request->tenant_name) != 0) {
		answer_problem(request, PROBLEM_scope_missing,
			       "a key makes keys for its own tenant; another's are made on the admin socket");
		return;
	}
	keying->tenant = store_tenant_number(request->store, keying->tenant_name, true);
	if (keying->tenant < 0) {
		answer_retry_after(request, 5);
		answer_problem(request, PROBLEM_store_unavailable, "the tenant cannot be made now");
		return;
	}
	keying->put.op.verb = STORE_PUT_KEY;
	keying->put.op.tenant = keying->tenant;
	keying->put.op.audit = (struct store_audit){.verb = "key.create", .payload = "{}"};
	keying->put.id = store_next_id(request->store);
	auth_make_secret(keying->put.id, keying->secret, sizeof(keying->secret), keying->put.secret_hash);
	/* A replay answers without the secret: it is shown once. */
	view = made_view(request, keying, false);
	herald_builder_init(&replay, 4096);
	json_write(view, &replay);
	answer = arena_bytes_copy(request->arena, replay.data, replay.size);
	herald_builder_done(&replay);
	json_decref(view);
	request_submit_once(request, &keying->put.op, 201, answer, made);
}

static void revoked(struct request *request)
{
	struct keying *keying = request->state;

	if (answer_op_trouble(request, &keying->put.op))
		return;
	if (keying->put.ret_is_unknown)
		answer_problem(request, PROBLEM_not_found, "there is no such key");
	else
		answer_nothing(request);
}

void key_delete(struct request *request)
{
	struct keying *keying = arena_new_of(request->arena, struct keying);

	request->state = keying;
	if (!id_parse("key", request->params[0], &keying->put.id)) {
		answer_problem(request, PROBLEM_not_found, "there is no such key");
		return;
	}
	keying->put.op.verb = STORE_PUT_KEY;
	keying->put.op.audit = (struct store_audit){.verb = "key.revoke", .payload = "{}"};
	keying->put.scopes = keying->put.name = "";
	keying->put.is_delete = true;
	request_submit(request, &keying->put.op, revoked);
}

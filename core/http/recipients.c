/* People: PUT, PATCH, GET, DELETE and the list.  Addresses are checked and made canonical by their channels'
 * plugins before anything is stored. */
#include <stdio.h>
#include <string.h>

#include "http/private.h"
#include "http/resources.h"
#include "http/view.h"
#include "model/field.h"
#include "base/check.h"

enum { PATCH_TRIES_MAX = 50 };

struct writing {
	struct store_put_recipient put;
	struct recipient recipient;
	json_t *merged;       /* of a PATCH */
	int64_t read_version; /* of a PATCH: what it was made of; else -1 */
	int tries;
	struct address_question *questions;
};

static json_t *view_address(const struct store_address *address)
{
	json_t *view = json_pack("{s:s, s:s, s:b, s:b}", "kind", address->kind, "address", address->address,
				 "verified", address->is_verified, "checked", address->is_checked);

	if (*address->channel != 0)
		json_object_set_new(view, "channel", json_string(address->channel));
	if (*address->label != 0)
		json_object_set_new(view, "label", json_string(address->label));
	if (address->memory.size > 0)
		json_object_set_new(view, "memory", view_stored(address->memory));
	return view;
}

static json_t *view_recipient(const struct store_recipient *row)
{
	json_t *addresses = json_array(), *view;

	for (size_t i = 0; i < row->address_count; i++)
		json_array_append_new(addresses, view_address(&row->addresses[i]));
	view = json_pack(
		"{s:s, s:I, s:s, s:s, s:s, s:o, s:o}", "id", row->id, "version", (json_int_t)row->version,
		"name", row->name, "locale", row->locale, "timezone", row->timezone, "attributes",
		view_stored(text_of(row->attributes, strlen(row->attributes))), "addresses", addresses);
	return view;
}

/* NULL: it has answered. */
static const struct store_recipient *recipient_read(struct request *request)
{
	struct store_recipient *rows;
	struct herald_error err;
	enum herald_code code;

	if (!name_is_recipient(request->params[0])) {
		answer_problem(request, PROBLEM_not_found, "there is no such recipient");
		return NULL;
	}
	code = store_people(intake_session(request->intake), request->tenant, &request->params[0], 1,
			    request->arena, &rows, &err);
	if (code != HERALD_OK)
		answer_code(request, code, &err);
	else if (!rows[0].is_known && request->must_exist)
		answer_problem(request, PROBLEM_changed_meanwhile, "there is no such recipient (any more)");
	else if (!rows[0].is_known)
		answer_problem(request, PROBLEM_not_found, "there is no such recipient");
	else
		return &rows[0];
	return NULL;
}

void recipient_get(struct request *request)
{
	const struct store_recipient *row = recipient_read(request);

	if (row == NULL)
		return;
	answer_etag(request, row->version);
	answer_tree(request, 200, view_recipient(row));
}

void recipients_get(struct request *request)
{
	struct store_recipient *rows;
	const char *after, *next;
	struct herald_error err;
	uint32_t limit = 0;
	json_t *items;
	size_t count;
	enum herald_code code;

	request_page(request, &limit, &after);
	if (request_is_faulty(request))
		return;
	code = store_recipients(intake_session(request->intake), request->tenant, after, limit,
				request->arena, &rows, &count, &next, &err);
	if (code != HERALD_OK) {
		answer_code(request, code, &err);
		return;
	}
	items = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(items, view_recipient(&rows[i]));
	answer_page(request, items, next);
}

static void writing_end(struct request *request)
{
	json_decref(((struct writing *)request->state)->merged);
}

static void patch(struct request *request);

static void written(struct request *request)
{
	struct writing *writing = request->state;
	struct store_put_recipient *put = &writing->put;
	const struct store_recipient *row;

	/* A PATCH that names no version is of whatever version there is: then of the new one. */
	if (put->op.code == HERALD_CONFLICT && request->if_match < 0 && writing->read_version >= 0 &&
	    ++writing->tries < PATCH_TRIES_MAX) {
		patch(request);
		return;
	}
	if (put->op.code == HERALD_CONFLICT && (request->if_match >= 0 || writing->read_version < 0)) {
		answer_problem(request, PROBLEM_changed_meanwhile,
			       "the recipient was changed meanwhile; read it again");
		return;
	}
	if (answer_op_trouble(request, &put->op))
		return;
	if (put->ret_is_unknown) {
		answer_problem(request, PROBLEM_not_found, "there is no such recipient");
		return;
	}
	if (put->is_delete) {
		answer_nothing(request);
		return;
	}
	row = recipient_read(request);
	if (row == NULL)
		return;
	answer_etag(request, row->version);
	answer_tree(request, put->ret_is_new ? 201 : 200, view_recipient(row));
}

static void submit(struct request *request, const char *verb)
{
	struct writing *writing = request->state;

	writing->put.op.verb = STORE_PUT_RECIPIENT;
	writing->put.op.takes_back = true;
	/* The chain keeps that and when, not what: names and addresses stay where erasure finds them. */
	writing->put.op.audit = (struct store_audit){.verb = verb, .payload = "{}"};
	writing->put.id = request->params[0];
	writing->put.if_version = request->if_match >= 0 ? request->if_match : writing->read_version;
	request_submit(request, &writing->put.op, written);
}

static void addresses_known(struct request *request)
{
	struct writing *writing = request->state;
	const struct recipient *recipient = &writing->recipient;
	struct store_address *addresses;

	if (!addresses_good(request, writing->questions, recipient->address_count,
			    strcmp(request_query(request, "check"), "later") == 0))
		return;
	addresses = arena_array_of(request->arena, recipient->address_count, struct store_address);
	for (size_t i = 0; i < recipient->address_count; i++) {
		const struct recipient_address *from = &recipient->addresses[i];
		const struct checked_address *checked = &writing->questions[i].checked;
		bool is_checked = checked->canonical != NULL;

		addresses[i] = (struct store_address){
			.kind = from->kind,
			.channel = from->channel,
			.address = is_checked ? checked->canonical : from->address,
			.label = from->label,
			.destination = is_checked ? checked->destination : "",
			.is_verified = from->is_verified,
			.is_checked = is_checked,
			.memory = from->memory,
		};
		store_address_hash(request->tenant, from->kind, addresses[i].address, addresses[i].hash);
	}
	writing->put.name = recipient->name;
	writing->put.locale = recipient->locale;
	writing->put.timezone = recipient->timezone;
	writing->put.attributes = recipient->attributes;
	writing->put.addresses = addresses;
	writing->put.address_count = recipient->address_count;
	submit(request, "recipient.put");
}

static void write_body(struct request *request, const json_t *body)
{
	struct writing *writing = request->state;
	const struct recipient *recipient = &writing->recipient;
	const char *check = request_query(request, "check");

	if (*check != 0 && strcmp(check, "later") != 0)
		faults_add(&request->faults, "?check", "range", "can only be later");
	recipient_parse(body, request->params[0], &writing->recipient, &request->faults);
	if (request_is_faulty(request))
		return;
	writing->questions =
		arena_array_of(request->arena, recipient->address_count, struct address_question);
	for (size_t i = 0; i < recipient->address_count; i++) {
		struct address_question *question = &writing->questions[i];

		question->kind = recipient->addresses[i].kind;
		question->channel = recipient->addresses[i].channel;
		question->address = recipient->addresses[i].address;
		snprintf(question->pointer, sizeof(question->pointer), "/addresses/%zu/address", i);
	}
	addresses_check(request, writing->questions, recipient->address_count, &request->faults,
			addresses_known);
}

static struct writing *writing_begin(struct request *request)
{
	struct writing *writing = arena_new_of(request->arena, struct writing);

	writing->read_version = -1;
	request->state = writing;
	request->cleanup = writing_end;
	if (name_is_recipient(request->params[0]))
		return writing;
	answer_problem(request, PROBLEM_invalid, "a recipient's id is 1 to %d printable bytes",
		       RECIPIENT_ID_BYTES_MAX);
	return NULL;
}

void recipient_put(struct request *request)
{
	if (writing_begin(request) == NULL)
		return;
	if (request->must_exist && recipient_read(request) == NULL)
		return; /* If-Match: * */
	write_body(request, request->tree);
}

static void patch(struct request *request)
{
	struct writing *writing = request->state;
	const struct store_recipient *row = recipient_read(request);
	json_t *now;

	if (row == NULL)
		return;
	now = view_recipient(row);
	json_decref(writing->merged);
	writing->merged = merge_patch(now, request->tree);
	json_decref(now);
	writing->read_version = row->version;
	write_body(request, writing->merged);
}

void recipient_patch(struct request *request)
{
	if (writing_begin(request) != NULL)
		patch(request);
}

void recipient_delete(struct request *request)
{
	struct writing *writing = writing_begin(request);

	if (writing == NULL)
		return;
	writing->put.is_delete = true;
	writing->put.name = writing->put.locale = writing->put.timezone = "";
	writing->put.attributes = "{}";
	submit(request, "recipient.delete");
}

/* What waits for send_at, and what changed while it waited: kept as it came, planned when it is due.
 *
 * The kept request is {"body": the caller's, "places": [[{"a": canonical, "d": destination}]]}: an inline
 * address was checked by its plugin at acceptance, and is not asked about again. */
#include <string.h>

#include "base/id.h"
#include "base/json.h"
#include "intake/private.h"
#include "base/check.h"

struct herald_text schedule_write(const struct intake_call *call)
{
	const struct notification *notification = call->notification;
	struct herald_builder builder;
	struct herald_text text;

	herald_builder_init(&builder, 4 * BODY_BYTES_MAX);
	herald_add(&builder, "{\"body\":");
	herald_add_bytes(&builder, call->body.data, call->body.size);
	herald_add(&builder, ",\"places\":[");
	for (size_t i = 0; i < notification->target_count; i++) {
		herald_add(&builder, i == 0 ? "[" : ",[");
		for (size_t j = 0; j < notification->targets[i].address_count; j++) {
			herald_add(&builder, j == 0 ? "{\"a\":" : ",{\"a\":");
			herald_add_json(&builder, call->places[i][j].canonical);
			herald_add(&builder, ",\"d\":");
			herald_add_json(&builder, call->places[i][j].destination);
			herald_add(&builder, "}");
		}
		herald_add(&builder, "]");
	}
	herald_add(&builder, "]}");
	CHECK(builder.code == HERALD_OK); /* each part is bounded well below */
	text = arena_bytes_copy(call->faults->arena, builder.data, builder.size);
	herald_builder_done(&builder);
	return text;
}

static const struct intake_place *const *
places_read(const json_t *tree, const struct notification *notification, struct arena *arena)
{
	const struct intake_place **places =
		arena_array_of(arena, notification->target_count, const struct intake_place *);

	for (size_t i = 0; i < notification->target_count; i++) {
		size_t count = notification->targets[i].address_count;
		struct intake_place *row = arena_array_of(arena, count, struct intake_place);

		for (size_t j = 0; j < count; j++) {
			const json_t *place = json_array_get(json_array_get(tree, i), j);
			const char *address = json_string_value(json_object_get(place, "a"));
			const char *destination = json_string_value(json_object_get(place, "d"));

			row[j].canonical = arena_text(arena, address);
			row[j].destination = arena_text(arena, destination);
		}
		places[i] = row;
	}
	return places;
}

enum herald_code intake_scheduled(struct intake *intake, int64_t tenant,
				  const struct store_notification_row *row, int64_t now_ms,
				  struct intake_call *call, struct notification *notification,
				  json_t **ret_tree, struct herald_error *err)
{
	json_t *tree = json_loadb(row->request.data, row->request.size, 0, NULL);

	*ret_tree = tree;
	if (tree == NULL)
		return herald_fail(err, HERALD_CORRUPT, "a scheduled notification's request cannot be read");
	if (!notification_parse(json_object_get(tree, "body"), NOTIFICATION_BULK_LINE, notification,
				call->faults))
		return HERALD_INVALID;
	notification->dedup_key = ""; /* counted when it was accepted */
	notification->replaces = 0;
	call->tenant = tenant;
	call->now_ms = now_ms;
	call->notification = notification;
	call->places = places_read(json_object_get(tree, "places"), notification, call->faults->arena);
	call->accept.is_from_schedule = true;
	call->accept.accepted_at_ms = row->accepted_at_ms;
	call->accept.send_at_ms = row->send_at_ms;
	return intake_plan(intake, call, err);
}

enum herald_code intake_replan(struct intake *intake, int64_t tenant, const struct store_delivery_row *row,
			       int64_t now_ms, struct arena *arena, struct store_replan *ret_replan,
			       struct herald_error *err)
{
	const char *ids[] = {row->recipient_id},
		   *channel = store_channel_name(intake->settings.store, row->channel);
	const struct category *category;
	struct store_recipient *people;
	struct plan_person person;
	const char *rule;
	json_t *tree = NULL;
	enum reason reason;
	enum herald_code code;

	code = store_people(intake->session, tenant, ids, 1, arena, &people, err);
	if (code == HERALD_OK)
		code = intake_category(intake, tenant, row->category, &category, err);
	if (code != HERALD_OK)
		return code;
	intake_person(&people[0], arena, &person, &tree);
	reason = person.is_known
			 ? plan_recheck(category, &person, channel, row->kind, row->address, now_ms, &rule)
			 : REASON_by_caller;
	json_decref(tree);
	*ret_replan = (struct store_replan){
		.op = {.verb = STORE_REPLAN,
		       .tenant = tenant,
		       .now_ms = now_ms,
		       .arena = arena,
		       .audit = {.actor = "", .verb = "", .payload = ""}},
		.notification = row->notification,
		.n = row->n,
		.to = reason == REASON_none ? DELIVERY_QUEUED
		      : person.is_known     ? DELIVERY_SUPPRESSED
					    : DELIVERY_CANCELLED,
		.reason = reason,
		.recipient_version = people[0].version,
		.due_at_ms = now_ms,
	};
	return HERALD_OK;
}

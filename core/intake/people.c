/* The planner's people from the store's rows, and from addresses given inline. */
#include "intake/private.h"

#include <string.h>

#include "base/json.h"

#include "base/check.h"

static struct plan_address address_of(const struct store_address *from)
{
	return (struct plan_address){
		.row = from->row,
		.kind = from->kind,
		.channel = from->channel,
		.address = from->address,
		.label = from->label,
		.destination = from->destination,
		.is_verified = from->is_verified,
		.is_checked = from->is_checked,
		.is_suppressed = from->is_suppressed,
		.memory = from->memory,
		.memory_channel = from->memory_channel,
	};
}

void intake_person(const struct store_recipient *from, struct arena *arena, struct plan_person *ret_person,
		   json_t **ret_tree)
{
	struct plan_address *addresses = arena_array_of(arena, from->address_count, struct plan_address);
	struct plan_person person = {.id = from->id,
				     .is_known = from->is_known,
				     .row = from->row,
				     .version = from->version,
				     .label = ""};
	struct faults faults;

	*ret_tree = NULL;
	person.name = person.locale = person.timezone = "";
	if (!from->is_known) {
		*ret_person = person;
		return;
	}
	person.name = from->name;
	person.locale = from->locale;
	person.timezone = from->timezone;
	if (strlen(from->attributes) > 2) {
		*ret_tree = json_loads(from->attributes, 0, NULL);
		person.attributes = *ret_tree;
	}
	for (size_t i = 0; i < from->address_count; i++) {
		addresses[i] = address_of(&from->addresses[i]);
		memcpy(addresses[i].hash, from->addresses[i].hash, ADDRESS_HASH_BYTES);
	}
	person.addresses = addresses;
	person.address_count = from->address_count;
	if (from->preference.size > 0) {
		json_auto *tree = json_loadb(from->preference.data, from->preference.size, 0, NULL);

		faults_init(&faults, arena);
		preference_parse(tree, &person.preference, &faults);
	}
	*ret_person = person;
}

/* Somebody whom we do not know: one person per target, with the addresses that came along. */
static enum herald_code inline_person(struct intake *intake, const struct intake_call *call, size_t index,
				      struct plan_person *ret_person, struct herald_error *err)
{
	const struct target *target = &call->notification->targets[index];
	struct arena *arena = call->faults->arena;
	struct plan_address *addresses = arena_array_of(arena, target->address_count, struct plan_address);
	struct herald_text nothing;

	for (size_t i = 0; i < target->address_count; i++) {
		const struct recipient_address *from = &target->addresses[i];
		struct plan_address *address = &addresses[i];
		enum herald_code code;

		*address = (struct plan_address){
			.kind = from->kind,
			.channel = from->channel,
			.address = call->places[index][i].canonical,
			.label = from->label,
			.destination = call->places[index][i].destination,
			.is_verified = from->is_verified,
			.is_checked = true,
			.memory = from->memory,
		};
		store_address_hash(call->tenant, from->kind, address->address, address->hash);
		code = store_inline(intake->session, call->tenant, 0, address->hash, arena,
				    &address->is_suppressed, &nothing, err);
		if (code != HERALD_OK)
			return code;
	}
	*ret_person = (struct plan_person){.id = "",
					   .is_known = true,
					   .name = target->name,
					   .locale = target->locale,
					   .timezone = target->timezone,
					   .addresses = addresses,
					   .address_count = target->address_count,
					   .label = target->label};
	return HERALD_OK;
}

enum herald_code people_read(struct intake *intake, struct intake_call *call, struct herald_error *err)
{
	const struct notification *notification = call->notification;
	struct arena *arena = call->faults->arena;
	const char **ids = arena_array_of(arena, notification->target_count, const char *);
	struct store_recipient *rows;
	size_t count = 0, row = 0;
	enum herald_code code;

	for (size_t i = 0; i < notification->target_count; i++) {
		if (*notification->targets[i].recipient != 0)
			ids[count++] = notification->targets[i].recipient;
	}
	code = store_people(intake->session, call->tenant, ids, count, arena, &rows, err);
	if (code != HERALD_OK)
		return code;
	call->people = arena_array_of(arena, notification->target_count, struct plan_person);
	call->trees = arena_array_of(arena, notification->target_count, json_t *);
	call->person_count = notification->target_count;
	for (size_t i = 0; i < notification->target_count; i++) {
		if (*notification->targets[i].recipient == 0) {
			code = inline_person(intake, call, i, &call->people[i], err);
			if (code != HERALD_OK)
				return code;
			continue;
		}
		intake_person(&rows[row++], arena, &call->people[i], &call->trees[i]);
		call->people[i].id = notification->targets[i].recipient;
		call->people[i].label = notification->targets[i].label;
	}
	return HERALD_OK;
}

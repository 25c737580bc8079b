/* Preferences: see preference.h. */
#include "model/preference.h"

#include <string.h>

#include "model/field.h"
#include "base/check.h"

static bool category_choice_parse(const json_t *value, const char *category, const char *pointer,
				  struct category_choice *ret_choice, struct faults *faults)
{
	struct category_choice choice = {.category = arena_text(faults->arena, category)};
	struct field_reader reader;
	int strategy = -1;
	char where[POINTER_BYTES_MAX];

	if (json_is_boolean(value)) {
		choice.has_enabled = true;
		choice.is_enabled = json_is_true(value);
		*ret_choice = choice;
		return true;
	}
	if (!field_open(&reader, value, pointer, "enabled channels strategy", "quiet_hours limits digest",
			faults))
		return false;
	choice.has_enabled = field_bool(&reader, "enabled", &choice.is_enabled);
	field_pointer(&reader, "channels", where);
	if (json_object_get(value, "channels") != NULL)
		choices_parse(json_object_get(value, "channels"), where, &choice.channels,
			      &choice.channel_count, faults);
	if (field_word_or_later(&reader, "strategy", "all|first", "escalate", &strategy))
		choice.strategy = strategy == 0 ? STRATEGY_ALL : STRATEGY_FIRST;
	*ret_choice = choice;
	return true;
}

static void categories_parse(const json_t *value, struct preference *preference, struct faults *faults)
{
	struct category_choice *choices;
	struct field_reader reader;
	const char *name;
	json_t *field;
	size_t count = 0;

	if (!field_open(&reader, value, "/categories", NULL, NULL, faults))
		return;
	if (json_object_size(value) > PREFERENCE_CATEGORIES_MAX) {
		faults_add(faults, "/categories", "range", "at most %d categories",
			   PREFERENCE_CATEGORIES_MAX);
		return;
	}
	choices = arena_array_of(faults->arena, json_object_size(value), struct category_choice);
	json_object_foreach((json_t *)(uintptr_t)value, name, field)
	{
		char where[POINTER_BYTES_MAX];

		field_pointer(&reader, name, where);
		if (!name_is_category(name))
			faults_add(faults, where, "syntax", "is not a category's name");
		else if (category_choice_parse(field, name, where, &choices[count], faults))
			count++;
	}
	preference->categories = choices;
	preference->category_count = count;
}

bool preference_parse(const json_t *body, struct preference *ret_preference, struct faults *faults)
{
	struct preference preference = {.is_unsubscribed_all = false};
	size_t before = faults->count;
	struct field_reader reader;

	*ret_preference = preference;
	if (body == NULL)
		return true;
	if (!field_open(&reader, body, "", "version unsubscribed_all muted_until order channels categories",
			"quiet_hours preferred_times limits", faults))
		return false;
	field_bool(&reader, "unsubscribed_all", &preference.is_unsubscribed_all);
	if (!json_is_null(json_object_get(body, "muted_until")))
		field_instant(&reader, "muted_until", &preference.muted_until_ms);
	field_texts(&reader, "order", CHANNELS_MAX, 32, name_is_kind, &preference.order,
		    &preference.order_count);
	if (json_object_get(body, "channels") != NULL)
		choices_parse(json_object_get(body, "channels"), "/channels", &preference.channels,
			      &preference.channel_count, faults);
	if (json_object_get(body, "categories") != NULL)
		categories_parse(json_object_get(body, "categories"), &preference, faults);
	*ret_preference = preference;
	return faults->count == before;
}

const struct category_choice *preference_category(const struct preference *preference, const char *category)
{
	for (size_t i = 0; i < preference->category_count; i++) {
		if (strcmp(preference->categories[i].category, category) == 0)
			return &preference->categories[i];
	}
	return NULL;
}

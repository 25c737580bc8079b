/* Categories: see category.h. */
#include "model/category.h"

#include <string.h>

#include "model/field.h"
#include "base/check.h"

#define HOUR_MS INT64_C(3600000)

bool choices_parse(const json_t *value, const char *pointer, const struct choice **ret_choices,
		   size_t *ret_count, struct faults *faults)
{
	struct field_reader reader;
	struct choice *choices;
	const char *key;
	json_t *field;
	size_t count = 0;

	if (!field_open(&reader, value, pointer, NULL, NULL, faults))
		return false;
	if (json_object_size(value) > CHANNELS_MAX) {
		faults_add(faults, pointer, "range", "at most %d entries", CHANNELS_MAX);
		return false;
	}
	choices = arena_array_of(faults->arena, json_object_size(value), struct choice);
	json_object_foreach((json_t *)(uintptr_t)value, key, field)
	{
		char where[POINTER_BYTES_MAX];

		field_pointer(&reader, key, where);
		choices[count].key = arena_text(faults->arena, key);
		if (!name_is_kind(key))
			faults_add(faults, where, "syntax", "must be a channel kind or a channel's name");
		else if (field_bool(&reader, key, &choices[count].is_on))
			count++;
	}
	*ret_choices = choices;
	*ret_count = count;
	return true;
}

bool choice_find(const struct choice *choices, size_t count, const char *channel, const char *kind,
		 bool *ret_is_on)
{
	const struct choice *found = NULL;

	for (size_t i = 0; i < count; i++) {
		if (strcmp(choices[i].key, channel) == 0) {
			*ret_is_on = choices[i].is_on;
			return true;
		}
		if (strcmp(choices[i].key, kind) == 0)
			found = &choices[i];
	}
	if (found != NULL)
		*ret_is_on = found->is_on;
	return found != NULL;
}

static const char *title_of(const json_t *body, const char *pointer, struct faults *faults)
{
	const json_t *titles = json_object_get(body, "title");
	struct field_reader reader;
	const char *language, *title = "";
	json_t *value;

	if (titles == NULL || !field_open(&reader, titles, pointer, NULL, NULL, faults))
		return "";
	json_object_foreach((json_t *)(uintptr_t)titles, language, value)
	{
		const char *text = NULL;

		if (field_text(&reader, language, NAME_BYTES_MAX, &text) &&
		    (*title == 0 || strcmp(language, "en") == 0))
			title = text;
	}
	return title;
}

bool category_parse(const json_t *body, const char *name, struct category *ret_category,
		    struct faults *faults)
{
	struct category category = {
		.name = name, .strategy = STRATEGY_ALL, .is_listed = true, .is_opt_out = true};
	size_t before = faults->count;
	struct field_reader reader;
	int strategy = 0, consent = 1, uncertain = -1;
	const char *stated = NULL;

	if (!field_open(&reader, body, "",
			"name title description required consent channels strategy critical_allowed "
			"expires_in uncertain "
			"attempts_max content listed version",
			"escalate_after outside_hours limits digest quiet_hours preferred_times template",
			faults))
		return false;
	if (field_text(&reader, "name", 64, &stated) && strcmp(stated, name) != 0)
		faults_add(faults, "/name", "range", "must be the name in the path, or be left out");
	category.title = title_of(body, "/title", faults);
	field_bool(&reader, "required", &category.is_required);
	field_word_or_later(&reader, "consent", "none|opt_out", "opt_in|double_opt_in", &consent);
	category.is_opt_out = consent == 1;
	if (json_object_get(body, "channels") != NULL)
		choices_parse(json_object_get(body, "channels"), "/channels", &category.channels,
			      &category.channel_count, faults);
	field_word_or_later(&reader, "strategy", "all|first", "escalate", &strategy);
	category.strategy = strategy == 0 ? STRATEGY_ALL : STRATEGY_FIRST;
	field_bool(&reader, "critical_allowed", &category.is_critical_allowed);
	field_duration(&reader, "expires_in", 1000, 30 * 24 * HOUR_MS, &category.expires_in_ms);
	field_word(&reader, "uncertain", "retry|park|dead", &uncertain);
	category.uncertain = (enum uncertain_policy)(uncertain + 1);
	field_count(&reader, "attempts_max", 1, 100, &category.attempts_max);
	field_bool(&reader, "listed", &category.is_listed);
	if (json_object_get(body, "content") != NULL)
		content_parse(json_object_get(body, "content"), "/content", &category.content, faults);
	*ret_category = category;
	return faults->count == before;
}

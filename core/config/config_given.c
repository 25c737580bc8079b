/* config_given.c - what was given for a section or a channel, layer upon layer: files, environment, command
 * line.
 *
 * Invariant: within a list, later wins; so the layers are only ever appended, in the order of precedence. */
#include <stdio.h>
#include <string.h>

#include "config/private.h"
#include "base/check.h"

void given_add(struct given_list *list, struct arena *arena, const struct option_given *given)
{
	if (list->count == list->capacity) {
		size_t capacity = list->capacity == 0 ? 16 : list->capacity * 2;
		struct option_given *items = arena_array_of(arena, capacity, struct option_given);
		if (list->count > 0)
			memcpy(items, list->items, list->count * sizeof(*items));
		list->items = items;
		list->capacity = capacity;
	}
	list->items[list->count++] = *given;
}

const struct option_given *given_last(const struct option_given *items, size_t count, const char *name)
{
	while (count-- > 0) {
		if (strcmp(items[count].name, name) == 0)
			return &items[count];
	}
	return NULL;
}

struct option_given given_from_text(const char *name, const char *text, struct option_place place,
				    struct arena *arena)
{
	const char **values = arena_array_of(arena, 1, const char *);
	values[0] = arena_text(arena, text);
	return (struct option_given){
		.name = arena_text(arena, name), .values = values, .value_count = 1, .place = place};
}

static bool list_from_node(const struct node *node, const char *name, struct arena *arena,
			   struct complaints *complaints, const char ***ret_values)
{
	const char **values = arena_array_of(arena, node->count, const char *);
	size_t i = 0;
	for (const struct node *item = node->first; item != NULL; item = item->next) {
		if (item->kind != NODE_SCALAR || item->is_null) {
			complain(complaints, item->place, "the items of '%.64s' must be single values", name);
			return false;
		}
		values[i++] = item->text;
	}
	*ret_values = values;
	return true;
}

bool given_from_node(const struct node *node, const char *name, struct arena *arena,
		     struct complaints *complaints, struct option_given *ret_given)
{
	if (node->kind == NODE_MAP) {
		complain(complaints, node->place, "'%.64s' takes a value, not a mapping", name);
		return false;
	}
	if (node->kind == NODE_SCALAR && node->is_null) {
		complain(complaints, node->place, "'%.64s' has no value; an empty text is written \"\"",
			 name);
		return false;
	}
	if (node->kind == NODE_SCALAR) {
		*ret_given = given_from_text(name, node->text, node->place, arena);
		return true;
	}
	const char **values;
	if (!list_from_node(node, name, arena, complaints, &values))
		return false;
	*ret_given = (struct option_given){.name = name,
					   .values = values,
					   .value_count = node->count,
					   .is_list = true,
					   .place = node->place};
	return true;
}

struct channel_draft *config_draft_find(struct config_inner *inner, const char *name, size_t size)
{
	for (size_t i = 0; i < inner->draft_count; i++) {
		if (strlen(inner->drafts[i].name) == size && memcmp(inner->drafts[i].name, name, size) == 0)
			return &inner->drafts[i];
	}
	return NULL;
}

/* --- the environment --- */

static char upper(char c)
{
	if (c >= 'a' && c <= 'z')
		return (char)(c - 'a' + 'A');
	return c == '-' ? '_' : c;
}

/* Does text begin with NAME_, NAME being the name as a variable spells it?  Moves *text behind it. */
static bool take_variable_part(const char **text, const char *name)
{
	size_t i = 0;
	for (; name[i] != 0; i++) {
		if ((*text)[i] != upper(name[i]))
			return false;
	}
	if ((*text)[i] != '_')
		return false;
	*text += i + 1;
	return true;
}

/* Of two channels `mail` and `mail-eu`, MAIL_EU_RATE is about the one with the longer name. */
static struct channel_draft *take_channel_part(struct config_inner *inner, const char **text)
{
	struct channel_draft *found = NULL;
	const char *rest = *text;
	for (size_t i = 0; i < inner->draft_count; i++) {
		const char *at = *text;
		if (take_variable_part(&at, inner->drafts[i].name) && at > rest) {
			rest = at;
			found = &inner->drafts[i];
		}
	}
	*text = rest;
	return found;
}

static const char *lower_name(struct arena *arena, const char *text, size_t size)
{
	char *name = arena_alloc(arena, size + 1);
	for (size_t i = 0; i < size; i++)
		name[i] = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] - 'A' + 'a' : text[i]);
	return name;
}

/* A variable may be meant for somebody else, a reference env:HERALD_... say: only warned about. */
static void warn_unknown(struct config_loader *loader, const struct option_given *given,
			 const struct config_section *section)
{
	const char *nearest = options_nearest(section->table, given->name);
	complain_warning(loader->complaints, given->place, "%s has no option '%.64s'%s%s%s; ignored",
			 section->name, given->name, nearest == NULL ? "" : "; is '",
			 nearest == NULL ? "" : nearest, nearest == NULL ? "" : "' meant?");
}

static void apply_variable(struct config_loader *loader, const char *variable)
{
	const char *at = variable + strlen("HERALD_"), *equals = strchr(variable, '=');
	size_t count, section = 0;
	const struct config_section *sections = config_sections(&count);
	while (section < count && !take_variable_part(&at, sections[section].name))
		section++;
	/* HERALD_URL and whatever else; also HERALD_SERVER_=x */
	if (section == count || at >= equals)
		return;

	struct given_list *list = &loader->inner->sections[section];
	struct option_place place = {
		.file = arena_printf(loader->arena, "environment %.*s", (int)(equals - variable), variable)};
	bool is_plugins = false;
	if (section == SECTION_CHANNEL) {
		struct channel_draft *draft = take_channel_part(loader->inner, &at);
		if (draft == NULL || at >= equals) {
			complain_warning(loader->complaints, place,
					 "there is no channel of that name; ignored");
			return;
		}
		is_plugins = take_variable_part(&at, "options") && at < equals;
		list = is_plugins ? &draft->options : &draft->given;
	}
	const char *name = lower_name(loader->arena, at, (size_t)(equals - at));
	struct option_given given = given_from_text(name, equals + 1, place, loader->arena);
	struct herald_option option;
	if (!is_plugins && (!options_find(sections[section].table, name, &option) ||
			    (section == SECTION_CHANNEL && strcmp(name, "name") == 0)))
		warn_unknown(loader, &given, &sections[section]);
	else
		given_add(list, loader->arena, &given);
}

void config_apply_environment(struct config_loader *loader)
{
	if (loader->source->env == NULL)
		return;
	for (char *const *variable = loader->source->env; *variable != NULL; variable++) {
		if (strncmp(*variable, "HERALD_", strlen("HERALD_")) == 0 && strchr(*variable, '=') != NULL)
			apply_variable(loader, *variable);
	}
}

/* --- the command line --- */

/* "window" or "options.from" of a channel. */
static void apply_channel_override(struct config_loader *loader, const char *at, const char *value,
				   struct option_place place)
{
	size_t size = strcspn(at, ".");
	struct channel_draft *draft = config_draft_find(loader->inner, at, size);
	if (draft == NULL || at[size] == 0) {
		complain(loader->complaints, place, "there is no channel '%.*s'",
			 (int)(size > 64 ? 64 : size), at);
		return;
	}
	const char *name = at + size + 1;
	bool is_plugins = strncmp(name, "options.", strlen("options.")) == 0;
	if (is_plugins)
		name += strlen("options.");
	if (!is_plugins && strcmp(name, "name") == 0) {
		complain(loader->complaints, place, "the name of a channel cannot be set here");
		return;
	}
	struct option_given given = given_from_text(name, value, place, loader->arena);
	given_add(is_plugins ? &draft->options : &draft->given, loader->arena, &given);
}

static void apply_override(struct config_loader *loader, const char *override)
{
	const char *equals = strchr(override, '='), *dot = strchr(override, '.');
	struct option_place place = {.file = "--set"};
	if (equals == NULL || dot == NULL || dot > equals) {
		complain(loader->complaints, place, "'%.64s' is not section.option=value", override);
		return;
	}
	place.file = arena_printf(loader->arena, "--set %.*s", (int)(equals - override), override);
	const char *section_name = arena_bytes_copy(loader->arena, override, (size_t)(dot - override)).data;
	const char *name = arena_bytes_copy(loader->arena, dot + 1, (size_t)(equals - dot - 1)).data;
	size_t count;
	const struct config_section *sections = config_sections(&count);
	for (size_t i = 0; i < count; i++) {
		if (strcmp(sections[i].name, section_name) != 0)
			continue;
		if (i == SECTION_CHANNEL) {
			apply_channel_override(loader, name, equals + 1, place);
			return;
		}
		struct option_given given = given_from_text(name, equals + 1, place, loader->arena);
		given_add(&loader->inner->sections[i], loader->arena, &given);
		return;
	}
	complain(loader->complaints, place, "there is no section '%.64s'", section_name);
}

void config_apply_overrides(struct config_loader *loader)
{
	for (size_t i = 0; i < loader->source->override_count; i++)
		apply_override(loader, loader->source->overrides[i]);
}

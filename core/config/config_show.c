/* config_show.c - what is in force and where each value comes from, as YAML that could be read again.
 *
 * Invariant: no secret is printed.  A reference is none; a plugin's option that holds no reference and has a
 * name like a secret's may be one that was written by mistake, and is not printed. */
#include <string.h>

#include "config/private.h"
#include "config/secret.h"
#include "base/check.h"

struct show {
	struct herald_builder *builder;
	struct arena *arena;
};

static void show_place(const struct show *show, const struct option_given *given)
{
	herald_addf(show->builder, "  # %s\n",
		    given == NULL ? "default" : option_place_text(show->arena, given->place));
}

static void show_list(const struct show *show, const char *const *items, size_t count)
{
	herald_add(show->builder, "[");
	for (size_t i = 0; i < count; i++) {
		herald_add(show->builder, i > 0 ? ", " : "");
		herald_add_json(show->builder, items[i]);
	}
	herald_add(show->builder, "]");
}

static void show_option(const struct show *show, const struct herald_option *option, const void *config)
{
	const char *text = options_value_text(show->arena, option, config);
	if (option->type == HERALD_OPTION_LIST) {
		herald_list list;
		memcpy(&list, (const char *)config + option->offset, sizeof(list));
		show_list(show, list.items, list.count);
	} else if (option->type == HERALD_OPTION_TEXT || option->type == HERALD_OPTION_SECRET) {
		/* A JSON string is a YAML string. */
		herald_add_json(show->builder, text);
	} else {
		herald_add(show->builder, text);
	}
}

static void show_table(const struct show *show, size_t section, const struct given_list *list,
		       const void *config, const char *indent)
{
	size_t count;
	struct option_table table = config_sections(&count)[section].table;
	for (size_t i = 0; i < table.count; i++) {
		struct herald_option option = options_at(table, i);
		bool is_first_of_entry = section == SECTION_CHANNEL && i == 0;
		herald_addf(show->builder, "%s%s: ", is_first_of_entry ? "  - " : indent, option.name);
		show_option(show, &option, config);
		show_place(show, given_last(list->items, list->count, option.name));
	}
}

static bool sounds_secret(const char *name)
{
	static const char *const words[] = {"secret", "password",   "passwd",    "token",
					    "key",    "credential", "connection"};
	for (size_t i = 0; i < countof(words); i++) {
		if (strcasestr(name, words[i]) != NULL)
			return true;
	}
	return false;
}

static void show_plugin_options(const struct show *show, const struct channel_draft *draft)
{
	const struct given_list *list = &draft->options;
	herald_add(show->builder, list->count > 0 ? "    options:\n" : "    options: {}\n");
	for (size_t i = 0; i < list->count; i++) {
		const struct option_given *given = &list->items[i];
		/* Only the one that counts. */
		if (given_last(list->items, list->count, given->name) != given)
			continue;
		herald_add(show->builder, "      ");
		herald_add_json(show->builder, given->name);
		herald_add(show->builder, ": ");
		if (given->is_list)
			show_list(show, given->values, given->value_count);
		else if (!secret_is_reference(given->values[0]) && sounds_secret(given->name))
			herald_add(show->builder, "\"***\"");
		else
			herald_add_json(show->builder, given->values[0]);
		show_place(show, given);
	}
}

void config_show(const struct config *config, struct herald_builder *builder)
{
	const struct config_inner *inner = (const struct config_inner *)config;
	struct show show = {.builder = builder, .arena = arena_new()};
	size_t count;
	const struct config_section *sections = config_sections(&count);
	for (size_t i = 0; i < SECTION_CHANNEL; i++) {
		herald_addf(builder, "%s:\n", sections[i].name);
		const void *filled = config_section_of((struct config *)(uintptr_t)config, i);
		show_table(&show, i, &inner->sections[i], filled, "  ");
	}
	herald_add(builder, inner->draft_count > 0 ? "channels:\n" : "channels: []\n");
	for (size_t i = 0; i < inner->draft_count; i++) {
		show_table(&show, SECTION_CHANNEL, &inner->drafts[i].given, &config->channels[i], "    ");
		show_plugin_options(&show, &inner->drafts[i]);
	}
	arena_free(show.arena);
}

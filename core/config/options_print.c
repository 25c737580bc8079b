/* options_print.c - tables for people and programs: the same facts as help, manual page, JSON and conf.d. */
#include <inttypes.h>
#include <string.h>

#include "config/private.h"
#include "base/check.h"

/* "number, 1 to 64", "none|starttls|tls" */
static void add_kind(struct herald_builder *builder, const struct herald_option *option)
{
	if (option->one_of != NULL)
		herald_addf(builder, "%s%s", option->type == HERALD_OPTION_LIST ? "list of " : "",
			    option->one_of);
	else
		herald_add(builder, option_type_name(option->type));
	if (option->least != NULL && option->most != NULL)
		herald_addf(builder, ", %s to %s", option->least, option->most);
	else if (option->least != NULL)
		herald_addf(builder, ", at least %s", option->least);
	else if (option->most != NULL)
		herald_addf(builder, ", at most %s", option->most);
}

static bool has_fallback(const struct herald_option *option)
{
	return option->fallback != NULL && option->fallback[0] != 0;
}

void options_print_help(struct option_table table, struct herald_builder *builder)
{
	int width = 12;
	for (size_t i = 0; i < table.count; i++) {
		int size = (int)strnlen(options_at(table, i).name, 64);
		width = size > width ? size : width;
	}
	for (size_t i = 0; i < table.count; i++) {
		struct herald_option option = options_at(table, i);
		if (option.flags & HERALD_RETIRED)
			continue;
		herald_addf(builder, "  %-*s  ", width, option.name);
		add_kind(builder, &option);
		if (option.flags & HERALD_REQUIRED)
			herald_add(builder, "; required");
		else if (has_fallback(&option))
			herald_addf(builder, "; default %s", option.fallback);
		herald_addf(builder, "\n  %*s  %s\n", width, "", option.help);
	}
}

enum { ROFF_COLUMNS = 78, COMMENT_COLUMNS = 100 };

/* The next line of a text that is broken at blanks: its length, at most columns if there is a blank.  Moves
 * *text behind it. */
static const char *take_line(const char **text, size_t columns, size_t *ret_size)
{
	const char *line = *text;
	size_t size = strcspn(line, "\n");
	if (size > columns) {
		size_t end = columns;
		while (end > 0 && line[end] != ' ')
			end--;
		/* A word longer than a line stays whole. */
		size = end > 0 ? end : strcspn(line, " \n");
	}
	*ret_size = size;
	*text = line + size + (line[size] != 0);
	return line;
}

/* Text in mdoc: no escapes, and no request where a line begins. */
static void add_roff(struct herald_builder *builder, const char *text)
{
	while (*text != 0) {
		size_t size;
		const char *line = take_line(&text, ROFF_COLUMNS, &size);
		if (*line == '.' || *line == '\'')
			herald_add(builder, "\\&");
		for (size_t i = 0; i < size; i++) {
			if (line[i] == '\\')
				herald_add(builder, "\\e");
			else if (line[i] == '-')
				herald_add(builder, "\\-");
			else
				herald_add_bytes(builder, line + i, 1);
		}
		herald_add(builder, "\n");
	}
}

void options_print_man(struct option_table table, struct herald_builder *builder)
{
	herald_add(builder, ".Bl -tag -width Ds\n");
	for (size_t i = 0; i < table.count; i++) {
		struct herald_option option = options_at(table, i);
		if (option.flags & HERALD_RETIRED)
			continue;
		herald_addf(builder, ".It Ic %s\n", option.name);
		add_roff(builder, option.help);
		herald_add(builder, ".br\n");
		struct herald_builder kind;
		herald_builder_init(&kind, OPTION_VALUE_BYTES_MAX);
		add_kind(&kind, &option);
		if (option.flags & HERALD_REQUIRED)
			herald_add(&kind, "; required");
		else if (has_fallback(&option))
			herald_addf(&kind, "; default %s", option.fallback);
		if (option.flags & HERALD_RELOADABLE)
			herald_add(&kind, "; a change needs no restart");
		add_roff(builder, kind.data);
		herald_builder_done(&kind);
	}
	herald_add(builder, ".El\n");
}

static void add_json_text(struct herald_builder *builder, const char *name, const char *text)
{
	if (text == NULL)
		return;
	herald_addf(builder, ",\"%s\":", name);
	herald_add_json(builder, text);
}

static void add_json_words(struct herald_builder *builder, const char *one_of)
{
	char word[128];
	herald_add(builder, ",\"one_of\":[");
	for (bool is_first = true;; is_first = false) {
		size_t size = strcspn(one_of, "|");
		if (size < sizeof(word)) {
			memcpy(word, one_of, size);
			word[size] = 0;
			herald_add(builder, is_first ? "" : ",");
			herald_add_json(builder, word);
		}
		if (one_of[size] == 0)
			break;
		one_of += size + 1;
	}
	herald_add(builder, "]");
}

void options_print_json(struct option_table table, struct herald_builder *builder)
{
	herald_add(builder, "[");
	for (size_t i = 0; i < table.count; i++) {
		struct herald_option option = options_at(table, i);
		herald_add(builder, i > 0 ? ",{\"name\":" : "{\"name\":");
		herald_add_json(builder, option.name);
		add_json_text(builder, "type", option_type_name(option.type));
		if (option.flags & HERALD_REQUIRED)
			herald_add(builder, ",\"required\":true");
		if (option.flags & HERALD_RELOADABLE)
			herald_add(builder, ",\"reloadable\":true");
		if (option.flags & HERALD_RETIRED)
			herald_add(builder, ",\"retired\":true");
		add_json_text(builder, "default",
			      option.type == HERALD_OPTION_SECRET ? NULL : option.fallback);
		add_json_text(builder, "least", option.least);
		add_json_text(builder, "most", option.most);
		if (option.one_of != NULL)
			add_json_words(builder, option.one_of);
		add_json_text(builder, "help", option.help);
		herald_add(builder, "}");
	}
	herald_add(builder, "]");
}

static void add_yaml_comment(struct herald_builder *builder, unsigned indent,
			     const struct herald_option *option)
{
	struct herald_builder words;
	herald_builder_init(&words, OPTION_VALUE_BYTES_MAX);
	herald_addf(&words, "%s (", option->help);
	add_kind(&words, option);
	herald_add(&words, option->flags & HERALD_REQUIRED ? "; required)" : ")");
	for (const char *at = words.data; *at != 0;) {
		size_t size;
		const char *line = take_line(&at, COMMENT_COLUMNS - indent, &size);
		herald_addf(builder, "%*s# %.*s\n", (int)indent, "", (int)size, line);
	}
	herald_builder_done(&words);
}

void options_print_yaml(struct option_table table, unsigned indent, struct herald_builder *builder)
{
	for (size_t i = 0; i < table.count; i++) {
		struct herald_option option = options_at(table, i);
		const char *value = option.fallback == NULL ? "" : option.fallback;
		if (option.flags & HERALD_RETIRED)
			continue;
		add_yaml_comment(builder, indent, &option);
		/* What has a default is shown commented out: it is in force without being written. */
		herald_addf(builder, "%*s%s%s: ", (int)indent, "", option.flags & HERALD_REQUIRED ? "" : "# ",
			    option.name);
		if (option.type == HERALD_OPTION_LIST)
			herald_addf(builder, "[%s]", value);
		else if (option.type == HERALD_OPTION_TEXT)
			herald_add_json(builder, value);
		else
			herald_add(builder, option.type == HERALD_OPTION_SECRET ? "file:/PATH" : value);
		herald_add(builder, "\n");
	}
}

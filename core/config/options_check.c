/* options_check.c - is a table sane?  Asked of every plugin before its first option is read, and of our own
 * by a test: a table that passes cannot make options_fill write outside of the struct or read past a text. */
#include <string.h>

#include "config/private.h"
#include "base/check.h"

static bool is_option_name(const char *name)
{
	if (name == NULL || name[0] < 'a' || name[0] > 'z' || strnlen(name, 65) > 64)
		return false;
	return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(name);
}

static enum herald_code check_place(struct option_table table, size_t index,
				    const struct herald_option *option, struct herald_error *err)
{
	size_t size = option_type_size(option->type), align = size < sizeof(void *) ? size : sizeof(void *);
	if (option->offset > table.config_size || size > table.config_size - option->offset)
		return herald_fail(err, HERALD_INVALID, "lies outside of the configuration struct");
	if (option->offset % align != 0)
		return herald_fail(err, HERALD_INVALID, "is not aligned");
	for (size_t i = 0; i < index; i++) {
		struct herald_option other = options_at(table, i);
		if (strcmp(other.name, option->name) == 0)
			return herald_fail(err, HERALD_INVALID, "stands twice in the table");
		if (option->offset < other.offset + option_type_size(other.type) &&
		    other.offset < option->offset + size)
			return herald_fail(err, HERALD_INVALID, "overlaps option '%s'", other.name);
	}
	return HERALD_OK;
}

static enum herald_code check_bounds(const struct herald_option *option, struct herald_error *err)
{
	int64_t least = INT64_MIN, most = INT64_MAX;
	if ((option->least != NULL || option->most != NULL) && !option_type_has_bounds(option->type))
		return herald_fail(err, HERALD_INVALID, "has bounds, which a %s cannot have",
				   option_type_name(option->type));
	if (option->least != NULL &&
	    option_number_parse(option->type, option->least, &least, err) != HERALD_OK)
		return herald_within(err, "has a lower bound that does not parse: ");
	if (option->most != NULL && option_number_parse(option->type, option->most, &most, err) != HERALD_OK)
		return herald_within(err, "has an upper bound that does not parse: ");
	if (least > most)
		return herald_fail(err, HERALD_INVALID, "has bounds in the wrong order");
	if (option->one_of != NULL && option->type != HERALD_OPTION_TEXT &&
	    option->type != HERALD_OPTION_LIST)
		return herald_fail(err, HERALD_INVALID, "has a choice of words, which a %s cannot have",
				   option_type_name(option->type));
	return HERALD_OK;
}

/* Tried out with the parser itself. */
static enum herald_code check_fallback(const struct herald_option *option, struct herald_error *err)
{
	if (option->fallback == NULL)
		return HERALD_OK;
	if (option->type == HERALD_OPTION_SECRET)
		return option->fallback[0] == 0
			       ? HERALD_OK
			       : herald_fail(err, HERALD_INVALID, "is a secret and has a fallback");
	if (option->type == HERALD_OPTION_LIST && option->fallback[0] == 0)
		return HERALD_OK;
	struct herald_option alone = *option;
	alone.offset = 0;
	const struct option_given given = {.name = option->name,
					   .values = &option->fallback,
					   .value_count = 1,
					   .place = {.file = "table"}};
	struct complaints complaints;
	struct arena *arena = arena_new();
	complaints_init(&complaints, arena);
	struct options_task task = {.table = {&alone, 1, sizeof(alone), sizeof(herald_list)},
				    .given = &given,
				    .given_count = 1,
				    .what = "the table",
				    .home = given.place,
				    .arena = arena};
	/* Empty is what a required option has until somebody gives it. */
	alone.flags &= ~(uint32_t)(HERALD_REQUIRED | HERALD_RETIRED);
	herald_list field;
	options_fill(&task, &field, &complaints);
	enum herald_code code = complaints.errors == 0 ? HERALD_OK
						       : herald_fail(err, HERALD_INVALID,
								     "has a fallback that does not parse: %s",
								     complaints.items[0].text);
	arena_free(arena);
	return code;
}

static enum herald_code check_option(struct option_table table, size_t index,
				     const struct herald_option *option, struct herald_error *err)
{
	if (option_type_size(option->type) == 0)
		return herald_fail(err, HERALD_INVALID, "is of a type that is not known: %u", option->type);
	if (option->help == NULL || option->help[0] == 0)
		return herald_fail(err, HERALD_INVALID, "has no help");
	enum herald_code code = check_place(table, index, option, err);
	if (code == HERALD_OK)
		code = check_bounds(option, err);
	if (code == HERALD_OK)
		code = check_fallback(option, err);
	return code;
}

enum herald_code options_check_table(struct option_table table, struct herald_error *err)
{
	/* Everything up to `help` was there from the first day on. */
	if (table.count > 0 && (table.options == NULL || table.stride < sizeof(struct herald_option)))
		return herald_fail(err, HERALD_INVALID,
				   "the option table's entries are too small to be options");
	if (table.count > OPTIONS_PER_TABLE_MAX)
		return herald_fail(err, HERALD_LIMIT, "the option table has more than %d entries",
				   OPTIONS_PER_TABLE_MAX);
	for (size_t i = 0; i < table.count; i++) {
		struct herald_option option = options_at(table, i);
		if (!is_option_name(option.name))
			return herald_fail(err, HERALD_INVALID,
					   "entry %zu of the option table has no name of [a-z][a-z0-9_]*", i);
		enum herald_code code = check_option(table, i, &option, err);
		if (code != HERALD_OK) {
			herald_within(err, "option '%s' ", option.name);
			return code;
		}
	}
	return HERALD_OK;
}

/* options.c - a table, what was given, and the struct that comes of it.
 *
 * Invariant: after options_fill every field holds a value of its type, also where there were complaints;
 * texts and secrets are never NULL. */
#include "config/options.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "config/private.h"
#include "config/secret.h"
#include "base/check.h"

struct herald_option options_at(struct option_table table, size_t index)
{
	CHECK(index < table.count);
	struct herald_option option = {0};
	/* A table of another age may have shorter or longer entries than ours. */
	size_t size = table.stride < sizeof(option) ? table.stride : sizeof(option);
	memcpy(&option, (const char *)table.options + index * table.stride, size);
	return option;
}

bool options_find(struct option_table table, const char *name, struct herald_option *ret_option)
{
	for (size_t i = 0; i < table.count; i++) {
		struct herald_option option = options_at(table, i);
		if (strcmp(option.name, name) == 0) {
			*ret_option = option;
			return true;
		}
	}
	return false;
}

static unsigned char letter(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (unsigned char)(c - 'A' + 'a');
	return (unsigned char)(c == '-' ? '_' : c);
}

static unsigned least_of(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

enum { NAME_CHARS_MAX = 48 };

/* How many letters must be changed, added, left out or swapped with their neighbour. */
static unsigned name_distance(const char *one, const char *other)
{
	unsigned rows[3][NAME_CHARS_MAX + 2]; /* the last three rows of the table of prefixes */
	size_t height = strlen(one), width = strlen(other);
	for (size_t j = 0; j <= width; j++)
		rows[0][j] = (unsigned)j;
	for (size_t i = 1; i <= height; i++) {
		unsigned *row = rows[i % 3], *above = rows[(i + 2) % 3], *second = rows[(i + 1) % 3];
		row[0] = (unsigned)i;
		for (size_t j = 1; j <= width; j++) {
			unsigned char a = letter(one[i - 1]), b = letter(other[j - 1]);
			row[j] = least_of(above[j] + 1, row[j - 1] + 1);
			row[j] = least_of(row[j], above[j - 1] + (a != b));
			if (i > 1 && j > 1 && a == letter(other[j - 2]) && letter(one[i - 2]) == b)
				row[j] = least_of(row[j], second[j - 2] + 1);
		}
	}
	return rows[height % 3][width];
}

const char *options_nearest(struct option_table table, const char *name)
{
	size_t length = strnlen(name, NAME_CHARS_MAX + 1);
	if (length > NAME_CHARS_MAX)
		return NULL;
	const char *nearest = NULL;
	unsigned best = 1 + (unsigned)length / 4;
	for (size_t i = 0; i < table.count; i++) {
		struct herald_option option = options_at(table, i);
		if (strlen(option.name) > NAME_CHARS_MAX)
			continue;
		unsigned distance = name_distance(name, option.name);
		if (distance <= best && (nearest == NULL || distance < best)) {
			best = distance;
			nearest = option.name;
		}
	}
	return nearest;
}

static void complain_unknown(const struct options_task *task, const struct option_given *given,
			     struct complaints *complaints)
{
	const char *nearest = options_nearest(task->table, given->name);
	if (nearest != NULL)
		complain(complaints, given->place, "%s has no option '%.64s'; is '%s' meant?", task->what,
			 given->name, nearest);
	else
		complain(complaints, given->place, "%s has no option '%.64s'", task->what, given->name);
}

/* "a, b" as a list of two; blanks around items are not part of them. */
static size_t split_items(const char *text, struct arena *arena, const char *const **ret_items)
{
	size_t count = 1;
	for (const char *c = text; *c != 0; c++)
		count += *c == ',';
	const char **items = arena_array_of(arena, count, const char *);
	*ret_items = items;
	if (text[strspn(text, " ")] == 0)
		return 0;
	for (size_t i = 0; i < count; i++) {
		size_t size = strcspn(text, ","), begin = strspn(text, " "), end = size;
		while (end > begin && text[end - 1] == ' ')
			end--;
		items[i] = arena_bytes_copy(arena, text + (begin < end ? begin : end),
					    begin < end ? end - begin : 0)
				   .data;
		text += size + 1;
	}
	return count;
}

static enum herald_code secret_given_check(const struct options_task *task, const struct option_given *given,
					   struct herald_error *err)
{
	if (given->is_secret)
		return HERALD_OK;
	if (!secret_is_reference(given->values[0]))
		return herald_fail(
			err, HERALD_INVALID,
			"is a secret: write where it is (env:NAME or file:/PATH), not the secret itself");
	if (task->flags & OPTIONS_UNRESOLVED)
		return secret_check(given->values[0], err);
	return herald_fail(err, HERALD_INVALID, "was not resolved");
}

/* The value of one option as given; err says what is wrong, and then *field is as it was. */
static enum herald_code given_parse(const struct options_task *task, const struct herald_option *option,
				    const struct option_given *given, void *field, struct herald_error *err)
{
	if (option->type == HERALD_OPTION_LIST) {
		if (given->is_list || given->value_count != 1)
			return option_list_parse(option, given->values, given->value_count, task->arena,
						 field, err);
		const char *const *items;
		size_t count = split_items(given->values[0], task->arena, &items);
		return option_list_parse(option, items, count, task->arena, field, err);
	}
	if (given->is_list || given->value_count != 1)
		return herald_fail(err, HERALD_INVALID, "must be one value, not a list");
	if (option->type == HERALD_OPTION_SECRET) {
		enum herald_code code = secret_given_check(task, given, err);
		if (code != HERALD_OK || !given->is_secret)
			return code;
	} else if (given->is_secret || secret_is_reference(given->values[0])) {
		return herald_fail(err, HERALD_INVALID, "is no secret: write its value, not a reference");
	}
	return option_value_parse(option, given->values[0], task->arena, field, err);
}

static void fallback_fill(const struct options_task *task, const struct herald_option *option, void *field)
{
	const char *fallback = option->fallback;
	struct option_given given = {.name = option->name, .values = &fallback, .value_count = 1};
	char *empty = arena_text(task->arena, "");
	if (option->type == HERALD_OPTION_TEXT || option->type == HERALD_OPTION_SECRET)
		memcpy(field, &empty, sizeof(empty));
	/* A table that options_check_table passed has only fallbacks that parse. */
	if (fallback != NULL && option->type != HERALD_OPTION_SECRET)
		(void)given_parse(task, option, &given, field, NULL);
}

static bool is_empty(const struct option_given *given)
{
	return given->value_count == 0 || (!given->is_list && given->values[0][0] == 0);
}

static void option_fill(const struct options_task *task, const struct herald_option *option, void *config,
			struct complaints *complaints)
{
	char *field = (char *)config + option->offset;
	const struct option_given *given = given_last(task->given, task->given_count, option->name);
	fallback_fill(task, option, field);

	if (given != NULL && option->flags & HERALD_RETIRED) {
		complain_warning(complaints, given->place,
				 "option '%s' of %s is not used any more and is ignored", option->name,
				 task->what);
		return;
	}
	if (given == NULL || is_empty(given)) {
		if (option->flags & HERALD_REQUIRED) {
			complain(complaints, given == NULL ? task->home : given->place,
				 "option '%s' of %s is %s: %s", option->name, task->what,
				 given == NULL ? "missing" : "empty", option->help);
			return;
		}
		if (given == NULL)
			return;
	}
	struct herald_error err = {0};
	if (given_parse(task, option, given, field, &err) != HERALD_OK)
		complain(complaints, given->place, "option '%s' of %s %s", option->name, task->what,
			 err.text);
}

void options_fill(const struct options_task *task, void *config, struct complaints *complaints)
{
	memset(config, 0, task->table.config_size);
	for (size_t i = 0; i < task->given_count; i++) {
		struct herald_option option;
		if (!options_find(task->table, task->given[i].name, &option))
			complain_unknown(task, &task->given[i], complaints);
	}
	for (size_t i = 0; i < task->table.count; i++) {
		struct herald_option option = options_at(task->table, i);
		CHECK(option.offset + option_type_size(option.type) <= task->table.config_size);
		option_fill(task, &option, config, complaints);
	}
}

static char *size_text(struct arena *arena, uint64_t bytes)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
	size_t i = 0;
	for (; bytes != 0 && bytes % 1024 == 0 && i + 1 < countof(units); i++)
		bytes /= 1024;
	return arena_printf(arena, "%llu%s", (unsigned long long)bytes, units[i]);
}

static char *list_text(struct arena *arena, const herald_list *list)
{
	char *text = arena_text(arena, "");
	for (size_t i = 0; i < list->count; i++)
		text = arena_printf(arena, "%s%s%s", text, i > 0 ? ", " : "", list->items[i]);
	return text;
}

char *options_value_text(struct arena *arena, const struct herald_option *option, const void *config)
{
	const char *field = (const char *)config + option->offset;
	char text[CLOCK_TEXT_SIZE];
	int64_t number;
	const char *pointer;
	herald_list list;
	switch (option->type) {
	case HERALD_OPTION_BOOL:
		return arena_text(arena, *(const bool *)(const void *)field ? "true" : "false");
	case HERALD_OPTION_INT:
		memcpy(&number, field, sizeof(number));
		return arena_printf(arena, "%lld", (long long)number);
	case HERALD_OPTION_DURATION:
		memcpy(&number, field, sizeof(number));
		clock_duration_text(number, text);
		return arena_text(arena, text);
	case HERALD_OPTION_SIZE:
		memcpy(&number, field, sizeof(number));
		return size_text(arena, (uint64_t)number);
	case HERALD_OPTION_LIST:
		memcpy(&list, field, sizeof(list));
		return list_text(arena, &list);
	case HERALD_OPTION_SECRET:
		memcpy(&pointer, field, sizeof(pointer));
		return arena_text(arena, pointer != NULL && pointer[0] != 0 ? "***" : "");
	default:
		CHECK(option->type == HERALD_OPTION_TEXT);
		memcpy(&pointer, field, sizeof(pointer));
		return arena_text(arena, pointer);
	}
}

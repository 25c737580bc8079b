/* What people read: tables with columns as wide as their widest cell, objects as lines; colours only on a
 * terminal. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "base/check.h"

enum { COLUMNS_MAX = 12, CELL_BYTES_MAX = 1024, CELL_SHOWN_MAX = 60, LAST_SHOWN_MAX = 160 };

const char *cli_bold(const struct cli *cli)
{
	return cli->has_colour ? "\033[1m" : "";
}

const char *cli_plain(const struct cli *cli)
{
	return cli->has_colour ? "\033[0m" : "";
}

const char *cli_state_colour(const struct cli *cli, const char *state)
{
	static const char *const good[] = {"sent", "delivered", "running", "done", "ok"};
	static const char *const bad[] = {"dead", "expired", "parked", "misconfigured", "failed"};

	if (!cli->has_colour)
		return "";
	for (size_t i = 0; i < countof(good); i++) {
		if (strcmp(state, good[i]) == 0)
			return "\033[32m";
	}
	for (size_t i = 0; i < countof(bad); i++) {
		if (strcmp(state, bad[i]) == 0)
			return "\033[31m";
	}
	return "\033[33m";
}

/* Controls of ASCII and those of Latin-1, which terminals obey as well. */
static void clean_text(json_t *text)
{
	char *copy = strdup(json_string_value(text));
	bool is_changed = false;

	CHECK(copy != NULL);
	for (unsigned char *at = (unsigned char *)copy; *at != 0; at++) {
		bool is_latin = at[0] == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0;

		if (*at >= 0x20 && *at != 0x7f && !is_latin)
			continue;
		is_changed = true;
		if (is_latin)
			*at++ = ' ';
		*at = ' ';
	}
	if (is_changed)
		json_string_set(text, copy);
	free(copy);
}

void cli_clean(json_t *tree)
{
	const char *name;
	json_t *value;
	size_t index;

	if (json_is_string(tree))
		clean_text(tree);
	json_array_foreach(tree, index, value) cli_clean(value);
	json_object_foreach(tree, name, value) cli_clean(value);
}

const char *cli_field(const json_t *object, const char *path, char *buffer, size_t size)
{
	char step[64];

	while (*path != 0 && object != NULL) {
		size_t length = strcspn(path, ".");

		snprintf(step, sizeof(step), "%.*s", (int)length, path);
		object = json_object_get(object, step);
		path += length + (path[length] == '.');
	}
	if (json_is_string(object))
		return json_string_value(object);
	if (json_is_integer(object))
		snprintf(buffer, size, "%lld", (long long)json_integer_value(object));
	else if (json_is_boolean(object))
		snprintf(buffer, size, "%s", json_is_true(object) ? "yes" : "no");
	else if (json_is_array(object))
		snprintf(buffer, size, "%zu", json_array_size(object));
	else
		buffer[0] = 0;
	return buffer;
}

/* Bytes of other people's that go to a terminal: no control bytes.  The last column has room; what is cut all
 * the same says so. */
static size_t cell(const json_t *item, const char *field, bool is_last, char ret_text[CELL_BYTES_MAX])
{
	char buffer[32];
	const char *text = cli_field(item, field, buffer, sizeof(buffer));
	size_t shown = 0, used = 0, most = is_last ? LAST_SHOWN_MAX : CELL_SHOWN_MAX;

	for (; *text != 0 && used < CELL_BYTES_MAX - 8; text++) {
		bool is_begin = ((unsigned char)*text & 0xc0) != 0x80;

		if (is_begin && shown == most) {
			memcpy(ret_text + used, "...", 3);
			used += 3;
			shown += 3;
			break;
		}
		ret_text[used++] = (unsigned char)*text < 0x20 || *text == 0x7f ? ' ' : *text;
		shown += is_begin;
	}
	if (used == 0) {
		ret_text[used++] = '-';
		shown = 1;
	}
	ret_text[used] = 0;
	return shown;
}

static void pad(size_t count)
{
	while (count-- > 0)
		putchar(' ');
}

void cli_print_rows(const struct cli *cli, const json_t *items, const struct cli_column *columns,
		    size_t count)
{
	size_t widths[COLUMNS_MAX], index;
	char text[CELL_BYTES_MAX];
	json_t *item;

	CHECK(count <= COLUMNS_MAX);
	for (size_t i = 0; i < count; i++)
		widths[i] = strlen(columns[i].title);
	json_array_foreach(items, index, item)
	{
		for (size_t i = 0; i < count; i++) {
			size_t width = cell(item, columns[i].field, i + 1 == count, text);

			widths[i] = width > widths[i] ? width : widths[i];
		}
	}
	for (size_t i = 0; i < count; i++) {
		printf("%s%s%s", cli_bold(cli), columns[i].title, cli_plain(cli));
		pad(i + 1 < count ? widths[i] - strlen(columns[i].title) + 2 : 0);
	}
	putchar('\n');
	json_array_foreach(items, index, item)
	{
		for (size_t i = 0; i < count; i++) {
			size_t width = cell(item, columns[i].field, i + 1 == count, text);
			bool is_state = strcmp(columns[i].field, "state") == 0;

			printf("%s%s%s", is_state ? cli_state_colour(cli, text) : "", text,
			       is_state ? cli_plain(cli) : "");
			pad(i + 1 < count ? widths[i] - width + 2 : 0);
		}
		putchar('\n');
	}
}

void cli_print_raw(const struct cli_reply *reply)
{
	fputs(reply->text, stdout);
	if (*reply->text != 0 && reply->text[strlen(reply->text) - 1] != '\n')
		putchar('\n');
}

enum cli_exit cli_print_page(const struct cli *cli, const struct cli_reply *reply,
			     const struct cli_column *columns, size_t count)
{
	const json_t *items = json_object_get(reply->tree, "items");
	const char *next = json_string_value(json_object_get(reply->tree, "next"));

	if (cli->is_json)
		cli_print_raw(reply);
	else if (json_array_size(items) > 0)
		cli_print_rows(cli, items, columns, count);
	else
		fputs("Nothing found.\n", stderr);
	if (!cli->is_json && next != NULL)
		fprintf(stderr, "There is more: --after %s\n", next);
	return json_array_size(items) > 0 ? EXIT_DONE : EXIT_NOTHING;
}

void cli_print_object(const struct cli *cli, const struct cli_reply *reply)
{
	const char *name;
	json_t *value;

	if (cli->is_json || !json_is_object(reply->tree)) {
		cli_print_raw(reply);
		return;
	}
	json_object_foreach(reply->tree, name, value)
	{
		char buffer[32], *text;

		if (json_is_object(value) || json_is_array(value)) {
			text = json_dumps(value, JSON_COMPACT);
			printf("%s%s%s: %s\n", cli_bold(cli), name, cli_plain(cli), text);
			free(text);
		} else {
			printf("%s%s%s: %s\n", cli_bold(cli), name, cli_plain(cli),
			       cli_field(reply->tree, name, buffer, sizeof(buffer)));
		}
	}
}

/* herald watch: the daemon's events as they happen, a line each. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "base/check.h"

static void print_fields(const json_t *event)
{
	static const char *const said[] = {"at", "level", "event", "program"};
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)event, name, value)
	{
		char buffer[32];
		bool is_said = false;

		for (size_t i = 0; i < countof(said); i++)
			is_said |= strcmp(name, said[i]) == 0;
		if (!is_said)
			printf(" %s=%s", name, cli_field(event, name, buffer, sizeof(buffer)));
	}
}

static void event_came(struct cli *cli, const char *text)
{
	json_t *event;

	if (strncmp(text, "data: ", 6) != 0)
		return;
	event = json_loads(text + 6, 0, NULL);
	cli_clean(event);
	if (cli->is_json) {
		puts(text + 6);
	} else if (event != NULL) {
		const char *level = json_string_value(json_object_get(event, "level"));
		bool is_bad = level != NULL && (strcmp(level, "fault") == 0 || strcmp(level, "warning") == 0);
		char buffer[32];

		printf("%s  %s%s%s", cli_field(event, "at", buffer, sizeof(buffer)),
		       is_bad ? cli_state_colour(cli, "failed") : cli_bold(cli),
		       json_string_value(json_object_get(event, "event")), cli_plain(cli));
		print_fields(event);
		putchar('\n');
	}
	json_decref(event);
	fflush(stdout);
}

enum cli_exit cli_watch(struct cli *cli)
{
	return cli_stream(cli, "/v1/events?follow=true", event_came);
}

/* From words to a command: options may stand anywhere behind it; everything is checked before anything is
 * asked. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "base/check.h"

enum cli_exit cli_wrong(const char *format, ...)
{
	va_list args;

	fputs("herald: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	return EXIT_WORDS;
}

const char *cli_value_at(const struct cli *cli, const char *name, size_t index)
{
	for (size_t i = 0; i < cli->value_count; i++) {
		if (strcmp(cli->values[i].name, name) == 0 && index-- == 0)
			return cli->values[i].value;
	}
	return NULL;
}

const char *cli_value(const struct cli *cli, const char *name)
{
	const char *last = NULL;

	for (size_t i = 0; i < cli->value_count; i++) {
		if (strcmp(cli->values[i].name, name) == 0)
			last = cli->values[i].value;
	}
	return last;
}

bool cli_has(const struct cli *cli, const char *name)
{
	return cli_value(cli, name) != NULL;
}

static const struct cli_option *option_find(const struct cli_option *options, const char *name, size_t size)
{
	for (; options != NULL && options->name != NULL; options++) {
		if (strlen(options->name) == size && memcmp(options->name, name, size) == 0)
			return options;
	}
	return NULL;
}

/* One "--name", "--name=value" or "--name value"; *index moves past what it took. */
static enum cli_exit take_option(struct cli *cli, int count, char **words, int *index)
{
	const char *word = words[*index] + 2, *value = strchr(word, '=');
	size_t size = value ? (size_t)(value - word) : strlen(word);
	const struct cli_option *option = option_find(cli_global_options, word, size);

	if (option == NULL && cli->command != NULL)
		option = option_find(cli->command->options, word, size);
	if (option == NULL)
		return cli_wrong("there is no option --%.*s%s; see herald %s --help", (int)size, word,
				 cli->command ? " for this command" : "",
				 cli->command ? cli->command->words : "");
	if (option->argument == NULL && value != NULL)
		return cli_wrong("--%s takes no value", option->name);
	if (option->argument != NULL && value == NULL) {
		if (*index + 1 >= count)
			return cli_wrong("--%s needs %s", option->name, option->argument);
		value = words[++*index];
	} else if (value != NULL) {
		value++;
	}
	if (cli->value_count == CLI_VALUES_MAX)
		return cli_wrong("too many options");
	cli->values[cli->value_count].name = option->name;
	cli->values[cli->value_count++].value = value ? value : "";
	return EXIT_DONE;
}

/* The command with the most words that fit; their number goes to *ret_used. */
static const struct cli_command *command_find(int count, char **words, int *ret_used)
{
	const struct cli_command *best = NULL;

	*ret_used = 0;
	for (size_t i = 0; i < cli_command_count; i++) {
		const char *rest = cli_commands[i].words;
		int used = 0;

		while (*rest != 0 && used < count) {
			size_t size = strcspn(rest, " ");

			if (strlen(words[used]) != size || memcmp(words[used], rest, size) != 0)
				break;
			used++;
			rest += size + (rest[size] == ' ');
		}
		if (*rest == 0 && used > *ret_used) {
			best = &cli_commands[i];
			*ret_used = used;
		}
	}
	return best;
}

static void options_help(const struct cli_option *options)
{
	for (; options != NULL && options->name != NULL; options++) {
		char left[64];

		snprintf(left, sizeof(left), "--%s%s%s", options->name, options->argument ? " " : "",
			 options->argument ? options->argument : "");
		printf("  %-28s %s%s\n", left, options->help, options->is_repeated ? " (repeatable)" : "");
	}
}

void cli_help(const struct cli *cli)
{
	if (cli->command != NULL) {
		printf("Usage: herald %s %s%s\n\n%s.\n", cli->command->words, cli->command->arguments,
		       cli->command->options ? " [OPTION]..." : "", cli->command->summary);
		if (cli->command->options != NULL) {
			puts("\nOptions:");
			options_help(cli->command->options);
		}
		puts("\nOptions of every command:");
		options_help(cli_global_options);
		return;
	}
	puts("Usage: herald COMMAND [ARGUMENT]... [OPTION]...\n\nTalk to a Herald daemon.\n\nCommands:");
	for (size_t i = 0; i < cli_command_count; i++)
		printf("  %-22s %s\n", cli_commands[i].words, cli_commands[i].summary);
	puts("\nOptions of every command:");
	options_help(cli_global_options);
	puts("\nExit codes: 0 done, 1 refused or failed, 2 wrong words, 3 daemon not reached, 4 nothing "
	     "found, 5 timed out.");
}

static enum cli_exit settle(struct cli *cli)
{
	const char *colour = cli_value(cli, "colour"), *timeout = cli_value(cli, "timeout");
	char *end = NULL;

	cli->is_json = cli_has(cli, "json");
	cli->url = cli_value(cli, "url") ? cli_value(cli, "url") : getenv("HERALD_URL");
	cli->key = getenv("HERALD_KEY");
	cli->socket = cli_value(cli, "socket") ? cli_value(cli, "socket") : getenv("HERALD_SOCKET");
	cli->socket = cli->socket ? cli->socket : "/run/herald/admin.sock";
	cli->tenant = cli_value(cli, "tenant") ? cli_value(cli, "tenant") : getenv("HERALD_TENANT");
	cli->timeout_s = timeout ? strtol(timeout, &end, 10) : 60;
	if (cli->timeout_s < 1 || (end != NULL && *end != 0))
		return cli_wrong("--timeout must be a number of seconds, got '%s'", timeout);
	if (colour == NULL || strcmp(colour, "auto") == 0)
		cli->has_colour = isatty(STDOUT_FILENO) && getenv("NO_COLOR") == NULL;
	else if (strcmp(colour, "always") == 0)
		cli->has_colour = true;
	else if (strcmp(colour, "never") != 0)
		return cli_wrong("--colour must be auto, always or never, got '%s'", colour);
	return EXIT_DONE;
}

enum cli_exit cli_parse(struct cli *cli, int count, char **words)
{
	bool are_options_over = false;
	int begin = 0, used;

	/* Options of every command may stand before it, too. */
	for (; begin < count && strncmp(words[begin], "--", 2) == 0 && words[begin][2] != 0; begin++) {
		enum cli_exit result = take_option(cli, count, words, &begin);

		if (result != EXIT_DONE)
			return result;
	}
	cli->command = command_find(count - begin, words + begin, &used);
	for (int i = begin + used; i < count; i++) {
		if (!are_options_over && strcmp(words[i], "--") == 0) {
			are_options_over = true;
		} else if (!are_options_over && strncmp(words[i], "--", 2) == 0) {
			enum cli_exit result = take_option(cli, count, words, &i);

			if (result != EXIT_DONE)
				return result;
		} else if (cli->command == NULL) {
			return cli_wrong("there is no command '%s'; see herald --help", words[i]);
		} else if (cli->argument_count == cli->command->most) {
			return cli_wrong("'%s' is one argument too many: herald %s %s", words[i],
					 cli->command->words, cli->command->arguments);
		} else {
			cli->arguments[cli->argument_count++] = words[i];
		}
	}
	if (cli_has(cli, "help"))
		return EXIT_DONE;
	if (cli->command == NULL)
		return cli_wrong("which command? See herald --help");
	if (cli->argument_count < cli->command->least)
		return cli_wrong("an argument is missing: herald %s %s", cli->command->words,
				 cli->command->arguments);
	return settle(cli);
}

/* herald(1) and the completion, printed from the table of commands: neither has words of its own about what
 * exists. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "base/check.h"

enum { LINE_BYTES_MAX = 78 };

/* Text lines as mdoc wants them: short, and a new one after each sentence. */
static void manual_text(const char *text)
{
	size_t column = 0;

	while (*text != 0) {
		size_t size = strcspn(text, " ");
		bool is_last = size > 0 && text[size - 1] == '.';

		if (column > 0 && column + 1 + size > LINE_BYTES_MAX) {
			putchar('\n');
			column = 0;
		}
		printf("%s%.*s", column > 0 ? " " : *text == '.' ? "\\&" : "", (int)size, text);
		column += size + (column > 0);
		text += size + (text[size] == ' ');
		if (is_last && *text != 0) {
			putchar('\n');
			column = 0;
		}
	}
	putchar('\n');
}

static void manual_options(const struct cli_option *options)
{
	puts(".Bl -tag -width Ds");
	for (; options != NULL && options->name != NULL; options++) {
		printf(".It Fl -%s", options->name);
		if (options->argument != NULL)
			printf(" Ar %s", options->argument);
		putchar('\n');
		manual_text(options->help);
	}
	puts(".El");
}

/* "ID [FILE]", "RECIPIENT PATH=VALUE..." as macros. */
static void manual_arguments(const char *arguments)
{
	while (*arguments != 0) {
		size_t size = strcspn(arguments, " ");
		bool is_optional = arguments[0] == '[';
		bool is_repeated = size > 3 && memcmp(arguments + size - 3, "...", 3) == 0;
		const char *word = arguments + is_optional;
		size_t length = size - 2u * is_optional - 3u * is_repeated;

		printf(" %sAr %.*s%s", is_optional ? "Op " : "", (int)length, word,
		       is_repeated ? " ..." : "");
		arguments += size + (arguments[size] == ' ');
	}
}

static void manual_command(const struct cli_command *command)
{
	printf(".It Nm herald Cm %s", command->words);
	manual_arguments(command->arguments);
	putchar('\n');
	manual_text(command->summary);
	if (command->options != NULL)
		manual_options(command->options);
}

enum cli_exit cli_manual(struct cli *cli)
{
	static const char head[] =
		".Dd November 24, 2026\n.Dt HERALD 1\n.Os\n.Sh NAME\n.Nm herald\n.Nd talk to a Herald "
		"daemon\n"
		".Sh SYNOPSIS\n.Nm\n.Ar command\n.Op Ar argument ...\n.Op Ar option ...\n.Sh "
		"DESCRIPTION\n.Nm\n"
		"asks a running\n.Xr heraldd 8\nover its admin socket, or over HTTP when\n.Ev HERALD_URL\n"
		"is set, and prints tables for people or, with\n.Fl -json ,\nexactly what the API answered.\n"
		".Sh COMMANDS\n.Bl -tag -width Ds";
	static const char tail[] =
		".Sh ENVIRONMENT\n.Bl -tag -width HERALD_PLUGIN_DIR\n"
		".It Ev HERALD_URL\nAsk over HTTP instead of the admin socket.\n"
		".It Ev HERALD_KEY\nThe API key for that.\n.It Ev HERALD_SOCKET\nThe admin socket.\n"
		".It Ev HERALD_TENANT\nThe tenant, over the admin socket.\n"
		".It Ev HERALD_CONFIG\nThe daemon's conf.d, for\n.Cm doctor .\n"
		".It Ev HERALD_PLUGIN_DIR\nWhere plugins are.\n"
		".It Ev NO_COLOR\nNo colours, also on a terminal.\n.El\n"
		".Sh EXIT STATUS\n.Bl -tag -width Ds\n.It 0\nDone.\n.It 1\n"
		"It was refused, or failed; the problem is on standard error.\n.It 2\nThe words are wrong.\n"
		".It 3\nThe daemon cannot be reached.\n.It 4\nNothing was found.\n.It 5\nIt timed out.\n.El\n"
		".Sh SEE ALSO\n.Xr herald-channel 8 ,\n.Xr heraldd 8";
	const char *family = cli_value(cli, "command");

	puts(head);
	for (size_t i = 0; i < cli_command_count; i++) {
		if (family == NULL || strncmp(cli_commands[i].words, family, strlen(family)) == 0)
			manual_command(&cli_commands[i]);
	}
	puts(".El\n.Sh OPTIONS OF EVERY COMMAND");
	manual_options(cli_global_options);
	puts(tail);
	return EXIT_DONE;
}

static void complete_options(const struct cli_option *options)
{
	for (; options != NULL && options->name != NULL; options++)
		printf(" --%s", options->name);
}

enum cli_exit cli_completion(struct cli *cli)
{
	if (strcmp(cli->arguments[0], "bash") != 0)
		return cli_wrong("completion is made for bash, got '%s'", cli->arguments[0]);
	puts("_herald() {\n\tlocal word=${COMP_WORDS[COMP_CWORD]} line=\"${COMP_WORDS[*]:1:COMP_CWORD-1}\" "
	     "words=\"\"\n"
	     "\tcase \"$line \" in");
	/* Longer commands first: "recipients put" is also a "recipients". */
	for (int length = 2; length >= 1; length--) {
		for (size_t i = 0; i < cli_command_count; i++) {
			const struct cli_command *command = &cli_commands[i];

			if ((strchr(command->words, ' ') != NULL) != (length == 2))
				continue;
			printf("\t\"%s \"*) words=\"", command->words);
			for (size_t j = 0; j < cli_command_count && length == 1; j++) {
				size_t size = strlen(command->words);

				if (strncmp(cli_commands[j].words, command->words, size) == 0 &&
				    cli_commands[j].words[size] == ' ')
					printf("%s ", cli_commands[j].words + size + 1);
			}
			complete_options(command->options);
			complete_options(cli_global_options);
			puts("\" ;;");
		}
	}
	fputs("\t*) words=\"", stdout);
	for (size_t i = 0; i < cli_command_count; i++) {
		if (strchr(cli_commands[i].words, ' ') == NULL)
			printf("%s ", cli_commands[i].words);
	}
	puts("\" ;;\n\tesac\n\tCOMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n}\ncomplete -F _herald "
	     "herald");
	return EXIT_DONE;
}

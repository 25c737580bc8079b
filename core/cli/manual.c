/* herald(1) and the completion, printed from the table of commands: neither has words of its own about what
 * exists. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "base/check.h"

static void manual_options(const struct cli_option *options)
{
	puts(".Bl -tag -width Ds");
	for (; options != NULL && options->name != NULL; options++) {
		printf(".It Fl -%s", options->name);
		if (options->argument != NULL)
			printf(" Ar %s", options->argument);
		printf("\n%s\n", options->help);
	}
	puts(".El");
}

enum cli_exit cli_manual(struct cli *cli)
{
	const char *family = cli_value(cli, "command");

	puts(".Dd November 24, 2026\n.Dt HERALD 1\n.Os\n.Sh NAME\n.Nm herald\n.Nd talk to a Herald "
	     "daemon\n.Sh SYNOPSIS\n.Nm\n"
	     ".Ar command\n.Op Ar argument ...\n.Op Ar option ...\n.Sh DESCRIPTION\n.Nm\n"
	     "asks a running\n.Xr heraldd 8\n"
	     "over its admin socket, or over HTTP when\n.Ev HERALD_URL\nis set, and prints tables for people "
	     "or, with\n.Fl -json ,\n"
	     "exactly what the API answered.\n.Sh COMMANDS");
	for (size_t i = 0; i < cli_command_count; i++) {
		const struct cli_command *command = &cli_commands[i];

		if (family != NULL && strncmp(command->words, family, strlen(family)) != 0)
			continue;
		printf(".Ss herald %s%s%s\n%s.\n", command->words, *command->arguments ? " " : "",
		       command->arguments, command->summary);
		if (command->options != NULL)
			manual_options(command->options);
	}
	puts(".Sh OPTIONS OF EVERY COMMAND");
	manual_options(cli_global_options);
	puts(".Sh ENVIRONMENT\n.Bl -tag -width Ds\n.It Ev HERALD_URL\nAsk over HTTP instead of the admin "
	     "socket.\n"
	     ".It Ev HERALD_KEY\nThe API key for that.\n.It Ev HERALD_SOCKET\nThe admin socket.\n"
	     ".It Ev HERALD_TENANT\nThe tenant, over the admin socket.\n.It Ev HERALD_PLUGIN_DIR\nWhere "
	     "plugins are.\n"
	     ".It Ev NO_COLOR\nNo colours, also on a terminal.\n.El\n"
	     ".Sh EXIT STATUS\n0 done; 1 refused or failed, the problem is on standard error; 2 the words "
	     "are wrong; "
	     "3 the daemon cannot be reached; 4 nothing found; 5 timed out.\n.Sh SEE ALSO\n.Xr heraldd 8 "
	     ",\n.Xr herald-channel 8");
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

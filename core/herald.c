/* herald - the command line: parse, run one command, say how it went by the exit code.  The table is in
 * cli/commands.c. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "base/check.h"

int main(int count, char **words)
{
	struct cli cli = {.self = words[0]};
	enum cli_exit result;

	if (count == 2 && strcmp(words[1], "--version") == 0) {
		puts("herald " HERALD_VERSION);
		return EXIT_DONE;
	}
	if (count == 1) {
		cli_help(&cli);
		return EXIT_WORDS;
	}
	result = cli_parse(&cli, count - 1, words + 1);
	if (result != EXIT_DONE)
		return (int)result;
	for (size_t i = 0; i < cli.value_count; i++) {
		if (strcmp(cli.values[i].name, "help") == 0) {
			cli_help(&cli);
			return EXIT_DONE;
		}
	}
	result = cli.command->run(&cli);
	if (fflush(stdout) != 0)
		return EXIT_REFUSED;
	return (int)result;
}

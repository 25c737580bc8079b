/* herald-channel: hosts one channel's plugin in a process of its own.
 *
 * The daemon starts it with --serve and three descriptors: 3 the work socket, 4 the talk socket, 5 the board
 * (core/wire).  A person runs it to look at a plugin: --describe prints what it says of itself, --check holds
 * it to the contract.  It never reads the daemon's configuration, its store or its secrets. */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/host.h"
#include "base/check.h"

#ifndef HERALD_VERSION
#define HERALD_VERSION "0.1.0"
#endif

enum { WORK_FD = 3, TALK_FD = 4, BOARD_FD = 5 };
enum { EXIT_GOOD = 0, EXIT_BAD = 1, EXIT_USAGE = 2, SETTINGS_MAX = 256 };

static const char usage[] =
	"herald-channel --describe FILE [--json | --man]\n"
	"        what a plugin is, and its options: as a page, as JSON, as a manual page (mdoc)\n"
	"herald-channel --check FILE [--option NAME=VALUE]...\n"
	"        load a plugin by the rules and hold it to the contract; nothing is sent\n"
	"herald-channel --serve\n"
	"        started by heraldd, with its sockets as descriptors 3 and 4 and the board as 5\n"
	"herald-channel --help | --version\n"
	"\n"
	"FILE is a plugin, NAME.so.  It must be a regular file that only root or you may write.\n"
	"Exit status: 0 good, 1 the plugin is at fault, 2 this is not how to call it.\n";

static int fail_usage(const char *why)
{
	fprintf(stderr, "herald-channel: %s\n\n%s", why, usage);
	return EXIT_USAGE;
}

static int run_describe(int count, char **arguments)
{
	struct herald_error err = {0};
	enum describe_form form = DESCRIBE_TEXT;

	if (count < 1)
		return fail_usage("--describe needs a plugin's file");
	for (int i = 1; i < count; i++) {
		if (strcmp(arguments[i], "--json") == 0)
			form = DESCRIBE_JSON;
		else if (strcmp(arguments[i], "--man") == 0)
			form = DESCRIBE_MAN;
		else
			return fail_usage("--describe knows --json and --man");
	}
	if (host_describe(arguments[0], form, &err) == HERALD_OK)
		return EXIT_GOOD;
	fprintf(stderr, "herald-channel: %s\n", err.text);
	return EXIT_BAD;
}

static int check_in_child(const char *path, const struct host_setting *settings, size_t count)
{
	struct herald_error err = {0};

	if (host_check(path, settings, count, &err) == HERALD_OK)
		return EXIT_GOOD;
	fflush(stdout);
	fprintf(stderr, "herald-channel: %s\n", err.text);
	return EXIT_BAD;
}

/* In a process of its own: a plugin that crashes must not take the answer with it. */
static int run_check(int count, char **arguments)
{
	struct host_setting settings[SETTINGS_MAX];
	size_t given = 0;

	if (count < 1)
		return fail_usage("--check needs a plugin's file");
	for (int i = 1; i < count; i++) {
		char *equals = i + 1 < count ? strchr(arguments[i + 1], '=') : NULL;

		if (strcmp(arguments[i], "--option") != 0 || !equals || given == countof(settings))
			return fail_usage("--check knows --option NAME=VALUE");
		*equals = '\0';
		settings[given++] = (struct host_setting){arguments[++i], equals + 1};
	}
	pid_t child = fork();
	if (child == 0) {
		int status = check_in_child(arguments[0], settings, given);
		fflush(NULL);
		_exit(status);
	}
	int status = 0;
	if (child < 0 || waitpid(child, &status, 0) != child) {
		perror("herald-channel");
		return EXIT_BAD;
	}
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	fprintf(stderr, "herald-channel: %s: the plugin ended the process by signal %d (%s)\n", arguments[0],
		WTERMSIG(status), strsignal(WTERMSIG(status)));
	return EXIT_BAD;
}

int main(int count, char **arguments)
{
	const char *verb = count > 1 ? arguments[1] : "";

	if (strcmp(verb, "--serve") == 0 && count == 2)
		return host_serve(WORK_FD, TALK_FD, BOARD_FD);
	if (strcmp(verb, "--describe") == 0)
		return run_describe(count - 2, arguments + 2);
	if (strcmp(verb, "--check") == 0)
		return run_check(count - 2, arguments + 2);
	if (strcmp(verb, "--version") == 0) {
		puts("herald-channel " HERALD_VERSION);
		return EXIT_GOOD;
	}
	if (strcmp(verb, "--help") == 0) {
		fputs(usage, stdout);
		return EXIT_GOOD;
	}
	return fail_usage(verb[0] ? "no such verb" : "say what to do");
}

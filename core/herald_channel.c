/* herald-channel: hosts one channel's plugin in a process of its own.
 *
 * The daemon starts it with --serve and three descriptors: 3 the work socket, 4 the talk socket, 5 the board
 * (core/wire).  A person runs it to look at a plugin: --describe prints what it says of itself, --check holds
 * it to the contract.  It never reads the daemon's configuration, its store or its secrets. */
#include <stdbool.h>
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
	"herald-channel --check FILE [--option NAME=VALUE]... [--address ADDRESS]\n"
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

struct check_task {
	const char *path, *address;
	struct host_setting settings[SETTINGS_MAX];
	size_t count;
};

static int check_in_child(const struct check_task *task)
{
	struct herald_error err = {0};

	if (host_check(task->path, task->settings, task->count, task->address, &err) == HERALD_OK)
		return EXIT_GOOD;
	fflush(stdout);
	fprintf(stderr, "herald-channel: %s\n", err.text);
	return EXIT_BAD;
}

static bool check_read(int count, char **arguments, struct check_task *ret_task)
{
	ret_task->path = arguments[0];
	for (int i = 1; i + 1 < count; i += 2) {
		char *equals = strchr(arguments[i + 1], '=');

		if (strcmp(arguments[i], "--address") == 0)
			ret_task->address = arguments[i + 1];
		else if (strcmp(arguments[i], "--option") == 0 && equals && ret_task->count < SETTINGS_MAX) {
			*equals = '\0';
			ret_task->settings[ret_task->count++] =
				(struct host_setting){arguments[i + 1], equals + 1};
		} else
			return false;
	}
	return count % 2 == 1;
}

/* In a process of its own: a plugin that crashes must not take the answer with it. */
static int run_check(int count, char **arguments)
{
	struct check_task task = {0};

	if (count < 1 || !check_read(count, arguments, &task))
		return fail_usage(
			"--check needs a plugin's file; it knows --option NAME=VALUE and --address ADDRESS");
	pid_t child = fork();
	if (child == 0) {
		int status = check_in_child(&task);
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
	fprintf(stderr, "herald-channel: %s: the plugin ended the process by signal %d (%s)\n", task.path,
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

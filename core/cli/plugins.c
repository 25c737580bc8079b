/* herald plugins: what is installed, described and checked by herald-channel in a process of its own; no
 * daemon is needed. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cli.h"
#include "base/check.h"

void cli_program(const char *name, char ret_path[PATH_MAX])
{
	ssize_t size = readlink("/proc/self/exe", ret_path, PATH_MAX - 32);
	char *slash;

	ret_path[size > 0 ? size : 0] = 0;
	slash = strrchr(ret_path, '/');
	if (slash != NULL) {
		snprintf(slash + 1, 32, "%s", name);
		if (access(ret_path, X_OK) == 0)
			return;
	}
	snprintf(ret_path, PATH_MAX, "%s", name);
}

static const char *plugin_dir(const struct cli *cli)
{
	const char *dir = cli_value(cli, "dir");

	if (dir == NULL)
		dir = getenv("HERALD_PLUGIN_DIR");
	return dir ? dir : HERALD_PLUGIN_DIR;
}

static void plugin_file(const struct cli *cli, const char *name, char ret_path[PATH_MAX])
{
	if (strchr(name, '/') != NULL)
		snprintf(ret_path, PATH_MAX, "%s", name);
	else
		snprintf(ret_path, PATH_MAX, "%s/%s.so", plugin_dir(cli), name);
}

static enum cli_exit host_run(const char *mode, const char *file, const char *more)
{
	char program[PATH_MAX];
	int status;
	pid_t child;

	cli_program("herald-channel", program);
	fflush(stdout);
	child = fork();
	if (child == 0) {
		execlp(program, program, mode, file, more, (char *)NULL);
		fprintf(stderr, "herald: cannot run %s: %s\n", program, strerror(errno));
		_exit(127);
	}
	if (child < 0 || waitpid(child, &status, 0) != child) {
		fprintf(stderr, "herald: cannot start %s: %s\n", program, strerror(errno));
		return EXIT_REFUSED;
	}
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? EXIT_DONE : EXIT_REFUSED;
}

enum cli_exit cli_plugin_describe(struct cli *cli)
{
	char file[PATH_MAX];

	plugin_file(cli, cli->arguments[0], file);
	return host_run("--describe", file, cli->is_json ? "--json" : NULL);
}

enum cli_exit cli_plugin_check(struct cli *cli)
{
	char file[PATH_MAX];

	plugin_file(cli, cli->arguments[0], file);
	return host_run("--check", file, NULL);
}

static int is_plugin(const struct dirent *entry)
{
	size_t size = strlen(entry->d_name);

	return size > 3 && strcmp(entry->d_name + size - 3, ".so") == 0;
}

enum cli_exit cli_plugins(struct cli *cli)
{
	struct dirent **entries;
	int count = scandir(plugin_dir(cli), &entries, is_plugin, alphasort);
	json_t *items = json_array();
	static const struct cli_column columns[] = {{"PLUGIN", "name"}, {"FILE", "file"}};

	if (count < 0) {
		fprintf(stderr, "herald: cannot read %s: %s; choose another with --dir\n", plugin_dir(cli),
			strerror(errno));
		json_decref(items);
		return EXIT_REFUSED;
	}
	for (int i = 0; i < count; i++) {
		size_t size = strlen(entries[i]->d_name) - 3;

		json_array_append_new(items,
				      json_pack("{s:s%, s:o}", "name", entries[i]->d_name, size, "file",
						json_sprintf("%s/%s", plugin_dir(cli), entries[i]->d_name)));
		free(entries[i]);
	}
	free(entries);
	if (cli->is_json) {
		json_dumpf(items, stdout, JSON_COMPACT);
		putchar('\n');
	} else if (count > 0) {
		cli_print_rows(cli, items, columns, countof(columns));
	}
	json_decref(items);
	return count > 0 ? EXIT_DONE : EXIT_NOTHING;
}

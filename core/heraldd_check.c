/* heraldd_check.c - the configuration, read as at a start, and each channel's options held against what its
 * plugin says of itself (herald-channel --describe --json, in a process of its own: the daemon never loads a
 * plugin). */
#include "heraldd_check.h"

#include <fcntl.h>
#include <jansson.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "heraldd_places.h"

#include "base/check.h"

enum { DESCRIPTION_BYTES_MAX = 4 * 1024 * 1024 };

/* What the program prints; NULL when it fails.  A plugin's code runs in there, so it sees no environment of
 * ours: secrets may be in it. */
static json_t *describe(const char *program, const char *file)
{
	char *const env[] = {(char *)(uintptr_t) "PATH=/usr/bin:/bin", (char *)(uintptr_t) "LANG=C", NULL};
	char *const words[] = {(char *)(uintptr_t)program, (char *)(uintptr_t) "--describe",
			       (char *)(uintptr_t)file, (char *)(uintptr_t) "--json", NULL};
	posix_spawn_file_actions_t actions;
	int ends[2], status = -1;
	json_t *tree = NULL;
	pid_t child;
	FILE *output;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return NULL;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
	if (posix_spawn(&child, program, &actions, NULL, words, env) == 0) {
		close(ends[1]);
		ends[1] = -1;
		output = fdopen(ends[0], "r");
		CHECK(output != NULL);
		tree = json_loadf(output, 0, NULL);
		fclose(output);
		ends[0] = -1;
		waitpid(child, &status, 0);
	}
	posix_spawn_file_actions_destroy(&actions);
	for (int i = 0; i < 2; i++) {
		if (ends[i] >= 0)
			close(ends[i]);
	}
	if (status == 0)
		return tree;
	json_decref(tree);
	return NULL;
}

static const json_t *option_of(const json_t *options, const char *name)
{
	const json_t *option;
	size_t i;

	json_array_foreach(options, i, option)
	{
		const char *known = json_string_value(json_object_get(option, "name"));

		if (known != NULL && strcmp(known, name) == 0)
			return option;
	}
	return NULL;
}

static bool is_given(const struct config_channel *channel, const char *name)
{
	for (size_t i = 0; i < channel->option_count; i++) {
		if (strcmp(channel->options[i].name, name) == 0)
			return true;
	}
	return false;
}

static void check_options(const struct config_channel *channel, const json_t *options,
			  struct complaints *complaints)
{
	const json_t *option;
	size_t i;

	for (i = 0; i < channel->option_count; i++) {
		if (option_of(options, channel->options[i].name) == NULL)
			complain(complaints, channel->options[i].place,
				 "plugin '%s' has no option '%s' (channel '%s')", channel->plugin,
				 channel->options[i].name, channel->name);
	}
	json_array_foreach(options, i, option)
	{
		const char *name = json_string_value(json_object_get(option, "name"));

		if (name != NULL && json_is_true(json_object_get(option, "required")) &&
		    !is_given(channel, name))
			complain(complaints, channel->place,
				 "channel '%s' lacks the option '%s', which plugin '%s' requires",
				 channel->name, name, channel->plugin);
	}
}

static void check_channel(const struct config *config, const struct config_channel *channel,
			  struct complaints *complaints)
{
	struct arena *arena = arena_new();
	const char *dir =
		channel->plugin_dir[0] != 0 ? channel->plugin_dir : places_plugin_dir(config, arena);
	const char *file = arena_printf(arena, "%s/%s.so", dir, channel->plugin);
	json_t *tree = describe(places_host_program(config, arena), file);

	if (tree == NULL)
		complain(complaints, channel->place, "plugin '%s' of channel '%s' cannot be loaded from %s",
			 channel->plugin, channel->name, file);
	else
		check_options(channel, json_object_get(tree, "options"), complaints);
	json_decref(tree);
	arena_free(arena);
}

int check_run(const struct arguments *arguments, char *const *env)
{
	struct config_source source = arguments_source(arguments, env);
	struct arena *arena = arena_new();
	struct complaints *complaints = arena_new_of(arena, struct complaints);
	struct herald_builder page;
	struct config *config = NULL;
	bool is_good;

	complaints_init(complaints, arena);
	herald_builder_init(&page, DESCRIPTION_BYTES_MAX);
	if (config_load(&source, complaints, &config, NULL) == HERALD_OK) {
		for (size_t i = 0; i < config->channel_count; i++)
			check_channel(config, &config->channels[i], complaints);
		if (arguments->wants_show)
			config_show(config, &page);
	}
	fputs(page.data, stdout);
	herald_builder_clear(&page);
	complaints_print(complaints, true, &page);
	fputs(page.data, stderr);
	herald_builder_done(&page);
	is_good = config != NULL && complaints->errors == 0;
	config_unref(config);
	arena_free(arena);
	return is_good ? 0 : 1;
}

/* heraldd_places.c - see heraldd_places.h. */
#include "heraldd_places.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"

#ifndef HERALD_PLUGIN_DIR
#define HERALD_PLUGIN_DIR "/usr/lib/herald/plugins"
#endif

enum { PATH_BYTES = 4096 };

/* The folder of the running program; "" when it cannot be told. */
static const char *own_dir(struct arena *arena)
{
	char path[PATH_BYTES];
	ssize_t size = readlink("/proc/self/exe", path, sizeof(path) - 1);
	char *slash;

	if (size <= 0)
		return "";
	path[size] = 0;
	slash = strrchr(path, '/');
	if (slash != NULL)
		*slash = 0;
	return arena_text(arena, path);
}

const char *places_host_program(const struct config *config, struct arena *arena)
{
	if (config->server.host_program[0] != 0)
		return config->server.host_program;
	return arena_printf(arena, "%s/herald-channel", own_dir(arena));
}

const char *places_plugin_dir(const struct config *config, struct arena *arena)
{
	const char *near;

	if (config->server.plugin_dir[0] != 0)
		return config->server.plugin_dir;
	near = arena_printf(arena, "%s/../plugins", own_dir(arena));
	return access(near, X_OK) == 0 ? near : HERALD_PLUGIN_DIR;
}

enum herald_code places_make_dir(const char *path, struct herald_error *err)
{
	char part[PATH_BYTES];
	size_t size = strlen(path);

	if (size == 0 || size >= sizeof(part))
		return herald_fail(err, HERALD_INVALID, "not a path of a folder: '%s'", path);
	for (size_t i = 1; i <= size; i++) {
		if (path[i] != '/' && path[i] != 0)
			continue;
		memcpy(part, path, i);
		part[i] = 0;
		if (mkdir(part, i == size ? 0700 : 0755) != 0 && errno != EEXIST)
			return herald_fail(err, HERALD_IO, "making %s: %s", part, strerrordesc_np(errno));
	}
	return HERALD_OK;
}

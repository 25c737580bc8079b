/* heraldd_places.h - where the daemon's own files are: programs, plugins, folders. */
#ifndef HERALDD_PLACES_H
#define HERALDD_PLACES_H

#include "base/arena.h"
#include "config/config.h"

/* server.host_program, or herald-channel beside the daemon's own file. */
const char *places_host_program(const struct config *config, struct arena *arena);
/* server.plugin_dir, or plugins/ of the build tree that the daemon runs from, or what it was installed with.
 */
const char *places_plugin_dir(const struct config *config, struct arena *arena);
/* A folder for us alone, its parents included.  IO: err names it. */
enum herald_code places_make_dir(const char *path, struct herald_error *err);

#endif

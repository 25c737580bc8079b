/* loader.h - from a file to a plugin that may be called: every rule that it must pass, each refusal naming
 * the file and the rule. */
#ifndef HOST_LOADER_H
#define HOST_LOADER_H

#include <stddef.h>

#include "base/arena.h"
#include "config/options.h"
#include "herald/channel.h"
#include "wire/message.h"

/* Loaded for the life of the process (nothing is ever unloaded: a plugin's threads may outlive its close).
 * DENIED: the file may not be trusted; UNSUPPORTED: another ABI; INVALID: its table is not sane. */
enum herald_code loader_load(const char *path, const struct herald_plugin **ret_plugin,
			     struct herald_error *err);

struct option_table loader_options(const struct herald_plugin *plugin);

/* The plugin's config struct, filled from what the operator gave, in the arena.  INVALID with
 * file:line:column and the first complaint. */
enum herald_code loader_fill(const struct herald_plugin *plugin, const char *channel,
			     const struct wire_option *options, size_t count, struct arena *arena,
			     void **ret_config, struct herald_error *err);

#endif

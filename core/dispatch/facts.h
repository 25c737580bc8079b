/* facts.h - what the plugins of the channels said of themselves, kept over the death of the daemon.
 *
 * A small file, one line a channel, written when a plugin says something new.  So a channel whose process
 * cannot start is still known by its kind (what is sent to it waits instead of being refused), and what was
 * on the wire is judged by the plugin's own window of idempotency before it runs again.  A hint, never
 * synced: without it, or with lines that make no sense, everything works but for those two. */
#ifndef DISPATCH_FACTS_H
#define DISPATCH_FACTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "herald/error.h"

struct facts {
	char name[33], kind[33], version[64];
	int64_t idempotent_ms;
};

/* At most CHANNELS_MAX of them.  IO: it is there and cannot be read. */
enum herald_code facts_read(const char *path, struct arena *arena, struct facts **ret_facts,
			    size_t *ret_count, struct herald_error *err);
enum herald_code facts_write(const char *path, const struct facts *facts, size_t count,
			     struct herald_error *err);
const struct facts *facts_find(const struct facts *facts, size_t count, const char *name); /* NULL: none */

#endif

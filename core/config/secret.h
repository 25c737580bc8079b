/* secret.h - secrets are written in the configuration as references and read at the last moment.
 *
 *	env:NAME	the environment variable of the daemon
 *	file:/PATH	a file that only its owner can read; one line feed at its end is not part of it
 *
 * The reference may be shown, the value never: errors name the reference.  Values live in an arena from
 * arena_new_wiped. */
#ifndef CONFIG_SECRET_H
#define CONFIG_SECRET_H

#include <stdbool.h>

#include "base/arena.h"
#include "herald/error.h"
#include "herald/option.h"

/* Begins with env:, file: or vault:. */
bool secret_is_reference(const char *text);

/* Is the reference well formed (without reading it)? */
enum herald_code secret_check(const char *reference, struct herald_error *err);

/* Any thread.  INVALID: no reference; NOT_FOUND: no such variable or file; DENIED: others can read the file;
 * LIMIT: over 64 KiB; UNSUPPORTED: vault:. */
enum herald_code secret_resolve(const char *reference, struct arena *secrets, herald_secret *ret_secret,
				struct herald_error *err);

#endif

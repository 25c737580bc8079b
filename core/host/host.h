/* host.h - what herald-channel is made of: load one plugin, carry what the daemon hands over, say what became
 * of it.
 *
 * Everything here runs in a process of its own, one per configured channel.  The room knows providers only
 * through the border (herald/channel.h) and the daemon only through frames and a board: it decides nothing
 * about retries, and remembers nothing beyond the tickets in its hands. */
#ifndef HOST_HOST_H
#define HOST_HOST_H

#include <stdbool.h>
#include <stddef.h>

#include "herald/error.h"

/* Serve a daemon until it drains us or dies.  The descriptors are taken over.  The answer is the exit status:
 * 0 drained in order, 70 a defect of ours or a broken frame, 78 the channel is misconfigured (REFUSED was
 * said). */
int host_serve(int work_fd, int talk_fd, int board_fd);

enum describe_form { DESCRIBE_TEXT = 1, DESCRIBE_JSON, DESCRIBE_MAN };

/* Print what a plugin says of itself, on stdout.  Loads it by the rules, opens nothing. */
enum herald_code host_describe(const char *path, enum describe_form form, struct herald_error *err);

struct host_setting {
	const char *name, *value; /* of an option, as an operator would write it */
};

/* The loader's rules, then the contract, on two instances side by side; a line per promise on stdout.
 * address: one that the plugin takes, NULL: some usual ones are tried.  Nothing is sent.  A plugin that
 * crashes takes this process with it: call it in one of its own. */
enum herald_code host_check(const char *path, const struct host_setting *settings, size_t count,
			    const char *address, struct herald_error *err);

#endif

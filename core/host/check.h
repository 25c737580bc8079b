/* check.h - the inside of the contract run: two instances of one plugin, a host that sends nothing, and a
 * tally of promises. */
#ifndef HOST_CHECK_H
#define HOST_CHECK_H

#include "host/private.h"

/* The border's opaque channel, for a run without daemon: the same struct, with what the services need. */
struct check_instance {
	struct herald_channel channel;
	bool is_open;
};

struct check {
	struct arena *arena;
	const struct herald_plugin *plugin;
	struct check_instance instances[2];
	const char *address; /* one that the plugin takes; NULL: none is known */
	unsigned kept, broken, skipped;
};

/* One line.  check_that answers what it was told. */
bool check_that(struct check *check, bool is_kept, const char *promise, ...)
	__attribute__((format(printf, 3, 4)));
void check_skip(struct check *check, const char *promise, const char *why);

/* check_calls.c: what is pure or nearly so: addresses, destinations, answers, meters. */
void check_addresses(struct check *check);
void check_answers(struct check *check);
void check_meters(struct check *check);

/* check_send.c: the table that is lent in a contract run, and sends with answers made up. */
extern const struct herald_host check_host;
void check_sends(struct check *check);

#endif

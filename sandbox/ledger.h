/* ledger.h - what arrived: the last 10,000 arrivals, who came twice, and the file that outlives us.
 *
 * The file is the outside oracle of kill tests: one line per event, written with one write(2) before the
 *request is answered, so that what a client was told is always in it.  Tab-separated, "-" where there is
 *nothing:
 *
 *	<unix microseconds> <event> <channel> <request> <to> <delivery id> <marker> <provider's id>
 *
 * seen: the first bytes of a request that could deliver are here (one line per name found in them).
 * arrived: accepted; this is a delivery.  repeat: recognised as a repetition, not delivered again.
 * refused: answered with an error, or an item of it was.  Lines of one request share its number. */
#ifndef SANDBOX_LEDGER_H
#define SANDBOX_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "herald/error.h"
#include "herald/kit.h"
#include "marker.h"
#include "service.h"

enum { LEDGER_ARRIVALS = 10000, LEDGER_TEXT_BYTES = 4096, LEDGER_KEYS_MAX = 2000000 };

struct ledger;

/* What a service says about one arrival; everything is lent for the call, NULL reads as "". */
struct arrival {
	enum service service;
	int64_t request;
	const char *to, *from, *subject, *text;
	const char *place;    /* conversation or thread */
	const char *id;       /* what we answered */
	const char *delivery; /* Herald's delivery id */
	const char *marker;
	const char *extra; /* JSON of the service's own, "" for none */
};

/* path NULL: no file.  follow: print each arrival as a line to stdout. */
enum herald_code ledger_open(const char *path, bool follow, struct ledger **ret_ledger,
			     struct herald_error *err);
void ledger_free(struct ledger *ledger); /* NULL is fine */

void ledger_request(struct ledger *ledger, enum service service); /* counts one */
void ledger_seen(struct ledger *ledger, enum service service, int64_t request, const char *data, size_t size);
/* Returns true when the same delivery (or marker) had arrived at the same place before. */
bool ledger_arrived(struct ledger *ledger, const struct arrival *arrival, int64_t now_ms);
void ledger_repeated(struct ledger *ledger, const struct arrival *arrival);
void ledger_refused(struct ledger *ledger, enum service service, int64_t request, const char *to,
		    const char *why);
void ledger_faulted(struct ledger *ledger, enum service service);
void ledger_clear(struct ledger *ledger); /* arrivals, counters and keys; the file stays */

struct ledger_filter {
	const char *channel, *to, *place; /* "" any */
	int64_t since;                    /* sequence numbers greater than this */
	size_t limit;                     /* the newest so many */
};

/* {"arrivals": [...], "last": n}, oldest first. */
void ledger_show(const struct ledger *ledger, const struct ledger_filter *filter,
		 struct herald_builder *builder);
/* The extras of what matches, newest first, as a JSON array. */
void ledger_show_extras(const struct ledger *ledger, const struct ledger_filter *filter,
			struct herald_builder *builder);
void ledger_stats(const struct ledger *ledger, struct herald_builder *builder);

#endif

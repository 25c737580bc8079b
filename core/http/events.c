/* GET /v1/events: what happens in the daemon, live, as server-sent events (WHATWG HTML, 9.2).  Each has the
 * number of its line as id, so that a client which comes again with `after` misses nothing that is still
 * kept. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/resources.h"
#include "telemetry/event.h"
#include "base/check.h"

enum { QUIET_LOOKS_MAX = 60 }; /* of 250 ms: then a comment proves that the connection lives */

struct watching {
	uint64_t after;
	unsigned quiet;
	bool is_following;
};

static ssize_t next_event(struct request *request, char *buffer, size_t size)
{
	struct watching *watching = request->state;
	char line[EVENT_LINE_BYTES_MAX + 1];
	uint64_t number = event_next_after(watching->after, line, sizeof(line));

	if (number == 0 && !watching->is_following)
		return -1;
	if (number == 0) {
		if (++watching->quiet < QUIET_LOOKS_MAX)
			return 0;
		watching->quiet = 0;
		return snprintf(buffer, size, ": quiet\n\n");
	}
	watching->after = number;
	watching->quiet = 0;
	/* A block of the stream holds the longest line there is. */
	return snprintf(buffer, size, "id: %llu\ndata: %s\n\n", (unsigned long long)number, line);
}

void events_get(struct request *request)
{
	struct watching *watching = arena_new_of(request->arena, struct watching);
	const char *follow = request_query(request, "follow"), *after = request_query(request, "after");
	char *end = NULL;

	request->state = watching;
	watching->is_following = strcmp(follow, "true") == 0;
	if (*follow != 0 && !watching->is_following && strcmp(follow, "false") != 0)
		faults_add(&request->faults, "?follow", "range", "must be true or false");
	/* Without a place to begin, whoever follows begins now, and whoever does not gets all that is kept.
	 */
	watching->after = *after ? strtoull(after, &end, 10) : watching->is_following ? event_last() : 0;
	if (end != NULL && *end != 0)
		faults_add(&request->faults, "?after", "syntax", "must be the id of an event");
	if (!request_is_faulty(request))
		answer_stream(request, "text/event-stream", next_event);
}

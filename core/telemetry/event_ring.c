/* The last lines of the log, as JSON, for whoever watches live: a ring that forgets its oldest line for each
 * new one.
 *
 * Lines keep the order in which they were put here; who falls behind by a whole ring misses lines and can
 * tell by their numbers. */
#include <pthread.h>
#include <string.h>

#include "telemetry/private.h"
#include "base/check.h"

enum { RING_LINES = 256 };

static struct {
	pthread_mutex_t lock;
	uint64_t next; /* number of the line to come, from 1 */
	struct event_line lines[RING_LINES];
} ring = {.lock = PTHREAD_MUTEX_INITIALIZER, .next = 1};

void event_ring_put(const struct event_head *head, const struct event_field *fields, size_t count)
{
	pthread_mutex_lock(&ring.lock);
	event_line_json(&ring.lines[ring.next % RING_LINES], head, fields, count);
	ring.next++;
	pthread_mutex_unlock(&ring.lock);
}

uint64_t event_last(void)
{
	pthread_mutex_lock(&ring.lock);
	uint64_t last = ring.next - 1;
	pthread_mutex_unlock(&ring.lock);
	return last;
}

uint64_t event_next_after(uint64_t after, char *ret_line, size_t size)
{
	pthread_mutex_lock(&ring.lock);
	uint64_t oldest = ring.next > RING_LINES ? ring.next - RING_LINES : 1;
	uint64_t number = after + 1 > oldest ? after + 1 : oldest;
	if (number >= ring.next) {
		number = 0;
	} else {
		const struct event_line *line = &ring.lines[number % RING_LINES];
		size_t bytes = line->size - 1; /* without its line feed */
		if (bytes >= size)
			bytes = size - 1;
		memcpy(ret_line, line->data, bytes);
		ret_line[bytes] = 0;
	}
	pthread_mutex_unlock(&ring.lock);
	return number;
}

/* queue.h - the only place where things change threads: a bounded queue with a bell.
 *
 * Many threads push, one pops.  Pushing gives the item away; popping takes it.  The bell is an eventfd that
 * is readable while something waits, so a poll loop can sleep on it.  Completions never block: whoever
 * expects one reserved its place when the work began, or uses an unbounded queue (limit 0) whose length is
 * bounded elsewhere. */
#ifndef BASE_QUEUE_H
#define BASE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>

/* Embedded first in what is queued: no allocation to push. */
struct queue_item {
	struct queue_item *next;
};

struct queue;

struct queue *queue_new(size_t limit);
void queue_free(struct queue *queue); /* must be empty; NULL is fine */

/* False: full or closed; the item is still the caller's. */
bool queue_push(struct queue *queue, struct queue_item *item);
/* All that waits, oldest first, or NULL.  Clears the bell. */
struct queue_item *queue_take_all(struct queue *queue);
/* The same, but sleeps until something is there, the queue is closed (NULL) or timeout_ms passed (NULL; -1:
 * none). */
struct queue_item *queue_wait_all(struct queue *queue, int timeout_ms);
void queue_close(struct queue *queue);
size_t queue_length(const struct queue *queue);
int queue_bell(const struct queue *queue); /* the eventfd, for poll */

#endif

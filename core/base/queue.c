/* queue.c - a linked list behind one mutex, a condition for those who sleep and an eventfd for those who
 * poll.
 *
 * Invariant: whoever makes the list non-empty rings; whoever empties it silences the bell under the same
 * lock, so the bell is readable exactly while something waits (or once more, after the close). */
#include "base/queue.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"

struct queue {
	pthread_mutex_t lock;
	pthread_cond_t filled;
	struct queue_item *oldest, **end; /* end: where the next one is hung */
	atomic_size_t length;
	size_t limit; /* 0: none */
	int bell;
	bool is_closed;
};

struct queue *queue_new(size_t limit)
{
	struct queue *queue = calloc(1, sizeof(*queue));
	CHECK(queue != NULL);
	queue->end = &queue->oldest;
	queue->limit = limit;
	queue->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	CHECK(queue->bell >= 0);
	CHECK(pthread_mutex_init(&queue->lock, NULL) == 0);
	pthread_condattr_t attributes;
	CHECK(pthread_condattr_init(&attributes) == 0);
	CHECK(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
	CHECK(pthread_cond_init(&queue->filled, &attributes) == 0);
	pthread_condattr_destroy(&attributes);
	return queue;
}

void queue_free(struct queue *queue)
{
	if (queue == NULL)
		return;
	CHECK(queue->oldest == NULL);
	close(queue->bell);
	pthread_cond_destroy(&queue->filled);
	pthread_mutex_destroy(&queue->lock);
	free(queue);
}

static void queue_ring(struct queue *queue)
{
	CHECK(eventfd_write(queue->bell, 1) == 0 || errno == EAGAIN);
	pthread_cond_signal(&queue->filled);
}

bool queue_push(struct queue *queue, struct queue_item *item)
{
	pthread_mutex_lock(&queue->lock);
	bool is_taken = !queue->is_closed && (queue->limit == 0 || queue->length < queue->limit);
	if (is_taken) {
		bool was_empty = queue->oldest == NULL;
		item->next = NULL;
		*queue->end = item;
		queue->end = &item->next;
		queue->length++;
		if (was_empty)
			queue_ring(queue);
	}
	pthread_mutex_unlock(&queue->lock);
	return is_taken;
}

/* The lock is held. */
static struct queue_item *queue_empty(struct queue *queue)
{
	struct queue_item *items = queue->oldest;
	queue->oldest = NULL;
	queue->end = &queue->oldest;
	queue->length = 0;
	eventfd_t rings;
	CHECK(eventfd_read(queue->bell, &rings) == 0 || errno == EAGAIN);
	return items;
}

struct queue_item *queue_take_all(struct queue *queue)
{
	pthread_mutex_lock(&queue->lock);
	struct queue_item *items = queue_empty(queue);
	pthread_mutex_unlock(&queue->lock);
	return items;
}

static struct timespec deadline_in(int timeout_ms)
{
	struct timespec at;
	CHECK(clock_gettime(CLOCK_MONOTONIC, &at) == 0);
	at.tv_sec += timeout_ms / 1000;
	at.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
	if (at.tv_nsec >= 1000000000) {
		at.tv_sec++;
		at.tv_nsec -= 1000000000;
	}
	return at;
}

struct queue_item *queue_wait_all(struct queue *queue, int timeout_ms)
{
	struct timespec deadline = deadline_in(timeout_ms < 0 ? 0 : timeout_ms);
	pthread_mutex_lock(&queue->lock);
	while (queue->oldest == NULL && !queue->is_closed) {
		if (timeout_ms < 0)
			pthread_cond_wait(&queue->filled, &queue->lock);
		else if (pthread_cond_timedwait(&queue->filled, &queue->lock, &deadline) != 0)
			break;
	}
	struct queue_item *items = queue_empty(queue);
	pthread_mutex_unlock(&queue->lock);
	return items;
}

void queue_close(struct queue *queue)
{
	pthread_mutex_lock(&queue->lock);
	queue->is_closed = true;
	queue_ring(queue);
	pthread_cond_broadcast(&queue->filled);
	pthread_mutex_unlock(&queue->lock);
}

size_t queue_length(const struct queue *queue)
{
	return queue->length;
}

int queue_bell(const struct queue *queue)
{
	return queue->bell;
}

/* later.c - a list ordered by due time, and the thread that sleeps until the first. */
#include "later.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

struct answer {
	struct answer *next;
	struct herald_ticket *ticket;
	int64_t at_ms; /* monotonic */
	enum herald_verdict verdict;
};

struct later {
	const struct herald_host *host;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	pthread_t thread;
	struct answer *first;
	size_t waiting;
	bool is_ending;
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static struct answer *take_due(struct later *later)
{
	struct answer *answer = later->first;

	if (!answer || answer->at_ms > now_ms())
		return NULL;
	later->first = answer->next;
	later->waiting--;
	return answer;
}

static void wait_for_first(struct later *later)
{
	if (!later->first) {
		pthread_cond_wait(&later->changed, &later->lock);
		return;
	}
	struct timespec at = {
		.tv_sec = (time_t)(later->first->at_ms / 1000),
		.tv_nsec = (long)(later->first->at_ms % 1000) * 1000000,
	};
	pthread_cond_timedwait(&later->changed, &later->lock, &at);
}

static void *run(void *context)
{
	struct later *later = context;

	pthread_mutex_lock(&later->lock);
	while (!later->is_ending) {
		struct answer *answer = take_due(later);

		if (!answer) {
			wait_for_first(later);
			continue;
		}
		pthread_mutex_unlock(&later->lock);
		const struct herald_outcome outcome = {
			.struct_size = sizeof(outcome),
			.verdict = answer->verdict,
			.reason = "as the address says, after a while",
		};
		later->host->complete(answer->ticket, &outcome);
		free(answer);
		pthread_mutex_lock(&later->lock);
	}
	pthread_mutex_unlock(&later->lock);
	return NULL;
}

struct later *later_new(const struct herald_host *host)
{
	struct later *later = calloc(1, sizeof(*later));
	pthread_condattr_t attributes;

	if (!later)
		return NULL;
	later->host = host;
	pthread_mutex_init(&later->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&later->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	if (pthread_create(&later->thread, NULL, run, later) == 0)
		return later;
	free(later);
	return NULL;
}

void later_free(struct later *later)
{
	if (!later)
		return;
	pthread_mutex_lock(&later->lock);
	later->is_ending = true;
	pthread_cond_signal(&later->changed);
	pthread_mutex_unlock(&later->lock);
	pthread_join(later->thread, NULL);
	while (later->first) {
		struct answer *next = later->first->next;
		free(later->first);
		later->first = next;
	}
	pthread_cond_destroy(&later->changed);
	pthread_mutex_destroy(&later->lock);
	free(later);
}

bool later_answer(struct later *later, struct herald_ticket *ticket, enum herald_verdict verdict,
		  int64_t in_ms)
{
	struct answer *answer = calloc(1, sizeof(*answer));

	if (!answer)
		return false;
	*answer = (struct answer){.ticket = ticket, .verdict = verdict, .at_ms = now_ms() + in_ms};
	pthread_mutex_lock(&later->lock);
	struct answer **at = &later->first;
	while (*at && (*at)->at_ms <= answer->at_ms)
		at = &(*at)->next;
	answer->next = *at;
	*at = answer;
	later->waiting++;
	pthread_cond_signal(&later->changed);
	pthread_mutex_unlock(&later->lock);
	return true;
}

size_t later_waiting(struct later *later)
{
	pthread_mutex_lock(&later->lock);
	size_t waiting = later->waiting;
	pthread_mutex_unlock(&later->lock);
	return waiting;
}

/* A store that is asked N times by a few threads and says each answer aloud: "done <id>" on the standard
 * output, in the very moment of the answer.  Whoever watches its system calls sees what was synced before. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/ops.h"
#include "store/store.h"

enum { CALLERS = 8 };

struct caller {
	pthread_t thread;
	struct store *store;
	int count;
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool is_done;
};

static void on_done(struct store_op *op)
{
	struct caller *caller = op->context;
	const struct store_accept *accept = (const struct store_accept *)op;
	char line[64];
	int size = snprintf(line, sizeof(line), "done %lld %d\n", (long long)accept->id, (int)op->code);
	if (write(STDOUT_FILENO, line, (size_t)size) != size)
		_exit(1);
	pthread_mutex_lock(&caller->lock);
	caller->is_done = true;
	pthread_cond_signal(&caller->cond);
	pthread_mutex_unlock(&caller->lock);
}

static void *call(void *context)
{
	struct caller *caller = context;
	struct herald_text body = text_of("\0words", 6);
	for (int i = 0; i < caller->count; i++) {
		struct store_delivery delivery = {.n = 1,
						  .channel = 1,
						  .state = DELIVERY_QUEUED,
						  .address = "a@example.org",
						  .kind = "email",
						  .destination = ""};
		struct store_accept accept = {
			.op = {.verb = STORE_ACCEPT,
			       .tenant = 1,
			       .now_ms = 1,
			       .done = on_done,
			       .context = caller},
			.id = store_next_id(caller->store),
			.category = "c",
			.policy_version = -1,
			.deliveries = &delivery,
			.delivery_count = 1,
			.bodies = &body,
			.body_count = 1,
			.dedup_key = "",
		};
		caller->is_done = false;
		store_submit(caller->store, &accept.op);
		pthread_mutex_lock(&caller->lock);
		while (!caller->is_done)
			pthread_cond_wait(&caller->cond, &caller->lock);
		pthread_mutex_unlock(&caller->lock);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	struct caller callers[CALLERS];
	struct store_settings settings = {.data_dir = argv[1], .run = 1};
	struct herald_error err = {0};
	struct store *store;
	if (store_open(&settings, &store, &err) != HERALD_OK) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	for (int i = 0; i < CALLERS; i++) {
		callers[i] = (struct caller){.store = store,
					     .count = (int)strtol(argv[2], NULL, 10) / CALLERS,
					     .lock = PTHREAD_MUTEX_INITIALIZER,
					     .cond = PTHREAD_COND_INITIALIZER};
		pthread_create(&callers[i].thread, NULL, call, &callers[i]);
	}
	for (int i = 0; i < CALLERS; i++)
		pthread_join(callers[i].thread, NULL);
	store_close(store);
	return 0;
}

/* store.h - the door of the store: what is remembered, and the one thread that writes it.
 *
 * Every write is an operation (ops.h) handed to the writer thread, which commits all that is waiting in one
 * transaction with one fsync and then completes each.  Operations are idempotent: ids are made by the caller
 * before the write. Reads (read.h) go through a session, one per thread.
 *
 * Invariants: exactly one connection writes and checkpoints; synchronous=FULL, read back; a failed sync is
 * unknown and ends the process (exit 70) after every waiting caller was told UNCERTAIN_WRITE; a full disk
 * rolls back and is IO for the operations that bring new work, while a ballast file is given up so that
 * settles go on. */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/queue.h"
#include "herald/error.h"
#include "model/job.h"

struct store;
struct store_op;

/* A lane that got rows queued (accept without a permit, wake, replan, redrive, resolve): the dispatcher's
 * reason to claim.  Not told of settles: whoever settles knows. */
/* count 0: nothing new, but something of it is due sooner. */
struct store_queued {
	int32_t channel;
	int64_t lane;
	uint32_t priority;
	int64_t due_at_ms;
	uint32_t count;
};

enum store_news {
	STORE_NEWS_FULL = 1, /* no new work is taken: why */
	STORE_NEWS_ROOM,     /* it is taken again */
	STORE_NEWS_FAILED,   /* a commit failed, and who waited for it was told */
};

/* Called on the writer thread after the commit and before the operations' done: hand over and return at once.
 */
struct store_hooks {
	void *context;
	void (*leased)(void *context, struct job *job);                               /* owns the job now */
	void (*queued)(void *context, const struct store_queued *rows, size_t count); /* lent */
	/* op->takes_back: whoever gets it calls store_op_done when nothing that it names can start any more.
	 */
	void (*take_back)(void *context, struct store_op *op);
	/* So many operations went into one commit, which took so long.  NULL: nobody counts. */
	void (*committed)(void *context, size_t operations, int64_t us);
	/* Told once when it changes, or happens; NULL: nobody wants to know. */
	void (*news)(void *context, enum store_news news, const char *why);
};

struct store_settings {
	const char *data_dir;
	int64_t run;   /* this daemon's run token: fences its leases */
	unsigned node; /* of the ids */
	uint64_t free_space_floor_bytes, ballast_bytes;
	size_t queue_limit; /* operations waiting; past it submit answers BUSY */
	bool is_null;       /* benchmarks only: everything but the commit */
	struct store_hooks hooks;
	void (*fatal)(void *context,
		      const char *why); /* the sync failed: must end the process; NULL: _exit(70) */
};

/* Creates the directory (0700), takes its lock (BUSY: another daemon), migrates, starts the writer.  CORRUPT:
 * a newer or foreign schema, nothing touched. */
enum herald_code store_open(const struct store_settings *settings, struct store **ret_store,
			    struct herald_error *err);
/* Commits what waits, checkpoints, joins, unlocks. */
void store_close(struct store *store);

int64_t store_next_id(struct store *store);
int64_t store_run(const struct store *store);

/* Names to numbers, stable for ever, made on first use.  Any thread; cached.  tenant -1 / channel -1: not
 * possible now. */
int64_t store_tenant_number(struct store *store, const char *tenant, bool make);
int32_t store_channel_number(struct store *store, const char *channel);
const char *store_channel_name(struct store *store, int32_t number); /* NULL: unknown */
const char *store_tenant_name(struct store *store, int64_t number);  /* NULL: unknown */

/* Hand an operation to the writer.  It stays the caller's memory; op->done is called exactly once, on the
 * writer thread (or where a take-back ends), after the commit or after the failure.  Never blocks: past the
 * limit, or while the disk is under its floor and the operation is new work, done is called at once with
 * BUSY. */
void store_submit(struct store *store, struct store_op *op);
void store_op_done(struct store_op *op);

enum store_trouble { STORE_FINE = 0, STORE_QUEUE_FULL, STORE_DISK_SHORT, STORE_DEAD };

struct store_health {
	bool is_taking_work; /* false: trouble and why say so */
	enum store_trouble trouble;
	char why[128];
	size_t waiting;      /* operations */
	int64_t commit_us;   /* the last one */
	uint64_t free_bytes; /* of the file system */
};

void store_health(struct store *store, struct store_health *ret_health); /* any thread */

#endif

/* writer.c - the one thread that writes: it takes what waits, runs it in one transaction, syncs once, hands
 * over what the commit brought, and answers.
 *
 * Invariants: nothing is answered before the commit that holds it; nothing is handed over from a transaction
 * that was rolled back; an operation that the caller got wrong leaves nothing behind and spoils nobody.
 *
 * Each verb validates before its first write, so an operation that is refused needs no savepoint.  If one
 * fails in the middle all the same, the transaction is rolled back and its operations run again, each alone.
 */
#include "store/private.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "herald/kit.h"

enum {
	BATCH_OPS_MAX = 4096,
	BATCH_BUDGET_US = 20 * 1000, /* of running statements; the sync comes on top */
	IDLE_MS = 1000,
	FULL_RETRY_MS = 100,
	CLOSING_RETRIES_MAX = 20,
	LOG_PAGES_CHECKPOINT = 4000, /* 16 MiB */
	COMMITS_PER_LOOK = 64,       /* at the free space */
	EXIT_SOFTWARE = 70,
};

static const struct verb {
	void (*execute)(struct writer *writer, struct store_op *op);
	void (*committed)(struct writer *writer, struct store_op *op); /* NULL: nothing to publish */
	bool is_in_hand; /* the end of work that was accepted: tried until the disk takes it */
} verbs[STORE_VERBS + 1] = {
	[STORE_ACCEPT] = {accept_execute, NULL, false},
	[STORE_CLAIM] = {claim_execute, NULL, false},
	[STORE_SETTLE] = {settle_execute, NULL, true},
	[STORE_MEMORY] = {memory_execute, NULL, true},
	[STORE_REPLAN] = {replan_execute, NULL, false},
	[STORE_WAKE] = {wake_execute, NULL, false},
	[STORE_CANCEL] = {cancel_execute, NULL, false},
	[STORE_REDRIVE] = {redrive_execute, NULL, false},
	[STORE_RESOLVE] = {resolve_execute, NULL, false},
	[STORE_PRUNE] = {prune_execute, NULL, false},
	[STORE_PUT_RECIPIENT] = {recipient_execute, NULL, false},
	[STORE_PUT_PREFERENCE] = {preference_execute, NULL, false},
	[STORE_PUT_CATEGORY] = {category_execute, category_committed, false},
	[STORE_PUT_SUPPRESSION] = {suppression_execute, NULL, false},
	[STORE_PUT_KEY] = {key_execute, NULL, false},
	[STORE_PUT_CHANNEL] = {channel_execute, NULL, false},
	[STORE_MAKE_NAME] = {names_execute, names_committed, false},
};

/* Operations in the order in which they came. */
struct batch {
	struct store_op *first, **end;
	size_t count;
};

void op_fail(struct store_op *op, enum herald_code code, const char *text)
{
	op->code = herald_fail(&op->err, code, "%s", text);
}

static struct store_op *op_next(struct store_op *op)
{
	return (struct store_op *)op->item.next;
}

static void batch_init(struct batch *batch)
{
	*batch = (struct batch){0};
	batch->end = &batch->first;
}

static void batch_add(struct batch *batch, struct store_op *op)
{
	op->item.next = NULL;
	*batch->end = op;
	batch->end = (struct store_op **)&op->item.next;
	batch->count++;
}

static struct store_op *batch_pop(struct batch *batch)
{
	struct store_op *op = batch->first;
	if (op == NULL)
		return NULL;
	batch->first = op_next(op);
	if (batch->first == NULL)
		batch->end = &batch->first;
	batch->count--;
	return op;
}

/* --- what waits --- */

static void waiting_append(struct writer *writer, struct queue_item *items)
{
	if (items == NULL)
		return;
	*writer->waiting_end = (struct store_op *)items;
	while (*writer->waiting_end != NULL)
		writer->waiting_end = (struct store_op **)&(*writer->waiting_end)->item.next;
}

static struct store_op *waiting_pop(struct writer *writer)
{
	struct store_op *op = writer->waiting;
	writer->waiting = op_next(op);
	if (writer->waiting == NULL)
		writer->waiting_end = &writer->waiting;
	return op;
}

/* Back to the front, in the same order. */
static void waiting_return(struct writer *writer, struct batch *batch)
{
	if (batch->first == NULL)
		return;
	*batch->end = writer->waiting;
	if (writer->waiting == NULL)
		writer->waiting_end = batch->end;
	writer->waiting = batch->first;
	batch_init(batch);
}

/* --- the answers --- */

static void writer_answer(struct writer *writer, struct store_op *op)
{
	atomic_fetch_sub(&writer->store->waiting, 1);
	store_op_done(op);
}

/* After a commit.  Take-backs go first: they are on somebody's way to an answer. */
static void writer_complete(struct writer *writer, struct batch *batch)
{
	const struct store_hooks *hooks = &writer->store->settings.hooks;
	struct batch rest;

	for (struct store_op *op = batch->first; op != NULL; op = op_next(op)) {
		if (op->code == HERALD_OK && verbs[op->verb].committed != NULL)
			verbs[op->verb].committed(writer, op);
	}
	handover_commit(writer);

	batch_init(&rest);
	for (struct store_op *op = batch_pop(batch); op != NULL; op = batch_pop(batch)) {
		if (op->takes_back && !op->ret_takes_nothing && op->code == HERALD_OK && !op->ret_is_replay &&
		    hooks->take_back != NULL) {
			atomic_fetch_sub(&writer->store->waiting, 1);
			hooks->take_back(hooks->context, op);
		} else {
			batch_add(&rest, op);
		}
	}
	for (struct store_op *op = batch_pop(&rest); op != NULL; op = batch_pop(&rest))
		writer_answer(writer, op);
}

static void claim_drop(struct store_op *op)
{
	struct store_claim *claim = (struct store_claim *)op;
	while (op->verb == STORE_CLAIM && claim->ret_jobs != NULL) {
		struct job *job = (struct job *)claim->ret_jobs;
		claim->ret_jobs = job->item.next;
		job_free(job);
	}
}

/* Everything that the transaction left in memory. */
static void writer_undo(struct writer *writer, struct batch *batch)
{
	handover_drop(writer);
	for (struct store_op *op = batch->first; op != NULL; op = op_next(op))
		claim_drop(op);
	destinations_forget(writer);
	names_rolled_back(&writer->store->names);

	struct conn *conn = &writer->conn;
	enum conn_trouble trouble = conn->trouble;
	struct herald_error err = conn->err;
	conn_forgive(conn);
	writer_reload(writer);
	conn->trouble = trouble;
	conn->err = err;
}

static void batch_fail(struct writer *writer, struct batch *batch, enum herald_code code, const char *text)
{
	for (struct store_op *op = batch_pop(batch); op != NULL; op = batch_pop(batch)) {
		op_fail(op, code, text);
		writer_answer(writer, op);
	}
}

/* The sync failed: nobody knows what is on the disk, and a second fsync would lie.  Everybody who waits hears
 * that, then the process ends; the next one reads what is there. */
static void writer_die(struct writer *writer, struct batch *batch)
{
	struct store *store = writer->store;
	char why[sizeof(writer->conn.err.text)];

	snprintf(why, sizeof(why), "%s", writer->conn.err.text);
	writer->is_dead = true;
	atomic_store(&store->is_dead, true);
	handover_drop(writer);
	for (struct store_op *op = batch->first; op != NULL; op = op_next(op))
		claim_drop(op);
	while (writer->waiting != NULL)
		batch_add(batch, waiting_pop(writer));
	store_tell(&store->settings, STORE_NEWS_FAILED, why);
	batch_fail(writer, batch, HERALD_UNCERTAIN_WRITE, why);
	if (store->settings.fatal == NULL)
		_exit(EXIT_SOFTWARE);
	store->settings.fatal(store->settings.hooks.context, why);
}

/* The disk is full and the transaction was rolled back.  New work is refused; what is in hand is tried again
 * on the room that the ballast leaves, and after that until somebody makes room. */
static void writer_full(struct writer *writer, struct batch *batch)
{
	struct batch again;
	bool is_freed = ballast_give_up(&writer->store->disk);
	bool is_closing = atomic_load(&writer->store->is_closing);

	batch_init(&again);
	writer->full_rounds++;
	for (struct store_op *op = batch_pop(batch); op != NULL; op = batch_pop(batch)) {
		bool is_over = is_closing && writer->full_rounds > CLOSING_RETRIES_MAX;
		bool is_again = is_freed ? !op->is_new_work : verbs[op->verb].is_in_hand && !is_over;
		if (is_again) {
			batch_add(&again, op);
		} else {
			op_fail(op, HERALD_IO, writer->conn.err.text);
			writer_answer(writer, op);
		}
	}
	bool has_to_wait = !is_freed && again.first != NULL;
	waiting_return(writer, &again);
	if (has_to_wait)
		waiting_append(writer, queue_wait_all(writer->store->queue, FULL_RETRY_MS));
}

static void writer_failed(struct writer *writer, struct batch *batch)
{
	writer_undo(writer, batch);
	switch (writer->conn.trouble) {
	case CONN_SYNC:
		writer_die(writer, batch);
		return;
	case CONN_FULL:
		writer_full(writer, batch);
		break;
	case CONN_FINE:
	case CONN_OTHER:
		if (batch->count == 1) {
			store_tell(&writer->store->settings, STORE_NEWS_FAILED, writer->conn.err.text);
			batch_fail(writer, batch, (enum herald_code)writer->conn.err.code,
				   writer->conn.err.text);
		} else {
			writer->alone = batch->count;
			waiting_return(writer, batch);
		}
		break;
	}
	conn_forgive(&writer->conn);
}

/* --- a transaction --- */

static void writer_execute(struct writer *writer, struct store_op *op)
{
	op->code = HERALD_OK;
	op->err = (struct herald_error){0};
	op->ret_is_replay = op->ret_is_mismatch = op->ret_is_audited = op->ret_takes_nothing = false;
	writer->has_changed = true;

	bool has_key = op->idempotency.key != NULL && op->idempotency.key[0] != 0;
	if (has_key && idempotency_replay(writer, op))
		return;
	verbs[op->verb].execute(writer, op);
	if (op->code != HERALD_OK || writer->conn.trouble != CONN_FINE || !writer->has_changed)
		return;
	op->ret_is_audited = op->audit.verb != NULL && op->audit.verb[0] != 0;
	if (op->ret_is_audited)
		audit_append(writer, op);
	if (has_key)
		idempotency_remember(writer, op);
}

/* Something else holds the file, or it cannot be read: that is nobody's fault, and nobody waits for its end
 * in here. */
static void writer_not_begun(struct writer *writer)
{
	struct batch batch;

	batch_init(&batch);
	while (writer->waiting != NULL && batch.count < BATCH_OPS_MAX)
		batch_add(&batch, waiting_pop(writer));
	writer->alone -= writer->alone < batch.count ? writer->alone : batch.count;
	if (writer->conn.trouble == CONN_SYNC || writer->conn.trouble == CONN_FULL)
		writer_failed(writer, &batch);
	else
		batch_fail(writer, &batch, (enum herald_code)writer->conn.err.code, writer->conn.err.text);
	if (!writer->is_dead)
		conn_forgive(&writer->conn);
}

static void writer_transaction(struct writer *writer)
{
	const struct store_hooks *hooks = &writer->store->settings.hooks;
	struct batch batch;
	int64_t began_us = clock_mono_us();
	size_t count_max = writer->alone > 0 ? 1 : BATCH_OPS_MAX;

	batch_init(&batch);
	arena_clear(writer->arena);
	conn_begin(&writer->conn);
	if (writer->conn.trouble != CONN_FINE) {
		writer_not_begun(writer);
		return;
	}
	while (writer->waiting != NULL && batch.count < count_max && writer->conn.trouble == CONN_FINE &&
	       (batch.count == 0 || clock_mono_us() - began_us < BATCH_BUDGET_US)) {
		struct store_op *op = waiting_pop(writer);
		batch_add(&batch, op);
		writer_execute(writer, op);
	}
	int64_t commit_us = clock_mono_us();
	conn_commit(&writer->conn);
	commit_us = clock_mono_us() - commit_us;
	atomic_store(&writer->store->commit_us, commit_us);
	if (writer->alone > 0)
		writer->alone--;

	if (writer->conn.trouble != CONN_FINE) {
		writer_failed(writer, &batch);
		return;
	}
	writer->full_rounds = 0;
	if (hooks->committed != NULL)
		hooks->committed(hooks->context, batch.count, commit_us);
	writer_complete(writer, &batch);
}

/* Between transactions, so that no commit waits for more than one of them. */
static void writer_checkpoint(struct writer *writer)
{
	struct batch none;
	conn_checkpoint(&writer->conn);
	/* Where a reader kept the log from being begun anew, it grows on: not a checkpoint for each commit.
	 */
	writer->checkpoint_at = writer->log_pages + LOG_PAGES_CHECKPOINT;
	if (writer->conn.trouble == CONN_SYNC) {
		batch_init(&none);
		writer_die(writer, &none);
		return;
	}
	if (writer->conn.trouble == CONN_FULL)
		ballast_give_up(&writer->store->disk);
	conn_forgive(&writer->conn);
}

static int on_commit(void *context, sqlite3 *db, const char *name, int pages)
{
	(void)db, (void)name;
	struct writer *writer = context;
	if (pages < writer->log_pages) /* begun anew */
		writer->checkpoint_at = LOG_PAGES_CHECKPOINT;
	writer->log_pages = pages;
	return SQLITE_OK;
}

static void *writer_run(void *context)
{
	struct writer *writer = context;
	struct store *store = writer->store;
	unsigned commits = 0;

	for (;;) {
		bool is_idle = writer->waiting == NULL;
		waiting_append(writer, is_idle ? queue_wait_all(store->queue, IDLE_MS)
					       : queue_take_all(store->queue));
		if (writer->is_dead) {
			struct batch dead;
			batch_init(&dead);
			while (writer->waiting != NULL)
				batch_add(&dead, waiting_pop(writer));
			batch_fail(writer, &dead, HERALD_UNCERTAIN_WRITE,
				   "the store has stopped: its disk failed");
		} else if (writer->waiting != NULL) {
			writer_transaction(writer);
		}
		if (writer->waiting == NULL && atomic_load(&store->is_closing) &&
		    queue_length(store->queue) == 0)
			return NULL;
		if (!writer->is_dead && writer->log_pages >= writer->checkpoint_at)
			writer_checkpoint(writer);
		if (is_idle || ++commits % COMMITS_PER_LOOK == 0)
			disk_look(&store->disk);
	}
}

/* What the writer knows by heart of the file; again after each rollback. */
void writer_reload(struct writer *writer)
{
	struct conn *conn = &writer->conn;
	sqlite3_stmt *row = conn_one(conn, SQL_GREATEST_BODY, SQL_NO_ARGS);
	if (row != NULL)
		writer->body_last = col_int(row, 0);
	conn_end(row);
	row = conn_one(conn, SQL_HAS_SUPPRESSION, SQL_NO_ARGS);
	if (row != NULL)
		writer->has_suppressions = col_int(row, 0) != 0;
	conn_end(row);
	audit_load(writer);
}

enum herald_code writer_start(struct writer *writer, struct store *store, struct herald_error *err)
{
	writer->store = store;
	writer->arena = arena_new();
	writer->waiting_end = &writer->waiting;
	writer->leased_end = &writer->leased;
	writer->destinations = map_new();
	writer->destination_arena = arena_new();
	writer_reload(writer);
	writer->idempotency = idempotency_new(&writer->conn, store->path);
	enum herald_code code = conn_code(&writer->conn, err);
	if (code != HERALD_OK)
		return code;
	writer->conn.is_null = store->settings.is_null;
	writer->checkpoint_at = LOG_PAGES_CHECKPOINT;
	sqlite3_wal_hook(writer->conn.db, on_commit, writer);
	if (pthread_create(&writer->thread, NULL, writer_run, writer) != 0)
		return herald_fail(err, HERALD_IO, "the store's writer thread cannot be started");
	writer->is_running = true;
	return HERALD_OK;
}

void writer_stop(struct writer *writer)
{
	if (writer->is_running)
		pthread_join(writer->thread, NULL);
	idempotency_free(writer->idempotency);
	map_free(writer->destinations);
	arena_free(writer->destination_arena);
	arena_free(writer->arena);
	conn_close(&writer->conn); /* the last connection: its close checkpoints */
}

/* store.c - the door: opening and closing, the lock, ids, and the way to the writer.
 *
 * Invariant: between store_open and store_close one process, by a lock on a file that outlives no process,
 * has this directory; every operation that was submitted is answered exactly once. */
#include "store/private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "herald/kit.h"

enum { OTHER_WORK_FACTOR = 4 }; /* what is not new work is refused at this many queue limits */

static const char file_name[] = "herald.db";

static enum herald_code open_dir(struct store *store, struct herald_error *err)
{
	const char *path = store->settings.data_dir;
	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		return herald_fail(err, HERALD_IO, "making the data directory %s: %s", path, strerror(errno));
	store->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (store->dir < 0)
		return herald_fail(err, HERALD_IO, "opening the data directory %s: %s", path,
				   strerror(errno));
	store->lock = openat(store->dir, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (store->lock < 0)
		return herald_fail(err, HERALD_IO, "opening %s/lock: %s", path, strerror(errno));
	if (flock(store->lock, LOCK_EX | LOCK_NB) != 0)
		return herald_fail(err, HERALD_BUSY, "another daemon uses the data directory %s", path);
	return HERALD_OK;
}

/* Private from its first byte: SQLite gives the log the file's own mode. */
static enum herald_code open_file(struct store *store, struct herald_error *err)
{
	int fd = openat(store->dir, file_name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return herald_fail(err, HERALD_IO, "opening %s: %s", store->path, strerror(errno));
	close(fd);
	enum herald_code code = store_check_schema(store->path, err);
	if (code == HERALD_OK)
		code = conn_open_writer(store->path, &store->writer.conn, err);
	if (code == HERALD_OK)
		code = store_migrate(&store->writer.conn, err);
	if (code == HERALD_OK && fsync(store->dir) != 0)
		code = herald_fail(err, HERALD_IO, "syncing the data directory: %s", strerror(errno));
	return code;
}

static int64_t greatest_id(struct conn *conn)
{
	int64_t greatest = 0;
	static const enum sql questions[] = {SQL_GREATEST_NOTIFICATION, SQL_GREATEST_KEY};
	for (size_t i = 0; i < countof(questions); i++) {
		sqlite3_stmt *row = conn_one(conn, questions[i], SQL_NO_ARGS);
		if (row != NULL && col_int(row, 0) > greatest)
			greatest = col_int(row, 0);
		conn_end(row);
	}
	return greatest;
}

static void store_free(struct store *store)
{
	queue_free(store->queue);
	names_done(&store->names);
	pthread_mutex_destroy(&store->disk.lock);
	if (store->lock >= 0)
		close(store->lock);
	if (store->dir >= 0)
		close(store->dir);
	arena_free(store->arena); /* the store is in it */
}

enum herald_code store_open(const struct store_settings *settings, struct store **ret_store,
			    struct herald_error *err)
{
	CHECK(settings->run != 0);
	conn_prepare_process();
	struct arena *arena = arena_new();
	struct store *store = arena_new_of(arena, struct store);
	store->arena = arena;
	store->settings = *settings;
	store->settings.data_dir = arena_text(arena, settings->data_dir);
	store->path = arena_printf(arena, "%s/%s", settings->data_dir, file_name);
	store->dir = store->lock = -1;
	names_init(&store->names);
	store->queue = queue_new(0);
	CHECK(pthread_mutex_init(&store->disk.lock, NULL) == 0);

	enum herald_code code = open_dir(store, err);
	if (code == HERALD_OK)
		disk_init(&store->disk, &store->settings, store->dir);
	if (code == HERALD_OK)
		code = open_file(store, err);
	if (code == HERALD_OK) {
		names_load(&store->names, &store->writer.conn);
		id_source_init(&store->ids, settings->node, greatest_id(&store->writer.conn));
		code = conn_code(&store->writer.conn, err);
	}
	if (code == HERALD_OK)
		code = writer_start(&store->writer, store, err);
	if (code != HERALD_OK) {
		writer_stop(&store->writer);
		store_free(store);
		return code;
	}
	*ret_store = store;
	return HERALD_OK;
}

void store_close(struct store *store)
{
	if (store == NULL)
		return;
	atomic_store(&store->is_closing, true);
	queue_close(store->queue);
	writer_stop(&store->writer);
	CHECK(atomic_load(&store->waiting) == 0);
	store_free(store);
}

int64_t store_next_id(struct store *store)
{
	return id_next(&store->ids, clock_wall_ms());
}

int64_t id_since(int64_t since_ms)
{
	return since_ms > ID_EPOCH_MS ? (since_ms - ID_EPOCH_MS) << ID_TIME_SHIFT : 0;
}

int64_t store_run(const struct store *store)
{
	return store->settings.run;
}

void store_submit(struct store *store, struct store_op *op)
{
	CHECK(op->verb >= STORE_ACCEPT && (int)op->verb <= STORE_MAKE_NAME);
	CHECK(op->done != NULL);
	size_t limit = store->settings.queue_limit;
	size_t waiting = atomic_load_explicit(&store->waiting, memory_order_relaxed);

	if (op->is_new_work && atomic_load(&store->disk.is_short))
		op_fail(op, HERALD_BUSY, "the disk is nearly full: no new work is taken");
	else if (limit > 0 && waiting >= (op->is_new_work ? limit : limit * OTHER_WORK_FACTOR))
		op_fail(op, HERALD_BUSY, "the store has more to write than it may keep waiting");
	else if (atomic_load(&store->is_dead))
		op_fail(op, HERALD_UNCERTAIN_WRITE, "the store has stopped: its disk failed");
	else {
		atomic_fetch_add(&store->waiting, 1);
		if (queue_push(store->queue, &op->item))
			return;
		atomic_fetch_sub(&store->waiting, 1);
		op_fail(op, HERALD_BUSY, "the store is closing");
	}
	store_op_done(op);
}

void store_op_done(struct store_op *op)
{
	op->done(op);
}

void store_health(struct store *store, struct store_health *ret_health)
{
	struct disk *disk = &store->disk;
	size_t limit = store->settings.queue_limit;

	*ret_health = (struct store_health){
		.waiting = atomic_load(&store->waiting),
		.commit_us = atomic_load(&store->commit_us),
		.free_bytes = atomic_load(&disk->free_bytes),
	};
	if (atomic_load(&store->is_dead)) {
		ret_health->trouble = STORE_DEAD;
		snprintf(ret_health->why, sizeof(ret_health->why), "the disk failed");
	} else if (atomic_load(&disk->is_short)) {
		ret_health->trouble = STORE_DISK_SHORT;
		pthread_mutex_lock(&disk->lock);
		snprintf(ret_health->why, sizeof(ret_health->why), "%s", disk->why);
		pthread_mutex_unlock(&disk->lock);
	} else if (limit > 0 && ret_health->waiting >= limit) {
		ret_health->trouble = STORE_QUEUE_FULL;
		snprintf(ret_health->why, sizeof(ret_health->why), "the writer's queue is full");
	} else {
		ret_health->is_taking_work = true;
	}
}

void store_address_hash(int64_t tenant, const char *kind, const char *address,
			uint8_t ret_hash[ADDRESS_HASH_BYTES])
{
	uint8_t digest[HERALD_SHA256_BYTES];
	char short_text[32 + NAME_CHARS_MAX + 1 + ADDRESS_BYTES_MAX + 1];
	size_t size = 24 + strlen(kind) + strlen(address);
	struct arena *arena = size <= sizeof(short_text) ? NULL : arena_new();
	char *text = arena == NULL ? short_text : arena_alloc(arena, size);

	int head = snprintf(text, size, "%lld%s", (long long)tenant, kind) + 1; /* and its 0 */
	memcpy(text + head, address, strlen(address));
	herald_sha256(text, (size_t)head + strlen(address), digest);
	memcpy(ret_hash, digest, ADDRESS_HASH_BYTES);
	arena_free(arena);
}

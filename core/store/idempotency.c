/* idempotency.c - the same key is the same answer, for 72 hours.
 *
 * Records lie in buckets of one hour, because a random key in one big index halves the rate of everything.
 * The bucket of this hour and the one before are asked by their index; the older ones only when a Bloom
 * filter of their day says that the key may be there.  After a start a thread of its own reads the filters of
 * what was written before; until it is ready, the old buckets are all asked. */
#include "store/idempotency.h"

#include "store/bloom.h"
#include "store/private.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "herald/kit.h"

enum {
	KEPT_HOURS = 72,
	HOURS_MAX = 256,
	HOURS_PER_FILTER = 24,
	FILTERS_MAX = 16,
};

struct filter {
	int64_t day;
	struct bloom *bloom;
};

struct idempotency {
	struct arena *arena;
	int64_t hours[HOURS_MAX]; /* the buckets that exist, in no order */
	size_t hour_count;
	struct filter written[FILTERS_MAX]; /* by this process */
	uint8_t hash[KEY_HASH_BYTES];       /* of the operation in hand, since its idempotency_replay */

	const char *path;
	pthread_t reader;
	bool has_reader;
	atomic_bool is_read, is_stopping;
	int64_t read_hours[HOURS_MAX];
	size_t read_hour_count;
	struct filter read[FILTERS_MAX]; /* the reader's until is_read */
};

static void key_hash(const struct store_op *op, struct arena *arena, uint8_t ret_hash[KEY_HASH_BYTES])
{
	uint8_t digest[HERALD_SHA256_BYTES];
	const char *text = arena_printf(arena, "%lld\n%s", (long long)op->tenant, op->idempotency.key);
	herald_sha256(text, strlen(text), digest);
	memcpy(ret_hash, digest, KEY_HASH_BYTES);
}

/* --- filters --- */

static struct filter *filter_find(struct filter *filters, int64_t day)
{
	for (size_t i = 0; i < FILTERS_MAX; i++) {
		if (filters[i].bloom != NULL && filters[i].day == day)
			return &filters[i];
	}
	return NULL;
}

/* A free place, or the oldest one's: days that far back are pruned. */
static struct bloom *filter_make(struct filter *filters, int64_t day)
{
	struct filter *filter = filter_find(filters, day);
	if (filter != NULL)
		return filter->bloom;
	filter = &filters[0];
	for (size_t i = 0; i < FILTERS_MAX && filter->bloom != NULL; i++) {
		if (filters[i].bloom == NULL || filters[i].day < filter->day)
			filter = &filters[i];
	}
	bloom_free(filter->bloom);
	*filter = (struct filter){.day = day, .bloom = bloom_new()};
	return filter->bloom;
}

static bool old_may_hold(struct idempotency *idempotency, int64_t hour, const uint8_t *hash)
{
	if (!atomic_load_explicit(&idempotency->is_read, memory_order_acquire))
		return true;
	struct filter *written = filter_find(idempotency->written, hour / HOURS_PER_FILTER);
	struct filter *read = filter_find(idempotency->read, hour / HOURS_PER_FILTER);
	return (written != NULL && bloom_may_hold(written->bloom, hash)) ||
	       (read != NULL && bloom_may_hold(read->bloom, hash));
}

static void *filters_read(void *context)
{
	struct idempotency *idempotency = context;
	struct conn conn;
	if (conn_open_reader(idempotency->path, &conn, NULL) != HERALD_OK)
		return NULL; /* the old buckets go on being asked */
	for (size_t i = 0; i < idempotency->read_hour_count; i++) {
		int64_t hour = idempotency->read_hours[i];
		struct bloom *bloom = filter_make(idempotency->read, hour / HOURS_PER_FILTER);
		sqlite3_stmt *row = conn_query(&conn, SQL_IDEMPOTENCY_KEYS, SQL_ARGS(sql_int(hour)));
		while (!atomic_load(&idempotency->is_stopping) && conn_next(&conn, row)) {
			if (sqlite3_column_bytes(row, 0) == KEY_HASH_BYTES)
				bloom_add(bloom, sqlite3_column_blob(row, 0));
		}
		conn_end(row);
	}
	bool is_whole = conn.trouble == CONN_FINE && !atomic_load(&idempotency->is_stopping);
	conn_close(&conn);
	if (is_whole)
		atomic_store_explicit(&idempotency->is_read, true, memory_order_release);
	return NULL;
}

struct idempotency *idempotency_new(struct conn *conn, const char *path)
{
	struct arena *arena = arena_new();
	struct idempotency *idempotency = arena_new_of(arena, struct idempotency);
	idempotency->arena = arena;
	idempotency->path = path;
	sqlite3_stmt *row = conn_query(conn, SQL_IDEMPOTENCY_HOURS, SQL_NO_ARGS);
	while (conn_next(conn, row)) {
		if (idempotency->hour_count < HOURS_MAX)
			idempotency->hours[idempotency->hour_count++] = col_int(row, 0);
	}
	memcpy(idempotency->read_hours, idempotency->hours, sizeof(idempotency->hours));
	idempotency->read_hour_count = idempotency->hour_count;
	if (idempotency->hour_count == 0)
		atomic_store(&idempotency->is_read, true);
	else
		idempotency->has_reader =
			pthread_create(&idempotency->reader, NULL, filters_read, idempotency) == 0;
	return idempotency;
}

void idempotency_free(struct idempotency *idempotency)
{
	if (idempotency == NULL)
		return;
	atomic_store(&idempotency->is_stopping, true);
	if (idempotency->has_reader)
		pthread_join(idempotency->reader, NULL);
	for (size_t i = 0; i < FILTERS_MAX; i++) {
		bloom_free(idempotency->written[i].bloom);
		bloom_free(idempotency->read[i].bloom);
	}
	arena_free(idempotency->arena);
}

/* --- records --- */

static bool record_answer(struct writer *writer, struct store_op *op, int64_t hour, const uint8_t *hash)
{
	sqlite3_stmt *row = conn_one(&writer->conn, SQL_IDEMPOTENCY_FIND,
				     SQL_ARGS(sql_int(hour), sql_bytes(hash, KEY_HASH_BYTES)));
	if (row == NULL)
		return false;
	bool is_kept = op->now_ms - col_int(row, 1) <= (int64_t)KEPT_HOURS * HOUR_MS;
	bool is_same = sqlite3_column_bytes(row, 0) == (int)sizeof(op->idempotency.fingerprint) &&
		       memcmp(sqlite3_column_blob(row, 0), op->idempotency.fingerprint,
			      sizeof(op->idempotency.fingerprint)) == 0;
	if (is_kept && is_same) {
		op->ret_is_replay = true;
		op->ret_replay_status = (uint32_t)col_int(row, 2);
		op->ret_replay = op->arena == NULL ? text_of("", 0) : col_blob(row, 3, op->arena);
	} else if (is_kept) {
		op->ret_is_mismatch = true;
		op_fail(op, HERALD_INVALID, "this Idempotency-Key was used with another request");
	}
	conn_end(row);
	return is_kept;
}

bool idempotency_replay(struct writer *writer, struct store_op *op)
{
	struct idempotency *idempotency = writer->idempotency;
	uint8_t *hash = idempotency->hash;
	int64_t now_hour = op->now_ms / HOUR_MS;

	key_hash(op, writer->arena, hash);
	for (size_t i = 0; i < idempotency->hour_count; i++) {
		int64_t hour = idempotency->hours[i];
		if (hour < now_hour - KEPT_HOURS - 1)
			continue;
		/* Hours ahead of now as well: the clock may have been set back. */
		bool is_asked = hour >= now_hour - 1 || old_may_hold(idempotency, hour, hash);
		if (is_asked && record_answer(writer, op, hour, hash))
			return true;
	}
	return false;
}

void idempotency_remember(struct writer *writer, const struct store_op *op)
{
	struct idempotency *idempotency = writer->idempotency;
	const uint8_t *hash = idempotency->hash;
	int64_t hour = op->now_ms / HOUR_MS;
	size_t i = 0;

	while (i < idempotency->hour_count && idempotency->hours[i] != hour)
		i++;
	if (i == HOURS_MAX) {
		conn_damaged(&writer->conn, "there are more hours of idempotency records than can be");
		return;
	}
	if (i == idempotency->hour_count)
		idempotency->hours[idempotency->hour_count++] = hour;
	bloom_add(filter_make(idempotency->written, hour / HOURS_PER_FILTER), hash);
	conn_run(&writer->conn, SQL_IDEMPOTENCY_ADD,
		 SQL_ARGS(sql_int(hour), sql_bytes(hash, KEY_HASH_BYTES), sql_int(op->tenant),
			  sql_bytes(op->idempotency.fingerprint, sizeof(op->idempotency.fingerprint)),
			  sql_int(op->now_ms), sql_int(op->idempotency.status),
			  sql_blob(blob_wrap(writer->arena, op->idempotency.answer.data,
					     op->idempotency.answer.size))));
}

uint32_t idempotency_prune(struct writer *writer, int64_t now_ms, uint32_t limit)
{
	struct idempotency *idempotency = writer->idempotency;
	int64_t before = now_ms / HOUR_MS - KEPT_HOURS - 1;
	uint32_t pruned = 0;

	while (pruned < limit && writer->conn.trouble == CONN_FINE) {
		sqlite3_stmt *row =
			conn_one(&writer->conn, SQL_IDEMPOTENCY_OLDEST, SQL_ARGS(sql_int(before)));
		bool is_over = row == NULL || sqlite3_column_type(row, 0) == SQLITE_NULL;
		int64_t hour = is_over ? 0 : col_int(row, 0);
		conn_end(row);
		if (is_over)
			break;
		pruned += (uint32_t)conn_run(&writer->conn, SQL_PRUNE_IDEMPOTENCY,
					     SQL_ARGS(sql_int(hour), sql_int(limit - pruned)));
	}
	if (pruned >= limit)
		return pruned;
	/* Nothing so old is left: forget the hours. */
	size_t kept = 0;
	for (size_t i = 0; i < idempotency->hour_count; i++) {
		if (idempotency->hours[i] >= before)
			idempotency->hours[kept++] = idempotency->hours[i];
	}
	idempotency->hour_count = kept;
	return pruned;
}

/* private.h - what the rooms of the store know of each other.  Included from this folder only.
 *
 * Everything that takes a struct writer runs on the writer thread, inside its transaction unless it says
 * otherwise.  Rooms report through the connection's sticky trouble (what the file did) and op->code (what the
 * caller has to know); whoever writes has validated before its first write, so that an operation which is
 * refused leaves nothing behind and needs no savepoint. */
#ifndef STORE_PRIVATE_H
#define STORE_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/id.h"
#include "base/limits.h"
#include "base/map.h"
#include "herald/kit.h"
#include "store/audit.h"
#include "store/idempotency.h"
#include "store/move.h"
#include "store/ops.h"
#include "store/read.h"
#include "store/sqlite.h"
#include "store/store.h"

enum {
	TENANTS_MAX = 4096,
	NAME_CHARS_MAX = 63,
	SCHEMA_VERSION = 1,
	STORE_MAKE_NAME = STORE_VERBS, /* the one verb that has no struct in ops.h */
	HOUR_MS = 3600 * 1000,
	ID_TIME_SHIFT = 21, /* what id.h keeps below the milliseconds */
};

/* --- names.c: tenants and channels, cached for every thread; destinations, for the writer --- */

struct tenant {
	char name[NAME_CHARS_MAX + 1];
	int64_t number;
	int64_t policy;                /* the writer's, inside its transaction */
	_Atomic int64_t policy_public; /* after the commit */
};

struct names {
	struct arena *arena;
	pthread_mutex_t lock; /* of the arena and of both maps */
	struct map *tenant_by_name, *channel_by_name;
	struct tenant *_Atomic tenants[TENANTS_MAX]; /* by number */
	const char *_Atomic channels[CHANNELS_MAX];
};

struct store_make_name {
	struct store_op op;
	const char *name;
	bool is_tenant;
	int64_t ret_number;
};

struct writer;
void names_init(struct names *names);
void names_done(struct names *names);
void names_load(struct names *names, struct conn *conn);
void names_execute(struct writer *writer, struct store_op *op);
void names_committed(struct writer *writer, struct store_op *op);
void names_rolled_back(struct names *names);
struct tenant *names_tenant(struct names *names, int64_t number); /* NULL: unknown */
/* 0 for "": the channel itself. */
int64_t destination_number(struct writer *writer, int32_t channel, const char *name);
void destinations_forget(struct writer *writer);

/* --- disk.c: free space and the ballast --- */

struct disk {
	int dir;
	const struct store_settings *settings;
	bool has_ballast;
	pthread_mutex_t lock; /* of why */
	char why[128];
	atomic_bool is_short; /* no new work */
	_Atomic uint64_t free_bytes;
};

void store_tell(const struct store_settings *settings, enum store_news news, const char *why);
void disk_init(struct disk *disk, const struct store_settings *settings, int dir); /* the lock is there */
void disk_look(struct disk *disk);       /* free space, and the ballast again when there is room */
bool ballast_give_up(struct disk *disk); /* gives the ballast up; false: there was none */

/* --- writer.c --- */

struct writer {
	struct store *store;
	struct conn conn;
	pthread_t thread;
	struct arena *arena; /* of one transaction */

	struct store_op *waiting, **waiting_end;
	size_t alone;         /* operations to run in transactions of their own */
	unsigned full_rounds; /* in a row */
	bool is_running;
	bool is_dead;     /* a sync failed and the process is to end */
	bool has_changed; /* the operation in hand: false for one that found nothing to do */

	int64_t body_last;
	bool has_suppressions;
	int64_t audit_last;
	uint8_t audit_hash[32];
	struct map *destinations;
	struct arena *destination_arena;
	struct idempotency *idempotency;
	struct delivery_row sweep; /* where the walk over what is queued stopped (wake.c) */

	/* what the hooks are given after the commit */
	struct queue_item *leased, **leased_end;
	struct store_queued *queued;
	size_t queued_count, queued_room;

	int log_pages,
		checkpoint_at; /* of the write-ahead log, as the last commit left it; when to move them */
};

enum herald_code writer_start(struct writer *writer, struct store *store, struct herald_error *err);
void writer_stop(struct writer *writer);
void writer_reload(struct writer *writer);

struct store {
	struct arena *arena;
	struct store_settings settings;
	const char *path; /* of the file */
	int dir, lock;
	struct id_source ids;
	struct names names;
	struct disk disk;
	struct queue *queue;
	struct writer writer;
	atomic_size_t waiting;
	atomic_bool is_closing, is_dead;
	_Atomic int64_t commit_us;
};

/* The smallest id of an instant. */
int64_t id_since(int64_t since_ms);
/* Answer an operation; text may be NULL.  Nothing was written for it. */
void op_fail(struct store_op *op, enum herald_code code, const char *text);

/* --- handover.c: what the hooks get --- */

void handover_leased(struct writer *writer, struct job *job);
void handover_queued(struct writer *writer, const struct store_queued *row);
void handover_commit(struct writer *writer); /* after the commit */
void handover_drop(struct writer *writer);   /* after a rollback */

/* --- the verbs; each answers in op --- */

void accept_execute(struct writer *writer, struct store_op *op);
void claim_execute(struct writer *writer, struct store_op *op);
void settle_execute(struct writer *writer, struct store_op *op);
void memory_execute(struct writer *writer, struct store_op *op);
void replan_execute(struct writer *writer, struct store_op *op);
void wake_execute(struct writer *writer, struct store_op *op);
void cancel_execute(struct writer *writer, struct store_op *op);
void redrive_execute(struct writer *writer, struct store_op *op);
void resolve_execute(struct writer *writer, struct store_op *op);
void prune_execute(struct writer *writer, struct store_op *op);
void recipient_execute(struct writer *writer, struct store_op *op);
void preference_execute(struct writer *writer, struct store_op *op);
void category_execute(struct writer *writer, struct store_op *op);
void category_committed(struct writer *writer, struct store_op *op);
void suppression_execute(struct writer *writer, struct store_op *op);
void key_execute(struct writer *writer, struct store_op *op);
void channel_execute(struct writer *writer, struct store_op *op);

/* --- what several rooms ask --- */

/* Ends what of a notification has not begun.  False: there is no such notification of this tenant. */
struct cancelled {
	uint32_t cancelled, too_late, leased;
};
bool notification_end(struct writer *writer, int64_t tenant, int64_t id, enum reason reason, int64_t now_ms,
		      struct cancelled *ret_counts);
/* A claimed delivery as a job: row is SQL_CLAIM_ROW's. */
struct job *job_from_row(struct writer *writer, sqlite3_stmt *row, const struct delivery_row *delivery);
struct job *job_from_accept(struct writer *writer, const struct store_accept *accept,
			    const struct store_delivery *delivery);
bool address_is_suppressed(struct writer *writer, int64_t tenant, const uint8_t *hash, int64_t now_ms);
void suppression_add(struct writer *writer, int64_t tenant, const uint8_t *hash, const char *kind,
		     const char *address, const char *reason, const char *source, int64_t at_ms,
		     int64_t until_ms);
uint32_t body_checksum(struct herald_text body);

/* --- migrations.c --- */

/* CORRUPT: newer, foreign or no database at all; nothing was touched. */
enum herald_code store_check_schema(const char *path, struct herald_error *err);
enum herald_code store_migrate(struct conn *conn, struct herald_error *err);

#endif

/* sqlite.h - one connection to the file: its settings, its prepared statements, its errors.
 *
 * A failure sticks: after the first one every call is a no-op that answers nothing, and whoever began the
 * piece of work looks once, at its end, with conn_code.  So the rooms above read as what they do.  One
 * thread at a time uses a connection. */
#ifndef STORE_SQLITE_H
#define STORE_SQLITE_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "herald/error.h"
#include "store/sql.h"

enum conn_trouble {
	CONN_FINE = 0,
	CONN_FULL,  /* no space: rolled back, nothing was written */
	CONN_SYNC,  /* the commit is unknown: fsync is never tried again */
	CONN_OTHER, /* rolled back; err says why */
};

struct conn {
	sqlite3 *db;
	sqlite3_stmt *statements[SQL_STATEMENTS];
	enum conn_trouble trouble;
	struct herald_error err;
	bool is_null;        /* writes are left out (benchmarks) */
	int64_t deadline_ms; /* monotonic, of a reader's question; 0: none */
};

enum sql_type { SQL_TYPE_INT = 1, SQL_TYPE_TEXT, SQL_TYPE_BYTES };

struct sql_arg {
	enum sql_type type;
	int64_t number;
	const void *data;
	size_t size;
};

static inline struct sql_arg sql_int(int64_t number)
{
	return (struct sql_arg){.type = SQL_TYPE_INT, .number = number};
}

/* Lent until the statement ends.  NULL reads as "". */
static inline struct sql_arg sql_str(const char *text)
{
	return (struct sql_arg){.type = SQL_TYPE_TEXT, .data = text == NULL ? "" : text};
}

static inline struct sql_arg sql_bytes(const void *data, size_t size)
{
	return (struct sql_arg){.type = SQL_TYPE_BYTES, .data = data, .size = size};
}

static inline struct sql_arg sql_blob(struct herald_text blob)
{
	return sql_bytes(blob.data, blob.size);
}

#define SQL_ARGS(...)                          \
	(const struct sql_arg[]){__VA_ARGS__}, \
		sizeof((const struct sql_arg[]){__VA_ARGS__}) / sizeof(struct sql_arg)
#define SQL_NO_ARGS NULL, 0

/* Before the first connection of the process, while it has one thread. */
void conn_prepare_process(void);
/* The writer's: makes the file, insists on WAL and synchronous=FULL (read back; UNSUPPORTED otherwise). */
enum herald_code conn_open_writer(const char *path, struct conn *ret_conn, struct herald_error *err);
/* A reader's: query_only, never checkpoints. */
enum herald_code conn_open_reader(const char *path, struct conn *ret_conn, struct herald_error *err);
void conn_close(struct conn *conn);

/* A statement that answers rows.  NULL after a failure, which conn_next takes for no rows. */
sqlite3_stmt *conn_query(struct conn *conn, enum sql statement, const struct sql_arg *args, size_t count);
/* True: there is a row to read.  At the end the statement is over by itself. */
bool conn_next(struct conn *conn, sqlite3_stmt *statement);
/* The first row or NULL; whoever got one ends it with conn_end when it has read it. */
sqlite3_stmt *conn_one(struct conn *conn, enum sql statement, const struct sql_arg *args, size_t count);
void conn_end(sqlite3_stmt *statement); /* NULL is fine */
/* A write: answers the number of rows that it changed. */
int64_t conn_run(struct conn *conn, enum sql statement, const struct sql_arg *args, size_t count);

/* What stuck since the last conn_forgive, as a code for the caller of the store. */
enum herald_code conn_code(const struct conn *conn, struct herald_error *err);
void conn_forgive(struct conn *conn);
/* Say that a row makes no sense (CORRUPT in the reader's answer). */
void conn_damaged(struct conn *conn, const char *what);

void conn_begin(struct conn *conn);      /* a write transaction */
void conn_begin_read(struct conn *conn); /* one snapshot for several statements */
void conn_commit(struct conn *conn);     /* rolls back by itself when it fails */
void conn_rollback(struct conn *conn);   /* keeps the trouble */
void conn_checkpoint(struct conn *conn); /* moves what it can from the log to the file */

int64_t col_int(sqlite3_stmt *row, int column);
char *col_text(sqlite3_stmt *row, int column, struct arena *arena);               /* "" for NULL */
struct herald_text col_bytes(sqlite3_stmt *row, int column, struct arena *arena); /* copied */

/* Every blob of content begins with a format byte: 0 is plain, the next format will be sealed. */
enum { BLOB_PLAIN = 0 };
struct herald_text blob_wrap(struct arena *arena, const void *data, size_t size);
/* "" for NULL and for a format that this version does not know. */
struct herald_text col_blob(sqlite3_stmt *row, int column, struct arena *arena);

#endif

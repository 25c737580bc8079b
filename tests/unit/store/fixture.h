/* fixture.h - a store in a directory of its own, asked one operation at a time, and a recorder of its hooks.
 */
#ifndef TEST_STORE_FIXTURE_H
#define TEST_STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>

#include "base/arena.h"
#include "base/limits.h"
#include "model/job.h"
#include "store/ops.h"
#include "store/read.h"
#include "store/store.h"

enum { JOBS_MAX = 4096, QUEUED_MAX = 256, TAKEN_MAX = 64, FIRST_RUN = 1001 };

#define NOW_MS INT64_C(1790000000000) /* 2026-09-21 */
#define TENANT INT64_C(1)

struct fixture {
	char dir[64];
	struct arena *arena;
	struct store *store;
	struct store_session *session;
	int64_t run;
	int32_t mail, sms;

	pthread_mutex_t lock;
	struct job *jobs[JOBS_MAX];
	size_t job_count;
	struct store_queued queued[QUEUED_MAX];
	size_t queued_count;
	struct store_op *taken[TAKEN_MAX];
	size_t taken_count;
	char order[512]; /* J job, Q queued, T take-back, D done */
	char fatal[256];
	struct store_settings settings;
};

int fixture_setup(void **state); /* a fresh directory, an open store, a session, channels mail and sms */
int fixture_teardown(void **state);
void fixture_open(struct fixture *f);
void fixture_close(struct fixture *f);
void fixture_reopen(struct fixture *f); /* as the next daemon would: another run */
void fixture_order(struct fixture *f, char what);

/* Submit and wait. */
enum herald_code run_op(struct fixture *f, struct store_op *op);

/* One inline delivery over mail to `address`, due now; change it and submit. */
struct one {
	struct store_accept accept;
	struct store_delivery deliveries[4];
	struct herald_text body;
	struct store_seen seen[2];
};
void one_init(struct fixture *f, struct one *one, const char *address);
void one_recipient(struct fixture *f, struct one *one, const char *id); /* to this person's first addresses */
enum herald_code one_accept(struct fixture *f, struct one *one);

struct store_claim claim_lane(struct fixture *f, int32_t channel, uint32_t limit);
/* As claim_lane, and asserts that it was exactly one. */
struct job *claim_one(struct fixture *f, int32_t channel);
struct store_settle settle_of(struct fixture *f, const struct job *job, enum delivery_state to,
			      enum reason reason);
enum herald_code settle_job(struct fixture *f, const struct job *job, enum delivery_state to,
			    enum reason reason);
struct store_delivery_row delivery_of(struct fixture *f, int64_t id, uint32_t n);
void assert_delivery(struct fixture *f, int64_t id, uint32_t n, enum delivery_state state,
		     enum reason reason);

/* A person with a mail and an SMS address. */
struct store_put_recipient person(const char *id, struct store_address addresses[2]);
int64_t put_person(struct fixture *f, const char *id);
enum herald_code put_suppression(struct fixture *f, const char *kind, const char *address);
enum herald_code put_preference(struct fixture *f, const char *id, const char *json);

/* One statement past the store, on a connection of its own: to damage rows and to count them. */
int64_t sql_value(struct fixture *f, const char *sql);
void sql_do(struct fixture *f, const char *sql);

#endif

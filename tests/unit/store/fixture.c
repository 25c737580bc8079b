#include "fixture.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <unistd.h>

void fixture_order(struct fixture *f, char what)
{
	size_t used = strlen(f->order);
	if (used + 1 < sizeof(f->order))
		f->order[used] = what;
}

static void on_leased(void *context, struct job *job)
{
	struct fixture *f = context;
	pthread_mutex_lock(&f->lock);
	assert_true(f->job_count < JOBS_MAX);
	f->jobs[f->job_count++] = job;
	fixture_order(f, 'J');
	pthread_mutex_unlock(&f->lock);
}

static void on_queued(void *context, const struct store_queued *rows, size_t count)
{
	struct fixture *f = context;
	pthread_mutex_lock(&f->lock);
	for (size_t i = 0; i < count; i++)
		f->queued[f->queued_count++ % QUEUED_MAX] = rows[i];
	fixture_order(f, 'Q');
	pthread_mutex_unlock(&f->lock);
}

static void on_take_back(void *context, struct store_op *op)
{
	struct fixture *f = context;
	pthread_mutex_lock(&f->lock);
	f->taken[f->taken_count++ % TAKEN_MAX] = op;
	fixture_order(f, 'T');
	pthread_mutex_unlock(&f->lock);
	store_op_done(op);
}

static void on_fatal(void *context, const char *why)
{
	struct fixture *f = context;
	snprintf(f->fatal, sizeof(f->fatal), "%s", why);
}

void fixture_open(struct fixture *f)
{
	struct herald_error err = {0};
	f->settings.run = f->run;
	if (store_open(&f->settings, &f->store, &err) != HERALD_OK)
		fail_msg("store_open: %s", err.text);
	if (store_session_new(f->store, &f->session, &err) != HERALD_OK)
		fail_msg("store_session_new: %s", err.text);
	f->mail = store_channel_number(f->store, "mail");
	f->sms = store_channel_number(f->store, "sms");
	assert_true(f->mail > 0 && f->sms > 0);
}

void fixture_close(struct fixture *f)
{
	store_session_free(f->session);
	store_close(f->store);
	f->session = NULL;
	f->store = NULL;
}

static void forget_hooks(struct fixture *f)
{
	for (size_t i = 0; i < f->job_count; i++)
		job_free(f->jobs[i]);
	f->job_count = f->queued_count = f->taken_count = 0;
	memset(f->order, 0, sizeof(f->order));
}

void fixture_reopen(struct fixture *f)
{
	fixture_close(f);
	forget_hooks(f);
	f->run++;
	fixture_open(f);
}

int fixture_setup(void **state)
{
	struct arena *arena = arena_new();
	struct fixture *f = arena_new_of(arena, struct fixture);
	f->arena = arena;
	f->run = FIRST_RUN;
	pthread_mutex_init(&f->lock, NULL);
	snprintf(f->dir, sizeof(f->dir), "/tmp/herald-store-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->settings = (struct store_settings){
		.data_dir = f->dir,
		.node = 1,
		.queue_limit = 10000,
		.hooks = {.context = f, .leased = on_leased, .queued = on_queued, .take_back = on_take_back},
		.fatal = on_fatal,
	};
	fixture_open(f);
	*state = f;
	return 0;
}

int fixture_teardown(void **state)
{
	struct fixture *f = *state;
	if (f->store != NULL)
		fixture_close(f);
	forget_hooks(f);
	char path[128];
	static const char *const files[] = {"herald.db", "herald.db-wal", "herald.db-shm", "lock", "ballast"};
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", f->dir, files[i]);
		unlink(path);
	}
	assert_int_equal(rmdir(f->dir), 0);
	pthread_mutex_destroy(&f->lock);
	arena_free(f->arena);
	return 0;
}

struct waiter {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool is_done;
	struct fixture *fixture;
};

static void on_done(struct store_op *op)
{
	struct waiter *waiter = op->context;
	pthread_mutex_lock(&waiter->fixture->lock);
	fixture_order(waiter->fixture, 'D');
	pthread_mutex_unlock(&waiter->fixture->lock);
	pthread_mutex_lock(&waiter->lock);
	assert_false(waiter->is_done);
	waiter->is_done = true;
	pthread_cond_signal(&waiter->cond);
	pthread_mutex_unlock(&waiter->lock);
}

enum herald_code run_op(struct fixture *f, struct store_op *op)
{
	struct waiter waiter = {
		.lock = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER, .fixture = f};
	op->done = on_done;
	op->context = &waiter;
	if (op->arena == NULL)
		op->arena = f->arena;
	store_submit(f->store, op);
	pthread_mutex_lock(&waiter.lock);
	while (!waiter.is_done)
		pthread_cond_wait(&waiter.cond, &waiter.lock);
	pthread_mutex_unlock(&waiter.lock);
	return op->code;
}

void one_init(struct fixture *f, struct one *one, const char *address)
{
	static const char words[] = "\0words of a notification";
	*one = (struct one){0};
	one->body = text_of(words, sizeof(words) - 1);
	one->deliveries[0] = (struct store_delivery){
		.n = 1,
		.channel = f->mail,
		.state = DELIVERY_QUEUED,
		.due_at_ms = NOW_MS,
		.expires_at_ms = NOW_MS + 1000000,
		.recipient_id = "",
		.address = address,
		.kind = "email",
		.destination = "example.org",
		.name = "Ada",
		.locale = "de-AT",
	};
	store_address_hash(TENANT, "email", address, one->deliveries[0].address_hash);
	one->accept = (struct store_accept){
		.op = {.verb = STORE_ACCEPT, .is_new_work = true, .tenant = TENANT, .now_ms = NOW_MS},
		.id = store_next_id(f->store),
		.category = "order.shipped",
		.policy_version = -1,
		.priority = HERALD_NORMAL,
		.accepted_at_ms = NOW_MS,
		.expires_at_ms = NOW_MS + 1000000,
		.correlation_id = "order-1",
		.metadata = "{\"a\":1}",
		.traceparent = "00-aa-bb-01",
		.attempts_max = 7,
		.recipients = 1,
		.dedup_key = "",
		.delivery_count = 1,
		.body_count = 1,
	};
}

void one_recipient(struct fixture *f, struct one *one, const char *id)
{
	struct store_recipient *people;
	one_init(f, one, "");
	assert_int_equal(store_people(f->session, TENANT, &id, 1, f->arena, &people, NULL), HERALD_OK);
	assert_true(people[0].is_known);
	for (size_t i = 0; i < people[0].address_count && i < 2; i++) {
		const struct store_address *address = &people[0].addresses[i];
		struct store_delivery *delivery = &one->deliveries[i];
		*delivery = one->deliveries[0];
		delivery->n = (uint32_t)i + 1;
		delivery->channel = i == 0 ? f->mail : f->sms;
		delivery->recipient = people[0].row;
		delivery->recipient_version = people[0].version;
		delivery->recipient_id = id;
		delivery->address_row = address->row;
		delivery->address = address->address;
		delivery->kind = address->kind;
		memcpy(delivery->address_hash, address->hash, ADDRESS_HASH_BYTES);
		one->accept.delivery_count = i + 1;
	}
	one->seen[0] = (struct store_seen){.recipient = people[0].row, .version = people[0].version};
	one->accept.seen_count = 1;
}

enum herald_code one_accept(struct fixture *f, struct one *one)
{
	one->accept.deliveries = one->deliveries;
	one->accept.bodies = &one->body;
	one->accept.seen = one->seen;
	return run_op(f, &one->accept.op);
}

struct store_claim claim_lane(struct fixture *f, int32_t channel, uint32_t limit)
{
	struct store_claim claim = {.op = {.verb = STORE_CLAIM, .now_ms = NOW_MS + 10},
				    .channel = channel,
				    .lane = TENANT,
				    .limit = limit};
	assert_int_equal(run_op(f, &claim.op), HERALD_OK);
	return claim;
}

struct job *claim_one(struct fixture *f, int32_t channel)
{
	struct store_claim claim = claim_lane(f, channel, 10);
	assert_int_equal(claim.ret_count, 1);
	assert_null(claim.ret_jobs->next);
	return (struct job *)claim.ret_jobs;
}

struct store_settle settle_of(struct fixture *f, const struct job *job, enum delivery_state to,
			      enum reason reason)
{
	return (struct store_settle){
		.op = {.verb = STORE_SETTLE, .now_ms = NOW_MS + 20},
		.notification = job->notification,
		.n = job->n,
		.attempt = job->attempt,
		.run = f->run,
		.to = to,
		.reason = reason,
		.due_at_ms = NOW_MS + 30,
		.started_at_ms = NOW_MS + 10,
		.ended_at_ms = NOW_MS + 20,
		.outcome = {.verdict = HERALD_SENT,
			    .status = "2.0.0",
			    .provider_ref = "ref-1",
			    .reason = "fine"},
	};
}

enum herald_code settle_job(struct fixture *f, const struct job *job, enum delivery_state to,
			    enum reason reason)
{
	struct store_settle settle = settle_of(f, job, to, reason);
	enum herald_code code = run_op(f, &settle.op);
	assert_false(settle.ret_is_fenced);
	return code;
}

struct store_delivery_row delivery_of(struct fixture *f, int64_t id, uint32_t n)
{
	struct store_delivery_row row;
	struct herald_error err = {0};
	if (store_delivery(f->session, TENANT, id, n, f->arena, &row, &err) != HERALD_OK)
		fail_msg("store_delivery: %s", err.text);
	return row;
}

void assert_delivery(struct fixture *f, int64_t id, uint32_t n, enum delivery_state state, enum reason reason)
{
	struct store_delivery_row row = delivery_of(f, id, n);
	assert_string_equal(delivery_state_name(row.state), delivery_state_name(state));
	assert_string_equal(reason_name(row.reason), reason_name(reason));
}

struct store_put_recipient person(const char *id, struct store_address addresses[2])
{
	addresses[0] = (struct store_address){.kind = "email",
					      .channel = "",
					      .address = "ada@example.org",
					      .label = "work",
					      .destination = "example.org",
					      .is_verified = true,
					      .is_checked = true};
	addresses[1] = (struct store_address){.kind = "sms",
					      .channel = "",
					      .address = "+4366012345678",
					      .label = "",
					      .destination = "",
					      .is_checked = true};
	return (struct store_put_recipient){
		.op = {.verb = STORE_PUT_RECIPIENT, .takes_back = true, .tenant = TENANT, .now_ms = NOW_MS},
		.id = id,
		.name = "Ada",
		.locale = "de-AT",
		.timezone = "Europe/Vienna",
		.attributes = "{\"plan\":\"pro\"}",
		.addresses = addresses,
		.address_count = 2,
		.if_version = -1,
	};
}

int64_t put_person(struct fixture *f, const char *id)
{
	struct store_address addresses[2];
	struct store_put_recipient put = person(id, addresses);
	assert_int_equal(run_op(f, &put.op), HERALD_OK);
	return put.ret_recipient;
}

enum herald_code put_suppression(struct fixture *f, const char *kind, const char *address)
{
	struct store_put_suppression put = {
		.op = {.verb = STORE_PUT_SUPPRESSION, .takes_back = true, .tenant = TENANT, .now_ms = NOW_MS},
		.kind = kind,
		.address = address,
		.reason = "bounce",
		.source = "operator",
	};
	return run_op(f, &put.op);
}

enum herald_code put_preference(struct fixture *f, const char *id, const char *json)
{
	struct store_put_preference put = {
		.op = {.verb = STORE_PUT_PREFERENCE, .takes_back = true, .tenant = TENANT, .now_ms = NOW_MS},
		.recipient = id,
		.body = text_of(json, strlen(json)),
		.if_version = -1,
	};
	enum herald_code code = run_op(f, &put.op);
	assert_false(put.ret_is_unknown);
	return code;
}

static sqlite3 *sql_open(struct fixture *f)
{
	char path[128];
	sqlite3 *db;
	snprintf(path, sizeof(path), "%s/herald.db", f->dir);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, (int *)NULL);
	sqlite3_busy_timeout(db, 5000);
	return db;
}

int64_t sql_value(struct fixture *f, const char *sql)
{
	sqlite3 *db = sql_open(f);
	sqlite3_stmt *statement;
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	int64_t value = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	return value;
}

void sql_do(struct fixture *f, const char *sql)
{
	sqlite3 *db = sql_open(f);
	char *why = NULL;
	if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
		fail_msg("%s: %s", sql, why);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* How fast the store is beside a bare SQLite loop that writes as many bytes: run it, read the ratios.
 *
 * bench_store [DIR [SECONDS]].  Each row keeps so many operations waiting as its first column says, so that
 * the writer commits about that many at once; the bare loop commits as many inserts per transaction. */
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/ops.h"
#include "store/read.h"
#include "store/store.h"

enum { WINDOW_MAX = 1000, DELIVERIES = 2, WORDS_BYTES = 400, PEOPLE = 1000 };

struct slot {
	struct store_accept accept;
	struct store_delivery deliveries[DELIVERIES];
	struct store_seen seen;
	struct herald_text body;
	struct store_settle settles[DELIVERIES];
	struct arena *arena;
	atomic_int left; /* of the settles */
	struct bench *bench;
};

struct bench {
	struct store *store;
	struct slot slots[WINDOW_MAX];
	int64_t people[PEOPLE];
	int32_t channels[DELIVERIES];
	atomic_long accepts, settles, failures;
	atomic_bool is_over;
	atomic_int busy;
	unsigned number;
};

static char words[WORDS_BYTES];

static double seconds_now(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void pause_ms(long ms)
{
	const struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
	nanosleep(&time, NULL);
}

static double cpu_now(void)
{
	struct timespec now;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void submit_accept(struct slot *slot);

static void on_settled(struct store_op *op)
{
	struct slot *slot = op->context;
	struct bench *bench = slot->bench;
	const struct store_settle *settle = (const struct store_settle *)op;
	atomic_fetch_add(op->code == HERALD_OK && !settle->ret_is_fenced ? &bench->settles : &bench->failures,
			 1);
	if (atomic_fetch_sub(&slot->left, 1) == 1)
		submit_accept(slot);
}

static void on_accepted(struct store_op *op)
{
	struct slot *slot = op->context;
	struct bench *bench = slot->bench;
	atomic_fetch_add(op->code == HERALD_OK ? &bench->accepts : &bench->failures, 1);
	atomic_store(&slot->left, DELIVERIES);
	for (uint32_t i = 0; i < DELIVERIES; i++) {
		slot->settles[i] = (struct store_settle){
			.op = {.verb = STORE_SETTLE,
			       .now_ms = clock_wall_ms(),
			       .done = on_settled,
			       .context = slot},
			.notification = slot->accept.id,
			.n = i,
			.attempt = 1,
			.run = store_run(bench->store),
			.to = DELIVERY_SENT,
			.started_at_ms = slot->accept.op.now_ms,
			.ended_at_ms = slot->accept.op.now_ms,
			.outcome = {.verdict = HERALD_SENT, .status = "2.0.0", .provider_ref = "1234567890"},
		};
		store_submit(bench->store, &slot->settles[i].op);
	}
}

static void submit_accept(struct slot *slot)
{
	struct bench *bench = slot->bench;
	int64_t now_ms = clock_wall_ms(), person = bench->people[bench->number++ % PEOPLE];
	if (atomic_load(&bench->is_over)) {
		atomic_fetch_sub(&bench->busy, 1);
		return;
	}
	arena_clear(slot->arena);
	slot->body = text_of(words, sizeof(words));
	slot->seen = (struct store_seen){.recipient = person, .version = 1};
	for (uint32_t i = 0; i < DELIVERIES; i++)
		slot->deliveries[i] = (struct store_delivery){
			.n = i,
			.channel = bench->channels[i],
			.has_permit = true,
			.due_at_ms = now_ms,
			.expires_at_ms = now_ms + 3600000,
			.recipient = person,
			.recipient_version = 1,
			.recipient_id = "u-1",
			.address_row = person,
			.address = "ada@example.org",
			.kind = "email",
			.destination = "",
			.name = "Ada",
			.locale = "de",
		};
	slot->accept = (struct store_accept){
		.op = {.verb = STORE_ACCEPT,
		       .is_new_work = true,
		       .tenant = 1,
		       .now_ms = now_ms,
		       .arena = slot->arena,
		       .done = on_accepted,
		       .context = slot},
		.id = store_next_id(bench->store),
		.category = "order.shipped",
		.policy_version = store_policy_version(bench->store, 1),
		.priority = HERALD_NORMAL,
		.accepted_at_ms = now_ms,
		.expires_at_ms = now_ms + 3600000,
		.correlation_id = "",
		.metadata = "",
		.traceparent = "",
		.deliveries = slot->deliveries,
		.delivery_count = DELIVERIES,
		.bodies = &slot->body,
		.body_count = 1,
		.seen = &slot->seen,
		.seen_count = 1,
		.recipients = 1,
		.dedup_key = "",
	};
	char *key = arena_printf(slot->arena, "%016llx%llx",
				 (unsigned long long)slot->accept.id * UINT64_C(0x9e3779b97f4a7c15),
				 (unsigned long long)slot->accept.id);
	slot->accept.op.idempotency.key = key;
	slot->accept.op.idempotency.status = 202;
	slot->accept.op.idempotency.answer = text_of(words, 100);
	store_submit(bench->store, &slot->accept.op);
}

static void on_put(struct store_op *op)
{
	atomic_int *left = op->context;
	atomic_fetch_sub(left, 1);
}

static void put_people(struct bench *bench)
{
	struct arena *arena = arena_new();
	struct store_put_recipient *puts = arena_array_of(arena, PEOPLE, struct store_put_recipient);
	struct store_address address = {
		.kind = "email", .channel = "", .address = "ada@example.org", .label = "", .destination = ""};
	atomic_int left = PEOPLE;
	for (int i = 0; i < PEOPLE; i++) {
		puts[i] = (struct store_put_recipient){.op = {.verb = STORE_PUT_RECIPIENT,
							      .tenant = 1,
							      .now_ms = 1,
							      .done = on_put,
							      .context = &left},
						       .id = arena_printf(arena, "u%d", i),
						       .name = "Ada",
						       .locale = "de",
						       .timezone = "",
						       .attributes = "",
						       .addresses = &address,
						       .address_count = 1,
						       .if_version = -1};
		store_submit(bench->store, &puts[i].op);
	}
	while (atomic_load(&left) > 0)
		pause_ms(1);
	for (int i = 0; i < PEOPLE; i++)
		bench->people[i] = puts[i].ret_recipient;
	arena_free(arena);
}

static void drop_job(void *context, struct job *job)
{
	(void)context;
	job_free(job);
}

static void bench_window(struct bench *bench, int window, double seconds, double ret_rates[3])
{
	atomic_store(&bench->is_over, false);
	atomic_store(&bench->busy, window);
	long accepts = atomic_load(&bench->accepts), settles = atomic_load(&bench->settles);
	double began = seconds_now(), cpu = cpu_now();
	for (int i = 0; i < window; i++)
		submit_accept(&bench->slots[i]);
	pause_ms((long)(seconds * 1e3));
	atomic_store(&bench->is_over, true);
	while (atomic_load(&bench->busy) > 0)
		pause_ms(1);
	double took = seconds_now() - began;
	ret_rates[0] = (double)(atomic_load(&bench->accepts) - accepts) / took;
	ret_rates[1] = (double)(atomic_load(&bench->settles) - settles) / took;
	ret_rates[2] = (cpu_now() - cpu) * 1e6 / (double)(atomic_load(&bench->accepts) - accepts + 1);
}

/* One table, one row of about the bytes that a notification, its deliveries and their ends take together. */
static double bare_loop(const char *dir, int batch, double seconds)
{
	char path[256];
	sqlite3 *db;
	sqlite3_stmt *insert;
	long rows = 0;
	snprintf(path, sizeof(path), "%s/bare.db", dir);
	if (sqlite3_open(path, &db) != SQLITE_OK)
		return 0;
	sqlite3_exec(db,
		     "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE IF NOT EXISTS t"
		     " (id INTEGER PRIMARY KEY, data BLOB)",
		     NULL, NULL, NULL);
	sqlite3_prepare_v2(db, "INSERT INTO t (data) VALUES (?1)", -1, &insert, NULL);
	double began = seconds_now();
	while (seconds_now() - began < seconds) {
		sqlite3_exec(db, "BEGIN", NULL, NULL, NULL);
		for (int i = 0; i < batch; i++, rows++) {
			sqlite3_bind_blob(insert, 1, words, sizeof(words), SQLITE_STATIC);
			sqlite3_step(insert);
			sqlite3_reset(insert);
		}
		sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
	}
	double rate = (double)rows / (seconds_now() - began);
	sqlite3_finalize(insert);
	sqlite3_close(db);
	return rate;
}

int main(int argc, char **argv)
{
	static struct bench bench;
	static const int windows[] = {1, 10, 100, 1000};
	char dir[200] = "/tmp/herald-bench-XXXXXX";
	double seconds = argc > 2 ? strtod(argv[2], NULL) : 3;
	struct herald_error err = {0};

	if (argc > 1)
		snprintf(dir, sizeof(dir), "%s", argv[1]);
	else if (mkdtemp(dir) == NULL)
		return 1;
	struct store_settings settings = {.data_dir = dir,
					  .run = 1,
					  .hooks = {.leased = drop_job},
					  .is_null = getenv("BENCH_NULL") != NULL};
	if (store_open(&settings, &bench.store, &err) != HERALD_OK) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	bench.channels[0] = store_channel_number(bench.store, "mail");
	bench.channels[1] = store_channel_number(bench.store, "sms");
	put_people(&bench);
	for (int i = 0; i < WINDOW_MAX; i++) {
		bench.slots[i].bench = &bench;
		bench.slots[i].arena = arena_new();
	}
	printf("%s: %d deliveries each, %d bytes of words, an idempotency key each\n", dir, DELIVERIES,
	       WORDS_BYTES);
	printf("waiting  accepts/s  settles/s  CPU us/notification  bare inserts/s  writes per bare "
	       "insert\n");
	for (size_t i = 0; i < sizeof(windows) / sizeof(windows[0]); i++) {
		double rates[3];
		bench_window(&bench, windows[i], seconds, rates);
		double bare = bare_loop(dir, windows[i], seconds / 2);
		printf("%7d  %9.0f  %9.0f  %19.1f  %14.0f  %22.2f\n", windows[i], rates[0], rates[1],
		       rates[2], bare, (rates[0] + rates[1]) / bare);
	}
	printf("failures %ld\n", atomic_load(&bench.failures));
	store_close(bench.store);
	for (int i = 0; i < WINDOW_MAX; i++)
		arena_free(bench.slots[i].arena);
	return atomic_load(&bench.failures) == 0 ? 0 : 1;
}

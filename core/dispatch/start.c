/* start.c - resolution after a death: see start.h.
 *
 * Every settle names the run that holds the row, so a resolution that is itself interrupted is simply begun
 * again: what was settled is no longer found, what was not still has its board. */
#include "dispatch/start.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/queue.h"

#include "base/check.h"

enum { ROWS_AT_ONCE = STATEMENT_ROWS_MAX, BOOT_BYTES = 36 };

/* --- one attempt: pure --- */

static void untried(const struct store_delivery_row *row, struct store_settle *settle)
{
	settle->to = DELIVERY_QUEUED;
	settle->due_at_ms = row->due_at_ms;
	settle->removes_attempt = true;
}

static void crashed(const struct store_delivery_row *row, const struct start_facts *facts,
		    struct store_settle *settle)
{
	bool is_poison = row->crash_marks + 1 >= CRASH_MARKS_MAX;

	settle->to = is_poison ? DELIVERY_DEAD : DELIVERY_QUEUED;
	settle->reason = is_poison ? REASON_poison : REASON_backoff;
	settle->due_at_ms = facts->now_ms;
	settle->adds_crash_mark = true;
	settle->spends_try = is_poison;
	settle->outcome = (struct herald_outcome){
		.struct_size = sizeof(settle->outcome),
		.verdict = HERALD_DEFERRED,
		.status = "4.3.0",
		.reason = "the channel process ended while the plugin had the message",
	};
}

static void answered(const struct store_delivery_row *row, const struct start_facts *facts,
		     const struct herald_outcome *outcome, struct store_settle *settle)
{
	const struct outlet_policy *policy = facts->policy;
	struct verdict_facts verdict = {
		.now_ms = facts->now_ms,
		.first_attempt_at_ms =
			row->first_attempt_at_ms != 0 ? row->first_attempt_at_ms : facts->now_ms,
		.expires_at_ms = row->expires_at_ms != 0 ? row->expires_at_ms : INT64_MAX,
		.dice = facts->dice,
		.policy = &policy->backoff,
		.tries_spent = row->tries_spent,
		.attempts_max = row->attempts_max != 0 ? row->attempts_max : policy->attempts_max,
		.uncertain = policy->uncertain != UNCERTAIN_DEFAULT ? policy->uncertain : row->uncertain,
		.is_email = strcmp(row->kind, "email") == 0,
		.is_critical = row->priority == HERALD_CRITICAL,
		.idempotent_ms = facts->idempotent_ms,
		.has_receipts = policy->has_receipts,
	};
	struct decision decision;

	settle->outcome = *outcome;
	outcome_normalise(&settle->outcome);
	decision = verdict_decide(&verdict, (enum herald_verdict)settle->outcome.verdict,
				  settle->outcome.retry_after_ms);
	settle->to = decision.to;
	settle->reason = decision.reason;
	settle->due_at_ms = decision.due_at_ms;
	settle->spends_try = decision.spends_try;
	settle->suppresses_address = decision.suppresses_address;
}

static void uncertain(const struct store_delivery_row *row, const struct start_facts *facts,
		      struct store_settle *settle)
{
	const struct herald_outcome outcome = {
		.struct_size = sizeof(outcome),
		.verdict = HERALD_UNCERTAIN,
		.status = "4.4.2",
		.reason = "the daemon and the channel process ended while the message was on its way out",
	};

	answered(row, facts, &outcome, settle);
}

void start_decide(const struct store_delivery_row *row, const struct left_slot *slot,
		  const struct start_facts *facts, struct store_settle *ret_settle)
{
	*ret_settle = (struct store_settle){
		.op = {.verb = STORE_SETTLE, .tenant = row->tenant, .now_ms = facts->now_ms},
		.notification = row->notification,
		.n = row->n,
		.attempt = row->attempt,
		.run = row->run,
		.started_at_ms = row->changed_at_ms,
		.ended_at_ms = facts->now_ms,
	};
	if (facts->is_other_boot || (slot != NULL && !slot->is_same_boot)) {
		uncertain(row, facts, ret_settle);
		return;
	}
	switch (slot == NULL ? SLOT_FREE : slot->state) {
	case SLOT_FREE:
	case SLOT_QUEUED:
	case SLOT_REVOKED:
		untried(row, ret_settle);
		return;
	case SLOT_IN_PLUGIN:
		/* Who left in order did not crash of it. */
		if (slot->has_left)
			untried(row, ret_settle);
		else
			crashed(row, facts, ret_settle);
		return;
	case SLOT_ON_WIRE:
		uncertain(row, facts, ret_settle);
		return;
	case SLOT_DONE:
		answered(row, facts, &slot->outcome, ret_settle);
		return;
	}
	unreached();
}

/* --- which boot --- */

static enum herald_code boot_now(char ret_boot[BOOT_BYTES + 1], struct herald_error *err)
{
	static const char path[] = "/proc/sys/kernel/random/boot_id";
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : read(fd, ret_boot, BOOT_BYTES);

	if (fd >= 0)
		close(fd);
	if (got != BOOT_BYTES)
		return herald_fail(err, HERALD_IO, "reading %s: %s", path, strerrordesc_np(errno));
	ret_boot[BOOT_BYTES] = 0;
	return HERALD_OK;
}

static const char *boot_path(const char *data_dir, struct arena *arena)
{
	return arena_printf(arena, "%s/boot", data_dir);
}

/* Nothing remembered is another boot: the file is there as long as a run could leave something open. */
static bool boot_is_other(const char *path, const char *boot)
{
	char known[BOOT_BYTES + 1] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got;

	if (fd < 0)
		return true;
	got = read(fd, known, BOOT_BYTES);
	close(fd);
	return got != BOOT_BYTES || memcmp(known, boot, BOOT_BYTES) != 0;
}

static bool sync_dir(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool is_synced = fd >= 0 && fsync(fd) == 0;

	if (fd >= 0)
		close(fd);
	return is_synced;
}

static enum herald_code boot_remember(const char *data_dir, const char *path, const char *boot,
				      struct arena *arena, struct herald_error *err)
{
	const char *fresh = arena_printf(arena, "%s.new", path);
	int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	bool is_written = fd >= 0 && write(fd, boot, BOOT_BYTES) == BOOT_BYTES && fsync(fd) == 0;

	if (fd >= 0)
		close(fd);
	if (!is_written || rename(fresh, path) != 0 || !sync_dir(data_dir))
		return herald_fail(err, HERALD_IO, "writing %s: %s", path, strerrordesc_np(errno));
	return HERALD_OK;
}

/* --- all of them --- */

struct resolution {
	const struct start_settings *settings;
	struct start_report report;
	struct left_slot *slots; /* sorted */
	size_t slot_count;
	struct queue *commits;
	uint64_t dice;
};

static int order(int64_t a, int64_t b)
{
	return a < b ? -1 : a > b;
}

static int compare_slots(const void *one, const void *other)
{
	const struct slot_identity *a = &((const struct left_slot *)one)->identity;
	const struct slot_identity *b = &((const struct left_slot *)other)->identity;
	int by = order(a->notification, b->notification);

	by = by != 0 ? by : order(a->n, b->n);
	by = by != 0 ? by : order(a->attempt, b->attempt);
	return by != 0 ? by : order(a->run, b->run);
}

static const struct left_slot *slot_of(const struct resolution *resolution,
				       const struct store_delivery_row *row)
{
	const struct left_slot wanted = {.identity = {
						 .notification = row->notification,
						 .run = row->run,
						 .n = row->n,
						 .attempt = row->attempt,
					 }};

	if (resolution->slot_count == 0)
		return NULL;
	return bsearch(&wanted, resolution->slots, resolution->slot_count, sizeof(*resolution->slots),
		       compare_slots);
}

static void settle_done(struct store_op *op)
{
	struct resolution *resolution = op->context;

	CHECK(queue_push(resolution->commits, &op->item));
}

static void count(struct start_report *report, const struct store_settle *settle)
{
	if (settle->removes_attempt)
		report->untried++;
	else if (settle->adds_crash_mark)
		report->crashed++;
	else if (settle->outcome.verdict == HERALD_UNCERTAIN)
		report->uncertain++;
	else
		report->done++;
}

static void submit(struct resolution *resolution, const struct store_delivery_row *row,
		   struct store_settle *settle)
{
	const struct start_settings *settings = resolution->settings;
	bool is_known =
		row->channel >= 0 && row->channel < CHANNELS_MAX && settings->policies[row->channel] != NULL;
	const struct start_facts facts = {
		.now_ms = clock_wall_ms(),
		.dice = resolution->dice = resolution->dice * UINT64_C(6364136223846793005) + 1,
		.policy = is_known ? settings->policies[row->channel] : settings->plain,
		.idempotent_ms = is_known ? settings->idempotent_ms[row->channel] : 0,
		.is_other_boot = resolution->report.is_other_boot,
	};

	start_decide(row, slot_of(resolution, row), &facts, settle);
	settle->op.done = settle_done;
	settle->op.context = resolution;
	store_submit(settings->store, &settle->op);
}

/* Every one of them was submitted: wait for all, whatever they say. */
static enum herald_code await(struct resolution *resolution, size_t waiting, struct herald_error *err)
{
	enum herald_code code = HERALD_OK;
	size_t fenced = 0, all = waiting;

	while (waiting > 0) {
		struct queue_item *item = queue_wait_all(resolution->commits, -1);

		for (; item != NULL; item = item->next) {
			struct store_settle *settle = (struct store_settle *)item;

			waiting--;
			fenced += settle->ret_is_fenced;
			if (settle->op.code != HERALD_OK && code == HERALD_OK)
				code = herald_fail(err, settle->op.code, "%s", settle->op.err.text);
			else if (settle->op.code == HERALD_OK)
				count(&resolution->report, settle);
		}
	}
	/* The rows come again as long as they are open: without progress that would be for ever. */
	if (code == HERALD_OK && all > 0 && fenced == all)
		code = herald_fail(err, HERALD_BUG, "%zu open attempts cannot be settled", all);
	return code;
}

static enum herald_code resolve_some(struct resolution *resolution, struct store_session *session,
				     size_t *ret_count, struct herald_error *err)
{
	struct store *store = resolution->settings->store;
	struct arena *arena = arena_new();
	struct store_delivery_row *rows;
	struct store_settle *settles;
	enum herald_code code =
		store_open_leases(session, store_run(store), ROWS_AT_ONCE, arena, &rows, ret_count, err);

	if (code == HERALD_OK) {
		settles = arena_array_of(arena, *ret_count, struct store_settle);
		for (size_t i = 0; i < *ret_count; i++)
			submit(resolution, &rows[i], &settles[i]);
		code = await(resolution, *ret_count, err);
	}
	arena_free(arena);
	return code;
}

static enum herald_code resolve_all(struct resolution *resolution, struct herald_error *err)
{
	struct store_session *session;
	size_t rows = 1;
	enum herald_code code = store_session_new(resolution->settings->store, &session, err);

	if (code != HERALD_OK)
		return code;
	while (code == HERALD_OK && rows > 0)
		code = resolve_some(resolution, session, &rows, err);
	store_session_free(session);
	return code;
}

enum herald_code start_resolve(const struct start_settings *settings, struct start_report *ret_report,
			       struct herald_error *err)
{
	struct arena *arena = arena_new();
	struct resolution resolution = {.settings = settings, .dice = settings->seed};
	const char *path = boot_path(settings->data_dir, arena);
	char boot[BOOT_BYTES + 1];
	enum herald_code code = boot_now(boot, err);

	if (code == HERALD_OK)
		code = boards_resolve(settings->board_dir, arena, &resolution.slots, &resolution.slot_count,
				      err);
	if (code == HERALD_OK) {
		resolution.report.is_other_boot = settings->are_boards_gone || boot_is_other(path, boot);
		if (resolution.slot_count > 0)
			qsort(resolution.slots, resolution.slot_count, sizeof(*resolution.slots),
			      compare_slots);
		resolution.commits = queue_new(0);
		code = resolve_all(&resolution, err);
		queue_free(resolution.commits);
	}
	if (code == HERALD_OK)
		code = boards_forget(settings->board_dir, store_run(settings->store), err);
	if (code == HERALD_OK)
		code = boot_remember(settings->data_dir, path, boot, arena, err);
	if (code == HERALD_OK)
		*ret_report = resolution.report;
	else
		herald_within(err, "resolving what an earlier run left open");
	arena_free(arena);
	return code;
}

void start_over(const char *data_dir)
{
	struct arena *arena = arena_new();

	unlink(boot_path(data_dir, arena));
	arena_free(arena);
}

/* What people and time do to what was accepted: cancel, redrive, resolve, wake, prune. */
#include "fixture.h"

static int64_t accepted(struct fixture *f, bool has_permit)
{
	struct one one;
	one_init(f, &one, "ada@example.org");
	one.deliveries[0].has_permit = has_permit;
	assert_int_equal(one_accept(f, &one), HERALD_OK);
	return one.accept.id;
}

static struct store_cancel cancel(struct fixture *f, int64_t id)
{
	struct store_cancel op = {
		.op = {.verb = STORE_CANCEL, .takes_back = true, .tenant = TENANT, .now_ms = NOW_MS + 5},
		.notification = id,
		.reason = REASON_by_caller,
	};
	assert_int_equal(run_op(f, &op.op), HERALD_OK);
	return op;
}

static void a_cancel_ends_what_waits_counts_the_rest_and_is_taken_back(void **state)
{
	struct fixture *f = *state;
	struct one one;
	one_init(f, &one, "ada@example.org");
	for (uint32_t i = 1; i < 4; i++) {
		one.deliveries[i] = one.deliveries[0];
		one.deliveries[i].n = i + 1;
	}
	one.deliveries[1].state = DELIVERY_HELD;
	one.deliveries[1].reason = REASON_scheduled;
	one.deliveries[2].has_permit = one.deliveries[3].has_permit = true;
	one.accept.delivery_count = 4;
	assert_int_equal(one_accept(f, &one), HERALD_OK);
	assert_int_equal(settle_job(f, f->jobs[1], DELIVERY_SENT, REASON_none), HERALD_OK);

	struct store_cancel op = cancel(f, one.accept.id);
	assert_false(op.ret_is_unknown);
	assert_int_equal(op.ret_cancelled, 2);
	assert_int_equal(op.ret_too_late, 2);
	assert_int_equal(op.ret_leased, 1);
	assert_int_equal(f->taken_count, 1);
	assert_delivery(f, one.accept.id, 1, DELIVERY_CANCELLED, REASON_by_caller);
	assert_delivery(f, one.accept.id, 2, DELIVERY_CANCELLED, REASON_by_caller);
	assert_delivery(f, one.accept.id, 3, DELIVERY_LEASED, REASON_none);

	struct store_notification_row row;
	assert_int_equal(store_notification(f->session, TENANT, one.accept.id, f->arena, &row, NULL),
			 HERALD_OK);
	assert_true(row.is_cancelled);
	assert_int_equal(row.counts[DELIVERY_CANCELLED], 2);
	assert_int_equal(cancel(f, one.accept.id).ret_cancelled, 0);
	assert_int_equal(f->taken_count, 2); /* repeating takes back again */
}

static void a_cancel_of_what_is_unknown_or_another_tenant_s_touches_nothing(void **state)
{
	struct fixture *f = *state;
	int64_t other = store_tenant_number(f->store, "other", true);
	int64_t id = accepted(f, false);
	assert_true(other > TENANT);
	assert_true(cancel(f, id + 1).ret_is_unknown);
	struct store_cancel op = {.op = {.verb = STORE_CANCEL, .takes_back = true, .tenant = other},
				  .notification = id,
				  .reason = REASON_by_caller};
	assert_int_equal(run_op(f, &op.op), HERALD_OK);
	assert_true(op.ret_is_unknown);
	assert_int_equal(f->taken_count, 0);
	assert_delivery(f, id, 1, DELIVERY_QUEUED, REASON_none);
}

static void a_cancel_of_three_thousand_rows_goes_in_pieces(void **state)
{
	struct fixture *f = *state;
	struct one one;
	one_init(f, &one, "ada@example.org");
	struct store_delivery *rows = arena_array_of(f->arena, 3000, struct store_delivery);
	for (uint32_t i = 0; i < 3000; i++) {
		rows[i] = one.deliveries[0];
		rows[i].n = i + 1;
	}
	one.accept.deliveries = rows;
	one.accept.delivery_count = 3000;
	one.accept.bodies = &one.body;
	assert_int_equal(run_op(f, &one.accept.op), HERALD_OK);
	assert_int_equal(cancel(f, one.accept.id).ret_cancelled, 3000);
}

static struct store_redrive redrive(struct fixture *f, int64_t id)
{
	const struct store_letter letter = {id, 1};
	struct store_redrive op = {
		.op = {.verb = STORE_REDRIVE, .tenant = TENANT, .now_ms = NOW_MS + 100},
		.letters = &letter,
		.letter_count = 1,
		.expires_in_ms = 1000,
	};
	assert_int_equal(run_op(f, &op.op), HERALD_OK);
	return op;
}

static uint32_t redrive_found(struct fixture *f, struct store_filter filter)
{
	struct store_redrive op = {
		.op = {.verb = STORE_REDRIVE, .tenant = TENANT, .now_ms = NOW_MS + 100},
		.expires_in_ms = 1000,
	};
	struct store_letter *letters;
	assert_int_equal(
		store_letters(f->session, TENANT, &filter, 10, f->arena, &letters, &op.letter_count, NULL),
		HERALD_OK);
	op.letters = letters;
	assert_int_equal(run_op(f, &op.op), HERALD_OK);
	assert_int_equal(op.ret_count, op.letter_count);
	/* Who was faster leaves nothing to do, and that is no fault of the caller's. */
	assert_int_equal(run_op(f, &op.op), HERALD_OK);
	assert_int_equal(op.ret_count, 0);
	assert_true(op.letter_count == 1 || !op.ret_is_wrong_state);
	return (uint32_t)op.letter_count;
}

static void a_dead_letter_is_sent_again_as_if_it_were_new(void **state)
{
	struct fixture *f = *state;
	int64_t id = accepted(f, true);
	assert_true(redrive(f, id).ret_is_wrong_state);
	assert_true(redrive(f, id + 1).ret_is_unknown);
	struct store_settle settle = settle_of(f, f->jobs[0], DELIVERY_DEAD, REASON_attempts_exhausted);
	settle.spends_try = settle.adds_crash_mark = true;
	assert_int_equal(run_op(f, &settle.op), HERALD_OK);

	f->queued_count = 0;
	assert_int_equal(redrive(f, id).ret_count, 1);
	assert_int_equal(f->queued_count, 1);
	struct store_delivery_row row = delivery_of(f, id, 1);
	assert_int_equal(row.state, DELIVERY_QUEUED);
	assert_int_equal(row.tries_spent, 0);
	assert_int_equal(row.crash_marks, 0);
	assert_int_equal(row.first_attempt_at_ms, 0);
	assert_int_equal(row.expires_at_ms, NOW_MS + 1100);
	struct store_claim claim = {.op = {.verb = STORE_CLAIM, .now_ms = NOW_MS + 100},
				    .channel = f->mail,
				    .lane = TENANT,
				    .limit = 1};
	assert_int_equal(run_op(f, &claim.op), HERALD_OK);
	struct job *job = (struct job *)claim.ret_jobs;
	assert_int_equal(job->attempt, 2); /* the history of the first is kept */
	job_free(job);
}

static void dead_letters_are_redriven_by_filter(void **state)
{
	struct fixture *f = *state;
	static const enum reason reasons[] = {REASON_rejected, REASON_uncertain, REASON_rejected};
	for (size_t i = 0; i < 3; i++) {
		accepted(f, true);
		assert_int_equal(settle_job(f, f->jobs[i], DELIVERY_DEAD, reasons[i]), HERALD_OK);
	}
	accepted(f, true);
	assert_int_equal(settle_job(f, f->jobs[3], DELIVERY_EXPIRED, REASON_expired), HERALD_OK);
	assert_int_equal(redrive_found(f, (struct store_filter){.recipient = "nobody"}), 0);
	assert_int_equal(redrive_found(f, (struct store_filter){.channel = f->sms}), 0);
	assert_int_equal(redrive_found(f, (struct store_filter){.state = DELIVERY_SENT}), 0);
	assert_int_equal(redrive_found(f, (struct store_filter){.reason = REASON_uncertain}), 1);
	assert_int_equal(redrive_found(f, (struct store_filter){.state = DELIVERY_DEAD, .recipient = ""}), 2);
	assert_int_equal(redrive_found(f, (struct store_filter){0}), 1);
	assert_int_equal(redrive_found(f, (struct store_filter){0}), 0);
}

static void a_parked_delivery_is_resolved_by_a_person(void **state)
{
	struct fixture *f = *state;
	static const struct {
		enum store_resolution as;
		enum delivery_state state;
		enum reason reason;
	} cases[] = {{RESOLVE_DELIVERED, DELIVERY_DELIVERED, REASON_by_operator},
		     {RESOLVE_DEAD, DELIVERY_DEAD, REASON_by_operator},
		     {RESOLVE_RETRY, DELIVERY_QUEUED, REASON_none}};
	for (size_t i = 0; i < 3; i++) {
		int64_t id = accepted(f, true);
		struct store_resolve op = {.op = {.verb = STORE_RESOLVE, .tenant = TENANT, .now_ms = NOW_MS},
					   .notification = id,
					   .n = 1,
					   .as = cases[i].as};
		assert_int_equal(run_op(f, &op.op), HERALD_OK);
		assert_true(op.ret_is_wrong_state);
		assert_int_equal(settle_job(f, f->jobs[i], DELIVERY_PARKED, REASON_uncertain), HERALD_OK);
		assert_int_equal(run_op(f, &op.op), HERALD_OK);
		assert_false(op.ret_is_wrong_state);
		assert_delivery(f, id, 1, cases[i].state, cases[i].reason);
		op.n = 2;
		assert_int_equal(run_op(f, &op.op), HERALD_OK);
		assert_true(op.ret_is_unknown);
	}
}

static struct store_wake wake(struct fixture *f, int64_t at_ms)
{
	struct store_wake op = {.op = {.verb = STORE_WAKE, .now_ms = at_ms}, .limit = 100};
	assert_int_equal(run_op(f, &op.op), HERALD_OK);
	return op;
}

static void a_held_row_is_queued_at_its_time_and_not_before(void **state)
{
	struct fixture *f = *state;
	struct one one;
	one_init(f, &one, "ada@example.org");
	one.deliveries[0].state = DELIVERY_HELD;
	one.deliveries[0].reason = REASON_quiet_hours;
	one.deliveries[0].due_at_ms = NOW_MS + 50;
	assert_int_equal(one_accept(f, &one), HERALD_OK);
	assert_int_equal(f->queued_count, 0);
	struct store_wake op = wake(f, NOW_MS + 49);
	assert_int_equal(op.ret_woken, 0);
	assert_int_equal(op.ret_next_due_ms, NOW_MS + 50);
	op = wake(f, NOW_MS + 50);
	assert_int_equal(op.ret_woken, 1);
	assert_int_equal(op.ret_next_due_ms, 0);
	assert_int_equal(f->queued_count, 1);
	assert_delivery(f, one.accept.id, 1, DELIVERY_QUEUED, REASON_none);
}

static void everything_that_waits_ends_at_its_expiry(void **state)
{
	struct fixture *f = *state;
	struct one held;
	one_init(f, &held, "ada@example.org");
	held.deliveries[0].state = DELIVERY_HELD;
	held.deliveries[0].reason = REASON_quiet_hours;
	held.deliveries[0].due_at_ms = NOW_MS + 2000000;
	assert_int_equal(one_accept(f, &held), HERALD_OK);
	int64_t queued = accepted(f, false), parked = accepted(f, true);
	assert_int_equal(settle_job(f, f->jobs[0], DELIVERY_PARKED, REASON_uncertain), HERALD_OK);
	assert_int_equal(wake(f, NOW_MS + 999999).ret_ended, 0);
	wake(f, NOW_MS + 1000000);
	wake(f, NOW_MS + 1000000);
	assert_delivery(f, held.accept.id, 1, DELIVERY_EXPIRED, REASON_expired);
	assert_delivery(f, queued, 1, DELIVERY_EXPIRED, REASON_expired);
	assert_delivery(f, parked, 1, DELIVERY_DEAD, REASON_uncertain);
}

static void the_walk_over_queued_rows_meets_all_of_them(void **state)
{
	struct fixture *f = *state;
	for (int i = 0; i < 25; i++) {
		struct one one;
		one_init(f, &one, "ada@example.org");
		one.deliveries[0].expires_at_ms = i % 2 == 0 ? NOW_MS + 10 : 0; /* 0: never */
		one.deliveries[0].channel = i % 3 == 0 ? f->sms : f->mail;
		one.accept.priority = (uint32_t)(1 + i % 4);
		assert_int_equal(one_accept(f, &one), HERALD_OK);
	}
	uint32_t ended = 0;
	for (int i = 0; i < 12; i++) {
		struct store_wake op = {.op = {.verb = STORE_WAKE, .now_ms = NOW_MS + 10}, .limit = 4};
		assert_int_equal(run_op(f, &op.op), HERALD_OK);
		ended += op.ret_ended;
	}
	assert_int_equal(ended, 13);
	assert_int_equal(sql_value(f, "SELECT count(*) FROM delivery WHERE state = 2"), 12);
}

/* Rows as a clock that was ahead left them; and one that waits because it failed. */
static void what_a_wrong_clock_put_off_is_due_at_once_and_what_waits_goes_on_waiting(void **state)
{
	struct fixture *f = *state;
	struct store_wake op = {.op = {.verb = STORE_WAKE, .now_ms = NOW_MS}, .limit = 10};
	/* Of the row's due time: never tried, tried in the future, tried two hours before. */
	static const char *const first_tries[] = {"0", "due_at_ms", "due_at_ms - 7200000"};
	char sql[200];
	int64_t ids[3];

	for (int i = 0; i < 3; i++) {
		struct one one;
		one_init(f, &one, "ada@example.org");
		one.deliveries[0].expires_at_ms = NOW_MS * 2;
		assert_int_equal(one_accept(f, &one), HERALD_OK);
		ids[i] = one.accept.id;
		snprintf(sql, sizeof(sql), "UPDATE delivery SET due_at_ms = %lld WHERE notification = %lld",
			 (long long)NOW_MS + 7200000, (long long)ids[i]);
		sql_do(f, sql);
		snprintf(sql, sizeof(sql),
			 "UPDATE delivery SET first_attempt_at_ms = %s WHERE notification = %lld",
			 first_tries[i], (long long)ids[i]);
		sql_do(f, sql);
	}
	assert_int_equal(run_op(f, &op.op), HERALD_OK);
	for (int i = 0; i < 3; i++) {
		snprintf(sql, sizeof(sql), "SELECT due_at_ms FROM delivery WHERE notification = %lld",
			 (long long)ids[i]);
		assert_int_equal(sql_value(f, sql), i < 2 ? NOW_MS : NOW_MS + 7200000);
	}
}

static struct store_prune prune(struct fixture *f, int64_t before_ms)
{
	struct store_prune op = {
		.op = {.verb = STORE_PRUNE, .now_ms = before_ms}, .before_ms = before_ms, .limit = 100};
	assert_int_equal(run_op(f, &op.op), HERALD_OK);
	return op;
}

static void only_what_ended_and_is_old_is_pruned_and_with_everything_it_had(void **state)
{
	struct fixture *f = *state;
	static const char *const tables[] = {"notification", "delivery", "body",          "attempt",
					     "left_out",     "history",  "inline_address"};
	const struct store_left_out out = {.recipient_id = "u-9",
					   .channel = "sms",
					   .rule = "",
					   .detail = "",
					   .reason = REASON_no_address};
	struct one one;
	put_person(f, "u-1");
	one_recipient(f, &one, "u-1");
	one.accept.delivery_count = 1;
	one.deliveries[0].has_permit = true;
	one.accept.left_out = &out;
	one.accept.left_out_count = 1;
	assert_int_equal(one_accept(f, &one), HERALD_OK);
	accepted(f, true);
	assert_int_equal(settle_job(f, f->jobs[0], DELIVERY_SENT, REASON_none), HERALD_OK);
	int64_t open = f->jobs[1]->notification;
	int64_t future_ms = NOW_MS * 2; /* ids carry the real clock */

	assert_int_equal(prune(f, 0).ret_count, 0);
	struct store_prune op = prune(f, future_ms);
	assert_int_equal(op.ret_count, 1);
	assert_false(op.ret_has_more);
	assert_delivery(f, open, 1, DELIVERY_LEASED, REASON_none);
	assert_int_equal(settle_job(f, f->jobs[1], DELIVERY_DEAD, REASON_rejected), HERALD_OK);
	assert_int_equal(prune(f, future_ms).ret_count, 1);
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		char sql[64];
		snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s", tables[i]);
		if (sql_value(f, sql) != 0)
			fail_msg("%s is not empty", tables[i]);
	}
}

static void what_may_be_sent_again_is_kept_longer_and_the_walk_goes_past_it(void **state)
{
	struct fixture *f = *state;
	struct store_prune op = {.limit = 1};
	int64_t future_ms = NOW_MS * 2;
	struct one one;
	int calls = 0;

	for (int i = 0; i < 4; i++) {
		one_init(f, &one, "ada@example.org");
		one.deliveries[0].has_permit = true;
		assert_int_equal(one_accept(f, &one), HERALD_OK);
	}
	for (int i = 0; i < 4; i++)
		assert_int_equal(settle_job(f, f->jobs[i], i < 2 ? DELIVERY_DEAD : DELIVERY_DELIVERED,
					    i < 2 ? REASON_rejected : REASON_none),
				 HERALD_OK);
	do {
		op.op = (struct store_op){.verb = STORE_PRUNE, .now_ms = future_ms};
		op.before_ms = future_ms;
		op.dead_before_ms = 1;
		op.after = op.ret_after;
		assert_int_equal(run_op(f, &op.op), HERALD_OK);
		calls++;
	} while (op.ret_has_more && calls < 20);
	assert_in_range(calls, 4, 6);
	assert_int_equal(op.ret_after, 0);
	assert_int_equal(sql_value(f, "SELECT count(*) FROM notification"), 2);
	assert_int_equal(sql_value(f, "SELECT count(*) FROM delivery WHERE state = 6"), 2);
	op = (struct store_prune){.op = {.verb = STORE_PRUNE, .now_ms = future_ms},
				  .before_ms = future_ms,
				  .dead_before_ms = future_ms,
				  .limit = 100};
	assert_int_equal(run_op(f, &op.op), HERALD_OK);
	assert_int_equal(op.ret_count, 2);
}

static void records_of_duplicates_go_when_their_time_is_over(void **state)
{
	struct fixture *f = *state;
	struct one one;
	for (int i = 0; i < 3; i++) {
		char key[16];
		snprintf(key, sizeof(key), "k-%d", i);
		one_init(f, &one, "ada@example.org");
		one.accept.dedup_key = key;
		one.accept.dedup_for_ms = i == 2 ? 5000 : 1000;
		assert_int_equal(one_accept(f, &one), HERALD_OK);
	}
	struct store_prune op = {.op = {.verb = STORE_PRUNE, .now_ms = NOW_MS + 1000}, .limit = 10};
	assert_int_equal(run_op(f, &op.op), HERALD_OK);
	assert_int_equal(sql_value(f, "SELECT count(*) FROM dedup"), 3);
	op.op.now_ms++;
	assert_int_equal(run_op(f, &op.op), HERALD_OK);
	assert_int_equal(sql_value(f, "SELECT count(*) FROM dedup"), 1);
}

static void a_large_notification_is_pruned_in_several_calls(void **state)
{
	struct fixture *f = *state;
	struct one one;
	one_init(f, &one, "ada@example.org");
	struct store_delivery *rows = arena_array_of(f->arena, 6500, struct store_delivery);
	for (uint32_t i = 0; i < 6500; i++) {
		rows[i] = one.deliveries[0];
		rows[i].n = i + 1;
	}
	one.accept.deliveries = rows;
	one.accept.delivery_count = 6500;
	one.accept.bodies = &one.body;
	assert_int_equal(run_op(f, &one.accept.op), HERALD_OK);
	cancel(f, one.accept.id);
	struct store_prune op;
	int calls = 0;
	do {
		op = prune(f, NOW_MS * 2);
		calls++;
	} while (op.ret_has_more && calls < 100);
	assert_true(calls > 1 && calls < 20);
	assert_int_equal(sql_value(f, "SELECT count(*) FROM delivery"), 0);
	assert_int_equal(sql_value(f, "SELECT count(*) FROM inline_address"), 0);
	assert_int_equal(sql_value(f, "SELECT count(*) FROM notification"), 0);
}

#define PROMISE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PROMISE(a_cancel_ends_what_waits_counts_the_rest_and_is_taken_back),
		PROMISE(a_cancel_of_what_is_unknown_or_another_tenant_s_touches_nothing),
		PROMISE(a_cancel_of_three_thousand_rows_goes_in_pieces),
		PROMISE(a_dead_letter_is_sent_again_as_if_it_were_new),
		PROMISE(dead_letters_are_redriven_by_filter),
		PROMISE(a_parked_delivery_is_resolved_by_a_person),
		PROMISE(a_held_row_is_queued_at_its_time_and_not_before),
		PROMISE(everything_that_waits_ends_at_its_expiry),
		PROMISE(the_walk_over_queued_rows_meets_all_of_them),
		PROMISE(what_a_wrong_clock_put_off_is_due_at_once_and_what_waits_goes_on_waiting),
		PROMISE(only_what_ended_and_is_old_is_pruned_and_with_everything_it_had),
		PROMISE(what_may_be_sent_again_is_kept_longer_and_the_walk_goes_past_it),
		PROMISE(records_of_duplicates_go_when_their_time_is_over),
		PROMISE(a_large_notification_is_pruned_in_several_calls),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

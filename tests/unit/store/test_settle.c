/* The end of an attempt: fenced, counted, and carried on to the steps behind it. */
#include "fixture.h"

static struct job *leased(struct fixture *f, struct one *one)
{
	one_init(f, one, "ada@example.org");
	assert_int_equal(one_accept(f, one), HERALD_OK);
	return claim_one(f, f->mail);
}

static void a_settle_writes_state_attempt_and_reference(void **state)
{
	struct fixture *f = *state;
	struct one one;
	struct job *job = leased(f, &one);
	assert_int_equal(settle_job(f, job, DELIVERY_SENT, REASON_none), HERALD_OK);
	struct store_delivery_row row = delivery_of(f, one.accept.id, 1);
	assert_int_equal(row.state, DELIVERY_SENT);
	assert_int_equal(row.run, 0);
	assert_int_equal(row.attempts, 1);
	assert_int_equal(row.changed_at_ms, NOW_MS + 20);
	assert_string_equal(row.provider_ref, "ref-1");
	struct store_attempt_row *attempts;
	size_t count;
	assert_int_equal(store_attempts(f->session, one.accept.id, 1, f->arena, &attempts, &count, NULL),
			 HERALD_OK);
	assert_int_equal(count, 1);
	assert_int_equal(attempts[0].attempt, 1);
	assert_int_equal(attempts[0].verdict, HERALD_SENT);
	assert_int_equal(attempts[0].started_at_ms, NOW_MS + 10);
	assert_int_equal(attempts[0].ended_at_ms, NOW_MS + 20);
	assert_string_equal(attempts[0].status, "2.0.0");
	assert_string_equal(attempts[0].text, "fine");
	job_free(job);
}

static void a_settle_of_another_attempt_run_or_state_changes_nothing(void **state)
{
	struct fixture *f = *state;
	struct one one;
	struct job *job = leased(f, &one);
	struct store_settle settle = settle_of(f, job, DELIVERY_SENT, REASON_none);
	settle.attempt = 2;
	assert_int_equal(run_op(f, &settle.op), HERALD_OK);
	assert_true(settle.ret_is_fenced);
	settle = settle_of(f, job, DELIVERY_SENT, REASON_none);
	settle.run++;
	assert_int_equal(run_op(f, &settle.op), HERALD_OK);
	assert_true(settle.ret_is_fenced);
	settle = settle_of(f, job, DELIVERY_SENT, REASON_none);
	settle.n = 2;
	assert_int_equal(run_op(f, &settle.op), HERALD_OK);
	assert_true(settle.ret_is_fenced);
	assert_delivery(f, one.accept.id, 1, DELIVERY_LEASED, REASON_none);

	assert_int_equal(settle_job(f, job, DELIVERY_SENT, REASON_none), HERALD_OK);
	settle = settle_of(f, job, DELIVERY_DEAD, REASON_rejected);
	assert_int_equal(run_op(f, &settle.op), HERALD_OK);
	assert_true(settle.ret_is_fenced);
	assert_delivery(f, one.accept.id, 1, DELIVERY_SENT, REASON_none);
	assert_int_equal(sql_value(f, "SELECT count(*) FROM attempt"), 1);
	job_free(job);
}

static void what_goes_back_is_due_later_in_its_lane_and_counts_its_tries(void **state)
{
	struct fixture *f = *state;
	struct one one;
	struct job *job = leased(f, &one);
	struct store_settle settle = settle_of(f, job, DELIVERY_QUEUED, REASON_backoff);
	settle.spends_try = settle.adds_crash_mark = true;
	settle.due_at_ms = NOW_MS + 500;
	f->queued_count = 0;
	assert_int_equal(run_op(f, &settle.op), HERALD_OK);
	assert_int_equal(settle.ret_state, DELIVERY_QUEUED);
	assert_int_equal(f->queued_count, 0); /* whoever settles knows */
	job_free(job);
	struct store_claim claim = claim_lane(f, f->mail, 10);
	assert_int_equal(claim.ret_count, 0);
	assert_int_equal(claim.ret_next_due_ms, NOW_MS + 500);
	claim.op.now_ms = NOW_MS + 500;
	assert_int_equal(run_op(f, &claim.op), HERALD_OK);
	job = (struct job *)claim.ret_jobs;
	assert_int_equal(job->attempt, 2);
	assert_int_equal(job->tries_spent, 1);
	assert_int_equal(job->crash_marks, 1);
	assert_int_equal(job->first_attempt_at_ms, NOW_MS + 10);
	assert_int_equal(job->attempt_started_at_ms, NOW_MS + 500);
	job_free(job);
}

static void an_attempt_that_never_began_leaves_no_trace(void **state)
{
	struct fixture *f = *state;
	struct one one;
	struct job *job = leased(f, &one);
	struct store_settle settle = settle_of(f, job, DELIVERY_QUEUED, REASON_destination_blocked);
	settle.removes_attempt = true;
	settle.due_at_ms = NOW_MS;
	settle.lane = -7;
	assert_int_equal(run_op(f, &settle.op), HERALD_OK);
	job_free(job);
	struct store_delivery_row row = delivery_of(f, one.accept.id, 1);
	assert_int_equal(row.attempts, 0);
	assert_int_equal(row.first_attempt_at_ms, 0);
	assert_int_equal(row.reason, REASON_destination_blocked);
	assert_int_equal(sql_value(f, "SELECT count(*) FROM attempt"), 0);
	assert_int_equal(claim_lane(f, f->mail, 10).ret_count, 0);
	struct store_claim claim = {.op = {.verb = STORE_CLAIM, .now_ms = NOW_MS + 20},
				    .channel = f->mail,
				    .lane = -7,
				    .limit = 1};
	assert_int_equal(run_op(f, &claim.op), HERALD_OK);
	assert_int_equal(claim.ret_count, 1);
	job = (struct job *)claim.ret_jobs;
	assert_int_equal(job->attempt, 1);
	assert_int_equal(job->lane, -7);
	job_free(job);
}

static void a_dead_address_is_suppressed_in_the_same_commit(void **state)
{
	struct fixture *f = *state;
	struct one one;
	struct job *job = leased(f, &one);
	struct store_settle settle = settle_of(f, job, DELIVERY_SUPPRESSED, REASON_unreachable);
	settle.suppresses_address = true;
	assert_int_equal(run_op(f, &settle.op), HERALD_OK);
	struct store_suppression_row row;
	assert_int_equal(
		store_suppression(f->session, TENANT, "email", job->address_hash, f->arena, &row, NULL),
		HERALD_OK);
	assert_string_equal(row.address, "ada@example.org");
	assert_string_equal(row.source, "provider");
	assert_string_equal(row.reason, "unreachable");
	assert_int_equal(row.until_ms, 0);
	job_free(job);
	one_init(f, &one, "ada@example.org");
	assert_int_equal(one_accept(f, &one), HERALD_CONFLICT);
}

static void a_state_that_a_leased_row_cannot_reach_is_refused(void **state)
{
	struct fixture *f = *state;
	struct one one;
	struct job *job = leased(f, &one);
	struct store_settle settle = settle_of(f, job, DELIVERY_LEASED, REASON_none);
	assert_int_equal(run_op(f, &settle.op), HERALD_BUG);
	assert_delivery(f, one.accept.id, 1, DELIVERY_LEASED, REASON_none);
	job_free(job);
}

static void only_what_other_runs_left_open_is_listed(void **state)
{
	struct fixture *f = *state;
	struct one one;
	job_free(leased(f, &one));
	fixture_reopen(f);
	struct one other;
	job_free(leased(f, &other));
	struct store_delivery_row *rows;
	size_t count;
	assert_int_equal(store_open_leases(f->session, f->run, 100, f->arena, &rows, &count, NULL),
			 HERALD_OK);
	assert_int_equal(count, 1);
	assert_int_equal(rows[0].notification, one.accept.id);
	assert_int_equal(rows[0].run, FIRST_RUN);
	assert_int_equal(rows[0].attempt, 1);
	assert_int_equal(rows[0].attempts_max, 7);
}

/* --- strategy first --- */

static void steps_init(struct fixture *f, struct one *one)
{
	put_person(f, "u-1");
	one_recipient(f, one, "u-1");
	one->deliveries[2] = one->deliveries[1];
	one->deliveries[2].n = 3;
	one->accept.delivery_count = 3;
	for (uint32_t i = 0; i < 3; i++) {
		one->deliveries[i].step = i + 1;
		if (i > 0) {
			one->deliveries[i].state = DELIVERY_HELD;
			one->deliveries[i].reason = REASON_strategy_waiting;
		}
	}
	assert_int_equal(one_accept(f, one), HERALD_OK);
}

static void a_step_that_reached_the_person_cancels_the_ones_behind_it(void **state)
{
	struct fixture *f = *state;
	struct one one;
	steps_init(f, &one);
	struct job *job = claim_one(f, f->mail);
	assert_int_equal(settle_job(f, job, DELIVERY_SENT, REASON_none), HERALD_OK);
	assert_delivery(f, one.accept.id, 2, DELIVERY_CANCELLED, REASON_strategy_satisfied);
	assert_delivery(f, one.accept.id, 3, DELIVERY_CANCELLED, REASON_strategy_satisfied);
	job_free(job);
}

static void a_step_that_died_queues_the_next_one_and_only_that(void **state)
{
	struct fixture *f = *state;
	struct one one;
	steps_init(f, &one);
	struct job *job = claim_one(f, f->mail);
	f->queued_count = 0;
	assert_int_equal(settle_job(f, job, DELIVERY_DEAD, REASON_rejected), HERALD_OK);
	assert_delivery(f, one.accept.id, 2, DELIVERY_QUEUED, REASON_none);
	assert_delivery(f, one.accept.id, 3, DELIVERY_HELD, REASON_strategy_waiting);
	assert_int_equal(f->queued_count, 1);
	assert_int_equal(f->queued[0].channel, f->sms);
	job_free(job);
	struct store_claim claim = claim_lane(f, f->sms, 10);
	assert_int_equal(claim.ret_count, 0); /* due at the settle's time */
	claim.op.now_ms = NOW_MS + 20;
	assert_int_equal(run_op(f, &claim.op), HERALD_OK);
	job = (struct job *)claim.ret_jobs;
	assert_int_equal(settle_job(f, job, DELIVERY_DELIVERED, REASON_none), HERALD_OK);
	assert_delivery(f, one.accept.id, 3, DELIVERY_CANCELLED, REASON_strategy_satisfied);
	job_free(job);
}

static void a_step_that_waits_to_be_tried_again_wakes_nobody(void **state)
{
	struct fixture *f = *state;
	struct one one;
	steps_init(f, &one);
	struct job *job = claim_one(f, f->mail);
	assert_int_equal(settle_job(f, job, DELIVERY_QUEUED, REASON_backoff), HERALD_OK);
	assert_delivery(f, one.accept.id, 2, DELIVERY_HELD, REASON_strategy_waiting);
	struct store_wake wake = {.op = {.verb = STORE_WAKE, .now_ms = NOW_MS + 100}, .limit = 10};
	assert_int_equal(run_op(f, &wake.op), HERALD_OK);
	assert_int_equal(wake.ret_woken, 0);
	assert_delivery(f, one.accept.id, 2, DELIVERY_HELD, REASON_strategy_waiting);
	job_free(job);
}

static void a_step_that_is_impossible_at_the_claim_queues_the_next(void **state)
{
	struct fixture *f = *state;
	struct one one;
	steps_init(f, &one);
	put_suppression(f, "email", "ada@example.org");
	assert_int_equal(claim_lane(f, f->mail, 10).ret_other, 1);
	assert_delivery(f, one.accept.id, 1, DELIVERY_SUPPRESSED, REASON_address_suppressed);
	assert_delivery(f, one.accept.id, 2, DELIVERY_QUEUED, REASON_none);
}

static void two_people_s_steps_do_not_mix(void **state)
{
	struct fixture *f = *state;
	struct one one;
	one_init(f, &one, "ada@example.org");
	for (uint32_t i = 0; i < 4; i++) {
		one.deliveries[i] = one.deliveries[0];
		one.deliveries[i].n = i + 1;
		one.deliveries[i].channel = i % 2 == 0 ? f->mail : f->sms;
		one.deliveries[i].step = i % 2 + 1;
		one.deliveries[i].state = i % 2 == 0 ? DELIVERY_QUEUED : DELIVERY_HELD;
		one.deliveries[i].reason = i % 2 == 0 ? REASON_none : REASON_strategy_waiting;
	}
	one.accept.delivery_count = 4;
	assert_int_equal(one_accept(f, &one), HERALD_OK);
	struct store_claim claim = claim_lane(f, f->mail, 1);
	struct job *job = (struct job *)claim.ret_jobs;
	assert_int_equal(job->n, 1);
	assert_int_equal(settle_job(f, job, DELIVERY_DELIVERED, REASON_none), HERALD_OK);
	assert_delivery(f, one.accept.id, 2, DELIVERY_CANCELLED, REASON_strategy_satisfied);
	assert_delivery(f, one.accept.id, 3, DELIVERY_QUEUED, REASON_none);
	assert_delivery(f, one.accept.id, 4, DELIVERY_HELD, REASON_strategy_waiting);
	job_free(job);
}

#define PROMISE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PROMISE(a_settle_writes_state_attempt_and_reference),
		PROMISE(a_settle_of_another_attempt_run_or_state_changes_nothing),
		PROMISE(what_goes_back_is_due_later_in_its_lane_and_counts_its_tries),
		PROMISE(an_attempt_that_never_began_leaves_no_trace),
		PROMISE(a_dead_address_is_suppressed_in_the_same_commit),
		PROMISE(a_state_that_a_leased_row_cannot_reach_is_refused),
		PROMISE(only_what_other_runs_left_open_is_listed),
		PROMISE(a_step_that_reached_the_person_cancels_the_ones_behind_it),
		PROMISE(a_step_that_died_queues_the_next_one_and_only_that),
		PROMISE(a_step_that_waits_to_be_tried_again_wakes_nobody),
		PROMISE(a_step_that_is_impossible_at_the_claim_queues_the_next),
		PROMISE(two_people_s_steps_do_not_mix),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

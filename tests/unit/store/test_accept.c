/* A notification is accepted once, whole, or not at all. */
#include "fixture.h"

static void a_delivery_with_a_permit_is_born_leased_and_handed_over_as_a_job(void **state)
{
	struct fixture *f = *state;
	struct one one;
	one_init(f, &one, "ada@example.org");
	one.deliveries[0].has_permit = true;
	one.deliveries[0].memory = text_of("{\"c\":1}", 7);
	assert_int_equal(one_accept(f, &one), HERALD_OK);

	assert_int_equal(f->job_count, 1);
	const struct job *job = f->jobs[0];
	assert_int_equal(job->notification, one.accept.id);
	assert_int_equal(job->n, 1);
	assert_int_equal(job->attempt, 1);
	assert_int_equal(job->tries_spent, 0);
	assert_int_equal(job->channel, f->mail);
	assert_int_equal(job->lane, TENANT);
	assert_int_equal(job->priority, HERALD_NORMAL);
	assert_string_equal(job->destination, "example.org");
	assert_true(job->destination_number > 0);
	assert_string_equal(job->tenant, "default");
	assert_int_equal(job->tenant_number, TENANT);
	assert_string_equal(job->category, "order.shipped");
	assert_string_equal(job->address, "ada@example.org");
	assert_string_equal(job->name, "Ada");
	assert_string_equal(job->locale, "de-AT");
	assert_string_equal(job->correlation_id, "order-1");
	assert_string_equal(job->traceparent, "00-aa-bb-01");
	assert_string_equal(job->memory.data, "{\"c\":1}");
	assert_int_equal(job->words.size, one.body.size);
	assert_memory_equal(job->words.data, one.body.data, one.body.size);
	assert_int_equal(job->attempts_max, 7);
	assert_int_equal(job->first_attempt_at_ms, NOW_MS);
	assert_string_equal(f->order, "JD");

	struct store_delivery_row row = delivery_of(f, one.accept.id, 1);
	assert_int_equal(row.state, DELIVERY_LEASED);
	assert_int_equal(row.attempt, 1);
	assert_int_equal(row.run, f->run);
	struct store_attempt_row *attempts;
	size_t count;
	assert_int_equal(store_attempts(f->session, one.accept.id, -1, f->arena, &attempts, &count, NULL),
			 HERALD_OK);
	assert_int_equal(count, 1);
	assert_int_equal(attempts[0].started_at_ms, NOW_MS);
	assert_int_equal(attempts[0].ended_at_ms, 0);
}

static void a_delivery_without_a_permit_is_queued_and_its_lane_is_told(void **state)
{
	struct fixture *f = *state;
	struct one one;
	one_init(f, &one, "ada@example.org");
	one.deliveries[1] = one.deliveries[0];
	one.deliveries[1].n = 2;
	one.accept.delivery_count = 2;
	assert_int_equal(one_accept(f, &one), HERALD_OK);
	assert_string_equal(f->order, "QD");
	assert_int_equal(f->queued_count, 1);
	assert_int_equal(f->queued[0].channel, f->mail);
	assert_int_equal(f->queued[0].lane, TENANT);
	assert_int_equal(f->queued[0].count, 2);
	assert_int_equal(f->queued[0].priority, HERALD_NORMAL);
	assert_int_equal(f->queued[0].due_at_ms, NOW_MS);
	assert_delivery(f, one.accept.id, 1, DELIVERY_QUEUED, REASON_none);
}

static void what_a_claim_reads_is_what_the_accept_brought(void **state)
{
	struct fixture *f = *state;
	struct one one;
	one_init(f, &one, "ada@example.org");
	one.deliveries[0].memory = text_of("{\"c\":1}", 7);
	assert_int_equal(one_accept(f, &one), HERALD_OK);
	struct job *job = claim_one(f, f->mail);
	assert_int_equal(job->attempt, 1);
	assert_string_equal(job->destination, "example.org");
	assert_string_equal(job->tenant, "default");
	assert_int_equal(job->tenant_number, TENANT);
	assert_string_equal(job->category, "order.shipped");
	assert_string_equal(job->address, "ada@example.org");
	assert_memory_equal(job->address_hash, one.deliveries[0].address_hash, ADDRESS_HASH_BYTES);
	assert_string_equal(job->name, "Ada");
	assert_string_equal(job->locale, "de-AT");
	assert_string_equal(job->recipient_id, "");
	assert_string_equal(job->correlation_id, "order-1");
	assert_string_equal(job->traceparent, "00-aa-bb-01");
	assert_string_equal(job->memory.data, "{\"c\":1}");
	assert_int_equal(job->words.size, one.body.size);
	assert_memory_equal(job->words.data, one.body.data, one.body.size);
	assert_int_equal(job->accepted_at_ms, NOW_MS);
	assert_int_equal(job->first_attempt_at_ms, NOW_MS + 10);
	assert_int_equal(job->attempt_started_at_ms, NOW_MS + 10);
	assert_int_equal(job->expires_at_ms, NOW_MS + 1000000);
	job_free(job);
}

static void assert_conflict_leaves_nothing(struct fixture *f, struct one *one)
{
	int64_t rows =
		sql_value(f, "SELECT (SELECT count(*) FROM notification) + (SELECT count(*) FROM delivery)"
			     " + (SELECT count(*) FROM body) + (SELECT count(*) FROM history)");
	size_t jobs = f->job_count;
	one->deliveries[0].has_permit = true;
	assert_int_equal(one_accept(f, one), HERALD_CONFLICT);
	assert_int_equal(
		sql_value(f, "SELECT (SELECT count(*) FROM notification) + (SELECT count(*) FROM delivery)"
			     " + (SELECT count(*) FROM body) + (SELECT count(*) FROM history)"),
		rows);
	assert_int_equal(f->job_count, jobs);
}

static void an_accept_whose_recipient_moved_is_a_conflict_and_writes_nothing(void **state)
{
	struct fixture *f = *state;
	struct one one;
	put_person(f, "u-1");
	one_recipient(f, &one, "u-1");
	put_preference(f, "u-1", "{\"channels\":{\"sms\":false}}");
	assert_conflict_leaves_nothing(f, &one);
}

static void an_accept_to_a_deleted_recipient_is_a_conflict(void **state)
{
	struct fixture *f = *state;
	struct store_address addresses[2];
	struct one one;
	put_person(f, "u-1");
	one_recipient(f, &one, "u-1");
	struct store_put_recipient put = person("u-1", addresses);
	put.is_delete = true;
	assert_int_equal(run_op(f, &put.op), HERALD_OK);
	assert_conflict_leaves_nothing(f, &one);
}

static void an_accept_under_an_older_policy_is_a_conflict(void **state)
{
	struct fixture *f = *state;
	struct one one;
	one_init(f, &one, "ada@example.org");
	one.accept.policy_version = store_policy_version(f->store, TENANT);
	struct store_put_category put = {
		.op = {.verb = STORE_PUT_CATEGORY, .tenant = TENANT, .now_ms = NOW_MS},
		.name = "order.shipped",
		.body = text_of("{}", 2),
		.if_version = -1,
	};
	assert_int_equal(run_op(f, &put.op), HERALD_OK);
	assert_int_equal(store_policy_version(f->store, TENANT), one.accept.policy_version + 1);
	assert_conflict_leaves_nothing(f, &one);
	one.accept.policy_version++;
	assert_int_equal(one_accept(f, &one), HERALD_OK);
}

static void an_accept_to_an_inline_address_that_was_suppressed_is_a_conflict(void **state)
{
	struct fixture *f = *state;
	struct one one;
	one_init(f, &one, "gone@example.org");
	assert_int_equal(put_suppression(f, "email", "gone@example.org"), HERALD_OK);
	assert_conflict_leaves_nothing(f, &one);
	one_init(f, &one, "other@example.org");
	assert_int_equal(one_accept(f, &one), HERALD_OK);
}

static void the_same_accept_again_is_the_same_promise_and_sends_nothing_twice(void **state)
{
	struct fixture *f = *state;
	struct one one;
	one_init(f, &one, "ada@example.org");
	one.deliveries[0].has_permit = true;
	assert_int_equal(one_accept(f, &one), HERALD_OK);
	assert_int_equal(one_accept(f, &one), HERALD_OK);
	assert_true(one.accept.ret_is_duplicate);
	assert_int_equal(one.accept.ret_first_id, one.accept.id);
	assert_int_equal(f->job_count, 1);
	assert_int_equal(sql_value(f, "SELECT count(*) FROM delivery"), 1);
}

static void an_id_with_another_content_is_a_defect_of_ours(void **state)
{
	struct fixture *f = *state;
	struct one one;
	one_init(f, &one, "ada@example.org");
	assert_int_equal(one_accept(f, &one), HERALD_OK);
	one.accept.category = "marketing";
	assert_int_equal(one_accept(f, &one), HERALD_BUG);
	assert_int_equal(sql_value(f, "SELECT count(*) FROM delivery"), 1);
}

static void a_dedup_key_answers_the_first_id_within_its_time_and_not_after(void **state)
{
	struct fixture *f = *state;
	struct one one;
	one_init(f, &one, "ada@example.org");
	one.accept.dedup_key = "order-1";
	one.accept.dedup_for_ms = 60000;
	assert_int_equal(one_accept(f, &one), HERALD_OK);
	assert_false(one.accept.ret_is_duplicate);
	int64_t first = one.accept.id;

	one.accept.id = store_next_id(f->store);
	one.accept.op.now_ms = NOW_MS + 59999;
	assert_int_equal(one_accept(f, &one), HERALD_OK);
	assert_true(one.accept.ret_is_duplicate);
	assert_int_equal(one.accept.ret_first_id, first);
	assert_int_equal(one.accept.ret_first_accepted_at_ms, NOW_MS);
	assert_int_equal(one.accept.ret_first_recipients, 1);
	one.accept.category = "other"; /* the scope is the category */
	assert_int_equal(one_accept(f, &one), HERALD_OK);
	assert_false(one.accept.ret_is_duplicate);
	one.accept.category = "order.shipped";
	one.accept.id = store_next_id(f->store);
	one.accept.op.now_ms = NOW_MS + 60000;
	assert_int_equal(one_accept(f, &one), HERALD_OK);
	assert_false(one.accept.ret_is_duplicate);
}

static void what_it_replaces_ends_in_the_same_commit_and_is_taken_back(void **state)
{
	struct fixture *f = *state;
	struct one old, one;
	one_init(f, &old, "ada@example.org");
	old.deliveries[1] = old.deliveries[0];
	old.deliveries[1].n = 2;
	old.deliveries[1].has_permit = true;
	old.accept.delivery_count = 2;
	assert_int_equal(one_accept(f, &old), HERALD_OK);

	one_init(f, &one, "ada@example.org");
	one.accept.replaces = old.accept.id;
	one.accept.op.takes_back = true;
	assert_int_equal(one_accept(f, &one), HERALD_OK);
	assert_int_equal(f->taken_count, 1);
	assert_ptr_equal(f->taken[0], &one.accept.op);
	assert_delivery(f, old.accept.id, 1, DELIVERY_CANCELLED, REASON_replaced);
	assert_delivery(f, old.accept.id, 2, DELIVERY_LEASED, REASON_none);
	struct store_settle settle = settle_of(f, f->jobs[0], DELIVERY_QUEUED, REASON_backoff);
	assert_int_equal(run_op(f, &settle.op), HERALD_OK);
	assert_int_equal(settle.ret_state, DELIVERY_CANCELLED);
	assert_delivery(f, old.accept.id, 2, DELIVERY_CANCELLED, REASON_replaced);
}

/* Whoever is told of a take-back ends what it names, so it is told only of what was really replaced. */
static void what_belongs_to_another_tenant_is_not_taken_back(void **state)
{
	struct fixture *f = *state;
	struct one old, one;
	one_init(f, &old, "ada@example.org");
	old.deliveries[0].has_permit = true;
	assert_int_equal(one_accept(f, &old), HERALD_OK);

	one_init(f, &one, "eve@example.org");
	one.accept.op.tenant = store_tenant_number(f->store, "other", true);
	one.accept.policy_version = -1;
	one.accept.replaces = old.accept.id;
	one.accept.op.takes_back = true;
	assert_int_equal(one_accept(f, &one), HERALD_OK);
	assert_int_equal(f->taken_count, 0);
	assert_int_equal(sql_value(f, "SELECT count(*) FROM notification WHERE cancel_reason <> 0"), 0);
}

static void a_duplicate_takes_back_nothing_of_what_it_would_have_replaced(void **state)
{
	struct fixture *f = *state;
	struct one first, old, again;
	one_init(f, &first, "ada@example.org");
	first.accept.dedup_key = "order-1";
	first.accept.dedup_for_ms = 1000;
	assert_int_equal(one_accept(f, &first), HERALD_OK);
	one_init(f, &old, "ada@example.org");
	old.deliveries[0].has_permit = true;
	assert_int_equal(one_accept(f, &old), HERALD_OK);

	one_init(f, &again, "ada@example.org");
	again.accept.dedup_key = "order-1";
	again.accept.dedup_for_ms = 1000;
	again.accept.replaces = old.accept.id;
	again.accept.op.takes_back = true;
	assert_int_equal(one_accept(f, &again), HERALD_OK);
	assert_true(again.accept.ret_is_duplicate);
	assert_int_equal(f->taken_count, 0);
	assert_true(again.accept.op.takes_back); /* the caller's word stays: a rollback runs it again */
}

static void what_is_scheduled_waits_and_is_planned_once(void **state)
{
	struct fixture *f = *state;
	struct one later, plan;
	one_init(f, &later, "ada@example.org");
	later.accept.delivery_count = later.accept.body_count = 0;
	later.accept.send_at_ms = NOW_MS + 5000;
	later.accept.request = text_of("{\"r\":1}", 7);
	assert_int_equal(one_accept(f, &later), HERALD_OK);

	struct store_notification_row *rows;
	int64_t *tenants;
	size_t count;
	assert_int_equal(
		store_scheduled(f->session, NOW_MS + 4999, 10, f->arena, &rows, &tenants, &count, NULL),
		HERALD_OK);
	assert_int_equal(count, 0);
	assert_int_equal(
		store_scheduled(f->session, NOW_MS + 5000, 10, f->arena, &rows, &tenants, &count, NULL),
		HERALD_OK);
	assert_int_equal(count, 1);
	assert_int_equal(tenants[0], TENANT);
	assert_string_equal(rows[0].request.data, "{\"r\":1}");

	one_init(f, &plan, "ada@example.org");
	plan.accept.id = later.accept.id;
	plan.accept.is_from_schedule = true;
	plan.accept.send_at_ms = later.accept.send_at_ms;
	plan.deliveries[0].has_permit = true;
	assert_int_equal(one_accept(f, &plan), HERALD_OK);
	assert_int_equal(f->job_count, 1);
	assert_int_equal(one_accept(f, &plan), HERALD_OK);
	assert_true(plan.accept.ret_is_duplicate);
	assert_int_equal(f->job_count, 1);
	assert_int_equal(
		store_scheduled(f->session, NOW_MS + 5000, 10, f->arena, &rows, &tenants, &count, NULL),
		HERALD_OK);
	assert_int_equal(count, 0);
}

static void who_was_left_out_is_kept_with_the_reason(void **state)
{
	struct fixture *f = *state;
	struct one one;
	const struct store_left_out out = {.recipient_id = "u-9",
					   .channel = "sms",
					   .rule = "preference.channels.sms",
					   .detail = "switched off",
					   .reason = REASON_opted_out_channel};
	one_init(f, &one, "ada@example.org");
	one.accept.left_out = &out;
	one.accept.left_out_count = 1;
	assert_int_equal(one_accept(f, &one), HERALD_OK);
	struct store_left_out_row *rows;
	size_t count;
	assert_int_equal(store_left_outs(f->session, one.accept.id, f->arena, &rows, &count, NULL),
			 HERALD_OK);
	assert_int_equal(count, 1);
	assert_string_equal(rows[0].recipient_id, "u-9");
	assert_string_equal(rows[0].rule, "preference.channels.sms");
	assert_int_equal(rows[0].reason, REASON_opted_out_channel);
}

static void every_stored_blob_begins_with_its_format(void **state)
{
	struct fixture *f = *state;
	struct one one;
	put_person(f, "u-1");
	put_preference(f, "u-1", "{}");
	put_suppression(f, "email", "x@example.org");
	one_init(f, &one, "ada@example.org");
	one.deliveries[0].memory = text_of("{}", 2);
	assert_int_equal(one_accept(f, &one), HERALD_OK);
	static const char *const blobs[] = {
		"recipient.name",       "recipient.attributes",   "recipient.preference",
		"address.address",      "inline_address.address", "inline_address.name",
		"inline_memory.memory", "suppression.address",    "body.data",
		"notification.metadata"};
	for (size_t i = 0; i < sizeof(blobs) / sizeof(blobs[0]); i++) {
		char table[32], sql[160];
		const char *dot = strchr(blobs[i], '.');
		snprintf(table, sizeof(table), "%.*s", (int)(dot - blobs[i]), blobs[i]);
		snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s WHERE substr(%s, 1, 1) = x'00'", table,
			 dot + 1);
		if (sql_value(f, sql) < 1)
			fail_msg("%s", blobs[i]);
	}
}

#define PROMISE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PROMISE(a_delivery_with_a_permit_is_born_leased_and_handed_over_as_a_job),
		PROMISE(a_delivery_without_a_permit_is_queued_and_its_lane_is_told),
		PROMISE(what_a_claim_reads_is_what_the_accept_brought),
		PROMISE(an_accept_whose_recipient_moved_is_a_conflict_and_writes_nothing),
		PROMISE(an_accept_to_a_deleted_recipient_is_a_conflict),
		PROMISE(an_accept_under_an_older_policy_is_a_conflict),
		PROMISE(an_accept_to_an_inline_address_that_was_suppressed_is_a_conflict),
		PROMISE(the_same_accept_again_is_the_same_promise_and_sends_nothing_twice),
		PROMISE(an_id_with_another_content_is_a_defect_of_ours),
		PROMISE(a_dedup_key_answers_the_first_id_within_its_time_and_not_after),
		PROMISE(what_it_replaces_ends_in_the_same_commit_and_is_taken_back),
		PROMISE(what_belongs_to_another_tenant_is_not_taken_back),
		PROMISE(a_duplicate_takes_back_nothing_of_what_it_would_have_replaced),
		PROMISE(what_is_scheduled_waits_and_is_planned_once),
		PROMISE(who_was_left_out_is_kept_with_the_reason),
		PROMISE(every_stored_blob_begins_with_its_format),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

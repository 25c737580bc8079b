/* A claim leases what is due, and decides consent a second time in the transaction that leases. */
#include "fixture.h"

static void a_claim_takes_critical_first_then_what_was_due_longest(void **state)
{
	struct fixture *f = *state;
	static const uint32_t priorities[] = {HERALD_BULK, HERALD_NORMAL, HERALD_CRITICAL, HERALD_NORMAL};
	static const int64_t due[] = {-9, -2, -1, -3};
	int64_t ids[4];
	for (size_t i = 0; i < 4; i++) {
		struct one one;
		one_init(f, &one, "ada@example.org");
		one.accept.priority = priorities[i];
		one.deliveries[0].due_at_ms = NOW_MS + due[i];
		ids[i] = one.accept.id;
		assert_int_equal(one_accept(f, &one), HERALD_OK);
	}
	struct store_claim claim = claim_lane(f, f->mail, 3);
	assert_int_equal(claim.ret_count, 3);
	static const size_t order[] = {2, 3, 1};
	struct queue_item *item = claim.ret_jobs;
	for (size_t i = 0; i < 3; i++) {
		struct job *job = (struct job *)item;
		item = item->next;
		assert_int_equal(job->notification, ids[order[i]]);
		job_free(job);
	}
	assert_null(item);
	assert_int_equal(claim.ret_next_due_ms, NOW_MS - 9);
	claim = claim_lane(f, f->mail, 3);
	assert_int_equal(claim.ret_count, 1);
	assert_int_equal(claim.ret_next_due_ms, 0);
	job_free((struct job *)claim.ret_jobs);
}

static void what_is_not_due_or_in_another_lane_or_channel_is_left(void **state)
{
	struct fixture *f = *state;
	struct one one;
	one_init(f, &one, "ada@example.org");
	one.deliveries[0].due_at_ms = NOW_MS + 11;
	assert_int_equal(one_accept(f, &one), HERALD_OK);
	struct store_claim claim = claim_lane(f, f->mail, 10);
	assert_int_equal(claim.ret_count, 0);
	assert_int_equal(claim.ret_next_due_ms, NOW_MS + 11);
	assert_int_equal(claim.ret_next_critical_ms, 0);
	assert_int_equal(claim_lane(f, f->sms, 10).ret_next_due_ms, 0);
	one_init(f, &one, "ada@example.org");
	one.accept.priority = HERALD_CRITICAL;
	one.deliveries[0].due_at_ms = NOW_MS + 500;
	assert_int_equal(one_accept(f, &one), HERALD_OK);
	claim = claim_lane(f, f->mail, 10);
	assert_int_equal(claim.ret_next_due_ms, NOW_MS + 11);
	assert_int_equal(claim.ret_next_critical_ms, NOW_MS + 500);
	claim = (struct store_claim){.op = {.verb = STORE_CLAIM, .now_ms = NOW_MS + 11},
				     .channel = f->mail,
				     .lane = TENANT + 1,
				     .limit = 10};
	assert_int_equal(run_op(f, &claim.op), HERALD_OK);
	assert_int_equal(claim.ret_count, 0);
	claim.lane = TENANT;
	assert_int_equal(run_op(f, &claim.op), HERALD_OK);
	assert_int_equal(claim.ret_count, 1);
	job_free((struct job *)claim.ret_jobs);
}

static void what_is_leased_is_not_leased_again(void **state)
{
	struct fixture *f = *state;
	struct one one;
	one_init(f, &one, "ada@example.org");
	assert_int_equal(one_accept(f, &one), HERALD_OK);
	job_free(claim_one(f, f->mail));
	assert_int_equal(claim_lane(f, f->mail, 10).ret_count, 0);
	assert_int_equal(delivery_of(f, one.accept.id, 1).run, f->run);
}

static void a_recipient_who_moved_is_held_for_a_new_plan(void **state)
{
	struct fixture *f = *state;
	struct one one;
	put_person(f, "u-1");
	one_recipient(f, &one, "u-1");
	assert_int_equal(one_accept(f, &one), HERALD_OK);
	put_preference(f, "u-1", "{\"channels\":{\"email\":false}}");
	struct store_claim claim = claim_lane(f, f->mail, 10);
	assert_int_equal(claim.ret_count, 0);
	assert_int_equal(claim.ret_other, 1);
	assert_delivery(f, one.accept.id, 1, DELIVERY_HELD, REASON_changed);

	struct store_delivery_row *rows;
	size_t count;
	assert_int_equal(store_changed(f->session, 10, f->arena, &rows, &count, NULL), HERALD_OK);
	assert_int_equal(count, 1);
	assert_string_equal(rows[0].recipient_id, "u-1");
	assert_string_equal(rows[0].kind, "email");
	assert_string_equal(rows[0].address, "ada@example.org");
	assert_string_equal(rows[0].category, "order.shipped");
	assert_int_equal(rows[0].tenant, TENANT);

	struct store_replan replan = {.op = {.verb = STORE_REPLAN, .tenant = TENANT, .now_ms = NOW_MS + 11},
				      .notification = one.accept.id,
				      .n = 1,
				      .to = DELIVERY_QUEUED,
				      .recipient_version = rows[0].recipient_version + 1,
				      .due_at_ms = NOW_MS};
	f->queued_count = 0;
	assert_int_equal(run_op(f, &replan.op), HERALD_OK);
	assert_int_equal(f->queued_count, 1);
	struct job *job = claim_one(f, f->mail);
	assert_string_equal(job->recipient_id, "u-1");
	assert_string_equal(job->name, "Ada");
	assert_true(job->address_row > 0);
	job_free(job);
	assert_int_equal(run_op(f, &replan.op), HERALD_CONFLICT);
}

static void a_deleted_recipient_ends_what_waited_and_what_would_go_back(void **state)
{
	struct fixture *f = *state;
	struct store_address addresses[2];
	struct one one;
	put_person(f, "u-1");
	one_recipient(f, &one, "u-1");
	one.deliveries[1].has_permit = true;
	assert_int_equal(one_accept(f, &one), HERALD_OK);
	struct store_put_recipient put = person("u-1", addresses);
	put.is_delete = true;
	assert_int_equal(run_op(f, &put.op), HERALD_OK);
	assert_delivery(f, one.accept.id, 1, DELIVERY_CANCELLED, REASON_by_caller);
	assert_delivery(f, one.accept.id, 2, DELIVERY_LEASED, REASON_none);
	assert_int_equal(settle_job(f, f->jobs[0], DELIVERY_QUEUED, REASON_backoff), HERALD_OK);
	assert_delivery(f, one.accept.id, 2, DELIVERY_CANCELLED, REASON_by_caller);
}

static void an_address_that_was_suppressed_meanwhile_is_not_claimed(void **state)
{
	struct fixture *f = *state;
	struct one one, known;
	one_init(f, &one, "x@example.org");
	assert_int_equal(one_accept(f, &one), HERALD_OK);
	put_person(f, "u-1");
	one_recipient(f, &known, "u-1");
	assert_int_equal(one_accept(f, &known), HERALD_OK);
	put_suppression(f, "email", "x@example.org");
	put_suppression(f, "email", "ada@example.org");
	assert_int_equal(claim_lane(f, f->mail, 10).ret_other, 2);
	assert_delivery(f, one.accept.id, 1, DELIVERY_SUPPRESSED, REASON_address_suppressed);
	assert_delivery(f, known.accept.id, 1, DELIVERY_SUPPRESSED, REASON_address_suppressed);
	assert_int_equal(known.accept.delivery_count, 2);
	job_free(claim_one(f, f->sms)); /* its other address is not suppressed */
}

static void a_suppression_of_another_kind_or_that_ended_lets_pass(void **state)
{
	struct fixture *f = *state;
	struct one one;
	put_suppression(f, "sms", "x@example.org");
	struct store_put_suppression put = {
		.op = {.verb = STORE_PUT_SUPPRESSION, .tenant = TENANT, .now_ms = NOW_MS},
		.kind = "email",
		.address = "x@example.org",
		.reason = "bounce",
		.source = "operator",
		.until_ms = NOW_MS,
	};
	assert_int_equal(run_op(f, &put.op), HERALD_OK);
	one_init(f, &one, "x@example.org");
	assert_int_equal(one_accept(f, &one), HERALD_OK);
	job_free(claim_one(f, f->mail));
}

static void what_expired_ends_instead_of_being_leased(void **state)
{
	struct fixture *f = *state;
	struct one one;
	one_init(f, &one, "ada@example.org");
	one.deliveries[0].expires_at_ms = NOW_MS + 10;
	assert_int_equal(one_accept(f, &one), HERALD_OK);
	assert_int_equal(claim_lane(f, f->mail, 10).ret_other, 1);
	assert_delivery(f, one.accept.id, 1, DELIVERY_EXPIRED, REASON_expired);
}

static void damaged_words_are_never_sent_and_the_others_flow(void **state)
{
	struct fixture *f = *state;
	struct one bad, good;
	one_init(f, &bad, "ada@example.org");
	assert_int_equal(one_accept(f, &bad), HERALD_OK);
	one_init(f, &good, "ada@example.org");
	assert_int_equal(one_accept(f, &good), HERALD_OK);
	sql_do(f, "UPDATE body SET data = CAST(substr(data, 1, 5) || x'57' || substr(data, 7) AS BLOB)"
		  " WHERE row = (SELECT min(row) FROM body)");
	struct store_claim claim = claim_lane(f, f->mail, 10);
	assert_int_equal(claim.ret_count, 1);
	assert_int_equal(claim.ret_other, 1);
	assert_int_equal(((struct job *)claim.ret_jobs)->notification, good.accept.id);
	job_free((struct job *)claim.ret_jobs);
	assert_delivery(f, bad.accept.id, 1, DELIVERY_DEAD, REASON_damaged);
	assert_int_equal(delivery_of(f, bad.accept.id, 1).words.size, 0);
}

static void every_flipped_bit_of_the_words_is_noticed(void **state)
{
	struct fixture *f = *state;
	struct one one;
	one_init(f, &one, "ada@example.org");
	assert_int_equal(one_accept(f, &one), HERALD_OK);
	char words[64];
	memcpy(words, one.body.data, one.body.size);
	for (size_t bit = 0; bit < one.body.size * 8; bit += 7) {
		char sql[512], hex[200];
		words[bit / 8] = (char)(words[bit / 8] ^ (1 << (bit % 8)));
		for (size_t i = 0; i < one.body.size; i++)
			snprintf(hex + i * 2, 3, "%02x", (unsigned char)words[i]);
		words[bit / 8] = (char)(words[bit / 8] ^ (1 << (bit % 8)));
		snprintf(sql, sizeof(sql),
			 "UPDATE body SET data = x'%s'; UPDATE delivery SET state = 2, run = 0, reason = 0",
			 hex);
		sql_do(f, sql);
		assert_int_equal(claim_lane(f, f->mail, 10).ret_count, 0);
		assert_delivery(f, one.accept.id, 1, DELIVERY_DEAD, REASON_damaged);
	}
}

static void a_claim_of_a_cancelled_notification_ends_it(void **state)
{
	struct fixture *f = *state;
	struct one one;
	one_init(f, &one, "ada@example.org");
	assert_int_equal(one_accept(f, &one), HERALD_OK);
	/* As after a crash between cancel and take-back: the row came back to the queue. */
	sql_do(f, "UPDATE notification SET cancel_reason = 29");
	assert_int_equal(claim_lane(f, f->mail, 10).ret_other, 1);
	assert_delivery(f, one.accept.id, 1, DELIVERY_CANCELLED, REASON_by_operator);
}

static void memory_that_a_plugin_kept_comes_back_with_the_next_claim(void **state)
{
	struct fixture *f = *state;
	struct one one;
	put_person(f, "u-1");
	one_recipient(f, &one, "u-1");
	assert_int_equal(one_accept(f, &one), HERALD_OK);
	struct store_memory memory = {.op = {.verb = STORE_MEMORY, .now_ms = NOW_MS},
				      .channel = f->mail,
				      .address_row = one.deliveries[0].address_row,
				      .memory = text_of("{\"conversation\":1}", 18)};
	assert_int_equal(run_op(f, &memory.op), HERALD_OK);
	struct job *job = claim_one(f, f->mail);
	assert_string_equal(job->memory.data, "{\"conversation\":1}");
	job_free(job);

	one_init(f, &one, "inline@example.org");
	assert_int_equal(one_accept(f, &one), HERALD_OK);
	memory.address_row = 0;
	memcpy(memory.address_hash, one.deliveries[0].address_hash, ADDRESS_HASH_BYTES);
	memory.memory = text_of("{\"inline\":1}", 12);
	assert_int_equal(run_op(f, &memory.op), HERALD_OK);
	job = claim_one(f, f->mail);
	assert_string_equal(job->memory.data, "{\"inline\":1}");
	job_free(job);
	bool is_suppressed;
	struct herald_text kept;
	assert_int_equal(store_inline(f->session, TENANT, f->mail, one.deliveries[0].address_hash, f->arena,
				      &is_suppressed, &kept, NULL),
			 HERALD_OK);
	assert_string_equal(kept.data, "{\"inline\":1}");
	assert_false(is_suppressed);
}

static void what_one_channel_learned_is_not_given_to_another(void **state)
{
	struct fixture *f = *state;
	struct one one;
	put_person(f, "u-1");
	struct store_memory memory = {.op = {.verb = STORE_MEMORY, .now_ms = NOW_MS},
				      .channel = f->sms,
				      .address_row = 1,
				      .memory = text_of("{}", 2)};
	assert_int_equal(run_op(f, &memory.op), HERALD_OK);
	one_recipient(f, &one, "u-1");
	assert_int_equal(one.deliveries[0].address_row, 1);
	assert_int_equal(one_accept(f, &one), HERALD_OK);
	struct job *job = claim_one(f, f->mail);
	assert_int_equal(job->memory.size, 0);
	job_free(job);
}

static void the_lanes_that_wait_are_known_after_a_start(void **state)
{
	struct fixture *f = *state;
	for (int i = 0; i < 3; i++) {
		struct one one;
		one_init(f, &one, "ada@example.org");
		one.deliveries[0].due_at_ms = NOW_MS - i;
		assert_int_equal(one_accept(f, &one), HERALD_OK);
	}
	fixture_reopen(f);
	struct store_queued *lanes;
	size_t count;
	assert_int_equal(store_lanes(f->session, f->arena, &lanes, &count, NULL), HERALD_OK);
	assert_int_equal(count, 1);
	assert_int_equal(lanes[0].channel, f->mail);
	assert_int_equal(lanes[0].lane, TENANT);
	assert_int_equal(lanes[0].count, 3);
	assert_int_equal(lanes[0].due_at_ms, NOW_MS - 2);
	const char *name;
	int32_t channel;
	assert_int_equal(store_destination(f->session, 1, f->arena, &name, &channel, NULL), HERALD_OK);
	assert_string_equal(name, "example.org");
	assert_int_equal(channel, f->mail);
	assert_int_equal(store_destination(f->session, 99, f->arena, &name, &channel, NULL),
			 HERALD_NOT_FOUND);
}

#define PROMISE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PROMISE(a_claim_takes_critical_first_then_what_was_due_longest),
		PROMISE(what_is_not_due_or_in_another_lane_or_channel_is_left),
		PROMISE(what_is_leased_is_not_leased_again),
		PROMISE(a_recipient_who_moved_is_held_for_a_new_plan),
		PROMISE(a_deleted_recipient_ends_what_waited_and_what_would_go_back),
		PROMISE(an_address_that_was_suppressed_meanwhile_is_not_claimed),
		PROMISE(a_suppression_of_another_kind_or_that_ended_lets_pass),
		PROMISE(what_expired_ends_instead_of_being_leased),
		PROMISE(damaged_words_are_never_sent_and_the_others_flow),
		PROMISE(every_flipped_bit_of_the_words_is_noticed),
		PROMISE(a_claim_of_a_cancelled_notification_ends_it),
		PROMISE(memory_that_a_plugin_kept_comes_back_with_the_next_claim),
		PROMISE(what_one_channel_learned_is_not_given_to_another),
		PROMISE(the_lanes_that_wait_are_known_after_a_start),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

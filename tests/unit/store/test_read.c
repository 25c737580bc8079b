/* What is asked of the store: lists with filters and cursors, always of one tenant. */
#include "fixture.h"

static int64_t accepted(struct fixture *f, const char *category, const char *correlation_id)
{
	struct one one;
	one_init(f, &one, "ada@example.org");
	one.accept.category = category;
	one.accept.correlation_id = correlation_id;
	one.deliveries[0].has_permit = true;
	assert_int_equal(one_accept(f, &one), HERALD_OK);
	return one.accept.id;
}

struct question {
	const char *recipient, *category, *correlation_id, *state;
	int64_t since_ms, after;
	uint32_t limit;
};

static size_t ask(struct fixture *f, int64_t tenant, struct question q,
		  struct store_notification_row **ret_rows)
{
	size_t count;
	assert_int_equal(store_notifications(f->session, tenant, q.recipient == NULL ? "" : q.recipient,
					     q.category == NULL ? "" : q.category,
					     q.correlation_id == NULL ? "" : q.correlation_id,
					     q.state == NULL ? "" : q.state, q.since_ms, q.after,
					     q.limit == 0 ? 100 : q.limit, f->arena, ret_rows, &count, NULL),
			 HERALD_OK);
	return count;
}

static void a_notification_is_read_as_it_was_accepted(void **state)
{
	struct fixture *f = *state;
	struct store_notification_row row;
	int64_t id = accepted(f, "order.shipped", "order-7");
	assert_int_equal(store_notification(f->session, TENANT, id, f->arena, &row, NULL), HERALD_OK);
	assert_string_equal(row.category, "order.shipped");
	assert_string_equal(row.correlation_id, "order-7");
	assert_string_equal(row.metadata, "{\"a\":1}");
	assert_int_equal(row.accepted_at_ms, NOW_MS);
	assert_int_equal(row.recipients, 1);
	assert_int_equal(row.counts[DELIVERY_LEASED], 1);
	assert_false(row.is_cancelled);
	assert_int_equal(store_notification(f->session, TENANT + 1, id, f->arena, &row, NULL),
			 HERALD_NOT_FOUND);
	assert_int_equal(store_notification(f->session, TENANT, id + 1, f->arena, &row, NULL),
			 HERALD_NOT_FOUND);
}

static void notifications_are_filtered_and_paged_newest_first(void **state)
{
	struct fixture *f = *state;
	struct store_notification_row *rows;
	int64_t ids[5];
	for (int i = 0; i < 5; i++)
		ids[i] = accepted(f, i % 2 == 0 ? "even" : "odd", i < 2 ? "early" : "late");
	assert_int_equal(ask(f, TENANT, (struct question){0}, &rows), 5);
	assert_int_equal(rows[0].id, ids[4]);
	assert_int_equal(rows[4].id, ids[0]);
	assert_int_equal(ask(f, TENANT, (struct question){.category = "odd"}, &rows), 2);
	assert_int_equal(
		ask(f, TENANT, (struct question){.category = "odd", .correlation_id = "early"}, &rows), 1);
	assert_int_equal(rows[0].id, ids[1]);
	assert_int_equal(ask(f, TENANT, (struct question){.limit = 2}, &rows), 2);
	assert_int_equal(ask(f, TENANT, (struct question){.limit = 2, .after = rows[1].id}, &rows), 2);
	assert_int_equal(rows[0].id, ids[2]);
	assert_int_equal(ask(f, TENANT, (struct question){.since_ms = INT64_C(4000000000000)}, &rows), 0);
	assert_int_equal(ask(f, TENANT + 1, (struct question){0}, &rows), 0);
}

static void the_state_of_a_notification_is_scheduled_active_or_done(void **state)
{
	struct fixture *f = *state;
	struct store_notification_row *rows;
	struct one later;
	int64_t active = accepted(f, "a", ""), done = accepted(f, "a", "");
	assert_int_equal(settle_job(f, f->jobs[1], DELIVERY_SENT, REASON_none), HERALD_OK);
	one_init(f, &later, "ada@example.org");
	later.accept.delivery_count = later.accept.body_count = 0;
	later.accept.send_at_ms = NOW_MS + 5000;
	assert_int_equal(one_accept(f, &later), HERALD_OK);
	assert_int_equal(ask(f, TENANT, (struct question){.state = "active"}, &rows), 1);
	assert_int_equal(rows[0].id, active);
	assert_int_equal(ask(f, TENANT, (struct question){.state = "done"}, &rows), 1);
	assert_int_equal(rows[0].id, done);
	assert_int_equal(ask(f, TENANT, (struct question){.state = "scheduled"}, &rows), 1);
	assert_int_equal(rows[0].id, later.accept.id);
	assert_int_equal(rows[0].send_at_ms, NOW_MS + 5000);
}

static void a_person_s_history_is_found_over_the_hours(void **state)
{
	struct fixture *f = *state;
	struct store_notification_row *rows;
	int64_t ids[4];
	put_person(f, "u-1");
	put_person(f, "u-2");
	accepted(f, "a", "");
	for (int i = 0; i < 4; i++) {
		struct one one;
		one_recipient(f, &one, i == 1 ? "u-2" : "u-1");
		one.accept.id += (int64_t)i * 3 * 3600 * 1000 << 21; /* as if made hours later */
		ids[i] = one.accept.id;
		assert_int_equal(one_accept(f, &one), HERALD_OK);
	}
	assert_int_equal(ask(f, TENANT, (struct question){.recipient = "u-1"}, &rows), 3);
	assert_int_equal(rows[0].id, ids[3]);
	assert_int_equal(rows[1].id, ids[2]);
	assert_int_equal(rows[2].id, ids[0]);
	assert_int_equal(ask(f, TENANT, (struct question){.recipient = "u-1", .limit = 2}, &rows), 2);
	assert_int_equal(
		ask(f, TENANT, (struct question){.recipient = "u-1", .limit = 2, .after = ids[2]}, &rows), 1);
	assert_int_equal(rows[0].id, ids[0]);
	assert_int_equal(ask(f, TENANT, (struct question){.recipient = "u-9"}, &rows), 0);
}

static void who_was_left_out_entirely_has_it_in_the_history(void **state)
{
	struct fixture *f = *state;
	struct store_notification_row *rows;
	struct one one;
	int64_t number = put_person(f, "u-1");
	const struct store_left_out out = {.recipient = number,
					   .recipient_id = "u-1",
					   .channel = "sms",
					   .rule = "",
					   .detail = "",
					   .reason = REASON_opted_out_all};
	one_init(f, &one, "ada@example.org");
	one.accept.left_out = &out;
	one.accept.left_out_count = 1;
	assert_int_equal(one_accept(f, &one), HERALD_OK);
	assert_int_equal(ask(f, TENANT, (struct question){.recipient = "u-1"}, &rows), 1);
}

static size_t deliveries(struct fixture *f, struct store_filter filter, int64_t after_id, uint32_t after_n,
			 uint32_t limit, struct store_delivery_row **ret_rows)
{
	size_t count;
	assert_int_equal(store_deliveries(f->session, TENANT, &filter, after_id, after_n, limit, f->arena,
					  ret_rows, &count, NULL),
			 HERALD_OK);
	return count;
}

static void deliveries_are_filtered_and_paged(void **state)
{
	struct fixture *f = *state;
	struct store_delivery_row *rows;
	struct one one;
	put_person(f, "u-1");
	one_recipient(f, &one, "u-1");
	assert_int_equal(one_accept(f, &one), HERALD_OK);
	int64_t known = one.accept.id, dead = accepted(f, "a", "");
	assert_int_equal(settle_job(f, f->jobs[0], DELIVERY_DEAD, REASON_rejected), HERALD_OK);

	assert_int_equal(deliveries(f, (struct store_filter){0}, 0, 0, 100, &rows), 3);
	assert_int_equal(rows[0].notification, dead);
	assert_int_equal(rows[1].notification, known);
	assert_int_equal(rows[1].n, 2);
	assert_int_equal(deliveries(f, (struct store_filter){0}, known, 2, 100, &rows), 1);
	assert_int_equal(rows[0].n, 1);
	assert_int_equal(deliveries(f, (struct store_filter){.state = DELIVERY_DEAD, .recipient = ""}, 0, 0,
				    100, &rows),
			 1);
	assert_string_equal(rows[0].address, "ada@example.org");
	assert_string_equal(rows[0].kind, "email");
	assert_string_equal(rows[0].category, "a");
	assert_int_equal(deliveries(f,
				    (struct store_filter){.state = DELIVERY_DEAD, .reason = REASON_uncertain},
				    0, 0, 100, &rows),
			 0);
	assert_int_equal(deliveries(f, (struct store_filter){.recipient = "u-1"}, 0, 0, 100, &rows), 2);
	assert_int_equal(
		deliveries(f, (struct store_filter){.recipient = "u-1", .channel = f->sms}, 0, 0, 100, &rows),
		1);
	assert_string_equal(rows[0].recipient_id, "u-1");
	assert_string_equal(rows[0].address, "+4366012345678");
	assert_int_equal(deliveries(f, (struct store_filter){.recipient = "nobody"}, 0, 0, 100, &rows), 0);

	size_t count;
	assert_int_equal(store_notification_deliveries(f->session, known, f->arena, &rows, &count, NULL),
			 HERALD_OK);
	assert_int_equal(count, 2);
	struct store_delivery_row row = delivery_of(f, known, 1);
	assert_memory_equal(row.words.data, one.body.data, one.body.size);
	assert_int_equal(store_delivery(f->session, TENANT + 1, known, 1, f->arena, &row, NULL),
			 HERALD_NOT_FOUND);
}

#define PROMISE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PROMISE(a_notification_is_read_as_it_was_accepted),
		PROMISE(notifications_are_filtered_and_paged_newest_first),
		PROMISE(the_state_of_a_notification_is_scheduled_active_or_done),
		PROMISE(a_person_s_history_is_found_over_the_hours),
		PROMISE(who_was_left_out_entirely_has_it_in_the_history),
		PROMISE(deliveries_are_filtered_and_paged),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

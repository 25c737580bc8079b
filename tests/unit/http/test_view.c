/* test_view.c - RFC 7396's own table, and rows as the API shows them. */
#include "first.h"
#include "base/check.h"

static void a_patch_is_merged_as_rfc_7396_says(void **state)
{
	/* Appendix A of the RFC, in its order. */
	static const char *const rows[][3] = {
		{"{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
		{"{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}"},
		{"{\"a\":\"b\"}", "{\"a\":null}", "{}"},
		{"{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}"},
		{"{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
		{"{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\":[\"b\"]}"},
		{"{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}", "{\"a\":{\"b\":\"d\"}}"},
		{"{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}"},
		{"[\"a\",\"b\"]", "[\"c\",\"d\"]", "[\"c\",\"d\"]"},
		{"{\"a\":\"b\"}", "[\"c\"]", "[\"c\"]"},
		{"{\"a\":\"foo\"}", "null", "null"},
		{"{\"a\":\"foo\"}", "\"bar\"", "\"bar\""},
		{"{\"e\":null}", "{\"a\":1}", "{\"e\":null,\"a\":1}"},
		{"[1,2]", "{\"a\":\"b\",\"c\":null}", "{\"a\":\"b\"}"},
		{"{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}"},
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		json_t *target = json_loads(rows[i][0], JSON_DECODE_ANY, NULL);
		json_t *patch = json_loads(rows[i][1], JSON_DECODE_ANY, NULL);
		json_t *wanted = json_loads(rows[i][2], JSON_DECODE_ANY, NULL),
		       *merged = merge_patch(target, patch);

		if (!json_equal(merged, wanted))
			fail_msg("row %zu", i + 1);
		json_decref(target);
		json_decref(patch);
		json_decref(wanted);
		json_decref(merged);
	}
}

static void merging_changes_neither_of_the_two(void **state)
{
	json_t *target = json_pack("{s:{s:i}}", "a", "b", 1),
	       *patch = json_pack("{s:{s:n, s:i}}", "a", "b", "c", 2);
	json_t *merged = merge_patch(target, patch);

	(void)state;
	json_object_set_new(json_object_get(merged, "a"), "c", json_integer(3));
	assert_int_equal(json_integer_value(json_object_get(json_object_get(target, "a"), "b")), 1);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(patch, "a"), "c")), 2);
	json_decref(target);
	json_decref(patch);
	json_decref(merged);
}

static void a_notification_is_scheduled_active_or_done(void **state)
{
	static const struct {
		int held, queued, leased, parked, sent;
		const char *state;
	} rows[] = {{1, 0, 0, 0, 5, "active"}, {0, 1, 0, 0, 0, "active"}, {0, 0, 1, 0, 0, "active"},
		    {0, 0, 0, 1, 9, "active"}, {0, 0, 0, 0, 3, "done"},   {0, 0, 0, 0, 0, "done"}};

	(void)state;
	for (size_t i = 0; i <= countof(rows); i++) {
		struct store_notification_row row = {.id = 1,
						     .category = "c",
						     .correlation_id = "",
						     .metadata = "",
						     .priority = HERALD_NORMAL};
		json_t *view;

		if (i < countof(rows)) {
			row.counts[DELIVERY_HELD] = (uint32_t)rows[i].held;
			row.counts[DELIVERY_QUEUED] = (uint32_t)rows[i].queued;
			row.counts[DELIVERY_LEASED] = (uint32_t)rows[i].leased;
			row.counts[DELIVERY_PARKED] = (uint32_t)rows[i].parked;
			row.counts[DELIVERY_SENT] = (uint32_t)rows[i].sent;
		} else {
			row.request = text_of("{}", 2);
		}
		view = view_notification(&row);
		assert_string_equal(json_string_value(json_object_get(view, "state")),
				    i < countof(rows) ? rows[i].state : "scheduled");
		json_decref(view);
	}
}

static void an_instant_that_is_none_is_null(void **state)
{
	json_t *none = view_time(0), *some = view_time(INT64_C(1764000000123));

	(void)state;
	assert_true(json_is_null(none));
	assert_string_equal(json_string_value(some), "2025-11-24T16:00:00.123Z");
	json_decref(some);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_patch_is_merged_as_rfc_7396_says),
		cmocka_unit_test(merging_changes_neither_of_the_two),
		cmocka_unit_test(a_notification_is_scheduled_active_or_done),
		cmocka_unit_test(an_instant_that_is_none_is_null),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

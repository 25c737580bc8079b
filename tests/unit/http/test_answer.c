/* test_answer.c - problems by the table, whatever their words are; codes of the floors below as what a caller
 * can do. */
#include "first.h"
#include "base/check.h"

static void every_problem_has_a_name_a_title_and_an_error_status(void **state)
{
	(void)state;
	for (int i = 0; i < PROBLEM_COUNT; i++) {
		enum problem problem = (enum problem)i;

		assert_true(strlen(problem_name(problem)) > 3 && strlen(problem_title(problem)) > 3);
		assert_true(problem_status(problem) >= 400 && problem_status(problem) < 600);
		assert_int_equal(problem_find(problem_name(problem)), problem);
	}
	assert_int_equal(problem_find("no such problem"), PROBLEM_invalid);
	assert_int_equal(problem_status(PROBLEM_store_full), 503);
	assert_int_equal(problem_status(PROBLEM_unsupported), 422);
}

static void a_problem_is_whole_json_also_when_its_words_are_cut_or_broken(void **state)
{
	char words[700];
	struct stage stage;

	(void)state;
	memset(words, 'x', sizeof(words));
	for (size_t i = 509; i < 640; i += 2)
		memcpy(words + i, "\xc3\xa4", 2);
	words[sizeof(words) - 1] = 0;
	for (int turn = 0; turn < 3; turn++) {
		json_t *tree;

		stage_set(&stage, "/x");
		answer_problem(&stage.request, PROBLEM_invalid, "%s", words + turn);
		tree = json_loadb(stage.request.answer.data, stage.request.answer.size, 0, NULL);
		assert_non_null(tree);
		assert_string_equal(json_string_value(json_object_get(tree, "type")), "problem:invalid");
		assert_string_equal(json_string_value(json_object_get(tree, "request_id")), "req_1");
		assert_int_equal(json_integer_value(json_object_get(tree, "status")), 422);
		json_decref(tree);
		stage_strike(&stage);
	}
	stage_set(&stage, "/x");
	answer_problem(&stage.request, PROBLEM_invalid, "%s", "a provider said \xff\xfe");
	assert_non_null(strstr(stage.request.answer.data, "a provider said ??"));
	stage_strike(&stage);
}

static void faults_name_the_problem_and_at_most_fifty_are_told(void **state)
{
	struct stage stage;
	json_t *tree;

	(void)state;
	stage_set(&stage, "/x");
	for (int i = 0; i < 60; i++)
		faults_add(&stage.request.faults, "/a", "range", "number %d", i);
	faults_add_as(&stage.request.faults, "unsupported", "/b", "unsupported", "later");
	answer_faults(&stage.request);
	tree = json_loadb(stage.request.answer.data, stage.request.answer.size, 0, NULL);
	assert_string_equal(json_string_value(json_object_get(tree, "type")), "problem:unsupported");
	assert_int_equal(json_array_size(json_object_get(tree, "faults")), FAULTS_MAX);
	assert_non_null(strstr(json_string_value(json_object_get(tree, "detail")),
			       "61 faults; the first: /a: number 0"));
	json_decref(tree);
	stage_strike(&stage);
}

static void what_cannot_be_shown_is_a_fault_of_ours_and_not_an_empty_answer(void **state)
{
	struct stage stage;

	(void)state;
	stage_set(&stage, "/x");
	answer_json(&stage.request, 200, NULL);
	assert_int_equal(stage.request.status, 500);
	stage_strike(&stage);
}

static void retry_after_is_near_what_was_meant_and_within_two_minutes(void **state)
{
	(void)state;
	for (int64_t us = 0; us < 200; us++) {
		static const unsigned seconds[] = {1, 2, 5, 30, 120, 5000};

		for (size_t i = 0; i < countof(seconds); i++) {
			struct stage stage;
			long told;

			stage_set(&stage, "/x");
			stage.request.began_mono_us = us * 1000;
			answer_retry_after(&stage.request, seconds[i]);
			told = strtol(stage_header(&stage, "Retry-After"), NULL, 10);
			assert_true(told >= 1 && told <= 120);
			assert_true(told >= (long)(seconds[i] > 120 ? 96 : seconds[i] - seconds[i] / 5));
			assert_true(told <= (long)(seconds[i] + seconds[i] / 5 + 1));
			stage_strike(&stage);
		}
	}
}

static void a_page_is_one_to_a_thousand_by_digits_only(void **state)
{
	static const struct {
		const char *limit;
		uint32_t number; /* 0: refused */
	} rows[] = {{"", 100},
		    {"1", 1},
		    {"1000", 1000},
		    {"0", 0},
		    {"1001", 0},
		    {"-1", 0},
		    {"+5", 0},
		    {" 5", 0},
		    {"5x", 0},
		    {"1e2", 0},
		    {"99999999999999999999", 0}};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct stage stage;
		const char *after;
		uint32_t limit = 0;

		stage_set(&stage, "/x");
		stage.request.query[0] = (struct herald_field){.name = "limit", .value = rows[i].limit};
		stage.request.query_count = 1;
		assert_int_equal(request_page(&stage.request, &limit, &after), rows[i].number != 0);
		assert_int_equal(limit, rows[i].number);
		stage_strike(&stage);
	}
}

static void a_cursor_that_is_a_number_is_digits(void **state)
{
	static const char *const wrong[] = {"x", "-1", "+1", "1x", " 1", "9999999999999999999"};

	(void)state;
	for (size_t i = 0; i < countof(wrong); i++) {
		struct stage stage;

		stage_set(&stage, "/x");
		stage.request.query[0] = (struct herald_field){.name = "after", .value = wrong[i]};
		stage.request.query_count = 1;
		request_after_number(&stage.request);
		assert_true(faults_any(&stage.request.faults));
		stage_strike(&stage);
	}
}

static void a_code_is_what_the_caller_can_do_about_it(void **state)
{
	(void)state;
	assert_int_equal(problem_status(problem_of_code(HERALD_NOT_FOUND)), 404);
	assert_int_equal(problem_status(problem_of_code(HERALD_INVALID)), 422);
	assert_int_equal(problem_status(problem_of_code(HERALD_BUSY)), 503);
	assert_int_equal(problem_status(problem_of_code(HERALD_CONFLICT)), 503);
	assert_int_equal(problem_status(problem_of_code(HERALD_UNCERTAIN_WRITE)), 503);
	assert_int_equal(problem_status(problem_of_code(HERALD_IO)), 503);
	assert_int_equal(problem_status(problem_of_code(HERALD_BUG)), 500);
	assert_non_null(strstr(code_detail(HERALD_UNCERTAIN_WRITE, NULL), "Idempotency-Key"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_problem_has_a_name_a_title_and_an_error_status),
		cmocka_unit_test(a_problem_is_whole_json_also_when_its_words_are_cut_or_broken),
		cmocka_unit_test(faults_name_the_problem_and_at_most_fifty_are_told),
		cmocka_unit_test(what_cannot_be_shown_is_a_fault_of_ours_and_not_an_empty_answer),
		cmocka_unit_test(retry_after_is_near_what_was_meant_and_within_two_minutes),
		cmocka_unit_test(a_page_is_one_to_a_thousand_by_digits_only),
		cmocka_unit_test(a_cursor_that_is_a_number_is_digits),
		cmocka_unit_test(a_code_is_what_the_caller_can_do_about_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

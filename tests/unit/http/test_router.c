/* test_router.c - one normal form of a path, one table: what is where, who takes what, and what is nothing.
 */
#include "first.h"
#include "http/resources.h"
#include "base/check.h"

static unsigned found(const char *method, const char *target)
{
	struct stage stage;
	unsigned status;

	stage_set(&stage, target);
	route_find(&stage.request, method);
	status = stage.request.is_answered ? stage.request.status : 0;
	stage_strike(&stage);
	return status;
}

static void every_route_is_found_by_its_own_path(void **state)
{
	(void)state;
	for (size_t i = 0; i < route_count; i++) {
		char target[128] = "";
		struct stage stage;
		const char *at = routes[i].path;

		while (*at != 0) { /* {id} becomes x%2Fy */
			size_t size = strcspn(at, "{");

			strncat(target, at, size);
			at += size;
			if (*at == '{') {
				strncat(target, "x%2Fy", sizeof(target) - strlen(target) - 1);
				at += strcspn(at, "}") + 1;
			}
		}
		stage_set(&stage, target);
		route_find(&stage.request, routes[i].method);
		assert_false(stage.request.is_answered);
		assert_ptr_equal(stage.request.route, &routes[i]);
		if (strchr(routes[i].path, '{') != NULL)
			assert_string_equal(stage.request.params[0], "x/y");
		stage_strike(&stage);
	}
}

static void what_is_not_in_the_table_is_404(void **state)
{
	static const char *const targets[] = {
		"/",
		"//",
		"/v1",
		"/v1/",
		"/v1/recipients/",
		"/v1//recipients",
		"//v1/recipients",
		"/V1/recipients",
		"/v1/recipients/a/b",
		"/v1/..%2fhealthz",
		"/v1/../healthz",
		"/%2e%2e/healthz",
		"/healthz/..",
		"/v1/recipients/a/preferences/history/x",
		"/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p",
	};

	(void)state;
	for (size_t i = 0; i < countof(targets); i++) {
		if (found("GET", targets[i]) != 404)
			fail_msg("%s", targets[i]);
	}
}

static void a_path_that_cannot_be_decoded_is_400(void **state)
{
	static const char *const targets[] = {
		"",
		"*",
		"healthz",
		"http://other/healthz",
		"/%",
		"/%0",
		"/%zz",
		"/%00",
		"/%0a",
		"/%0d%0aX:y",
		"/%7f",
		"/%ff",
		"/%c0%af",
		"/%ed%a0%80",
		"/%1f/x",
		"/v1/%e2%82",
		"/v1/recipients/%00",
	};

	(void)state;
	for (size_t i = 0; i < countof(targets); i++) {
		if (found("GET", targets[i]) != 400)
			fail_msg("%s", targets[i]);
	}
}

static void segments_are_decoded_once_and_may_hold_anything(void **state)
{
	static const struct {
		const char *target, *param;
	} rows[] = {
		{"/v1/recipients/a%2Fb", "a/b"},       {"/v1/recipients/..", ".."},
		{"/v1/recipients/%252F", "%2F"},       {"/v1/recipients/a+b", "a+b"},
		{"/v1/recipients/%C3%A4", "\xc3\xa4"}, {"/v1/recipients/%3Fx", "?x"},
		{"/v1/%72ecipients/x", "x"},
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct stage stage;

		stage_set(&stage, rows[i].target);
		route_find(&stage.request, "GET");
		assert_false(stage.request.is_answered);
		assert_string_equal(stage.request.params[0], rows[i].param);
		stage_strike(&stage);
	}
}

static void a_method_that_is_not_taken_is_405_with_those_that_are(void **state)
{
	struct stage stage;

	(void)state;
	stage_set(&stage, "/v1/recipients/x");
	route_find(&stage.request, "POST");
	assert_int_equal(stage.request.status, 405);
	assert_string_equal(stage_header(&stage, "Allow"), "GET, HEAD, PUT, PATCH, DELETE");
	stage_strike(&stage);
	assert_int_equal(found("get", "/healthz"), 405);
	assert_int_equal(found("HEAD", "/healthz"), 0);
	assert_int_equal(found("HEAD", "/v1/explain"), 405);
}

static void a_query_is_read_by_name_and_once(void **state)
{
	struct stage stage;

	(void)state;
	stage_set(&stage, "/v1/recipients?limit=5&after=a%26b+c");
	route_find(&stage.request, "GET");
	assert_false(stage.request.is_answered);
	assert_string_equal(request_query(&stage.request, "limit"), "5");
	assert_string_equal(request_query(&stage.request, "after"), "a&b c");
	assert_string_equal(request_query(&stage.request, "since"), "");
	stage_strike(&stage);
	assert_int_equal(found("GET", "/v1/recipients?limit=5&limit=5"), 422);
	assert_int_equal(found("GET", "/v1/recipients?colour=red"), 422);
	assert_int_equal(found("GET", "/v1/recipients?limit=%"), 400);
	assert_int_equal(found("GET", "/v1/recipients?%ff"), 400);
	assert_int_equal(found("GET", "/v1/recipients?&&"), 422);
	assert_int_equal(found("GET", "/healthz?x"), 422);
	assert_int_equal(found("GET", "/v1/recipients?"), 0);
}

static void a_long_name_of_a_parameter_is_cut_at_a_whole_character(void **state)
{
	struct stage stage;

	(void)state;
	stage_set(&stage, "/v1/"
			  "recipients?x%C3%A4%C3%A4%C3%A4%C3%A4%C3%A4%C3%A4%C3%A4%C3%A4%C3%A4%C3%A4%C3%A4%C3%"
			  "A4%C3%A4%C3%A4%C3"
			  "%A4%C3%A4%C3%A4%C3%A4%C3%A4%C3%A4%C3%A4%C3%A4%C3%A4%C3%A4%C3%A4%C3%A4%C3%A4%C3%A4%"
			  "C3%A4%C3%A4%C3%A4%C3%A4"
			  "%C3%A4%C3%A4%C3%A4=1");
	route_find(&stage.request, "GET");
	assert_int_equal(stage.request.status, 422);
	assert_true(herald_utf8_valid(stage.request.answer.data, stage.request.answer.size));
	assert_non_null(strstr(stage.request.answer.data, "\"fault\":\"unknown\""));
	stage_strike(&stage);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_route_is_found_by_its_own_path),
		cmocka_unit_test(what_is_not_in_the_table_is_404),
		cmocka_unit_test(a_path_that_cannot_be_decoded_is_400),
		cmocka_unit_test(segments_are_decoded_once_and_may_hold_anything),
		cmocka_unit_test(a_method_that_is_not_taken_is_405_with_those_that_are),
		cmocka_unit_test(a_query_is_read_by_name_and_once),
		cmocka_unit_test(a_long_name_of_a_parameter_is_cut_at_a_whole_character),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

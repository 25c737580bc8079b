/* What may be asked for, and where a token may go: rules without a network. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "host/http_request.h"
#include "host/token.h"

static struct herald_channel channel = {
	.settings = {.attempt_timeout_ms = 1000, .allow_insecure_loopback = true},
};

static enum herald_code ask(const char *method, const char *url, const char *name, const char *value,
			    size_t size)
{
	static const char body[16];
	const struct herald_field header = {name, value};
	const struct herald_http_request request = {
		.struct_size = sizeof(request),
		.method = method,
		.url = url,
		.headers = &header,
		.header_count = name ? 1 : 0,
		.body = {body, size},
	};
	struct http_request *made;
	struct herald_error err = {0};
	enum herald_code code = http_request_new(&channel, NULL, 0, &request, &made, &err);

	if (code == HERALD_OK)
		http_request_free(made);
	else
		assert_true(err.text[0] != '\0');
	return code;
}

static void a_url_is_https_whole_and_plain(void **state)
{
	static const char *const bad[] = {
		"",
		"/path",
		"//host/",
		"example.org/x",
		"https://",
		"https://u@example.org/",
		"https://u:p@example.org/",
		"https://example.org/a b",
		"https://example.org/a\r\nX: y",
		"https://example.org/#part",
		"https://example.org\\@evil.example/",
		"ftp://example.org/",
		"gopher://127.0.0.1:25/",
		"file:///etc/passwd",
		"dict://127.0.0.1/",
		"https://ex\xC3\xA4mple.org/",
		"https://example.org:99999/",
	};
	char endless[10000];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (ask("POST", bad[i], NULL, NULL, 0) != HERALD_INVALID)
			fail_msg("taken: %s", bad[i]);
	memset(endless, 'a', sizeof(endless) - 1);
	memcpy(endless, "https://a/", 10);
	endless[sizeof(endless) - 1] = '\0';
	assert_int_equal(ask("POST", endless, NULL, NULL, 0), HERALD_LIMIT);
	assert_int_equal(ask("POST", "https://example.org/a?b=%20c", NULL, NULL, 3), HERALD_OK);
	assert_int_equal(ask("POST", "http://example.org/", NULL, NULL, 0), HERALD_DENIED);
	assert_int_equal(ask("POST", "http://127.0.0.1:8080/", NULL, NULL, 0), HERALD_OK);
	assert_int_equal(ask("POST", "http://[::1]/", NULL, NULL, 0), HERALD_OK);
	channel.settings.allow_insecure_loopback = false;
	assert_int_equal(ask("POST", "http://127.0.0.1:8080/", NULL, NULL, 0), HERALD_DENIED);
	channel.settings.allow_insecure_loopback = true;
}

static void a_header_stays_a_header(void **state)
{
	static const char *const bad[][2] = {
		{"A b", "c"},
		{"X", "a\r\nMetadata: true"},
		{"X", "a\nb"},
		{"", "x"},
		{"X:", "y"},
		{"Host", "evil.example"},
		{"content-length", "0"},
		{"Transfer-Encoding", "chunked"},
		{"Connection", "close"},
		{"X", "\x01"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (ask("POST", "https://example.org/", bad[i][0], bad[i][1], 0) != HERALD_INVALID)
			fail_msg("taken: %s: %s", bad[i][0], bad[i][1]);
	assert_int_equal(ask("POST", "https://example.org/", "X-Good", "one line\twith a tab", 0), HERALD_OK);
	assert_int_equal(ask("POST", "https://example.org/", "X-Empty", "", 0), HERALD_OK);
}

static void a_method_is_a_word_and_get_has_no_body(void **state)
{
	(void)state;
	assert_int_equal(ask("PUT", "https://example.org/", NULL, NULL, 3), HERALD_OK);
	assert_int_equal(ask("GET", "https://example.org/", NULL, NULL, 0), HERALD_OK);
	assert_int_equal(ask("GET", "https://example.org/", NULL, NULL, 3), HERALD_INVALID);
	assert_int_equal(ask("PO ST", "https://example.org/", NULL, NULL, 0), HERALD_INVALID);
	assert_int_equal(ask("", "https://example.org/", NULL, NULL, 0), HERALD_INVALID);
}

static void a_token_goes_to_listed_hosts_by_https(void **state)
{
	static const char *const hosts[] = {"smba.trafficmanager.net", "*.botframework.com"};
	static const struct {
		const char *url;
		bool is_trusted;
	} table[] = {
		{"https://smba.trafficmanager.net/teams/", true},
		{"https://SMBA.TrafficManager.net/", true},
		{"https://smba.trafficmanager.net:8443/", true},
		{"https://api.botframework.com/v3", true},
		{"https://a.b.botframework.com/", true},
		{"https://botframework.com/", false},
		{"https://evilbotframework.com/", false},
		{"https://api.botframework.com.evil.example/", false},
		{"https://smba.trafficmanager.net@evil.example/", false},
		{"https://evil.example/smba.trafficmanager.net", false},
		{"http://smba.trafficmanager.net/", false},
		{"http://127.0.0.1:9/", true},
		{"https://localhost/", true},
		{"https://169.254.169.254/", false},
	};
	struct wire_config settings = {
		.token_hosts = hosts, .token_host_count = 2, .allow_insecure_loopback = true};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (http_host_is_trusted(&settings, table[i].url) != table[i].is_trusted)
			fail_msg("%s", table[i].url);
	settings.allow_insecure_loopback = false;
	assert_false(http_host_is_trusted(&settings, "http://127.0.0.1:9/"));
}

static void retry_after_is_read_in_both_forms(void **state)
{
	const int64_t now_ms = INT64_C(1700000000) * 1000; /* Tue, 14 Nov 2023 22:13:20 GMT */
	const int64_t most_ms = INT64_C(366) * 24 * 3600 * 1000;
	const struct {
		const char *value;
		int64_t ms;
	} table[] = {
		{"0", 0},
		{"1", 1000},
		{"120", 120000},
		{"120 ", 120000},
		{"-1", 0},
		{"1.5", 0},
		{"", 0},
		{"soon", 0},
		{"99999999999999999999", most_ms},
		{"20301231", 20301231 * INT64_C(1000)},
		{"Tue, 14 Nov 2023 22:13:30 GMT", 10000},
		{"Tuesday, 14-Nov-23 22:13:30 GMT", 10000},
		{"Tue Nov 14 22:13:30 2023", 10000},
		{"Tue, 14 Nov 2023 22:13:10 GMT", 0},
		{"Fri, 31 Dec 9999 23:59:59 GMT", most_ms},
		{"Tue, 14 Foo 2023 22:13:30 GMT", 0},
		{"Tue, 99 Nov 2023 22:13:30 GMT", 0},
		{"Tue, 14 Nov 2023 22:13:30 PST", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		int64_t ms = http_retry_after_ms(table[i].value, now_ms);
		int64_t most = table[i].ms < most_ms ? table[i].ms : most_ms;
		if (ms != most)
			fail_msg("'%s' is %lld", table[i].value, (long long)ms);
	}
}

static struct grant_answer read_token(int32_t status, const char *body, struct arena *arena)
{
	const struct herald_http_reply reply = {
		.struct_size = sizeof(reply), .status = status, .body = {body, strlen(body)}, .error = ""};
	struct grant_answer answer;

	grant_read(&reply, arena, &answer);
	return answer;
}

static void a_token_is_read_with_its_life_and_nothing_else_is_a_token(void **state)
{
	struct arena *arena = arena_new();
	struct grant_answer answer;

	(void)state;
	answer = read_token(
		200, "{\"token_type\":\"Bearer\",\"expires_in\":3599,\"access_token\":\"a.b-c~d=\"}", arena);
	assert_string_equal(answer.bearer, "a.b-c~d=");
	assert_int_equal(answer.lives_ms, 3599000);
	answer = read_token(200, "{\"expires_in\":\"3599\",\"access_token\":\"x\"}", arena);
	assert_int_equal(answer.lives_ms, 3599000);
	static const char *const none[] = {
		"",
		"{}",
		"[]",
		"{\"access_token\":7}",
		"{\"access_token\":\"\"}",
		"{\"access_token\":\"a b\"}",
		"{\"access_token\":\"a\\r\\nX: y\"}",
		"{\"token_type\":\"mac\",\"access_token\":\"a\"}",
		"<html>",
	};
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		answer = read_token(200, none[i], arena);
		assert_null(answer.bearer);
		assert_true(answer.why[0] != '\0');
	}
	arena_free(arena);
}

static void a_token_is_renewed_early_and_never_at_once(void **state)
{
	const int64_t now_ms = 1000, minute_ms = 60 * 1000;
	struct grant_span span = grant_span(now_ms, 60 * minute_ms);

	(void)state;
	assert_int_equal(span.renew_at_ms, now_ms + 55 * minute_ms);
	assert_int_equal(span.use_until_ms, now_ms + 60 * minute_ms - 10000);
	span = grant_span(now_ms, 4 * minute_ms);
	assert_int_equal(span.renew_at_ms, now_ms + 2 * minute_ms);
	for (int64_t lives_ms = -1; lives_ms < 40000; lives_ms += 1000) {
		span = grant_span(now_ms, lives_ms);
		assert_true(span.renew_at_ms >= now_ms + 10000 && span.use_until_ms > span.renew_at_ms);
	}
}

static void a_refusal_is_told_from_a_bad_day(void **state)
{
	static const struct {
		int32_t status;
		const char *body;
		bool is_refusal;
	} table[] = {
		{401, "{\"error\":\"invalid_client\"}", true},
		{400, "{\"error\":\"unauthorized_client\"}", true},
		{400, "{\"error\":\"invalid_scope\",\"error_description\":\"AADSTS70011\"}", true},
		{400, "not JSON", true},
		{400, "{\"error\":\"temporarily_unavailable\"}", false},
		{400, "{\"error\":{\"odd\":1}}", true},
		{429, "{}", false},
		{408, "", false},
		{500, "", false},
		{503, "{\"error\":\"x\"}", false},
		{302, "", false},
	};
	struct arena *arena = arena_new();

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct grant_answer answer = read_token(table[i].status, table[i].body, arena);
		assert_null(answer.bearer);
		if (answer.is_refusal != table[i].is_refusal)
			fail_msg("%d %s", (int)table[i].status, table[i].body);
	}
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_url_is_https_whole_and_plain),
		cmocka_unit_test(a_header_stays_a_header),
		cmocka_unit_test(a_method_is_a_word_and_get_has_no_body),
		cmocka_unit_test(a_token_goes_to_listed_hosts_by_https),
		cmocka_unit_test(retry_after_is_read_in_both_forms),
		cmocka_unit_test(a_token_is_read_with_its_life_and_nothing_else_is_a_token),
		cmocka_unit_test(a_token_is_renewed_early_and_never_at_once),
		cmocka_unit_test(a_refusal_is_told_from_a_bad_day),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

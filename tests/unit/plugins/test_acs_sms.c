/* test_acs_sms.c - from send_batch through the bytes of the request to the outcome, for every row of the
 * table. */
#include "cmocka_first.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "fake_host.h"
#include "herald/kit.h"

#define KEY "bm90LWEtcmVhbC1rZXktLXRlc3QtdmVjdG9yLW9ubHktMzJi"

static struct fake_host *sms_new(const char *name, const char *value)
{
	const struct fake_setting settings[] = {
		{name, value},       {"endpoint", "https://contoso.communication.azure.com/"},
		{"access_key", KEY}, {"from", "+18445550100"},
		{"countries", "US"},
	};
	struct herald_error err = {0};
	/* Settings later in the list win: the given one goes last. */
	struct fake_setting ordered[] = {settings[1], settings[2], settings[3], settings[4], settings[0]};
	struct fake_host *fake = fake_host_new(herald_channel_v1(), ordered, countof(ordered), &err);

	if (!fake)
		fail_msg("%s", err.text);
	return fake;
}

static void a_request_has_the_exact_bytes_and_a_fresh_signature(void **state)
{
	struct fake_host *fake = sms_new("tag", "order");
	struct herald_message message = fake_message("+14255550123", "Hello \xC3\xA9\"");
	const struct fake_request *first, *second;

	(void)state;
	fake_send(fake, &message, 1);
	first = fake_request(fake, 0);
	assert_string_equal(first->method, "POST");
	assert_string_equal(first->url, "https://contoso.communication.azure.com/sms?api-version=2026-01-23");
	assert_string_equal(first->body,
			    "{\"from\":\"+18445550100\",\"smsRecipients\":[{\"to\":\"+14255550123\","
			    "\"repeatabilityRequestId\":"
			    "\"0b4696cd-ea92-54c2-b9d3-4653263c04e2\",\"repeatabilityFirstSent\":\"Tue, 26 "
			    "Mar 2019 16:06:51 "
			    "GMT\"}],\"message\":\"Hello "
			    "\xC3\xA9\\\"\",\"smsSendOptions\":{\"enableDeliveryReport\":true,\"tag\":"
			    "\"order\"}}");
	assert_string_equal(fake_header(first, "content-type"), "application/json");
	assert_string_equal(fake_header(first, "x-ms-date"), "Tue, 26 Mar 2019 16:06:51 GMT");
	assert_int_equal(first->timeout_ms, 10000);
	assert_false(first->has_token);
	assert_int_equal(first->flags, 0);

	/* The next attempt: same pair, new date, new signature. */
	fake_set_now(fake, 1553616411000 + 60000);
	message.attempt = 2;
	fake_send(fake, &message, 1);
	second = fake_request(fake, 1);
	assert_string_equal(second->body, first->body);
	assert_string_equal(fake_header(second, "x-ms-date"), "Tue, 26 Mar 2019 16:07:51 GMT");
	assert_string_not_equal(fake_header(second, "authorization"), fake_header(first, "authorization"));

	/* A redrive starts over: it is a new message to the service. */
	message.first_attempt_at_ms += 60000;
	fake_send(fake, &message, 1);
	assert_string_not_equal(fake_request(fake, 2)->body, first->body);
	fake_host_free(fake);
}

/* Answer one message of that attempt and return its outcome. */
static struct herald_outcome outcome_of(uint32_t attempt, struct fake_answer answer)
{
	struct fake_host *fake = sms_new("tag", "");
	struct herald_message message = fake_message("+14255550123", "Hello");
	struct herald_outcome outcome;

	message.attempt = attempt;
	size_t ticket = fake_send(fake, &message, 1);
	fake_answer(fake, 0, answer);
	assert_non_null(fake_outcome(fake, ticket));
	outcome = *fake_outcome(fake, ticket);
	assert_int_equal(fake_request_count(fake), 1);
	assert_int_equal(fake_spent_twice(fake), 0);
	fake_host_free(fake);
	return outcome;
}

static void whole_call_answers_follow_the_table(void **state)
{
	static const struct {
		struct fake_answer answer;
		enum herald_verdict verdict;
		const char *status, *words;
	} rows[] = {
		{{.failure = HERALD_HTTP_NOT_SENT, .error = "refused"}, HERALD_DEFERRED, "4.4.1", "refused"},
		{{.failure = HERALD_HTTP_LOST, .error = "timeout"}, HERALD_UNCERTAIN, "4.4.2", "timeout"},
		{{.failure = 77, .error = "new"}, HERALD_UNCERTAIN, "4.4.2", "new"},
		{{.status = 301}, HERALD_MISCONFIGURED, "4.3.5", "endpoint"},
		{{.status = 400, .body = "{\"error\":{\"code\":\"InvalidRequest\",\"message\":\"bad\"}}"},
		 HERALD_REJECTED,
		 "5.5.4",
		 "InvalidRequest: bad"},
		{{.status = 401,
		  .body = "{\"error\":{\"code\":\"Denied\",\"message\":\"Denied by the resource "
			  "provider.\"}}"},
		 HERALD_MISCONFIGURED,
		 "4.3.5",
		 "Denied by the resource"},
		{{.status = 403}, HERALD_MISCONFIGURED, "4.3.5", "403"},
		{{.status = 404, .body = "<html>"}, HERALD_MISCONFIGURED, "4.3.5", "404"},
		{{.status = 405}, HERALD_MISCONFIGURED, "4.3.5", "405"},
		{{.status = 408}, HERALD_DEFERRED, "4.4.2", "408"},
		{{.status = 409}, HERALD_DEFERRED, "4.3.0", "409"},
		{{.status = 412}, HERALD_UNCERTAIN, "4.4.0", "412"},
		{{.status = 413}, HERALD_REJECTED, "5.3.4", "413"},
		{{.status = 422}, HERALD_REJECTED, "5.5.0", "422"},
		{{.status = 429, .retry_after_ms = 7000}, HERALD_THROTTLED, "4.7.1", "429"},
		{{.status = 500}, HERALD_DEFERRED, "4.3.0", "500"},
		{{.status = 503, .retry_after_ms = 7000}, HERALD_DEFERRED, "4.3.0", "503"},
		{{.status = 202, .body = ""}, HERALD_UNCERTAIN, "4.4.0", "without a word"},
		{{.status = 202, .body = "{\"value\":[]}"}, HERALD_UNCERTAIN, "4.4.0", "without a word"},
		{{.status = 202, .body = "{\"value\":\"x\"}"}, HERALD_UNCERTAIN, "4.4.0", "without a word"},
		{{.status = 202, .body = "{\"value\":[null,3]}"},
		 HERALD_UNCERTAIN,
		 "4.4.0",
		 "without a word"},
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct herald_outcome outcome = outcome_of(1, rows[i].answer);
		assert_int_equal(outcome.verdict, rows[i].verdict);
		assert_string_equal(outcome.status, rows[i].status);
		assert_non_null(strstr(outcome.reason, rows[i].words));
		assert_int_equal(outcome.retry_after_ms, rows[i].answer.retry_after_ms);
		assert_string_equal(outcome.provider_ref, "");
	}
}

#define ITEM(text) "{\"value\":[{\"to\":\"+14255550123\"," text "}]}"

static void items_inside_a_202_follow_the_table(void **state)
{
	static const struct {
		const char *body;
		enum herald_verdict verdict;
		const char *status;
		uint32_t attempt;
	} rows[] = {
		{ITEM("\"messageId\":\"Outgoing_1\",\"httpStatusCode\":202,\"repeatabilityResult\":"
		      "\"accepted\","
		      "\"successful\":true"),
		 HERALD_SENT, "2.0.0", 1},
		{ITEM("\"httpStatusCode\":200,\"successful\":true"), HERALD_SENT, "2.0.0", 1},
		{ITEM("\"httpStatusCode\":400,\"successful\":false,\"errorMessage\":\"Invalid To phone "
		      "number "
		      "format.\""),
		 HERALD_UNREACHABLE, "5.1.1", 1},
		{ITEM("\"httpStatusCode\":400,\"successful\":false,\"errorMessage\":\"Message is odd.\""),
		 HERALD_REJECTED, "5.5.4", 1},
		{ITEM("\"httpStatusCode\":400,\"successful\":false"), HERALD_REJECTED, "5.5.4", 1},
		{ITEM("\"httpStatusCode\":403,\"successful\":false,\"errorMessage\":\"Sender blocked for "
		      "given "
		      "recipient.\""),
		 HERALD_UNREACHABLE, "5.1.1", 1},
		{ITEM("\"httpStatusCode\":400,\"repeatabilityResult\":\"rejected\",\"successful\":false,"
		      "\"errorMessage\":\"Invalid To phone number format.\""),
		 HERALD_UNREACHABLE, "5.1.1", 2},
		{ITEM("\"repeatabilityResult\":\"rejected\",\"successful\":false"), HERALD_UNCERTAIN, "4.4.0",
		 2},
		{ITEM("\"httpStatusCode\":401,\"successful\":false"), HERALD_MISCONFIGURED, "4.3.5", 1},
		{ITEM("\"httpStatusCode\":403,\"successful\":false"), HERALD_REJECTED, "5.7.1", 1},
		{ITEM("\"httpStatusCode\":404,\"successful\":false"), HERALD_REJECTED, "5.1.0", 1},
		{ITEM("\"httpStatusCode\":408,\"successful\":false"), HERALD_DEFERRED, "4.4.2", 1},
		{ITEM("\"httpStatusCode\":409,\"successful\":false"), HERALD_DEFERRED, "4.3.0", 1},
		{ITEM("\"httpStatusCode\":429,\"successful\":false"), HERALD_THROTTLED, "4.7.1", 1},
		{ITEM("\"httpStatusCode\":500,\"successful\":false"), HERALD_DEFERRED, "4.3.0", 1},
		{ITEM("\"httpStatusCode\":418,\"successful\":false"), HERALD_REJECTED, "5.5.0", 1},
		{ITEM("\"httpStatusCode\":412,\"repeatabilityResult\":\"rejected\",\"successful\":false"),
		 HERALD_DEFERRED, "4.3.0", 1},
		{ITEM("\"httpStatusCode\":412,\"repeatabilityResult\":\"Rejected\",\"successful\":false"),
		 HERALD_UNCERTAIN, "4.4.0", 2},
		{ITEM("\"httpStatusCode\":-2147483648,\"successful\":true"), HERALD_UNCERTAIN, "4.4.0", 1},
		{ITEM("\"httpStatusCode\":500,\"successful\":true"), HERALD_UNCERTAIN, "4.4.0", 1},
		{ITEM("\"httpStatusCode\":202,\"successful\":false"), HERALD_UNCERTAIN, "4.4.0", 1},
		{ITEM("\"httpStatusCode\":\"202\",\"successful\":\"true\""), HERALD_UNCERTAIN, "4.4.0", 1},
		{"{\"value\":[{\"to\":\"+14255550199\",\"httpStatusCode\":202,\"successful\":true}]}",
		 HERALD_UNCERTAIN, "4.4.0", 1},
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct herald_outcome outcome = outcome_of(
			rows[i].attempt, (struct fake_answer){.status = 202, .body = rows[i].body});
		if (outcome.verdict != rows[i].verdict || strcmp(outcome.status, rows[i].status) != 0)
			fail_msg("row %zu: %u %s %s", i, outcome.verdict, outcome.status, outcome.reason);
	}
}

static void results_of_a_batch_are_matched_on_the_number(void **state)
{
	struct fake_host *fake = sms_new("tag", "");
	struct herald_message messages[3] = {fake_message("+14255550101", "Hi"),
					     fake_message("+14255550102", "Hi"),
					     fake_message("+14255550103", "Hi")};
	double values[4] = {0};

	(void)state;
	size_t ticket = fake_send(fake, messages, 3);
	assert_int_equal(fake_request_count(fake), 1);
	assert_int_equal(fake_request(fake, 0)->ticket_count, 3);
	fake_answer(
		fake, 0,
		(struct fake_answer){
			.status = 202,
			.body = "{\"value\":["
				"{\"to\":\"+14255550103\",\"messageId\":\"m3\",\"httpStatusCode\":202,"
				"\"successful\":true},"
				"{\"to\":\"+14255550101\",\"httpStatusCode\":429,\"successful\":false}]}"});
	assert_int_equal(fake_outcome(fake, ticket)->verdict, HERALD_THROTTLED);
	assert_int_equal(fake_outcome(fake, ticket + 1)->verdict, HERALD_UNCERTAIN);
	assert_int_equal(fake_outcome(fake, ticket + 2)->verdict, HERALD_SENT);
	assert_string_equal(fake_outcome(fake, ticket + 2)->provider_ref, "m3");
	herald_channel_v1()->telemetry(fake_self(fake), values);
	assert_int_equal((int)values[0], 1);
	assert_int_equal((int)values[1], 1);
	assert_int_equal((int)values[2], 1);
	assert_int_equal((int)values[3], 0);
	fake_host_free(fake);
}

static void other_texts_and_the_same_number_twice_go_in_calls_of_their_own(void **state)
{
	struct fake_host *fake = sms_new("tag", "");
	struct herald_message messages[4] = {
		fake_message("+14255550101", "Hi"), fake_message("+14255550102", "Ho"),
		fake_message("+14255550101", "Hi"), fake_message("+14255550103", "Hi")};

	(void)state;
	fake_send(fake, messages, 4);
	assert_int_equal(fake_request_count(fake), 3);
	assert_int_equal(fake_request(fake, 0)->ticket_count, 2);
	assert_int_equal(fake_request(fake, 0)->tickets[1], 3);
	assert_int_equal(fake_request(fake, 1)->tickets[0], 1);
	assert_int_equal(fake_request(fake, 2)->tickets[0], 2);
	fake_host_free(fake);
}

static void a_full_batch_fits_one_call(void **state)
{
	struct fake_host *fake = sms_new("segments_max", "14");
	struct herald_message messages[100];
	char numbers[100][16], text[2048 + 1];

	(void)state;
	memset(text, '\n', 2048); /* two bytes each in JSON */
	text[2048] = '\0';
	for (size_t i = 0; i < 100; i++) {
		snprintf(numbers[i], sizeof(numbers[i]), "+142555501%02zu", i);
		messages[i] = fake_message(numbers[i], text);
	}
	fake_send(fake, messages, 100);
	assert_int_equal(fake_request_count(fake), 1);
	assert_int_equal(fake_request(fake, 0)->ticket_count, 100);
	json_t *json = json_loads(fake_request(fake, 0)->body, 0, NULL);
	assert_int_equal(json_array_size(json_object_get(json, "smsRecipients")), 100);
	json_decref(json);
	fake_host_free(fake);
}

static void who_was_taken_back_is_left_out_and_the_others_go(void **state)
{
	struct fake_host *fake = sms_new("tag", "");
	struct herald_message messages[5];
	char numbers[5][16];
	size_t seen[5] = {0};

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		snprintf(numbers[i], sizeof(numbers[i]), "+1425555010%zu", i);
		messages[i] = fake_message(numbers[i], "Hi");
	}
	fake_take_back(fake, 2);
	fake_send(fake, messages, 5);
	for (size_t i = 0; i < fake_request_count(fake); i++) {
		assert_null(strstr(fake_request(fake, i)->body, numbers[2]));
		for (size_t j = 0; j < fake_request(fake, i)->ticket_count; j++)
			seen[fake_request(fake, i)->tickets[j]]++;
	}
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(seen[i], i == 2 ? 0 : 1);
	assert_int_equal(fake_spent_twice(fake), 0);
	fake_host_free(fake);
}

static void a_host_that_cannot_send_defers_and_one_that_may_not_stops_the_channel(void **state)
{
	static const struct {
		enum herald_code code;
		enum herald_verdict verdict;
	} rows[] = {
		{HERALD_BUSY, HERALD_DEFERRED},
		{HERALD_IO, HERALD_DEFERRED},
		{HERALD_DENIED, HERALD_MISCONFIGURED},
		{HERALD_LIMIT, HERALD_REJECTED},
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct fake_host *fake = sms_new("tag", "");
		struct herald_message messages[2] = {fake_message("+14255550101", "Hi"),
						     fake_message("+14255550102", "Hi")};
		fake_refuse_requests(fake, rows[i].code);
		size_t ticket = fake_send(fake, messages, 2);
		assert_int_equal(fake_outcome(fake, ticket)->verdict, rows[i].verdict);
		assert_int_equal(fake_outcome(fake, ticket + 1)->verdict, rows[i].verdict);
		fake_host_free(fake);
	}
}

static struct herald_outcome refused(const char *address, const char *text)
{
	struct fake_host *fake = sms_new("tag", "");
	struct herald_message message = fake_message(address, text);
	struct herald_outcome outcome;

	size_t ticket = fake_send(fake, &message, 1);
	assert_int_equal(fake_request_count(fake), 0);
	assert_non_null(fake_outcome(fake, ticket));
	outcome = *fake_outcome(fake, ticket);
	fake_host_free(fake);
	return outcome;
}

static void what_is_too_long_or_not_allowed_never_leaves(void **state)
{
	char text[3000];
	struct herald_outcome outcome;

	(void)state;
	memset(text, 'a', 460);
	text[460] = '\0';
	outcome = refused("+14255550123", text);
	assert_int_equal(outcome.verdict, HERALD_REJECTED);
	assert_string_equal(outcome.status, "5.3.4");
	assert_non_null(strstr(outcome.reason, "4 parts"));
	outcome = refused("+14255550123", "");
	assert_int_equal(outcome.verdict, HERALD_REJECTED);
	assert_string_equal(outcome.status, "5.6.0");
	outcome = refused("+4366012345678", "Hi");
	assert_int_equal(outcome.verdict, HERALD_REJECTED);
	assert_string_equal(outcome.status, "5.7.1");

	/* Three parts pass. */
	struct fake_host *fake = sms_new("tag", "");
	text[459] = '\0';
	struct herald_message message = fake_message("+14255550123", text);
	fake_send(fake, &message, 1);
	assert_int_equal(fake_request_count(fake), 1);
	fake_host_free(fake);

	/* The service's own limit holds whatever segments_max says. */
	fake = sms_new("segments_max", "14");
	memset(text, 'a', 2049);
	text[2049] = '\0';
	message = fake_message("+14255550123", text);
	size_t ticket = fake_send(fake, &message, 1);
	assert_string_equal(fake_outcome(fake, ticket)->status, "5.3.4");
	text[2048] = '\0';
	message = fake_message("+14255550123", text);
	ticket = fake_send(fake, &message, 1);
	assert_null(fake_outcome(fake, ticket));
	fake_host_free(fake);
}

static void check_address_takes_what_may_be_sent_to(void **state)
{
	struct fake_host *fake = sms_new("countries", "US,AT");
	const struct herald_plugin *plugin = herald_channel_v1();
	struct herald_error err = {0};
	char canonical[64];

	(void)state;
	assert_int_equal(
		plugin->check_address(fake_self(fake), "+4366012345678", canonical, sizeof(canonical), &err),
		HERALD_OK);
	assert_string_equal(canonical, "+4366012345678");
	assert_int_equal(plugin->check_address(fake_self(fake), "+4366012345678", canonical, 14, &err),
			 HERALD_LIMIT);
	assert_int_equal(
		plugin->check_address(fake_self(fake), "+4915112345678", canonical, sizeof(canonical), &err),
		HERALD_INVALID);
	assert_non_null(strstr(err.text, "countries"));
	assert_int_equal(
		plugin->check_address(fake_self(fake), "0043660123456", canonical, sizeof(canonical), &err),
		HERALD_INVALID);
	assert_non_null(strstr(err.text, "E.164"));
	fake_host_free(fake);
}

static void a_wrong_configuration_is_named_at_start(void **state)
{
	static const struct {
		struct fake_setting settings[5];
		const char *words;
	} rows[] = {
		{{{"from", "+18445550100"}}, "https://"},
		{{{"from", "+18445550100"}, {"endpoint", "https://h"}}, "access key is empty"},
		{{{"from", "+18445550100"}, {"endpoint", "https://h"}, {"access_key", "x"}}, "not base64"},
		{{{"from", "+18445550100"}, {"endpoint", "http://h"}, {"access_key", KEY}}, "https://"},
		{{{"from", "none of these!"}, {"endpoint", "https://h"}, {"access_key", KEY}}, "'from'"},
		{{{"from", "A"}, {"endpoint", "https://h"}, {"access_key", KEY}, {"countries", "Mars"}},
		 "Mars"},
		{{{"from", "A"}, {"endpoint", "https://h"}, {"access_key", KEY}, {"api_version", "a&b"}},
		 "api_version"},
		{{{"from", "A"}, {"endpoint", "https://h"}, {"connection_string", "x"}}, "not both"},
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct herald_error err = {0};
		size_t count = 0;
		while (count < 5 && rows[i].settings[count].name)
			count++;
		assert_null(fake_host_new(herald_channel_v1(), rows[i].settings, count, &err));
		if (!strstr(err.text, rows[i].words))
			fail_msg("row %zu: %s", i, err.text);
	}
}

static void a_connection_string_does_as_well(void **state)
{
	static const struct fake_setting settings[] = {
		{"connection_string", "endpoint=https://fabrikam.communication.azure.com/;accesskey=" KEY},
		{"from", "Herald"},
		{"countries", "*"},
	};
	struct herald_error err = {0};
	struct fake_host *fake = fake_host_new(herald_channel_v1(), settings, countof(settings), &err);
	struct herald_message message = fake_message("+4366012345678", "Hi");

	(void)state;
	assert_non_null(fake);
	fake_send(fake, &message, 1);
	assert_string_equal(fake_request(fake, 0)->url,
			    "https://fabrikam.communication.azure.com/sms?api-version=2026-01-23");
	fake_host_free(fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_has_the_exact_bytes_and_a_fresh_signature),
		cmocka_unit_test(whole_call_answers_follow_the_table),
		cmocka_unit_test(items_inside_a_202_follow_the_table),
		cmocka_unit_test(results_of_a_batch_are_matched_on_the_number),
		cmocka_unit_test(other_texts_and_the_same_number_twice_go_in_calls_of_their_own),
		cmocka_unit_test(a_full_batch_fits_one_call),
		cmocka_unit_test(who_was_taken_back_is_left_out_and_the_others_go),
		cmocka_unit_test(a_host_that_cannot_send_defers_and_one_that_may_not_stops_the_channel),
		cmocka_unit_test(what_is_too_long_or_not_allowed_never_leaves),
		cmocka_unit_test(check_address_takes_what_may_be_sent_to),
		cmocka_unit_test(a_wrong_configuration_is_named_at_start),
		cmocka_unit_test(a_connection_string_does_as_well),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

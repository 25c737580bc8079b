/* test_acs_bot_chat.c - the way through Identity and Chat: token, thread, look, message, and every answer to
 * each. */
#include "cmocka_first.h"

#include <stdio.h>
#include <string.h>

#include "bot_fixture.h"
#include "herald/kit.h"

#define TOKEN_BODY "{\"token\":\"chat.token\",\"expiresOn\":\"2019-03-27T16:06:51.123+00:00\"}"
#define THREAD_BODY "{\"chatThread\":{\"id\":\"19:acsV1_t@thread.v2\",\"topic\":\"t\"}}"
#define BASE "https://contoso.communication.azure.com"

static const struct fake_answer token_answer = {.status = 200, .body = TOKEN_BODY};
static const struct fake_answer thread_answer = {.status = 201, .body = THREAD_BODY};
static const struct fake_answer message_answer = {.status = 201, .body = "{\"id\":\"1593\"}"};

static void an_acs_user_who_never_wrote_gets_a_thread_and_the_message(void **state)
{
	struct fake_host *fake = bot_new();
	struct herald_message message = fake_message("8:acs:r_anna", "Hello \xF0\x9F\x98\x80");
	const struct fake_request *request;

	(void)state;
	size_t ticket = fake_send(fake, &message, 1);
	request = fake_request(fake, 0);
	assert_string_equal(request->method, "POST");
	assert_string_equal(request->url,
			    BASE "/identities/8%3Aacs%3Ar_bot/:issueAccessToken?api-version=2023-10-01");
	assert_string_equal(request->body, "{\"scopes\":[\"chat\"]}");
	assert_string_equal(fake_header(request, "x-ms-date"), "Tue, 26 Mar 2019 16:06:51 GMT");
	assert_memory_equal(fake_header(request, "authorization"), "HMAC-SHA256 SignedHeaders=", 26);
	assert_int_equal(request->flags, HERALD_HTTP_PREPARES);
	assert_false(request->has_token);

	fake_answer(fake, 0, token_answer);
	request = fake_request(fake, 1);
	assert_string_equal(request->url, BASE "/chat/threads?api-version=2024-03-07");
	assert_string_equal(fake_header(request, "authorization"), "Bearer chat.token");
	assert_string_equal(fake_header(request, "repeatability-request-id"),
			    "a93f9905-3a3f-5979-922d-affcbd8d263c");
	assert_string_equal(
		request->body,
		"{\"topic\":\"Notifications\",\"participants\":[{\"communicationIdentifier\":{\"rawId\":"
		"\"8:acs:r_anna\",\"communicationUser\":{\"id\":\"8:acs:r_anna\"}}}]}");
	assert_int_equal(request->flags, HERALD_HTTP_PREPARES);
	assert_false(request->has_token);

	fake_answer(fake, 1, thread_answer);
	assert_string_equal(fake_memory(fake, ticket),
			    "{\"conversation\":{\"id\":\"19:acsV1_t@thread.v2\"}}");
	request = fake_request(fake, 2);
	assert_string_equal(request->url,
			    BASE "/chat/threads/19%3AacsV1_t%40thread.v2/messages?api-version=2024-03-07");
	assert_string_equal(request->body,
			    "{\"content\":\"Hello \xF0\x9F\x98\x80\",\"type\":\"text\",\"metadata\":{"
			    "\"deliveryId\":\"01JDELIVERY\"}}");
	assert_int_equal(request->flags, 0);
	assert_false(request->has_token);
	fake_answer(fake, 2, message_answer);
	assert_string_equal(spent(fake, ticket, HERALD_SENT, "2.0.0")->provider_ref, "1593");

	/* The next one uses token and thread. */
	remember(&message, fake_memory(fake, ticket));
	fake_send(fake, &message, 1);
	assert_int_equal(fake_request_count(fake), 4);
	assert_string_equal(fake_request(fake, 3)->url, fake_request(fake, 2)->url);
	double values[4];
	herald_channel_v1()->telemetry(fake_self(fake), values);
	assert_int_equal((int)values[1], 1);
	assert_int_equal((int)values[2], 1);
	fake_host_free(fake);
}

static void the_chat_token_is_renewed_five_minutes_early(void **state)
{
	const int64_t until_ms = 1553702811000; /* 2019-03-27T16:06:51Z */
	struct fake_host *fake = bot_new();
	struct herald_message message = fake_message("8:acs:r_anna", "Hi");

	(void)state;
	remember(&message, "{\"conversation\":{\"id\":\"19:t@thread.v2\"}}");
	fake_send(fake, &message, 1);
	fake_answer(fake, 0, token_answer);
	fake_set_now(fake, until_ms - 5 * MINUTE);
	fake_send(fake, &message, 1);
	assert_non_null(strstr(fake_request(fake, 2)->url, "/messages"));
	fake_set_now(fake, until_ms - 5 * MINUTE + 1);
	fake_send(fake, &message, 1);
	assert_non_null(strstr(fake_request(fake, 3)->url, ":issueAccessToken"));
	fake_host_free(fake);
}

static void a_token_that_ends_at_once_is_used_once_and_not_asked_for_in_a_ring(void **state)
{
	struct fake_host *fake = bot_new();
	struct herald_message message = fake_message("8:acs:r_anna", "Hi");

	(void)state;
	fake_send(fake, &message, 1);
	fake_answer(fake, 0,
		    (struct fake_answer){.status = 200,
					 .body = "{\"token\":\"t\",\"expiresOn\":\"2019-03-26T16:06:52Z\"}"});
	assert_non_null(strstr(fake_request(fake, 1)->url, "/chat/threads?"));
	fake_send(fake, &message, 1);
	assert_non_null(strstr(fake_request(fake, 2)->url, ":issueAccessToken"));
	fake_host_free(fake);
}

static void a_token_with_odd_characters_is_none(void **state)
{
	static const char *const bodies[] = {"{}", "{\"token\":\"\"}", "{\"token\":\"a\\r\\nX: y\"}",
					     "{\"token\":\"a b\"}", "{\"token\":7}"};

	(void)state;
	for (size_t i = 0; i < countof(bodies); i++) {
		struct fake_host *fake = bot_new();
		struct herald_message message = fake_message("8:acs:r_anna", "Hi");
		size_t ticket = fake_send(fake, &message, 1);
		fake_answer(fake, 0, (struct fake_answer){.status = 200, .body = bodies[i]});
		spent(fake, ticket, HERALD_DEFERRED, "4.3.0");
		assert_int_equal(fake_request_count(fake), 1);
		fake_host_free(fake);
	}
}

static void a_401_fetches_one_new_token_and_a_second_stops_the_channel(void **state)
{
	const struct fake_answer refused = {.status = 401, .body = ERROR("Unauthorized")};
	struct fake_host *fake = bot_new();
	struct herald_message message = fake_message("8:acs:r_anna", "Hi");

	(void)state;
	size_t ticket = fake_send(fake, &message, 1);
	fake_answer(fake, 0, token_answer);
	fake_answer(fake, 1, refused);
	assert_non_null(strstr(fake_request(fake, 2)->url, ":issueAccessToken"));
	fake_answer(fake, 2, (struct fake_answer){.status = 200, .body = "{\"token\":\"new\"}"});
	assert_string_equal(fake_header(fake_request(fake, 3), "authorization"), "Bearer new");
	fake_answer(fake, 3, thread_answer);
	assert_null(fake_outcome(fake, ticket));
	/* Once for the whole delivery, not once for each request. */
	fake_answer(fake, 4, refused);
	spent(fake, ticket, HERALD_MISCONFIGURED, "4.3.5");
	assert_int_equal(fake_request_count(fake), 5);

	/* On the message itself, too: it was refused, so it may go again. */
	remember(&message, "{\"conversation\":{\"id\":\"19:t@thread.v2\"}}");
	ticket = fake_send(fake, &message, 1);
	fake_answer(fake, 5, refused);
	fake_answer(fake, 6, token_answer);
	fake_answer(fake, 7, message_answer);
	spent(fake, ticket, HERALD_SENT, "2.0.0");
	fake_host_free(fake);
}

static void a_user_whom_the_thread_refuses_is_unreachable(void **state)
{
	struct fake_host *fake = bot_new();
	struct herald_message message = fake_message("8:acs:r_anna", "Hi");

	(void)state;
	size_t ticket = fake_send(fake, &message, 1);
	fake_answer(fake, 0, token_answer);
	fake_answer(fake, 1,
		    (struct fake_answer){
			    .status = 201,
			    .body = "{\"chatThread\":{\"id\":\"19:t@thread.v2\"},\"invalidParticipants\":[{"
				    "\"code\":\"NotFound\",\"message\":\"no such user\"}]}"});
	assert_non_null(strstr(spent(fake, ticket, HERALD_UNREACHABLE, "5.1.1")->reason, "no such user"));
	assert_string_equal(fake_memory(fake, ticket), "");
	assert_int_equal(fake_request_count(fake), 2);
	fake_host_free(fake);
}

struct chat_row {
	int status;
	enum herald_verdict token, thread, message;
	const char *token_status, *thread_status, *message_status;
};

static const struct chat_row chat_rows[] = {
	{400, HERALD_MISCONFIGURED, HERALD_REJECTED, HERALD_REJECTED, "4.3.5", "5.5.4", "5.5.4"},
	{403, HERALD_MISCONFIGURED, HERALD_REJECTED, HERALD_UNREACHABLE, "4.3.5", "5.7.1", "5.1.1"},
	{404, HERALD_MISCONFIGURED, HERALD_MISCONFIGURED, HERALD_DEFERRED, "4.3.5", "4.3.5", "4.3.0"},
	{405, HERALD_MISCONFIGURED, HERALD_MISCONFIGURED, HERALD_MISCONFIGURED, "4.3.5", "4.3.5", "4.3.5"},
	{408, HERALD_DEFERRED, HERALD_DEFERRED, HERALD_DEFERRED, "4.4.2", "4.4.2", "4.4.2"},
	{413, HERALD_REJECTED, HERALD_REJECTED, HERALD_REJECTED, "5.5.0", "5.3.4", "5.3.4"},
	{429, HERALD_THROTTLED, HERALD_THROTTLED, HERALD_THROTTLED, "4.7.1", "4.7.1", "4.7.1"},
	{500, HERALD_DEFERRED, HERALD_DEFERRED, HERALD_DEFERRED, "4.3.0", "4.3.0", "4.3.0"},
	{503, HERALD_DEFERRED, HERALD_DEFERRED, HERALD_DEFERRED, "4.3.0", "4.3.0", "4.3.0"},
	{301, HERALD_MISCONFIGURED, HERALD_MISCONFIGURED, HERALD_MISCONFIGURED, "4.3.5", "4.3.5", "4.3.5"},
};

static void errors_of_identity_and_chat_follow_the_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(chat_rows); i++) {
		const struct chat_row *row = &chat_rows[i];
		const struct fake_answer answer = {
			.status = row->status, .body = ERROR("X"), .retry_after_ms = 9000};
		struct fake_host *fake = bot_new();
		struct herald_message message = fake_message("8:acs:r_anna", "Hi");
		size_t ticket = fake_send(fake, &message, 1);
		fake_answer(fake, 0, answer);
		assert_int_equal(spent(fake, ticket, row->token, row->token_status)->retry_after_ms, 9000);
		ticket = fake_send(fake, &message, 1);
		fake_answer(fake, 1, token_answer);
		fake_answer(fake, 2, answer);
		spent(fake, ticket, row->thread, row->thread_status);
		ticket = fake_send(fake, &message, 1);
		fake_answer(fake, 3, thread_answer);
		fake_answer(fake, 4, answer);
		spent(fake, ticket, row->message, row->message_status);
		fake_host_free(fake);
	}
	/* 401 of Identity itself: the key is wrong, and another token would not help. */
	struct fake_host *fake = bot_new();
	struct herald_message message = fake_message("8:acs:r_anna", "Hi");
	size_t ticket = fake_send(fake, &message, 1);
	fake_answer(fake, 0, (struct fake_answer){.status = 401, .body = ERROR("Denied")});
	spent(fake, ticket, HERALD_MISCONFIGURED, "4.3.5");
	fake_host_free(fake);
}

static void a_lost_chat_answer_is_uncertain_only_for_the_message(void **state)
{
	const struct fake_answer lost = {.failure = HERALD_HTTP_LOST, .error = "timeout"};
	struct fake_host *fake = bot_new();
	struct herald_message message = fake_message("8:acs:r_anna", "Hi");

	(void)state;
	size_t ticket = fake_send(fake, &message, 1);
	fake_answer(fake, 0, lost);
	spent(fake, ticket, HERALD_DEFERRED, "4.4.2");
	ticket = fake_send(fake, &message, 1);
	fake_answer(fake, 1, token_answer);
	fake_answer(fake, 2, lost);
	spent(fake, ticket, HERALD_DEFERRED, "4.4.2");
	ticket = fake_send(fake, &message, 1);
	fake_answer(fake, 3, thread_answer);
	fake_answer(fake, 4, lost);
	spent(fake, ticket, HERALD_UNCERTAIN, "4.4.2");
	fake_host_free(fake);
}

static void a_repeated_attempt_looks_before_it_writes_again(void **state)
{
	struct fake_host *fake = bot_new();
	struct herald_message message = fake_message("8:acs:r_anna", "Hi");

	(void)state;
	message.attempt = 2;
	remember(&message, "{\"conversation\":{\"id\":\"19:t@thread.v2\"}}");
	size_t ticket = fake_send(fake, &message, 1);
	fake_answer(fake, 0, token_answer);
	const struct fake_request *look = fake_request(fake, 1);
	assert_string_equal(look->method, "GET");
	assert_string_equal(look->url,
			    BASE "/chat/threads/19%3At%40thread.v2/messages?maxPageSize=10&startTime=2019-03-"
				 "26T16%3A01%3A51Z&api-version=2024-03-07");
	assert_string_equal(look->body, "");
	assert_int_equal(look->flags, HERALD_HTTP_PREPARES);
	fake_answer(fake, 1,
		    (struct fake_answer){
			    .status = 200,
			    .body = "{\"value\":[{\"id\":\"7\",\"metadata\":{\"deliveryId\":\"other\"}},{"
				    "\"id\":\"8\"},"
				    "{\"id\":\"9\",\"metadata\":{\"deliveryId\":\"01JDELIVERY\"}}]}"});
	assert_string_equal(spent(fake, ticket, HERALD_SENT, "2.0.0")->provider_ref, "9");
	assert_int_equal(fake_request_count(fake), 2);

	/* A list that was cut is searched as it is. */
	ticket = fake_send(fake, &message, 1);
	fake_answer(fake, 2,
		    (struct fake_answer){
			    .status = 200,
			    .body = "{\"value\":[{\"metadata\":{\"deliveryId\":\"01JDELIVERY\"}},{\"con"});
	spent(fake, ticket, HERALD_SENT, "2.0.0");

	/* Not there: it is written. */
	ticket = fake_send(fake, &message, 1);
	fake_answer(fake, 3, (struct fake_answer){.status = 200, .body = "{\"value\":[]}"});
	fake_answer(fake, 4, message_answer);
	spent(fake, ticket, HERALD_SENT, "2.0.0");
	fake_host_free(fake);
}

static void a_thread_that_is_gone_is_followed_by_one_new_thread(void **state)
{
	const struct fake_answer gone = {.status = 404, .body = ERROR("NotFound")};
	struct herald_message message = fake_message("8:acs:r_anna", "Hi");
	const char *first_id = "a93f9905-3a3f-5979-922d-affcbd8d263c";

	(void)state;
	remember(&message, "{\"conversation\":{\"id\":\"19:old@thread.v2\"}}");
	for (uint32_t attempt = 1; attempt <= 2; attempt++) { /* the message is refused, or the look */
		struct fake_host *fake = bot_new();
		message.attempt = attempt;
		size_t ticket = fake_send(fake, &message, 1);
		fake_answer(fake, 0, token_answer);
		fake_answer(fake, 1, gone);
		assert_string_equal(fake_request(fake, 2)->url, BASE "/chat/threads?api-version=2024-03-07");
		assert_string_not_equal(fake_header(fake_request(fake, 2), "repeatability-request-id"),
					first_id);
		fake_answer(fake, 2, thread_answer);
		assert_string_equal(fake_memory(fake, ticket),
				    "{\"conversation\":{\"id\":\"19:acsV1_t@thread.v2\"}}");
		fake_answer(fake, 3, message_answer);
		spent(fake, ticket, HERALD_SENT, "2.0.0");

		/* Again the same id for the same loss; and one new thread in an attempt, not a chain of them.
		 */
		ticket = fake_send(fake, &message, 1);
		fake_answer(fake, 4, gone);
		assert_string_equal(fake_header(fake_request(fake, 5), "repeatability-request-id"),
				    fake_header(fake_request(fake, 2), "repeatability-request-id"));
		fake_answer(fake, 5, thread_answer);
		fake_answer(fake, 6, gone);
		spent(fake, ticket, HERALD_DEFERRED, "4.3.0");
		assert_int_equal(fake_request_count(fake), 7);
		fake_host_free(fake);
	}
	/* A thread that is itself the address is dead. */
	struct fake_host *fake = bot_new();
	message = fake_message("19:acsV1_t@thread.v2", "Hi");
	size_t ticket = fake_send(fake, &message, 1);
	fake_answer(fake, 0, token_answer);
	fake_answer(fake, 1, gone);
	spent(fake, ticket, HERALD_UNREACHABLE, "5.1.1");
	fake_host_free(fake);
}

static void memory_with_a_service_goes_by_the_connector(void **state)
{
	struct fake_host *fake = bot_new();
	struct herald_message message = fake_message("8:acs:r_anna", "Hi");

	(void)state;
	remember(&message, "{\"conversation\":{\"id\":\"19:t@thread.v2\"},\"serviceUrl\":\"https://"
			   "acs.botframework.com/\"}");
	fake_send(fake, &message, 1);
	assert_string_equal(fake_request(fake, 0)->url,
			    "https://acs.botframework.com/v3/conversations/19%3At%40thread.v2/activities");
	assert_string_equal(
		fake_request(fake, 0)->body,
		"{\"type\":\"message\",\"from\":{\"id\":\"8:acs:r_bot\"},\"conversation\":{\"id\":"
		"\"19:t@thread.v2\"},\"recipient\":{\"id\":\"8:acs:r_anna\"},\"text\":\"Hi\",\"textFormat\":"
		"\"plain\",\"channelData\":{\"deliveryId\":\"01JDELIVERY\"}}");
	fake_host_free(fake);
}

static void without_a_connector_everything_of_acs_goes_by_chat(void **state)
{
	static const char *const addresses[] = {"19:acsV1_t@thread.v2", "19:t@thread.v2"};

	(void)state;
	for (size_t i = 0; i < countof(addresses); i++) {
		struct fake_host *fake = chat_only_new();
		struct herald_message message = fake_message(addresses[i], "Hi");
		fake_send(fake, &message, 1);
		fake_answer(fake, 0, token_answer);
		assert_non_null(strstr(fake_request(fake, 1)->url, "/messages?"));
		fake_host_free(fake);
	}
	/* With both, only ACS's own threads do. */
	struct fake_host *fake = bot_new();
	struct herald_message message = fake_message("19:acsV1_t@thread.v2", "Hi");
	fake_send(fake, &message, 1);
	assert_non_null(strstr(fake_request(fake, 0)->url, ":issueAccessToken"));
	fake_host_free(fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_acs_user_who_never_wrote_gets_a_thread_and_the_message),
		cmocka_unit_test(the_chat_token_is_renewed_five_minutes_early),
		cmocka_unit_test(a_token_that_ends_at_once_is_used_once_and_not_asked_for_in_a_ring),
		cmocka_unit_test(a_token_with_odd_characters_is_none),
		cmocka_unit_test(a_401_fetches_one_new_token_and_a_second_stops_the_channel),
		cmocka_unit_test(a_user_whom_the_thread_refuses_is_unreachable),
		cmocka_unit_test(errors_of_identity_and_chat_follow_the_table),
		cmocka_unit_test(a_lost_chat_answer_is_uncertain_only_for_the_message),
		cmocka_unit_test(a_repeated_attempt_looks_before_it_writes_again),
		cmocka_unit_test(a_thread_that_is_gone_is_followed_by_one_new_thread),
		cmocka_unit_test(memory_with_a_service_goes_by_the_connector),
		cmocka_unit_test(without_a_connector_everything_of_acs_goes_by_chat),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

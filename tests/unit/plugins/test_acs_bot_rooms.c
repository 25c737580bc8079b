/* test_acs_bot_rooms.c - ids, memories, words and times: the pure rooms of acs_bot. */
#include "cmocka_first.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "acs_bot/address.h"
#include "acs_bot/body.h"
#include "acs_bot/memory.h"
#include "fake_message.h"

static void ids_are_told_apart_by_their_shape(void **state)
{
	static const struct {
		const char *id;
		enum address_kind kind;
	} rows[] = {
		{"29:1abc_DEF-2", ADDRESS_TEAMS_USER},
		{"8:orgid:11111111-2222-3333-4444-555555555555", ADDRESS_TEAMS_USER},
		{"8:acs:r_u", ADDRESS_ACS_USER},
		{"8:acs:1b5cc06b-f352-4571-b1e6-d9b259b7c776_00000018-8ba0-8e46", ADDRESS_ACS_USER},
		{"a:1conv", ADDRESS_CONVERSATION},
		{"19:abc@thread.tacv2", ADDRESS_CONVERSATION},
		{"19:abc@thread.tacv2;messageid=1776390257332", ADDRESS_CONVERSATION},
		{"19:abc@thread.skype", ADDRESS_CONVERSATION},
		{"19:acsV1_abc@thread.v2", ADDRESS_THREAD},
		{"19:0f3a@thread.v2;messageid=1", ADDRESS_THREAD},
		{"", ADDRESS_OTHER},
		{"29:", ADDRESS_OTHER},
		{"28:app", ADDRESS_OTHER},
		{"8:orgid:", ADDRESS_OTHER},
		{"8:orgid:a/b", ADDRESS_OTHER},
		{"8:acs:", ADDRESS_OTHER},
		{"8:acs:r", ADDRESS_OTHER},
		{"8:acs:_u", ADDRESS_OTHER},
		{"8:acs:r_", ADDRESS_OTHER},
		{"8:acs:r_u?x", ADDRESS_OTHER},
		{"8:live:x", ADDRESS_OTHER},
		{"a:", ADDRESS_OTHER},
		{"19:@thread.v2", ADDRESS_OTHER},
		{"19:abc", ADDRESS_OTHER},
		{"19:abc@thread.", ADDRESS_OTHER},
		{"19:abc@thread.;x", ADDRESS_OTHER},
		{"19:abc@evil.example", ADDRESS_OTHER},
		{"29:a b", ADDRESS_OTHER},
		{"29:a\nb", ADDRESS_OTHER},
		{"29:a\"b", ADDRESS_OTHER},
		{"29:\xC3\xA9", ADDRESS_OTHER},
		{"anna@example.com", ADDRESS_OTHER},
		{"+4366012345678", ADDRESS_OTHER},
	};
	char long_id[ADDRESS_CHARS_MAX + 2];

	(void)state;
	for (size_t i = 0; i < countof(rows); i++)
		if (address_kind(rows[i].id) != rows[i].kind)
			fail_msg("'%s' is %d", rows[i].id, address_kind(rows[i].id));
	memset(long_id, 'x', sizeof(long_id));
	memcpy(long_id, "29:", 3);
	long_id[ADDRESS_CHARS_MAX] = '\0';
	assert_int_equal(address_kind(long_id), ADDRESS_TEAMS_USER);
	long_id[ADDRESS_CHARS_MAX] = 'x';
	long_id[ADDRESS_CHARS_MAX + 1] = '\0';
	assert_int_equal(address_kind(long_id), ADDRESS_OTHER);
	assert_true(address_is_acs_thread("19:acsV1_abc@thread.v2"));
	assert_false(address_is_acs_thread("19:0f3a@thread.v2"));
	assert_false(address_is_acs_thread("19:acs@thread.tacv2"));
}

static bool read_memory(const char *text, struct bot_memory *ret_memory)
{
	return bot_memory_read((struct herald_text){text, strlen(text)}, ret_memory);
}

static void a_memory_is_read_back_as_it_was_written(void **state)
{
	struct bot_memory memory = {"a:1\"x", "https://h/teams"}, back;
	struct herald_builder builder;

	(void)state;
	herald_builder_init(&builder, 2000);
	bot_memory_write(&memory, &builder);
	assert_string_equal(builder.data,
			    "{\"conversation\":{\"id\":\"a:1\\\"x\"},\"serviceUrl\":\"https://h/teams\"}");
	assert_true(read_memory(builder.data, &back));
	assert_memory_equal(&memory, &back, sizeof(back));
	herald_builder_clear(&builder);
	memory.service_url[0] = '\0';
	bot_memory_write(&memory, &builder);
	assert_string_equal(builder.data, "{\"conversation\":{\"id\":\"a:1\\\"x\"}}");
	assert_true(read_memory(builder.data, &back));
	assert_string_equal(back.service_url, "");
	herald_builder_done(&builder);
}

static void a_memory_that_says_nothing_is_none(void **state)
{
	static const char *const bad[] = {"",
					  "x",
					  "[]",
					  "{}",
					  "{\"conversation\":\"a:1\"}",
					  "{\"conversation\":{\"id\":\"\"}}",
					  "{\"conversation\":{\"id\":7}}",
					  "{\"conversation\":{\"id\":\"a:1\"}"};
	struct bot_memory memory;
	char text[600];

	(void)state;
	for (size_t i = 0; i < countof(bad); i++)
		assert_false(read_memory(bad[i], &memory));
	snprintf(text, sizeof(text), "{\"conversation\":{\"id\":\"%0*d\"}}", ADDRESS_CHARS_MAX, 1);
	assert_true(read_memory(text, &memory));
	snprintf(text, sizeof(text), "{\"conversation\":{\"id\":\"%0*d\"}}", ADDRESS_CHARS_MAX + 1, 1);
	assert_false(read_memory(text, &memory));
}

static void words_are_a_card_or_a_text_never_both(void **state)
{
	static const char card[] = "{\"type\":\"AdaptiveCard\",\"version\":\"1.5\",\"body\":[]}";
	struct herald_message message = fake_message("29:1", "text");
	struct bot_words words;
	struct herald_error err = {0};

	(void)state;
	assert_true(bot_words_choose(&message, 4, &words, &err));
	assert_int_equal(words.card.size, 0);
	assert_false(bot_words_choose(&message, 3, &words, &err));
	assert_int_equal(err.code, HERALD_LIMIT);

	message.card = (struct herald_text){card, strlen(card)};
	assert_true(bot_words_choose(&message, strlen(card), &words, &err));
	assert_int_equal(words.card.size, strlen(card));
	/* Too long a card becomes text. */
	assert_true(bot_words_choose(&message, strlen(card) - 1, &words, &err));
	assert_int_equal(words.card.size, 0);

	message.card = (struct herald_text){"{\"type\":\"Other\"}", 16};
	assert_false(bot_words_choose(&message, 100, &words, &err));
	assert_int_equal(err.code, HERALD_INVALID);
	message.card.size = 0;
	message.text = (struct herald_text){"", 0};
	assert_false(bot_words_choose(&message, 100, &words, &err));
	message.subject = "subject";
	assert_true(bot_words_choose(&message, 100, &words, &err));
	assert_string_equal(words.text.data, "subject");
}

static void an_activity_is_plain_text_whatever_it_says(void **state)
{
	struct herald_message message = fake_message(
		"29:1", "[x](javascript:alert(1)) <at>everyone</at> ![](http://169.254.169.254/)");
	struct bot_activity activity = {.bot_id = "28:app",
					.conversation = "a:1",
					.recipient = "29:1",
					.message = &message,
					.words = {.text = message.text}};
	struct herald_builder body;

	(void)state;
	herald_builder_init(&body, 10000);
	body_activity(&activity, &body);
	assert_string_equal(
		body.data,
		"{\"type\":\"message\",\"from\":{\"id\":\"28:app\"},\"conversation\":{\"id\":\"a:1\"},"
		"\"recipient\":{\"id\":\"29:1\"},\"text\":\"[x](javascript:alert(1)) <at>everyone</at> "
		"![](http://169.254.169.254/)\",\"textFormat\":\"plain\",\"channelData\":{"
		"\"notification\":{\"alert\":true}}}");
	herald_builder_done(&body);
}

static void a_card_goes_without_text_and_with_a_summary(void **state)
{
	static const char card[] = "{\"type\":\"AdaptiveCard\",\"version\":\"1.5\"}";
	struct herald_message message = fake_message("29:1", "fallback");
	struct bot_activity activity = {.bot_id = "28:app",
					.conversation = "a:1",
					.recipient = "",
					.message = &message,
					.words = {message.text, {card, strlen(card)}}};
	struct herald_builder body;

	(void)state;
	message.subject = "Disk full";
	message.priority = HERALD_BULK;
	herald_builder_init(&body, 10000);
	body_activity(&activity, &body);
	json_t *json = json_loads(body.data, 0, NULL);
	assert_non_null(json);
	assert_null(json_object_get(json, "text"));
	assert_null(json_object_get(json, "recipient"));
	assert_null(json_object_get(json, "channelData"));
	assert_string_equal(json_string_value(json_object_get(json, "summary")), "Disk full");
	json_t *attachment = json_array_get(json_object_get(json, "attachments"), 0);
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(attachment, "content"), "type")),
		"AdaptiveCard");
	json_decref(json);

	/* A line of text, or none. */
	char longest[1002];
	memset(longest, 's', sizeof(longest));
	longest[1001] = '\0';
	for (size_t size = 1001; size >= 1000; size--) {
		longest[size] = '\0';
		message.subject = longest;
		herald_builder_clear(&body);
		body_activity(&activity, &body);
		assert_int_equal(strstr(body.data, "\"summary\"") != NULL, size == 1000);
	}
	herald_builder_done(&body);
}

static void one_person_has_one_repeatability_id(void **state)
{
	char one[HERALD_UUID_CHARS + 1], two[HERALD_UUID_CHARS + 1];

	(void)state;
	thread_repeatability("8:acs:r_bot", "8:acs:r_anna", "", one);
	assert_string_equal(one, "a93f9905-3a3f-5979-922d-affcbd8d263c");
	thread_repeatability("8:acs:r_bot", "8:acs:r_anna", "", two);
	assert_string_equal(one, two);
	thread_repeatability("8:acs:r_bot", "8:acs:r_bert", "", two);
	assert_string_not_equal(one, two);
	thread_repeatability("8:acs:r_bot2", "8:acs:r_anna", "", two);
	assert_string_not_equal(one, two);
	thread_repeatability("8:acs:r_bot", "8:acs:r_anna", "19:gone@thread.v2", two);
	assert_string_not_equal(one, two);
}

static void times_are_read_as_the_services_write_them(void **state)
{
	static const struct {
		const char *text;
		int64_t at_s;
	} rows[] = {
		{"2023-10-10T21:39:39.3244584+00:00", 1696973979},
		{"2023-10-10T21:39:39Z", 1696973979},
		{"2023-10-10T23:39:39+02:00", 1696973979},
		{"2023-10-10T16:09:39-0530", 1696973979},
		{"2023-10-10", 0},
		{"2023-10-10T21:39:39", 0},
		{"2023-10-10T21:39:39+", 0},
		{"2023-10-10T21:39:39+02:0", 0},
		{"2023-10-10T21:39:39+02:000", 0},
		{"2023-13-10T21:39:39Z", 0},
		{"", 0},
		{"soon, very soon, in a moment", 0},
	};
	char text[32];

	(void)state;
	for (size_t i = 0; i < countof(rows); i++)
		assert_int_equal(rfc3339_read(rows[i].text), rows[i].at_s * 1000);
	rfc3339_write(1696973979999, text);
	assert_string_equal(text, "2023-10-10T21:39:39Z");
	rfc3339_write(-5, text);
	assert_string_equal(text, "1970-01-01T00:00:00Z");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ids_are_told_apart_by_their_shape),
		cmocka_unit_test(a_memory_is_read_back_as_it_was_written),
		cmocka_unit_test(a_memory_that_says_nothing_is_none),
		cmocka_unit_test(words_are_a_card_or_a_text_never_both),
		cmocka_unit_test(an_activity_is_plain_text_whatever_it_says),
		cmocka_unit_test(a_card_goes_without_text_and_with_a_summary),
		cmocka_unit_test(one_person_has_one_repeatability_id),
		cmocka_unit_test(times_are_read_as_the_services_write_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

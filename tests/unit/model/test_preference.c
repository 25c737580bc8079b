/* Preferences are read as they were said; one level never touches another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <jansson.h>

#include "model/preference.h"

static void every_level_is_kept_beside_the_others(void **state)
{
	static const char *const text =
		"{\"version\":12,\"unsubscribed_all\":true,\"muted_until\":\"2026-11-25T00:00:00Z\","
		"\"order\":[\"bot\",\"sms\"],"
		"\"channels\":{\"sms\":false,\"sms-eu\":true},\"categories\":{\"marketing\":false,"
		"\"order.shipped\":{\"enabled\":true,\"channels\":{\"email\":false},\"strategy\":\"first\"}}"
		"}";
	struct arena *arena = arena_new();
	json_t *body = json_loads(text, 0, NULL);
	const struct category_choice *choice;
	struct preference preference;
	struct faults faults;
	bool is_on;

	(void)state;
	faults_init(&faults, arena);
	assert_true(preference_parse(body, &preference, &faults));
	assert_true(preference.is_unsubscribed_all);
	assert_true(preference.muted_until_ms > 0);
	assert_int_equal(preference.order_count, 2);
	assert_true(choice_find(preference.channels, preference.channel_count, "sms-us", "sms", &is_on));
	assert_false(is_on);
	assert_true(choice_find(preference.channels, preference.channel_count, "sms-eu", "sms", &is_on));
	assert_true(is_on); /* the name is more specific than the kind */
	assert_false(choice_find(preference.channels, preference.channel_count, "mail", "email", &is_on));
	choice = preference_category(&preference, "marketing");
	assert_non_null(choice);
	assert_true(choice->has_enabled && !choice->is_enabled);
	choice = preference_category(&preference, "order.shipped");
	assert_int_equal(choice->strategy, STRATEGY_FIRST);
	assert_null(preference_category(&preference, "order"));
	json_decref(body);
	arena_free(arena);
}

static void a_typo_never_drops_a_preference_in_silence(void **state)
{
	static const struct {
		const char *body, *pointer, *fault;
	} rows[] = {
		{"{\"chanels\":{}}", "/chanels", "unknown"},
		{"{\"channels\":{\"sms\":\"no\"}}", "/channels/sms", "type"},
		{"{\"channels\":{\"S M S\":false}}", "/channels/S M S", "syntax"},
		{"{\"categories\":{\"a\":{\"enable\":true}}}", "/categories/a/enable", "unknown"},
		{"{\"categories\":{\"a\":7}}", "/categories/a", "type"},
		{"{\"quiet_hours\":[]}", "/quiet_hours", "unsupported"},
		{"{\"muted_until\":true}", "/muted_until", "syntax"},
		{"{\"order\":[7]}", "/order/0", "type"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct arena *arena = arena_new();
		json_t *body = json_loads(rows[i].body, 0, NULL);
		struct preference preference;
		struct faults faults;

		faults_init(&faults, arena);
		assert_false(preference_parse(body, &preference, &faults));
		assert_string_equal(faults.items[0].pointer, rows[i].pointer);
		assert_string_equal(faults.items[0].fault, rows[i].fault);
		json_decref(body);
		arena_free(arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_level_is_kept_beside_the_others),
		cmocka_unit_test(a_typo_never_drops_a_preference_in_silence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What a caller may say, and what they hear when it is wrong: a pointer, a word, a sentence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <jansson.h>

#include "model/notification.h"

struct scene {
	struct arena *arena;
	json_t *body;
	struct faults faults;
	struct notification notification;
	bool is_good;
};

static void parse(struct scene *scene, const char *text)
{
	scene->arena = arena_new();
	scene->body = json_loads(text, 0, NULL);
	assert_non_null(scene->body);
	faults_init(&scene->faults, scene->arena);
	scene->is_good =
		notification_parse(scene->body, NOTIFICATION_POST, &scene->notification, &scene->faults);
}

static void end(struct scene *scene)
{
	json_decref(scene->body);
	arena_free(scene->arena);
}

static void a_whole_notification_is_read(void **state)
{
	struct scene scene;

	(void)state;
	parse(&scene,
	      "{\"category\":\"order.shipped\",\"to\":[{\"recipient\":\"u-17\",\"label\":\"work\"},"
	      "{\"addresses\":[{\"kind\":\"email\",\"address\":\"a@example.org\"}],\"locale\":\"de\"}],"
	      "\"data\":{\"order\":\"4711\"},\"content\":{\"default\":{\"text\":\"hi\"}},\"channels\":["
	      "\"bot\",\"sms-eu\"],"
	      "\"strategy\":\"first\",\"priority\":\"high\",\"send_at\":\"2026-11-25T08:00:00+01:00\","
	      "\"expires_in\":\"2d\","
	      "\"dedup\":{\"key\":\"k\",\"for\":\"1h\"},\"correlation_id\":\"c\",\"replaces\":\"ntf_"
	      "0000000000001\","
	      "\"test\":true,\"metadata\":{\"a\":1}}");
	assert_true(scene.is_good);
	assert_string_equal(scene.notification.category, "order.shipped");
	assert_int_equal(scene.notification.target_count, 2);
	assert_string_equal(scene.notification.targets[0].recipient, "u-17");
	assert_string_equal(scene.notification.targets[0].label, "work");
	assert_string_equal(scene.notification.targets[1].addresses[0].address, "a@example.org");
	assert_int_equal(scene.notification.strategy, STRATEGY_FIRST);
	assert_int_equal(scene.notification.priority, HERALD_HIGH);
	assert_int_equal(scene.notification.expires_in_ms, INT64_C(172800000));
	assert_int_equal(scene.notification.dedup_for_ms, INT64_C(3600000));
	assert_int_equal(scene.notification.replaces, 1);
	assert_true(scene.notification.is_test);
	assert_string_equal(scene.notification.metadata, "{\"a\":1}");
	end(&scene);
}

static void each_bad_body_names_its_fault(void **state)
{
	static const struct {
		const char *body, *pointer, *fault, *problem;
	} rows[] = {
		{"{\"to\":[{\"recipient\":\"u\"}]}", "/category", "missing", "invalid"},
		{"{\"category\":\"a\"}", "/to", "missing", "invalid"},
		{"{\"category\":\"A b\",\"to\":[{\"recipient\":\"u\"}]}", "/category", "syntax", "invalid"},
		{"{\"category\":\"a\",\"to\":[]}", "/to", "range", "invalid"},
		{"{\"category\":\"a\",\"to\":[\"u\"]}", "/to/0", "type", "invalid"},
		{"{\"category\":\"a\",\"to\":[{\"recipient\":7}]}", "/to/0/recipient", "type", "invalid"},
		{"{\"category\":\"a\",\"to\":[{}]}", "/to/0", "missing", "invalid"},
		{"{\"category\":\"a\",\"to\":[{\"topic\":\"t\"}]}", "/to/0/topic", "unsupported",
		 "unsupported"},
		{"{\"category\":\"a\",\"to\":[{\"recipient\":\"u\"}],\"template\":\"t\"}", "/template",
		 "unsupported", "unsupported"},
		{"{\"category\":\"a\",\"to\":[{\"recipient\":\"u\"}],\"digest_key\":\"t\"}", "/digest_key",
		 "unsupported", "unsupported"},
		{"{\"category\":\"a\",\"to\":[{\"recipient\":\"u\"}],\"strategy\":\"escalate\"}", "/strategy",
		 "unsupported", "unsupported"},
		{"{\"category\":\"a\",\"to\":[{\"recipient\":\"u\"}],\"content\":{\"bot\":{\"card\":{}}}}",
		 "/content/bot/card", "unsupported", "unsupported"},
		{"{\"category\":\"a\",\"to\":[{\"recipient\":\"u\"}],\"contents\":{}}", "/contents",
		 "unknown", "invalid"},
		{"{\"category\":\"a\",\"to\":[{\"recipient\":\"u\"}],\"priority\":1000}", "/priority", "type",
		 "invalid"},
		{"{\"category\":\"a\",\"to\":[{\"recipient\":\"u\"}],\"priority\":\"urgent\"}", "/priority",
		 "range", "invalid"},
		{"{\"category\":\"a\",\"to\":[{\"recipient\":\"u\"}],\"expires_in\":-1}", "/expires_in",
		 "syntax", "invalid"},
		{"{\"category\":\"a\",\"to\":[{\"recipient\":\"u\"}],\"send_at\":\"22:00\"}", "/send_at",
		 "syntax", "invalid"},
		{"{\"category\":\"a\",\"to\":[{\"recipient\":\"u\"}],\"dedup\":{\"key\":\"k\",\"for\":"
		 "\"80h\"}}",
		 "/dedup/for", "range", "invalid"},
		{"{\"category\":\"a\",\"to\":[{\"recipient\":\"u\"}],\"test\":null}", "/test", "type",
		 "invalid"},
		{"{\"category\":\"a\",\"to\":[{\"recipient\":\"u\"}],\"__proto__\":{}}", "/__proto__",
		 "unknown", "invalid"},
		{"{\"category\":\"a\",\"to\":[{\"recipient\":\"u\"}],"
		 "\"content\":{\"email\":{\"headers\":{\"Received\":\"x\"}}}}",
		 "/content/email/headers/Received", "syntax", "invalid"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct scene scene;

		parse(&scene, rows[i].body);
		assert_false(scene.is_good);
		assert_string_equal(scene.faults.items[0].pointer, rows[i].pointer);
		assert_string_equal(scene.faults.items[0].fault, rows[i].fault);
		assert_string_equal(scene.faults.problem, rows[i].problem);
		assert_true(strlen(scene.faults.items[0].detail) > 5);
		end(&scene);
	}
}

static void at_most_fifty_faults_are_kept_and_all_are_counted(void **state)
{
	struct arena *arena = arena_new();
	struct faults faults;

	(void)state;
	faults_init(&faults, arena);
	for (int i = 0; i < 60; i++)
		faults_add(&faults, "/x", "range", "number %d", i);
	assert_int_equal(faults.count, 60);
	assert_string_equal(faults.items[FAULTS_MAX - 1].detail, "number 49");
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_notification_is_read),
		cmocka_unit_test(each_bad_body_names_its_fault),
		cmocka_unit_test(at_most_fifty_faults_are_kept_and_all_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The rules of preference as a table: who gets what on which channel, and the reason for every channel left
 * out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <jansson.h>

#include "route/plan.h"

#define NOW INT64_C(1764000000000)
#define OPERATORS_MS INT64_C(5000)

/* bot, two SMS channels of one kind, mail; the second SMS channel is the spare. */
static struct roster_channel channels[] = {
	{.number = 1, .name = "teams", .kind = "bot", .state = CHANNEL_RUNNING},
	{.number = 2, .name = "sms-eu", .kind = "sms", .state = CHANNEL_RUNNING},
	{.number = 3, .name = "sms-us", .kind = "sms", .state = CHANNEL_RUNNING},
	{.number = 4, .name = "mail", .kind = "email", .state = CHANNEL_RUNNING},
};

static const struct plan_address places[] = {
	{.row = 1,
	 .kind = "bot",
	 .channel = "",
	 .address = "29:1",
	 .label = "",
	 .destination = "",
	 .is_checked = true},
	{.row = 2,
	 .kind = "sms",
	 .channel = "",
	 .address = "+43660",
	 .label = "",
	 .destination = "",
	 .is_checked = true},
	{.row = 3,
	 .kind = "email",
	 .channel = "",
	 .address = "a@b.example",
	 .label = "home",
	 .destination = "b.example",
	 .is_checked = true},
	{.row = 4,
	 .kind = "email",
	 .channel = "",
	 .address = "w@b.example",
	 .label = "work",
	 .destination = "b.example",
	 .is_checked = true,
	 .is_verified = true},
};

struct scene {
	struct arena *arena;
	struct faults faults;
	json_t *trees[3];
	struct notification notification;
	struct category category;
	struct plan_person person;
	struct plan plan;
	enum herald_code code;
};

static const char *const usual = "{\"category\":\"news\",\"to\":[{\"recipient\":\"u\"}],\"content\":{"
				 "\"default\":{\"text\":\"hi {{recipient.name}}\"}}}";

static void route(struct scene *scene, const char *notification, const char *category, const char *preference)
{
	const struct roster roster = {.channels = channels, .channel_count = 4};
	struct plan_input input;

	*scene = (struct scene){.arena = arena_new()};
	faults_init(&scene->faults, scene->arena);
	scene->trees[0] = json_loads(notification, 0, NULL);
	scene->trees[1] = json_loads(category, 0, NULL);
	scene->trees[2] = json_loads(preference, 0, NULL);
	assert_true(
		notification_parse(scene->trees[0], NOTIFICATION_POST, &scene->notification, &scene->faults));
	assert_true(category_parse(scene->trees[1], "news", &scene->category, &scene->faults));
	scene->person = (struct plan_person){.id = "u",
					     .is_known = true,
					     .row = 7,
					     .version = 3,
					     .name = "Ada",
					     .locale = "de",
					     .timezone = "",
					     .addresses = places,
					     .address_count = 4,
					     .label = scene->notification.targets[0].label};
	assert_true(preference_parse(scene->trees[2], &scene->person.preference, &scene->faults));
	input = (struct plan_input){.now_ms = NOW,
				    .notification = &scene->notification,
				    .category = &scene->category,
				    .roster = &roster,
				    .people = &scene->person,
				    .person_count = 1,
				    .expires_in_ms = OPERATORS_MS,
				    .wants_why = true};
	scene->code = plan_make(&input, &scene->plan, &scene->faults);
}

static void end(struct scene *scene)
{
	for (int i = 0; i < 3; i++)
		json_decref(scene->trees[i]);
	arena_free(scene->arena);
}

/* "teams sms-eu mail | sms:opted_out_channel": deliveries in order, then what was left out. */
static const char *outcome(const struct scene *scene)
{
	static char text[512];
	size_t used = 0;

	text[0] = 0;
	for (size_t i = 0; i < scene->plan.delivery_count; i++) {
		const struct plan_delivery *delivery = &scene->plan.deliveries[i];

		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s%s", i ? " " : "",
					 delivery->channel->name,
					 delivery->state == DELIVERY_HELD ? "(held)" : "");
	}
	for (size_t i = 0; i < scene->plan.left_out_count; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s:%s", i ? " " : " | ",
					 scene->plan.left_out[i].channel,
					 reason_name(scene->plan.left_out[i].reason));
	return text;
}

static void each_rule_of_preference_holds(void **state)
{
	static const struct {
		const char *category, *preference, *expected;
	} rows[] = {
		/* nothing chosen: one delivery per kind */
		{"{}", "{}", "teams sms-eu mail"},
		{"{\"channels\":{\"email\":true,\"sms\":true}}", "{}", "sms-eu mail | bot:channel_disabled"},
		{"{\"channels\":{\"email\":true,\"sms\":false}}", "{\"channels\":{\"sms\":true}}",
		 "sms-eu mail | bot:channel_disabled"},
		/* the two gates */
		{"{}", "{\"unsubscribed_all\":true,\"channels\":{\"sms\":true}}",
		 " | bot:opted_out_all sms:opted_out_all email:opted_out_all"},
		{"{}", "{\"muted_until\":\"2099-01-01T00:00:00Z\"}", " | bot:muted sms:muted email:muted"},
		{"{}", "{\"muted_until\":\"2020-01-01T00:00:00Z\"}", "teams sms-eu mail"},
		{"{\"required\":true}",
		 "{\"unsubscribed_all\":true,\"muted_until\":\"2099-01-01T00:00:00Z\"}", "teams sms-eu mail"},
		/* choices, most specific first */
		{"{}", "{\"channels\":{\"sms\":false}}", "teams mail | sms:opted_out_channel"},
		{"{}", "{\"channels\":{\"sms-eu\":false}}", "teams sms-us mail"},
		{"{}", "{\"categories\":{\"news\":false}}",
		 " | bot:opted_out_category sms:opted_out_category email:opted_out_category"},
		{"{}", "{\"categories\":{\"news\":{\"enabled\":false,\"channels\":{\"sms\":true}}}}",
		 "sms-eu | bot:opted_out_category email:opted_out_category"},
		{"{}",
		 "{\"channels\":{\"sms\":false},\"categories\":{\"news\":{\"channels\":{\"sms\":true}}}}",
		 "teams sms-eu mail"},
		{"{}", "{\"channels\":{\"sms\":false},\"categories\":{\"news\":true}}",
		 "teams mail | sms:opted_out_channel"},
		{"{}", "{\"categories\":{\"other\":false}}", "teams sms-eu mail"},
		/* required cannot be switched off, but the channel may be chosen */
		{"{\"required\":true}", "{\"categories\":{\"news\":false}}", "teams sms-eu mail"},
		{"{\"required\":true}", "{\"channels\":{\"sms\":false,\"bot\":false}}",
		 "mail | bot:opted_out_channel sms:opted_out_channel"},
		/* strategy first, in the recipient's order */
		{"{\"strategy\":\"first\"}", "{}", "teams sms-eu(held) mail(held)"},
		{"{\"strategy\":\"first\"}", "{\"order\":[\"email\",\"sms-eu\"]}",
		 "mail sms-eu(held) teams(held)"},
		{"{}", "{\"categories\":{\"news\":{\"strategy\":\"first\"}},\"order\":[\"sms\"]}",
		 "sms-eu teams(held) mail(held)"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct scene scene;

		route(&scene, usual, rows[i].category, rows[i].preference);
		assert_int_equal(scene.code, HERALD_OK);
		assert_string_equal(outcome(&scene), rows[i].expected);
		end(&scene);
	}
}

static void every_candidate_is_one_delivery_or_one_reason(void **state)
{
	struct scene scene;

	(void)state;
	route(&scene, usual, "{}", "{\"channels\":{\"bot\":false}}");
	assert_int_equal(scene.plan.delivery_count + scene.plan.left_out_count, 3);
	for (size_t i = 0; i < scene.plan.left_out_count; i++) {
		assert_true(strlen(scene.plan.left_out[i].detail) > 5);
		assert_true(strlen(scene.plan.left_out[i].rule) > 3);
	}
	assert_string_equal(scene.plan.deliveries[0].why[0], "category news allows sms");
	end(&scene);
}

static void a_verified_address_goes_before_and_a_label_chooses(void **state)
{
	struct scene scene;

	(void)state;
	route(&scene, usual, "{\"channels\":{\"email\":true}}", "{}");
	assert_string_equal(scene.plan.deliveries[0].address->address, "w@b.example");
	end(&scene);
	route(&scene,
	      "{\"category\":\"news\",\"to\":[{\"recipient\":\"u\",\"label\":\"home\"}],\"content\":{"
	      "\"default\":{\"text\":\"x\"}}}",
	      "{}", "{}");
	assert_string_equal(outcome(&scene), "mail | bot:no_address sms:no_address");
	assert_string_equal(scene.plan.deliveries[0].address->address, "a@b.example");
	end(&scene);
}

static void naming_channels_narrows_and_never_widens(void **state)
{
	struct scene scene;

	(void)state;
	route(&scene,
	      "{\"category\":\"news\",\"to\":[{\"recipient\":\"u\"}],\"channels\":[\"sms-us\",\"email\"],"
	      "\"content\":{\"default\":{\"text\":\"x\"}}}",
	      "{}", "{\"channels\":{\"email\":false}}");
	assert_string_equal(outcome(&scene), "sms-us | email:opted_out_channel");
	end(&scene);
	route(&scene,
	      "{\"category\":\"news\",\"to\":[{\"recipient\":\"u\"}],\"channels\":[\"sms-us\",\"sms-eu\"],"
	      "\"content\":{\"default\":{\"text\":\"x\"}}}",
	      "{}", "{}");
	assert_string_equal(outcome(&scene), "sms-us sms-eu");
	end(&scene);
	route(&scene,
	      "{\"category\":\"news\",\"to\":[{\"recipient\":\"u\"}],\"channels\":[\"pigeon\"],"
	      "\"content\":{\"default\":{\"text\":\"x\"}}}",
	      "{}", "{}");
	assert_int_equal(scene.code, HERALD_INVALID);
	assert_string_equal(scene.faults.problem, "unknown_channel");
	end(&scene);
}

static void the_first_alternative_that_runs_carries(void **state)
{
	struct scene scene;

	(void)state;
	channels[1].state = CHANNEL_MISCONFIGURED;
	route(&scene, usual, "{\"channels\":{\"sms\":true}}", "{}");
	assert_string_equal(scene.plan.deliveries[0].channel->name, "sms-us");
	end(&scene);
	channels[2].state = CHANNEL_RESTARTING;
	route(&scene, usual, "{\"channels\":{\"sms\":true}}", "{}");
	assert_string_equal(scene.plan.deliveries[0].channel->name, "sms-eu");
	end(&scene);
	channels[1].state = channels[2].state = CHANNEL_RUNNING;
}

static void words_are_chosen_field_by_field_and_stored_once(void **state)
{
	struct scene scene;

	(void)state;
	route(&scene,
	      "{\"category\":\"news\",\"to\":[{\"recipient\":\"u\"}],\"content\":{\"default\":{\"subject\":"
	      "\"S\",\"text\":\"T\"},"
	      "\"email\":{\"html\":\"<p>H\"}}}",
	      "{}", "{}");
	assert_int_equal(scene.plan.delivery_count, 3);
	assert_int_equal(scene.plan.body_count, 2);
	assert_int_equal(scene.plan.deliveries[0].body, scene.plan.deliveries[1].body);
	assert_int_not_equal(scene.plan.deliveries[0].body, scene.plan.deliveries[2].body);
	end(&scene);
	route(&scene,
	      "{\"category\":\"news\",\"to\":[{\"recipient\":\"u\"}],\"content\":{\"sms\":{\"text\":\"T\"}}}",
	      "{}", "{}");
	assert_string_equal(outcome(&scene), "sms-eu | teams:content_missing mail:content_missing");
	end(&scene);
}

static void a_missing_value_is_refused_before_anything_is_promised(void **state)
{
	struct scene scene;

	(void)state;
	route(&scene,
	      "{\"category\":\"news\",\"to\":[{\"recipient\":\"u\"}],\"content\":{\"default\":{\"text\":\"{{"
	      "order}}\"}}}",
	      "{}", "{}");
	assert_int_equal(scene.code, HERALD_INVALID);
	assert_int_equal(scene.plan.delivery_count, 0);
	assert_string_equal(scene.faults.items[0].fault, "missing");
	end(&scene);
	route(&scene,
	      "{\"category\":\"news\",\"to\":[{\"recipient\":\"u\"}],\"priority\":\"critical\","
	      "\"content\":{\"default\":{\"text\":\"x\"}}}",
	      "{}", "{}");
	assert_int_equal(scene.code, HERALD_INVALID);
	assert_string_equal(scene.faults.items[0].pointer, "/priority");
	end(&scene);
	route(&scene, "{\"category\":\"news\",\"to\":[{\"recipient\":\"u\"}]}", "{}", "{}");
	assert_string_equal(scene.faults.problem, "content_missing");
	end(&scene);
}

static void what_was_planned_is_held_against_what_changed(void **state)
{
	struct scene scene;
	const char *rule;

	(void)state;
	route(&scene, usual, "{}", "{\"channels\":{\"sms\":false}}");
	assert_int_equal(plan_recheck(&scene.category, &scene.person, "sms-eu", "sms", "+43660", NOW, &rule),
			 REASON_opted_out_channel);
	assert_int_equal(plan_recheck(&scene.category, &scene.person, "teams", "bot", "29:1", NOW, &rule),
			 REASON_none);
	assert_int_equal(plan_recheck(&scene.category, &scene.person, "teams", "bot", "29:2", NOW, &rule),
			 REASON_no_address);
	end(&scene);
}

/* The same person again, planned as two of the list. */
static void somebody_named_twice_is_planned_once(void **state)
{
	const struct roster roster = {.channels = channels, .channel_count = 4};
	struct plan_person twice[2];
	struct plan_input input;
	struct scene scene;
	size_t deliveries;

	(void)state;
	route(&scene, usual, "{}", "{}");
	deliveries = scene.plan.delivery_count;
	twice[0] = twice[1] = scene.person;
	input = (struct plan_input){.now_ms = NOW,
				    .notification = &scene.notification,
				    .category = &scene.category,
				    .roster = &roster,
				    .people = twice,
				    .person_count = 2};
	assert_int_equal(plan_make(&input, &scene.plan, &scene.faults), HERALD_OK);
	assert_int_equal(scene.plan.delivery_count, deliveries);
	assert_ptr_equal(scene.plan.left_out[scene.plan.left_out_count - 1].person, &twice[1]);
	assert_int_equal(scene.plan.left_out[scene.plan.left_out_count - 1].reason, REASON_duplicate);
	end(&scene);
}

static void a_channel_that_never_said_what_it_carries_is_left_out_by_its_name(void **state)
{
	struct scene scene;

	(void)state;
	channels[3].kind = "";
	channels[3].state = CHANNEL_MISCONFIGURED;
	route(&scene, usual, "{}", "{}");
	channels[3].kind = "email";
	channels[3].state = CHANNEL_RUNNING;
	assert_int_equal(scene.code, HERALD_OK);
	assert_int_equal(scene.plan.delivery_count, 2);
	assert_int_equal(scene.plan.left_out_count, 1);
	assert_string_equal(scene.plan.left_out[0].channel, "mail");
	assert_int_equal(scene.plan.left_out[0].reason, REASON_channel_disabled);
	end(&scene);
}

static void the_caller_says_when_it_expires_then_the_category_then_the_operator(void **state)
{
	static const char *const said =
		"{\"category\":\"news\",\"to\":[{\"recipient\":\"u\"}],\"expires_in\":\"1h\","
		"\"content\":{\"default\":{\"text\":\"hi\"}}}";
	struct scene scene;

	(void)state;
	route(&scene, said, "{\"expires_in\":\"2h\"}", "{}");
	assert_int_equal(scene.plan.expires_at_ms, NOW + 3600000);
	end(&scene);
	route(&scene, usual, "{\"expires_in\":\"2h\"}", "{}");
	assert_int_equal(scene.plan.expires_at_ms, NOW + 7200000);
	end(&scene);
	route(&scene, usual, "{}", "{}");
	assert_int_equal(scene.plan.expires_at_ms, NOW + OPERATORS_MS);
	end(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_rule_of_preference_holds),
		cmocka_unit_test(every_candidate_is_one_delivery_or_one_reason),
		cmocka_unit_test(a_verified_address_goes_before_and_a_label_chooses),
		cmocka_unit_test(naming_channels_narrows_and_never_widens),
		cmocka_unit_test(the_first_alternative_that_runs_carries),
		cmocka_unit_test(words_are_chosen_field_by_field_and_stored_once),
		cmocka_unit_test(a_missing_value_is_refused_before_anything_is_promised),
		cmocka_unit_test(what_was_planned_is_held_against_what_changed),
		cmocka_unit_test(somebody_named_twice_is_planned_once),
		cmocka_unit_test(a_channel_that_never_said_what_it_carries_is_left_out_by_its_name),
		cmocka_unit_test(the_caller_says_when_it_expires_then_the_category_then_the_operator),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

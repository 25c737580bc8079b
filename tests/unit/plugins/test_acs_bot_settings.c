/* test_acs_bot_settings.c - which addresses and settings acs_bot takes, and what it says of the others. */
#include "cmocka_first.h"

#include <stdio.h>
#include <string.h>

#include "bot_fixture.h"
#include "herald/kit.h"

static void check_address_takes_what_the_settings_can_reach(void **state)
{
	struct fake_host *all = bot_new(), *teams = teams_only_new(), *chat = chat_only_new();
	static const struct {
		const char *address;
		bool all, teams, chat;
	} rows[] = {
		{"29:1abc", true, true, false},       {"8:orgid:11111111-2222", true, true, false},
		{"a:1conv", true, true, false},       {"19:x@thread.tacv2", true, true, false},
		{"8:acs:r_anna", true, false, true},  {"19:acsV1_t@thread.v2", true, true, true},
		{"8:acs:r_bot", false, false, false}, {"anna@example.com", false, false, false},
		{"29:1 abc", false, false, false},    {"", false, false, false},
	};
	const struct herald_plugin *plugin = herald_channel_v1();

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct fake_host *const hosts[] = {all, teams, chat};
		const bool want[] = {rows[i].all, rows[i].teams, rows[i].chat};
		for (size_t j = 0; j < 3; j++) {
			char canonical[64] = "";
			struct herald_error err = {0};
			enum herald_code code = plugin->check_address(fake_self(hosts[j]), rows[i].address,
								      canonical, sizeof(canonical), &err);
			if (code != (want[j] ? HERALD_OK : HERALD_INVALID))
				fail_msg("'%s' at %zu: %d %s", rows[i].address, j, code, err.text);
			assert_string_equal(canonical, want[j] ? rows[i].address : "");
		}
	}
	char small[7];
	assert_int_equal(plugin->check_address(fake_self(all), "29:1abc", small, sizeof(small), NULL),
			 HERALD_LIMIT);
	fake_host_free(all);
	fake_host_free(teams);
	fake_host_free(chat);
}

static void the_destination_is_the_conversation(void **state)
{
	struct fake_host *fake = bot_new();
	const struct herald_plugin *plugin = herald_channel_v1();
	const char memory[] = "{\"conversation\":{\"id\":\"a:1\"}}";
	char name[100];

	(void)state;
	plugin->destination(fake_self(fake), "29:1", (struct herald_text){memory, strlen(memory)}, name,
			    sizeof(name));
	assert_string_equal(name, "a:1");
	plugin->destination(fake_self(fake), "29:1", (struct herald_text){"", 0}, name, sizeof(name));
	assert_string_equal(name, "29:1");
	plugin->destination(fake_self(fake), "29:1", (struct herald_text){"", 0}, name, 3);
	assert_string_equal(name, "29");
	fake_host_free(fake);
}

static void a_way_that_is_not_configured_is_not_tried(void **state)
{
	struct fake_host *teams = teams_only_new(), *chat = chat_only_new();
	struct herald_message acs = fake_message("8:acs:r_anna", "Hi"), user = fake_message("29:1", "Hi");

	(void)state;
	spent(teams, fake_send(teams, &acs, 1), HERALD_REJECTED, "5.7.1");
	assert_int_equal(fake_request_count(teams), 0);
	spent(chat, fake_send(chat, &user, 1), HERALD_REJECTED, "5.7.1");
	assert_int_equal(fake_request_count(chat), 0);
	fake_host_free(teams);
	fake_host_free(chat);
}

static void a_wrong_configuration_is_named_at_start(void **state)
{
	static const struct {
		struct fake_setting settings[6];
		const char *words;
	} rows[] = {
		{{{NULL, NULL}}, "app_id"},
		{{{"app_id", APP}}, "tenant_id"},
		{{{"app_id", APP}, {"tenant_id", TENANT}}, "app_secret"},
		{{{"app_id", "a b"}, {"tenant_id", TENANT}, {"app_secret", "s"}}, "app_id"},
		{{{"app_id", APP}, {"tenant_id", "x/../y"}, {"app_secret", "s"}}, "tenant_id"},
		{{{"app_id", APP}, {"tenant_id", TENANT}, {"app_secret", "s"}, {"service_url", "http://h/"}},
		 "service_url"},
		{{{"app_id", APP}, {"tenant_id", TENANT}, {"app_secret", "s"}, {"login_url", "https://u@h/"}},
		 "login_url"},
		{{{"acs_endpoint", "https://h"}, {"acs_access_key", KEY}}, "acs_bot_user"},
		{{{"acs_endpoint", "https://h"}, {"acs_bot_user", "8:acs:r_bot"}}, "access key is empty"},
		{{{"acs_endpoint", "https://h/x"}, {"acs_access_key", KEY}, {"acs_bot_user", "8:acs:r_bot"}},
		 "end after the host"},
		{{{"acs_endpoint", "https://h"},
		  {"acs_connection_string", "x"},
		  {"acs_bot_user", "8:acs:r_bot"}},
		 "not both"},
		{{{"acs_endpoint", "https://h"},
		  {"acs_access_key", KEY},
		  {"acs_bot_user", "8:acs:r_bot"},
		  {"chat_api_version", "1&x=y"}},
		 "api version"},
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct herald_error err = {0};
		size_t count = 0;
		while (count < 6 && rows[i].settings[count].name)
			count++;
		assert_null(fake_host_new(herald_channel_v1(), rows[i].settings, count, &err));
		if (!strstr(err.text, rows[i].words))
			fail_msg("row %zu: %s", i, err.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(check_address_takes_what_the_settings_can_reach),
		cmocka_unit_test(the_destination_is_the_conversation),
		cmocka_unit_test(a_way_that_is_not_configured_is_not_tried),
		cmocka_unit_test(a_wrong_configuration_is_named_at_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

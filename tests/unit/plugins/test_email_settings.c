/* test_email_settings.c - a setting that would send mail where it must not go is refused when the channel
 * opens. */
#include "cmocka_first.h"

#include <string.h>

#include "settings.h"

static struct email_config config_of(const char *host, const char *security)
{
	return (struct email_config){
		.relay_host = host,
		.security = security,
		.user = "",
		.ca_file = "",
		.helo = "client.example",
		.from = "herald@example.com",
		.from_name = "",
		.reply_to = "",
		.bounces_to = "",
		.message_id_domain = "",
		.messages_per_session = 100,
		.setup_timeout = {60000},
		.message_timeout = {660000},
		.message_size_max = {10 * 1024 * 1024},
	};
}

static void plain_text_stays_on_this_host_unless_the_network_is_trusted(void **state)
{
	static const char *const here[] = {"127.0.0.1", "127.8.8.8", "localhost", "::1"};
	static const char *const elsewhere[] = {"relay.example",     "192.0.2.1", "2001:db8::1",
						"127.0.0.1.example", "relay",     "0.0.0.0"};
	struct settings settings;
	struct herald_error err;

	(void)state;
	for (size_t i = 0; i < countof(here); i++) {
		struct email_config config = config_of(here[i], "none");

		assert_int_equal(settings_read(&config, &settings, &err), HERALD_OK);
		assert_int_equal(settings.session.security, SESSION_PLAIN);
		assert_int_equal(settings.session.port, 25);
	}
	for (size_t i = 0; i < countof(elsewhere); i++) {
		struct email_config config = config_of(elsewhere[i], "none");

		assert_int_equal(settings_read(&config, &settings, &err), HERALD_INVALID);
		assert_non_null(strstr(err.text, "trusted_network"));
		config.trusted_network = true;
		assert_int_equal(settings_read(&config, &settings, &err), HERALD_OK);
	}
}

static void tls_and_logins_are_libcurls(void **state)
{
	struct email_config config = config_of("127.0.0.1", "none");
	struct settings settings;

	(void)state;
	assert_int_equal(settings_read(&config, &settings, NULL), HERALD_OK);
	assert_true(settings.is_esmtp);
	config.user = "u";
	assert_int_equal(settings_read(&config, &settings, NULL), HERALD_INVALID);
	config.password.value = "p";
	assert_int_equal(settings_read(&config, &settings, NULL), HERALD_OK);
	assert_false(settings.is_esmtp);
	config = config_of("relay.example", "starttls");
	assert_int_equal(settings_read(&config, &settings, NULL), HERALD_OK);
	assert_false(settings.is_esmtp);
	assert_int_equal(settings.session.port, 587);
	config = config_of("relay.example", "tls");
	assert_int_equal(settings_read(&config, &settings, NULL), HERALD_OK);
	assert_false(settings.is_esmtp);
	assert_int_equal(settings.session.port, 465);
	config.port = 2525;
	assert_int_equal(settings_read(&config, &settings, NULL), HERALD_OK);
	assert_int_equal(settings.session.port, 2525);
	config = config_of("::1", "none");
	assert_int_equal(settings_read(&config, &settings, NULL), HERALD_OK);
	assert_false(settings.is_esmtp);
}

static void what_is_missing_is_made_up_from_what_is_there(void **state)
{
	struct email_config config = config_of("relay.example", "starttls");
	struct settings settings;

	(void)state;
	assert_int_equal(settings_read(&config, &settings, NULL), HERALD_OK);
	assert_string_equal(settings.bounces_to.text, "herald@example.com");
	assert_string_equal(settings.sender.id_domain.text, "example.com");
	assert_string_equal(settings.sender.reply_to.text, "");
	config.bounces_to = "bounce@example.net";
	config.message_id_domain = "ID.example";
	config.helo = "";
	assert_int_equal(settings_read(&config, &settings, NULL), HERALD_OK);
	assert_string_equal(settings.bounces_to.text, "bounce@example.net");
	assert_string_equal(settings.sender.id_domain.text, "id.example");
	assert_non_null(strchr(settings.session.helo.text, '.'));
}

static void every_complaint_names_its_option(void **state)
{
	struct settings settings;
	struct herald_error err;
	struct email_config config;
	static const char long_domain[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.aaaaaaaaaaaaaaaaaaaa.aa";

	(void)state;
#define REFUSED(text_, change)                                                             \
	do {                                                                               \
		config = config_of("relay.example", "starttls");                           \
		change;                                                                    \
		assert_int_equal(settings_read(&config, &settings, &err), HERALD_INVALID); \
		if (strncmp(err.text, text_, strlen(text_)) != 0)                          \
			fail_msg("%s", err.text);                                          \
	} while (0)
	REFUSED("relay_host: ", config.relay_host = "");
	REFUSED("relay_host: ", config.relay_host = "relay.example/path");
	REFUSED("relay_host: ", config.relay_host = "user@relay.example");
	REFUSED("from: ", config.from = "Herald <herald@example.com>");
	REFUSED("reply_to: ", config.reply_to = "x");
	REFUSED("bounces_to: ", config.bounces_to = "x");
	REFUSED("helo: ", config.helo = "a b");
	REFUSED("message_id_domain: ", config.message_id_domain = "a>b");
	REFUSED("message_id_domain: ", config.message_id_domain = long_domain);
	REFUSED("password: ", config.user = "x");
#undef REFUSED
}

static void every_option_is_explained(void **state)
{
	(void)state;
	for (size_t i = 0; i < SETTINGS_OPTION_COUNT; i++) {
		assert_non_null(settings_options[i].name);
		assert_true(strlen(settings_options[i].help) > 10);
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(settings_options[i].name, settings_options[k].name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_text_stays_on_this_host_unless_the_network_is_trusted),
		cmocka_unit_test(tls_and_logins_are_libcurls),
		cmocka_unit_test(what_is_missing_is_made_up_from_what_is_there),
		cmocka_unit_test(every_complaint_names_its_option),
		cmocka_unit_test(every_option_is_explained),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

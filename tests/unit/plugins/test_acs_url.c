/* test_acs_url.c - addresses that get a key or a token are read strictly. */
#include "cmocka_first.h"

#include <string.h>

#include "acs/url.h"

static void a_plain_address_is_taken_apart(void **state)
{
	static const char *const rows[][3] = {
		{"https://contoso.communication.azure.com", "https://contoso.communication.azure.com",
		 "contoso.communication.azure.com"},
		{"https://Contoso.Example/", "https://contoso.example", "contoso.example"},
		{"HTTPS://smba.trafficmanager.net/teams/", "https://smba.trafficmanager.net/teams",
		 "smba.trafficmanager.net"},
		{"https://h:443/a/b", "https://h/a/b", "h"},
		{"https://h:8443/amer/", "https://h:8443/amer", "h:8443"},
		{"http://127.0.0.1:4010", "http://127.0.0.1:4010", "127.0.0.1:4010"},
		{"http://localhost:80/x", "http://localhost/x", "localhost"},
		{"http://[::1]:4010/", "http://[::1]:4010", "[::1]:4010"},
		{"https://[fe80::1]", "https://[fe80::1]", "[fe80::1]"},
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct acs_url url;
		assert_int_equal(acs_url_parse(rows[i][0], ACS_URL_WITH_PATH, &url, NULL), HERALD_OK);
		assert_string_equal(url.base, rows[i][1]);
		assert_string_equal(url.host, rows[i][2]);
	}
}

static void what_could_mislead_a_client_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"contoso.example",
		"ftp://contoso.example",
		"http://contoso.example/",
		"http://127.0.0.1.evil.example/",
		"http://localhost@evil.example/",
		"https://",
		"https:///path",
		"https://user@smba.trafficmanager.net/",
		"https://user:secret@smba.trafficmanager.net/",
		"https://smba.trafficmanager.net@evil.example/",
		"https://evil.example#smba.trafficmanager.net/",
		"https://evil.example?smba.trafficmanager.net/",
		"https://evil.example\\@smba.trafficmanager.net/",
		"https://h/a?b=c",
		"https://h/a#b",
		"https://h/a/../b",
		"https://h/./b",
		"https://h//b",
		"https://h/a%2F..",
		"https://h/a b",
		"https://h/a\r\nX: y",
		"https://h .example/",
		"https://h\t/",
		"https://.h/",
		"https://h./",
		"https://a..b/",
		"https://-h/",
		"https://h:/",
		"https://h:0/",
		"https://h:65536/",
		"https://h:99999999999/",
		"https://h:44a/",
		"https://[::1/",
		"https://[]/",
		"https://[::1]x/",
		"https://b\xC3\xBC"
		"cher.example/",
	};

	(void)state;
	for (size_t i = 0; i < countof(bad); i++) {
		struct acs_url url;
		struct herald_error err = {0};
		if (acs_url_parse(bad[i], ACS_URL_WITH_PATH, &url, &err) != HERALD_INVALID)
			fail_msg("'%s' was taken", bad[i]);
		assert_true(err.text[0] != '\0');
		assert_null(strstr(err.text, "secret"));
	}
}

static void an_origin_has_no_path(void **state)
{
	struct acs_url url;

	(void)state;
	assert_int_equal(acs_url_parse("https://h/", ACS_URL_ORIGIN, &url, NULL), HERALD_OK);
	assert_int_equal(acs_url_parse("https://h/sms", ACS_URL_ORIGIN, &url, NULL), HERALD_INVALID);
}

static void a_name_of_248_characters_is_the_longest(void **state)
{
	char text[300] = "https://";
	struct acs_url url;

	(void)state;
	for (size_t i = 0; i < 248; i++)
		text[8 + i] = i % 60 == 59 ? '.' : 'a';
	text[8 + 248] = '\0';
	assert_int_equal(acs_url_parse(text, ACS_URL_ORIGIN, &url, NULL), HERALD_OK);
	text[8 + 248] = 'a';
	text[8 + 249] = '\0';
	assert_int_equal(acs_url_parse(text, ACS_URL_ORIGIN, &url, NULL), HERALD_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plain_address_is_taken_apart),
		cmocka_unit_test(what_could_mislead_a_client_is_refused),
		cmocka_unit_test(an_origin_has_no_path),
		cmocka_unit_test(a_name_of_248_characters_is_the_longest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

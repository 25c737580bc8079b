/* test_token.c - what token.c promises: its own tokens, for their audience, until their end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "token.h"

static const char KEY[] = "key";

static enum herald_code check(const char *token, const char *audience, int64_t generation, int64_t now_ms,
			      const char *key, struct herald_error *err, char ret_subject[TOKEN_SUBJECT_SIZE])
{
	char authorization[TOKEN_BYTES_MAX + 16];

	snprintf(authorization, sizeof(authorization), "Bearer %s", token);
	return token_check(authorization, audience, generation, now_ms, key, strlen(key), ret_subject, err);
}

static void a_token_opens_its_own_door_until_it_ends(void **state)
{
	char subject[TOKEN_SUBJECT_SIZE];
	struct herald_builder token;
	struct herald_error err;

	(void)state;
	herald_builder_init(&token, TOKEN_BYTES_MAX);
	token_make(&token, "chat", "8:acs:\"x\"", 10000, 3, KEY, strlen(KEY));
	assert_int_equal(token.code, HERALD_OK);
	assert_int_equal(check(token.data, "chat", 3, 9999, KEY, &err, subject), HERALD_OK);
	assert_string_equal(subject, "8:acs:\"x\"");
	assert_int_equal(check(token.data, "chat", 3, 10000, KEY, &err, subject), HERALD_DENIED);
	assert_non_null(strstr(err.text, "expired"));
	assert_int_equal(check(token.data, "bot", 3, 0, KEY, &err, subject), HERALD_DENIED);
	assert_non_null(strstr(err.text, "'bot'"));
	assert_int_equal(check(token.data, "chat", 4, 0, KEY, &err, subject), HERALD_DENIED);
	assert_int_equal(check(token.data, "chat", 3, 0, "other", &err, subject), HERALD_DENIED);
	herald_builder_done(&token);
}

static void a_changed_byte_anywhere_is_denied(void **state)
{
	char subject[TOKEN_SUBJECT_SIZE];
	struct herald_builder token;
	struct herald_error err;

	(void)state;
	herald_builder_init(&token, TOKEN_BYTES_MAX);
	token_make(&token, "bot", "app", 10000, 1, KEY, strlen(KEY));
	for (size_t i = 0; i < token.size; i++) {
		char kept = token.data[i];
		token.data[i] = kept == 'A' ? 'B' : 'A';
		assert_int_equal(check(token.data, "bot", 1, 0, KEY, &err, subject), HERALD_DENIED);
		token.data[i] = kept;
	}
	assert_int_equal(check(token.data, "bot", 1, 0, KEY, &err, subject), HERALD_OK);
	herald_builder_done(&token);
}

static void what_is_no_token_is_denied(void **state)
{
	static const char *const WRONG[] = {NULL,           "",          "Bearer",
					    "Bearer ",      "Bearer a",  "Bearer a.b",
					    "Bearer a.b.c", "Bearer ..", "Basic YTpi"};
	char subject[TOKEN_SUBJECT_SIZE];
	struct herald_error err;

	(void)state;
	for (size_t i = 0; i < sizeof(WRONG) / sizeof(WRONG[0]); i++)
		assert_int_equal(token_check(WRONG[i], "bot", 1, 0, KEY, strlen(KEY), subject, &err),
				 HERALD_DENIED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_token_opens_its_own_door_until_it_ends),
		cmocka_unit_test(a_changed_byte_anywhere_is_denied),
		cmocka_unit_test(what_is_no_token_is_denied),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

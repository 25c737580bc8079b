/* test_encode.c - encodings and digests against published vectors (RFC 4648, 4231, 9562, 9110). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "herald/kit.h"

static void base64_follows_rfc4648_both_ways(void **state)
{
	static const char *const pairs[][2] = {{"", ""},
					       {"f", "Zg=="},
					       {"fo", "Zm8="},
					       {"foo", "Zm9v"},
					       {"foob", "Zm9vYg=="},
					       {"fooba", "Zm9vYmE="},
					       {"foobar", "Zm9vYmFy"},
					       {"\xFB\xFF\xBE", "+/++"}};

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		struct herald_builder builder;
		char back[16] = {0};
		size_t size = 99;
		herald_builder_init(&builder, 100);
		herald_add_base64(&builder, pairs[i][0], strlen(pairs[i][0]));
		assert_string_equal(builder.data, pairs[i][1]);
		herald_builder_done(&builder);
		assert_int_equal(herald_base64_decode(pairs[i][1], back, sizeof(back), &size, NULL),
				 HERALD_OK);
		assert_int_equal(size, strlen(pairs[i][0]));
		assert_memory_equal(back, pairs[i][0], size);
	}
}

static void base64_refuses_what_is_not_base64_or_too_long(void **state)
{
	static const char *const bad[] = {
		"Zg=", "Z", "Zg==Zg==", "Zm9*", "Z===", "====", "=Zm9", "Zm 9", "Zm9v\n", "Zm-_"};
	char data[16];
	size_t size;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(herald_base64_decode(bad[i], data, sizeof(data), &size, NULL),
				 HERALD_INVALID);
	assert_int_equal(herald_base64_decode("Zm9vYmFy", data, 6, &size, NULL), HERALD_OK);
	assert_int_equal(herald_base64_decode("Zm9vYmFy", data, 5, &size, NULL), HERALD_LIMIT);
	assert_int_equal(herald_base64_decode("Zm9vYg==", data, 4, &size, NULL), HERALD_OK);
}

static void assert_hex(const uint8_t *data, size_t size, const char *want)
{
	struct herald_builder builder;

	herald_builder_init(&builder, 200);
	herald_add_hex(&builder, data, size);
	assert_string_equal(builder.data, want);
	herald_builder_done(&builder);
}

static void sha256_of_known_texts(void **state)
{
	uint8_t digest[HERALD_SHA256_BYTES];

	(void)state;
	herald_sha256("abc", 3, digest);
	assert_hex(digest, sizeof(digest),
		   "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	herald_sha256(NULL, 0, digest);
	assert_hex(digest, sizeof(digest),
		   "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void hmac_sha256_of_rfc4231_vectors(void **state)
{
	uint8_t digest[HERALD_SHA256_BYTES], long_key[131];
	static const char hashed_first[] = "Test Using Larger Than Block-Size Key - Hash Key First";

	(void)state;
	herald_hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28, digest);
	assert_hex(digest, sizeof(digest),
		   "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	memset(long_key, 0xaa, sizeof(long_key));
	herald_hmac_sha256(long_key, sizeof(long_key), hashed_first, strlen(hashed_first), digest);
	assert_hex(digest, sizeof(digest),
		   "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static void uuid5_of_the_dns_example(void **state)
{
	static const uint8_t dns[16] = {0x6b, 0xa7, 0xb8, 0x10, 0x9d, 0xad, 0x11, 0xd1,
					0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8};
	char text[HERALD_UUID_CHARS + 1];

	(void)state;
	herald_uuid5(dns, "www.example.com", text);
	assert_string_equal(text, "2ed6657d-e927-568b-95e1-2665a8aea6a2");
}

static void http_date_is_fixed_form_and_four_digits(void **state)
{
	char text[HERALD_HTTP_DATE_CHARS + 1];

	(void)state;
	herald_http_date(784111777000, text);
	assert_string_equal(text, "Sun, 06 Nov 1994 08:49:37 GMT");
	herald_http_date(784111777999, text);
	assert_string_equal(text, "Sun, 06 Nov 1994 08:49:37 GMT");
	herald_http_date(-1, text);
	assert_string_equal(text, "Thu, 01 Jan 1970 00:00:00 GMT");
	herald_http_date(INT64_MAX, text);
	assert_string_equal(text, "Fri, 31 Dec 9999 23:59:59 GMT");
}

static void json_strings_are_escaped_and_mended(void **state)
{
	static const char *const pairs[][2] = {
		{"", "\"\""},
		{"a\"b\\c/", "\"a\\\"b\\\\c/\""},
		{"\b\f\n\r\t\x01\x1f\x7f", "\"\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\""},
		{"gr\xC3\xBC\xC3\x9F \xF0\x9F\x98\x80", "\"gr\xC3\xBC\xC3\x9F \xF0\x9F\x98\x80\""},
		{"a\xFFz", "\"a\xEF\xBF\xBDz\""},
		{"cut \xE2\x82", "\"cut \xEF\xBF\xBD\xEF\xBF\xBD\""},
		{"\xC0\xAF", "\"\xEF\xBF\xBD\xEF\xBF\xBD\""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		struct herald_builder builder;
		herald_builder_init(&builder, 100);
		herald_add_json(&builder, pairs[i][0]);
		assert_string_equal(builder.data, pairs[i][1]);
		assert_true(herald_utf8_valid(builder.data, builder.size));
		herald_builder_done(&builder);
	}
}

static void percent_leaves_only_unreserved_characters(void **state)
{
	struct herald_builder builder;

	(void)state;
	herald_builder_init(&builder, 100);
	herald_add_percent(&builder, "aZ09-._~ /:@&=+%\xC3\xA9");
	assert_string_equal(builder.data, "aZ09-._~%20%2F%3A%40%26%3D%2B%25%C3%A9");
	herald_builder_done(&builder);
}

static void utf8_knows_every_illegal_form(void **state)
{
	static const char *const good[] = {"",
					   "ascii",
					   "\xC2\x80",
					   "\xDF\xBF",
					   "\xE0\xA0\x80",
					   "\xED\x9F\xBF",
					   "\xEE\x80\x80",
					   "\xEF\xBF\xBF",
					   "\xF0\x90\x80\x80",
					   "\xF4\x8F\xBF\xBF"};
	static const char *const bad[] = {"\x80",
					  "\xBF",
					  "\xC0\x80",
					  "\xC1\xBF",
					  "\xC2",
					  "\xC2\x41",
					  "\xE0\x9F\xBF",
					  "\xED\xA0\x80",
					  "\xE1\x80",
					  "\xE1\x80\x41",
					  "\xF0\x8F\xBF\xBF",
					  "\xF4\x90\x80\x80",
					  "\xF5\x80\x80\x80",
					  "\xFF",
					  "\xF1\x80\x80",
					  "\xF1\x80\x80\x41"};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(herald_utf8_valid(good[i], strlen(good[i])));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(herald_utf8_valid(bad[i], strlen(bad[i])));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(base64_follows_rfc4648_both_ways),
		cmocka_unit_test(base64_refuses_what_is_not_base64_or_too_long),
		cmocka_unit_test(sha256_of_known_texts),
		cmocka_unit_test(hmac_sha256_of_rfc4231_vectors),
		cmocka_unit_test(uuid5_of_the_dns_example),
		cmocka_unit_test(http_date_is_fixed_form_and_four_digits),
		cmocka_unit_test(json_strings_are_escaped_and_mended),
		cmocka_unit_test(percent_leaves_only_unreserved_characters),
		cmocka_unit_test(utf8_knows_every_illegal_form),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

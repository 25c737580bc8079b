/* test_mail.c - what mail.c promises: malformed mail refused with a reason, words decoded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "mail.h"

#define HEAD "From: a@b\r\nDate: d\r\nMessage-ID: <m>\r\nMIME-Version: 1.0\r\n"
#define PLAIN HEAD "Content-Type: text/plain\r\n"

static enum herald_code read_it(struct arena *arena, const char *data, bool is_8bit, struct mail *ret_mail,
				struct herald_error *err)
{
	return mail_read(arena, data, strlen(data), is_8bit, ret_mail, err);
}

static void words_are_found_in_every_usual_shape(void **state)
{
	static const struct {
		const char *data, *text;
	} cases[] = {
		{PLAIN "\r\nHello\r\n", "Hello"},
		{PLAIN "\r\n", ""},
		{PLAIN, ""},
		{PLAIN "Content-Transfer-Encoding: base64\r\n\r\nSGVs\r\nbG8=\r\n", "Hello"},
		{PLAIN "Content-Transfer-Encoding: quoted-printable\r\n\r\nHel=\r\nlo =3D=zz\r\n",
		 "Hello ==zz"},
		{HEAD "Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: "
		      "text/html\r\n\r\n<p>\r\n"
		      "--b\r\nContent-Type: text/plain\r\n\r\nHello\r\n--b--\r\n",
		 "Hello"},
		{HEAD "Content-Type: multipart/mixed; boundary=\"o\"\r\n\r\n--o\r\nContent-Type: "
		      "multipart/alternative; boundary=i\r\n"
		      "\r\n--i\r\nContent-Type: text/plain\r\n\r\nHello\r\n--i--\r\n--o--\r\n",
		 "Hello"},
		{HEAD "Content-Type: text/html\r\n\r\n<p>x</p>\r\n", "<p>x</p>"},
		{HEAD "Content-Type: multipart/mixed\r\n\r\nno boundary\r\n", ""},
		{HEAD "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct arena *arena = arena_new();
		struct herald_error err = {.text = ""};
		struct mail mail;
		assert_int_equal(read_it(arena, cases[i].data, false, &mail, &err), HERALD_OK);
		assert_string_equal(mail.text, cases[i].text);
		arena_free(arena);
	}
}

static void encoded_words_are_decoded_and_joined(void **state)
{
	static const struct {
		const char *value, *decoded;
	} cases[] = {
		{"plain", "plain"},
		{"=?utf-8?Q?Gr=C3=BC=C3=9Fe_an?= alle", "Gr\xc3\xbc\xc3\x9f"
							"e an alle"},
		{"=?utf-8?B?R3I=?= =?utf-8?b?w7w=?=", "Gr\xc3\xbc"},
		{"=?iso-8859-1?q?=FC?=", "\xc3\xbc"},
		{"=?utf-8?Q?open", "=?utf-8?Q?open"},
		{"=?utf-8?X?a?=", "=?utf-8?X?a?="},
		{"=?utf-8?q?=FF?=", "?"},
		{"a  b", "a  b"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct arena *arena = arena_new();
		assert_string_equal(mail_decode_words(arena, cases[i].value), cases[i].decoded);
		arena_free(arena);
	}
}

static void a_folded_header_is_one_value(void **state)
{
	struct arena *arena = arena_new();
	struct herald_error err;
	struct mail mail;

	(void)state;
	assert_int_equal(read_it(arena, PLAIN "Subject: one\r\n two\r\n\tthree\r\n\r\n", false, &mail, &err),
			 HERALD_OK);
	assert_string_equal(mail.subject, "one two\tthree");
	arena_free(arena);
}

static void what_is_malformed_is_refused_with_its_reason(void **state)
{
	static const struct {
		const char *data, *reason;
		bool is_8bit;
	} cases[] = {
		{"", "From", false},
		{"From a\r\n\r\n", "header line", false},
		{"From: a\r\nDate: d\r\n\r\n", "Message-ID", false},
		{PLAIN "X: \xc3\xbc\r\n\r\n", "RFC 2047", true},
		{PLAIN "\r\n\xc3\xbc\r\n", "8BITMIME", false},
		{PLAIN " \r\n\r\n", NULL, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct arena *arena = arena_new();
		struct herald_error err = {.text = ""};
		struct mail mail;
		enum herald_code code = read_it(arena, cases[i].data, cases[i].is_8bit, &mail, &err);
		if (cases[i].reason) {
			assert_int_equal(code, HERALD_INVALID);
			assert_non_null(strstr(err.text, cases[i].reason));
		} else {
			assert_int_equal(code, HERALD_OK);
		}
		arena_free(arena);
	}
}

static void every_prefix_of_a_mail_is_read_without_harm(void **state)
{
	static const char WHOLE[] = HEAD
		"Subject: =?utf-8?Q?a=20b?=\r\nContent-Type: multipart/mixed; boundary=\"b\"\r\n\r\n--b\r\n"
		"Content-Transfer-Encoding: base64\r\n\r\nSGVsbG8=\r\n--b--\r\n";

	(void)state;
	for (size_t size = 0; size < sizeof(WHOLE); size++) {
		struct arena *arena = arena_new();
		char *exact =
			arena_alloc(arena, size); /* so that a read behind the end is one behind a block */
		struct herald_error err;
		struct mail mail;
		memcpy(exact, WHOLE, size);
		enum herald_code code = mail_read(arena, exact, size, false, &mail, &err);
		assert_true(code == HERALD_OK || code == HERALD_INVALID);
		arena_free(arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_are_found_in_every_usual_shape),
		cmocka_unit_test(encoded_words_are_decoded_and_joined),
		cmocka_unit_test(a_folded_header_is_one_value),
		cmocka_unit_test(what_is_malformed_is_refused_with_its_reason),
		cmocka_unit_test(every_prefix_of_a_mail_is_read_without_harm),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

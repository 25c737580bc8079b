/* test_email_mailbox.c - what is an address to us, what its one form is, and what nobody can smuggle in one.
 */
#include "cmocka_first.h"

#include <stdio.h>
#include <string.h>

#include "mailbox.h"

static void addresses_have_one_form(void **state)
{
	static const char *const cases[][2] = {
		{"ada@example.org", "ada@example.org"},
		{"Ada.Lovelace+news@EXAMPLE.Org", "Ada.Lovelace+news@example.org"},
		{"a@b-c.example", "a@b-c.example"},
		{"o'hara/x=y@example.org", "o'hara/x=y@example.org"},
		{"ada@m\xC3\xBCller.de", "ada@xn--mller-kva.de"},
		{"ada@M\xC3\x9CLLER.DE", "ada@xn--mller-kva.de"},
		{"ada@xn--mller-kva.de", "ada@xn--mller-kva.de"},
		/* Cyrillic a: the audit shows what it is. */
		{"x@\xD0\xB0pple.com", "x@xn--pple-43d.com"},
		{"x@goo\xC9\xA1le.com", "x@xn--goole-tmc.com"},
	};
	struct mailbox mailbox;
	struct herald_error err;

	(void)state;
	for (size_t i = 0; i < countof(cases); i++) {
		if (mailbox_read(cases[i][0], &mailbox, &err) != HERALD_OK)
			fail_msg("%s: %s", cases[i][0], err.text);
		assert_string_equal(mailbox.text, cases[i][1]);
		assert_string_equal(mailbox_domain(&mailbox), strchr(cases[i][1], '@') + 1);
	}
}

/* reliability.md T31 and T33, and their like. */
static void what_could_be_read_twice_is_no_address(void **state)
{
	static const char *const cases[] = {
		"",
		"@",
		"a",
		"a@",
		"@b.example",
		"a@b>\r\nRSET\r\nNOOP <",
		"a@b.example> SIZE=1",
		"a b@c.example",
		"<a@b.example>",
		"Ada <a@b.example>",
		"a@b.example\n",
		"a\r\n@b.example",
		"a\x7F@b.example",
		"-oQ/tmp@b.example",
		"a@[127.0.0.1]",
		"a@[IPv6:::1]",
		"a@127.0.0.1",
		"a@b..c",
		"a@.b.c",
		"a@b.c.",
		"a@-b.c",
		"a@b-.c",
		"a@b_c.example",
		".a@b.example",
		"a.@b.example",
		"a..b@b.example",
		"\"xclow3n@gmail.com x\"@internal.domain",
		"\"a\"@b.example",
		"a(c@d)@e.example",
		"g0: g1: a@b.example;",
		"a@b.example,c@d.example",
		"a@b@c.example",
		"a@b.example@c.example",
		"=?x?q?=41=42?=@b.example",
		"=?utf-8?q?a?=@b.example",
		"user%other.example@relay.example",
		"other.example!user@relay.example",
		"@relay.example:user@other.example",
		"a\\@b@c.example",
		"a@xn--a.example",            /* no A-label */
		"a@xn--zzzzzzzzzzzz.example", /* punycode of nothing */
		"a@localhost",
		"\xC3\xA4@b.example", /* SMTPUTF8 would be needed */
		"a\xEF\xBC\xA0"
		"b.example", /* fullwidth @ */
		"a@b\xE3\x80\x82"
		"example\xE3\x80\x82",      /* ideographic full stops, one at the end */
		"a@goo\xE2\x80\x8Bgle.com", /* U+200B */
		"a@\xE2\x80\xAE"
		"elgoog.com",               /* U+202E */
		"a@google\xEF\xB8\x8F.com", /* U+FE0F */
		"a@goo\xC2\xADgle.com",     /* soft hyphen */
		"a@b\xC3.example",          /* not UTF-8 */
		"a@\xED\xA0\x80.example",   /* a surrogate */
	};
	struct mailbox mailbox;
	struct herald_error err;

	(void)state;
	for (size_t i = 0; i < countof(cases); i++) {
		err.text[0] = '\0';
		if (mailbox_read(cases[i], &mailbox, &err) != HERALD_INVALID)
			fail_msg("accepted as %s: %s", mailbox.text, cases[i]);
		assert_true(strlen(err.text) > 10);
		/* What a log says of it repeats nothing of it. */
		assert_null(strchr(err.text, '\n'));
		assert_null(strstr(err.text, "example"));
	}
}

static void lengths_are_kept_to_the_character(void **state)
{
	char address[400];
	struct mailbox mailbox;
	char label[64];

	(void)state;
	memset(label, 'l', 63);
	label[63] = '\0';
	/* 64 before the @; 189 = 3 x 63 and two dots behind it make 254. */
	snprintf(address, sizeof(address), "%.63sx@%.61s.%.63s.%.61sa", label, label, label, label);
	size_t size = strlen(address);
	assert_int_equal(size, 64 + 1 + 61 + 1 + 63 + 1 + 62);
	assert_int_equal(mailbox_read(address, &mailbox, NULL), HERALD_OK);
	snprintf(address, sizeof(address), "%.63sx@%.62s.%.63s.%.61sa", label, label, label, label);
	assert_int_equal(strlen(address), 254);
	assert_int_equal(mailbox_read(address, &mailbox, NULL), HERALD_OK);
	snprintf(address, sizeof(address), "%.63sx@%.63s.%.63s.%.61sa", label, label, label, label);
	assert_int_equal(strlen(address), 255);
	assert_int_equal(mailbox_read(address, &mailbox, NULL), HERALD_INVALID);
	snprintf(address, sizeof(address), "%.63sxx@example.org", label);
	assert_int_equal(mailbox_read(address, &mailbox, NULL), HERALD_INVALID);
	snprintf(address, sizeof(address), "a@%.63sx.org", label);
	assert_int_equal(mailbox_read(address, &mailbox, NULL), HERALD_INVALID);
}

static void endless_input_is_refused_in_no_time(void **state)
{
	enum { SIZE = 1000 * 1000 };
	char *text = test_malloc(SIZE + 1);
	struct mailbox mailbox;

	(void)state;
	for (size_t i = 0; i < SIZE; i++)
		text[i] = "g0: g1: "[i % 8];
	text[SIZE] = '\0';
	for (int i = 0; i < 10 * 1000; i++)
		assert_int_equal(mailbox_read(text, &mailbox, NULL), HERALD_INVALID);
	memset(text, '@', SIZE);
	assert_int_equal(mailbox_read(text, &mailbox, NULL), HERALD_INVALID);
	test_free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_have_one_form),
		cmocka_unit_test(what_could_be_read_twice_is_no_address),
		cmocka_unit_test(lengths_are_kept_to_the_character),
		cmocka_unit_test(endless_input_is_refused_in_no_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

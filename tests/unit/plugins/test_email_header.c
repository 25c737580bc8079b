/* test_email_header.c - a text in a header stays one text in one header. */
#include "cmocka_first.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "header.h"

static struct header_text text_of(const char *text)
{
	struct header_text read;

	assert_int_equal(header_text_read(text, &read, NULL), HERALD_OK);
	return read;
}

/* One field: lines end with CRLF, every further one begins with a blank, none is longer than 76. */
static void assert_one_field(const char *field, size_t line_max)
{
	size_t column = 0;

	for (const char *c = field; *c; c++) {
		if (c[0] == '\r' && c[1] == '\n') {
			assert_true(column > 0 && column <= line_max);
			assert_true(c[2] == '\0' || c[2] == ' ');
			c++;
			column = 0;
			continue;
		}
		assert_true(*c >= ' ' && *c <= '~');
		column++;
	}
	assert_int_equal(column, 0);
}

/* What a reader makes of it: unfold, then decode encoded words (RFC 2047), blanks between two of them
 * dropped. */
static void read_back(const char *field, char *out, size_t out_size)
{
	char flat[32768];
	size_t size = 0, written = 0;
	bool is_after_word = false;

	for (const char *c = strchr(field, ':') + 1; *c; c++)
		if (*c != '\r' && *c != '\n')
			flat[size++] = *c;
	flat[size] = '\0';
	const char *at = flat + strspn(flat, " ");
	while (*at) {
		const char *end = strncmp(at, "=?utf-8?", 8) == 0 ? strstr(at + 10, "?=") : NULL;

		if (end) {
			assert_true(end + 2 - at <= 75);
			if (at[8] == 'B') {
				char base64[80];
				size_t got = 0;

				snprintf(base64, sizeof(base64), "%.*s", (int)(end - at - 10), at + 10);
				assert_int_equal(herald_base64_decode(base64, out + written,
								      out_size - written, &got, NULL),
						 HERALD_OK);
				/* RFC 2047 5: a word holds whole characters. */
				assert_true(herald_utf8_valid(out + written, got));
				written += got;
			} else {
				for (const char *q = at + 10; q < end; q++) {
					unsigned value = (unsigned char)*q;

					if (*q == '=') {
						assert_int_equal(sscanf(q + 1, "%2X", &value), 1);
						q += 2;
					} else if (*q == '_') {
						value = ' ';
					}
					out[written++] = (char)value;
				}
			}
			at = end + 2;
			is_after_word = true;
			continue;
		}
		size_t blanks = strspn(at, " ");
		if (is_after_word && strncmp(at + blanks, "=?utf-8?", 8) == 0) {
			at += blanks;
			continue;
		}
		is_after_word = false;
		out[written++] = *at++;
	}
	out[written] = '\0';
}

static void texts_read_back_as_they_were(void **state)
{
	char long_words[4000] = "", no_blanks[2500], umlauts[3001];
	static const char *const short_texts[] = {
		"Hello",
		"two  blanks   and more",
		" leading",
		"trailing ",
		"=?utf-8?q?=0d=0aBcc:_v@e?=",
		"price = ? or =?",
		"Gr\xC3\xBC\xC3\x9F"
		"e aus K\xC3\xB6ln",
		"\xD0\x9F\xD1\x80\xD0\xB8\xD0\xB2\xD0\xB5\xD1\x82, \xD0\xBC\xD0\xB8\xD1\x80! "
		"\xD0\x9F\xD1\x80\xD0\xB8\xD0\xB2"
		"\xD0\xB5\xD1\x82, \xD0\xBC\xD0\xB8\xD1\x80! "
		"\xD0\x9F\xD1\x80\xD0\xB8\xD0\xB2\xD0\xB5\xD1\x82, \xD0\xBC\xD0\xB8",
		"\xF0\x9F\x98\x80\xF0\x9F\x98\x80\xF0\x9F\x98\x80 "
		"\xF0\x9F\x98\x80\xF0\x9F\x98\x80\xF0\x9F\x98\x80\xF0\x9F\x98\x80"
		"\xF0\x9F\x98\x80\xF0\x9F\x98\x80\xF0\x9F\x98\x80\xF0\x9F\x98\x80\xF0\x9F\x98\x80\xF0\x9F\x98"
		"\x80\xF0\x9F\x98\x80",
		"x\xE2\x80\xA8"
		"Bcc: v@e", /* U+2028 is text */
		"?=",
		"_",
		"a_b",
		"()<>@,;:\\\".[]",
	};
	char back[32768];
	struct herald_builder builder;

	(void)state;
	for (size_t i = 0; i < 500; i++)
		strncat(long_words, i % 7 ? "word " : "longerword ",
			sizeof(long_words) - strlen(long_words) - 1);
	long_words[strlen(long_words) - 1] = 'x';
	memset(no_blanks, 'n', sizeof(no_blanks));
	no_blanks[sizeof(no_blanks) - 1] = '\0';
	for (size_t i = 0; i < 3000; i += 2)
		memcpy(umlauts + i, "\xC3\xA4", 2);
	umlauts[3000] = '\0';
	const char *const long_texts[] = {long_words, no_blanks, umlauts};
	herald_builder_init(&builder, 64 * 1024);
	for (size_t i = 0; i < countof(short_texts) + countof(long_texts); i++) {
		const char *text =
			i < countof(short_texts) ? short_texts[i] : long_texts[i - countof(short_texts)];

		herald_builder_clear(&builder);
		header_add_text(&builder, "Subject", text_of(text));
		assert_int_equal(builder.code, HERALD_OK);
		assert_one_field(builder.data, 76);
		read_back(builder.data, back, sizeof(back));
		/* Plain text stands after one blank, which is not its own. */
		assert_string_equal(back, text);
	}
	herald_builder_done(&builder);
}

static void a_word_that_cannot_be_folded_stays_below_the_hard_limit(void **state)
{
	char text[998];
	struct herald_builder builder;

	(void)state;
	memset(text, 'n', sizeof(text) - 1);
	text[997] = '\0';
	herald_builder_init(&builder, 64 * 1024);
	header_add_text(&builder, "X-Long-Name-Of-A-Header-That-Goes-On", text_of(text));
	assert_one_field(builder.data, 998);
	herald_builder_done(&builder);
}

/* reliability.md T30 */
static void control_characters_are_refused_everywhere(void **state)
{
	static const char *const cases[] = {"x\r\nBcc: v@e",
					    "x\nBcc:",
					    "x\rBcc:",
					    "\t",
					    "a\x01"
					    "b",
					    "a\x1B[0m",
					    "\x7F",
					    "a\xC2\x85"
					    "b",
					    "a\xC2\x9F",
					    "\xC3\x28",
					    "\xED\xA0\x80",
					    "\xC0\xAF"};
	struct header_text text;
	struct herald_error err;

	(void)state;
	for (size_t i = 0; i < countof(cases); i++)
		assert_int_equal(header_text_read(cases[i], &text, &err), HERALD_INVALID);
	assert_int_equal(header_text_read("\xC2\xA0", &text, &err), HERALD_OK);
}

static void a_text_is_refused_one_byte_beyond_its_maximum(void **state)
{
	char text[HEADER_TEXT_BYTES_MAX + 2];
	struct header_text read;

	(void)state;
	memset(text, 'x', sizeof(text));
	text[HEADER_TEXT_BYTES_MAX] = '\0';
	assert_int_equal(header_text_read(text, &read, NULL), HERALD_OK);
	text[HEADER_TEXT_BYTES_MAX] = 'x';
	text[HEADER_TEXT_BYTES_MAX + 1] = '\0';
	assert_int_equal(header_text_read(text, &read, NULL), HERALD_INVALID);
}

static void callers_may_add_x_and_list_headers_only(void **state)
{
	static const char *const good[] = {"X-A", "x-priority", "List-Unsubscribe", "List-Unsubscribe-Post",
					   "LIST-ID"};
	static const char *const bad[] = {
		"X\r\nY",      "X Y",    "X-\r\nY",      "X-A:",           "X-",   "List-",      "",
		"To",          "Bcc",    "Received",     "DKIM-Signature", "From", "Subject",    "Resent-To",
		"Return-Path", "Sender", "Content-Type", "X-\xC3\xA4",     "XX-A", "Message-ID", "X-A\x7F"};
	struct header_name name;
	char long_name[HEADER_NAME_CHARS_MAX + 2];

	(void)state;
	for (size_t i = 0; i < countof(good); i++)
		assert_int_equal(header_name_read(good[i], &name, NULL), HERALD_OK);
	for (size_t i = 0; i < countof(bad); i++)
		if (header_name_read(bad[i], &name, NULL) != HERALD_INVALID)
			fail_msg("accepted: %s", bad[i]);
	memset(long_name, 'X', sizeof(long_name));
	long_name[1] = '-';
	long_name[HEADER_NAME_CHARS_MAX] = '\0';
	assert_int_equal(header_name_read(long_name, &name, NULL), HERALD_OK);
	long_name[HEADER_NAME_CHARS_MAX] = 'X';
	long_name[HEADER_NAME_CHARS_MAX + 1] = '\0';
	assert_int_equal(header_name_read(long_name, &name, NULL), HERALD_INVALID);
}

static void display_names_cannot_leave_their_quotes(void **state)
{
	static const char *const cases[][2] = {
		{"", "To: a@b.example\r\n"},
		{"Ann Other", "To: \"Ann Other\" <a@b.example>\r\n"},
		{"a\" <v@e>, \"b", "To: \"a\\\" <v@e>, \\\"b\" <a@b.example>\r\n"},
		{"back\\", "To: \"back\\\\\" <a@b.example>\r\n"},
		{"support@bank.com", "To: \"support@bank.com\" <a@b.example>\r\n"},
		{"=?utf-8?q?x?=", "To: =?utf-8?B?PT91dGYtOD9xP3g/PQ==?=\r\n <a@b.example>\r\n"},
		{"J\xC3\xBCrgen", "To: =?utf-8?Q?J=C3=BCrgen?=\r\n <a@b.example>\r\n"},
		/* Turned around, invisible: left out. */
		{"\xE2\x80\xAE"
		 "moc.knab\xE2\x80\x8B",
		 "To: \"moc.knab\" <a@b.example>\r\n"},
		{"\xEF\xBB\xBF\xD8\x9C\xE2\x81\xA6", "To: a@b.example\r\n"},
	};
	struct mailbox mailbox;
	struct herald_builder builder;

	(void)state;
	assert_int_equal(mailbox_read("a@b.example", &mailbox, NULL), HERALD_OK);
	herald_builder_init(&builder, 64 * 1024);
	for (size_t i = 0; i < countof(cases); i++) {
		herald_builder_clear(&builder);
		header_add_address(&builder, "To", text_of(cases[i][0]), &mailbox);
		assert_string_equal(builder.data, cases[i][1]);
		assert_one_field(builder.data, 76);
	}
	herald_builder_done(&builder);
}

static void a_list_header_stays_on_one_line(void **state)
{
	char text[HEADER_LINE_CHARS_MAX];
	static const char uri[] =
		"<https://herald.example/u/0123456789abcdef0123456789abcdef0123456789abcdef01234567>, "
		"<mailto:stop@herald.example>";
	struct herald_builder builder;

	(void)state;
	herald_builder_init(&builder, 64 * 1024);
	assert_int_equal(header_add_plain(&builder, "List-Unsubscribe", text_of(uri), NULL), HERALD_OK);
	assert_int_equal(builder.size, strlen("List-Unsubscribe: ") + strlen(uri) + 2);
	assert_int_equal(header_add_plain(&builder, "List-Id", text_of("\xC3\xA4"), NULL), HERALD_INVALID);
	memset(text, 'x', sizeof(text));
	text[HEADER_LINE_CHARS_MAX - strlen("List-Id: ")] = '\0';
	assert_int_equal(header_add_plain(&builder, "List-Id", text_of(text), NULL), HERALD_OK);
	assert_int_equal(header_add_plain(&builder, "List-Idx", text_of(text), NULL), HERALD_INVALID);
	herald_builder_done(&builder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_read_back_as_they_were),
		cmocka_unit_test(a_word_that_cannot_be_folded_stays_below_the_hard_limit),
		cmocka_unit_test(control_characters_are_refused_everywhere),
		cmocka_unit_test(a_text_is_refused_one_byte_beyond_its_maximum),
		cmocka_unit_test(callers_may_add_x_and_list_headers_only),
		cmocka_unit_test(display_names_cannot_leave_their_quotes),
		cmocka_unit_test(a_list_header_stays_on_one_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

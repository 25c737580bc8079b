/* test_email_mime.c - a message is the same on every attempt, canonical whatever was in it, and decodes to
 * what it said. */
#include "cmocka_first.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "body.h"
#include "mime.h"

static struct herald_text text_of(const char *text)
{
	return (struct herald_text){text, strlen(text)};
}

static struct mime_sender sender_of(const char *from, const char *name)
{
	struct mime_sender sender = {.from_name = name};

	assert_int_equal(mailbox_read(from, &sender.from, NULL), HERALD_OK);
	assert_int_equal(domain_read("id.example", 1, &sender.id_domain, NULL), HERALD_OK);
	return sender;
}

static struct herald_message message_of(const char *subject, const char *text, const char *html)
{
	return (struct herald_message){
		.struct_size = sizeof(struct herald_message),
		.delivery_id = "ntf_0123456789ABC-1",
		.correlation_id = "",
		.first_attempt_at_ms = 1795492482000, /* 2026-11-24 03:54:42 */
		.address = "ada@example.org",
		.name = "",
		.subject = subject,
		.text = text_of(text),
		.html = text_of(html),
		.reply_to = "",
		.from_name = "",
	};
}

static enum herald_code build(const struct herald_message *message, struct herald_builder *builder,
			      struct herald_error *err)
{
	struct mime_sender sender = sender_of("herald@example.com", "Herald");
	struct mailbox to;
	char id[MESSAGE_ID_CHARS_MAX + 1];

	assert_int_equal(mailbox_read(message->address, &to, NULL), HERALD_OK);
	herald_builder_clear(builder);
	return mime_build(&sender, &to, message, builder, id, err);
}

/* No bare CR or LF, printable ASCII only, no line over 998, none that begins with a dot, and an end. */
static void assert_canonical(const char *data, size_t size)
{
	size_t column = 0;

	for (size_t i = 0; i < size; i++) {
		if (data[i] == '\r') {
			assert_true(i + 1 < size && data[i + 1] == '\n');
			i++;
			column = 0;
			continue;
		}
		assert_true((data[i] >= ' ' && data[i] <= '~') || data[i] == '\t');
		assert_false(column == 0 && data[i] == '.');
		assert_false(column == 0 && strncmp(data + i, "From ", 5) == 0);
		column++;
		assert_true(column <= 998);
	}
	assert_int_equal(column, 0);
}

static void a_plain_message_is_exactly_this(void **state)
{
	static const struct herald_field headers[] = {
		{"List-Unsubscribe", "<https://herald.example/u/abc>"},
		{"List-Unsubscribe-Post", "List-Unsubscribe=One-Click"},
		{"X-Ticket", "Gr\xC3\xBC\xC3\x9F"
			     "e"},
	};
	struct herald_message message = message_of("Hello", "Hello Ada\n.\nbye = now", "");
	struct herald_builder builder;

	(void)state;
	message.name = "Ada";
	message.reply_to = "desk@Example.ORG";
	message.correlation_id = "order 7";
	message.headers = headers;
	message.header_count = countof(headers);
	herald_builder_init(&builder, 64 * 1024);
	assert_int_equal(build(&message, &builder, NULL), HERALD_OK);
	assert_string_equal(builder.data,
			    "Date: Tue, 24 Nov 2026 03:54:42 +0000\r\n"
			    "Message-ID: <ntf_0123456789ABC-1@id.example>\r\n"
			    "From: \"Herald\" <herald@example.com>\r\n"
			    "To: \"Ada\" <ada@example.org>\r\n"
			    "Reply-To: desk@example.org\r\n"
			    "Subject: Hello\r\n"
			    "References: <thread-0fc89f8ae19394b48debd6353bb9ad33@id.example>\r\n"
			    "Auto-Submitted: auto-generated\r\n"
			    "List-Unsubscribe: <https://herald.example/u/abc>\r\n"
			    "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
			    "X-Ticket: =?utf-8?B?R3LDvMOfZQ==?=\r\n"
			    "MIME-Version: 1.0\r\n"
			    "Content-Type: text/plain; charset=utf-8\r\n"
			    "Content-Transfer-Encoding: quoted-printable\r\n"
			    "\r\n"
			    "Hello Ada\r\n"
			    "=2E\r\n"
			    "bye =3D now\r\n");
	herald_builder_done(&builder);
}

static void html_brings_an_alternative_and_the_best_comes_last(void **state)
{
	struct herald_message message = message_of("Hello", "Hello", "<p>Hello</p>");
	struct herald_builder builder, again;

	(void)state;
	herald_builder_init(&builder, 64 * 1024);
	herald_builder_init(&again, 64 * 1024);
	assert_int_equal(build(&message, &builder, NULL), HERALD_OK);
	const char *plain = strstr(builder.data, "text/plain"), *html = strstr(builder.data, "text/html");
	assert_true(strstr(builder.data, "multipart/alternative") < plain && plain < html);
	assert_canonical(builder.data, builder.size);
	/* The second attempt is the same bytes. */
	message.attempt = 2;
	assert_int_equal(build(&message, &again, NULL), HERALD_OK);
	assert_string_equal(builder.data, again.data);
	/* Another delivery has another boundary. */
	message.delivery_id = "ntf_0123456789ABC-2";
	assert_int_equal(build(&message, &again, NULL), HERALD_OK);
	assert_string_not_equal(strstr(builder.data, "boundary="), strstr(again.data, "boundary="));
	message.text = text_of("");
	assert_int_equal(build(&message, &again, NULL), HERALD_OK);
	assert_null(strstr(again.data, "multipart"));
	assert_non_null(strstr(again.data, "text/html"));
	herald_builder_done(&builder);
	herald_builder_done(&again);
}

static void a_text_with_the_boundary_in_it_cannot_end_a_part(void **state)
{
	char text[400], boundary[64];
	struct herald_message message = message_of("Hello", "x", "<p>x</p>");
	struct herald_builder builder;

	(void)state;
	herald_builder_init(&builder, 64 * 1024);
	assert_int_equal(build(&message, &builder, NULL), HERALD_OK);
	assert_int_equal(sscanf(strstr(builder.data, "boundary=\""), "boundary=\"%63[^\"]", boundary), 1);
	snprintf(text, sizeof(text), "a\n--%s\nContent-Type: text/html\n\nb\n--%s--\n", boundary, boundary);
	message.text = text_of(text);
	assert_int_equal(build(&message, &builder, NULL), HERALD_OK);
	int found = 0;
	char delimiter[80];
	snprintf(delimiter, sizeof(delimiter), "\r\n--%s", boundary);
	for (const char *at = builder.data; (at = strstr(at, delimiter)); at++)
		found++;
	assert_int_equal(found, 3);
	herald_builder_done(&builder);
}

/* The entity's bytes, decoded. */
static size_t decode(const char *entity, char *out, size_t out_size)
{
	const char *body = strstr(entity, "\r\n\r\n") + 4;
	size_t size = 0;

	if (strstr(entity, "base64")) {
		char *flat = test_malloc(strlen(body) + 1);
		size_t length = 0;

		for (const char *c = body; *c; c++)
			if (*c != '\r' && *c != '\n')
				flat[length++] = *c;
		flat[length] = '\0';
		assert_int_equal(herald_base64_decode(flat, out, out_size, &size, NULL), HERALD_OK);
		test_free(flat);
		return size;
	}
	for (const char *c = body; *c; c++) {
		unsigned value = (unsigned char)*c;

		if (c[0] == '=' && c[1] == '\r') {
			c += 2;
			continue;
		}
		if (*c == '=') {
			assert_int_equal(sscanf(c + 1, "%2X", &value), 1);
			c += 2;
		}
		out[size++] = (char)value;
	}
	return size;
}

static size_t canonical(const char *text, size_t size, char *out)
{
	size_t written = 0;

	for (size_t i = 0; i < size; i++) {
		if (text[i] != '\r' && text[i] != '\n') {
			out[written++] = text[i];
			continue;
		}
		out[written++] = '\r';
		out[written++] = '\n';
		if (text[i] == '\r' && i + 1 < size && text[i + 1] == '\n')
			i++;
	}
	if (size > 0 && text[size - 1] != '\r' && text[size - 1] != '\n') {
		out[written++] = '\r';
		out[written++] = '\n';
	}
	return written;
}

static void assert_carried(const char *text, size_t size)
{
	struct herald_builder builder;
	char *back = test_malloc(2 * size + 8), *expected = test_malloc(2 * size + 8);

	herald_builder_init(&builder, 8 * 1024 * 1024);
	body_add(&builder, "plain", (struct herald_text){text, size});
	assert_int_equal(builder.code, HERALD_OK);
	assert_canonical(builder.data, builder.size);
	size_t expected_size = canonical(text, size, expected);
	assert_int_equal(decode(builder.data, back, 2 * size + 8), expected_size);
	assert_memory_equal(back, expected, expected_size);
	herald_builder_done(&builder);
	test_free(back);
	test_free(expected);
}

/* reliability.md T32 */
static void nothing_in_the_words_can_end_the_message(void **state)
{
	static const char mail[] = "MAIL FROM:<admin@victim.example>\r\nRCPT TO:<x@y.example>\r\nDATA\r\n";
	static const char *const ends[] = {"\n.\n",   "\n.\r\n", "\r.\r",     "\r\n.\r", "\r\n.\n",
					   "\r.\r\n", "\n\n.\n", "\r\n.\r\n", "\n.\r",   "\r.\n"};
	static const char *const texts[] = {".",        "..",
					    ".\n",      ".first",
					    "a\n.",     "From x\nFrom y\n",
					    "--\nsig",  "a \nb\t\n ",
					    "=",        "==",
					    "=\n",      "\t",
					    "\n",       "\r",
					    "\r\r\n\n", "a\x01\x1B[31mb\x7F"};
	char text[256];

	(void)state;
	for (size_t i = 0; i < countof(ends); i++) {
		snprintf(text, sizeof(text), "hello%s%sbye", ends[i], mail);
		assert_carried(text, strlen(text));
		snprintf(text, sizeof(text), "%s%s", ends[i], mail);
		assert_carried(text, strlen(text));
	}
	for (size_t i = 0; i < countof(texts); i++)
		assert_carried(texts[i], strlen(texts[i]));
}

static void lines_of_any_length_are_carried(void **state)
{
	static const size_t sizes[] = {75, 76, 77, 997, 998, 999, 1000 * 1000};
	static const char *const fillings[] = {"x", ".", "=", "\xC3\xA4", " "};

	(void)state;
	for (size_t i = 0; i < countof(sizes); i++)
		for (size_t k = 0; k < countof(fillings); k++) {
			size_t one = strlen(fillings[k]), size = sizes[i] / one * one;
			char *text = test_malloc(size + 1);

			for (size_t at = 0; at < size; at += one)
				memcpy(text + at, fillings[k], one);
			text[size] = '\0';
			assert_carried(text, size);
			test_free(text);
		}
}

static void random_bytes_are_carried(void **state)
{
	static const char alphabet[] = "..\r\n\r\n==  \tFrom -ab\xC3\xA4\x01";
	char text[300];
	uint64_t seed = 42;

	(void)state;
	for (int round = 0; round < 20 * 1000; round++) {
		size_t size = (size_t)(seed >> 33) % sizeof(text);

		for (size_t i = 0; i < size; i++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			text[i] = alphabet[(seed >> 40) % (sizeof(alphabet) - 1)];
		}
		text[size < sizeof(text) ? size : sizeof(text) - 1] = '\0';
		assert_carried(text, size < sizeof(text) ? size : sizeof(text) - 1);
		seed = seed * 6364136223846793005u + 1442695040888963407u;
	}
}

static void the_shorter_encoding_is_chosen(void **state)
{
	struct herald_builder builder;

	(void)state;
	herald_builder_init(&builder, 64 * 1024);
	body_add(&builder, "plain",
		 text_of("Viele Gr\xC3\xBC\xC3\x9F"
			 "e aus K\xC3\xB6ln am Rhein, bis zum n\xC3\xA4"
			 "chsten Mal, Dein Freund"));
	assert_non_null(strstr(builder.data, "quoted-printable"));
	herald_builder_clear(&builder);
	body_add(&builder, "plain", text_of("\xD0\x9F\xD1\x80\xD0\xB8\xD0\xB2\xD0\xB5\xD1\x82"));
	assert_non_null(strstr(builder.data, "base64"));
	herald_builder_done(&builder);
}

static void what_cannot_be_carried_is_refused_with_its_name(void **state)
{
	static const struct herald_field bcc = {"Bcc", "v@e.example"},
					 evil = {"X-A", "x\r\nBcc: v@e.example"},
					 twice[] = {{"X-A", "1"}, {"x-a", "2"}},
					 list = {"List-Id", "\xC3\xA4"};
	static const struct herald_part part = {.media_type = "text/plain", .name = "a", .content_id = ""};
	struct herald_field many[33];
	char names[33][8];
	struct herald_builder builder;
	struct herald_error err;
	struct herald_message message;

	(void)state;
	herald_builder_init(&builder, 64 * 1024);
#define REFUSED(code_, text_, change)                                     \
	do {                                                              \
		message = message_of("Hello", "Hello", "");               \
		change;                                                   \
		assert_int_equal(build(&message, &builder, &err), code_); \
		if (!strstr(err.text, text_))                             \
			fail_msg("%s", err.text);                         \
	} while (0)
	REFUSED(HERALD_INVALID, "subject: ", message.subject = "x\r\nBcc: v@e.example");
	REFUSED(HERALD_INVALID, "from_name: ", message.from_name = "x\n");
	REFUSED(HERALD_INVALID, "recipient's name: ", message.name = "x\r");
	REFUSED(HERALD_INVALID, "reply_to: ", message.reply_to = "a@b.example,c@d.example");
	REFUSED(HERALD_INVALID, "header 1: ", (message.headers = &bcc, message.header_count = 1));
	REFUSED(HERALD_INVALID, "header X-A: ", (message.headers = &evil, message.header_count = 1));
	REFUSED(HERALD_INVALID, "header x-a is given twice",
		(message.headers = twice, message.header_count = 2));
	REFUSED(HERALD_INVALID, "header List-Id: ", (message.headers = &list, message.header_count = 1));
	REFUSED(HERALD_UNSUPPORTED, "attachments", (message.parts = &part, message.part_count = 1));
	for (size_t i = 0; i < countof(many); i++) {
		snprintf(names[i], sizeof(names[i]), "X-%zu", i);
		many[i] = (struct herald_field){names[i], "v"};
	}
	REFUSED(HERALD_INVALID, "32", (message.headers = many, message.header_count = 33));
	message.header_count = 32;
	assert_int_equal(build(&message, &builder, &err), HERALD_OK);
#undef REFUSED
	herald_builder_done(&builder);
}

static void a_message_ends_at_its_maximum(void **state)
{
	struct herald_message message = message_of("Hello", "Hello", "");
	struct herald_builder builder;
	struct herald_error err;

	(void)state;
	herald_builder_init(&builder, 64 * 1024);
	assert_int_equal(build(&message, &builder, &err), HERALD_OK);
	size_t size = builder.size;
	herald_builder_done(&builder);
	herald_builder_init(&builder, size);
	assert_int_equal(build(&message, &builder, &err), HERALD_OK);
	herald_builder_done(&builder);
	herald_builder_init(&builder, size - 1);
	assert_int_equal(build(&message, &builder, &err), HERALD_LIMIT);
	herald_builder_done(&builder);
}

static void a_strange_delivery_id_still_makes_a_message_id(void **state)
{
	struct herald_message message = message_of("Hello", "Hello", "");
	struct herald_builder builder;

	(void)state;
	herald_builder_init(&builder, 64 * 1024);
	message.delivery_id = "a>\r\nBcc: v@e";
	assert_int_equal(build(&message, &builder, NULL), HERALD_OK);
	assert_canonical(builder.data, builder.size);
	assert_null(strstr(builder.data, "Bcc"));
	assert_non_null(strstr(builder.data, "@id.example>"));
	herald_builder_done(&builder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plain_message_is_exactly_this),
		cmocka_unit_test(html_brings_an_alternative_and_the_best_comes_last),
		cmocka_unit_test(a_text_with_the_boundary_in_it_cannot_end_a_part),
		cmocka_unit_test(nothing_in_the_words_can_end_the_message),
		cmocka_unit_test(lines_of_any_length_are_carried),
		cmocka_unit_test(random_bytes_are_carried),
		cmocka_unit_test(the_shorter_encoding_is_chosen),
		cmocka_unit_test(what_cannot_be_carried_is_refused_with_its_name),
		cmocka_unit_test(a_message_ends_at_its_maximum),
		cmocka_unit_test(a_strange_delivery_id_still_makes_a_message_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_session.c - what session.c promises: the dialogue byte by byte, and waiting without a clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "session.h"

struct setup {
	struct sandbox sandbox;
	struct session session;
};

#define MAIL                                                                             \
	"From: a@b\r\nDate: d\r\nMessage-ID: <m>\r\nMIME-Version: 1.0\r\nContent-Type: " \
	"text/plain\r\n\r\nHello\r\n"
#define ENVELOPE "EHLO me\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n"

static void begin(struct setup *setup)
{
	struct herald_error err;

	memset(setup, 0, sizeof(*setup));
	fault_table_init(&setup->sandbox.faults);
	assert_int_equal(ledger_open(NULL, false, &setup->sandbox.ledger, &err), HERALD_OK);
	session_init(&setup->session, &setup->sandbox);
}

static void end(struct setup *setup)
{
	session_done(&setup->session);
	ledger_free(setup->sandbox.ledger);
}

static size_t arrivals(const struct setup *setup)
{
	struct herald_builder text;

	herald_builder_init(&text, 1 << 20);
	ledger_show(setup->sandbox.ledger,
		    &(struct ledger_filter){.channel = "email", .to = "", .place = "", .limit = 100}, &text);
	json_t *tree = json_loadb(text.data, text.size, 0, NULL);
	size_t count = json_array_size(json_object_get(tree, "arrivals"));
	json_decref(tree);
	herald_builder_done(&text);
	return count;
}

static bool last_reply_is(const struct setup *setup, const char *code)
{
	const char *last = setup->session.output.data;
	for (const char *at = last; *at; at++)
		if (at[0] == '\n' && at[1])
			last = at + 1;
	return strncmp(last, code, strlen(code)) == 0;
}

static void feed(struct setup *setup, const char *text)
{
	session_feed(&setup->session, text, strlen(text), 1000);
}

static void a_dialogue_may_come_a_byte_at_a_time(void **state)
{
	static const char ALL[] = ENVELOPE MAIL ".\r\nQUIT\r\n";
	struct setup setup;

	(void)state;
	begin(&setup);
	for (size_t i = 0; i < sizeof(ALL) - 1; i++)
		session_feed(&setup.session, &ALL[i], 1, 1000);
	assert_true(last_reply_is(&setup, "221"));
	assert_int_equal(setup.session.state, SESSION_CLOSING);
	assert_int_equal(arrivals(&setup), 1);
	end(&setup);
}

static void with_a_latency_the_answer_waits_and_what_is_pipelined_behind_it_too(void **state)
{
	struct setup setup;

	(void)state;
	begin(&setup);
	setup.sandbox.faults.service[SERVICE_EMAIL].latency_ms = 50;
	feed(&setup, ENVELOPE);
	feed(&setup, MAIL ".\r\nMAIL FROM:<a@b>\r\n");
	assert_true(last_reply_is(&setup, "354"));
	session_go_on(&setup.session, 1049);
	assert_int_equal(arrivals(&setup), 0);
	session_go_on(&setup.session, 1050);
	assert_int_equal(arrivals(&setup), 1);
	assert_true(last_reply_is(&setup, "250 2.1.0"));
	end(&setup);
}

static void who_reads_no_answers_is_dropped_before_memory_is(void **state)
{
	struct setup setup;

	(void)state;
	begin(&setup);
	for (int i = 0; i < 1000000 && setup.session.state != SESSION_DROPPED; i++)
		feed(&setup, "NOOP\r\n");
	assert_int_equal(setup.session.state, SESSION_DROPPED);
	assert_true(setup.session.output.size <= 256 * 1024);
	end(&setup);
}

static void a_mail_over_the_limit_is_refused_and_the_session_goes_on(void **state)
{
	struct setup setup;
	char line[901];

	(void)state;
	begin(&setup);
	memset(line, 'x', 898);
	memcpy(line + 898, "\r\n", 3);
	feed(&setup, ENVELOPE);
	feed(&setup, MAIL);
	for (int i = 0; i < SESSION_MAIL_BYTES_MAX / 900 + 1; i++)
		feed(&setup, line);
	feed(&setup, ".\r\n");
	assert_true(last_reply_is(&setup, "552"));
	feed(&setup, "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n");
	feed(&setup, MAIL ".\r\n");
	assert_true(last_reply_is(&setup, "250"));
	assert_int_equal(arrivals(&setup), 1);
	end(&setup);
}

static void the_hundredth_recipient_is_taken_and_the_next_told_to_come_again(void **state)
{
	struct setup setup;

	(void)state;
	begin(&setup);
	feed(&setup, "EHLO me\r\nMAIL FROM:<a@b>\r\n");
	for (int i = 0; i < SESSION_RECIPIENTS_MAX; i++)
		feed(&setup, "RCPT TO:<c@d>\r\n");
	assert_true(last_reply_is(&setup, "250"));
	feed(&setup, "RCPT TO:<c@d>\r\n");
	assert_true(last_reply_is(&setup, "452"));
	end(&setup);
}

static void a_nul_byte_is_no_command(void **state)
{
	struct setup setup;

	(void)state;
	begin(&setup);
	session_feed(&setup.session, "NOOP\0x\r\n", 8, 1000);
	assert_true(last_reply_is(&setup, "500"));
	end(&setup);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_dialogue_may_come_a_byte_at_a_time),
		cmocka_unit_test(with_a_latency_the_answer_waits_and_what_is_pipelined_behind_it_too),
		cmocka_unit_test(who_reads_no_answers_is_dropped_before_memory_is),
		cmocka_unit_test(a_mail_over_the_limit_is_refused_and_the_session_goes_on),
		cmocka_unit_test(the_hundredth_recipient_is_taken_and_the_next_told_to_come_again),
		cmocka_unit_test(a_nul_byte_is_no_command),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

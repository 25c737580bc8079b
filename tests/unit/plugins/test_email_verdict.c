/* test_email_verdict.c - what a server's words mean, as one table, and what of them may be shown. */
#include "cmocka_first.h"

#include <stdio.h>
#include <string.h>

#include "verdict.h"

static const struct {
	enum reply_stage stage;
	enum reply_fault fault;
	const char *lines; /* "": no answer */
	enum herald_verdict verdict;
	const char *status;
} cases[] = {
	/* taken over, or perhaps */
	{REPLY_DOT, REPLY_ANSWERED, "250 2.0.0 Ok: queued as 4Yk\r\n", HERALD_SENT, "2.0.0"},
	{REPLY_DOT, REPLY_ANSWERED, "250 ok\r\n", HERALD_SENT, ""},
	{REPLY_DOT, REPLY_ANSWERED, "250 5.0.0 odd\r\n", HERALD_SENT, "2.0.0"},
	{REPLY_DOT, REPLY_LOST, "", HERALD_UNCERTAIN, "4.4.2"},
	{REPLY_DOT, REPLY_BROKEN, "", HERALD_UNCERTAIN, "4.4.2"},
	{REPLY_DOT, REPLY_ANSWERED, "354 go on\r\n", HERALD_UNCERTAIN, ""},
	/* cannot have arrived */
	{REPLY_CONNECT, REPLY_LOST, "", HERALD_DEFERRED, "4.4.1"},
	{REPLY_GREETING, REPLY_LOST, "", HERALD_DEFERRED, "4.4.2"},
	{REPLY_MAIL, REPLY_LOST, "", HERALD_DEFERRED, "4.4.2"},
	{REPLY_RCPT, REPLY_LOST, "", HERALD_DEFERRED, "4.4.2"},
	{REPLY_DATA, REPLY_LOST, "", HERALD_DEFERRED, "4.4.2"},
	{REPLY_TLS, REPLY_LOST, "", HERALD_DEFERRED, "4.4.2"},
	{REPLY_MAIL, REPLY_ANSWERED, "250 for somebody else's command\r\n", HERALD_DEFERRED, ""},
	{REPLY_DATA, REPLY_ANSWERED, "250 2.0.0 not a go-ahead\r\n", HERALD_DEFERRED, "4.0.0"},
	/* not now */
	{REPLY_RCPT, REPLY_ANSWERED, "451 4.7.1 Greylisted\r\n", HERALD_DEFERRED, "4.7.1"},
	{REPLY_RCPT, REPLY_ANSWERED, "450 mailbox busy\r\n", HERALD_DEFERRED, ""},
	{REPLY_DOT, REPLY_ANSWERED, "452 4.3.1 Insufficient system storage\r\n", HERALD_DEFERRED, "4.3.1"},
	{REPLY_DOT, REPLY_ANSWERED, "552 5.3.1 full\r\n", HERALD_DEFERRED, "4.3.1"},
	{REPLY_RCPT, REPLY_ANSWERED, "552 5.2.2 mailbox full\r\n", HERALD_DEFERRED, "4.2.2"},
	{REPLY_RCPT, REPLY_ANSWERED, "452 4.2.2 mailbox full\r\n", HERALD_DEFERRED, "4.2.2"},
	{REPLY_GREETING, REPLY_ANSWERED, "421 4.3.2 closing\r\n", HERALD_DEFERRED, "4.3.2"},
	{REPLY_TLS, REPLY_ANSWERED, "454 4.7.0 TLS not available due to local problem\r\n", HERALD_DEFERRED,
	 "4.7.0"},
	{REPLY_LOGIN, REPLY_ANSWERED, "454 4.7.0 Temporary authentication failure\r\n", HERALD_DEFERRED,
	 "4.7.0"},
	/* RFC 3463's digit counts when both are there */
	{REPLY_RCPT, REPLY_ANSWERED, "550 4.2.1 later\r\n", HERALD_DEFERRED, "4.2.1"},
	{REPLY_RCPT, REPLY_ANSWERED, "450 5.1.1 no such user\r\n", HERALD_UNREACHABLE, "5.1.1"},
	{REPLY_RCPT, REPLY_ANSWERED, "550 2.1.1 confused\r\n", HERALD_REJECTED, "5.1.1"},
	{REPLY_RCPT, REPLY_ANSWERED, "550 5.1 cut off\r\n", HERALD_REJECTED, ""},
	/* slower */
	{REPLY_GREETING, REPLY_ANSWERED, "421 4.7.0 Too many connections\r\n", HERALD_THROTTLED, "4.7.0"},
	{REPLY_MAIL, REPLY_ANSWERED, "450 4.7.1 Error: too much mail, rate limit\r\n", HERALD_THROTTLED,
	 "4.7.1"},
	{REPLY_RCPT, REPLY_ANSWERED, "421 4.7.28 unusual rate\r\n", HERALD_THROTTLED, "4.7.28"},
	/* the address is dead */
	{REPLY_RCPT, REPLY_ANSWERED, "550 5.1.1 User unknown\r\n", HERALD_UNREACHABLE, "5.1.1"},
	{REPLY_RCPT, REPLY_ANSWERED, "550 5.1.2 no such host\r\n", HERALD_UNREACHABLE, "5.1.2"},
	{REPLY_RCPT, REPLY_ANSWERED, "553 5.1.3 syntax\r\n", HERALD_UNREACHABLE, "5.1.3"},
	{REPLY_RCPT, REPLY_ANSWERED, "551 5.1.6 moved\r\n", HERALD_UNREACHABLE, "5.1.6"},
	{REPLY_RCPT, REPLY_ANSWERED, "556 5.1.10 null MX\r\n", HERALD_UNREACHABLE, "5.1.10"},
	{REPLY_RCPT, REPLY_ANSWERED, "556 takes no mail\r\n", HERALD_UNREACHABLE, ""},
	{REPLY_RCPT, REPLY_ANSWERED, "550 5.2.1 disabled\r\n", HERALD_UNREACHABLE, "5.2.1"},
	{REPLY_RCPT, REPLY_ANSWERED, "550 5.4.4 no route\r\n", HERALD_UNREACHABLE, "5.4.4"},
	{REPLY_DOT, REPLY_ANSWERED, "550 5.1.1 found out late\r\n", HERALD_UNREACHABLE, "5.1.1"},
	/* the message will never pass; nothing is held against the address */
	{REPLY_RCPT, REPLY_ANSWERED, "550 bare, could be anything\r\n", HERALD_REJECTED, ""},
	{REPLY_RCPT, REPLY_ANSWERED, "550 5.7.1 policy\r\n", HERALD_REJECTED, "5.7.1"},
	{REPLY_RCPT, REPLY_ANSWERED, "554 5.1.0 address rejected\r\n", HERALD_REJECTED, "5.1.0"},
	{REPLY_MAIL, REPLY_ANSWERED, "552 5.3.4 Message size exceeds fixed limit\r\n", HERALD_REJECTED,
	 "5.3.4"},
	{REPLY_DOT, REPLY_ANSWERED, "552 5.2.3 too long for the mailbox\r\n", HERALD_REJECTED, "5.2.3"},
	{REPLY_DOT, REPLY_ANSWERED, "554 5.6.0 malformed\r\n", HERALD_REJECTED, "5.6.0"},
	{REPLY_DOT, REPLY_ANSWERED, "554 5.7.1 spam\r\n", HERALD_REJECTED, "5.7.1"},
	/* our set-up */
	{REPLY_GREETING, REPLY_ANSWERED, "554 5.7.1 your address is blocked\r\n", HERALD_MISCONFIGURED,
	 "4.3.5"},
	{REPLY_TLS, REPLY_UNTRUSTED, "", HERALD_MISCONFIGURED, "4.7.5"},
	{REPLY_CONNECT, REPLY_UNTRUSTED, "", HERALD_MISCONFIGURED, "4.7.5"},
	{REPLY_CONNECT, REPLY_BROKEN, "", HERALD_MISCONFIGURED, "4.3.5"},
	{REPLY_LOGIN, REPLY_LOGIN_REFUSED, "", HERALD_MISCONFIGURED, "4.3.5"},
	{REPLY_LOGIN, REPLY_ANSWERED, "535 5.7.8 Authentication credentials invalid\r\n",
	 HERALD_MISCONFIGURED, "4.3.5"},
	{REPLY_MAIL, REPLY_ANSWERED, "530 5.7.0 Must issue a STARTTLS command first\r\n",
	 HERALD_MISCONFIGURED, "4.3.5"},
	{REPLY_RCPT, REPLY_ANSWERED, "530 5.7.1 Authentication required\r\n", HERALD_MISCONFIGURED, "4.3.5"},
	{REPLY_MAIL, REPLY_ANSWERED, "553 5.7.1 Sender address rejected: not owned by user\r\n",
	 HERALD_MISCONFIGURED, "4.3.5"},
	{REPLY_RCPT, REPLY_ANSWERED, "554 5.7.1 <a@b.example>: Relay access denied\r\n", HERALD_MISCONFIGURED,
	 "4.3.5"},
	{REPLY_RCPT, REPLY_ANSWERED, "550 relay not permitted\r\n", HERALD_MISCONFIGURED, "4.3.5"},
	{REPLY_RCPT, REPLY_ANSWERED, "550 5.1.1 relay.example knows no such user\r\n", HERALD_UNREACHABLE,
	 "5.1.1"},
};

static void every_reply_has_one_meaning(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(cases); i++) {
		struct reply reply = {.stage = cases[i].stage, .fault = cases[i].fault};
		struct herald_outcome outcome = {0};

		reply_read(&reply, cases[i].lines, strlen(cases[i].lines));
		verdict_read(&reply, &outcome);
		if (outcome.verdict != (uint32_t)cases[i].verdict ||
		    strcmp(outcome.status, cases[i].status) != 0)
			fail_msg("%zu, stage %d, %s: verdict %u, status '%s'", i, (int)cases[i].stage,
				 cases[i].lines, outcome.verdict, outcome.status);
		assert_true(outcome.reason[0] != '\0');
	}
}

static void a_full_mailbox_is_given_an_hour(void **state)
{
	static const char lines[] = "452 4.2.2 full\r\n";
	struct reply reply = {.stage = REPLY_RCPT};
	struct herald_outcome outcome = {0};

	(void)state;
	assert_true(reply_read(&reply, lines, strlen(lines)));
	verdict_read(&reply, &outcome);
	assert_int_equal(outcome.retry_after_ms, 3600 * 1000);
}

/* One odd address must not stop the channel for everybody. */
static void relay_access_denied_by_a_relay_that_relays_is_about_the_address(void **state)
{
	static const char lines[] = "554 5.7.1 <a@b.example>: Relay access denied\r\n";
	struct reply reply = {.stage = REPLY_RCPT, .is_proven = true};
	struct herald_outcome outcome = {0};

	(void)state;
	assert_true(reply_read(&reply, lines, strlen(lines)));
	verdict_read(&reply, &outcome);
	assert_int_equal(outcome.verdict, HERALD_REJECTED);
	assert_string_equal(outcome.status, "5.7.1");
}

static void only_the_answer_to_the_end_of_the_content_makes_sent(void **state)
{
	(void)state;
	for (int stage = REPLY_CONNECT; stage <= REPLY_DOT; stage++)
		for (int code = 200; code < 600; code++) {
			struct reply reply = {.stage = (enum reply_stage)stage, .code = code};
			struct herald_outcome outcome = {0};

			verdict_read(&reply, &outcome);
			assert_int_equal(outcome.verdict == HERALD_SENT, stage == REPLY_DOT && code < 300);
		}
}

static void the_last_whole_reply_is_read(void **state)
{
	static const struct {
		const char *lines, *text;
		int code;
	} replies[] = {
		{"250-a\r\n250-b\r\n250 c\r\n", "250-a 250-b 250 c", 250},
		{"354 go\r\n250 2.0.0 ok\r\n", "250 2.0.0 ok", 250},
		{"250 ok\r\n550-5.1.1 no\r\n550 5.1.1 user\r\n", "550-5.1.1 no 550 5.1.1 user", 550},
		{"250 ok\n", "250 ok", 250},
		{"250\r\n", "250", 250},
		{"250 ok\r\n550 5.1.1 not y", "250 ok", 250},
		{"250-only\r\n", "", 0},
		{"garbage\r\n", "", 0},
		{"2500 ok\r\n", "", 0},
		{"999 ok\r\n", "", 0},
		{"", "", 0},
		{"\n", "", 0},
		{"25\n", "", 0},
	};

	(void)state;
	for (size_t i = 0; i < countof(replies); i++) {
		struct reply reply = {0};

		assert_int_equal(reply_read(&reply, replies[i].lines, strlen(replies[i].lines)),
				 replies[i].code != 0);
		assert_int_equal(reply.code, replies[i].code);
		assert_string_equal(reply.text, replies[i].text);
	}
}

/* reliability.md T36 */
static void a_servers_text_is_shown_as_harmless_ascii(void **state)
{
	static const char lines[] = "250 \x1b]0;x\x07 a\tb\xff \xe2\x80\xae\r\n";
	static const char forged[] = "250 \x1b]0;x\x07\r\nforged log";
	char endless[5000];
	struct reply reply = {0};

	(void)state;
	assert_true(reply_read(&reply, lines, strlen(lines)));
	assert_string_equal(reply.text, "250 ?]0;x? a b? ???");
	assert_true(reply_read(&reply, forged, strlen(forged)));
	assert_string_equal(reply.text, "250 ?]0;x?");
	memset(endless, 'x', sizeof(endless));
	memcpy(endless, "550 ", 4);
	endless[sizeof(endless) - 1] = '\n';
	assert_true(reply_read(&reply, endless, sizeof(endless)));
	assert_int_equal(strlen(reply.text), REPLY_TEXT_CHARS_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_reply_has_one_meaning),
		cmocka_unit_test(a_full_mailbox_is_given_an_hour),
		cmocka_unit_test(relay_access_denied_by_a_relay_that_relays_is_about_the_address),
		cmocka_unit_test(only_the_answer_to_the_end_of_the_content_makes_sent),
		cmocka_unit_test(the_last_whole_reply_is_read),
		cmocka_unit_test(a_servers_text_is_shown_as_harmless_ascii),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

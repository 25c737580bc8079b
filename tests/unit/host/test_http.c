/* What the host's HTTP client promises, with a hostile far end: asked of the real program and a plugin that
 * sends what the test says. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/clock.h"
#include "daemon.h"
#include "server.h"

struct house {
	struct server *server;
	struct daemon daemon;
	char token_url[128];
};

static void build(struct house *house, const char *plugin, const char *token_path, int64_t attempt_timeout_ms)
{
	house->server = server_new();
	house->daemon = (struct daemon){.attempt_timeout_ms = attempt_timeout_ms};
	snprintf(house->token_url, sizeof(house->token_url), "%s%s", server_url(house->server), token_path);
	const struct daemon_option options[] = {
		{"base", server_url(house->server)},
		{"stray", "https://evil.example"},
		{"token_url", house->token_url},
		{"secret", "p&ss=w?rd"},
		{NULL, NULL},
	};
	daemon_start(&house->daemon, plugin, options);
}

static void leave(struct house *house)
{
	daemon_end(&house->daemon);
	server_free(house->server);
}

static struct herald_outcome ask(struct house *house, const char *address)
{
	uint64_t ticket = daemon_send(&house->daemon, address);
	struct herald_outcome outcome = daemon_settled(&house->daemon, ticket);

	board_free_slot(house->daemon.board, ticket);
	return outcome;
}

static void expect(struct house *house, const char *address, enum herald_verdict verdict)
{
	struct herald_outcome outcome = ask(house, address);

	if (outcome.verdict != verdict)
		fail_msg("%s: verdict %u instead of %d: %s", address, outcome.verdict, verdict,
			 outcome.reason);
}

static void an_answer_is_read_by_the_table_that_most_providers_follow(void **state)
{
	static const struct {
		const char *address;
		enum herald_verdict verdict;
	} table[] = {
		{"post:/status/200", HERALD_SENT},          {"post:/status/202", HERALD_SENT},
		{"post:/status/401", HERALD_MISCONFIGURED}, {"post:/status/403", HERALD_MISCONFIGURED},
		{"post:/status/408", HERALD_DEFERRED},      {"post:/status/429", HERALD_THROTTLED},
		{"post:/status/500", HERALD_DEFERRED},      {"post:/status/503", HERALD_DEFERRED},
		{"post:/status/400", HERALD_REJECTED},      {"post:/status/404", HERALD_REJECTED},
		{"step:/status/202", HERALD_SENT},          {"step:/status/500", HERALD_DEFERRED},
	};
	struct house house;

	(void)state;
	build(&house, "probe", "", 0);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		expect(&house, table[i].address, table[i].verdict);
	assert_int_equal(ask(&house, "post:/retry/429/7").retry_after_ms, 7000);
	assert_int_equal(ask(&house, "post:/retry/503/-1").retry_after_ms, 0);
	assert_int_equal(ask(&house, "post:/retry/503/99999999999999999999").retry_after_ms,
			 INT64_C(366) * 24 * 3600 * 1000);
	/* One connection for all: keep-alive works. */
	assert_int_equal(server_connections(house.server), 1);
	leave(&house);
}

static void what_left_and_was_not_answered_is_uncertain(void **state)
{
	static const char *const addresses[] = {"post:/close",   "post:/flood", "post:/many",
						"post:/interim", "post:/old",   "post:/cut"};
	struct house house;

	(void)state;
	build(&house, "probe", "", 0);
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		expect(&house, addresses[i], HERALD_UNCERTAIN);
		assert_int_equal(server_count(house.server, addresses[i] + 5), 1);
	}
	leave(&house);
}

static void an_endless_answer_is_cut_and_a_slow_one_ends_in_time(void **state)
{
	struct house house;

	(void)state;
	build(&house, "probe", "", 1500);
	int64_t since_ms = clock_mono_ms();
	expect(&house, "post:/endless", HERALD_SENT);
	expect(&house, "post:/drip", HERALD_UNCERTAIN);
	assert_true(clock_mono_ms() - since_ms < 5000);
	leave(&house);
}

static void a_redirect_is_a_refusal_and_never_followed(void **state)
{
	struct house house;

	(void)state;
	build(&house, "probe", "", 0);
	expect(&house, "post:/redirect", HERALD_REJECTED);
	assert_int_equal(server_count(house.server, "/landed"), 0);
	assert_int_equal(server_connections(house.server), 1);
	leave(&house);
}

/* The connection was good once; the far end reads the next request and closes without a word.  It may have
 * acted on it, so it must not be sent again by anybody but the core. */
static void a_kept_connection_that_dies_is_not_tried_again_behind_our_back(void **state)
{
	struct house house;

	(void)state;
	build(&house, "probe", "", 0);
	expect(&house, "post:/stale/1", HERALD_SENT);
	expect(&house, "post:/stale/2", HERALD_UNCERTAIN);
	assert_int_equal(server_count(house.server, "/stale/2"), 1);
	leave(&house);
}

static void what_can_not_leave_is_deferred(void **state)
{
	const struct daemon_option options[] = {{"base", "http://127.0.0.1:1"}, {NULL, NULL}};
	struct daemon daemon = {0};

	(void)state;
	daemon_start(&daemon, "probe", options);
	struct herald_outcome outcome = daemon_settled(&daemon, daemon_send(&daemon, "post:/status/200"));
	assert_int_equal(outcome.verdict, HERALD_DEFERRED);
	assert_non_null(strstr(outcome.reason, "not sent"));
	daemon_end(&daemon);
}

static void plain_http_is_for_this_machine_and_only_when_allowed(void **state)
{
	static const struct {
		bool is_strict;
		const char *base;
	} table[] = {
		{true, "http://127.0.0.1:1"},
		{false, "http://10.0.0.1:1"},
		{false, "http://127.0.0.1.evil.example"},
		{false, "http://[::ffff:10.0.0.1]:1"},
		{false, "ftp://127.0.0.1"},
		{false, "gopher://127.0.0.1"},
		{false, "http://u:p@127.0.0.1:1"},
		{false, "http://127.0.0.1\\@evil.example"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const struct daemon_option options[] = {{"base", table[i].base}, {NULL, NULL}};
		struct daemon daemon = {.is_strict = table[i].is_strict};

		daemon_start(&daemon, "probe", options);
		struct herald_outcome outcome =
			daemon_settled(&daemon, daemon_send(&daemon, "post:/status/200"));
		if (outcome.verdict != HERALD_MISCONFIGURED && outcome.verdict != HERALD_DEFERRED)
			fail_msg("%s was sent: %s", table[i].base, outcome.reason);
		assert_null(strstr(outcome.reason, "not sent")); /* refused at the call, not tried */
		daemon_end(&daemon);
	}
}

static void nothing_ambient_reaches_the_client(void **state)
{
	struct server *proxy = server_new();
	struct house house;

	(void)state;
	setenv("http_proxy", server_url(proxy), 1);
	setenv("ALL_PROXY", server_url(proxy), 1);
	build(&house, "probe", "", 0);
	unsetenv("http_proxy");
	unsetenv("ALL_PROXY");
	expect(&house, "post:/status/200", HERALD_SENT);
	assert_int_equal(server_connections(proxy), 0);
	const char *seen = server_last(house.server, "/status/200");
	assert_null(strstr(seen, "Accept-Encoding"));
	assert_null(strstr(seen, "Expect"));
	assert_null(strstr(seen, "x-www-form-urlencoded"));
	assert_non_null(strstr(seen, "\r\n\r\na text"));
	leave(&house);
	server_free(proxy);
}

static void a_request_that_only_prepares_is_never_on_the_wire(void **state)
{
	struct house house;
	struct frame frame;
	struct herald_text memory;
	uint64_t number;

	(void)state;
	build(&house, "probe", "", 0);
	expect(&house, "prepare:/close", HERALD_DEFERRED);

	uint64_t ticket = daemon_send(&house.daemon, "prepare:/status/201");
	assert_true(daemon_hear(&house.daemon, FRAME_MEMORY, &frame));
	assert_int_equal(wire_note_read(&frame, house.daemon.arena, &number, &memory, NULL), HERALD_OK);
	assert_string_equal(memory.data, "conversation-1");
	assert_int_equal(board_state(house.daemon.board, ticket), SLOT_IN_PLUGIN);
	assert_true(daemon_hears_nothing(&house.daemon, FRAME_SETTLED, 100));
	assert_int_equal(server_count(house.server, "/status/201"), 0);
	daemon_say(&house.daemon, FRAME_KEPT, ticket);
	assert_int_equal(daemon_settled(&house.daemon, ticket).verdict, HERALD_SENT);
	assert_int_equal(server_count(house.server, "/status/201"), 1);
	leave(&house);
}

static void a_request_is_on_the_wire_when_the_far_end_has_it(void **state)
{
	struct house house;

	(void)state;
	build(&house, "probe", "", 0);
	uint64_t ticket = daemon_send(&house.daemon, "post:/gate");
	assert_true(server_sees(house.server, "/gate", 1));
	assert_int_equal(board_state(house.daemon.board, ticket), SLOT_ON_WIRE);
	assert_false(board_swap(house.daemon.board, ticket, SLOT_IN_PLUGIN, SLOT_REVOKED));
	server_open_gate(house.server);
	assert_int_equal(daemon_settled(&house.daemon, ticket).verdict, HERALD_SENT);
	leave(&house);
}

/* It waits for a token while it is taken back: nothing leaves. */
static void what_is_taken_back_before_it_leaves_does_not_leave(void **state)
{
	struct house house;

	(void)state;
	build(&house, "probe", "/token/gate", 0);
	uint64_t ticket = daemon_send(&house.daemon, "token:/status/200");
	assert_true(server_sees(house.server, "/token", 1));
	assert_true(board_swap(house.daemon.board, ticket, SLOT_IN_PLUGIN, SLOT_REVOKED));
	daemon_say(&house.daemon, FRAME_REVOKE, ticket);
	server_open_gate(house.server);
	expect(&house, "token:/status/204", HERALD_SENT);
	assert_int_equal(server_count(house.server, "/status/200"), 0);
	assert_int_equal(board_state(house.daemon.board, ticket), SLOT_REVOKED);
	leave(&house);
}

static void a_batch_leaves_without_the_one_that_was_taken_back(void **state)
{
	struct house house;
	uint64_t tickets[3];

	(void)state;
	build(&house, "probe_batch", "/token/gate", 0);
	kill(house.daemon.pid, SIGSTOP);
	for (int i = 0; i < 3; i++)
		tickets[i] = daemon_send(&house.daemon, "token:/status/200");
	kill(house.daemon.pid, SIGCONT);
	assert_true(server_sees(house.server, "/token", 1));
	assert_true(board_swap(house.daemon.board, tickets[1], SLOT_IN_PLUGIN, SLOT_REVOKED));
	daemon_say(&house.daemon, FRAME_REVOKE, tickets[1]);
	server_open_gate(house.server);
	assert_true(daemon_sees(&house.daemon, tickets[0], SLOT_DONE));
	assert_true(daemon_sees(&house.daemon, tickets[2], SLOT_DONE));
	assert_int_equal(server_count(house.server, "/status/200/3"), 0);
	assert_int_equal(server_count(house.server, "/status/200/2"), 1);
	assert_int_equal(board_state(house.daemon.board, tickets[1]), SLOT_REVOKED);
	leave(&house);
}

static void many_wait_for_one_token(void **state)
{
	struct house house;
	uint64_t tickets[20];

	(void)state;
	build(&house, "probe", "/token/gate", 0);
	for (int i = 0; i < 20; i++)
		tickets[i] = daemon_send(&house.daemon, "token:/status/200");
	assert_true(server_sees(house.server, "/token", 1));
	server_open_gate(house.server);
	for (int i = 0; i < 20; i++)
		assert_true(daemon_sees(&house.daemon, tickets[i], SLOT_DONE));
	assert_int_equal(server_count(house.server, "/token"), 1);
	assert_int_equal(server_count(house.server, "/status/200"), 20);
	assert_non_null(
		strstr(server_last(house.server, "/status/200"), "\r\nAuthorization: Bearer token-1\r\n"));
	assert_non_null(strstr(server_last(house.server, "/token"),
			       "grant_type=client_credentials&client_id=client&client_secret=p%26ss%3Dw%3Frd&"
			       "scope=a%2F.default"));
	leave(&house);
}

static void a_token_that_is_refused_is_dropped_once(void **state)
{
	struct house house;

	(void)state;
	build(&house, "probe", "/token", 0);
	expect(&house, "token:/once", HERALD_SENT);
	assert_int_equal(server_count(house.server, "/token"), 2);
	assert_int_equal(server_count(house.server, "/once"), 2);
	/* Refused with any token: once more, and then it is the configuration. */
	expect(&house, "token:/status/401", HERALD_MISCONFIGURED);
	assert_int_equal(server_count(house.server, "/status/401"), 2);
	assert_int_equal(server_count(house.server, "/token"), 3);
	leave(&house);
}

static void a_token_that_can_not_be_had_says_whose_fault_it_is(void **state)
{
	struct house house;

	(void)state;
	build(&house, "probe", "/token/401/invalid_client", 0);
	struct herald_outcome outcome = ask(&house, "token:/status/200");
	assert_int_equal(outcome.verdict, HERALD_MISCONFIGURED);
	assert_non_null(strstr(outcome.reason, "invalid_client: AADSTS0: no way"));
	expect(&house, "token:/status/200", HERALD_MISCONFIGURED);
	assert_int_equal(server_count(house.server, "/token"), 1); /* not hammered */
	assert_int_equal(server_count(house.server, "/status"), 0);
	leave(&house);

	build(&house, "probe", "/token/400/temporarily_unavailable", 0);
	expect(&house, "token:/status/200", HERALD_DEFERRED);
	leave(&house);
	build(&house, "probe", "/close", 0);
	expect(&house, "token:/status/200", HERALD_DEFERRED);
	leave(&house);
}

static void a_token_goes_to_its_hosts_only(void **state)
{
	struct house house;

	(void)state;
	build(&house, "probe", "/token", 0);
	struct herald_outcome outcome = ask(&house, "stray:/status/200");
	assert_int_equal(outcome.verdict, HERALD_MISCONFIGURED);
	assert_non_null(strstr(outcome.reason, "token_hosts"));
	assert_int_equal(server_count(house.server, "/token"), 0);
	leave(&house);
}

static void a_worker_gets_its_answer_in_the_call(void **state)
{
	struct house house;

	(void)state;
	build(&house, "probe_blocking", "/token", 0);
	expect(&house, "post:/status/200", HERALD_SENT);
	expect(&house, "token:/once", HERALD_SENT);
	expect(&house, "post:/close", HERALD_UNCERTAIN);
	expect(&house, "post:/status/503", HERALD_DEFERRED);
	uint64_t tickets[2];
	for (int i = 0; i < 2; i++)
		tickets[i] = daemon_send(&house.daemon, "post:/gate");
	assert_true(server_sees(house.server, "/gate", 2)); /* two workers, side by side */
	server_open_gate(house.server);
	for (int i = 0; i < 2; i++)
		assert_true(daemon_sees(&house.daemon, tickets[i], SLOT_DONE));
	daemon_say(&house.daemon, FRAME_DRAIN, 0);
	assert_int_equal(daemon_waits(&house.daemon), 0);
	leave(&house);
}

static void an_orphan_takes_the_answer_that_is_still_to_come(void **state)
{
	struct house house;

	(void)state;
	build(&house, "probe", "", 0);
	uint64_t on_wire = daemon_send(&house.daemon, "post:/gate");
	assert_true(server_sees(house.server, "/gate", 1));
	daemon_dies(&house.daemon);
	server_open_gate(house.server);
	assert_int_equal(daemon_waits(&house.daemon), 0);
	assert_int_equal(board_state(house.daemon.board, on_wire), SLOT_DONE);
	assert_true(board_head(house.daemon.board).has_left);
	leave(&house);
}

/* `openssl s_server` with a certificate that nobody vouches for; what it reads goes to its output. */
static FILE *impostor_start(const char *folder, unsigned *ret_port)
{
	char command[1024], line[256];

	snprintf(command, sizeof(command),
		 "cd %s && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key "
		 "-out cert "
		 "-days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 2>/dev/null "
		 "&& "
		 "exec timeout 30 openssl s_server -www -naccept 1 -accept 127.0.0.1:0 -key key -cert cert "
		 "2>&1",
		 folder);
	FILE *pipe = popen(command, "r");
	assert_non_null(pipe);
	while (fgets(line, sizeof(line), pipe))
		if (sscanf(line, "ACCEPT 127.0.0.1:%u", ret_port) == 1)
			return pipe;
	fail_msg("openssl s_server did not start: %s", line);
	return NULL;
}

static void a_far_end_that_can_not_prove_its_name_gets_nothing(void **state)
{
	char folder[] = "/tmp/herald-tls-XXXXXX", base[64], line[1024], command[128];
	unsigned port = 0;
	struct daemon daemon = {0};

	(void)state;
	assert_non_null(mkdtemp(folder));
	FILE *impostor = impostor_start(folder, &port);
	snprintf(base, sizeof(base), "https://localhost:%u", port);
	const struct daemon_option options[] = {{"base", base}, {NULL, NULL}};
	daemon_start(&daemon, "probe", options);
	struct herald_outcome outcome = daemon_settled(&daemon, daemon_send(&daemon, "post:/status/200"));
	assert_int_equal(outcome.verdict, HERALD_DEFERRED);
	if (!strstr(outcome.reason, "certificate"))
		fail_msg("%s", outcome.reason);
	daemon_end(&daemon);
	while (fgets(line, sizeof(line), impostor) && !strstr(line, "ERROR"))
		assert_null(strstr(line, "POST"));
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	assert_int_equal(system(command), 0);
	pclose(impostor);
}

static void the_example_posts_what_it_was_given(void **state)
{
	struct server *server = server_new();
	char url[128];
	struct daemon daemon = {0};

	(void)state;
	snprintf(url, sizeof(url), "%s/status/200", server_url(server));
	const struct daemon_option options[] = {{"url", url}, {NULL, NULL}};
	daemon_start(&daemon, "example_webhook", options);
	assert_int_equal(daemon_settled(&daemon, daemon_send(&daemon, "somebody")).verdict, HERALD_SENT);
	const char *seen = server_last(server, "/status/200");
	assert_non_null(strstr(seen, "\r\nIdempotency-Key: ntf_"));
	assert_non_null(strstr(seen, "\"to\":\"somebody\",\"subject\":\"hello\",\"text\":\"a text\"}"));
	daemon_end(&daemon);
	server_free(server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_is_read_by_the_table_that_most_providers_follow),
		cmocka_unit_test(what_left_and_was_not_answered_is_uncertain),
		cmocka_unit_test(an_endless_answer_is_cut_and_a_slow_one_ends_in_time),
		cmocka_unit_test(a_redirect_is_a_refusal_and_never_followed),
		cmocka_unit_test(a_kept_connection_that_dies_is_not_tried_again_behind_our_back),
		cmocka_unit_test(what_can_not_leave_is_deferred),
		cmocka_unit_test(plain_http_is_for_this_machine_and_only_when_allowed),
		cmocka_unit_test(nothing_ambient_reaches_the_client),
		cmocka_unit_test(a_request_that_only_prepares_is_never_on_the_wire),
		cmocka_unit_test(a_request_is_on_the_wire_when_the_far_end_has_it),
		cmocka_unit_test(what_is_taken_back_before_it_leaves_does_not_leave),
		cmocka_unit_test(a_batch_leaves_without_the_one_that_was_taken_back),
		cmocka_unit_test(many_wait_for_one_token),
		cmocka_unit_test(a_token_that_is_refused_is_dropped_once),
		cmocka_unit_test(a_token_that_can_not_be_had_says_whose_fault_it_is),
		cmocka_unit_test(a_token_goes_to_its_hosts_only),
		cmocka_unit_test(a_worker_gets_its_answer_in_the_call),
		cmocka_unit_test(an_orphan_takes_the_answer_that_is_still_to_come),
		cmocka_unit_test(a_far_end_that_can_not_prove_its_name_gets_nothing),
		cmocka_unit_test(the_example_posts_what_it_was_given),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

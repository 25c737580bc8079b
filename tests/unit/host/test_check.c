/* herald-channel as a person calls it: --describe, --check, and how it says no. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <cmocka.h>

#define PROGRAM HERALD_BINARY_DIR "/bin/herald-channel"
#define LOOPBACK HERALD_BINARY_DIR "/plugins/loopback.so"
#define TESTS HERALD_BINARY_DIR "/tests/plugins/"

static int run(const char *arguments, char *ret_text, size_t size)
{
	char command[1024];

	snprintf(command, sizeof(command), PROGRAM " %s 2>&1", arguments);
	FILE *pipe = popen(command, "r");
	assert_non_null(pipe);
	size_t used = fread(ret_text, 1, size - 1, pipe);
	ret_text[used] = '\0';
	int status = pclose(pipe);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void expect(const char *arguments, int status, const char *says)
{
	char text[64 * 1024];
	int got = run(arguments, text, sizeof(text));

	if (got != status || !strstr(text, says))
		fail_msg("herald-channel %s: status %d, said: %s", arguments, got, text);
}

static void a_plugin_describes_itself_in_three_forms(void **state)
{
	(void)state;
	expect("--describe " LOOPBACK, 0, "How long after it arrived a message is answered for.");
	expect("--describe " LOOPBACK " --json", 0, "\"plugin\":\"loopback\"");
	expect("--describe " LOOPBACK " --man", 0, ".Sh OPTIONS");
}

static void a_good_plugin_keeps_its_promises(void **state)
{
	(void)state;
	expect("--check " LOOPBACK, 0, " 0 broken");
	expect("--check " TESTS "example_webhook.so --option url=https://example.org/hook", 0, " 0 broken");
	expect("--check " LOOPBACK " --address defer:1", 0, "send to defer:1");
}

static void a_bad_one_is_named_with_the_rule(void **state)
{
	(void)state;
	expect("--check " TESTS "bad_14.so", 1, "bad_14.so: it has neither send nor send_batch");
	expect("--describe " TESTS "bad_1.so", 1, "it speaks ABI 2");
	expect("--check " TESTS "example_webhook.so", 0, "skip");
	expect("--check " TESTS "example_webhook.so --option uri=x", 1, "no option 'uri'");
	expect("--check " TESTS "example_webhook.so --option url=nonsense", 1, "not an http or https URL");
	expect("--check /nowhere/at/all.so", 1, "/nowhere/at/all.so");
}

static void a_plugin_that_crashes_or_hangs_does_not_take_the_answer_with_it(void **state)
{
	(void)state;
	expect("--check " LOOPBACK " --address crash", 1, "ended the process by signal 6");
	expect("--check " LOOPBACK " --address lie", 1, "BROKEN");
}

static void it_says_how_to_call_it(void **state)
{
	(void)state;
	expect("", 2, "say what to do");
	expect("--help", 0, "--describe FILE");
	expect("--version", 0, "herald-channel 0.");
	expect("--describe", 2, "needs a plugin's file");
	expect("--check " LOOPBACK " --option nonsense", 2, "--option NAME=VALUE");
	expect("--what", 2, "no such verb");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plugin_describes_itself_in_three_forms),
		cmocka_unit_test(a_good_plugin_keeps_its_promises),
		cmocka_unit_test(a_bad_one_is_named_with_the_rule),
		cmocka_unit_test(a_plugin_that_crashes_or_hangs_does_not_take_the_answer_with_it),
		cmocka_unit_test(it_says_how_to_call_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

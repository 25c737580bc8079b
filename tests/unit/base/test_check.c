/* test_check.c - CHECK's promises: it says where, and it ends the process by abort. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"

static void a_failed_check_names_its_place_and_aborts(void **state)
{
	(void)state;
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		setrlimit(RLIMIT_CORE, &(struct rlimit){0});
		signal(SIGABRT, SIG_DFL);
		dup2(ends[1], STDERR_FILENO);
		CHECK(1 + 1 == 3);
		_exit(0);
	}
	close(ends[1]);
	char said[512] = "";
	size_t used = 0;
	for (ssize_t n; (n = read(ends[0], said + used, sizeof(said) - 1 - used)) > 0;)
		used += (size_t)n;
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
	assert_non_null(strstr(said, "test_check.c:"));
	assert_non_null(strstr(said, "1 + 1 == 3"));
	close(ends[0]);
}

static void a_check_that_holds_evaluates_once_and_goes_on(void **state)
{
	(void)state;
	int calls = 0;
	CHECK(++calls == 1);
	assert_int_equal(calls, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_failed_check_names_its_place_and_aborts),
		cmocka_unit_test(a_check_that_holds_evaluates_once_and_goes_on),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

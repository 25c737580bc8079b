/* test_spawn.c - a channel process has its own descriptors, environment, secrets and limits, and nothing of
 * the daemon's. */
#include "stage.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"

static void the_child_sees_only_what_is_its_own(void **state)
{
	struct stage *stage = *state;
	int careless = open("/dev/null", O_RDONLY); /* without O_CLOEXEC */
	assert_true(careless >= 0);
	setenv("HERALD_TEST_SECRET", "do not pass on", 1);
	setenv("TZ", "Europe/Zurich", 1);
	stage_ready(stage, "sms", "", "");
	stage_send(stage, "report");
	stage_until(stage, stage->memories == 1);
	close(careless);

	/* Exactly these descriptors, no more. */
	const char *after = stage->memory;
	for (int fd = 0; fd <= 5; fd++) {
		char line[16];
		snprintf(line, sizeof(line), "fd %d\n", fd);
		assert_memory_equal(after, line, strlen(line));
		after += strlen(line);
	}
	assert_memory_equal(after, "env ", 4);
	assert_null(strstr(stage->memory, "HERALD_TEST_SECRET"));
	assert_non_null(strstr(stage->memory, "env PATH="));
	assert_non_null(strstr(stage->memory, "env TZ=Europe/Zurich\n"));
	assert_non_null(strstr(stage->memory, "env LANG=C\n"));
	assert_non_null(strstr(stage->memory, "env HERALD_CHANNEL=sms\n"));
	size_t entries = 0;
	for (const char *at = stage->memory; (at = strstr(at, "env ")); at++)
		entries++;
	assert_int_equal(entries, 4);
	assert_non_null(strstr(stage->memory, "core 0\n"));
	assert_non_null(strstr(stage->memory, "files 1024\n"));
	assert_non_null(strstr(stage->memory, "group own\n"));
}

static void secrets_come_resolved_from_environment_and_file(void **state)
{
	struct stage *stage = *state;
	char path[192], options[256];
	setenv("HERALD_TEST_SECRET", "from the environment", 1);
	stage_ready(stage, "sms", "", "key: env:HERALD_TEST_SECRET");
	stage_send(stage, "report");
	stage_until(stage, stage->memories == 1);
	assert_non_null(strstr(stage->memory, "secret from the environment\n"));

	snprintf(path, sizeof(path), "%s/key", stage->dir);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	assert_int_equal(write(fd, "from a file\n", 12), 12);
	close(fd);
	snprintf(options, sizeof(options), "key: file:%s", path);
	stage_ready(stage, "sms", "", options);
	stage_until(stage, stage->gone == 1);
	stage_send(stage, "report");
	stage_until(stage, stage->memories == 2);
	assert_non_null(strstr(stage->memory, "secret from a file\n"));
}

static void what_the_daemon_ignores_is_not_ignored_by_the_child(void **state)
{
	struct stage *stage = *state;
	sigset_t most;
	sigfillset(&most);
	struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
	sigaction(SIGUSR1, &ignore, &before);
	sigprocmask(SIG_BLOCK, &most, NULL);
	stage_ready(stage, "sms", "", "");
	sigprocmask(SIG_UNBLOCK, &most, NULL);
	sigaction(SIGUSR1, &before, NULL);
	kill(stage_pid(stage), SIGUSR1);
	stage_until(stage, stage->gone == 1);
	assert_non_null(strstr(stage->why, "SIGUSR1"));
}

int main(void)
{
#define ON_STAGE(test) cmocka_unit_test_setup_teardown(test, stage_open, stage_close)
	const struct CMUnitTest tests[] = {
		ON_STAGE(the_child_sees_only_what_is_its_own),
		ON_STAGE(secrets_come_resolved_from_environment_and_file),
		ON_STAGE(what_the_daemon_ignores_is_not_ignored_by_the_child),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_real.c - the supervisor with herald-channel itself and loopback: both ends of the wire as they are
 * built. */
#include "stage.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "telemetry/metric.h"
#include "base/check.h"

static int real_open(void **state)
{
	if (stage_open(state) != 0)
		return -1;
	struct stage *stage = *state;
	stage->uses = "loopback";
	stage->answers_memory = true;
	stage_new_supervisor(stage, REAL_HOST, PLUGIN_DIR);
	return 0;
}

static void each_address_has_the_outcome_that_it_says(void **state)
{
	static const struct {
		const char *address;
		uint32_t verdict;
	} expected[] = {
		{"ok", HERALD_DELIVERED},          {"sent", HERALD_SENT},
		{"defer:3", HERALD_DEFERRED},      {"reject", HERALD_REJECTED},
		{"throttle:2s", HERALD_THROTTLED}, {"unreachable", HERALD_UNREACHABLE},
		{"uncertain", HERALD_UNCERTAIN},   {"misconfigured", HERALD_MISCONFIGURED},
		{"learn", HERALD_DELIVERED},
	};
	struct stage *stage = *state;
	uint64_t tickets[countof(expected)];
	stage_ready(stage, "lo", "", "");
	assert_non_null(strstr(stage->plugin, "loopback"));
	for (size_t i = 0; i < countof(expected); i++)
		assert_true((tickets[i] = stage_send(stage, expected[i].address)) != 0);
	stage_until(stage, stage->told_count == countof(expected));
	for (size_t i = 0; i < countof(expected); i++) {
		struct told told;
		assert_int_equal(stage_times_told(stage, tickets[i], &told), 1);
		assert_false(told.is_fate);
		assert_int_equal(told.outcome.verdict, expected[i].verdict);
		if (told.outcome.verdict == HERALD_THROTTLED)
			assert_true(told.outcome.retry_after_ms == 2000);
	}
	assert_int_equal(stage->memories, 1);
	assert_non_null(strstr(stage->memory, "met in ntf_"));
}

static void an_option_that_the_plugin_does_not_know_is_refused_with_its_place(void **state)
{
	struct stage *stage = *state;
	stage_start(stage, "lo", "", "rekord: /tmp/x");
	stage_until(stage, stage->state == CHANNEL_MISCONFIGURED);
	assert_non_null(strstr(stage->why, "30-channel.yaml:5:"));
	assert_non_null(strstr(stage->why, "rekord"));
}

static void a_plugin_that_is_not_there_is_a_misconfiguration(void **state)
{
	struct stage *stage = *state;
	stage->uses = "nosuch";
	stage_start(stage, "lo", "", "");
	stage_until(stage, stage->state == CHANNEL_MISCONFIGURED);
	assert_non_null(strstr(stage->why, "nosuch.so"));
}

static void a_crash_before_and_on_the_wire_is_told_apart(void **state)
{
	struct stage *stage = *state;
	struct told told;
	stage_ready(stage, "lo", "", "");
	uint64_t before = stage_send(stage, "crash");
	stage_until(stage, stage->gone == 1);
	assert_int_equal(stage_times_told(stage, before, &told), 1);
	assert_int_equal(told.state, SLOT_IN_PLUGIN);
	stage_later(stage, 30000);
	stage_until(stage, stage->ready == 2);
	uint64_t wire = stage_send(stage, "crash:wire");
	stage_until(stage, stage->gone == 2);
	assert_int_equal(stage_times_told(stage, wire, &told), 1);
	assert_int_equal(told.state, SLOT_ON_WIRE);
}

static void draining_waits_for_what_is_on_the_wire(void **state)
{
	struct stage *stage = *state;
	struct told told;
	stage_ready(stage, "lo", "", "");
	uint64_t slow = stage_send(stage, "slow:300ms");
	stage_until_state(stage, slow, SLOT_ON_WIRE);
	supervisor_drain_all(stage->supervisor);
	stage_until(stage, supervisor_is_idle(stage->supervisor));
	assert_int_equal(stage->gone_clean, 1);
	assert_int_equal(stage_times_told(stage, slow, &told), 1);
	assert_false(told.is_fate);
	assert_int_equal(told.outcome.verdict, HERALD_DELIVERED);
}

static void a_plugin_that_spins_is_killed_and_its_neighbour_told(void **state)
{
	struct stage *stage = *state;
	struct told told;
	stage_ready(stage, "lo", "", "");
	uint64_t spin = stage_send(stage, "spin");
	stage_until_state(stage, spin, SLOT_IN_PLUGIN);
	for (int i = 0; i < 4; i++)
		stage_later(stage, 5000);
	stage_until(stage, stage->gone == 1);
	assert_string_equal(stage->why, "it does not answer");
	assert_int_equal(stage_times_told(stage, spin, &told), 1);
	assert_int_equal(told.state, SLOT_IN_PLUGIN);
}

static void revoked_work_never_arrives(void **state)
{
	struct stage *stage = *state;
	char options[256], path[192];
	snprintf(path, sizeof(path), "%s/record", stage->dir);
	snprintf(options, sizeof(options), "record: %s", path);
	stage_ready(stage, "lo", "    window_max: 500\n", options);
	size_t sent = 0, back = 0;
	uint64_t ticket;
	while ((ticket = stage_send(stage, "ok")) != 0) {
		sent++;
		if (sent % 2 && supervisor_revoke(stage->supervisor, CHANNEL, ticket))
			back++;
	}
	stage_until(stage, stage->told_count == sent - back);
	supervisor_drain_all(stage->supervisor);
	stage_until(stage, supervisor_is_idle(stage->supervisor));
	size_t lines = 0;
	FILE *file = fopen(path, "re");
	assert_non_null(file);
	for (int c; (c = fgetc(file)) != EOF;)
		lines += c == '\n';
	fclose(file);
	assert_int_equal(stage->told_count, sent - back);
	assert_int_equal(lines, sent - back);
	assert_true(back > 0);
}

/* --- the talk side --- */

struct asked {
	struct talk_check check; /* first */
	_Atomic unsigned answers;
};

static void count_answer(struct talk_check *check)
{
	((struct asked *)check)->answers++;
}

static void addresses_are_checked_and_meters_read_beside_the_work(void **state)
{
	struct stage *stage = *state;
	struct asked good = {.check = {.channel = CHANNEL,
				       .timeout_ms = 5000,
				       .done = count_answer,
				       .address = "ok@place"}},
		     bad = good;
	struct herald_builder text;
	stage_ready(stage, "lo", "", "");
	uint64_t ticket = stage_send(stage, "ok");
	stage_until(stage, stage_times_told(stage, ticket, NULL) == 1);
	talk_telemetry(stage->talk);
	snprintf(bad.check.address, sizeof(bad.check.address), "no-such-deed");
	talk_check(stage->talk, &good.check);
	talk_check(stage->talk, &bad.check);
	stage_until(stage, good.answers + bad.answers == 2);
	assert_int_equal(good.check.code, HERALD_OK);
	assert_string_equal(good.check.canonical, "ok@place");
	assert_int_equal(bad.check.code, HERALD_INVALID);
	assert_true(strlen(bad.check.err.text) > 0);
	herald_builder_init(&text, 1024 * 1024);
	metric_text(&text);
	assert_non_null(strstr(text.data, "herald_plugin_loopback_arrived_total{channel=\"lo\"} 1\n"));
	herald_builder_done(&text);
}

/* --- the daemon dies --- */

/* The program itself, executed anew: a supervisor in a process of its own, to be killed.  Its boards are in
 * dir/boards, and what else it makes below dir. */
static int be_the_daemon(const char *dir)
{
	struct stage *stage = NULL;
	setenv("STAGE_DIR", dir, 1);
	if (real_open((void **)&stage) != 0)
		return 1;
	snprintf(stage->boards, sizeof(stage->boards), "%s/boards", dir);
	stage_new_supervisor(stage, REAL_HOST, PLUGIN_DIR);
	stage_ready(stage, "lo", "", "");
	stage_send(stage, "hang");
	uint64_t slow = stage_send(stage, "slow:400ms");
	stage_until_state(stage, slow, SLOT_ON_WIRE);
	if (write(STDOUT_FILENO, "x", 1) == 1)
		poll(NULL, 0, -1);
	return 1;
}

static void what_is_on_the_wire_when_the_daemon_dies_is_finished_and_found(void **state)
{
	struct stage *stage = *state;
	char *arguments[] = {(char *)(uintptr_t) "daemon", stage->dir, NULL};
	posix_spawn_file_actions_t actions;
	int ready[2];
	pid_t daemon;
	char byte;
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, ready[1], STDOUT_FILENO);
	assert_int_equal(posix_spawn(&daemon, "/proc/self/exe", &actions, NULL, arguments, environ), 0);
	posix_spawn_file_actions_destroy(&actions);
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	kill(daemon, SIGKILL);
	waitpid(daemon, NULL, 0);

	struct arena *arena = arena_new();
	struct left_slot *slots;
	size_t count;
	assert_int_equal(boards_resolve(stage->boards, arena, &slots, &count, NULL), HERALD_OK);
	assert_int_equal(count, 2);
	unsigned done = 0, untouched = 0;
	for (size_t i = 0; i < count; i++) {
		assert_true(slots[i].has_left);
		assert_true(slots[i].is_same_boot);
		done += slots[i].state == SLOT_DONE && slots[i].outcome.verdict == HERALD_DELIVERED;
		untouched += slots[i].state == SLOT_IN_PLUGIN;
	}
	assert_int_equal(done, 1);
	assert_int_equal(untouched, 1);
	assert_int_equal(boards_forget(stage->boards, -1, NULL), HERALD_OK);
	arena_free(arena);
}

int main(int argc, char **argv)
{
	if (argc == 2)
		return be_the_daemon(argv[1]);
#define ON_STAGE(test) cmocka_unit_test_setup_teardown(test, real_open, stage_close)
	const struct CMUnitTest tests[] = {
		ON_STAGE(each_address_has_the_outcome_that_it_says),
		ON_STAGE(an_option_that_the_plugin_does_not_know_is_refused_with_its_place),
		ON_STAGE(a_plugin_that_is_not_there_is_a_misconfiguration),
		ON_STAGE(a_crash_before_and_on_the_wire_is_told_apart),
		ON_STAGE(draining_waits_for_what_is_on_the_wire),
		ON_STAGE(a_plugin_that_spins_is_killed_and_its_neighbour_told),
		ON_STAGE(revoked_work_never_arrives),
		ON_STAGE(addresses_are_checked_and_meters_read_beside_the_work),
		ON_STAGE(what_is_on_the_wire_when_the_daemon_dies_is_finished_and_found),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_supervisor.c - channel processes are started, watched, replaced and drained as promised. */
#include "stage.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "telemetry/metric.h"
#include "base/check.h"

static void a_process_that_says_hello_and_ready_runs(void **state)
{
	struct stage *stage = *state;
	stage_ready(stage, "sms", "", "");
	assert_string_equal(stage->plugin, "fake 1 sms");
	assert_int_equal(stage->state, CHANNEL_RUNNING);
	assert_string_equal(stage->why, "");
	struct roster_channel channel = {.pid = 0};
	supervisor_describe(stage->supervisor, CHANNEL, &channel);
	assert_true(channel.pid > 0 && kill(channel.pid, 0) == 0);
	assert_true(channel.started_at_ms > 0);
	assert_int_equal(channel.restarts, 0);
	assert_true(metric_value(METRIC_channel_up, METRIC_LABELS("sms")) == 1);
	assert_false(supervisor_is_idle(stage->supervisor));
	assert_int_equal(stage_board_count(stage), 1);
}

static void a_dead_process_is_started_again_later_each_time(void **state)
{
	static const int64_t waits_ms[] = {200,   400,   800,   1600,  3200, 6400,
					   12800, 25600, 30000, 30000, 30000};
	struct stage *stage = *state;
	stage_start(stage, "sms", "", "mode: crash");
	stage_until(stage, stage->gone == 1);
	for (size_t i = 0; i < countof(waits_ms); i++) {
		unsigned before = stage->gone;
		assert_int_equal(stage->state, CHANNEL_RESTARTING);
		assert_non_null(strstr(stage->why, "exited with status 6"));
		assert_true(supervisor_next_ms(stage->supervisor) == stage->now_ms + waits_ms[i]);
		stage_later(stage, waits_ms[i] - 1);
		assert_true(supervisor_is_idle(stage->supervisor));
		stage_later(stage, 1);
		assert_false(supervisor_is_idle(stage->supervisor));
		stage_until(stage, stage->gone == before + 1);
	}
	assert_int_equal(stage->ready, 0);
	struct roster_channel channel = {.pid = 1};
	supervisor_describe(stage->supervisor, CHANNEL, &channel);
	assert_int_equal(channel.pid, 0);
	assert_int_equal(channel.restarts, 1 + countof(waits_ms));
	assert_int_equal(stage_board_count(stage), 0);
}

/* Alive by the test's clock: asked and answered every five seconds. */
static void live_for(struct stage *stage, int64_t ms)
{
	for (; ms > 0; ms -= 5000) {
		stage_later(stage, ms < 5000 ? ms : 5000);
		uint64_t ticket = stage_send(stage, "ok");
		assert_true(ticket != 0);
		/* It reads in order, so its answer to the question came before this one. */
		stage_until(stage, stage_times_told(stage, ticket, NULL) == 1);
		supervisor_release(stage->supervisor, CHANNEL, ticket);
	}
}

static void a_minute_of_health_makes_the_next_wait_short_again(void **state)
{
	struct stage *stage = *state;
	for (int round = 0; round < 2; round++) {
		int64_t health_ms = round == 0 ? 59000 : 60000;
		if (round == 0)
			stage_ready(stage, "sms", "", "");
		kill(stage_pid(stage), SIGKILL);
		stage_until(stage, stage->state == CHANNEL_RESTARTING);
		stage_later(stage, 200);
		stage_until(stage, stage->state == CHANNEL_RUNNING);
		live_for(stage, health_ms);
		kill(stage_pid(stage), SIGTERM);
		stage_until(stage, stage->state == CHANNEL_RESTARTING);
		assert_non_null(strstr(stage->why, "SIGTERM"));
		assert_true(supervisor_next_ms(stage->supervisor) - stage->now_ms ==
			    (round == 0 ? 400 : 200));
		stage_later(stage, 400);
		stage_until(stage, stage->state == CHANNEL_RUNNING);
		live_for(stage, 60000);
	}
}

static void a_process_that_is_never_ready_is_killed_after_ten_seconds(void **state)
{
	struct stage *stage = *state;
	stage_start(stage, "silent", "", "");
	stage_turn(stage);
	stage_later(stage, 9999);
	assert_int_equal(stage->gone, 0);
	stage_later(stage, 1);
	stage_until(stage, stage->gone == 1);
	assert_string_equal(stage->why, "it was not ready in time");
	assert_int_equal(stage->state, CHANNEL_RESTARTING);
}

static void what_is_no_frame_ends_the_process_and_not_the_daemon(void **state)
{
	struct stage *stage = *state;
	stage_start(stage, "garbage", "", "");
	stage_until(stage, stage->gone == 3 || (stage_later(stage, 1000), false));
	assert_non_null(strstr(stage->why, "bytes that are no frame"));
	assert_int_equal(stage->ready, 0);
}

static void a_process_without_the_lock_of_its_board_never_runs(void **state)
{
	struct stage *stage = *state;
	stage_start(stage, "unlocked", "", "");
	stage_until(stage, stage->gone == 1);
	assert_non_null(strstr(stage->why, "without the lock"));
	assert_int_equal(stage->ready, 0);
}

static void a_host_of_another_version_is_a_misconfiguration(void **state)
{
	struct stage *stage = *state;
	stage_start(stage, "stranger", "", "");
	stage_until(stage, stage->state == CHANNEL_MISCONFIGURED);
	assert_non_null(strstr(stage->why, "version"));
}

static void a_missing_host_program_is_said_and_tried_again(void **state)
{
	struct stage *stage = *state;
	stage_new_supervisor(stage, "/nowhere/herald-channel", "/nowhere");
	stage_start(stage, "sms", "", "");
	stage_until(stage, stage->state == CHANNEL_RESTARTING && strstr(stage->why, "/nowhere"));
	assert_true(supervisor_next_ms(stage->supervisor) == stage->now_ms + 200);
	assert_int_equal(stage_board_count(stage), 0);
}

static void a_refused_configuration_is_not_tried_again_until_asked(void **state)
{
	struct stage *stage = *state;
	stage_start(stage, "sms", "", "mode: refuse");
	stage_until(stage, stage->state == CHANNEL_MISCONFIGURED && stage->gone == 1);
	assert_string_equal(stage->why, "conf.d/30-x.yaml:7:5: option 'from' is missing");
	assert_true(supervisor_next_ms(stage->supervisor) == INT64_MAX);
	stage_later(stage, 3600 * 1000);
	assert_true(supervisor_is_idle(stage->supervisor));

	supervisor_resume(stage->supervisor, CHANNEL);
	stage_until(stage, stage->gone == 2 && stage->state == CHANNEL_MISCONFIGURED);
	stage_ready(stage, "sms", "", "mode: fine");
}

static void a_secret_that_is_not_there_is_a_misconfiguration_with_its_place(void **state)
{
	struct stage *stage = *state;
	stage_start(stage, "sms", "", "key: env:HERALD_NO_SUCH_VARIABLE");
	stage_until(stage, stage->state == CHANNEL_MISCONFIGURED);
	assert_non_null(strstr(stage->why, "30-channel.yaml:5:"));
	assert_non_null(strstr(stage->why, "option 'key'"));
	assert_non_null(strstr(stage->why, "env:HERALD_NO_SUCH_VARIABLE"));
}

static void a_process_that_stops_answering_is_killed_after_fifteen_seconds(void **state)
{
	struct stage *stage = *state;
	stage_ready(stage, "sms", "", "");
	uint64_t ticket = stage_send(stage, "deaf");
	stage_until(stage, stage_times_told(stage, ticket, NULL) == 1);
	stage_later(stage, 5000); /* asked */
	for (int i = 0; i < 14; i++)
		stage_later(stage, 1000);
	assert_int_equal(stage->gone, 0);
	stage_later(stage, 1000);
	stage_until(stage, stage->gone == 1);
	assert_string_equal(stage->why, "it does not answer");
	assert_int_equal(stage->gone_clean, 0);
}

static void a_process_that_does_not_read_is_given_no_more_and_then_killed(void **state)
{
	struct stage *stage = *state;
	static char address[500];
	memset(address, 'a', sizeof(address) - 1);
	stage_ready(stage, "sms", "    window_max: 1000\n", "mode: never-reads");
	unsigned taken = 0;
	while (stage_send(stage, address) != 0)
		taken++;
	assert_in_range(taken, 64, 4096);
	for (int i = 0; i < 4; i++)
		stage_later(stage, 5000);
	stage_until(stage, stage->gone == 1);
	assert_string_equal(stage->why, "it does not answer");
	/* and each of them is known to be untried */
	assert_int_equal(stage->told_count, taken);
	for (size_t i = 0; i < stage->told_count; i++)
		assert_int_equal(stage->told[i].state, SLOT_QUEUED);
}

static void draining_finishes_what_is_in_hand_and_takes_nothing_new(void **state)
{
	struct stage *stage = *state;
	struct told told;
	stage_ready(stage, "sms", "", "");
	uint64_t held = stage_send(stage, "hold"), wire = stage_send(stage, "hold-wire");
	stage_until_state(stage, held, SLOT_IN_PLUGIN);
	stage_until_state(stage, wire, SLOT_ON_WIRE);
	supervisor_drain(stage->supervisor, CHANNEL);
	assert_int_equal(stage_send(stage, "ok"), 0);
	stage_until(stage, stage->gone == 1);
	assert_int_equal(stage->gone_clean, 1);
	assert_int_equal(stage->state, CHANNEL_DRAINING);
	assert_int_equal(stage_times_told(stage, held, &told), 1);
	assert_false(told.is_fate);
	assert_string_equal(told.outcome.reason, "drained");
	assert_int_equal(stage_times_told(stage, wire, &told), 1);
	assert_false(told.is_fate);
	assert_true(supervisor_is_idle(stage->supervisor));
	assert_true(supervisor_next_ms(stage->supervisor) == INT64_MAX);
}

static void a_process_that_does_not_finish_in_time_is_killed_and_its_tickets_told(void **state)
{
	struct stage *stage = *state;
	struct told told;
	stage_ready(stage, "sms", "    attempt_timeout: 30s\n", "mode: never-drains");
	uint64_t wire = stage_send(stage, "hold-wire");
	stage_until_state(stage, wire, SLOT_ON_WIRE);
	supervisor_drain_all(stage->supervisor);
	stage_turn(stage);
	for (int i = 0; i < 8; i++) {
		assert_int_equal(stage->gone, 0);
		stage_later(stage, 4990);
		stage_turn(stage);
		for (int j = 0; j < 20; j++) /* its answers to PING */
			stage_turn(stage);
	}
	stage_later(stage, 100);
	stage_until(stage, stage->gone == 1);
	assert_int_equal(stage->gone_clean, 0);
	assert_int_equal(stage_times_told(stage, wire, &told), 1);
	assert_true(told.is_fate);
	assert_int_equal(told.state, SLOT_ON_WIRE);
}

static void a_reload_starts_the_new_one_before_the_old_one_ends_and_loses_no_ticket(void **state)
{
	struct stage *stage = *state;
	uint64_t tickets[60];
	size_t count = 0;
	stage_ready(stage, "sms", "", "mode: old");
	int32_t old = stage_pid(stage);
	for (; count < 20; count++)
		assert_true((tickets[count] = stage_send(stage, "hold")) != 0);
	stage_start(stage, "sms", "", "mode: new");
	/* not ready yet: the old one still takes what comes */
	for (; count < 40; count++)
		assert_true((tickets[count] = stage_send(stage, "hold")) != 0);
	stage_until(stage, stage->ready == 2);
	assert_int_not_equal(stage_pid(stage), old);
	for (; count < 60; count++)
		assert_true((tickets[count] = stage_send(stage, "ok")) != 0);
	stage_until(stage, stage->gone == 1 && stage->told_count == 60);
	assert_int_equal(stage->gone_clean, 1);
	assert_int_equal(stage->state, CHANNEL_RUNNING);
	for (size_t i = 0; i < count; i++) {
		struct told told;
		char pid[32];
		assert_int_equal(stage_times_told(stage, tickets[i], &told), 1);
		assert_false(told.is_fate);
		snprintf(pid, sizeof(pid), "pid-%d", (int)old);
		assert_int_equal(strcmp(told.outcome.provider_ref, pid) == 0, i < 40);
		supervisor_release(stage->supervisor, CHANNEL, tickets[i]);
	}
	assert_int_equal(stage_board_count(stage), 1);
}

static void a_refused_reload_leaves_the_old_process_serving(void **state)
{
	struct stage *stage = *state;
	struct told told;
	stage_ready(stage, "sms", "", "");
	stage_start(stage, "sms", "", "mode: refuse");
	stage_until(stage, stage->gone == 1);
	stage_turn(stage);
	assert_int_equal(stage->state, CHANNEL_RUNNING);
	assert_non_null(strstr(stage->why, "option 'from' is missing"));
	uint64_t ticket = stage_send(stage, "ok");
	stage_until(stage, stage_times_told(stage, ticket, &told) == 1);
	assert_int_equal(told.outcome.verdict, HERALD_SENT);
}

static void several_processes_share_the_work_and_one_death_touches_its_own_tickets_only(void **state)
{
	struct stage *stage = *state;
	struct told told;
	uint64_t held[9];
	stage_start(stage, "sms", "    processes: 3\n", "");
	stage_until(stage, stage->ready == 3);
	for (size_t i = 0; i < countof(held); i++) {
		assert_true((held[i] = stage_send(stage, "hold-wire")) != 0);
		stage_until_state(stage, held[i], SLOT_ON_WIRE);
	}
	supervisor_kill(stage->supervisor, CHANNEL, held[0], "the watchdog says so");
	stage_until(stage, stage->gone == 1);
	assert_int_equal(stage->told_count, 3);
	assert_int_equal(stage_times_told(stage, held[0], &told), 1);
	assert_true(told.is_fate && told.state == SLOT_ON_WIRE);
	assert_int_equal(stage->state, CHANNEL_RUNNING);
	uint64_t ticket = stage_send(stage, "ok");
	stage_until(stage, stage_times_told(stage, ticket, NULL) == 1);
	stage_later(stage, 200);
	stage_until(stage, stage->ready == 4);
}

static void a_plugin_that_prints_without_end_neither_stalls_nor_hurts(void **state)
{
	struct stage *stage = *state;
	struct told told;
	stage_ready(stage, "sms", "", "");
	uint64_t ticket = stage_send(stage, "flood");
	stage_until(stage, stage_times_told(stage, ticket, &told) == 1);
	assert_false(told.is_fate);
	assert_string_equal(told.outcome.reason, "flood");
}

static void what_a_plugin_forked_dies_with_it(void **state)
{
	struct stage *stage = *state;
	stage_ready(stage, "sms", "", "");
	pid_t group = stage_pid(stage);
	uint64_t ticket = stage_send(stage, "fork");
	stage_until(stage, stage_times_told(stage, ticket, NULL) == 1);
	kill(group, SIGKILL);
	/* although the child holds the sockets open */
	stage_until(stage, stage->gone == 1);
	stage_until(stage, kill(-group, 0) < 0 && errno == ESRCH);
}

static void the_end_of_the_supervisor_leaves_nobody_behind(void **state)
{
	struct stage *stage = *state;
	stage_start(stage, "sms", "    processes: 4\n", "");
	stage_until(stage, stage->ready == 4);
	pid_t pid = stage_pid(stage);
	uint64_t ticket = stage_send(stage, "hold-wire");
	stage_until_state(stage, ticket, SLOT_ON_WIRE);
	supervisor_free(stage->supervisor);
	stage->supervisor = NULL;
	assert_true(kill(pid, 0) < 0 && errno == ESRCH);
	assert_int_equal(stage_board_count(stage), 1); /* the one with the ticket, for the next daemon */
}

int main(void)
{
#define ON_STAGE(test) cmocka_unit_test_setup_teardown(test, stage_open, stage_close)
	const struct CMUnitTest tests[] = {
		ON_STAGE(a_process_that_says_hello_and_ready_runs),
		ON_STAGE(a_dead_process_is_started_again_later_each_time),
		ON_STAGE(a_minute_of_health_makes_the_next_wait_short_again),
		ON_STAGE(a_process_that_is_never_ready_is_killed_after_ten_seconds),
		ON_STAGE(what_is_no_frame_ends_the_process_and_not_the_daemon),
		ON_STAGE(a_process_without_the_lock_of_its_board_never_runs),
		ON_STAGE(a_host_of_another_version_is_a_misconfiguration),
		ON_STAGE(a_missing_host_program_is_said_and_tried_again),
		ON_STAGE(a_refused_configuration_is_not_tried_again_until_asked),
		ON_STAGE(a_secret_that_is_not_there_is_a_misconfiguration_with_its_place),
		ON_STAGE(a_process_that_stops_answering_is_killed_after_fifteen_seconds),
		ON_STAGE(a_process_that_does_not_read_is_given_no_more_and_then_killed),
		ON_STAGE(draining_finishes_what_is_in_hand_and_takes_nothing_new),
		ON_STAGE(a_process_that_does_not_finish_in_time_is_killed_and_its_tickets_told),
		ON_STAGE(a_reload_starts_the_new_one_before_the_old_one_ends_and_loses_no_ticket),
		ON_STAGE(a_refused_reload_leaves_the_old_process_serving),
		ON_STAGE(several_processes_share_the_work_and_one_death_touches_its_own_tickets_only),
		ON_STAGE(a_plugin_that_prints_without_end_neither_stalls_nor_hurts),
		ON_STAGE(what_a_plugin_forked_dies_with_it),
		ON_STAGE(the_end_of_the_supervisor_leaves_nobody_behind),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

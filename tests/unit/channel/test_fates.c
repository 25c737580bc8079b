/* test_fates.c - every ticket is told exactly once, with what the board knows of it. */
#include "stage.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

static void a_job_is_settled_with_the_outcome_of_its_slot(void **state)
{
	struct stage *stage = *state;
	struct told told;
	char pid[32];
	stage_ready(stage, "sms", "", "");
	uint64_t ticket = stage_send(stage, "hello");
	assert_true(ticket != 0);
	stage_until(stage, stage_times_told(stage, ticket, &told) == 1);
	snprintf(pid, sizeof(pid), "pid-%d", (int)stage_pid(stage));
	assert_false(told.is_fate);
	assert_int_equal(told.outcome.verdict, HERALD_SENT);
	assert_string_equal(told.outcome.reason, "hello");
	assert_string_equal(told.outcome.provider_ref, pid);
	assert_int_equal(supervisor_slot(stage->supervisor, CHANNEL, ticket), SLOT_DONE);
	supervisor_release(stage->supervisor, CHANNEL, ticket);
	assert_int_equal(supervisor_slot(stage->supervisor, CHANNEL, ticket), SLOT_FREE);
}

static void tickets_never_come_twice_although_slots_do(void **state)
{
	struct stage *stage = *state;
	static uint64_t tickets[2000];
	stage_ready(stage, "sms", "    window: 10\n    window_max: 10\n", "");
	for (size_t i = 0; i < countof(tickets); i++) {
		while ((tickets[i] = stage_send(stage, "ok")) == 0)
			stage_turn(stage);
		stage_until(stage, stage_times_told(stage, tickets[i], NULL) == 1);
		supervisor_release(stage->supervisor, CHANNEL, tickets[i]);
		if (i > 0)
			assert_true(tickets[i] > tickets[i - 1]);
	}
}

static void no_slot_is_given_away_before_it_is_released(void **state)
{
	struct stage *stage = *state;
	size_t taken = 0;
	uint64_t ticket, last = 0;
	stage_ready(stage, "sms", "    window: 10\n    window_max: 100\n", "");
	while ((ticket = stage_send(stage, "ok")) != 0) {
		last = ticket;
		taken++;
	}
	assert_int_equal(taken, 2 * 100 + 16);
	stage_until(stage, stage->told_count == taken);
	assert_int_equal(stage_send(stage, "ok"), 0);
	supervisor_release(stage->supervisor, CHANNEL, last);
	supervisor_release(stage->supervisor, CHANNEL, last); /* a second time is nothing */
	assert_true(stage_send(stage, "ok") != 0);
	assert_int_equal(stage_send(stage, "ok"), 0);
}

static const struct {
	const char *address;
	enum slot_state fate;
	uint32_t verdict;
} deaths[] = {
	{"die-queued", SLOT_QUEUED, 0},      {"die-in-plugin", SLOT_IN_PLUGIN, 0},
	{"die-on-wire", SLOT_ON_WIRE, 0},    {"die-done", SLOT_DONE, HERALD_DELIVERED},
	{"leave-in-plugin", SLOT_QUEUED, 0}, /* it ended in order: untried, no mark */
};

static void each_death_tells_each_open_ticket_its_fate_once(void **state)
{
	struct stage *stage = *state;
	for (size_t i = 0; i < countof(deaths); i++) {
		struct told told;
		unsigned gone = stage->gone;
		stage_ready(stage, "sms", "", "");
		stage->told_count = 0;
		uint64_t done = stage_send(stage, "ok"), held = stage_send(stage, "hold"),
			 wire = stage_send(stage, "hold-wire"), idle = stage_send(stage, "ignore"),
			 back = stage_send(stage, "hold");
		stage_until(stage, stage_times_told(stage, done, NULL) == 1);
		stage_until_state(stage, back, SLOT_IN_PLUGIN);
		assert_true(supervisor_revoke(stage->supervisor, CHANNEL, back));
		uint64_t fatal = stage_send(stage, deaths[i].address);
		stage_until(stage, stage->gone > gone);

		assert_int_equal(stage->told_count, 5);
		assert_int_equal(stage_times_told(stage, fatal, &told), 1);
		assert_true(told.is_fate);
		assert_int_equal(told.state, deaths[i].fate);
		assert_int_equal(told.outcome.verdict, deaths[i].verdict);
		assert_int_equal(stage_times_told(stage, wire, &told), 1);
		assert_int_equal(told.state, SLOT_ON_WIRE);
		assert_int_equal(stage_times_told(stage, idle, &told), 1);
		assert_int_equal(told.state, SLOT_QUEUED);
		assert_int_equal(stage_times_told(stage, held, &told), 1);
		assert_int_equal(told.state, deaths[i].address[0] == 'l' ? SLOT_QUEUED : SLOT_IN_PLUGIN);
		assert_int_equal(stage_times_told(stage, done, &told), 1);
		assert_false(told.is_fate);
		assert_int_equal(stage_times_told(stage, back, NULL), 0);

		for (size_t j = 0; j < stage->told_count; j++)
			supervisor_release(stage->supervisor, CHANNEL, stage->told[j].ticket);
		supervisor_release(stage->supervisor, CHANNEL, back);
	}
}

static void a_board_stays_until_the_last_fate_is_released(void **state)
{
	struct stage *stage = *state;
	stage_ready(stage, "sms", "", "");
	uint64_t one = stage_send(stage, "hold-wire"), two = stage_send(stage, "hold");
	stage_until_state(stage, two, SLOT_IN_PLUGIN);
	kill(stage_pid(stage), SIGKILL);
	stage_until(stage, stage->gone == 1);
	assert_int_equal(stage_board_count(stage), 1);
	assert_int_equal(supervisor_slot(stage->supervisor, CHANNEL, one), SLOT_ON_WIRE);
	supervisor_release(stage->supervisor, CHANNEL, one);
	assert_int_equal(stage_board_count(stage), 1);
	supervisor_release(stage->supervisor, CHANNEL, two);
	assert_int_equal(stage_board_count(stage), 0);
	assert_int_equal(supervisor_slot(stage->supervisor, CHANNEL, two), SLOT_FREE);
}

static void what_was_taken_back_is_never_told_and_what_is_on_the_wire_is_not_taken_back(void **state)
{
	struct stage *stage = *state;
	struct told told;
	stage_ready(stage, "sms", "", "");
	uint64_t queued = stage_send(stage, "ignore"), held = stage_send(stage, "hold"),
		 wire = stage_send(stage, "hold-wire");
	stage_until_state(stage, wire, SLOT_ON_WIRE);
	assert_true(supervisor_revoke(stage->supervisor, CHANNEL, queued));
	assert_true(supervisor_revoke(stage->supervisor, CHANNEL, held));
	assert_true(supervisor_revoke(stage->supervisor, CHANNEL, held)); /* again: the same answer */
	assert_false(supervisor_revoke(stage->supervisor, CHANNEL, wire));
	supervisor_drain(stage->supervisor, CHANNEL); /* the fake finishes what it holds, or tries */
	stage_until(stage, stage->gone == 1);
	assert_int_equal(stage->told_count, 1);
	assert_int_equal(stage_times_told(stage, wire, &told), 1);
	assert_false(told.is_fate);
	assert_int_equal(supervisor_slot(stage->supervisor, CHANNEL, held), SLOT_REVOKED);
	assert_true(supervisor_revoke(stage->supervisor, CHANNEL, held)); /* also after its death */
	assert_false(supervisor_revoke(stage->supervisor, CHANNEL, wire));
}

static void memory_is_handed_over_and_kept_wakes_the_ticket(void **state)
{
	struct stage *stage = *state;
	struct told told;
	stage->answers_memory = true;
	stage_ready(stage, "sms", "", "");
	uint64_t ticket = stage_send(stage, "memory");
	stage_until(stage, stage_times_told(stage, ticket, &told) == 1);
	assert_int_equal(stage->memories, 1);
	assert_true(stage->memory_ticket == ticket);
	assert_string_equal(stage->memory, "conversation-7");
	assert_string_equal(told.outcome.reason, "kept");
}

static void a_host_that_says_settled_while_the_slot_is_not_done_is_ended(void **state)
{
	struct stage *stage = *state;
	struct told told;
	stage_ready(stage, "sms", "", "");
	uint64_t ticket = stage_send(stage, "lie");
	stage_until(stage, stage->gone == 1);
	assert_non_null(strstr(stage->why, "SETTLED for a ticket that is not done"));
	assert_int_equal(stage_times_told(stage, ticket, &told), 1);
	assert_true(told.is_fate);
	assert_int_equal(told.state, SLOT_IN_PLUGIN);
}

static void garbage_amid_work_ends_the_process_and_its_tickets_are_told(void **state)
{
	struct stage *stage = *state;
	struct told told;
	stage_ready(stage, "sms", "", "");
	uint64_t ticket = stage_send(stage, "garbage");
	stage_until(stage, stage->gone == 1);
	assert_int_equal(stage_times_told(stage, ticket, &told), 1);
	assert_int_equal(told.state, SLOT_ON_WIRE);
}

/* Kills at random moments under load: each ticket that was given is told once, whatever happened. */
static void no_kill_loses_or_doubles_a_ticket(void **state)
{
	static const char *const addresses[] = {"ok", "hold", "ok", "hold-wire", "ok", "ignore"};
	struct stage *stage = *state;
	static uint64_t given[TOLD_MAX];
	size_t count = 0, released = 0;
	uint64_t seed = 12345;
	stage_ready(stage, "sms", "    processes: 2\n    window_max: 200\n", "");
	stage_until(stage, stage->ready == 2);
	for (int kills = 0; kills < 30; kills++) {
		for (size_t i = 0; i < 100; i++) {
			uint64_t ticket = stage_send(stage, addresses[i % countof(addresses)]);
			if (ticket)
				given[count++] = ticket;
			seed = seed * UINT64_C(6364136223846793005) + 1;
			if (seed >> 60 == 0)
				stage_turn(stage);
		}
		if (stage_pid(stage) > 0)
			kill(stage_pid(stage), SIGKILL);
		for (int turns = 0; turns < 5; turns++)
			stage_turn(stage);
		for (; released < stage->told_count; released++)
			supervisor_release(stage->supervisor, CHANNEL, stage->told[released].ticket);
		stage_until(stage, stage->gone > (unsigned)kills);
		stage_later(stage, 31000); /* past any back-off */
		stage_until(stage, stage->ready >= (unsigned)kills + 3 && stage->state == CHANNEL_RUNNING);
	}
	supervisor_kill(stage->supervisor, CHANNEL, 0, "the end of the test");
	stage_until(stage, stage->told_count == count);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(stage_times_told(stage, given[i], NULL), 1);
	for (; released < stage->told_count; released++)
		supervisor_release(stage->supervisor, CHANNEL, stage->told[released].ticket);
	stage_until(stage, supervisor_is_idle(stage->supervisor));
	assert_int_equal(stage_board_count(stage), 0);
	assert_true(count > 500);
}

int main(void)
{
#define ON_STAGE(test) cmocka_unit_test_setup_teardown(test, stage_open, stage_close)
	const struct CMUnitTest tests[] = {
		ON_STAGE(a_job_is_settled_with_the_outcome_of_its_slot),
		ON_STAGE(tickets_never_come_twice_although_slots_do),
		ON_STAGE(no_slot_is_given_away_before_it_is_released),
		ON_STAGE(each_death_tells_each_open_ticket_its_fate_once),
		ON_STAGE(a_board_stays_until_the_last_fate_is_released),
		ON_STAGE(what_was_taken_back_is_never_told_and_what_is_on_the_wire_is_not_taken_back),
		ON_STAGE(memory_is_handed_over_and_kept_wakes_the_ticket),
		ON_STAGE(a_host_that_says_settled_while_the_slot_is_not_done_is_ended),
		ON_STAGE(garbage_amid_work_ends_the_process_and_its_tickets_are_told),
		ON_STAGE(no_kill_loses_or_doubles_a_ticket),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

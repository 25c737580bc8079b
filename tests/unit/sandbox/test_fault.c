/* test_fault.c - what fault.c promises: a script that hits what it names, as often as it says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "fault.h"

static enum herald_code apply(struct fault_table *table, const char *text)
{
	struct herald_error err;
	json_t *control = json_loads(text, 0, NULL);

	assert_non_null(control);
	enum herald_code code = fault_read(table, control, &err);
	json_decref(control);
	return code;
}

static void without_a_script_nothing_happens(void **state)
{
	struct fault_table table;

	(void)state;
	fault_table_init(&table);
	for (int i = 0; i < SERVICE_COUNT; i++) {
		struct fault_step step = fault_next(&table.service[i], 0);
		assert_int_equal(step.kind, FAULT_NONE);
		assert_int_equal(step.latency_ms, 0);
		assert_null(fault_smtp(&table.service[i], SMTP_RCPT));
	}
}

static void a_failure_hits_its_service_and_its_count(void **state)
{
	struct fault_table table;

	(void)state;
	fault_table_init(&table);
	assert_int_equal(
		apply(&table,
		      "{\"channel\":\"sms\",\"fail\":{\"status\":429,\"retry_after\":7,\"code\":\"Busy\","
		      "\"count\":2}}"),
		HERALD_OK);
	assert_int_equal(fault_next(&table.service[SERVICE_BOT], 0).kind, FAULT_NONE);
	for (int i = 0; i < 2; i++) {
		struct fault_step step = fault_next(&table.service[SERVICE_SMS], 0);
		assert_int_equal(step.kind, FAULT_FAIL);
		assert_int_equal(step.status, 429);
		assert_int_equal(step.retry_after_s, 7);
		assert_string_equal(step.code, "Busy");
	}
	assert_int_equal(fault_next(&table.service[SERVICE_SMS], 0).kind, FAULT_NONE);
}

static void without_a_count_it_lasts_until_it_is_cleared(void **state)
{
	struct fault_table table;

	(void)state;
	fault_table_init(&table);
	assert_int_equal(apply(&table, "{\"channel\":\"all\",\"hang\":{}}"), HERALD_OK);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(fault_next(&table.service[SERVICE_CHAT], 0).kind, FAULT_HANG);
	assert_int_equal(apply(&table, "{\"channel\":\"chat\",\"clear\":true}"), HERALD_OK);
	assert_int_equal(fault_next(&table.service[SERVICE_CHAT], 0).kind, FAULT_NONE);
	assert_int_equal(fault_next(&table.service[SERVICE_BOT], 0).kind, FAULT_HANG);
}

static void a_fraction_hits_that_share_of_the_dice_and_misses_count_for_nothing(void **state)
{
	struct fault_table table;
	int hits = 0;

	(void)state;
	fault_table_init(&table);
	assert_int_equal(apply(&table, "{\"channel\":\"bot\",\"drop\":{\"count\":300},\"fraction\":0.25}"),
			 HERALD_OK);
	for (uint64_t dice = 0; dice < FAULT_SCALE; dice += 1000)
		hits += fault_next(&table.service[SERVICE_BOT], dice).kind == FAULT_DROP;
	assert_int_equal(hits, 250);
	assert_int_equal(table.service[SERVICE_BOT].left, 50);
}

static void an_smtp_reply_stands_at_its_stage_only(void **state)
{
	struct fault_table table;

	(void)state;
	fault_table_init(&table);
	assert_int_equal(
		apply(&table,
		      "{\"channel\":\"email\",\"smtp\":\"452 4.2.2 full\",\"at\":\"mail\",\"count\":1}"),
		HERALD_OK);
	assert_null(fault_smtp(&table.service[SERVICE_EMAIL], SMTP_RCPT));
	assert_string_equal(fault_smtp(&table.service[SERVICE_EMAIL], SMTP_MAIL), "452 4.2.2 full");
	assert_null(fault_smtp(&table.service[SERVICE_EMAIL], SMTP_MAIL));
}

static void rejected_addresses_are_replaced_as_a_list_and_bounded(void **state)
{
	struct fault_table table;
	char many[4096] = "{\"channel\":\"sms\",\"reject_address\":[\"+1\"";

	(void)state;
	fault_table_init(&table);
	assert_int_equal(
		apply(&table, "{\"channel\":\"sms\",\"reject_address\":[\"+15550100\",\"+15550101\"]}"),
		HERALD_OK);
	assert_true(fault_rejects(&table.service[SERVICE_SMS], "+15550101"));
	assert_false(fault_rejects(&table.service[SERVICE_SMS], "+1555010"));
	assert_int_equal(apply(&table, "{\"channel\":\"sms\",\"reject_address\":\"+15550102\"}"), HERALD_OK);
	assert_false(fault_rejects(&table.service[SERVICE_SMS], "+15550101"));
	for (int i = 1; i < FAULT_ADDRESSES_MAX; i++)
		memcpy(many + strlen(many), ",\"+2\"", sizeof(",\"+2\""));
	char edge[4200], beyond[4200];
	snprintf(edge, sizeof(edge), "%s]}", many);
	snprintf(beyond, sizeof(beyond), "%s,\"+3\"]}", many);
	assert_int_equal(apply(&table, edge), HERALD_OK);
	assert_int_equal(apply(&table, beyond), HERALD_LIMIT);
}

static void a_wrong_script_changes_nothing(void **state)
{
	static const char *const WRONG[] = {
		"{}",
		"{\"channel\":\"fax\"}",
		"{\"channel\":\"sms\",\"latency_ms\":-1}",
		"{\"channel\":\"sms\",\"latency_ms\":600001}",
		"{\"channel\":\"sms\",\"latency_ms\":5,\"fail\":{}}",
		"{\"channel\":\"sms\",\"latency_ms\":5,\"fail\":{\"status\":399}}",
		"{\"channel\":\"sms\",\"latency_ms\":5,\"hang\":{\"count\":0}}",
		"{\"channel\":\"sms\",\"latency_ms\":5,\"at\":\"rcpt\"}",
		"{\"channel\":\"sms\",\"latency_ms\":5,\"smtp\":\"45x no\"}",
		"{\"channel\":\"all\",\"latency_ms\":5,\"reject_address\":7}",
	};
	struct fault_table table, before;

	(void)state;
	fault_table_init(&table);
	memcpy(&before, &table, sizeof(table));
	for (size_t i = 0; i < sizeof(WRONG) / sizeof(WRONG[0]); i++) {
		assert_int_equal(apply(&table, WRONG[i]), HERALD_INVALID);
		assert_memory_equal(&table, &before, sizeof(table));
	}
}

static void ending_tokens_raises_the_generation(void **state)
{
	struct fault_table table;

	(void)state;
	fault_table_init(&table);
	int64_t generation = table.generation;
	assert_int_equal(apply(&table, "{\"channel\":\"token\",\"expire\":true}"), HERALD_OK);
	assert_true(table.generation > generation);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_script_nothing_happens),
		cmocka_unit_test(a_failure_hits_its_service_and_its_count),
		cmocka_unit_test(without_a_count_it_lasts_until_it_is_cleared),
		cmocka_unit_test(a_fraction_hits_that_share_of_the_dice_and_misses_count_for_nothing),
		cmocka_unit_test(an_smtp_reply_stands_at_its_stage_only),
		cmocka_unit_test(rejected_addresses_are_replaced_as_a_list_and_bounded),
		cmocka_unit_test(a_wrong_script_changes_nothing),
		cmocka_unit_test(ending_tokens_raises_the_generation),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

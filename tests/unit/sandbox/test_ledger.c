/* test_ledger.c - what ledger.c promises: duplicates known, the newest kept, every line whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

#include "ledger.h"

static struct ledger *open_ledger(const char *path)
{
	struct ledger *ledger = NULL;
	struct herald_error err;

	assert_int_equal(ledger_open(path, false, &ledger, &err), HERALD_OK);
	return ledger;
}

static bool arrive(struct ledger *ledger, enum service service, const char *to, const char *delivery,
		   const char *marker)
{
	return ledger_arrived(ledger,
			      &(struct arrival){.service = service,
						.request = 1,
						.to = to,
						.delivery = delivery,
						.marker = marker,
						.text = "x"},
			      1700000000000);
}

static json_t *stats(const struct ledger *ledger)
{
	struct herald_builder text;

	herald_builder_init(&text, 65536);
	ledger_stats(ledger, &text);
	json_t *tree = json_loadb(text.data, text.size, 0, NULL);
	assert_non_null(tree);
	herald_builder_done(&text);
	return tree;
}

static long long number(const json_t *tree, const char *name)
{
	return json_integer_value(json_object_get(tree, name));
}

static void the_same_name_at_the_same_place_is_a_duplicate(void **state)
{
	struct ledger *ledger = open_ledger(NULL);

	(void)state;
	assert_false(arrive(ledger, SERVICE_SMS, "+1", "ntf_0-1", ""));
	assert_true(arrive(ledger, SERVICE_SMS, "+1", "ntf_0-1", ""));
	assert_false(arrive(ledger, SERVICE_SMS, "+2", "ntf_0-1", ""));
	assert_false(arrive(ledger, SERVICE_BOT, "+1", "ntf_0-1", ""));
	/* The marker in the words outlives a delivery's second id. */
	assert_false(arrive(ledger, SERVICE_BOT, "u", "ntf_1-1", "nid-1-1"));
	assert_true(arrive(ledger, SERVICE_BOT, "u", "ntf_2-1", "nid-1-1"));
	json_t *all = stats(ledger);
	assert_int_equal(number(all, "received"), 6);
	assert_int_equal(number(all, "unique"), 4);
	assert_int_equal(number(all, "duplicates"), 2);
	json_decref(all);
	ledger_free(ledger);
}

static void what_has_no_name_is_counted_apart(void **state)
{
	struct ledger *ledger = open_ledger(NULL);

	(void)state;
	assert_false(arrive(ledger, SERVICE_SMS, "+1", "", NULL));
	assert_false(arrive(ledger, SERVICE_SMS, "+1", NULL, ""));
	json_t *all = stats(ledger);
	assert_int_equal(number(all, "unnamed"), 2);
	assert_int_equal(number(all, "unique"), 0);
	json_decref(all);
	ledger_free(ledger);
}

static void a_hostile_text_keeps_the_answer_json(void **state)
{
	struct ledger *ledger = open_ledger(NULL);
	char *text = malloc(100001);
	struct herald_builder answer;

	(void)state;
	memset(text, '\1', 100000);
	text[100000] = '\0';
	ledger_arrived(ledger, &(struct arrival){.service = SERVICE_SMS, .to = "\"\\\n\xff", .text = text},
		       0);
	memset(text, 'x', 100000);
	ledger_arrived(ledger, &(struct arrival){.service = SERVICE_SMS, .to = "+1", .text = text}, 0);
	herald_builder_init(&answer, 1 << 20);
	ledger_show(ledger, &(struct ledger_filter){.channel = "", .to = "", .place = "", .limit = 10},
		    &answer);
	json_t *tree = json_loadb(answer.data, answer.size, 0, NULL);
	assert_non_null(tree);
	const json_t *second = json_array_get(json_object_get(tree, "arrivals"), 1);
	assert_int_equal(strlen(json_string_value(json_object_get(second, "text"))), LEDGER_TEXT_BYTES + 3);
	json_decref(tree);
	herald_builder_done(&answer);
	free(text);
	ledger_free(ledger);
}

static void the_file_has_one_whole_line_per_event_whatever_the_values(void **state)
{
	char path[] = "/tmp/herald-ledger-XXXXXX", line[4096];
	int lines = 0;

	(void)state;
	close(mkstemp(path));
	struct ledger *ledger = open_ledger(path);
	ledger_seen(ledger, SERVICE_SMS, 7, "ntf_0123456789ABC-1 and ntf_0123456789ABC-2", 43);
	ledger_seen(ledger, SERVICE_SMS, 8, "", 0);
	arrive(ledger, SERVICE_SMS, "evil\t\nseen", "ntf_0123456789ABC-1", "");
	ledger_refused(ledger, SERVICE_SMS, 9, NULL, "why");
	ledger_free(ledger);
	FILE *file = fopen(path, "r");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		int columns = 1;
		for (const char *at = line; *at; at++)
			columns += *at == '\t';
		assert_int_equal(columns, 8);
		lines++;
	}
	assert_int_equal(lines, 5);
	fclose(file);
	unlink(path);
}

static void a_ledger_that_cannot_be_opened_says_which(void **state)
{
	struct ledger *ledger = NULL;
	struct herald_error err;

	(void)state;
	assert_int_equal(ledger_open("/nowhere/at/all", false, &ledger, &err), HERALD_IO);
	assert_non_null(strstr(err.text, "/nowhere/at/all"));
	assert_null(ledger);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_name_at_the_same_place_is_a_duplicate),
		cmocka_unit_test(what_has_no_name_is_counted_apart),
		cmocka_unit_test(a_hostile_text_keeps_the_answer_json),
		cmocka_unit_test(the_file_has_one_whole_line_per_event_whatever_the_values),
		cmocka_unit_test(a_ledger_that_cannot_be_opened_says_which),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

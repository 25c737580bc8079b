/* What plugins said, kept in a file: see core/dispatch/facts.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "dispatch/facts.h"

#include "base/check.h"

static char path[] = "/tmp/herald-facts-XXXXXX";

static void what_was_written_is_read_again(void **state)
{
	static const struct facts said[] = {
		{.name = "sms-eu", .kind = "sms", .version = "1.0 beta", .idempotent_ms = 300000},
		{.name = "mail", .kind = "email", .version = "2"},
	};
	struct arena *arena = arena_new();
	struct facts *facts;
	size_t count;

	(void)state;
	assert_int_equal(facts_write(path, said, countof(said), NULL), HERALD_OK);
	assert_int_equal(facts_read(path, arena, &facts, &count, NULL), HERALD_OK);
	assert_int_equal(count, 2);
	assert_string_equal(facts_find(facts, count, "sms-eu")->version, "1.0 beta");
	assert_int_equal(facts_find(facts, count, "sms-eu")->idempotent_ms, 300000);
	assert_string_equal(facts_find(facts, count, "mail")->kind, "email");
	assert_null(facts_find(facts, count, "fax"));
	arena_free(arena);
}

static void no_file_and_lines_without_sense_are_no_facts(void **state)
{
	struct arena *arena = arena_new();
	struct facts *facts;
	size_t count;
	FILE *file = fopen(path, "w");

	(void)state;
	assert_non_null(file);
	fputs("\n%s%n\nsms sms -5 1\nonly two\nmail email 7 2\n", file);
	fclose(file);
	assert_int_equal(facts_read(path, arena, &facts, &count, NULL), HERALD_OK);
	assert_int_equal(count, 1);
	assert_string_equal(facts[0].name, "mail");
	assert_int_equal(facts_read("/nonexistent/herald", arena, &facts, &count, NULL), HERALD_OK);
	assert_int_equal(count, 0);
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_written_is_read_again),
		cmocka_unit_test(no_file_and_lines_without_sense_are_no_facts),
	};
	int fd = mkstemp(path);
	int failed;

	close(fd);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	return failed;
}

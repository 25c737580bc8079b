/* test_words.c - from words to a command: what is taken, what is refused before anything is asked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "base/check.h"

enum { WORDS_MAX = 12 };

static enum cli_exit parse(struct cli *cli, const char *line)
{
	static char copies[WORDS_MAX][64];
	char *words[WORDS_MAX];
	int count = 0;

	memset(cli, 0, sizeof(*cli));
	while (*line != 0) {
		size_t size = strcspn(line, " ");

		assert_true(count < WORDS_MAX && size < sizeof(copies[0]));
		memcpy(copies[count], line, size);
		copies[count][size] = 0;
		words[count] = copies[count];
		count++;
		line += size + (line[size] == ' ');
	}
	return cli_parse(cli, count, words);
}

static void the_command_with_the_most_words_is_meant(void **state)
{
	struct cli cli;

	(void)state;
	assert_int_equal(parse(&cli, "recipients"), EXIT_DONE);
	assert_string_equal(cli.command->words, "recipients");
	assert_int_equal(parse(&cli, "recipients show u-1"), EXIT_DONE);
	assert_string_equal(cli.command->words, "recipients show");
	assert_string_equal(cli.arguments[0], "u-1");
	assert_int_equal(parse(&cli, "recipients dance"), EXIT_WORDS);
	assert_int_equal(parse(&cli, "dance"), EXIT_WORDS);
}

static void options_stand_anywhere_and_end_at_two_dashes(void **state)
{
	struct cli cli;

	(void)state;
	assert_int_equal(parse(&cli, "--json send news --to a --to=b --test --timeout 5"), EXIT_DONE);
	assert_true(cli.is_json);
	assert_int_equal(cli.timeout_s, 5);
	assert_string_equal(cli_value_at(&cli, "to", 0), "a");
	assert_string_equal(cli_value_at(&cli, "to", 1), "b");
	assert_null(cli_value_at(&cli, "to", 2));
	assert_true(cli_has(&cli, "test"));
	assert_int_equal(parse(&cli, "show -- --strange"), EXIT_DONE);
	assert_string_equal(cli.arguments[0], "--strange");
	assert_int_equal(parse(&cli, "send news --text="), EXIT_DONE);
	assert_string_equal(cli_value(&cli, "text"), "");
}

static void what_is_wrong_is_refused_before_anything_is_asked(void **state)
{
	static const char *const lines[] = {
		"",
		"show",
		"show a b",
		"send --to",
		"send --nonsense x",
		"send --test=1",
		"channels --timeout 0",
		"channels --timeout 1x",
		"channels --colour blue",
		"--nonsense",
		"channels --to x",
		"completion",
		"prefs set u-1",
	};

	(void)state;
	for (size_t i = 0; i < countof(lines); i++) {
		struct cli cli;

		if (parse(&cli, lines[i]) != EXIT_WORDS)
			fail_msg("%s", lines[i]);
	}
}

static void more_options_than_can_be_kept_are_refused(void **state)
{
	char *words[2 + 2 * (CLI_VALUES_MAX + 1)];
	int count = 0;
	struct cli cli = {.is_json = false};

	(void)state;
	words[count++] = (char *)(uintptr_t) "send";
	for (int i = 0; i <= CLI_VALUES_MAX; i++)
		words[count++] = (char *)(uintptr_t) "--to=x";
	assert_int_equal(cli_parse(&cli, count, words), EXIT_WORDS);
}

static void every_command_is_whole_and_found_by_its_own_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < cli_command_count; i++) {
		const struct cli_command *command = &cli_commands[i];
		char line[128];
		struct cli cli;

		assert_true(command->least <= command->most && strlen(command->summary) > 5);
		assert_non_null(command->run);
		for (const struct cli_option *each = command->options; each != NULL && each->name != NULL;
		     each++) {
			assert_true(each->help[strlen(each->help) - 1] == '.');
			for (const struct cli_option *global = cli_global_options; global->name != NULL;
			     global++)
				assert_string_not_equal(each->name, global->name);
		}
		snprintf(line, sizeof(line), "%s --help", command->words);
		assert_int_equal(parse(&cli, line), EXIT_DONE);
		assert_ptr_equal(cli.command, command);
	}
}

static void what_goes_into_a_path_or_a_query_is_encoded(void **state)
{
	struct herald_builder builder;
	char path[256];
	struct cli cli;

	(void)state;
	assert_string_equal(cli_path(path, sizeof(path), "/v1/recipients/", "a/b c?", "/preferences"),
			    "/v1/recipients/a%2Fb%20c%3F/preferences");
	assert_int_equal(parse(&cli, "notifications --correlation-id a&b --limit 5"), EXIT_DONE);
	herald_builder_init(&builder, 1000);
	cli_query(&cli, (const char *const[]){"limit", "recipient", "correlation-id", NULL}, &builder);
	assert_string_equal(builder.data, "?limit=5&correlation_id=a%26b");
	herald_builder_done(&builder);
}

static void what_steers_a_terminal_becomes_blanks(void **state)
{
	json_t *tree = json_pack("{s:s, s:[s, {s:s}], s:i, s:n}", "a", "x\x1b[2Jy", "b", "\x07", "c",
				 "\xc2\x9b"
				 "1m\xc3\xa4\r\n",
				 "d", 1, "e");

	(void)state;
	cli_clean(tree);
	assert_string_equal(json_string_value(json_object_get(tree, "a")), "x [2Jy");
	assert_string_equal(json_string_value(json_array_get(json_object_get(tree, "b"), 0)), " ");
	assert_string_equal(
		json_string_value(json_object_get(json_array_get(json_object_get(tree, "b"), 1), "c")),
		"  1m\xc3\xa4  ");
	json_decref(tree);
	cli_clean(NULL);
}

static void a_field_is_found_by_its_path_and_shown_as_text(void **state)
{
	json_t *tree = json_pack("{s:{s:i, s:b}, s:[i,i], s:n, s:s}", "p", "pid", 7, "up", 1, "list", 1, 2,
				 "none", "text", "t");
	char buffer[32];

	(void)state;
	assert_string_equal(cli_field(tree, "p.pid", buffer, sizeof(buffer)), "7");
	assert_string_equal(cli_field(tree, "p.up", buffer, sizeof(buffer)), "yes");
	assert_string_equal(cli_field(tree, "list", buffer, sizeof(buffer)), "2");
	assert_string_equal(cli_field(tree, "none", buffer, sizeof(buffer)), "");
	assert_string_equal(cli_field(tree, "text", buffer, sizeof(buffer)), "t");
	assert_string_equal(cli_field(tree, "p.no.such", buffer, sizeof(buffer)), "");
	json_decref(tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_command_with_the_most_words_is_meant),
		cmocka_unit_test(options_stand_anywhere_and_end_at_two_dashes),
		cmocka_unit_test(what_is_wrong_is_refused_before_anything_is_asked),
		cmocka_unit_test(more_options_than_can_be_kept_are_refused),
		cmocka_unit_test(every_command_is_whole_and_found_by_its_own_words),
		cmocka_unit_test(what_goes_into_a_path_or_a_query_is_encoded),
		cmocka_unit_test(what_steers_a_terminal_becomes_blanks),
		cmocka_unit_test(a_field_is_found_by_its_path_and_shown_as_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

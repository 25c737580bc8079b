/* Which files become plugins, and what each refusal says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "host/loader.h"

#define PLUGINS HERALD_BINARY_DIR "/tests/plugins"

static void a_plugin_that_breaks_a_rule_is_refused_by_its_name(void **state)
{
	static const struct {
		enum herald_code code;
		const char *says;
	} rules[] = {
		{HERALD_OK, ""},
		{HERALD_UNSUPPORTED, "it speaks ABI 2"},
		{HERALD_UNSUPPORTED, "no symbol herald_channel_v1"},
		{HERALD_INVALID, "answered NULL"},
		{HERALD_UNSUPPORTED, "its table says ABI 2"},
		{HERALD_INVALID, "smaller than a table of 1.0"},
		{HERALD_INVALID, "its name"},
		{HERALD_INVALID, "its kind"},
		{HERALD_INVALID, "no version"},
		{HERALD_INVALID, "no summary"},
		{HERALD_INVALID, "flags that nobody knows"},
		{HERALD_INVALID, "HERALD_SERIAL"},
		{HERALD_INVALID, "lacks open"},
		{HERALD_INVALID, "lacks close"},
		{HERALD_INVALID, "neither send nor send_batch"},
		{HERALD_INVALID, "send and send_batch"},
		{HERALD_INVALID, "batch_max is 0"},
		{HERALD_INVALID, "batch_by is 77"},
		{HERALD_INVALID, "idempotent_ms is negative"},
		{HERALD_INVALID, "meter 1"},
		{HERALD_INVALID, "element size"},
		{HERALD_INVALID, "one"},
		{HERALD_INVALID, "two"},
		{HERALD_INVALID, "two"},
		{HERALD_INVALID, "two"},
		{HERALD_INVALID, "two"},
		{HERALD_INVALID, "nobody_has_this"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		const struct herald_plugin *plugin = NULL;
		struct herald_error err = {0};
		char path[512];

		snprintf(path, sizeof(path), PLUGINS "/bad_%zu.so", i);
		enum herald_code code = loader_load(path, &plugin, &err);
		if (code != rules[i].code || !strstr(err.text, rules[i].says))
			fail_msg("rule %zu: code %d, \"%s\" instead of \"%s\"", i, code, err.text,
				 rules[i].says);
		if (code != HERALD_OK && (!strstr(err.text, path) || plugin))
			fail_msg("rule %zu does not name its file: %s", i, err.text);
	}
}

struct place {
	char folder[64], path[128];
};

static void place_make(struct place *place, const char *name)
{
	char command[512];

	snprintf(place->folder, sizeof(place->folder), "/tmp/herald-loader-XXXXXX");
	assert_non_null(mkdtemp(place->folder));
	snprintf(place->path, sizeof(place->path), "%s/%s", place->folder, name);
	snprintf(command, sizeof(command), "cp " HERALD_BINARY_DIR "/plugins/loopback.so '%s'", place->path);
	assert_int_equal(system(command), 0);
	assert_int_equal(chmod(place->path, 0755), 0);
}

static void place_end(struct place *place)
{
	unlink(place->path);
	rmdir(place->path);
	rmdir(place->folder);
}

static void expect(const char *path, enum herald_code code, const char *says)
{
	const struct herald_plugin *plugin;
	struct herald_error err = {0};
	enum herald_code got = loader_load(path, &plugin, &err);

	if (got != code || !strstr(err.text, says))
		fail_msg("%s: code %d, \"%s\" instead of \"%s\"", path, got, err.text, says);
}

static void a_file_that_others_may_write_is_not_trusted(void **state)
{
	struct place place;

	(void)state;
	place_make(&place, "good.so");
	expect(place.path, HERALD_OK, "");
	chmod(place.path, 0775);
	expect(place.path, HERALD_DENIED, "may be written by others");
	chmod(place.path, 0757);
	expect(place.path, HERALD_DENIED, "may be written by others");
	chmod(place.path, 0755);
	chmod(place.folder, 0777);
	expect(place.path, HERALD_DENIED, "may be written by others");
	chmod(place.folder, 0700);
	if (geteuid() == 0) {
		assert_int_equal(chown(place.path, 12345, 0), 0);
		expect(place.path, HERALD_DENIED, "belongs to user 12345");
	}
	place_end(&place);
}

static void only_a_regular_file_of_a_plugins_name_is_a_plugin(void **state)
{
	static const char *const names[] = {"Evil.so",
					    "evil.txt",
					    "evil",
					    ".so",
					    "a-b.so",
					    "1a.so",
					    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.so"};
	struct place place;
	char other[160];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		place_make(&place, names[i]);
		expect(place.path, HERALD_INVALID, "a plugin's file is called");
		place_end(&place);
	}
	place_make(&place, "good.so");
	snprintf(other, sizeof(other), "%s/link.so", place.folder);
	assert_int_equal(symlink(place.path, other), 0);
	expect(other, HERALD_DENIED, "symbolic link");
	unlink(other);
	assert_int_equal(mkfifo(other, 0700), 0);
	expect(other, HERALD_DENIED, "not a regular file");
	unlink(other);
	assert_int_equal(mkdir(other, 0700), 0);
	expect(other, HERALD_DENIED, "not a regular file");
	rmdir(other);
	expect(other, HERALD_NOT_FOUND, "link.so");
	assert_int_equal(truncate(place.path, 100), 0);
	expect(place.path, HERALD_INVALID, "not a shared object");
	place_end(&place);
}

static void a_search_path_of_its_own_must_be_nobody_elses_to_write(void **state)
{
	(void)state;
	expect(PLUGINS "/path_usr.so", HERALD_OK, "");
	expect(PLUGINS "/path_relative.so", HERALD_DENIED, "'lib' (RUNPATH)");
	expect(PLUGINS "/path_shared.so", HERALD_DENIED, "/tmp may be written by others");
}

static void options_are_filled_and_complained_about_by_place(void **state)
{
	const char *five = "5", *nine = "9";
	struct wire_option given = {
		.name = "two", .where = "conf.d/30-x.yaml:3:4", .values = &five, .value_count = 1};
	const struct herald_plugin *plugin;
	struct arena *arena = arena_new();
	struct herald_error err = {0};
	struct {
		const char *one;
		int64_t two;
	} * config;
	void *filled;

	(void)state;
	assert_int_equal(loader_load(PLUGINS "/bad_0.so", &plugin, &err), HERALD_OK);
	assert_int_equal(loader_fill(plugin, "x", &given, 1, arena, &filled, &err), HERALD_OK);
	config = filled;
	assert_int_equal(config->two, 5);
	assert_string_equal(config->one, "");
	given.values = &nine;
	assert_int_equal(loader_fill(plugin, "x", &given, 1, arena, &filled, &err), HERALD_INVALID);
	assert_non_null(strstr(err.text, "conf.d/30-x.yaml:3:4"));
	assert_non_null(strstr(err.text, "'two'"));
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plugin_that_breaks_a_rule_is_refused_by_its_name),
		cmocka_unit_test(a_file_that_others_may_write_is_not_trusted),
		cmocka_unit_test(only_a_regular_file_of_a_plugins_name_is_a_plugin),
		cmocka_unit_test(a_search_path_of_its_own_must_be_nobody_elses_to_write),
		cmocka_unit_test(options_are_filled_and_complained_about_by_place),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

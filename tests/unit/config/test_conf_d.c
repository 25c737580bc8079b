/* test_conf_d.c - the files in conf.d are what an operator reads first: they load, say nothing but defaults,
 * and explain every option there is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "config/config.h"
#include "base/check.h"

static const char *const plugins[] = {"loopback", "acs_bot", "acs_sms", "email"};

static char *file_text(struct arena *arena, const char *path)
{
	FILE *file = fopen(path, "r");
	if (file == NULL)
		fail_msg("cannot read %s", path);
	char *text = arena_alloc(arena, 100000);
	size_t size = fread(text, 1, 99999, file);
	assert_true(size < 99999);
	fclose(file);
	return text;
}

static const char *section_file(const char *section)
{
	static const struct {
		const char *section, *file;
	} files[] = {{"server", "10-server.yaml"},
		     {"log", "10-server.yaml"},
		     {"store", "20-store.yaml"},
		     {"delivery", "25-delivery.yaml"},
		     {"channel", "30-channel-loopback.yaml.example"}};
	for (size_t i = 0; i < countof(files); i++) {
		if (strcmp(files[i].section, section) == 0)
			return files[i].file;
	}
	fail_msg("no file of conf.d is named for section %s", section);
	return NULL;
}

/* "  name: value" or "  # name: value" stands on a line of its own. */
static const char *find_option(const char *text, const char *name)
{
	char key[80];
	snprintf(key, sizeof(key), "%s:", name);
	for (const char *at = text; (at = strstr(at, key)) != NULL; at++) {
		const char *begin = at;
		while (begin > text && strchr("# -", begin[-1]) != NULL)
			begin--;
		if (begin == text || begin[-1] == '\n')
			return at + strlen(key);
	}
	return NULL;
}

/* Without quotes, brackets and what is behind two blanks. */
static void value_of(const char *at, char *ret_value, size_t size)
{
	size_t i = 0;
	at += strspn(at, " ");
	for (; *at != '\n' && strncmp(at, "  ", 2) != 0 && i + 1 < size; at++) {
		if (strchr("\"[]", *at) == NULL)
			ret_value[i++] = *at;
	}
	ret_value[i] = 0;
}

static void every_core_option_is_explained_with_its_default(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	size_t count;
	const struct config_section *sections = config_sections(&count);
	for (size_t i = 0; i < count; i++) {
		const char *path =
			arena_printf(arena, HERALD_SOURCE_DIR "/conf.d/%s", section_file(sections[i].name));
		const char *text = file_text(arena, path);
		for (size_t j = 0; j < sections[i].table.count; j++) {
			struct herald_option option = options_at(sections[i].table, j);
			const char *at = find_option(text, option.name);
			if (at == NULL)
				fail_msg("%s does not show option '%s'", path, option.name);
			char value[200];
			value_of(at, value, sizeof(value));
			if (option.fallback != NULL && strcmp(value, option.fallback) != 0)
				fail_msg("%s shows '%s' for option '%s', the default is '%s'", path, value,
					 option.name, option.fallback);
		}
	}
	arena_free(arena);
}

static void the_core_tables_are_sane(void **state)
{
	(void)state;
	size_t count;
	const struct config_section *sections = config_sections(&count);
	for (size_t i = 0; i < count; i++) {
		struct herald_error err = {0};
		if (options_check_table(sections[i].table, &err) != HERALD_OK)
			fail_msg("%s: %s", sections[i].name, err.text);
		for (size_t j = 0; j < sections[i].table.count; j++) {
			const char *help = options_at(sections[i].table, j).help;
			assert_non_null(strchr(".?", help[strlen(help) - 1]));
		}
	}
}

static void the_folder_as_it_is_delivered_loads_and_changes_nothing(void **state)
{
	(void)state;
	struct config_source source = {.dir = HERALD_SOURCE_DIR "/conf.d"};
	struct config *config;
	struct herald_error err = {0};
	if (config_load(&source, NULL, &config, &err) != HERALD_OK)
		fail_msg("%s", err.text);
	assert_int_equal(config->channel_count, 0);
	struct herald_builder shown;
	herald_builder_init(&shown, 100000);
	config_show(config, &shown);
	assert_null(strstr(shown.data, ".yaml:"));
	herald_builder_done(&shown);
	config_unref(config);
}

/* A copy of the example under a name that is read. */
static void every_example_of_a_channel_loads(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(plugins); i++) {
		struct arena *arena = arena_new();
		char folder[] = "/tmp/herald-conf-XXXXXX";
		assert_non_null(mkdtemp(folder));
		const char *text = file_text(
			arena, arena_printf(arena, HERALD_SOURCE_DIR "/conf.d/30-channel-%s.yaml.example",
					    plugins[i]));
		const char *path = arena_printf(arena, "%s/30.yaml", folder);
		FILE *file = fopen(path, "w");
		assert_non_null(file);
		assert_int_equal(fputs(text, file) >= 0, 1);
		assert_int_equal(fchmod(fileno(file), 0644), 0);
		assert_int_equal(fclose(file), 0);

		struct config_source source = {.dir = folder};
		struct config *config = NULL;
		struct herald_error err = {0};
		enum herald_code code = config_load(&source, NULL, &config, &err);
		unlink(path);
		rmdir(folder);
		if (code != HERALD_OK)
			fail_msg("%s: %s", plugins[i], err.text);
		assert_int_equal(config->channel_count, 1);
		assert_string_equal(config->channels[0].plugin, plugins[i]);
		config_unref(config);
		arena_free(arena);
	}
}

/* What the plugin itself says, asked as an operator would. */
static json_t *describe(struct arena *arena, const char *plugin)
{
	const char *program = HERALD_BINARY_DIR "/bin/herald-channel";
	const char *file = arena_printf(arena, HERALD_BINARY_DIR "/plugins/%s.so", plugin);
	if (access(program, X_OK) != 0 || access(file, R_OK) != 0)
		return NULL;
	FILE *pipe = popen(arena_printf(arena, "%s --describe %s --json", program, file), "r");
	assert_non_null(pipe);
	char *text = arena_alloc(arena, 100000);
	size_t size = fread(text, 1, 99999, pipe);
	assert_int_equal(pclose(pipe), 0);
	struct json_fault fault;
	json_t *tree = json_read(text, size, &fault);
	if (tree == NULL)
		fail_msg("%s: %s", plugin, fault.text);
	return tree;
}

static void every_option_of_a_plugin_is_explained_in_its_example(void **state)
{
	(void)state;
	size_t described = 0;
	for (size_t i = 0; i < countof(plugins); i++) {
		struct arena *arena = arena_new();
		json_auto *tree = describe(arena, plugins[i]);
		const char *path = arena_printf(arena, HERALD_SOURCE_DIR "/conf.d/30-channel-%s.yaml.example",
						plugins[i]);
		const char *text = file_text(arena, path);
		const json_t *options = json_object_get(tree, "options");
		described += tree != NULL;
		for (size_t j = 0; j < json_array_size(options); j++) {
			const char *name =
				json_string_value(json_object_get(json_array_get(options, j), "name"));
			if (find_option(text, name) == NULL)
				fail_msg("%s does not show option '%s'", path, name);
		}
		arena_free(arena);
	}
	/* Plugins or their host are not built in this tree. */
	if (described == 0)
		skip();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_core_option_is_explained_with_its_default),
		cmocka_unit_test(the_core_tables_are_sane),
		cmocka_unit_test(the_folder_as_it_is_delivered_loads_and_changes_nothing),
		cmocka_unit_test(every_example_of_a_channel_loads),
		cmocka_unit_test(every_option_of_a_plugin_is_explained_in_its_example),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

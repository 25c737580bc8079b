/* test_secret.c - where secrets may come from, and that no error gives one away. */
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

#include "config/options.h"
#include "config/secret.h"
#include "base/check.h"

static char folder[] = "/tmp/herald-secret-XXXXXX";

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) == NULL ? -1 : 0;
}

static int remove_folder(void **state)
{
	(void)state;
	char path[128];
	snprintf(path, sizeof(path), "%s/secret", folder);
	unlink(path);
	return rmdir(folder);
}

/* file:PATH of a file with this content and mode. */
static const char *reference_to(const void *content, size_t size, mode_t mode)
{
	static char reference[128];
	snprintf(reference, sizeof(reference), "file:%s/secret", folder);
	const char *path = reference + strlen("file:");
	unlink(path);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, content, size), (ssize_t)size);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
	return reference;
}

static enum herald_code resolve(struct arena *arena, const char *reference, const char **ret_value,
				struct herald_error *err)
{
	herald_secret secret = {NULL};
	*err = (struct herald_error){0};
	enum herald_code code = secret_resolve(reference, arena, &secret, err);
	*ret_value = secret.value;
	assert_true((code == HERALD_OK) == (secret.value != NULL));
	return code;
}

static void a_variable_is_read(void **state)
{
	(void)state;
	struct arena *arena = arena_new_wiped();
	struct herald_error err;
	const char *value;
	setenv("HERALD_TEST_SECRET", "hunter2", 1);
	assert_int_equal(resolve(arena, "env:HERALD_TEST_SECRET", &value, &err), HERALD_OK);
	assert_string_equal(value, "hunter2");
	setenv("HERALD_TEST_SECRET", "", 1);
	assert_int_equal(resolve(arena, "env:HERALD_TEST_SECRET", &value, &err), HERALD_INVALID);
	unsetenv("HERALD_TEST_SECRET");
	assert_int_equal(resolve(arena, "env:HERALD_TEST_SECRET", &value, &err), HERALD_NOT_FOUND);
	assert_non_null(strstr(err.text, "HERALD_TEST_SECRET"));
	arena_free(arena);
}

static void a_file_is_read_without_the_line_feed_at_its_end(void **state)
{
	(void)state;
	struct arena *arena = arena_new_wiped();
	struct herald_error err;
	const char *value;
	static const struct {
		const char *content, *value;
	} rows[] = {{"hunter2", "hunter2"},
		    {"hunter2\n", "hunter2"},
		    {"hunter2\r\n", "hunter2"},
		    {"hunter2\n\n", "hunter2\n"},
		    {" two\nlines \n", " two\nlines "}};
	for (size_t i = 0; i < countof(rows); i++) {
		const char *reference = reference_to(rows[i].content, strlen(rows[i].content), 0600);
		assert_int_equal(resolve(arena, reference, &value, &err), HERALD_OK);
		assert_string_equal(value, rows[i].value);
	}
	assert_int_equal(resolve(arena, reference_to("x", 1, 0400), &value, &err), HERALD_OK);
	arena_free(arena);
}

static void a_file_that_others_can_read_or_change_is_refused_saying_so(void **state)
{
	(void)state;
	struct arena *arena = arena_new_wiped();
	struct herald_error err;
	const char *value;
	static const mode_t modes[] = {0640, 0604, 0620, 0602, 0644, 0666, 0601, 0610};
	for (size_t i = 0; i < countof(modes); i++) {
		assert_int_equal(resolve(arena, reference_to("hunter2", 7, modes[i]), &value, &err),
				 HERALD_DENIED);
		assert_non_null(strstr(err.text, "others can read"));
		assert_non_null(strstr(err.text, "chmod 600"));
		assert_null(strstr(err.text, "hunter2"));
	}
	arena_free(arena);
}

static void what_is_no_usable_file_is_refused(void **state)
{
	(void)state;
	struct arena *arena = arena_new_wiped();
	struct herald_error err;
	const char *value;
	assert_int_equal(resolve(arena, "file:/nonexistent/secret", &value, &err), HERALD_NOT_FOUND);
	assert_int_equal(resolve(arena, "file:/dev/null", &value, &err), HERALD_INVALID);
	assert_int_equal(resolve(arena, "file:/tmp", &value, &err), HERALD_INVALID);
	assert_int_equal(resolve(arena, reference_to("", 0, 0600), &value, &err), HERALD_INVALID);
	assert_int_equal(resolve(arena, reference_to("\n", 1, 0600), &value, &err), HERALD_INVALID);
	assert_int_equal(resolve(arena, reference_to("a\0b", 3, 0600), &value, &err), HERALD_INVALID);
	assert_null(strstr(err.text, "a\n"));
	arena_free(arena);
}

static void a_named_pipe_is_refused_and_not_waited_for(void **state)
{
	(void)state;
	struct arena *arena = arena_new_wiped();
	struct herald_error err;
	const char *value, *reference = reference_to("x", 1, 0600);
	unlink(reference + strlen("file:"));
	assert_int_equal(mkfifo(reference + strlen("file:"), 0600), 0);
	assert_int_equal(resolve(arena, reference, &value, &err), HERALD_INVALID);
	arena_free(arena);
}

static void a_secret_may_be_as_large_as_the_bound_and_no_larger(void **state)
{
	(void)state;
	struct arena *arena = arena_new_wiped();
	struct herald_error err;
	const char *value;
	static char big[OPTION_SECRET_BYTES_MAX + 1];
	memset(big, 's', sizeof(big));
	assert_int_equal(resolve(arena, reference_to(big, OPTION_SECRET_BYTES_MAX, 0600), &value, &err),
			 HERALD_OK);
	assert_int_equal(strlen(value), OPTION_SECRET_BYTES_MAX);
	assert_int_equal(resolve(arena, reference_to(big, sizeof(big), 0600), &value, &err), HERALD_LIMIT);
	assert_null(strstr(err.text, "sss"));
	arena_free(arena);
}

static void what_is_no_reference_is_told_what_one_is(void **state)
{
	(void)state;
	struct arena *arena = arena_new_wiped();
	struct herald_error err;
	const char *value;
	static const struct {
		const char *reference;
		enum herald_code code;
		const char *says;
	} rows[] = {
		{"hunter2", HERALD_INVALID, "env:NAME or file:/PATH"},
		{"", HERALD_INVALID, "env:NAME or file:/PATH"},
		{"env:", HERALD_INVALID, "name of a variable"},
		{"env:A B", HERALD_INVALID, "name of a variable"},
		{"env:1A", HERALD_INVALID, "name of a variable"},
		{"file:", HERALD_INVALID, "absolute path"},
		{"file:secret", HERALD_INVALID, "absolute path"},
		{"vault:kv/sms", HERALD_UNSUPPORTED, "not supported"},
	};
	for (size_t i = 0; i < countof(rows); i++) {
		assert_int_equal(resolve(arena, rows[i].reference, &value, &err), rows[i].code);
		assert_int_equal(secret_check(rows[i].reference, NULL), rows[i].code);
		assert_non_null(strstr(err.text, rows[i].says));
		assert_null(strstr(err.text, "hunter2"));
	}
	assert_true(secret_is_reference("env:X") && secret_is_reference("file:/x") &&
		    secret_is_reference("vault:x"));
	assert_false(secret_is_reference("environment") || secret_is_reference("") ||
		     secret_is_reference("Env:X"));
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_variable_is_read),
		cmocka_unit_test(a_file_is_read_without_the_line_feed_at_its_end),
		cmocka_unit_test(a_file_that_others_can_read_or_change_is_refused_saying_so),
		cmocka_unit_test(what_is_no_usable_file_is_refused),
		cmocka_unit_test(a_named_pipe_is_refused_and_not_waited_for),
		cmocka_unit_test(a_secret_may_be_as_large_as_the_bound_and_no_larger),
		cmocka_unit_test(what_is_no_reference_is_told_what_one_is),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

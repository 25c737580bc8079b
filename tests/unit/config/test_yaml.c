/* test_yaml.c - the tree, its places, and what of YAML is not let in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "config/private.h"
#include "base/check.h"

static struct complaints complaints;

static struct node *read_text(struct arena *arena, const char *text, size_t size)
{
	complaints_init(&complaints, arena);
	return node_read("x.yaml", text, size, arena, &complaints);
}

static void everything_knows_its_line_and_column(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	const char *text = "server:\n  listen: \"127.0.0.1:1\"  # here\nlist:\n  - a\n  - {b: 1}\nnone:\n";
	struct node *root = read_text(arena, text, strlen(text));
	assert_non_null(root);
	assert_int_equal(complaints.count, 0);
	struct node *listen = node_child(node_child(root, "server"), "listen");
	assert_string_equal(listen->text, "127.0.0.1:1");
	assert_int_equal(listen->place.line, 2);
	assert_int_equal(listen->place.column, 11);
	assert_int_equal(listen->key_place.column, 3);
	struct node *list = node_child(root, "list");
	assert_int_equal(list->kind, NODE_LIST);
	assert_int_equal(list->count, 2);
	assert_int_equal(list->first->next->kind, NODE_MAP);
	assert_int_equal(list->first->next->place.line, 5);
	assert_int_equal(list->first->next->place.column, 5);
	assert_true(node_child(root, "none")->is_null);
	assert_null(node_child(root, "nothing"));
	arena_free(arena);
}

static void only_plain_words_mean_nothing(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	const char *text = "a: ~\nb: null\nc: \"\"\nd: 'null'\ne: Null\nf: nil\n";
	struct node *root = read_text(arena, text, strlen(text));
	assert_true(node_child(root, "a")->is_null && node_child(root, "b")->is_null &&
		    node_child(root, "e")->is_null);
	assert_false(node_child(root, "c")->is_null || node_child(root, "d")->is_null ||
		     node_child(root, "f")->is_null);
	arena_free(arena);
}

static void what_is_refused_is_refused_where_it_stands(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		unsigned line, column;
		const char *says;
	} rows[] = {
		{"a: 1\nb: 2\na: 3\n", 3, 1, "'a' stands twice; the first is in line 1"},
		{"a: {b: 1, b: 2}\n", 1, 11, "'b' stands twice"},
		{"a: &x 1\n", 1, 4, "anchors"},
		{"a: &x [1]\n", 1, 4, "anchors"},
		{"a: *x\n", 1, 4, "aliases"},
		{"a: !!str 1\n", 1, 4, "tags"},
		{"a: !thing {}\n", 1, 4, "tags"},
		{"<<: *x\n", 1, 5, "aliases"},
		{"? [a]\n: 1\n", 1, 3, "a key must be"},
		{"a: 1\n---\nb: 2\n", 2, 1, "one document"},
		{"a: \"x\\0y\"\n", 1, 4, "NUL"},
		{"- a\n", 1, 1, "mapping of sections"},
		{"just words\n", 1, 1, "mapping of sections"},
		{"a: [1\n", 2, 1, "not YAML"},
		{"a: 'x\n", 2, 1, "not YAML"},
		{"a:\n\t- b\n", 2, 1, "not YAML"},
		{"a: b: c\n", 1, 5, "not YAML"},
		{"a: \xff\n", 0, 0, "not YAML"},
		{"a: [[[[[[[[1]]]]]]]]\n", 1, 11, "nested"},
	};
	for (size_t i = 0; i < countof(rows); i++) {
		struct arena *arena = arena_new();
		struct node *root = read_text(arena, rows[i].text, strlen(rows[i].text));
		if (root != NULL || complaints.errors == 0)
			fail_msg("not refused: %s", rows[i].text);
		const struct complaint *first = &complaints.items[0];
		if (strstr(first->text, rows[i].says) == NULL ||
		    (rows[i].line > 0 &&
		     (first->place.line != rows[i].line || first->place.column != rows[i].column)))
			fail_msg("%s: %u:%u: %s", rows[i].text, first->place.line, first->place.column,
				 first->text);
		arena_free(arena);
	}
}

static void an_empty_file_is_nothing_and_no_fault(void **state)
{
	(void)state;
	static const char *const texts[] = {"", "\n", "# only words\n", "---\n", "~\n"};
	for (size_t i = 0; i < countof(texts); i++) {
		struct arena *arena = arena_new();
		assert_null(read_text(arena, texts[i], strlen(texts[i])));
		assert_int_equal(complaints.count, 0);
		arena_free(arena);
	}
}

static void values_are_bounded(void **state)
{
	(void)state;
	for (size_t extra = 0; extra <= 1; extra++) {
		struct arena *arena = arena_new();
		struct herald_builder text;
		herald_builder_init(&text, 1 << 20);
		herald_add(&text, "a: [");
		/* Beside the items: the mapping, its key, the list. */
		for (size_t i = 0; i < NODES_MAX - 3 + extra; i++)
			herald_add(&text, "1,");
		herald_add(&text, "]\n");
		struct node *root = read_text(arena, text.data, text.size);
		assert_true((root != NULL) == (extra == 0));
		herald_builder_done(&text);
		arena_free(arena);
	}
}

/* Whatever is cut off or turned over, it is read or refused, and nothing else. */
static void every_prefix_and_every_turned_byte_ends_well(void **state)
{
	(void)state;
	static const char text[] =
		"server: {listen: \"a:1\", n: [1, 'two', ~]}\nchannels:\n  - name: x\n    o: |\n      y\n";
	char copy[sizeof(text)];
	for (size_t size = 0; size < sizeof(text); size++) {
		struct arena *arena = arena_new();
		read_text(arena, text, size);
		arena_free(arena);
	}
	uint32_t dice = 7;
	for (int i = 0; i < 20000; i++) {
		struct arena *arena = arena_new();
		memcpy(copy, text, sizeof(text));
		for (int turns = 0; turns < 3; turns++) {
			dice = dice * 1664525u + 1013904223u;
			copy[(dice >> 16) % (sizeof(text) - 1)] = (char)(dice >> 8);
		}
		struct node *root = read_text(arena, copy, sizeof(text) - 1);
		assert_true(root == NULL || complaints.errors == 0);
		arena_free(arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_knows_its_line_and_column),
		cmocka_unit_test(only_plain_words_mean_nothing),
		cmocka_unit_test(what_is_refused_is_refused_where_it_stands),
		cmocka_unit_test(an_empty_file_is_nothing_and_no_fault),
		cmocka_unit_test(values_are_bounded),
		cmocka_unit_test(every_prefix_and_every_turned_byte_ends_well),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

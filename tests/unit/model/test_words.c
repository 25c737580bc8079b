/* Words survive their encoding byte for byte, and no damaged blob is read past its end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/limits.h"
#include "model/words.h"

static const struct herald_field headers[] = {{"X-Order", "4711"}, {"List-Id", "<a.example>"}};

static struct words example(void)
{
	return (struct words){
		.subject = "S\xc3\xbc\xc3\x9f",
		.text = text_of("hello\n.\r\n", 9),
		.html = text_of("<p>", 3),
		.card = text_of("", 0),
		.json = text_of("", 0),
		.reply_to = "a@example.org",
		.from_name = "",
		.headers = headers,
		.header_count = 2,
	};
}

static void words_come_back_as_they_went(void **state)
{
	struct arena *arena = arena_new();
	struct words words = example(), back;
	struct herald_text blob;

	(void)state;
	assert_int_equal(words_encode(&words, arena, &blob, NULL), HERALD_OK);
	assert_int_equal(blob.data[0], WORDS_PLAIN);
	assert_int_equal(words_decode(blob, arena, &back, NULL), HERALD_OK);
	assert_string_equal(back.subject, words.subject);
	assert_int_equal(back.text.size, 9);
	assert_memory_equal(back.text.data, "hello\n.\r\n", 10);
	assert_string_equal(back.html.data, "<p>");
	assert_string_equal(back.from_name, "");
	assert_int_equal(back.header_count, 2);
	assert_string_equal(back.headers[1].name, "List-Id");
	assert_string_equal(back.headers[1].value, "<a.example>");
	arena_free(arena);
}

static void a_damaged_blob_is_refused_and_never_overread(void **state)
{
	struct arena *arena = arena_new();
	struct words words = example(), back;
	struct herald_text blob;
	struct herald_error err;

	(void)state;
	assert_int_equal(words_encode(&words, arena, &blob, NULL), HERALD_OK);
	for (size_t size = 0; size < blob.size; size++) {
		char *part = malloc(size + 1); /* exactly so large: ASan sees one byte more */

		memcpy(part, blob.data, size);
		(void)words_decode(text_of(part, size), arena, &back, &err);
		for (size_t bit = 0; bit < 8 && size > 0; bit++) {
			part[size - 1] = (char)(part[size - 1] ^ (1 << bit));
			(void)words_decode(text_of(part, size), arena, &back, &err);
			part[size - 1] = (char)(part[size - 1] ^ (1 << bit));
		}
		free(part);
	}
	assert_int_equal(words_decode(text_of("", 0), arena, &back, &err), HERALD_CORRUPT);
	assert_int_equal(words_decode(text_of("\1", 1), arena, &back, &err), HERALD_CORRUPT);
	assert_int_equal(words_decode(text_of(blob.data, blob.size - 1), arena, &back, &err), HERALD_CORRUPT);
	arena_free(arena);
}

static void words_past_their_limit_are_refused_at_the_edge(void **state)
{
	struct arena *arena = arena_new();
	struct words words = {.subject = "", .reply_to = "", .from_name = ""};
	char *large = malloc(WORDS_BYTES_MAX);
	struct herald_text blob;

	(void)state;
	memset(large, 'x', WORDS_BYTES_MAX);
	words.text = text_of(large, WORDS_BYTES_MAX - 7); /* format, head, 0: exactly the limit */
	assert_int_equal(words_encode(&words, arena, &blob, NULL), HERALD_OK);
	assert_int_equal(blob.size, WORDS_BYTES_MAX);
	words.text.size++;
	assert_int_equal(words_encode(&words, arena, &blob, NULL), HERALD_LIMIT);
	free(large);
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_come_back_as_they_went),
		cmocka_unit_test(a_damaged_blob_is_refused_and_never_overread),
		cmocka_unit_test(words_past_their_limit_are_refused_at_the_edge),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

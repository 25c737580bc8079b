/* test_frame.c - whole frames only, in any slicing; anything else ends the reader. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "wire/frame.h"
#include "wire/tlv.h"
#include "base/check.h"

struct pair {
	int in, out;
	struct frame_reader reader;
	struct herald_builder batch;
};

static void pair_init(struct pair *pair)
{
	int ends[2];
	assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	pair->out = ends[0];
	pair->in = ends[1];
	frame_reader_init(&pair->reader);
	herald_builder_init(&pair->batch, 16 * 1024 * 1024);
}

static void pair_done(struct pair *pair)
{
	if (pair->in >= 0)
		close(pair->in);
	close(pair->out);
	frame_reader_done(&pair->reader);
	herald_builder_done(&pair->batch);
}

static void add(struct herald_builder *batch, enum frame_type type, uint64_t sequence, size_t size)
{
	char *bytes = calloc(1, size + 1);
	size_t began = frame_begin(batch, type, sequence);
	tlv_add_bytes(batch, 1, bytes, size);
	assert_true(frame_end(batch, began));
	free(bytes);
}

static void a_batch_arrives_frame_by_frame_in_any_slicing(void **state)
{
	(void)state;
	for (size_t slice = 1; slice < 90; slice++) {
		struct pair pair;
		struct frame frame;
		bool is_broken = false;
		unsigned count = 0;
		pair_init(&pair);
		for (unsigned i = 0; i < 5; i++)
			add(&pair.batch, FRAME_SEND, i + 100, i * 7);
		for (size_t at = 0; at < pair.batch.size; at += slice) {
			size_t left = pair.batch.size - at;
			size_t size = left < slice ? left : slice;
			assert_int_equal(write(pair.in, pair.batch.data + at, size), size);
			assert_int_equal(frame_reader_fill(&pair.reader, pair.out, NULL), HERALD_OK);
			while (frame_next(&pair.reader, &frame, &is_broken)) {
				assert_int_equal(frame.type, FRAME_SEND);
				assert_int_equal(frame.sequence, count + 100);
				assert_int_equal(frame.size, TLV_HEAD_BYTES + count * 7);
				count++;
			}
		}
		assert_false(is_broken);
		assert_int_equal(count, 5);
		pair_done(&pair);
	}
}

static void nothing_to_read_is_busy_and_a_clean_end_says_closed(void **state)
{
	(void)state;
	struct pair pair;
	struct herald_error err;
	pair_init(&pair);
	assert_int_equal(frame_reader_fill(&pair.reader, pair.out, &err), HERALD_BUSY);
	close(pair.in);
	pair.in = -1;
	assert_int_equal(frame_reader_fill(&pair.reader, pair.out, &err), HERALD_IO);
	assert_string_equal(err.text, "closed");
	pair_done(&pair);
}

static void a_frame_of_the_greatest_size_arrives_and_one_byte_more_is_broken(void **state)
{
	(void)state;
	for (int more = 0; more < 2; more++) {
		struct pair pair;
		struct frame frame;
		bool is_broken = false, has_come = false;
		size_t fields = (size_t)FRAME_BYTES_MAX - 12;
		pair_init(&pair);
		add(&pair.batch, FRAME_SEND, 1, fields - TLV_HEAD_BYTES);
		uint32_t length = (uint32_t)FRAME_BYTES_MAX + (uint32_t)more;
		memcpy(pair.batch.data, &length, sizeof(length));
		for (size_t at = 0; at < pair.batch.size && !is_broken;) {
			ssize_t wrote = write(pair.in, pair.batch.data + at, pair.batch.size - at);
			assert_true(wrote > 0);
			at += (size_t)wrote;
			while (frame_reader_fill(&pair.reader, pair.out, NULL) == HERALD_OK)
				has_come |= frame_next(&pair.reader, &frame, &is_broken);
		}
		assert_int_equal(has_come, more == 0);
		assert_int_equal(is_broken, more == 1);
		pair_done(&pair);
	}
}

static void what_does_not_fit_leaves_the_batch_as_it_was(void **state)
{
	(void)state;
	struct herald_builder batch;
	herald_builder_init(&batch, 100);
	size_t began = frame_begin(&batch, FRAME_PING, 1);
	assert_true(frame_end(&batch, began));
	size_t size = batch.size;

	began = frame_begin(&batch, FRAME_SEND, 2);
	tlv_add_text(&batch, 1,
		     "this text together with its heads is longer than what is left of the batch "
		     "that was made for it");
	assert_false(frame_end(&batch, began));
	assert_int_equal(batch.size, size);

	began = frame_begin(&batch, FRAME_PONG, 3);
	assert_true(frame_end(&batch, began));
	assert_int_equal(batch.size, 2 * size);
	herald_builder_done(&batch);
}

static void a_frame_longer_than_allowed_is_never_written(void **state)
{
	(void)state;
	struct herald_builder batch;
	herald_builder_init(&batch, 16 * 1024 * 1024);
	char *bytes = calloc(1, FRAME_BYTES_MAX);
	size_t began = frame_begin(&batch, FRAME_SEND, 2);
	tlv_add_bytes(&batch, 1, bytes, FRAME_BYTES_MAX);
	assert_false(frame_end(&batch, began));
	assert_int_equal(batch.size, 0);
	free(bytes);
	herald_builder_done(&batch);
}

static void bytes_that_are_no_frame_are_broken(void **state)
{
	(void)state;
	static const uint8_t heads[][FRAME_HEAD_BYTES] = {
		{11, 0, 0, 0, 1, 0, 1},            /* shorter than its head */
		{0, 0, 0, 0, 1, 0, 1},             /* nothing */
		{12, 0, 0, 0, 1, 0, 2},            /* of another version */
		{0xff, 0xff, 0xff, 0xff, 1, 0, 1}, /* without end */
		{'H', 'T', 'T', 'P', '/', '1', '.', '1', ' ', '4', '0', '0', ' ', 'B', 'a', 'd'},
	};
	for (size_t i = 0; i < countof(heads); i++) {
		struct pair pair;
		struct frame frame;
		bool is_broken = false;
		pair_init(&pair);
		assert_int_equal(write(pair.in, heads[i], FRAME_HEAD_BYTES), FRAME_HEAD_BYTES);
		assert_int_equal(frame_reader_fill(&pair.reader, pair.out, NULL), HERALD_OK);
		assert_false(frame_next(&pair.reader, &frame, &is_broken));
		assert_true(is_broken);
		pair_done(&pair);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_batch_arrives_frame_by_frame_in_any_slicing),
		cmocka_unit_test(nothing_to_read_is_busy_and_a_clean_end_says_closed),
		cmocka_unit_test(a_frame_of_the_greatest_size_arrives_and_one_byte_more_is_broken),
		cmocka_unit_test(what_does_not_fit_leaves_the_batch_as_it_was),
		cmocka_unit_test(a_frame_longer_than_allowed_is_never_written),
		cmocka_unit_test(bytes_that_are_no_frame_are_broken),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_outbox.c - frames arrive whole and in order however little the socket takes, and secrets do not stay.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "channel/outbox.h"
#include "wire/message.h"
#include "base/check.h"

static void pair_open(int ends[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
}

static void everything_arrives_in_order_although_the_socket_is_slow(void **state)
{
	(void)state;
	static char filling[3000];
	struct outbox outbox;
	struct frame_reader reader;
	struct frame frame;
	bool is_broken = false;
	uint64_t sent = 0, heard = 0;
	int ends[2];
	pair_open(ends);
	outbox_init(&outbox);
	frame_reader_init(&reader);
	while (heard < 20000) {
		for (int i = 0; i < 40 && sent < 20000 && !outbox_is_full(&outbox); i++) {
			sent++;
			assert_true(wire_note_write(&outbox.batch, FRAME_SEND, sent, 0,
						    text_of(filling, sent % sizeof(filling))));
		}
		assert_true(outbox_flush(&outbox, ends[0]));
		if (frame_reader_fill(&reader, ends[1], NULL) != HERALD_OK)
			continue;
		while (frame_next(&reader, &frame, &is_broken))
			assert_int_equal(frame.sequence, ++heard);
		assert_false(is_broken);
	}
	assert_int_equal(outbox_pending(&outbox), 0);
	frame_reader_done(&reader);
	outbox_done(&outbox);
	close(ends[0]);
	close(ends[1]);
}

static void it_is_full_before_it_can_refuse_a_frame(void **state)
{
	(void)state;
	static char large[60000];
	struct outbox outbox;
	outbox_init(&outbox);
	while (!outbox_is_full(&outbox))
		assert_true(wire_note_write(&outbox.batch, FRAME_SEND, 1, 0, text_of(large, sizeof(large))));
	assert_in_range(outbox_pending(&outbox), OUTBOX_BYTES_MAX, OUTBOX_BYTES_MAX + 70000);
	outbox_done(&outbox);
}

static void the_other_end_gone_is_said(void **state)
{
	(void)state;
	struct outbox outbox;
	int ends[2];
	pair_open(ends);
	outbox_init(&outbox);
	close(ends[1]);
	assert_true(wire_note_write(&outbox.batch, FRAME_PING, 1, 0, text_of("", 0)));
	assert_false(outbox_flush(&outbox, ends[0]));
	outbox_done(&outbox);
	close(ends[0]);
}

static void secrets_leave_neither_copies_nor_a_trace(void **state)
{
	(void)state;
	static const char secret[] = "correct horse battery staple";
	struct outbox outbox;
	int ends[2];
	pair_open(ends);
	outbox_init(&outbox);
	outbox_expect_secrets(&outbox, 20000);
	const char *before = outbox.batch.data;
	for (int i = 0; i < 100; i++)
		assert_true(
			wire_note_write(&outbox.batch, FRAME_CONFIG, 0, 0, text_of(secret, sizeof(secret))));
	assert_ptr_equal(outbox.batch.data, before); /* it did not move, so nothing was left behind */
	assert_non_null(memmem(outbox.batch.data, outbox.batch.capacity, secret, sizeof(secret)));
	assert_true(outbox_flush(&outbox, ends[0]));
	assert_int_equal(outbox_pending(&outbox), 0);
	assert_null(memmem(outbox.batch.data, outbox.batch.capacity, secret, sizeof(secret)));
	outbox_done(&outbox);
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_arrives_in_order_although_the_socket_is_slow),
		cmocka_unit_test(it_is_full_before_it_can_refuse_a_frame),
		cmocka_unit_test(the_other_end_gone_is_said),
		cmocka_unit_test(secrets_leave_neither_copies_nor_a_trace),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_tlv.c - fields come back as they went in, and a cursor never leaves its bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "wire/tlv.h"
#include "base/check.h"

static void fields_come_back_in_order_with_their_values(void **state)
{
	(void)state;
	struct herald_builder builder;
	herald_builder_init(&builder, 4096);
	tlv_add_u64(&builder, 1, UINT64_C(0xfedcba9876543210));
	tlv_add_f64(&builder, 2, -0.125);
	tlv_add_text(&builder, 3, "x");
	tlv_add_bytes(&builder, 65535, "", 0);
	size_t began = tlv_begin(&builder, 5);
	tlv_add_u64(&builder, 6, 7);
	tlv_end(&builder, began);

	struct tlv_cursor cursor = tlv_open(builder.data, builder.size), inner;
	struct tlv field;
	uint64_t number;
	double real;
	assert_true(tlv_next(&cursor, &field));
	assert_true(tlv_u64(&field, &number));
	assert_true(number == UINT64_C(0xfedcba9876543210));
	assert_true(tlv_next(&cursor, &field));
	assert_true(tlv_f64(&field, &real));
	assert_true(real == -0.125);
	assert_true(tlv_next(&cursor, &field));
	assert_int_equal(field.tag, 3);
	assert_memory_equal(field.data, "x", 1);
	assert_false(tlv_u64(&field, &number)); /* a size of its own */
	assert_true(tlv_next(&cursor, &field));
	assert_int_equal(field.tag, 65535);
	assert_int_equal(field.size, 0);
	assert_true(tlv_next(&cursor, &field));
	inner = tlv_open(field.data, field.size);
	assert_true(tlv_next(&inner, &field));
	assert_true(tlv_u64(&field, &number));
	assert_int_equal(number, 7);
	assert_false(tlv_next(&inner, &field));
	assert_false(inner.is_broken);
	assert_false(tlv_next(&cursor, &field));
	assert_false(cursor.is_broken);
	herald_builder_done(&builder);
}

static void bytes_on_the_wire_are_little_endian(void **state)
{
	(void)state;
	static const uint8_t expected[] = {0x02, 0x01, 0, 0, 8, 0, 0, 0, 4, 3, 2, 1, 0, 0, 0, 0};
	struct herald_builder builder;
	herald_builder_init(&builder, 4096);
	tlv_add_u64(&builder, 0x0102, 0x01020304);
	assert_int_equal(builder.size, sizeof(expected));
	assert_memory_equal(builder.data, expected, sizeof(expected));
	herald_builder_done(&builder);
}

static void every_truncation_is_broken_and_none_is_read_past(void **state)
{
	(void)state;
	struct herald_builder builder;
	herald_builder_init(&builder, 4096);
	tlv_add_text(&builder, 1, "hello");
	for (size_t size = 0; size < builder.size; size++) {
		uint8_t *copy = malloc(size ? size : 1); /* of its exact size, so that ASan sees the end */
		struct tlv field;
		memcpy(copy, builder.data, size);
		struct tlv_cursor cursor = tlv_open(copy, size);
		assert_false(tlv_next(&cursor, &field));
		assert_int_equal(cursor.is_broken, size > 0);
		free(copy);
	}
	herald_builder_done(&builder);
}

static void a_length_of_four_gigabytes_is_broken(void **state)
{
	(void)state;
	static const uint8_t bytes[] = {1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 'x'};
	struct tlv_cursor cursor = tlv_open(bytes, sizeof(bytes));
	struct tlv field;
	assert_false(tlv_next(&cursor, &field));
	assert_true(cursor.is_broken);
	assert_false(tlv_next(&cursor, &field)); /* and stays so */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_come_back_in_order_with_their_values),
		cmocka_unit_test(bytes_on_the_wire_are_little_endian),
		cmocka_unit_test(every_truncation_is_broken_and_none_is_read_past),
		cmocka_unit_test(a_length_of_four_gigabytes_is_broken),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_message.c - every message comes back as it was written; no byte from the peer reads past its frame. */
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
#include "herald/channel.h"
#include "wire/message.h"
#include "wire/tlv.h"
#include "base/check.h"

static const char *const list_values[] = {"10.0.0.1", "", "grün"};
static const struct wire_option options[] = {
	{.name = "from",
	 .where = "conf.d/30-sms.yaml:7:5",
	 .values = list_values,
	 .value_count = 1,
	 .is_secret = true},
	{.name = "hosts",
	 .where = "conf.d/30-sms.yaml:8:5",
	 .values = list_values,
	 .value_count = 3,
	 .is_list = true},
	{.name = "none", .where = "conf.d/30-sms.yaml:9:5", .is_list = true},
};
static const struct wire_config config = {
	.channel = "sms-eu",
	.plugin_path = "/usr/lib/herald/plugins/acs_sms.so",
	.run = -7,
	.workers = 4,
	.attempt_timeout_ms = 30000,
	.orphan_timeout_ms = 10000,
	.token_hosts = list_values,
	.token_host_count = 2,
	.allow_insecure_loopback = true,
	.slots = 256,
	.options = options,
	.option_count = countof(options),
};
static const struct wire_meter meters[] = {{"conversations", "Known ones.", false}, {"pages", "", true}};
static const struct wire_ready ready = {
	.plugin = "acs_sms",
	.version = "1.0",
	.kind = "sms",
	.batch_max = 100,
	.batch_by = 2,
	.idempotent_ms = 86400000,
	.is_blocking = true,
	.meters = meters,
	.meter_count = countof(meters),
};
static const struct wire_send send_sample = {
	.slot = 9,
	.notification = INT64_MAX,
	.n = 3,
	.attempt = 2,
	.priority = HERALD_CRITICAL,
	.first_attempt_at_ms = 1700000000000,
	.expires_at_ms = INT64_MIN,
	.timeout_ms = 30000,
	.is_alone = true,
	.tenant = "default",
	.category = "billing",
	.recipient = "u-1",
	.name = "Zoë",
	.locale = "de-CH",
	.correlation_id = "c",
	.traceparent = "",
	.address = "+41790000000",
	.destination = "carrier",
	.memory = {"a\0b", 3},
	.words = {"\0words", 6},
};
static const struct herald_field log_pairs[] = {{"status", "403"}, {"hint", "look here"}};
static const struct wire_log log_sample = {
	.level = HERALD_WARNING, .event = "provider.refused", .fields = log_pairs, .field_count = 2};
static const struct wire_checked checked = {
	.code = HERALD_INVALID, .canonical = "", .destination = "example.org", .text = "no @ in it"};

/* The frame that a batch begins with. */
static struct frame frame_of(const struct herald_builder *batch)
{
	struct frame frame = {.sequence = 0, .version = FRAME_VERSION};
	memcpy(&frame.type, batch->data + 4, sizeof(frame.type));
	frame.fields = (const uint8_t *)batch->data + FRAME_HEAD_BYTES;
	frame.size = batch->size - FRAME_HEAD_BYTES;
	return frame;
}

static void config_comes_back_with_its_options(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	struct herald_builder batch;
	struct wire_config got;
	herald_builder_init(&batch, 65536);
	assert_true(wire_config_write(&batch, &config));
	struct frame frame = frame_of(&batch);
	assert_int_equal(frame.type, FRAME_CONFIG);
	assert_int_equal(wire_config_read(&frame, arena, &got, NULL), HERALD_OK);
	memset(batch.data, 'x', batch.size); /* nothing is lent */
	assert_string_equal(got.channel, "sms-eu");
	assert_string_equal(got.plugin_path, config.plugin_path);
	assert_true(got.run == -7 && got.workers == 4 && got.slots == 256);
	assert_true(got.attempt_timeout_ms == 30000 && got.orphan_timeout_ms == 10000);
	assert_true(got.allow_insecure_loopback);
	assert_int_equal(got.token_host_count, 2);
	assert_string_equal(got.token_hosts[0], "10.0.0.1");
	assert_string_equal(got.token_hosts[1], "");
	assert_int_equal(got.option_count, 3);
	assert_string_equal(got.options[0].where, "conf.d/30-sms.yaml:7:5");
	assert_false(got.options[0].is_list);
	assert_true(got.options[0].is_secret);
	assert_false(got.options[1].is_secret);
	assert_true(got.options[1].is_list);
	assert_int_equal(got.options[1].value_count, 3);
	assert_string_equal(got.options[1].values[2], "grün");
	assert_int_equal(got.options[2].value_count, 0);
	herald_builder_done(&batch);
	arena_free(arena);
}

static void ready_comes_back_with_its_meters(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	struct herald_builder batch;
	struct wire_ready got;
	herald_builder_init(&batch, 65536);
	assert_true(wire_ready_write(&batch, &ready));
	struct frame frame = frame_of(&batch);
	assert_int_equal(frame.type, FRAME_READY);
	assert_int_equal(wire_ready_read(&frame, arena, &got, NULL), HERALD_OK);
	assert_string_equal(got.plugin, "acs_sms");
	assert_string_equal(got.version, "1.0");
	assert_string_equal(got.kind, "sms");
	assert_true(got.batch_max == 100 && got.batch_by == 2 && got.is_blocking);
	assert_true(got.idempotent_ms == 86400000);
	assert_int_equal(got.meter_count, 2);
	assert_string_equal(got.meters[0].help, "Known ones.");
	assert_true(got.meters[1].is_counter);
	herald_builder_done(&batch);
	arena_free(arena);
}

static void send_comes_back_byte_for_byte(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	struct herald_builder batch;
	struct wire_send got;
	herald_builder_init(&batch, 65536);
	assert_true(wire_send_write(&batch, 77, &send_sample));
	struct frame frame = frame_of(&batch);
	assert_int_equal(frame.type, FRAME_SEND);
	assert_int_equal(wire_send_read(&frame, arena, &got, NULL), HERALD_OK);
	assert_true(got.slot == 9 && got.n == 3 && got.attempt == 2 && got.is_alone);
	assert_true(got.notification == INT64_MAX && got.expires_at_ms == INT64_MIN);
	assert_true(got.priority == HERALD_CRITICAL && got.timeout_ms == 30000);
	assert_true(got.first_attempt_at_ms == send_sample.first_attempt_at_ms);
	assert_string_equal(got.tenant, "default");
	assert_string_equal(got.category, "billing");
	assert_string_equal(got.recipient, "u-1");
	assert_string_equal(got.name, "Zoë");
	assert_string_equal(got.locale, "de-CH");
	assert_string_equal(got.correlation_id, "c");
	assert_string_equal(got.traceparent, "");
	assert_string_equal(got.address, "+41790000000");
	assert_string_equal(got.destination, "carrier");
	assert_int_equal(got.memory.size, 3);
	assert_memory_equal(got.memory.data, "a\0b", 4); /* and its 0 */
	assert_int_equal(got.words.size, 6);
	assert_memory_equal(got.words.data, "\0words", 7);
	herald_builder_done(&batch);
	arena_free(arena);
}

static void logs_answers_meters_and_notes_come_back(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	struct herald_builder batch;
	struct wire_log log;
	struct wire_checked answer;
	struct herald_text text;
	uint64_t number;
	double values[2];
	size_t count;
	herald_builder_init(&batch, 65536);

	assert_true(wire_log_write(&batch, &log_sample));
	struct frame frame = frame_of(&batch);
	assert_int_equal(wire_log_read(&frame, arena, &log, NULL), HERALD_OK);
	assert_int_equal(log.level, HERALD_WARNING);
	assert_string_equal(log.event, "provider.refused");
	assert_int_equal(log.field_count, 2);
	assert_string_equal(log.fields[1].value, "look here");

	herald_builder_clear(&batch);
	assert_true(wire_checked_write(&batch, 5, &checked));
	frame = frame_of(&batch);
	assert_int_equal(wire_checked_read(&frame, arena, &answer, NULL), HERALD_OK);
	assert_int_equal(answer.code, HERALD_INVALID);
	assert_string_equal(answer.destination, "example.org");
	assert_string_equal(answer.text, "no @ in it");

	herald_builder_clear(&batch);
	assert_true(wire_meters_write(&batch, 5, (double[]){1.5, -2}, 2));
	frame = frame_of(&batch);
	assert_int_equal(wire_meters_read(&frame, values, 2, &count, NULL), HERALD_OK);
	assert_int_equal(count, 2);
	assert_true(values[0] == 1.5 && values[1] == -2);
	assert_int_equal(wire_meters_read(&frame, values, 1, &count, NULL), HERALD_CORRUPT);

	herald_builder_clear(&batch);
	assert_true(wire_note_write(&batch, FRAME_MEMORY, 5, UINT64_MAX, text_of("m\0", 2)));
	frame = frame_of(&batch);
	assert_int_equal(wire_note_read(&frame, arena, &number, &text, NULL), HERALD_OK);
	assert_true(number == UINT64_MAX);
	assert_int_equal(text.size, 2);
	assert_memory_equal(text.data, "m\0", 2);
	herald_builder_done(&batch);
	arena_free(arena);
}

static void what_a_field_may_not_hold_is_corrupt(void **state)
{
	(void)state;
	static const struct {
		uint16_t tag;
		const char *data;
		size_t size;
	} bad[] = {
		{1, "abcdefg", 7},          /* a number of seven bytes */
		{3, "\0\0\0\0\1\0\0\0", 8}, /* past 32 bits */
		{9, "\2\0\0\0\0\0\0\0", 8}, /* no truth value */
		{10, "a\0b", 3},            /* a text with 0 */
		{10, "\xff", 1},            /* not UTF-8 */
		{10, "\xed\xa0\x80", 3},    /* a surrogate */
	};
	struct arena *arena = arena_new();
	struct wire_send got;
	for (size_t i = 0; i < countof(bad); i++) {
		struct herald_builder fields;
		struct herald_error err = {0};
		herald_builder_init(&fields, 4096);
		tlv_add_bytes(&fields, bad[i].tag, bad[i].data, bad[i].size);
		struct frame frame = {.fields = (const uint8_t *)fields.data, .size = fields.size};
		assert_int_equal(wire_send_read(&frame, arena, &got, &err), HERALD_CORRUPT);
		assert_non_null(strstr(err.text, "SEND: field"));
		herald_builder_done(&fields);
	}
	arena_free(arena);
}

static void texts_are_bounded_at_the_edge(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	char address[ADDRESS_BYTES_MAX + 2];
	struct wire_send got, sample = send_sample;
	for (size_t more = 0; more < 2; more++) {
		struct herald_builder batch;
		memset(address, 'a', sizeof(address));
		address[ADDRESS_BYTES_MAX + more] = 0;
		sample.address = address;
		herald_builder_init(&batch, 65536);
		assert_true(wire_send_write(&batch, 1, &sample));
		struct frame frame = frame_of(&batch);
		assert_int_equal(wire_send_read(&frame, arena, &got, NULL),
				 more ? HERALD_CORRUPT : HERALD_OK);
		herald_builder_done(&batch);
	}
	arena_free(arena);
}

static void lists_are_bounded_at_the_edge(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	struct herald_field fields[WIRE_LOG_FIELDS_MAX + 1];
	struct wire_log log = log_sample, got;
	for (size_t i = 0; i < countof(fields); i++)
		fields[i] = (struct herald_field){"name", "value"};
	log.fields = fields;
	for (size_t more = 0; more < 2; more++) {
		struct herald_builder batch;
		log.field_count = WIRE_LOG_FIELDS_MAX + more;
		herald_builder_init(&batch, 65536);
		assert_true(wire_log_write(&batch, &log));
		struct frame frame = frame_of(&batch);
		assert_int_equal(wire_log_read(&frame, arena, &got, NULL), more ? HERALD_CORRUPT : HERALD_OK);
		herald_builder_done(&batch);
	}
	arena_free(arena);
}

static void unknown_fields_are_skipped_and_absent_ones_are_empty(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	struct herald_builder fields;
	struct wire_send got;
	herald_builder_init(&fields, 4096);
	tlv_add_text(&fields, 999, "of a later version");
	tlv_add_u64(&fields, 3, 5);
	struct frame frame = {.fields = (const uint8_t *)fields.data, .size = fields.size};
	assert_int_equal(wire_send_read(&frame, arena, &got, NULL), HERALD_OK);
	assert_int_equal(got.n, 5);
	assert_string_equal(got.address, "");
	assert_string_equal(got.words.data, "");
	assert_int_equal(got.words.size, 0);
	herald_builder_done(&fields);
	arena_free(arena);
}

static void what_a_plugin_says_for_people_is_repaired_not_refused(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	static char longest[WIRE_PROSE_BYTES_MAX + 100];
	memset(longest, 'x', sizeof(longest) - 1);
	struct herald_field fields[] = {
		{"a", "line\nfeed\x1b[31m"}, {"b", "caf\xe9"}, {"c", "café"}, {"d", longest}};
	struct wire_log log = {.event = "e", .fields = fields, .field_count = 4}, got;
	struct herald_builder batch;
	herald_builder_init(&batch, 65536);
	assert_true(wire_log_write(&batch, &log));
	struct frame frame = frame_of(&batch);
	assert_int_equal(wire_log_read(&frame, arena, &got, NULL), HERALD_OK);
	assert_string_equal(got.fields[0].value, "line feed?[31m");
	assert_string_equal(got.fields[1].value, "caf?");
	assert_string_equal(got.fields[2].value, "café");
	assert_int_equal(strlen(got.fields[3].value), WIRE_PROSE_BYTES_MAX);
	herald_builder_done(&batch);
	arena_free(arena);
}

/* --- bytes that nobody wrote --- */

static uint64_t dice(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* Let every reader have the fields, from memory of their exact size.  What reads well must be whole. */
static void read_all(const uint8_t *fields, size_t size, struct arena *arena)
{
	uint8_t *exact = malloc(size ? size : 1);
	memcpy(exact, fields, size);
	struct frame frame = {.fields = exact, .size = size};
	struct wire_config got_config;
	struct wire_ready got_ready;
	struct wire_send got_send;
	struct wire_log got_log;
	struct wire_checked got_checked;
	struct herald_text text;
	uint64_t number;
	double values[4];
	size_t count, sum = 0;

	arena_clear(arena);
	if (wire_config_read(&frame, arena, &got_config, NULL) == HERALD_OK) {
		sum += strlen(got_config.channel) + strlen(got_config.plugin_path);
		for (size_t i = 0; i < got_config.option_count; i++)
			for (size_t j = 0; j < got_config.options[i].value_count; j++)
				sum += strlen(got_config.options[i].values[j]);
	}
	if (wire_ready_read(&frame, arena, &got_ready, NULL) == HERALD_OK)
		for (size_t i = 0; i < got_ready.meter_count; i++)
			sum += strlen(got_ready.meters[i].name) + strlen(got_ready.meters[i].help);
	if (wire_send_read(&frame, arena, &got_send, NULL) == HERALD_OK)
		sum += strlen(got_send.address) + (size_t)got_send.words.data[got_send.words.size];
	if (wire_log_read(&frame, arena, &got_log, NULL) == HERALD_OK)
		for (size_t i = 0; i < got_log.field_count; i++)
			sum += strlen(got_log.fields[i].name) + strlen(got_log.fields[i].value);
	if (wire_checked_read(&frame, arena, &got_checked, NULL) == HERALD_OK)
		assert_true(got_checked.code <= HERALD_BUG);
	if (wire_note_read(&frame, arena, &number, &text, NULL) == HERALD_OK)
		sum += (size_t)text.data[text.size];
	if (wire_meters_read(&frame, values, countof(values), &count, NULL) == HERALD_OK)
		assert_true(count <= countof(values));
	assert_true(sum < (size_t)FRAME_BYTES_MAX);
	free(exact);
}

static size_t samples_make(struct herald_builder samples[7])
{
	for (size_t i = 0; i < 7; i++)
		herald_builder_init(&samples[i], 65536);
	assert_true(wire_config_write(&samples[0], &config));
	assert_true(wire_ready_write(&samples[1], &ready));
	assert_true(wire_send_write(&samples[2], 1, &send_sample));
	assert_true(wire_log_write(&samples[3], &log_sample));
	assert_true(wire_checked_write(&samples[4], 1, &checked));
	assert_true(wire_meters_write(&samples[5], 1, (double[]){1, 2}, 2));
	assert_true(wire_note_write(&samples[6], FRAME_HELLO, 0, 1, text_of("text", 4)));
	return 7;
}

static void no_prefix_of_a_message_reads_past_its_end(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	struct herald_builder samples[7];
	size_t count = samples_make(samples);
	for (size_t i = 0; i < count; i++) {
		struct frame frame = frame_of(&samples[i]);
		for (size_t size = 0; size <= frame.size; size++)
			read_all(frame.fields, size, arena);
		herald_builder_done(&samples[i]);
	}
	arena_free(arena);
}

static void no_flipped_bits_read_past_the_end(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	struct herald_builder samples[7];
	size_t count = samples_make(samples);
	uint64_t seed = UINT64_C(20260101);
	for (size_t i = 0; i < count; i++) {
		for (unsigned round = 0; round < 5000; round++) {
			struct frame frame = frame_of(&samples[i]);
			uint8_t *bytes = malloc(frame.size);
			memcpy(bytes, frame.fields, frame.size);
			for (uint64_t flips = 1 + dice(&seed) % 8; flips > 0; flips--)
				bytes[dice(&seed) % frame.size] ^= (uint8_t)(1u << dice(&seed) % 8);
			read_all(bytes, frame.size - dice(&seed) % 3, arena);
			free(bytes);
		}
		herald_builder_done(&samples[i]);
	}
	arena_free(arena);
}

static void no_flipped_bits_in_a_stream_leave_the_reader_undecided(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	struct herald_builder samples[7], stream;
	size_t count = samples_make(samples);
	uint64_t seed = UINT64_C(7);
	herald_builder_init(&stream, 65536);
	for (size_t i = 0; i < count; i++) {
		herald_add_bytes(&stream, samples[i].data, samples[i].size);
		herald_builder_done(&samples[i]);
	}
	for (unsigned round = 0; round < 2000; round++) {
		struct frame_reader reader;
		struct frame frame;
		bool is_broken = false;
		int ends[2];
		assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
		frame_reader_init(&reader);
		size_t size = round % 4 ? stream.size : dice(&seed) % stream.size;
		size_t at = dice(&seed) % stream.size;
		stream.data[at] = (char)(stream.data[at] ^ (char)(1u << dice(&seed) % 8));
		assert_int_equal(write(ends[1], stream.data, size), size);
		close(ends[1]);
		size_t seen = 0;
		while (frame_reader_fill(&reader, ends[0], NULL) == HERALD_OK)
			while (frame_next(&reader, &frame, &is_broken)) {
				seen += frame.size + FRAME_HEAD_BYTES;
				read_all(frame.fields, frame.size, arena);
			}
		assert_true(seen <= size);
		close(ends[0]);
		frame_reader_done(&reader);
	}
	herald_builder_done(&stream);
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(config_comes_back_with_its_options),
		cmocka_unit_test(ready_comes_back_with_its_meters),
		cmocka_unit_test(send_comes_back_byte_for_byte),
		cmocka_unit_test(logs_answers_meters_and_notes_come_back),
		cmocka_unit_test(what_a_field_may_not_hold_is_corrupt),
		cmocka_unit_test(texts_are_bounded_at_the_edge),
		cmocka_unit_test(lists_are_bounded_at_the_edge),
		cmocka_unit_test(unknown_fields_are_skipped_and_absent_ones_are_empty),
		cmocka_unit_test(what_a_plugin_says_for_people_is_repaired_not_refused),
		cmocka_unit_test(no_prefix_of_a_message_reads_past_its_end),
		cmocka_unit_test(no_flipped_bits_read_past_the_end),
		cmocka_unit_test(no_flipped_bits_in_a_stream_leave_the_reader_undecided),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_heads.c - what the library lets through is refused before anything is believed, and the connection
 * closed.
 *
 * The library's own function that walks a head is replaced by one that walks a table. */
#include "first.h"
#include "base/check.h"

struct field {
	const char *name, *value;
	size_t name_size, value_size; /* 0: to the end */
};

static const struct field *fields;
static size_t field_count;

int MHD_get_connection_values_n(struct MHD_Connection *connection, enum MHD_ValueKind kind,
				MHD_KeyValueIteratorN iterator, void *context)
{
	(void)connection;
	for (size_t i = 0; i < field_count; i++) {
		const struct field *field = &fields[i];

		iterator(context, kind, field->name,
			 field->name_size ? field->name_size : strlen(field->name), field->value,
			 field->value_size ? field->value_size : strlen(field->value));
	}
	return (int)field_count;
}

static unsigned status_of(const struct field *table, size_t count, const char *target, const char *version)
{
	struct stage stage;
	unsigned status;

	fields = table;
	field_count = count;
	stage_set(&stage, target);
	request_refuse_if_malformed(&stage.request, version);
	status = stage.request.is_answered ? stage.request.status : 0;
	assert_int_equal(stage.request.has_doubtful_head, status != 0);
	assert_string_equal(stage_header(&stage, "Connection"), status != 0 ? "close" : "");
	stage_strike(&stage);
	return status;
}

#define HEAD(...)                                                           \
	status_of((const struct field[]){{"Host", "h", 0, 0}, __VA_ARGS__}, \
		  countof(((const struct field[]){{"Host", "h", 0, 0}, __VA_ARGS__})), "/x", "HTTP/1.1")

static void a_plain_head_passes(void **state)
{
	(void)state;
	assert_int_equal(HEAD({"Accept", "*/*", 0, 0}), 0);
	assert_int_equal(HEAD({"Content-Length", "0", 0, 0}), 0);
	assert_int_equal(HEAD({"Content-Length", "262144", 0, 0}), 0);
	assert_int_equal(HEAD({"Transfer-Encoding", "chunked", 0, 0}), 0);
	assert_int_equal(HEAD({"transfer-encoding", "Chunked", 0, 0}), 0);
	assert_int_equal(HEAD({"X-Odd!#$%&'*+.^`|~", "tab\there and \xe4 byte", 0, 0}), 0);
}

static void two_opinions_about_the_body_are_refused(void **state)
{
	(void)state;
	assert_int_equal(HEAD({"Content-Length", "4", 0, 0}, {"Transfer-Encoding", "chunked", 0, 0}), 400);
	assert_int_equal(HEAD({"Content-Length", "4", 0, 0}, {"content-length", "4", 0, 0}), 400);
	assert_int_equal(HEAD({"Transfer-Encoding", "chunked", 0, 0}, {"Transfer-Encoding", "chunked", 0, 0}),
			 400);
	assert_int_equal(HEAD({"Transfer-Encoding", "gzip, chunked", 0, 0}), 400);
	assert_int_equal(HEAD({"Transfer-Encoding", "identity", 0, 0}), 400);
	assert_int_equal(HEAD({"Transfer-Encoding", "", 0, 0}), 400);
	assert_int_equal(HEAD({"Transfer_Encoding", "chunked", 0, 0}), 400);
}

static void a_length_is_digits_without_a_zero_in_front(void **state)
{
	static const char *const wrong[] = {"-1",  "+5",  "05", "0x5",   "5 ",   " 5",
					    "5_0", "1e3", "",   "\"5\"", "5, 5", "9223372036854775808"};

	(void)state;
	for (size_t i = 0; i < countof(wrong); i++)
		assert_int_equal(HEAD({"Content-Length", wrong[i], 0, 0}), 400);
}

static void a_field_with_bytes_that_may_not_stand_there_is_refused(void **state)
{
	(void)state;
	assert_int_equal(HEAD({"X Y", "a", 0, 0}), 400);
	assert_int_equal(HEAD({"X\xe9", "a", 0, 0}), 400);
	assert_int_equal(HEAD({"X(", "a", 0, 0}), 400);
	assert_int_equal(HEAD({"", "a", 0, 0}), 400);
	assert_int_equal(HEAD({"X\0Y", "a", 3, 0}), 400);
	assert_int_equal(HEAD({"X", "a\x01", 0, 0}), 400);
	assert_int_equal(HEAD({"X", "a\rb", 0, 0}), 400);
	assert_int_equal(HEAD({"X", "a\nb", 0, 0}), 400);
	assert_int_equal(HEAD({"X", "a\x7f", 0, 0}), 400);
	assert_int_equal(HEAD({"X", "a\0b", 0, 3}), 400);
}

static void what_means_something_stands_there_once(void **state)
{
	static const char *const names[] = {"Host",         "Authorization", "Idempotency-Key", "If-Match",
					    "Content-Type", "Herald-Tenant", "Content-Encoding"};

	(void)state;
	for (size_t i = 0; i < countof(names); i++)
		assert_int_equal(HEAD({names[i], "h", 0, 0}, {names[i], "h", 0, 0}), 400);
	assert_int_equal(HEAD({"Accept", "a", 0, 0}, {"Accept", "b", 0, 0}), 0);
}

static void a_host_is_a_name_or_an_address_and_there_in_http_1_1(void **state)
{
	static const char *const good[] = {"h",       "a.example", "127.0.0.1:80", "[::1]", "[::1]:8470",
					   "my_host", "h:"};
	static const char *const wrong[] = {"", "a b", "[::1", "[x]", "h:80x", "h/x", "u@h", "[::1]x", "h,i"};

	(void)state;
	for (size_t i = 0; i < countof(good); i++)
		assert_int_equal(
			status_of((const struct field[]){{"Host", good[i], 0, 0}}, 1, "/x", "HTTP/1.1"), 0);
	for (size_t i = 0; i < countof(wrong); i++)
		assert_int_equal(
			status_of((const struct field[]){{"Host", wrong[i], 0, 0}}, 1, "/x", "HTTP/1.1"),
			400);
	assert_int_equal(status_of(NULL, 0, "/x", "HTTP/1.1"), 400);
	assert_int_equal(status_of(NULL, 0, "/x", "HTTP/1.0"), 0);
	assert_int_equal(status_of((const struct field[]){{"Transfer-Encoding", "chunked", 0, 0}}, 1, "/x",
				   "HTTP/1.0"),
			 400);
	assert_int_equal(status_of((const struct field[]){{"Host", "h", 0, 0}}, 1, "/x", "HTTP/2.0"), 400);
	assert_int_equal(status_of((const struct field[]){{"Host", "h", 0, 0}}, 1, "/x", "HTTP/1.11"), 400);
}

static void a_target_is_ascii_of_at_most_four_kibibytes(void **state)
{
	char target[REQUEST_LINE_BYTES_MAX + 2];
	const struct field host[] = {{"Host", "h", 0, 0}};

	(void)state;
	memset(target, 'x', sizeof(target));
	target[REQUEST_LINE_BYTES_MAX] = 0;
	assert_int_equal(status_of(host, 1, target, "HTTP/1.1"), 0);
	target[REQUEST_LINE_BYTES_MAX] = 'x';
	target[REQUEST_LINE_BYTES_MAX + 1] = 0;
	assert_int_equal(status_of(host, 1, target, "HTTP/1.1"), 414);
	assert_int_equal(status_of(host, 1, "/a b", "HTTP/1.1"), 400);
	assert_int_equal(status_of(host, 1, "/a\rb", "HTTP/1.1"), 400);
	assert_int_equal(status_of(host, 1, "/\xc3\xa4", "HTTP/1.1"), 400);
}

static void fields_are_at_most_sixty_four_and_sixteen_kibibytes(void **state)
{
	struct field many[HEADER_FIELDS_MAX + 1] = {{"Host", "h", 0, 0}};
	char *big = test_malloc(HEADER_BLOCK_BYTES_MAX + 1);
	struct field two[2] = {{"Host", "h", 0, 0}, {"X", big, 0, 0}};
	size_t room = HEADER_BLOCK_BYTES_MAX -
		      strlen("Host"
			     "h") -
		      4 - strlen("X") - 4;

	(void)state;
	for (size_t i = 1; i < countof(many); i++)
		many[i] = (struct field){"X", "y", 0, 0};
	assert_int_equal(status_of(many, HEADER_FIELDS_MAX, "/x", "HTTP/1.1"), 0);
	assert_int_equal(status_of(many, HEADER_FIELDS_MAX + 1, "/x", "HTTP/1.1"), 431);
	memset(big, 'y', HEADER_BLOCK_BYTES_MAX);
	big[room] = 0;
	assert_int_equal(status_of(two, 2, "/x", "HTTP/1.1"), 0);
	big[room] = 'y';
	big[room + 1] = 0;
	assert_int_equal(status_of(two, 2, "/x", "HTTP/1.1"), 431);
	test_free(big);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plain_head_passes),
		cmocka_unit_test(two_opinions_about_the_body_are_refused),
		cmocka_unit_test(a_length_is_digits_without_a_zero_in_front),
		cmocka_unit_test(a_field_with_bytes_that_may_not_stand_there_is_refused),
		cmocka_unit_test(what_means_something_stands_there_once),
		cmocka_unit_test(a_host_is_a_name_or_an_address_and_there_in_http_1_1),
		cmocka_unit_test(a_target_is_ascii_of_at_most_four_kibibytes),
		cmocka_unit_test(fields_are_at_most_sixty_four_and_sixteen_kibibytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_signature.c - what signature.c promises: the published vector is taken, any change to it is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "herald/kit.h"
#include "signature.h"

/* Tue, 26 Mar 2019 16:06:51 GMT */
#define NOW_MS INT64_C(1553616411000)

/* A request that the vendor's own client signs like this, with a key that is no secret. */
static struct signature_request vector(void)
{
	static const char BODY[] = "{\"from\":\"+18445550100\",\"smsRecipients\":[{\"to\":\"+14255550123\"}],"
				   "\"message\":\"Hello\"}";
	return (struct signature_request){
		.method = "POST",
		.target = "/sms?api-version=2021-03-07",
		.host = "contoso.communication.azure.com",
		.date = "Tue, 26 Mar 2019 16:06:51 GMT",
		.content_sha256 = "GcF7UMGaqzC12nEPN39BLhZ6OTu/TGdesHLqezMQHp0=",
		.authorization = "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature="
				 "nnPDzHEXgqddpWBcuphoxA9g5gpBfpZNcW7yzz83GrE=",
		.body = {BODY, sizeof(BODY) - 1},
	};
}

static enum herald_code check(const struct signature_request *request, int64_t now_ms,
			      struct herald_error *err)
{
	static const char KEY[] = "not-a-real-key--test-vector-only-32b";
	return signature_check(request, KEY, strlen(KEY), now_ms, err);
}

static void the_vector_is_taken(void **state)
{
	struct herald_error err = {.text = ""};
	struct signature_request request = vector();

	(void)state;
	assert_int_equal(check(&request, NOW_MS, &err), HERALD_OK);
	assert_int_equal(check(&request, NOW_MS + SIGNATURE_SKEW_MS, &err), HERALD_OK);
	assert_int_equal(check(&request, NOW_MS - SIGNATURE_SKEW_MS, &err), HERALD_OK);
}

static void each_changed_part_is_denied_by_its_name(void **state)
{
	struct herald_error err;
	struct signature_request request;

	(void)state;
	assert_int_equal(check(&(struct signature_request){.method = "GET", .target = "/"}, NOW_MS, &err),
			 HERALD_DENIED);
	assert_non_null(strstr(err.text, "Host"));

#define DENIED(field, value, reason)                                            \
	do {                                                                    \
		request = vector();                                             \
		request.field = (value);                                        \
		assert_int_equal(check(&request, NOW_MS, &err), HERALD_DENIED); \
		assert_non_null(strstr(err.text, (reason)));                    \
	} while (0)
	DENIED(method, "PUT", "access key");
	DENIED(target, "/sms?api-version=2026-01-23", "access key");
	DENIED(host, "other.communication.azure.com", "access key");
	DENIED(date, "Tue, 26 Mar 2019 16:06:52 GMT", "access key");
	DENIED(date, "2019-03-26T16:06:51Z", "x-ms-date");
	DENIED(date, NULL, "x-ms-date is missing");
	DENIED(content_sha256, "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", "does not fit the body");
	DENIED(body.size, 10, "does not fit the body");
	DENIED(authorization, "HMAC-SHA256 SignedHeaders=host;x-ms-date;x-ms-content-sha256&Signature=x",
	       "does not begin");
	DENIED(authorization,
	       "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature="
	       "nnPDzHEXgqddpWBcuphoxA9g5gpBfpZNcW7yzz83GrF=",
	       "access key");
#undef DENIED
}

static void a_date_too_far_away_is_denied(void **state)
{
	struct herald_error err;
	struct signature_request request = vector();

	(void)state;
	assert_int_equal(check(&request, NOW_MS + SIGNATURE_SKEW_MS + 1, &err), HERALD_DENIED);
	assert_int_equal(check(&request, NOW_MS - SIGNATURE_SKEW_MS - 1, &err), HERALD_DENIED);
	assert_non_null(strstr(err.text, "clock"));
}

static void only_a_date_that_exists_and_is_written_so_is_read(void **state)
{
	static const char *const WRONG[] = {
		"",
		"Tue, 26 Mar 2019 16:06:51 UTC",
		"Wed, 26 Mar 2019 16:06:51 GMT",
		"Tue, 32 Mar 2019 16:06:51 GMT",
		"Tue, 26 Mxr 2019 16:06:51 GMT",
		"Tue, 26 Mar 2019 25:06:51 GMT",
		"tue, 26 Mar 2019 16:06:51 GMT",
		"Tue, 26 arM 2019 16:06:51 GMT",
		"Tue,  6 Mar 2019 16:06:51 GMT",
	};
	int64_t at_ms = 0;
	struct herald_error err;

	(void)state;
	assert_int_equal(http_date_parse("Tue, 26 Mar 2019 16:06:51 GMT", &at_ms, &err), HERALD_OK);
	assert_true(at_ms == NOW_MS);
	for (size_t i = 0; i < sizeof(WRONG) / sizeof(WRONG[0]); i++)
		assert_int_equal(http_date_parse(WRONG[i], &at_ms, &err), HERALD_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_vector_is_taken),
		cmocka_unit_test(each_changed_part_is_denied_by_its_name),
		cmocka_unit_test(a_date_too_far_away_is_denied),
		cmocka_unit_test(only_a_date_that_exists_and_is_written_so_is_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

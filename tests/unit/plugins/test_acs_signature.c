/* test_acs_signature.c - signatures against the vendor SDK's: a few copied here, and all of
 * ../shared/specs/vectors.json when that is there. */
#include "cmocka_first.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "acs/signature.h"

static const char test_key[] = "bm90LWEtcmVhbC1rZXktLXRlc3QtdmVjdG9yLW9ubHktMzJi";

struct vector {
	const char *key, *method, *path, *host, *date, *body, *hash, *authorization;
};

static int64_t read_date(const char *text)
{
	struct tm parts = {0};

	assert_non_null(strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &parts));
	return (int64_t)timegm(&parts) * 1000;
}

static void check(const struct vector *v)
{
	struct acs_account account;
	struct acs_signature signature;
	struct herald_field headers[ACS_SIGNED_HEADERS];
	char url[300];

	/* Captured requests went to a loopback server; plain http exists for this machine only. */
	snprintf(url, sizeof(url), "%s://%s", strncmp(v->host, "127.", 4) == 0 ? "http" : "https", v->host);
	assert_int_equal(acs_account_parse("", url, v->key, &account, NULL), HERALD_OK);
	assert_string_equal(account.endpoint.host, v->host);
	struct herald_text body = {v->body, strlen(v->body)};
	assert_int_equal(
		acs_sign(&account, v->method, v->path, body, read_date(v->date), &signature, headers, NULL),
		HERALD_OK);
	assert_string_equal(headers[1].name, "x-ms-date");
	assert_string_equal(headers[1].value, v->date);
	assert_string_equal(headers[2].name, "x-ms-content-sha256");
	assert_string_equal(headers[2].value, v->hash);
	assert_string_equal(headers[3].name, "Authorization");
	assert_string_equal(headers[3].value, v->authorization);
	acs_account_done(&account);
}

static void signatures_equal_the_vendors(void **state)
{
	static const struct vector vectors[] = {
		{test_key, "POST", "/sms?api-version=2021-03-07", "contoso.communication.azure.com",
		 "Tue, 26 Mar 2019 16:06:51 GMT",
		 "{\"from\":\"+18445550100\",\"smsRecipients\":[{\"to\":\"+14255550123\"}],\"message\":"
		 "\"Hello\"}",
		 "GcF7UMGaqzC12nEPN39BLhZ6OTu/TGdesHLqezMQHp0=",
		 "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature="
		 "nnPDzHEXgqddpWBcuphoxA9g5gpBfpZNcW7yzz83GrE="},
		{test_key, "POST", "/identities/8%3Aacs%3Ar_u/:issueAccessToken?api-version=2023-10-01",
		 "contoso.communication.azure.com", "Tue, 26 Mar 2019 16:06:51 GMT",
		 "{\"scopes\":[\"chat\"]}", "J+doRQjtFVYLx3qOvzptwBLjQWqy6OEWEEk1TY1+rT4=",
		 "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature="
		 "VJVAbxvVFjYGX8nqI6yVR8vL1VP1fbpWdQggxyA0q24="},
		{test_key, "GET", "/emails/operations/op1?api-version=2023-03-31", "127.0.0.1:43653",
		 "Tue, 24 Nov 2026 03:55:46 GMT", "", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
		 "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature="
		 "xLam0QBfV/v5gz8o/5AIy8hCibkyGN3xFijNUE28+i8="},
	};

	(void)state;
	for (size_t i = 0; i < countof(vectors); i++)
		check(&vectors[i]);
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	assert_non_null(text);
	return text;
}

static void every_stored_vector_is_met(void **state)
{
	json_t *json = json_load_file(HERALD_SOURCE_DIR "/../shared/specs/vectors.json", 0, NULL), *item;
	size_t at, checked = 0;

	(void)state;
	if (!json)
		skip();
	json_array_foreach(json_object_get(json_object_get(json, "acs_hmac_fixed_clock"), "vectors"), at,
			   item)
	{
		const struct vector v = {text_of(item, "accessKeyBase64"),  text_of(item, "method"),
					 text_of(item, "pathAndQuery"),     text_of(item, "host"),
					 text_of(item, "xMsDate"),          text_of(item, "body"),
					 text_of(item, "xMsContentSha256"), text_of(item, "authorization")};
		check(&v);
		checked++;
	}
	const json_t *captured = json_object_get(json, "acs_hmac_captured");
	json_array_foreach(json_object_get(captured, "requests"), at, item)
	{
		const json_t *headers = json_object_get(item, "headers");
		const struct vector v = {text_of(captured, "accessKeyBase64"),
					 text_of(item, "method"),
					 text_of(item, "url"),
					 text_of(headers, "Host"),
					 text_of(headers, "x-ms-date"),
					 text_of(item, "body"),
					 text_of(headers, "x-ms-content-sha256"),
					 text_of(headers, "Authorization")};
		check(&v);
		checked++;
	}
	assert_true(checked >= 6);
	json_decref(json);
}

static void a_connection_string_is_read_in_any_order_and_case(void **state)
{
	struct acs_account one, two;
	char text[300];

	(void)state;
	snprintf(text, sizeof(text), "endpoint=https://contoso.communication.azure.com/;accesskey=%s",
		 test_key);
	assert_int_equal(acs_account_parse(text, "", "", &one, NULL), HERALD_OK);
	snprintf(text, sizeof(text), "AccessKey=%s;Other=1;Endpoint=https://contoso.communication.azure.com;",
		 test_key);
	assert_int_equal(acs_account_parse(text, "", "", &two, NULL), HERALD_OK);
	assert_memory_equal(&one, &two, sizeof(one));
	assert_string_equal(one.endpoint.base, "https://contoso.communication.azure.com");
	assert_int_equal(one.key_size, 36);
	assert_memory_equal(one.key, "not-a-real-key--test-vector-only-32b", 36);
}

static void a_bad_account_is_refused_without_showing_the_key(void **state)
{
	static const char *const rows[][3] = {
		{"endpoint=https://h", "", ""},
		{"accesskey=c2VjcmV0", "", ""},
		{"endpoint=https://h;accesskey=secret!", "", ""},
		{"endpoint=https://h;accesskey=", "", ""},
		{"endpoint=https://u:secret@h;accesskey=c2VjcmV0", "", ""},
		{"", "", "c2VjcmV0"},
		{"", "https://h", ""},
		{"", "https://h", "secret!="},
		{"", "https://h/path", "c2VjcmV0"},
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct acs_account account;
		struct herald_error err = {0};
		assert_int_equal(acs_account_parse(rows[i][0], rows[i][1], rows[i][2], &account, &err),
				 HERALD_INVALID);
		assert_null(strstr(err.text, "secret"));
		assert_null(strstr(err.text, "c2Vj"));
		assert_int_equal(account.key_size, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signatures_equal_the_vendors),
		cmocka_unit_test(every_stored_vector_is_met),
		cmocka_unit_test(a_connection_string_is_read_in_any_order_and_case),
		cmocka_unit_test(a_bad_account_is_refused_without_showing_the_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

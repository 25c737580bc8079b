/* What libmicrohttpd lets through even in its strict mode, refused before anything is believed: doubled or
 * conflicting fields, names with blanks, control bytes, too many or too large fields, versions nobody speaks.
 * The connection is closed after such an answer, so that nothing pipelined behind it is read. */
#include <string.h>
#include <strings.h>

#include "http/private.h"
#include "base/check.h"

/* Fields that mean something to us and may stand there once. */
static const char *const single[] = {"Host",         "Content-Length", "Transfer-Encoding",
				     "Content-Type", "Authorization",  "Idempotency-Key",
				     "If-Match",     "Herald-Tenant",  "Content-Encoding"};
enum { SINGLE_HOST = 0, SINGLE_LENGTH = 1, SINGLE_TRANSFER = 2 };

struct heads {
	size_t fields, bytes;
	size_t times[countof(single)];
	const char *values[countof(single)];
	bool is_ugly;
};

static bool name_is_good(const char *name, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		unsigned char byte = (unsigned char)name[i];

		/* RFC 9110's token, without the underscore: some servers read it as a dash. */
		bool is_plain = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
				(byte >= '0' && byte <= '9');

		if (!is_plain && (byte == 0 || strchr("!#$%&'*+-.^`|~", byte) == NULL))
			return false;
	}
	return size > 0;
}

static enum MHD_Result head_seen(void *context, enum MHD_ValueKind kind, const char *name, size_t name_size,
				 const char *value, size_t value_size)
{
	struct heads *heads = context;

	(void)kind;
	value = value ? value : "";
	heads->fields++;
	heads->bytes += name_size + value_size + 4;
	heads->is_ugly |= !name_is_good(name, name_size);
	for (size_t i = 0; i < value_size; i++)
		heads->is_ugly |= ((unsigned char)value[i] < 0x20 && value[i] != '\t') || value[i] == 0x7f;
	for (size_t i = 0; i < countof(single); i++) {
		if (strcasecmp(name, single[i]) != 0)
			continue;
		heads->times[i]++;
		heads->values[i] = value;
	}
	return MHD_YES;
}

static bool length_is_good(const char *length)
{
	size_t digits = strspn(length, "0123456789");

	return digits > 0 && digits <= 18 && length[digits] == 0 && (length[0] != '0' || digits == 1);
}

/* A name, an IPv4 address or an IPv6 address in brackets, with or without a port. */
static bool host_is_good(const char *host)
{
	const char *end;

	if (*host == '[') {
		end = strchr(host, ']');
		if (end == NULL || strspn(host + 1, "0123456789abcdefABCDEF:.") != (size_t)(end - host - 1))
			return false;
		host = end + 1;
	} else {
		size_t size =
			strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_");

		if (size == 0)
			return false;
		host += size;
	}
	return *host == 0 || (*host == ':' && host[1 + strspn(host + 1, "0123456789")] == 0);
}

static bool target_is_good(const char *target)
{
	for (; *target != 0; target++) {
		if ((unsigned char)*target <= 0x20 || (unsigned char)*target >= 0x7f)
			return false;
	}
	return true;
}

/* NULL: nothing is wrong. */
static const char *what_is_wrong(const struct heads *heads, const char *target, const char *version)
{
	const char *length = heads->values[SINGLE_LENGTH], *encoding = heads->values[SINGLE_TRANSFER];
	const char *host = heads->values[SINGLE_HOST];
	bool is_old = strcmp(version, "HTTP/1.0") == 0;

	if (!is_old && strcmp(version, "HTTP/1.1") != 0)
		return "only HTTP/1.1 and HTTP/1.0 are spoken here";
	if (!target_is_good(target))
		return "the request target has bytes that must be percent-encoded";
	if (heads->is_ugly)
		return "a header field's name or value has bytes that may not stand there";
	for (size_t i = 0; i < countof(single); i++) {
		if (heads->times[i] > 1)
			return "a header field that may stand there once is there more than once";
	}
	if (host == NULL ? !is_old : !host_is_good(host))
		return "Host must be there, and be a name or an address";
	if (length != NULL && encoding != NULL)
		return "Content-Length and Transfer-Encoding may not stand there together";
	if (encoding != NULL && (is_old || strcasecmp(encoding, "chunked") != 0))
		return "the only Transfer-Encoding that is read is chunked, in HTTP/1.1";
	if (length != NULL && !length_is_good(length))
		return "Content-Length must be digits";
	return NULL;
}

void request_refuse_if_malformed(struct request *request, const char *version)
{
	struct heads heads = {.fields = 0};
	const char *wrong;

	MHD_get_connection_values_n(request->connection, MHD_HEADER_KIND, head_seen, &heads);
	wrong = what_is_wrong(&heads, request->raw, version);
	if (heads.fields > HEADER_FIELDS_MAX || heads.bytes > HEADER_BLOCK_BYTES_MAX)
		answer_problem(request, PROBLEM_headers_too_large,
			       "at most %d header fields and %d bytes are read", HEADER_FIELDS_MAX,
			       HEADER_BLOCK_BYTES_MAX);
	else if (strlen(request->raw) > REQUEST_LINE_BYTES_MAX)
		answer_problem(request, PROBLEM_uri_too_long, "the request target has at most %d bytes",
			       REQUEST_LINE_BYTES_MAX);
	else if (wrong != NULL)
		answer_problem(request, PROBLEM_malformed_request, "%s", wrong);
	if (!request->is_answered)
		return;
	request->has_doubtful_head = true;
	answer_header(request, "Connection", "close");
}

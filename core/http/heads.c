/* What libmicrohttpd lets through even in its strict mode, refused before anything is believed: doubled or
 * conflicting Host, Content-Length and Transfer-Encoding, names with blanks, control bytes, too many or too
 * large fields, bodies in an encoding.  The connection is closed after such an answer, so that nothing
 * pipelined behind it is read. */
#include <string.h>
#include <strings.h>

#include "http/private.h"
#include "base/check.h"

struct heads {
	size_t fields, bytes, hosts, lengths, encodings;
	const char *length, *encoding;
	bool is_ugly;
};

static enum MHD_Result head_seen(void *context, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct heads *heads = context;
	const char *text = value ? value : "";

	(void)kind;
	heads->fields++;
	heads->bytes += strlen(name) + strlen(text) + 4;
	heads->hosts += strcasecmp(name, "Host") == 0;
	if (strcasecmp(name, "Content-Length") == 0) {
		heads->lengths++;
		heads->length = text;
	}
	if (strcasecmp(name, "Transfer-Encoding") == 0) {
		heads->encodings++;
		heads->encoding = text;
	}
	for (const char *at = name; *at != 0; at++)
		heads->is_ugly |= (unsigned char)*at <= 0x20 || (unsigned char)*at >= 0x7f || *at == '_';
	for (const char *at = text; *at != 0; at++)
		heads->is_ugly |= ((unsigned char)*at < 0x20 && *at != '\t') || *at == 0x7f;
	heads->is_ugly |= *name == 0;
	return MHD_YES;
}

static bool length_is_good(const char *length)
{
	size_t digits = strspn(length, "0123456789");

	return digits > 0 && digits <= 18 && length[digits] == 0 && (length[0] != '0' || digits == 1);
}

void request_refuse_if_malformed(struct request *request)
{
	struct heads heads = {.fields = 0};

	MHD_get_connection_values(request->connection, MHD_HEADER_KIND, head_seen, &heads);
	if (heads.fields > HEADER_FIELDS_MAX || heads.bytes > HEADER_BLOCK_BYTES_MAX) {
		answer_problem(request, PROBLEM_headers_too_large,
			       "at most %d header fields and %d bytes are read", HEADER_FIELDS_MAX,
			       HEADER_BLOCK_BYTES_MAX);
	} else if (strlen(request->raw) > REQUEST_LINE_BYTES_MAX) {
		answer_problem(request, PROBLEM_uri_too_long, "the request target has at most %d bytes",
			       REQUEST_LINE_BYTES_MAX);
	} else if (heads.is_ugly) {
		answer_problem(request, PROBLEM_malformed_request,
			       "a header field's name or value has bytes that may not stand there");
	} else if (heads.hosts > 1 || heads.lengths > 1 || heads.encodings > 1 ||
		   (heads.lengths > 0 && heads.encodings > 0)) {
		answer_problem(request, PROBLEM_malformed_request,
			       "Host, Content-Length or Transfer-Encoding is there more than once, or the "
			       "last two together");
	} else if (heads.encoding != NULL && strcasecmp(heads.encoding, "chunked") != 0) {
		answer_problem(request, PROBLEM_malformed_request,
			       "the only Transfer-Encoding that is read is chunked");
	} else if (heads.length != NULL && !length_is_good(heads.length)) {
		answer_problem(request, PROBLEM_malformed_request, "Content-Length must be digits");
	}
	if (request->is_answered)
		answer_header(request, "Connection", "close");
}

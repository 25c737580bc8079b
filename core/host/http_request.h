/* http_request.h - one request of a plugin, checked and copied, and what came back for it.
 *
 * Invariant: from http_request_new on nothing refers to the plugin's memory; the tickets are held until
 * http_request_free. */
#ifndef HOST_HTTP_REQUEST_H
#define HOST_HTTP_REQUEST_H

#include <curl/curl.h>
#include <stdbool.h>

#include "herald/kit.h"
#include "host/private.h"

enum {
	URL_BYTES_MAX = 8 * 1024,
	REQUEST_BODY_BYTES_MAX = 8 * 1024 * 1024,
	REQUEST_FIELDS_MAX = 64,
	REQUEST_FIELD_BYTES_MAX = 16 * 1024, /* of one value: a bearer token is long */
	REPLY_BODY_BYTES_MAX = 64 * 1024,
	REPLY_FIELDS_MAX = 100,
	REPLY_FIELD_BYTES_MAX = 32 * 1024, /* of all, those of 1xx answers included */
};

struct grant;

struct http_request {
	struct http_request *next, **at; /* in a list of the client's; at: what points here */
	struct arena *arena;             /* holds this struct and the copies */
	struct herald_channel *channel;

	const char *method, *url;
	bool is_plain; /* http, not https */
	bool is_local; /* must end on this machine, whatever the name resolves to */
	const struct herald_field *headers;
	size_t header_count;
	struct herald_text body;
	uint32_t stage, flags;
	int64_t deadline_ms; /* monotonic */
	struct ticket **tickets;
	bool *is_moved; /* beside each: this request put it on the wire */
	size_t ticket_count;
	struct grant *grant; /* whose token goes along; NULL: none */

	/* on its way */
	CURL *easy;
	struct curl_slist *list;
	char error[CURL_ERROR_SIZE];
	bool has_left;      /* the connection was handed the request: it may have been acted on */
	bool is_taken_back; /* a ticket of it was, before it left */
	bool was_refused;   /* answered 401 once; sent again with a fresh token */
	bool is_returned;   /* the far end said that it did not look at it (HTTP/2 REFUSED_STREAM) */
	const char *bearer; /* the token it went with */

	/* what came back */
	struct herald_builder answer;
	bool is_cut; /* the answer is longer than we read */
	struct herald_field fields[REPLY_FIELDS_MAX];
	size_t field_count, field_bytes;

	/* The loop's thread.  The reply is lent for the call; the request is the callee's now. */
	void (*done)(struct http_request *request, const struct herald_http_reply *reply);
	void *context;
};

/* Any thread.  INVALID: what is wrong with it; DENIED: a token would go where it must not, or plain http
 * beyond this machine; LIMIT; CONFLICT: a ticket is spent (ret_request is not written then). */
enum herald_code http_request_new(struct herald_channel *channel, struct herald_ticket *const *tickets,
				  size_t count, const struct herald_http_request *given,
				  struct http_request **ret_request, struct herald_error *err);
void http_request_free(struct http_request *request);

/* Nothing of it can have been acted on: what it put on the wire comes off again. */
void http_request_off_wire(struct http_request *request);

/* May a token go to this URL: https to a host of token_hosts, or to this machine when that is allowed? */
bool http_host_is_trusted(const struct wire_config *settings, const char *url);

/* Retry-After, both forms (RFC 9110 10.2.3), in milliseconds; 0: none, or not readable. */
int64_t http_retry_after_ms(const char *value, int64_t now_ms);

#endif

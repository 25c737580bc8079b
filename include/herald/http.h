/* http.h - what goes out and comes back over the host's HTTP client, and what comes in from a provider.
 *
 * The host owns the client: TLS, proxies, time-outs, Retry-After, reply limits, tokens and tracing exist
 * once, there. */
#ifndef HERALD_HTTP_H
#define HERALD_HTTP_H

#include <stddef.h>
#include <stdint.h>

#include "herald/message.h"
#include "herald/option.h"

/* An OAuth 2.0 client-credentials grant, or a managed identity when client_secret is empty.  The host
 * fetches it once for all, renews it early, and drops it once after a 401.  Lives as long as the instance. */
struct herald_token {
	size_t struct_size;
	const char *url, *client_id, *scope;
	herald_secret client_secret;
};

struct herald_http_request {
	size_t struct_size;
	const char *method, *url;
	const struct herald_field *headers;
	size_t header_count;
	struct herald_text body;
	herald_duration timeout;          /* 0: what is left of the attempt */
	const struct herald_token *token; /* adds Authorization; only to the channel's token_hosts */
	uint32_t stage;                   /* not 0: the answer goes to step instead of classify */
	uint32_t flags;
};

enum herald_http_flag {
	HERALD_HTTP_PREPARES =
		1u << 0, /* cannot make the message arrive: not on the wire, LOST is DEFERRED */
};

enum herald_http_failure {
	HERALD_HTTP_ANSWERED = 0,
	HERALD_HTTP_NOT_SENT, /* name, connection, TLS: no byte of the request can have been acted on */
	HERALD_HTTP_LOST,     /* the request went out, wholly or in part, and no whole answer came */
	HERALD_HTTP_TOKEN,    /* the token could not be had */
};

struct herald_http_reply {
	size_t struct_size;
	uint32_t failure;
	int32_t status; /* 0 unless ANSWERED; TOKEN: what the token end-point refused with, 0: a bad day */
	const struct herald_field *headers;
	size_t header_count;
	struct herald_text body; /* at most the channel's reply limit */
	int64_t retry_after_ms;  /* parsed, both forms; 0: none */
	uint32_t stage;
	const char *error; /* for people; "" when ANSWERED */
};

/* A provider's call-back, or a person's answer, as it came in. */
struct herald_http_inbound {
	size_t struct_size;
	const char *method, *path, *query, *peer;
	const struct herald_field *headers;
	size_t header_count;
	struct herald_text body;
};

#endif

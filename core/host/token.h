/* token.h - OAuth 2.0 client-credentials grants: fetched once for all who wait, renewed before they end,
 * forgotten once when a 401 says so.
 *
 * A grant is (url, client id, scope) of one channel.  Finding one is for any thread; everything else is the
 * loop's.  A bearer never appears in a log or an error. */
#ifndef HOST_TOKEN_H
#define HOST_TOKEN_H

#include "host/http_request.h"

struct grants;

struct grants *grants_new(struct herald_channel *channel);
void grants_free(struct grants *grants);

/* The grant of this token; lives as long as the channel.  UNSUPPORTED: managed identity; DENIED: its URL
 * would take the secret over an open wire; LIMIT: more grants than a channel has. */
enum herald_code grant_find(struct herald_channel *channel, const struct herald_token *token,
			    struct grant **ret_grant, struct herald_error *err);

/* OK: *ret_bearer is in the request's arena.  BUSY: the request waits and is given to http_start later, or
 * answered with HERALD_HTTP_TOKEN; it is the grant's until then. */
enum herald_code grant_use(struct grant *grant, struct http_request *request, const char **ret_bearer);
/* This bearer was refused with 401: forget it, unless a fresher one is there already. */
void grant_drop(struct grant *grant, const char *bearer);

/* Pure.  Reads a token end-point's answer: OK and the bearer, in the arena; INVALID and why. */
struct grant_answer {
	const char *bearer;
	int64_t lives_ms;
	const char *why; /* for people, "" when a bearer came */
	bool is_refusal; /* of the credentials: asking again changes nothing */
};
/* When to ask for the next one, and until when this one is used.  Never at once: an end-point that says "0
 * seconds" would be asked for ever. */
struct grant_span {
	int64_t renew_at_ms, use_until_ms;
};
struct grant_span grant_span(int64_t now_ms, int64_t lives_ms);
void grant_read(const struct herald_http_reply *reply, struct arena *arena, struct grant_answer *ret_answer);

#endif

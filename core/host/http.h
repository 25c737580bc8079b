/* http.h - the channel's HTTP client: one curl multi handle on the loop's thread, for all requests of the
 * plugin.
 *
 * What leaves: ON_WIRE is swapped in the callback that curl makes when the connection stands and the request
 * is about to be written, so that a take-back holds until then and what is ON_WIRE has reached the far end in
 * all likelihood.  A request with several tickets leaves for all of them or for none: when one was taken
 * back, the plugin is called again with the others. */
#ifndef HOST_HTTP_H
#define HOST_HTTP_H

#include "host/private.h"

struct http_request;
struct pollfd;

/* The host services of these names. */
enum herald_code http_send(struct herald_ticket *const *tickets, size_t count,
			   const struct herald_http_request *given, struct herald_error *err);
enum herald_code http_call(struct herald_channel *channel, struct herald_ticket *ticket,
			   const struct herald_http_request *given,
			   const struct herald_http_reply **ret_reply, struct herald_error *err);

/* --- for the loop's thread --- */

/* Start what came. */
void http_begin(struct herald_channel *channel);
/* The same, then move what is under way and answer what is done. */
void http_turn(struct herald_channel *channel);
/* Wait for the descriptors given and for all of ours. */
void http_wait(struct herald_channel *channel, struct pollfd *fds, unsigned count, int timeout_ms);
/* Answer everything with a failure, refuse what comes. */
void http_stop(struct herald_channel *channel);
void http_free(struct http *http);

/* For the token service: queue a request (any thread), go on with one that waited, or end one. */
enum herald_code http_enqueue(struct http_request *request);
void http_start(struct http_request *request);
void http_fail(struct http_request *request, enum herald_http_failure failure, int32_t status,
	       const char *why);
struct grants *http_grants(struct herald_channel *channel);

#endif

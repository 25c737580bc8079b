/* http.h - the door of the HTTP front: one API (http/routes.c) over TCP and over the admin socket.
 *
 * Started last and stopped first.  Its threads own their connections, requests and read sessions; everything
 * durable goes to the store as an operation, and the answer follows its commit. */
#ifndef HTTP_HTTP_H
#define HTTP_HTTP_H

#include <stdatomic.h>

#include "channel/talk.h"
#include "config/config.h"
#include "herald/error.h"
#include "model/permit.h"
#include "model/roster.h"
#include "store/store.h"

struct http;

struct http_settings {
	struct config *config; /* a reference is taken */
	struct store *store;
	struct talk *talk;
	struct roster_board *rosters;
	struct permits *permits;
	const _Atomic int64_t *expires_in_ms; /* as intake's */
};

/* Binds, listens, starts the threads.  INVALID or IO: err names the address. */
enum herald_code http_start(const struct http_settings *settings, struct http **ret_http,
			    struct herald_error *err);
/* From now on /readyz says 503 and new work gets 503 `draining`; what was begun is finished. */
void http_drain(struct http *http);
/* Requests that no answer was given to yet. */
size_t http_busy(const struct http *http);
void http_stop(struct http *http); /* NULL is fine */
/* The TCP port in use (a listen address may ask for 0). */
int http_port(const struct http *http);

#endif

/* server.h - the far end, hostile on request: the path says how it answers.
 *
 *	/status/CODE[/...]	that status, an empty JSON object
 *	/retry/CODE/VALUE	with Retry-After
 *	/redirect		302 to the server's own /landed
 *	/endless		200 and a body without end
 *	/drip			a header, one byte every 100 ms, without end
 *	/close			reads the request, closes
 *	/stale			answers 200 once on a connection, then reads one more request and closes
 *	/flood, /many		one header without end, headers without end
 *	/interim		100 Continue without end
 *	/old			HTTP/0.9: a body without head
 *	/cut			a Content-Length longer than what comes
 *	/gate[/...]		waits until server_open_gate, then 200
 *	/token			a token, "token-N", N counting up; /token/CODE/ERROR refuses
 *	/once			401 for "token-1", 200 for any other bearer
 *	/prepare/...		200 with "conversation-1" as its body, or as the rest of the path says if that
 *is /close */
#ifndef TEST_SERVER_H
#define TEST_SERVER_H

#include <stdbool.h>
#include <stddef.h>

struct server;

struct server *server_new(void); /* on 127.0.0.1, a port of its own */
void server_free(struct server *server);
const char *server_url(const struct server *server); /* "http://127.0.0.1:PORT" */
void server_open_gate(struct server *server);

/* How many requests for paths that begin with this were read whole; connections accepted. */
unsigned server_count(struct server *server, const char *path);
unsigned server_connections(struct server *server);
/* Waits for the n-th. */
bool server_sees(struct server *server, const char *path, unsigned count);
/* Head and body of the last request for such a path, "" if none.  Lent until the next call. */
const char *server_last(struct server *server, const char *path);

#endif

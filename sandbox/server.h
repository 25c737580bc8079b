/* server.h - the HTTP side: a loop that somebody else turns.  It waits for nothing by itself: poll its
 * descriptor, then run it.  One thread. */
#ifndef SANDBOX_SERVER_H
#define SANDBOX_SERVER_H

#include <netinet/in.h>

#include "sandbox.h"

struct server;

/* sandbox is lent until server_free.  IO: the address cannot be listened on. */
enum herald_code server_start(struct sandbox *sandbox, const struct sockaddr_in *address,
			      struct server **ret_server, struct herald_error *err);
void server_free(struct server *server); /* NULL is fine */

unsigned server_port(const struct server *server);
int server_poll_fd(const struct server *server);
int64_t server_timeout_ms(struct server *server,
			  int64_t now_ms);              /* run it no later than this; -1: no hurry */
void server_run(struct server *server, int64_t now_ms); /* monotonic */

#endif

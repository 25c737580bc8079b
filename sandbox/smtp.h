/* smtp.h - the SMTP side: sockets and sessions in a loop that somebody else turns.  One thread. */
#ifndef SANDBOX_SMTP_H
#define SANDBOX_SMTP_H

#include <netinet/in.h>

#include "sandbox.h"

struct smtp;

/* sandbox is lent until smtp_free.  IO: the address cannot be listened on. */
enum herald_code smtp_start(struct sandbox *sandbox, const struct sockaddr_in *address,
			    struct smtp **ret_smtp, struct herald_error *err);
void smtp_free(struct smtp *smtp); /* NULL is fine */

unsigned smtp_port(const struct smtp *smtp);
int smtp_poll_fd(const struct smtp *smtp);
int64_t smtp_timeout_ms(const struct smtp *smtp,
			int64_t now_ms);          /* run it no later than this; -1: no hurry */
void smtp_run(struct smtp *smtp, int64_t now_ms); /* monotonic */

#endif

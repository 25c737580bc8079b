/* session.h - one SMTP session as a state machine: bytes in, bytes out, no sockets and no clock.
 *
 * Strict where relays are, and where being lax would hide a fault in a client: CRLF and nothing else ends a
 * line, DATA ends a pipelined group (RFC 2920), lines and sizes have their limits. */
#ifndef SANDBOX_SESSION_H
#define SANDBOX_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sandbox.h"

enum {
	SESSION_LINE_BYTES_MAX = 512,
	SESSION_MAIL_BYTES_MAX = 4 * 1024 * 1024,
	SESSION_RECIPIENTS_MAX = 100,
	SESSION_ADDRESS_SIZE = 255
};

enum session_state { SESSION_COMMAND = 0, SESSION_DATA, SESSION_HUNG, SESSION_CLOSING, SESSION_DROPPED };

struct session {
	struct sandbox *sandbox;
	enum session_state state;
	struct herald_builder input, output, mail;
	int64_t request; /* number of the mail in hand */
	int64_t due_ms;  /* monotonic: nothing more is read before; 0 none */
	bool has_greeted, has_sender, is_8bit, was_seen;
	const char *trouble; /* what is wrong with the mail in hand, NULL nothing */
	char sender[SESSION_ADDRESS_SIZE];
	char recipient[SESSION_RECIPIENTS_MAX][SESSION_ADDRESS_SIZE];
	size_t recipient_count;
	struct fault_step step; /* what happens to the mail in hand, when its latency is over */
};

void session_init(struct session *session, struct sandbox *sandbox); /* greets */
void session_done(struct session *session);

/* Take bytes; what is to be sent is added to output.  now_ms: monotonic. */
void session_feed(struct session *session, const char *data, size_t size, int64_t now_ms);
/* Its time has come, or a fault was cleared: go on. */
void session_go_on(struct session *session, int64_t now_ms);

#endif

/* session.h - one SMTP connection that carries letters, one after the other: the interface of two back ends.
 *
 * session_esmtp (libesmtp) speaks without TLS and without a login; session_curl (libcurl) speaks everything
 *else.  Both promise the same, and one contract suite runs against both:
 *
 *	- letters go in order; begin is asked for each directly before the bytes that name it, end answers for
 *each that was begun, exactly once, unless it is handed back (report.next);
 *	- nothing takes longer than its time: setup_ms to the first MAIL, message_ms for each letter;
 *	- no setting but these is looked at: no environment, no file in a home directory, no proxy. */
#ifndef EMAIL_SESSION_H
#define EMAIL_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "deadline.h"
#include "herald/message.h"
#include "mailbox.h"
#include "reply.h"

enum session_security { SESSION_PLAIN = 1, SESSION_STARTTLS, SESSION_TLS };

/* Lives as long as the channel.  Checked by settings.h. */
struct session_settings {
	struct domain host; /* or an IP address */
	uint16_t port;
	enum session_security security;
	bool is_trusted; /* SESSION_PLAIN may leave this host */
	struct domain helo;
	const char *user, *password; /* "": no login */
	const char *ca_file;         /* "": the system's */
	int64_t setup_ms, message_ms;
	struct deadline_keeper *keeper;
};

/* One message to one recipient.  The bytes are mime_build's. */
struct session_letter {
	const struct mailbox *from, *to;
	struct herald_text bytes;
};

struct session_events {
	void *argument;
	/* May it go?  False: leave it out.  Asked again for a letter that was handed back. */
	bool (*begin)(void *argument, size_t letter);
	void (*end)(void *argument, size_t letter, const struct reply *reply);
};

struct session_report {
	size_t next; /* letters before this one are done with; it and the rest were not begun or handed back
		      */
	bool is_ill; /* the relay did not answer or does not take us: another connection is no use now */
	struct reply reply; /* when is_ill: why, for the letters that are left */
	uint32_t connections, tls_connections;
	uint64_t bytes; /* of messages, as far as they were handed over */
};

/* Carry count letters over one connection.  Blocks.  A connection that ends between two letters is no fault
 * of the next: it is handed back.  Any worker thread. */
void session_esmtp_run(const struct session_settings *settings, const struct session_letter *letters,
		       size_t count, const struct session_events *events, struct session_report *ret_report);
void session_curl_run(const struct session_settings *settings, const struct session_letter *letters,
		      size_t count, const struct session_events *events, struct session_report *ret_report);

#endif

/* reply.h - the last word of a session about one message: how far it came and what the server said.
 *
 * A server's text is somebody else's bytes: what is kept of it is printable ASCII on one line, cut to a
 * bound, so that it may stand in logs and answers. */
#ifndef EMAIL_REPLY_H
#define EMAIL_REPLY_H

#include <stdbool.h>
#include <stddef.h>

enum { REPLY_TEXT_CHARS_MAX = 199 };

/* How far the dialogue had come: what the reply is about, or what was waited for. */
enum reply_stage {
	REPLY_CONNECT = 1, /* no connection yet */
	REPLY_GREETING,    /* greeting, EHLO, HELO */
	REPLY_TLS,
	REPLY_LOGIN,
	REPLY_MAIL,
	REPLY_RCPT,
	REPLY_DATA, /* DATA, or its content: the message cannot have arrived yet */
	REPLY_DOT,  /* the end of the content may have left: it may have arrived */
};

/* Why there is no code, or why the code was not the server's to give. */
enum reply_fault {
	REPLY_ANSWERED = 0,
	REPLY_LOST,      /* connection refused, lost, timed out, or nonsense came */
	REPLY_UNTRUSTED, /* no TLS where it is required, or a certificate that does not hold */
	REPLY_LOGIN_REFUSED,
	REPLY_BROKEN, /* on our side: no memory, a setting that a library refuses */
};

struct reply {
	enum reply_stage stage;
	enum reply_fault fault;
	bool is_proven;  /* this relay has taken mail of this channel's before */
	int code;        /* 0: none */
	int enhanced[3]; /* RFC 3463; 0 0 0: none */
	char text[REPLY_TEXT_CHARS_MAX + 1];
};

/* Set code, enhanced code and text from the last complete reply in size bytes of a server's lines ("250-..."
 * up to "250 ...").  False, and nothing is written: there is none. */
bool reply_read(struct reply *reply, const char *lines, size_t size);

/* Keep what may be shown of text, of at most size bytes. */
void reply_say(struct reply *reply, const char *text, size_t size);

/* Does text begin with a well-formed enhanced code ("5.1.1")?  Returns its length and writes it, or 0. */
size_t reply_read_enhanced(const char *text, size_t size, int ret_enhanced[3]);

#endif

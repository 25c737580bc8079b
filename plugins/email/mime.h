/* mime.h - a delivery as the bytes of an e-mail message (RFC 5322, MIME).
 *
 * Pure: the same delivery gives the same bytes on every attempt, Message-ID and Date among them, so that a
 * receiver can recognise a message that came twice.  What comes out has canonical line ends, no line over 998
 * characters and no line that begins with a dot, whatever the words were: no mail library has to be relied on
 * for that. */
#ifndef EMAIL_MIME_H
#define EMAIL_MIME_H

#include "herald/error.h"
#include "herald/kit.h"
#include "herald/message.h"
#include "mailbox.h"

enum {
	MESSAGE_ID_CHARS_MAX = 127, /* herald_outcome.provider_ref holds it */
	MESSAGE_ID_DOMAIN_CHARS_MAX = MESSAGE_ID_CHARS_MAX - 1 - MAILBOX_LOCAL_CHARS_MAX,
};

/* From whom: a channel's settings.  Lives as long as the channel. */
struct mime_sender {
	struct mailbox from;
	const char *from_name;   /* UTF-8, may be "" */
	struct domain id_domain; /* the right side of Message-ID */
	struct mailbox reply_to; /* text "" for none */
};

/* Write the whole message into an empty builder, whose maximum is the channel's.  ret_message_id: what stands
 * in Message-ID, without brackets.  INVALID: something in the delivery cannot be carried (says what);
 * UNSUPPORTED: it has attachments; LIMIT: too large. */
enum herald_code mime_build(const struct mime_sender *sender, const struct mailbox *to,
			    const struct herald_message *message, struct herald_builder *builder,
			    char ret_message_id[MESSAGE_ID_CHARS_MAX + 1], struct herald_error *err);

#endif

/* header.h - header fields: the only way from somebody's text to a line of a message.
 *
 * A header_text is a text that was read and found free of everything that ends or disturbs a header line; the
 * writers take nothing else.  Non-ASCII travels as RFC 2047 encoded words, and so does an ASCII text that
 * looks like one, so that a reader sees exactly what was given.  Lines are folded at 78 characters where
 * there is a place to fold, and are never longer than 998. */
#ifndef EMAIL_HEADER_H
#define EMAIL_HEADER_H

#include <stddef.h>

#include "herald/error.h"
#include "herald/kit.h"
#include "mailbox.h"

enum { HEADER_TEXT_BYTES_MAX = 8192, HEADER_NAME_CHARS_MAX = 64, HEADER_LINE_CHARS_MAX = 998 };

/* UTF-8 without control characters (C0, DEL, C1).  Made by header_text_read only; lent with what was read. */
struct header_text {
	const char *data;
	size_t size;
};

/* Made by header_name_read only; lent with what was read. */
struct header_name {
	const char *data;
};

enum herald_code header_text_read(const char *text, struct header_text *ret_text, struct herald_error *err);

/* The name of a field that a caller may add: X-... and List-... only.  All others are ours, the relay's or
 * dangerous (Bcc, Received, DKIM-Signature ...). */
enum herald_code header_name_read(const char *name, struct header_name *ret_name, struct herald_error *err);

/* "Subject: words".  `name` is a constant of ours or a header_name's. */
void header_add_text(struct herald_builder *builder, const char *name, struct header_text text);

/* "To: "Ann Other" <ann@example.org>".  An empty name gives the address alone.  Characters that change the
 * direction of reading, or that nobody sees, are left out of the name: they serve to make it look like
 * another. */
void header_add_address(struct herald_builder *builder, const char *name, struct header_text display_name,
			const struct mailbox *mailbox);

/* A field of URIs or other machine-read text (List-Unsubscribe): ASCII, on one line, at most 998 characters.
 * INVALID: it is not. */
enum herald_code header_add_plain(struct herald_builder *builder, const char *name, struct header_text text,
				  struct herald_error *err);

#endif

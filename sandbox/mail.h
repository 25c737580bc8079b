/* mail.h - a mail as far as a sandbox must understand it: is it well formed, what is it about, what does it
 * say. Pure; results live in the arena. */
#ifndef SANDBOX_MAIL_H
#define SANDBOX_MAIL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "herald/error.h"

enum { MAIL_LINE_BYTES_MAX = 998, MAIL_DEPTH_MAX = 4 };

struct mail {
	const char *subject, *from, *message_id; /* decoded, unfolded; "" when absent */
	const char *text; /* the first text/plain part, else the first text part, else "" */
};

/* data: lines ended by CRLF, dots already unstuffed.  INVALID: no header block, a header that is none, a byte
 * over 127 where none was announced, a line over 998 bytes, or one of From, Date, Message-ID and MIME's
 * fields missing. */
enum herald_code mail_read(struct arena *arena, const char *data, size_t size, bool is_8bit,
			   struct mail *ret_mail, struct herald_error *err);

/* RFC 2047 words in a header value, decoded to UTF-8 (utf-8, us-ascii and iso-8859-1); others stay as they
 * are. */
const char *mail_decode_words(struct arena *arena, const char *value);

#endif

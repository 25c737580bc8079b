/* body.h - the words of a message as a MIME entity: canonical, encoded, safe to send through anything.
 *
 * Quoted-printable where it stays readable, base64 where it would be mostly escapes.  Both are ASCII, in
 * lines of at most 76 characters, and neither can begin a line with a dot, with "From " or hold the boundary:
 * every "=" in quoted-printable is followed by a hexadecimal digit or a line end, and the boundary begins
 * with "=_". */
#ifndef EMAIL_BODY_H
#define EMAIL_BODY_H

#include "herald/kit.h"
#include "herald/message.h"

/* "Content-Type: text/<subtype>; charset=utf-8", its transfer encoding, the empty line and the encoded words.
 * Any of CR LF, CR and LF ends a line; the last line is ended. */
void body_add(struct herald_builder *builder, const char *subtype, struct herald_text words);

#endif

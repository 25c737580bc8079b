/* mailbox.h - one e-mail address that was read and found good: the only form in which an address may reach a
 * header or a mail library.
 *
 * The grammar is RFC 5321's Mailbox, narrowed to what can be carried without doubt: a dot-string of ASCII
 * before the @ and a host name of at least two labels behind it.  Refused on purpose: quoted local parts,
 * comments, groups, address literals, routes (% and !), encoded words, a local part that begins with '-' (an
 * option to a program further on).  A domain in another script is written in its ASCII form (punycode, UTS
 * 46): that is what travels, what is stored and what audits show, so that a look-alike domain looks like what
 * it is. */
#ifndef EMAIL_MAILBOX_H
#define EMAIL_MAILBOX_H

#include <stddef.h>

#include "herald/error.h"

enum { MAILBOX_CHARS_MAX = 254, MAILBOX_LOCAL_CHARS_MAX = 64, DOMAIN_CHARS_MAX = 253 };

/* Made by mailbox_read only.  The domain is in lower case, the local part as it was given: its case is the
 * far end's to judge. */
struct mailbox {
	char text[MAILBOX_CHARS_MAX + 1];
};

/* A host or mail domain name in ASCII, lower case.  Made by domain_read only. */
struct domain {
	char text[DOMAIN_CHARS_MAX + 1];
};

/* Read an address in linear time.  INVALID says which rule was broken and never repeats the address, which is
 * somebody's and ends up in logs. */
enum herald_code mailbox_read(const char *text, struct mailbox *ret_mailbox, struct herald_error *err);

const char *mailbox_domain(const struct mailbox *mailbox); /* behind the @; lent with the mailbox */

/* Read a host name of at least labels_min labels; other scripts become punycode. */
enum herald_code domain_read(const char *text, size_t labels_min, struct domain *ret_domain,
			     struct herald_error *err);

#endif

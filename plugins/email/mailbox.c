/* mailbox.c - reads e-mail addresses: one parser, so that nobody behind us can read another address than we
 * did.
 *
 * Invariant: what comes out is ASCII, holds exactly one '@' and no byte with a meaning in SMTP or in a
 * header. */
#include "mailbox.h"

#include <idn2.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "herald/kit.h"

enum { INPUT_BYTES_MAX = 1024, LABEL_CHARS_MAX = 63 };

static bool is_letter_or_digit(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* RFC 5322 atext without % and !, which some relays still read as a route to another host. */
static bool is_local_char(char c)
{
	return is_letter_or_digit(c) || (c != '\0' && strchr("#$&'*+-/=?^_`{|}~", c));
}

static enum herald_code check_local(const char *local, size_t size, struct herald_error *err)
{
	if (size == 0 || size > MAILBOX_LOCAL_CHARS_MAX)
		return herald_fail(err, HERALD_INVALID, "an address has 1 to %d characters before its @",
				   MAILBOX_LOCAL_CHARS_MAX);
	if (local[0] == '-')
		return herald_fail(err, HERALD_INVALID, "an address may not begin with '-'");
	for (size_t i = 0; i < size; i++) {
		if ((unsigned char)local[i] >= 0x80)
			return herald_fail(err, HERALD_INVALID,
					   "the part before the @ must be ASCII (SMTPUTF8 is not used)");
		if (local[i] == '.' && i > 0 && i + 1 < size && local[i + 1] != '.')
			continue;
		if (local[i] == '.')
			return herald_fail(err, HERALD_INVALID,
					   "dots before the @ stand alone and between other characters");
		if (!is_local_char(local[i]))
			return herald_fail(err, HERALD_INVALID,
					   "the part before the @ holds a character that is not carried");
		if (local[i] == '=' && local[i + 1] == '?')
			return herald_fail(err, HERALD_INVALID, "the part before the @ is an encoded word");
	}
	return HERALD_OK;
}

/* Letters, digits, hyphens, dots: RFC 1123.  The last label has a letter, or it would read as an IPv4
 * address. */
static enum herald_code check_labels(const char *name, size_t labels_min, struct herald_error *err)
{
	size_t labels = 0, size = 0;
	bool has_letter = false;

	for (const char *c = name;; c++) {
		if (*c == '.' || *c == '\0') {
			if (size == 0 || size > LABEL_CHARS_MAX || c[-1] == '-')
				return herald_fail(err, HERALD_INVALID,
						   "each label of a domain has 1 to %d characters and no "
						   "hyphen at its ends",
						   LABEL_CHARS_MAX);
			labels++;
			if (*c == '\0')
				break;
			size = 0;
			has_letter = false;
			continue;
		}
		if (!is_letter_or_digit(*c) && (*c != '-' || size == 0))
			return herald_fail(err, HERALD_INVALID,
					   "a domain holds letters, digits, hyphens and dots only");
		has_letter = has_letter || *c < '0' || *c > '9';
		size++;
	}
	if (labels < labels_min)
		return herald_fail(err, HERALD_INVALID, "the domain needs a dot");
	if (!has_letter)
		return herald_fail(err, HERALD_INVALID, "the domain's last label is a number");
	return HERALD_OK;
}

static uint32_t code_point(const unsigned char **at)
{
	const unsigned char *c = *at;
	int more = c[0] >= 0xF0 ? 3 : c[0] >= 0xE0 ? 2 : c[0] >= 0xC0 ? 1 : 0;
	uint32_t value = more == 3   ? c[0] & 0x07u
			 : more == 2 ? c[0] & 0x0Fu
			 : more == 1 ? c[0] & 0x1Fu
				     : c[0];

	for (int i = 1; i <= more; i++)
		value = value << 6 | (c[i] & 0x3Fu);
	*at = c + more + 1;
	return value;
}

/* Characters that nobody sees.  UTS 46 drops them in silence, and then two texts that differ are one domain.
 */
static bool is_invisible(uint32_t c)
{
	static const struct {
		uint32_t first, last;
	} ranges[] = {{0x00AD, 0x00AD},  {0x034F, 0x034F}, {0x061C, 0x061C},   {0x115F, 0x1160},
		      {0x17B4, 0x17B5},  {0x180B, 0x180F}, {0x200B, 0x200F},   {0x202A, 0x202E},
		      {0x2060, 0x206F},  {0x3164, 0x3164}, {0xFE00, 0xFE0F},   {0xFEFF, 0xFEFF},
		      {0xFFA0, 0xFFA0},  {0xFFF0, 0xFFF8}, {0x1BCA0, 0x1BCA3}, {0x1D173, 0x1D17A},
		      {0xE0000, 0xE0FFF}};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		if (c >= ranges[i].first && c <= ranges[i].last)
			return true;
	return false;
}

enum herald_code domain_read(const char *text, size_t labels_min, struct domain *ret_domain,
			     struct herald_error *err)
{
	size_t size = strnlen(text, INPUT_BYTES_MAX + 1);
	struct domain domain = {0};
	char *ascii = NULL;

	if (size == 0 || size > INPUT_BYTES_MAX || !herald_utf8_valid(text, size))
		return herald_fail(err, HERALD_INVALID, "the domain is empty, too long or not UTF-8");
	for (const unsigned char *c = (const unsigned char *)text; *c != '\0';)
		if (is_invisible(code_point(&c)))
			return herald_fail(err, HERALD_INVALID,
					   "the domain holds a character that nobody sees");
	/* Also for ASCII: an xn-- label that no other script stands behind is refused here. */
	int code = idn2_lookup_u8((const uint8_t *)text, (uint8_t **)&ascii, IDN2_NONTRANSITIONAL);
	if (code != IDN2_OK)
		return herald_fail(err, HERALD_INVALID, "the domain cannot be written in ASCII: %s",
				   idn2_strerror(code));
	size = strlen(ascii);
	if (size > DOMAIN_CHARS_MAX) {
		idn2_free(ascii);
		return herald_fail(err, HERALD_INVALID, "the domain is longer than %d characters",
				   DOMAIN_CHARS_MAX);
	}
	for (size_t i = 0; i <= size; i++)
		domain.text[i] = ascii[i] >= 'A' && ascii[i] <= 'Z' ? (char)(ascii[i] - 'A' + 'a') : ascii[i];
	idn2_free(ascii);
	if (check_labels(domain.text, labels_min, err) != HERALD_OK)
		return HERALD_INVALID;
	*ret_domain = domain;
	return HERALD_OK;
}

enum herald_code mailbox_read(const char *text, struct mailbox *ret_mailbox, struct herald_error *err)
{
	size_t size = strnlen(text, INPUT_BYTES_MAX + 1);
	const char *at = memchr(text, '@', size);
	struct mailbox mailbox;
	struct domain domain;

	if (size > INPUT_BYTES_MAX)
		return herald_fail(err, HERALD_INVALID, "an address has at most %d characters",
				   MAILBOX_CHARS_MAX);
	if (!at)
		return herald_fail(err, HERALD_INVALID, "an address has an @");
	size_t local_size = (size_t)(at - text);
	if (check_local(text, local_size, err) != HERALD_OK ||
	    domain_read(at + 1, 2, &domain, err) != HERALD_OK)
		return HERALD_INVALID;
	size_t domain_size = strlen(domain.text);
	if (local_size + 1 + domain_size > MAILBOX_CHARS_MAX)
		return herald_fail(err, HERALD_INVALID, "an address has at most %d characters",
				   MAILBOX_CHARS_MAX);
	memcpy(mailbox.text, text, local_size + 1);
	memcpy(mailbox.text + local_size + 1, domain.text, domain_size + 1);
	*ret_mailbox = mailbox;
	return HERALD_OK;
}

const char *mailbox_domain(const struct mailbox *mailbox)
{
	const char *at = strchr(mailbox->text, '@');

	return at ? at + 1 : "";
}

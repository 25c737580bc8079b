/* Texts made fit to be shown again: see text.h.  JSON takes nothing but UTF-8, and one bad byte of a
 * provider's answer must not hide the answer. */
#include "base/text.h"

#include <string.h>

#include "herald/kit.h"
#include "base/check.h"

/* The length that the first byte of a character promises; 1 for what is no first byte. */
static size_t length_of(unsigned char first)
{
	if (first >= 0xf0)
		return first <= 0xf4 ? 4 : 1;
	if (first >= 0xe0)
		return 3;
	return first >= 0xc2 ? 2 : 1;
}

static bool are_continued(const char *text)
{
	while (((unsigned char)*text & 0xc0) == 0x80)
		text++;
	return *text == 0;
}

bool text_mend_utf8(char *text)
{
	size_t size = strlen(text);
	bool is_mended = false;

	if (herald_utf8_valid(text, size))
		return false;
	for (size_t at = 0; at < size;) {
		size_t length = length_of((unsigned char)text[at]);

		if (at + length > size && are_continued(text + at + 1)) {
			text[at] = 0;
			return true;
		}
		if (at + length <= size && herald_utf8_valid(text + at, length)) {
			at += length;
			continue;
		}
		text[at++] = '?';
		is_mended = true;
	}
	return is_mended;
}

/* segments.h - how many SMS a text becomes: what is paid for. */
#ifndef ACS_SMS_SEGMENTS_H
#define ACS_SMS_SEGMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct segments {
	uint32_t parts; /* 0 for an empty text */
	uint32_t units; /* septets, or UTF-16 code units when is_ucs2 */
	uint32_t utf16; /* UTF-16 code units, whatever the alphabet: what the service counts as characters */
	bool is_ucs2;   /* one character outside GSM 03.38 turns the whole text */
};

/* Text is valid UTF-8. */
struct segments segments_count(const char *text, size_t size);

#endif

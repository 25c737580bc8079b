/* segments.c - GSM 03.38 (7 bits, 160 or 153 a part) against UCS-2 (16 bits, 70 or 67 a part).
 *
 * Invariant: neither an escape pair nor a surrogate pair is split over two parts, so a part may end one unit
 * early; the count is never lower than what a network makes of it. */
#include "acs_sms/segments.h"

#include <string.h>

/* Room in one message, and in each of several, which lose six octets to the header that joins them. */
enum { SEPTETS_ALONE = 160, SEPTETS_JOINED = 153, UCS2_ALONE = 70, UCS2_JOINED = 67 };

/* The default alphabet beyond what it shares with ASCII, and the ASCII that it lacks or has behind an escape.
 */
static const uint16_t gsm_beyond_ascii[] = {
	0xA3,  0xA5,  0xE8,  0xE9,  0xF9,  0xEC,  0xF2,  0xC7,  0xD8,  0xF8, 0xC5, 0xE5, 0x394,
	0x3A6, 0x393, 0x39B, 0x3A9, 0x3A0, 0x3A8, 0x3A3, 0x398, 0x39E, 0xC6, 0xE6, 0xDF, 0xC9,
	0xA4,  0xA1,  0xC4,  0xD6,  0xD1,  0xDC,  0xA7,  0xBF,  0xE4,  0xF6, 0xF1, 0xFC, 0xE0,
};

/* Septets of one character: 1, 2 behind the escape, 0 when GSM 03.38 has none. */
static uint32_t septets(uint32_t character)
{
	if (character == 0x20AC || character == '\f')
		return 2;
	if (character < 0x80) {
		if (character < 0x20)
			return character == '\n' || character == '\r';
		if (character == '`' || character == 0x7F)
			return 0;
		return strchr("^{}[]~\\|", (int)character) ? 2 : 1;
	}
	for (size_t i = 0; i < sizeof(gsm_beyond_ascii) / sizeof(gsm_beyond_ascii[0]); i++)
		if (gsm_beyond_ascii[i] == character)
			return 1;
	return 0;
}

/* The character at *at of valid UTF-8, and on to the next. */
static uint32_t next_character(const unsigned char *text, size_t size, size_t *at)
{
	uint32_t first = text[(*at)++];
	size_t more = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : first >= 0xC0 ? 1 : 0;
	uint32_t character = more == 3   ? first & 0x07
			     : more == 2 ? first & 0x0F
			     : more == 1 ? first & 0x1F
					 : first;

	for (; more > 0 && *at < size; more--)
		character = character << 6 | (text[(*at)++] & 0x3Fu);
	return character;
}

struct segments segments_count(const char *text, size_t size)
{
	const unsigned char *bytes = (const unsigned char *)text;
	struct segments count = {0};
	uint32_t gsm = 0;

	for (size_t at = 0; at < size;) {
		uint32_t character = next_character(bytes, size, &at), width = septets(character);
		gsm += width;
		count.utf16 += character > 0xFFFF ? 2 : 1;
		count.is_ucs2 = count.is_ucs2 || width == 0;
	}
	count.units = count.is_ucs2 ? count.utf16 : gsm;
	if (count.units <= (count.is_ucs2 ? UCS2_ALONE : SEPTETS_ALONE)) {
		count.parts = count.units > 0;
		return count;
	}
	uint32_t room = count.is_ucs2 ? UCS2_JOINED : SEPTETS_JOINED, used = room;
	for (size_t at = 0; at < size;) {
		uint32_t character = next_character(bytes, size, &at);
		uint32_t width = count.is_ucs2 ? (character > 0xFFFF ? 2 : 1) : septets(character);
		if (used + width > room) {
			count.parts++;
			used = 0;
		}
		used += width;
	}
	return count;
}

/* marker.c - a scan for two shapes of name.  It knows nothing of the formats that they are embedded in, so a
 * name is found in a header, a JSON text or a mail alike. */
#include "marker.h"

#include <ctype.h>
#include <string.h>

#include "base/check.h"

enum { ID_DIGITS = 13, NUMBER_DIGITS_MAX = 20 };

static size_t count_digits(const char *data, size_t size, size_t max)
{
	size_t count = 0;
	while (count < size && count < max && isdigit((unsigned char)data[count]))
		count++;
	return count;
}

/* The length of "ntf_" + 13 base32 digits + "-" + number at data, 0 if it is not one. */
static size_t delivery_length(const char *data, size_t size)
{
	if (size < 4 + ID_DIGITS + 2 || memcmp(data, "ntf_", 4) != 0)
		return 0;
	for (size_t i = 4; i < 4 + ID_DIGITS; i++)
		if (!isalnum((unsigned char)data[i]))
			return 0;
	size_t place = 4 + ID_DIGITS;
	if (data[place] != '-')
		return 0;
	size_t digits = count_digits(data + place + 1, size - place - 1, 10);
	return digits > 0 ? place + 1 + digits : 0;
}

/* The length of "nid-" + number + "-" + number at data, 0 if it is not one. */
static size_t marker_length(const char *data, size_t size)
{
	if (size < 7 || memcmp(data, "nid-", 4) != 0)
		return 0;
	size_t first = count_digits(data + 4, size - 4, NUMBER_DIGITS_MAX);
	if (first == 0 || 4 + first >= size || data[4 + first] != '-')
		return 0;
	size_t second = count_digits(data + 5 + first, size - 5 - first, NUMBER_DIGITS_MAX);
	return second > 0 ? 5 + first + second : 0;
}

bool marker_next(const char *data, size_t size, size_t *offset, char ret_marker[MARKER_TEXT_SIZE])
{
	while (*offset < size) {
		const char *at = memchr(data + *offset, 'n', size - *offset);
		if (!at)
			break;
		size_t place = (size_t)(at - data);
		size_t length = delivery_length(at, size - place);
		if (length == 0)
			length = marker_length(at, size - place);
		if (length > 0 && length < MARKER_TEXT_SIZE) {
			memcpy(ret_marker, at, length);
			ret_marker[length] = '\0';
			*offset = place + length;
			return true;
		}
		*offset = place + 1;
	}
	*offset = size;
	return false;
}

void marker_find(const char *data, size_t size, char ret_delivery[MARKER_TEXT_SIZE],
		 char ret_marker[MARKER_TEXT_SIZE])
{
	char found[MARKER_TEXT_SIZE];
	size_t offset = 0;

	ret_delivery[0] = '\0';
	ret_marker[0] = '\0';
	while ((ret_delivery[0] == '\0' || ret_marker[0] == '\0') &&
	       marker_next(data, size, &offset, found)) {
		char *place = found[1] == 't' ? ret_delivery : ret_marker;
		if (place[0] == '\0')
			memcpy(place, found, sizeof(found));
	}
}

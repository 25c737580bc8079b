/* reply.c - reads what an SMTP server said.
 *
 * Invariant: no byte of a server gets further than this file unless it is printable ASCII. */
#include "reply.h"

#include <string.h>

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

size_t reply_read_enhanced(const char *text, size_t size, int ret_enhanced[3])
{
	int parts[3] = {0, 0, 0};
	size_t at = 0;

	for (size_t part = 0; part < 3; part++) {
		size_t digits = 0;

		while (at < size && is_digit(text[at]) && digits < 4) {
			parts[part] = parts[part] * 10 + (text[at] - '0');
			at++;
			digits++;
		}
		/* RFC 3463: class is one digit, subject and detail up to three. */
		if (digits == 0 || digits > (part == 0 ? 1u : 3u))
			return 0;
		if (part < 2 && (at == size || text[at++] != '.'))
			return 0;
	}
	if (at < size && text[at] != ' ' && text[at] != '\r' && text[at] != '\n')
		return 0;
	if (parts[0] != 2 && parts[0] != 4 && parts[0] != 5)
		return 0;
	memcpy(ret_enhanced, parts, sizeof(parts));
	return at;
}

void reply_say(struct reply *reply, const char *text, size_t size)
{
	size_t length = 0;
	bool blank = false;

	for (size_t i = 0; i < size && text[i] != '\0' && length < REPLY_TEXT_CHARS_MAX; i++) {
		char c = text[i];

		if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
			blank = length > 0;
			continue;
		}
		if (blank && length + 1 < REPLY_TEXT_CHARS_MAX)
			reply->text[length++] = ' ';
		blank = false;
		reply->text[length++] = c > ' ' && c <= '~' ? c : '?';
	}
	reply->text[length] = '\0';
}

/* "250-" or "250 " or "250" alone: the code, 0 for anything else. */
static int line_code(const char *line, size_t size)
{
	if (size < 3 || line[0] < '2' || line[0] > '5' || !is_digit(line[1]) || !is_digit(line[2]))
		return 0;
	if (size > 3 && line[3] != ' ' && line[3] != '-' && line[3] != '\r' && line[3] != '\n')
		return 0;
	return (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
}

static size_t line_size(const char *lines, size_t size)
{
	const char *end = memchr(lines, '\n', size);

	return end ? (size_t)(end - lines) + 1 : 0;
}

bool reply_read(struct reply *reply, const char *lines, size_t size)
{
	const char *first = NULL, *last = NULL, *begin = lines;
	size_t last_size = 0;

	/* The last line with a blank behind its code ends the last reply; its text begins where that reply
	 * did. */
	for (size_t at = 0, length; (length = line_size(lines + at, size - at)) > 0; at += length) {
		bool is_end = length <= 3 || lines[at + 3] != '-';

		if (line_code(lines + at, length) != 0 && is_end) {
			first = begin;
			last = lines + at;
			last_size = length;
		}
		if (is_end)
			begin = lines + at + length;
	}
	if (!last)
		return false;
	reply->code = line_code(last, last_size);
	memset(reply->enhanced, 0, sizeof(reply->enhanced));
	if (last_size > 4)
		reply_read_enhanced(last + 4, last_size - 4, reply->enhanced);
	reply_say(reply, first, (size_t)(last - first) + last_size);
	return true;
}

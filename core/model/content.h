/* content.h - the caller's words before they are rendered: parts for `default`, a kind or a channel. */
#ifndef MODEL_CONTENT_H
#define MODEL_CONTENT_H

#include <jansson.h>

#include "herald/message.h"
#include "model/fault.h"

/* Templates over data, recipient.* and category.*; NULL: not given here, the next less specific part is
 * asked. */
struct content_part {
	const char *key; /* "default", a kind, a channel's name */
	const char *subject, *text, *html, *reply_to, *from_name;
	const struct herald_field *headers;
	size_t header_count;
};

struct content {
	const struct content_part *parts;
	size_t part_count;
};

enum { CONTENT_PARTS_MAX = 32, CONTENT_HEADERS_MAX = 20 };

/* Texts in the arena of the faults.  True: no fault was added. */
bool content_parse(const json_t *value, const char *pointer, struct content *ret_content,
		   struct faults *faults);
/* What a channel gets, field by field: the channel's own part, its kind's, the default.  False: no text and
 * no html. */
bool content_for(const struct content *content, const char *channel, const char *kind,
		 struct content_part *ret_part);

#endif

/* Content parts: see content.h.  Merging is field by field, so that `email: {html}` keeps the default's
 * subject. */
#include "model/content.h"

#include <string.h>
#include <strings.h>

#include "model/field.h"
#include "base/check.h"

/* Only X- and List- may be set by callers: everything else in a mail's head is Herald's to say. */
static bool header_name_is_free(const char *name)
{
	size_t size = strlen(name);

	if (size > 76 || (strncasecmp(name, "X-", 2) != 0 && strncasecmp(name, "List-", 5) != 0))
		return false;
	for (size_t i = 0; i < size; i++) {
		if ((unsigned char)name[i] <= 0x20 || (unsigned char)name[i] >= 0x7f || name[i] == ':')
			return false;
	}
	return true;
}

static void headers_parse(const struct field_reader *part, struct content_part *ret_part)
{
	const json_t *value = json_object_get(part->object, "headers");
	struct field_reader reader;
	struct herald_field *headers;
	char where[POINTER_BYTES_MAX];
	const char *name;
	json_t *field;
	size_t count = 0;

	if (value == NULL)
		return;
	field_pointer(part, "headers", where);
	if (!field_open(&reader, value, where, NULL, NULL, part->faults))
		return;
	if (json_object_size(value) > CONTENT_HEADERS_MAX) {
		faults_add(part->faults, where, "range", "at most %d headers", CONTENT_HEADERS_MAX);
		return;
	}
	headers = arena_array_of(part->faults->arena, json_object_size(value), struct herald_field);
	json_object_foreach((json_t *)(uintptr_t)value, name, field)
	{
		char each[POINTER_BYTES_MAX];

		field_pointer(&reader, name, each);
		if (!header_name_is_free(name)) {
			faults_add(part->faults, each, "syntax",
				   "only headers that begin with X- or List- may be set");
			continue;
		}
		headers[count].name = arena_text(part->faults->arena, name);
		if (field_text(&reader, name, 2000, &headers[count].value))
			count++;
	}
	ret_part->headers = headers;
	ret_part->header_count = count;
}

static void part_parse(const json_t *value, const char *key, const char *pointer,
		       struct content_part *ret_part, struct faults *faults)
{
	struct field_reader reader;

	*ret_part = (struct content_part){.key = arena_text(faults->arena, key)};
	if (!field_open(&reader, value, pointer, "subject text html reply_to from_name headers",
			"card json attachments template", faults))
		return;
	field_text(&reader, "subject", 2000, &ret_part->subject);
	field_text(&reader, "text", BODY_BYTES_MAX, &ret_part->text);
	field_text(&reader, "html", BODY_BYTES_MAX, &ret_part->html);
	field_text(&reader, "reply_to", ADDRESS_BYTES_MAX, &ret_part->reply_to);
	field_text(&reader, "from_name", NAME_BYTES_MAX, &ret_part->from_name);
	headers_parse(&reader, ret_part);
}

bool content_parse(const json_t *value, const char *pointer, struct content *ret_content,
		   struct faults *faults)
{
	size_t before = faults->count, count = 0;
	struct content_part *parts;
	struct field_reader reader;
	const char *key;
	json_t *part;

	if (!field_open(&reader, value, pointer, NULL, NULL, faults))
		return false;
	if (json_object_size(value) > CONTENT_PARTS_MAX) {
		faults_add(faults, pointer, "range", "at most %d parts", CONTENT_PARTS_MAX);
		return false;
	}
	parts = arena_array_of(faults->arena, json_object_size(value), struct content_part);
	json_object_foreach((json_t *)(uintptr_t)value, key, part)
	{
		char where[POINTER_BYTES_MAX];

		field_pointer(&reader, key, where);
		if (!name_is_kind(key))
			faults_add(faults, where, "syntax",
				   "must be `default`, a channel kind or a channel's name");
		else
			part_parse(part, key, where, &parts[count++], faults);
	}
	*ret_content = (struct content){.parts = parts, .part_count = count};
	return faults->count == before;
}

static void fill(const struct content *content, const char *key, struct content_part *part)
{
	for (size_t i = 0; i < content->part_count; i++) {
		const struct content_part *from = &content->parts[i];

		if (strcmp(from->key, key) != 0)
			continue;
		part->subject = part->subject ? part->subject : from->subject;
		part->text = part->text ? part->text : from->text;
		part->html = part->html ? part->html : from->html;
		part->reply_to = part->reply_to ? part->reply_to : from->reply_to;
		part->from_name = part->from_name ? part->from_name : from->from_name;
		if (part->headers == NULL) {
			part->headers = from->headers;
			part->header_count = from->header_count;
		}
	}
}

bool content_for(const struct content *content, const char *channel, const char *kind,
		 struct content_part *ret_part)
{
	*ret_part = (struct content_part){.key = channel};
	fill(content, channel, ret_part);
	fill(content, kind, ret_part);
	fill(content, "default", ret_part);
	return ret_part->text != NULL || ret_part->html != NULL;
}

/* Typed fields of a JSON object: see field.h.  Nothing of the input is echoed but names and bounded,
 * printable words. */
#include "model/field.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/check.h"

/* Is word one of the words in list, which are separated by `separator`?  Answers its index, -1: no. */
static int word_index(const char *list, char separator, const char *word)
{
	size_t size = strlen(word);
	int index = 0;

	while (list != NULL && *list != 0) {
		const char *end = strchr(list, separator);
		size_t length = end ? (size_t)(end - list) : strlen(list);

		if (length == size && memcmp(list, word, size) == 0)
			return index;
		list = end ? end + 1 : NULL;
		index++;
	}
	return -1;
}

void field_pointer(const struct field_reader *reader, const char *name, char ret_pointer[POINTER_BYTES_MAX])
{
	snprintf(ret_pointer, POINTER_BYTES_MAX, "%s", reader->pointer);
	json_pointer_add(ret_pointer, POINTER_BYTES_MAX, name);
}

void field_pointer_index(const char *pointer, size_t index, char ret_pointer[POINTER_BYTES_MAX])
{
	char number[24];

	snprintf(number, sizeof(number), "%zu", index);
	snprintf(ret_pointer, POINTER_BYTES_MAX, "%s", pointer);
	json_pointer_add(ret_pointer, POINTER_BYTES_MAX, number);
}

bool field_open(struct field_reader *reader, const json_t *value, const char *pointer, const char *known,
		const char *later, struct faults *faults)
{
	const char *name;
	json_t *field;

	*reader = (struct field_reader){.object = value, .faults = faults};
	snprintf(reader->pointer, sizeof(reader->pointer), "%s", pointer);
	if (!json_is_object(value)) {
		faults_add(faults, pointer, "type", "must be an object");
		return false;
	}
	if (known == NULL)
		return true;
	json_object_foreach((json_t *)(uintptr_t)value, name, field)
	{
		char where[POINTER_BYTES_MAX];

		if (word_index(known, ' ', name) >= 0)
			continue;
		field_pointer(reader, name, where);
		if (word_index(later, ' ', name) >= 0)
			faults_add_as(faults, "unsupported", where, "unsupported",
				      "this field comes with a later version; leave it out");
		else
			faults_add(faults, where, "unknown", "there is no such field here; known are: %s",
				   known);
	}
	return true;
}

static const json_t *field_of(const struct field_reader *reader, const char *name,
			      char where[POINTER_BYTES_MAX])
{
	field_pointer(reader, name, where);
	return json_object_get(reader->object, name);
}

static bool wrong(const struct field_reader *reader, const char *where, const char *fault, const char *detail)
{
	faults_add(reader->faults, where, fault, "%s", detail);
	return false;
}

/* A text without NUL of at most bytes_max bytes; NULL after a fault. */
static const char *good_text(const struct field_reader *reader, const char *where, const json_t *value,
			     size_t bytes_max)
{
	size_t size = json_string_length(value);

	if (!json_is_string(value)) {
		wrong(reader, where, "type", "must be a string");
		return NULL;
	}
	if (size > bytes_max) {
		faults_add(reader->faults, where, "range", "must be at most %zu bytes long, has %zu",
			   bytes_max, size);
		return NULL;
	}
	return arena_text(reader->faults->arena, json_string_value(value));
}

bool field_text(const struct field_reader *reader, const char *name, size_t bytes_max, const char **target)
{
	char where[POINTER_BYTES_MAX];
	const json_t *value = field_of(reader, name, where);
	const char *text = value ? good_text(reader, where, value, bytes_max) : NULL;

	if (text == NULL)
		return false;
	*target = text;
	return true;
}

bool field_bool(const struct field_reader *reader, const char *name, bool *target)
{
	char where[POINTER_BYTES_MAX];
	const json_t *value = field_of(reader, name, where);

	if (value == NULL)
		return false;
	if (!json_is_boolean(value))
		return wrong(reader, where, "type", "must be true or false");
	*target = json_is_true(value);
	return true;
}

bool field_count(const struct field_reader *reader, const char *name, int64_t least, int64_t most,
		 int64_t *target)
{
	char where[POINTER_BYTES_MAX];
	const json_t *value = field_of(reader, name, where);
	int64_t number;

	if (value == NULL)
		return false;
	if (!json_is_integer(value))
		return wrong(reader, where, "type", "must be a whole number");
	number = json_integer_value(value);
	if (number < least || number > most) {
		faults_add(reader->faults, where, "range", "must be %lld to %lld", (long long)least,
			   (long long)most);
		return false;
	}
	*target = number;
	return true;
}

bool field_instant(const struct field_reader *reader, const char *name, int64_t *target_ms)
{
	char where[POINTER_BYTES_MAX];
	const json_t *value = field_of(reader, name, where);

	if (value == NULL)
		return false;
	if (!json_is_string(value) || clock_parse(json_string_value(value), target_ms, NULL) != HERALD_OK)
		return wrong(reader, where, "syntax",
			     "must be an instant with an offset, like 2026-11-24T09:30:00Z (RFC 3339)");
	return true;
}

bool field_duration(const struct field_reader *reader, const char *name, int64_t least_ms, int64_t most_ms,
		    int64_t *target_ms)
{
	char where[POINTER_BYTES_MAX], least[CLOCK_TEXT_SIZE], most[CLOCK_TEXT_SIZE];
	const json_t *value = field_of(reader, name, where);
	int64_t ms;

	if (value == NULL)
		return false;
	if (!json_is_string(value) || clock_duration_parse(json_string_value(value), &ms, NULL) != HERALD_OK)
		return wrong(reader, where, "syntax", "must be a duration like 90s, 15m, 8h or 2d");
	if (ms < least_ms || ms > most_ms) {
		clock_duration_text(least_ms, least);
		clock_duration_text(most_ms, most);
		faults_add(reader->faults, where, "range", "must be %s to %s", least, most);
		return false;
	}
	*target_ms = ms;
	return true;
}

bool field_word_or_later(const struct field_reader *reader, const char *name, const char *words,
			 const char *later, int *target)
{
	char where[POINTER_BYTES_MAX];
	const json_t *value = field_of(reader, name, where);
	int index;

	if (value == NULL)
		return false;
	if (!json_is_string(value))
		return wrong(reader, where, "type", "must be a string");
	index = word_index(words, '|', json_string_value(value));
	if (index >= 0) {
		*target = index;
		return true;
	}
	if (word_index(later, '|', json_string_value(value)) >= 0)
		faults_add_as(reader->faults, "unsupported", where, "unsupported",
			      "this value comes with a later version; now it is one of %s", words);
	else
		faults_add(reader->faults, where, "range", "must be one of %s", words);
	return false;
}

bool field_word(const struct field_reader *reader, const char *name, const char *words, int *target)
{
	return field_word_or_later(reader, name, words, NULL, target);
}

bool field_texts(const struct field_reader *reader, const char *name, size_t count_max, size_t bytes_max,
		 bool (*is_good)(const char *text), const char *const **target, size_t *target_count)
{
	char where[POINTER_BYTES_MAX], each[POINTER_BYTES_MAX];
	const json_t *value = field_of(reader, name, where);
	size_t count = json_array_size(value);
	const char **texts;

	if (value == NULL)
		return false;
	if (!json_is_array(value))
		return wrong(reader, where, "type", "must be an array of strings");
	if (count > count_max) {
		faults_add(reader->faults, where, "range", "must have at most %zu entries, has %zu",
			   count_max, count);
		return false;
	}
	texts = arena_array_of(reader->faults->arena, count, const char *);
	for (size_t i = 0; i < count; i++) {
		field_pointer_index(where, i, each);
		texts[i] = good_text(reader, each, json_array_get(value, i), bytes_max);
		if (texts[i] == NULL)
			return false;
		if (is_good != NULL && !is_good(texts[i]))
			return wrong(reader, each, "syntax", "is not a name of the expected form");
	}
	*target = texts;
	*target_count = count;
	return true;
}

bool field_required(const struct field_reader *reader, const char *name)
{
	char where[POINTER_BYTES_MAX];

	if (field_of(reader, name, where) != NULL)
		return true;
	return wrong(reader, where, "missing", "is required");
}

static bool name_of(const char *text, size_t most, const char *more)
{
	size_t size = strlen(text);

	if (size < 1 || size > most || text[0] < 'a' || text[0] > 'z')
		return false;
	for (size_t i = 1; i < size; i++) {
		bool is_plain = (text[i] >= 'a' && text[i] <= 'z') || (text[i] >= '0' && text[i] <= '9');

		if (!is_plain && strchr(more, text[i]) == NULL)
			return false;
	}
	return true;
}

bool name_is_channel(const char *text)
{
	return name_of(text, 32, "-");
}

bool name_is_kind(const char *text)
{
	return name_of(text, 32, "-_");
}

bool name_is_category(const char *text)
{
	return name_of(text, 64, "._-");
}

bool name_is_recipient(const char *text)
{
	size_t size = strlen(text);

	if (size < 1 || size > RECIPIENT_ID_BYTES_MAX || !herald_utf8_valid(text, size))
		return false;
	for (size_t i = 0; i < size; i++) {
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			return false;
	}
	return true;
}

/* option_value.c - one value: from text to a field of its type.
 *
 * The operator's value, the fallback and the bounds go through the same functions, so a table cannot promise
 * what the parser refuses. */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "config/private.h"
#include "config/secret.h"
#include "base/check.h"

enum herald_code option_bool_parse(const char *text, bool *ret_value, struct herald_error *err)
{
	static const struct {
		const char *text;
		bool value;
	} words[] = {{"true", true},   {"yes", true}, {"on", true},
		     {"false", false}, {"no", false}, {"off", false}};
	for (size_t i = 0; i < countof(words); i++) {
		if (strcmp(text, words[i].text) == 0) {
			*ret_value = words[i].value;
			return HERALD_OK;
		}
	}
	return herald_fail(err, HERALD_INVALID, "neither true nor false");
}

/* Decimal digits only, at least one; moves *at behind them. */
static bool take_number(const char **at, uint64_t *ret_value)
{
	const char *begin = *at;
	uint64_t value = 0;
	for (; **at >= '0' && **at <= '9'; (*at)++) {
		if (__builtin_mul_overflow(value, UINT64_C(10), &value) ||
		    __builtin_add_overflow(value, (uint64_t)(**at - '0'), &value))
			return false;
	}
	*ret_value = value;
	return *at > begin;
}

enum herald_code option_int_parse(const char *text, int64_t *ret_value, struct herald_error *err)
{
	const char *at = text;
	bool is_negative = *at == '-';
	at += is_negative;
	uint64_t value;
	if (!take_number(&at, &value) || *at != 0 || value > INT64_MAX)
		return herald_fail(err, HERALD_INVALID, "not a whole number");
	*ret_value = is_negative ? -(int64_t)value : (int64_t)value;
	return HERALD_OK;
}

enum herald_code option_size_parse(const char *text, uint64_t *ret_bytes, struct herald_error *err)
{
	static const struct {
		const char *text;
		unsigned shift;
	} units[] = {{"", 0}, {"B", 0}, {"KiB", 10}, {"MiB", 20}, {"GiB", 30}, {"TiB", 40}};
	const char *at = text;
	uint64_t value;
	if (take_number(&at, &value)) {
		for (size_t i = 0; i < countof(units); i++) {
			/* Sizes are compared as signed numbers everywhere. */
			if (strcmp(at, units[i].text) != 0 || value > (uint64_t)INT64_MAX >> units[i].shift)
				continue;
			*ret_bytes = value << units[i].shift;
			return HERALD_OK;
		}
	}
	return herald_fail(err, HERALD_INVALID, "not a size");
}

enum herald_code option_number_parse(uint32_t type, const char *text, int64_t *ret_value,
				     struct herald_error *err)
{
	uint64_t bytes;
	enum herald_code code;
	switch (type) {
	case HERALD_OPTION_INT:
		return option_int_parse(text, ret_value, err);
	case HERALD_OPTION_DURATION:
		return clock_duration_parse(text, ret_value, err);
	case HERALD_OPTION_SIZE:
		code = option_size_parse(text, &bytes, err);
		if (code == HERALD_OK)
			*ret_value = (int64_t)bytes;
		return code;
	default:
		return herald_fail(err, HERALD_BUG, "not a type of numbers");
	}
}

bool option_type_has_bounds(uint32_t type)
{
	return type == HERALD_OPTION_INT || type == HERALD_OPTION_DURATION || type == HERALD_OPTION_SIZE;
}

size_t option_type_size(uint32_t type)
{
	switch (type) {
	case HERALD_OPTION_TEXT:
		return sizeof(const char *);
	case HERALD_OPTION_BOOL:
		return sizeof(bool);
	case HERALD_OPTION_INT:
		return sizeof(int64_t);
	case HERALD_OPTION_DURATION:
		return sizeof(herald_duration);
	case HERALD_OPTION_SIZE:
		return sizeof(herald_size);
	case HERALD_OPTION_SECRET:
		return sizeof(herald_secret);
	case HERALD_OPTION_LIST:
		return sizeof(herald_list);
	default:
		return 0;
	}
}

const char *option_type_name(uint32_t type)
{
	static const char *const names[] = {
		[HERALD_OPTION_TEXT] = "text",  [HERALD_OPTION_BOOL] = "boolean",
		[HERALD_OPTION_INT] = "number", [HERALD_OPTION_DURATION] = "duration",
		[HERALD_OPTION_SIZE] = "size",  [HERALD_OPTION_SECRET] = "secret",
		[HERALD_OPTION_LIST] = "list",
	};
	return option_type_size(type) == 0 ? "unknown" : names[type];
}

bool option_one_of_has(const char *one_of, const char *text)
{
	size_t size = strlen(text);
	for (;;) {
		size_t word = strcspn(one_of, "|");
		if (word == size && memcmp(one_of, text, size) == 0)
			return true;
		if (one_of[word] == 0)
			return false;
		one_of += word + 1;
	}
}

/* "a whole number from 1 to 64": what the option takes. */
static void expectation(const struct herald_option *option, char *ret_text, size_t size)
{
	static const char *const kinds[] = {
		[HERALD_OPTION_TEXT] = "a text",
		[HERALD_OPTION_BOOL] = "true or false",
		[HERALD_OPTION_INT] = "a whole number",
		[HERALD_OPTION_DURATION] = "a duration like 90s, 15m, 8h, 2d or 250ms",
		[HERALD_OPTION_SIZE] = "a size like 512B, 64KiB or 10MiB",
		[HERALD_OPTION_SECRET] = "a reference, env:NAME or file:/PATH",
		[HERALD_OPTION_LIST] = "a list",
	};
	if (option->one_of != NULL) {
		snprintf(ret_text, size, "%s%s",
			 option->type == HERALD_OPTION_LIST ? "a list of " : "one of ", option->one_of);
		/* "none|tls" reads as "none, tls"; the letters stay, so nothing can run over. */
		for (char *c = ret_text; *c != 0; c++)
			*c = *c == '|' ? '/' : *c;
		return;
	}
	int used = snprintf(ret_text, size, "%s", kinds[option->type]);
	if (option->least != NULL && option->most != NULL)
		snprintf(ret_text + used, size - (size_t)used, " from %s to %s", option->least, option->most);
	else if (option->least != NULL)
		snprintf(ret_text + used, size - (size_t)used, ", at least %s", option->least);
	else if (option->most != NULL)
		snprintf(ret_text + used, size - (size_t)used, ", at most %s", option->most);
}

/* What was written, harmless and short. */
static void quotation(const char *text, char *ret_text, size_t size)
{
	size_t length = strnlen(text, size - 4), i = 0;
	/* Not in the middle of a character. */
	while (text[length] != 0 && length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80)
		length--;
	bool is_text = herald_utf8_valid(text, length);
	for (; i < length; i++) {
		unsigned char c = (unsigned char)text[i];
		ret_text[i] = (char)(c < 0x20 || c == 0x7f || (c >= 0x80 && !is_text) ? '?' : c);
	}
	memcpy(ret_text + i, text[length] != 0 ? "..." : "", text[length] != 0 ? 4 : 1);
}

static enum herald_code must_be(const struct herald_option *option, const char *text,
				struct herald_error *err)
{
	char wanted[128], got[64];
	expectation(option, wanted, sizeof(wanted));
	quotation(text, got, sizeof(got));
	return herald_fail(err, HERALD_INVALID, "must be %s, got '%s'", wanted, got);
}

static bool is_within(const struct herald_option *option, int64_t value)
{
	int64_t bound;
	if (option->least != NULL &&
	    option_number_parse(option->type, option->least, &bound, NULL) == HERALD_OK && value < bound)
		return false;
	return option->most == NULL ||
	       option_number_parse(option->type, option->most, &bound, NULL) != HERALD_OK || value <= bound;
}

/* Shared by texts and the items of lists. */
static enum herald_code text_check(const struct herald_option *option, const char *text,
				   struct herald_error *err)
{
	size_t size = strnlen(text, OPTION_VALUE_BYTES_MAX + 1);
	if (size > OPTION_VALUE_BYTES_MAX)
		return herald_fail(err, HERALD_LIMIT, "must not be longer than %d bytes",
				   OPTION_VALUE_BYTES_MAX);
	if (!herald_utf8_valid(text, size))
		return herald_fail(err, HERALD_INVALID, "must be valid UTF-8");
	for (const char *c = text; *c != 0; c++) {
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			return herald_fail(err, HERALD_INVALID, "must not hold control characters");
	}
	if (option->one_of != NULL && !option_one_of_has(option->one_of, text))
		return must_be(option, text, err);
	return HERALD_OK;
}

enum herald_code option_value_parse(const struct herald_option *option, const char *text, struct arena *arena,
				    void *field, struct herald_error *err)
{
	enum herald_code code;
	int64_t number = 0;
	bool is_on = false;
	char *copy;
	switch (option->type) {
	case HERALD_OPTION_TEXT:
		code = text_check(option, text, err);
		if (code != HERALD_OK)
			return code;
		copy = arena_text(arena, text);
		memcpy(field, &copy, sizeof(copy));
		return HERALD_OK;
	case HERALD_OPTION_BOOL:
		if (option_bool_parse(text, &is_on, NULL) != HERALD_OK)
			return must_be(option, text, err);
		memcpy(field, &is_on, sizeof(is_on));
		return HERALD_OK;
	case HERALD_OPTION_SECRET:
		if (strnlen(text, OPTION_SECRET_BYTES_MAX + 1) > OPTION_SECRET_BYTES_MAX)
			return herald_fail(err, HERALD_LIMIT, "must not be longer than 64 KiB");
		copy = arena_text(arena, text);
		memcpy(field, &copy, sizeof(copy)); /* a herald_secret is one pointer */
		return HERALD_OK;
	default:
		CHECK(option_type_has_bounds(option->type));
		if (option_number_parse(option->type, text, &number, NULL) != HERALD_OK ||
		    !is_within(option, number))
			return must_be(option, text, err);
		memcpy(field, &number, sizeof(number)); /* durations and sizes are one number */
		return HERALD_OK;
	}
}

_Static_assert(sizeof(herald_secret) == sizeof(char *) && sizeof(herald_duration) == sizeof(int64_t) &&
		       sizeof(herald_size) == sizeof(int64_t),
	       "unit types are what they hold");

enum herald_code option_list_parse(const struct herald_option *option, const char *const *items, size_t count,
				   struct arena *arena, void *field, struct herald_error *err)
{
	if (count > OPTION_ITEMS_MAX)
		return herald_fail(err, HERALD_LIMIT, "must not have more than %d items", OPTION_ITEMS_MAX);
	const char **copies = arena_array_of(arena, count, const char *);
	for (size_t i = 0; i < count; i++) {
		if (items[i][0] == 0)
			return herald_fail(err, HERALD_INVALID, "must not hold an empty item");
		enum herald_code code = text_check(option, items[i], err);
		if (code != HERALD_OK)
			return code;
		copies[i] = arena_text(arena, items[i]);
	}
	herald_list list = {.items = copies, .count = count};
	memcpy(field, &list, sizeof(list));
	return HERALD_OK;
}

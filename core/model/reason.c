/* The table of reasons, as functions: see reason.h. */
#include "model/reason.h"

#include <string.h>

#include "base/check.h"

static const struct {
	const char *name, *words;
} reasons[REASON_COUNT] = {
#define X(number, name_, words_) [number] = {#name_, words_},
	REASON_TABLE(X)
#undef X
};

const char *reason_name(enum reason reason)
{
	CHECK(reason_is_valid((long)reason));
	return reasons[reason].name;
}

const char *reason_words(enum reason reason)
{
	CHECK(reason_is_valid((long)reason));
	return reasons[reason].words;
}

bool reason_is_valid(long number)
{
	return number >= 0 && number < REASON_COUNT && reasons[number].name != NULL;
}

bool reason_parse(const char *name, enum reason *ret_reason)
{
	for (long number = 0; number < REASON_COUNT; number++) {
		if (reason_is_valid(number) && strcmp(reasons[number].name, name) == 0) {
			*ret_reason = (enum reason)number;
			return true;
		}
	}
	return false;
}

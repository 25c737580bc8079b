/* error.h - a code for the program, a sentence for people. */
#ifndef HERALD_ERROR_H
#define HERALD_ERROR_H

#include <stdint.h>

/* A new code needs a caller that acts differently; otherwise it is text. */
enum herald_code {
	HERALD_OK = 0,
	HERALD_INVALID, /* the input is wrong: say where */
	HERALD_NOT_FOUND,
	HERALD_CONFLICT, /* it changed meanwhile: read again */
	HERALD_DENIED,
	HERALD_LIMIT, /* larger, longer, deeper or more than allowed */
	HERALD_BUSY,  /* not now: come again */
	HERALD_TIMEOUT,
	HERALD_UNCERTAIN_WRITE, /* it may or may not have been written: ask again with the same id */
	HERALD_IO,
	HERALD_CORRUPT,
	HERALD_UNSUPPORTED,
	HERALD_BUG,
};

/* Lives in the caller's frame, owns no memory, is untouched on success. */
struct herald_error {
	int32_t code; /* an enum herald_code in fixed width: it crosses the border */
	char text[252];
};

/* Fill *err (NULL is fine) and return code, so that a failure is one line: return herald_fail(err, ...). */
enum herald_code herald_fail(struct herald_error *err, enum herald_code code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Put context in front of what is there: "loading acs_sms.so: " + "option 'from' is missing". */
enum herald_code herald_within(struct herald_error *err, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif

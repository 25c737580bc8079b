/* fault.h - what is wrong with a request, all of it at once: a JSON pointer, a word for programs, a sentence
 * for people.
 *
 * At most FAULTS_MAX are kept; counting goes on.  The first fault that has a problem of its own (unsupported,
 * unknown_category, content_missing) names the answer; otherwise it is `invalid`. */
#ifndef MODEL_FAULT_H
#define MODEL_FAULT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/limits.h"

struct fault {
	const char *pointer, *fault, *detail;
};

struct faults {
	struct arena *arena;
	const char *problem; /* the last segment of the problem's type */
	struct fault items[FAULTS_MAX];
	size_t count; /* may be more than FAULTS_MAX */
};

void faults_init(struct faults *faults, struct arena *arena);
/* pointer "" is the whole document.  fault: missing, unknown, type, range, syntax, duplicate, unsupported,
 * ... */
void faults_add(struct faults *faults, const char *pointer, const char *fault, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* The same, and the answer's problem is named so. */
void faults_add_as(struct faults *faults, const char *problem, const char *pointer, const char *fault,
		   const char *format, ...) __attribute__((format(printf, 5, 6)));
static inline bool faults_any(const struct faults *faults)
{
	return faults->count > 0;
}

#endif

/* The table of problems, as functions: see problem.h. */
#include "http/problem.h"

#include <string.h>

#include "base/check.h"

static const struct {
	const char *name, *title;
	unsigned status;
} problems[PROBLEM_COUNT] = {
#define X(name_, status_, title_) [PROBLEM_##name_] = {.name = #name_, .title = title_, .status = status_},
	PROBLEM_TABLE(X)
#undef X
};

const char *problem_name(enum problem problem)
{
	return problems[problem].name;
}

const char *problem_title(enum problem problem)
{
	return problems[problem].title;
}

unsigned problem_status(enum problem problem)
{
	return problems[problem].status;
}

enum problem problem_find(const char *name)
{
	for (int problem = 0; problem < PROBLEM_COUNT; problem++) {
		if (strcmp(problems[problem].name, name) == 0)
			return (enum problem)problem;
	}
	return PROBLEM_invalid;
}

/* check.c - how the daemon dies when the impossible happened: one line that says where, then abort, so that
 * a core dump shows the stack as it was. */
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"

_Noreturn void check_failed(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: CHECK failed: %s\n", file, line, what);
	fflush(stderr);
	abort();
}

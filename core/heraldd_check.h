/* heraldd_check.h - heraldd --check: is this configuration good, and the plugins' options with it? */
#ifndef HERALDD_CHECK_H
#define HERALDD_CHECK_H

#include "heraldd_arguments.h"

/* Prints complaints on standard error, with wants_show what is in force on standard output.  Answers the exit
 * status: 0 good, 1 a fault. */
int check_run(const struct arguments *arguments, char *const *env);

#endif

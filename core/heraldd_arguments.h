/* heraldd_arguments.h - the words of heraldd's command line. */
#ifndef HERALDD_ARGUMENTS_H
#define HERALDD_ARGUMENTS_H

#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"

enum { OVERRIDES_MAX = 256 };

struct arguments {
	const char *config_dir, *data_dir, *run_dir;
	const char *overrides[OVERRIDES_MAX];
	size_t override_count;
	bool wants_check, wants_show, wants_version, wants_help, wants_man;
};

/* False: *ret_why says what is wrong with them.  Texts point into the arguments given. */
bool arguments_read(int count, char *const *words, struct arguments *ret_arguments, const char **ret_why);
extern const char arguments_help[];

struct config_source arguments_source(const struct arguments *arguments, char *const *env);

#endif

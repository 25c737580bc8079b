/* elf.h - what a shared object asks of the loader, read before the loader does it. */
#ifndef HOST_ELF_H
#define HOST_ELF_H

#include "base/arena.h"
#include "herald/error.h"

/* Its search path (DT_RPATH, DT_RUNPATH), "" when it has none.  INVALID: not an object of this machine. */
enum herald_code elf_search_path(int fd, struct arena *arena, const char **ret_path,
				 struct herald_error *err);

#endif

/* check.c - the contract, run. */
#include "host/host.h"
#include "host/loader.h"
#include "base/check.h"

enum herald_code host_check(const char *path, const struct host_setting *settings, size_t count,
			    struct herald_error *err)
{
	const struct herald_plugin *plugin;

	(void)settings, (void)count;
	return loader_load(path, &plugin, err);
}

/* spy.c - a plugin that looks around in its process and at its parent, and writes what it saw into the file
 * `record` as it is loaded: what a channel's plugin could steal. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "herald/channel.h"
#include "herald/kit.h"

struct spy_config {
	const char *record;
	herald_secret key;
};

static const struct herald_option options[] = {
	HERALD_OPTION(struct spy_config, record, 0, "", "File that gets the report."),
	HERALD_OPTION(struct spy_config, key, 0, "", "The secret that is its own."),
};

static void see_limit(FILE *report, const char *name, int resource)
{
	struct rlimit limit;

	if (getrlimit((__rlimit_resource_t)resource, &limit) == 0)
		fprintf(report, "limit %s %llu %llu\n", name, (unsigned long long)limit.rlim_cur,
			(unsigned long long)limit.rlim_max);
}

static void see_descriptors(FILE *report, int own)
{
	char path[64], target[512];

	for (int fd = 0; fd < 4096; fd++) {
		int flags = fcntl(fd, F_GETFD);

		if (flags < 0 || fd == own)
			continue;
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		ssize_t size = readlink(path, target, sizeof(target) - 1);
		target[size < 0 ? 0 : size] = 0;
		fprintf(report, "fd %d %s %s\n", fd, (flags & FD_CLOEXEC) ? "closes" : "stays",
			size < 0 ? strerror(errno) : target);
	}
}

/* What the parent holds, and whether it can be had. */
static void see_parent(FILE *report)
{
	static const char *const names[] = {"environ", "mem", "maps", "fd/0", "cwd"};
	char path[64], data[4096];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "/proc/%d/%s", (int)getppid(), names[i]);
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		ssize_t size = fd < 0 ? -1 : read(fd, data, sizeof(data));

		fprintf(report, "parent %s %s\n", names[i],
			fd < 0     ? strerror(errno)
			: size < 0 ? "opens"
				   : "reads");
		if (fd >= 0)
			close(fd);
	}
	fprintf(report, "parent ptrace %s\n",
		ptrace(PTRACE_SEIZE, getppid(), 0, 0) == 0 ? "works" : strerror(errno));
	ptrace(PTRACE_DETACH, getppid(), 0, 0);
}

/* Before anything of Herald's is asked: as the file is loaded. */
__attribute__((constructor)) static void see_canary(void)
{
	const char *canary = getenv("HERALD_TEST_CANARY");

	if (canary)
		dprintf(STDERR_FILENO, "spy: %s\n", canary);
}

static void look(const struct spy_config *config)
{
	int own = open(config->record, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	FILE *report = own < 0 ? NULL : fdopen(own, "a");
	char text[4096];
	mode_t mask = umask(077);

	if (!report)
		return;
	umask(mask);
	for (char **entry = environ; *entry; entry++)
		fprintf(report, "env %s\n", *entry);
	see_descriptors(report, own);
	see_limit(report, "core", RLIMIT_CORE);
	see_limit(report, "files", RLIMIT_NOFILE);
	see_limit(report, "data", RLIMIT_DATA);
	fprintf(report, "dumpable %d\n", prctl(PR_GET_DUMPABLE));
	fprintf(report, "no_new_privs %d\n", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	fprintf(report, "umask %03o\n", (unsigned)mask);
	fprintf(report, "cwd %s\n", getcwd(text, sizeof(text)) ? text : "?");
	fprintf(report, "key %zu\n", config->key.value ? strlen(config->key.value) : 0);
	see_parent(report);
	fputs("end\n", report);
	fclose(report);
}

static enum herald_code spy_open(const struct herald_host *host, struct herald_channel *channel,
				 const void *config, void **ret_self, struct herald_error *err)
{
	(void)host, (void)channel, (void)err;
	look(config);
	*ret_self = (void *)(uintptr_t)config;
	return HERALD_OK;
}

static void spy_close(void *self)
{
	(void)self;
}

static enum herald_sent spy_send(void *self, const struct herald_job *job, struct herald_outcome *outcome)
{
	(void)self, (void)job;
	outcome->verdict = HERALD_DELIVERED;
	return HERALD_NOW;
}

static const struct herald_plugin spy = {
	.struct_size = sizeof(spy),
	.abi = HERALD_ABI,
	.name = "spy",
	.version = "1.0",
	.summary = "looks around: for tests",
	.kind = "spy",
	.options = options,
	.option_count = sizeof(options) / sizeof(options[0]),
	.option_size = sizeof(options[0]),
	.config_size = sizeof(struct spy_config),
	.open = spy_open,
	.close = spy_close,
	.send = spy_send,
};

const struct herald_plugin *herald_channel_v1(void)
{
	return &spy;
}

/* spawn.c - fork and exec.  Between the two only system calls on what was made ready before: the daemon has
 * threads, and whatever lock one of them held at the fork stays held in the child for ever. */
#include "channel/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"

enum { OPEN_FILES_MAX = 1024, ENV_BYTES_MAX = 4096, FIRST_SAFE_FD = 16, EXIT_NOT_EXECUTED = 127 };

struct child {
	int fds[SPAWN_FD_COUNT]; /* by their number in the child; all >= FIRST_SAFE_FD */
	char path[ENV_BYTES_MAX], zone[ENV_BYTES_MAX], channel[64];
	char *env[5];
	const char *program;
	uint64_t memory_bytes_max;
};

static char *env_entry(char *entry, size_t size, const char *name, const char *value)
{
	int length = snprintf(entry, size, "%s=%s", name, value);

	return length > 0 && (size_t)length < size ? entry : NULL;
}

static void child_env(struct child *child, const char *channel)
{
	size_t count = 0;
	const char *path = getenv("PATH"), *zone = getenv("TZ");
	char *entries[] = {
		env_entry(child->path, sizeof(child->path), "PATH", path ? path : "/usr/bin:/bin"),
		zone ? env_entry(child->zone, sizeof(child->zone), "TZ", zone) : NULL,
		(char *)(uintptr_t) "LANG=C",
		env_entry(child->channel, sizeof(child->channel), "HERALD_CHANNEL", channel),
	};

	for (size_t i = 0; i < countof(entries); i++)
		if (entries[i])
			child->env[count++] = entries[i];
	child->env[count] = NULL;
}

static void limit(int resource, rlim_t most)
{
	struct rlimit now;

	if (getrlimit((__rlimit_resource_t)resource, &now) < 0)
		return;
	if (now.rlim_max == RLIM_INFINITY || now.rlim_max > most)
		now.rlim_max = most;
	if (now.rlim_cur == RLIM_INFINITY || now.rlim_cur > now.rlim_max)
		now.rlim_cur = now.rlim_max;
	setrlimit((__rlimit_resource_t)resource, &now);
}

/* Handlers fall back by themselves at exec; what is ignored or blocked would stay so. */
static void signals_as_at_birth(void)
{
	struct sigaction usual = {.sa_handler = SIG_DFL};
	sigset_t none;

	for (int number = 1; number < NSIG; number++)
		sigaction(number, &usual, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

_Noreturn static void child_run(const struct child *child)
{
	char *const arguments[] = {(char *)(uintptr_t) "herald-channel", (char *)(uintptr_t) "--serve", NULL};

	setpgid(0, 0);
	signals_as_at_birth();
	umask(077);
	for (int fd = 0; fd < SPAWN_FD_COUNT; fd++)
		if (dup2(child->fds[fd], fd) < 0)
			_exit(EXIT_NOT_EXECUTED);
	if (close_range(SPAWN_FD_COUNT, ~0U, 0) < 0)
		_exit(EXIT_NOT_EXECUTED);

	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_NOFILE, OPEN_FILES_MAX);
#if !defined(__SANITIZE_ADDRESS__) && \
	!defined(__SANITIZE_THREAD__) /* their shadow is larger than any limit */
	if (child->memory_bytes_max > 0)
		limit(RLIMIT_DATA, (rlim_t)child->memory_bytes_max);
#endif
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	execve(child->program, arguments, child->env);
	_exit(EXIT_NOT_EXECUTED);
}

/* Copies above the range that the child fills, so that no dup2 overwrites what another still needs. */
static enum herald_code child_fds(struct child *child, const struct spawn_order *order,
				  struct herald_error *err)
{
	int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
	const int from[SPAWN_FD_COUNT] = {nothing,     order->output, order->output,
					  order->work, order->talk,   order->board};
	int failure = 0;

	for (size_t i = 0; i < SPAWN_FD_COUNT; i++) {
		child->fds[i] = from[i] >= 0 ? fcntl(from[i], F_DUPFD_CLOEXEC, FIRST_SAFE_FD) : -1;
		if (child->fds[i] < 0 && failure == 0)
			failure = errno;
	}
	if (nothing >= 0)
		close(nothing);
	if (failure != 0)
		return herald_fail(err, HERALD_IO, "descriptors for a channel process: %s",
				   strerrordesc_np(failure));
	return HERALD_OK;
}

static enum herald_code child_start(struct child *child, pid_t *ret_pid, int *ret_pidfd,
				    struct herald_error *err)
{
	pid_t pid = fork();

	if (pid < 0)
		return herald_fail(err, HERALD_IO, "starting a channel process: %s", strerrordesc_np(errno));
	if (pid == 0)
		child_run(child);

	/* It cannot be gone yet: nobody has waited for it. */
	setpgid(pid, pid); /* as the child does: whoever comes first */
	int pidfd = pidfd_open(pid, 0);
	if (pidfd < 0) {
		enum herald_code code =
			herald_fail(err, HERALD_IO, "watching a channel process: %s", strerrordesc_np(errno));
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		return code;
	}
	*ret_pid = pid;
	*ret_pidfd = pidfd;
	return HERALD_OK;
}

enum herald_code spawn_process(const struct spawn_order *order, pid_t *ret_pid, int *ret_pidfd,
			       struct herald_error *err)
{
	struct child child = {.program = order->program, .memory_bytes_max = order->memory_bytes_max};

	/* Said here in words: all that a failed exec can say is 127. */
	if (access(order->program, X_OK) < 0)
		return herald_fail(err, errno == ENOENT ? HERALD_NOT_FOUND : HERALD_DENIED,
				   "the host program %s cannot be executed: %s", order->program,
				   strerrordesc_np(errno));

	child_env(&child, order->channel);
	enum herald_code code = child_fds(&child, order, err);
	if (code == HERALD_OK)
		code = child_start(&child, ret_pid, ret_pidfd, err);
	for (size_t i = 0; i < SPAWN_FD_COUNT; i++)
		if (child.fds[i] >= 0)
			close(child.fds[i]);
	return code;
}

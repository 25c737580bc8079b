/* pidfd.c - preloaded into a daemon that valgrind runs, which does not know the system calls of descriptors
 * for processes: the read end of a pipe whose write end only the child has tells of a child's death as well.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "herald/abi.h"

enum { CHILDREN_MAX = 256, END_FD = 600, FDS_MAX = 1024 };

/* One thread of the daemon starts and buries all of them. */
static struct child {
	pid_t pid;
	int fd;
} children[CHILDREN_MAX];

HERALD_EXPORT pid_t fork(void);
HERALD_EXPORT int pidfd_open(pid_t pid, unsigned flags);
HERALD_EXPORT int pidfd_send_signal(int fd, int number, siginfo_t *info, unsigned flags);
HERALD_EXPORT int waitid(idtype_t type, id_t id, siginfo_t *info, int options);
HERALD_EXPORT int close_range(unsigned first, unsigned last, int flags);

pid_t fork(void)
{
	pid_t (*real)(void);
	int ends[2];

	*(void **)&real = dlsym(RTLD_NEXT, "fork");
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	pid_t pid = real();
	if (pid == 0) {
		/* Without the flag: it lives as long as the program that is executed next. */
		dup2(ends[1], END_FD);
		return 0;
	}
	close(ends[1]);
	for (int i = 0; i < CHILDREN_MAX; i++) {
		if (children[i].pid != 0)
			continue;
		children[i] = (struct child){pid, ends[0]};
		return pid;
	}
	return -1;
}

static struct child *child_of(pid_t pid, int fd)
{
	for (int i = 0; i < CHILDREN_MAX; i++)
		if (children[i].pid != 0 && (children[i].pid == pid || children[i].fd == fd))
			return &children[i];
	return NULL;
}

int pidfd_open(pid_t pid, unsigned flags)
{
	struct child *child = child_of(pid, -1);

	(void)flags;
	return child ? child->fd : -1;
}

int pidfd_send_signal(int fd, int number, siginfo_t *info, unsigned flags)
{
	struct child *child = child_of(-1, fd);

	(void)info, (void)flags;
	return child ? kill(child->pid, number) : -1;
}

int waitid(idtype_t type, id_t id, siginfo_t *info, int options)
{
	int (*real)(idtype_t, id_t, siginfo_t *, int);
	struct child *child = type == P_PIDFD ? child_of(-1, (int)id) : NULL;

	*(void **)&real = dlsym(RTLD_NEXT, "waitid");
	if (!child)
		return real(type, id, info, options);
	int result = real(P_PID, (id_t)child->pid, info, options);
	if (result == 0)
		child->pid = 0; /* the descriptor is closed by whoever waited */
	return result;
}

int close_range(unsigned first, unsigned last, int flags)
{
	(void)flags;
	for (unsigned fd = first; fd <= last && fd < FDS_MAX; fd++)
		if (fd != END_FD)
			close((int)fd);
	return 0;
}

/* deadline.c - one thread that shuts sockets down at their time.
 *
 * Invariant: a deadline's descriptor is open from adopt to free and is used by nobody else, so that a
 * shutdown never meets somebody else's socket; the list, the times and the flags are touched under `mutex`
 * only. */
#include "deadline.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct deadline {
	struct deadline_keeper *keeper;
	struct deadline *next;
	int64_t until_ms;
	unsigned long inode;
	int fd;
	bool is_over;
};

struct deadline_keeper {
	pthread_mutex_t mutex;
	pthread_cond_t moved;   /* something is due earlier than the thread thinks, or is_ending */
	pthread_cond_t hung_up; /* is_dialled is false */
	pthread_t thread;
	struct deadline *first;
	bool is_ending;
	bool is_dialled; /* the line to the relay is somebody's, from dial to adopt */
};

int64_t deadline_clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static struct timespec timespec_of(int64_t at_ms)
{
	return (struct timespec){.tv_sec = at_ms / 1000, .tv_nsec = at_ms % 1000 * 1000000};
}

static void *keep(void *argument)
{
	struct deadline_keeper *keeper = argument;

	pthread_mutex_lock(&keeper->mutex);
	while (!keeper->is_ending) {
		int64_t now_ms = deadline_clock_ms(), due_ms = now_ms + 3600 * 1000;

		for (struct deadline *d = keeper->first; d; d = d->next) {
			if (!d->is_over && d->until_ms <= now_ms) {
				d->is_over = true;
				shutdown(d->fd, SHUT_RDWR);
			}
			if (!d->is_over && d->until_ms < due_ms)
				due_ms = d->until_ms;
		}
		struct timespec due = timespec_of(due_ms);
		pthread_cond_timedwait(&keeper->moved, &keeper->mutex, &due);
	}
	pthread_mutex_unlock(&keeper->mutex);
	return NULL;
}

enum herald_code deadline_keeper_new(struct deadline_keeper **ret_keeper, struct herald_error *err)
{
	struct deadline_keeper *keeper = calloc(1, sizeof(*keeper));
	pthread_condattr_t monotonic;

	if (!keeper)
		return herald_fail(err, HERALD_LIMIT, "out of memory");
	pthread_mutex_init(&keeper->mutex, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&keeper->moved, &monotonic);
	pthread_cond_init(&keeper->hung_up, &monotonic);
	pthread_condattr_destroy(&monotonic);
	if (pthread_create(&keeper->thread, NULL, keep, keeper) != 0) {
		pthread_cond_destroy(&keeper->hung_up);
		pthread_cond_destroy(&keeper->moved);
		pthread_mutex_destroy(&keeper->mutex);
		free(keeper);
		return herald_fail(err, HERALD_LIMIT, "no thread to be had for the deadlines of sessions");
	}
	*ret_keeper = keeper;
	return HERALD_OK;
}

void deadline_keeper_free(struct deadline_keeper *keeper)
{
	if (!keeper)
		return;
	pthread_mutex_lock(&keeper->mutex);
	keeper->is_ending = true;
	pthread_cond_signal(&keeper->moved);
	pthread_mutex_unlock(&keeper->mutex);
	pthread_join(keeper->thread, NULL);
	pthread_cond_destroy(&keeper->hung_up);
	pthread_cond_destroy(&keeper->moved);
	pthread_mutex_destroy(&keeper->mutex);
	free(keeper);
}

enum herald_code deadline_dial(struct deadline_keeper *keeper, int64_t until_ms)
{
	struct timespec until = timespec_of(until_ms);
	int code = 0;

	pthread_mutex_lock(&keeper->mutex);
	while (keeper->is_dialled && code == 0)
		code = pthread_cond_timedwait(&keeper->hung_up, &keeper->mutex, &until);
	bool is_ours = !keeper->is_dialled;
	keeper->is_dialled = true;
	pthread_mutex_unlock(&keeper->mutex);
	return is_ours ? HERALD_OK : HERALD_TIMEOUT;
}

void deadline_hang_up(struct deadline_keeper *keeper)
{
	pthread_mutex_lock(&keeper->mutex);
	keeper->is_dialled = false;
	pthread_cond_signal(&keeper->hung_up);
	pthread_mutex_unlock(&keeper->mutex);
}

static uint16_t port_of(const struct sockaddr_storage *peer)
{
	if (peer->ss_family == AF_INET)
		return ntohs(((const struct sockaddr_in *)peer)->sin_port);
	return peer->ss_family == AF_INET6 ? ntohs(((const struct sockaddr_in6 *)peer)->sin6_port) : 0;
}

static bool is_adopted(struct deadline_keeper *keeper, unsigned long inode)
{
	bool is_found = false;

	pthread_mutex_lock(&keeper->mutex);
	for (const struct deadline *d = keeper->first; d && !is_found; d = d->next)
		is_found = d->inode == inode;
	pthread_mutex_unlock(&keeper->mutex);
	return is_found;
}

/* Is the descriptor `name` in /proc/self/fd a connection to the relay that nobody has adopted?  A socket's
 * inode names it, whatever its numbers; the link tells it without touching a descriptor that may be another
 * thread's. */
static bool is_new_session(struct deadline_keeper *keeper, int folder, const char *name, uint16_t port,
			   unsigned long *ret_inode)
{
	struct sockaddr_storage peer = {0};
	socklen_t size = sizeof(peer);
	char target[64];
	ssize_t length = readlinkat(folder, name, target, sizeof(target) - 1);

	if (length < 0)
		return false;
	target[length] = '\0';
	if (sscanf(target, "socket:[%lu]", ret_inode) != 1 || is_adopted(keeper, *ret_inode))
		return false;
	return getpeername((int)strtol(name, NULL, 10), (struct sockaddr *)&peer, &size) == 0 &&
	       port_of(&peer) == port;
}

/* A duplicate of the new session's socket, or -1. */
static int find_session(struct deadline_keeper *keeper, uint16_t port, unsigned long *ret_inode)
{
	DIR *folder = opendir("/proc/self/fd");
	int found = -1;

	if (!folder)
		return -1;
	for (struct dirent *entry; found < 0 && (entry = readdir(folder));)
		if (is_new_session(keeper, dirfd(folder), entry->d_name, port, ret_inode))
			found = fcntl((int)strtol(entry->d_name, NULL, 10), F_DUPFD_CLOEXEC, 3);
	closedir(folder);
	return found;
}

/* Takes own_fd, also when it fails. */
static struct deadline *add(struct deadline_keeper *keeper, int own_fd, unsigned long inode, int64_t until_ms)
{
	struct deadline *deadline = own_fd >= 0 ? calloc(1, sizeof(*deadline)) : NULL;

	if (!deadline) {
		if (own_fd >= 0)
			close(own_fd);
		return NULL;
	}
	*deadline = (struct deadline){.keeper = keeper, .fd = own_fd, .inode = inode, .until_ms = until_ms};
	pthread_mutex_lock(&keeper->mutex);
	deadline->next = keeper->first;
	keeper->first = deadline;
	pthread_cond_signal(&keeper->moved);
	pthread_mutex_unlock(&keeper->mutex);
	return deadline;
}

enum herald_code deadline_adopt(struct deadline_keeper *keeper, uint16_t port, int64_t until_ms,
				struct deadline **ret_deadline)
{
	unsigned long inode = 0;
	int fd = find_session(keeper, port, &inode);
	struct deadline *deadline = add(keeper, fd, inode, until_ms);

	deadline_hang_up(keeper);
	if (!deadline)
		return HERALD_NOT_FOUND;
	*ret_deadline = deadline;
	return HERALD_OK;
}

enum herald_code deadline_watch(struct deadline_keeper *keeper, int fd, int64_t until_ms,
				struct deadline **ret_deadline)
{
	struct deadline *deadline = add(keeper, fcntl(fd, F_DUPFD_CLOEXEC, 3), 0, until_ms);

	if (!deadline)
		return HERALD_LIMIT;
	*ret_deadline = deadline;
	return HERALD_OK;
}

void deadline_move(struct deadline *deadline, int64_t until_ms)
{
	struct deadline_keeper *keeper = deadline->keeper;

	pthread_mutex_lock(&keeper->mutex);
	/* A later time needs no waking: the thread looks again when it wakes for the earlier one. */
	if (until_ms < deadline->until_ms)
		pthread_cond_signal(&keeper->moved);
	deadline->until_ms = until_ms;
	pthread_mutex_unlock(&keeper->mutex);
}

void deadline_cut(struct deadline *deadline)
{
	pthread_mutex_lock(&deadline->keeper->mutex);
	if (!deadline->is_over)
		shutdown(deadline->fd, SHUT_RDWR);
	deadline->is_over = true;
	pthread_mutex_unlock(&deadline->keeper->mutex);
}

bool deadline_is_connected(struct deadline *deadline)
{
	struct pollfd socket = {.fd = deadline->fd, .events = POLLRDHUP};

	return poll(&socket, 1, 0) == 0;
}

bool deadline_is_over(struct deadline *deadline)
{
	pthread_mutex_lock(&deadline->keeper->mutex);
	bool is_over = deadline->is_over;
	pthread_mutex_unlock(&deadline->keeper->mutex);
	return is_over;
}

void deadline_free(struct deadline *deadline)
{
	if (!deadline)
		return;
	struct deadline_keeper *keeper = deadline->keeper;
	struct deadline **at;

	pthread_mutex_lock(&keeper->mutex);
	for (at = &keeper->first; *at != deadline; at = &(*at)->next)
		;
	*at = deadline->next;
	pthread_mutex_unlock(&keeper->mutex);
	close(deadline->fd);
	free(deadline);
}

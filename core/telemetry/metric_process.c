/* metric_process.c - what the kernel knows of this process, under the names that Prometheus uses everywhere.
 *
 * What cannot be read is left out: a figure that is not there is better than a wrong one. */
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "telemetry/private.h"
#include "base/check.h"

struct process_facts {
	double cpu_seconds, start_seconds; /* start: UTC */
	uint64_t threads, virtual_bytes, resident_bytes;
};

static bool process_read(struct process_facts *ret_facts)
{
	char text[1024];
	int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
	ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (fd >= 0)
		close(fd);
	if (size <= 0)
		return false;
	text[size] = 0;

	/* The program's own name stands in brackets and may hold anything: begin behind the last one. */
	const char *at = strrchr(text, ')');
	unsigned long user, kernel, threads, virtual;
	unsigned long long start;
	long pages;
	/* proc(5): 3 state ... 14 utime, 15 stime, ... 20 num_threads, 21, 22 starttime, 23 vsize, 24 rss */
	if (at == NULL ||
	    sscanf(at + 1,
		   " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %*d %*d %*d %*d %lu %*d %llu "
		   "%lu %ld",
		   &user, &kernel, &threads, &start, &virtual, &pages) != 6)
		return false;

	double ticks = (double)sysconf(_SC_CLK_TCK);
	struct timespec up;
	CHECK(clock_gettime(CLOCK_BOOTTIME, &up) == 0);
	double up_seconds = (double)up.tv_sec + (double)up.tv_nsec / 1e9;
	ret_facts->cpu_seconds = (double)(user + kernel) / ticks;
	ret_facts->start_seconds = (double)clock_wall_ms() / 1e3 - up_seconds + (double)start / ticks;
	ret_facts->threads = threads;
	ret_facts->virtual_bytes = virtual;
	ret_facts->resident_bytes = (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
	return true;
}

static bool descriptors_count(uint64_t *ret_count)
{
	DIR *folder = opendir("/proc/self/fd");
	if (folder == NULL)
		return false;
	uint64_t count = 0;
	for (const struct dirent *entry; (entry = readdir(folder)) != NULL;)
		count += entry->d_name[0] != '.';
	closedir(folder);
	*ret_count = count - 1; /* the folder's own */
	return true;
}

static void figure(struct herald_builder *builder, const char *name, const char *type, const char *help,
		   double value)
{
	herald_addf(builder, "# HELP %s %s\n# TYPE %s %s\n%s %.15g\n", name, help, name, type, name, value);
}

void metric_process_text(struct herald_builder *builder)
{
	struct process_facts facts;
	if (process_read(&facts)) {
		figure(builder, "process_cpu_seconds_total", "counter",
		       "Time on the processors, user and kernel.", facts.cpu_seconds);
		figure(builder, "process_start_time_seconds", "gauge",
		       "Start of the process since 1970, UTC.", facts.start_seconds);
		figure(builder, "process_threads", "gauge", "Threads of the process.", (double)facts.threads);
		figure(builder, "process_virtual_memory_bytes", "gauge", "Address space in use.",
		       (double)facts.virtual_bytes);
		figure(builder, "process_resident_memory_bytes", "gauge", "Memory in use.",
		       (double)facts.resident_bytes);
	}
	uint64_t open_fds;
	if (descriptors_count(&open_fds))
		figure(builder, "process_open_fds", "gauge", "Open file descriptors.", (double)open_fds);
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
		figure(builder, "process_max_fds", "gauge", "Most file descriptors that may be open.",
		       (double)limit.rlim_cur);
}

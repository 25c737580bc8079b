/* clock.c - preloaded into a daemon, it moves the wall clock by as many milliseconds as the file says that
 * HERALD_TEST_CLOCK names (8 bytes, mapped: a test writes them at any time).  The monotonic clock stays. */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "herald/abi.h"

HERALD_EXPORT int clock_gettime(clockid_t clock, struct timespec *ret_now);
HERALD_EXPORT time_t time(time_t *ret_now);

static const volatile int64_t *shift;

__attribute__((constructor)) static void clock_open(void)
{
	const char *path = getenv("HERALD_TEST_CLOCK");
	int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;

	if (file < 0)
		return;
	void *place = mmap(NULL, sizeof(*shift), PROT_READ, MAP_SHARED, file, 0);
	if (place != MAP_FAILED)
		shift = place;
	close(file);
}

int clock_gettime(clockid_t clock, struct timespec *ret_now)
{
	static int (*real)(clockid_t, struct timespec *);

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
	int result = real(clock, ret_now);
	if (result != 0 || !shift || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE))
		return result;
	int64_t ns = ret_now->tv_nsec + *shift % 1000 * 1000000;
	ret_now->tv_sec += *shift / 1000 + (ns >= 1000000000) - (ns < 0);
	ret_now->tv_nsec = (ns + 1000000000) % 1000000000;
	return result;
}

time_t time(time_t *ret_now)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (ret_now)
		*ret_now = now.tv_sec;
	return now.tv_sec;
}

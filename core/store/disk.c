/* disk.c - how much room the file system has, and the ballast: a file whose only use is to be given up.
 *
 * On a full disk SQLite can neither delete nor checkpoint, so a queue that fills the disk could not drain
 * either.  New work is refused below a floor; what is in hand ends on the room that the ballast leaves.  The
 * writer thread looks; any thread may read what it saw. */
#include "store/private.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/check.h"

static const char ballast_name[] = "ballast";

void store_tell(const struct store_settings *settings, enum store_news news, const char *why)
{
	if (settings->hooks.news != NULL)
		settings->hooks.news(settings->hooks.context, news, why);
}

static void disk_say(struct disk *disk, bool is_short, const char *why)
{
	pthread_mutex_lock(&disk->lock);
	snprintf(disk->why, sizeof(disk->why), "%s", why);
	pthread_mutex_unlock(&disk->lock);
	if (atomic_exchange(&disk->is_short, is_short) != is_short)
		store_tell(disk->settings, is_short ? STORE_NEWS_FULL : STORE_NEWS_ROOM, why);
}

static uint64_t disk_free(struct disk *disk)
{
	struct statvfs status;
	if (fstatvfs(disk->dir, &status) != 0)
		return 0;
	uint64_t bytes = (uint64_t)status.f_bavail * status.f_frsize;
	atomic_store(&disk->free_bytes, bytes);
	return bytes;
}

/* True blocks, not a hole: a hole would give nothing back. */
static bool ballast_make(struct disk *disk)
{
	int fd = openat(disk->dir, ballast_name, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return false;
	bool is_made = posix_fallocate(fd, 0, (off_t)disk->settings->ballast_bytes) == 0;
	close(fd);
	if (!is_made)
		unlinkat(disk->dir, ballast_name, 0);
	return is_made;
}

void disk_init(struct disk *disk, const struct store_settings *settings, int dir)
{
	disk->dir = dir;
	disk->settings = settings;
	disk->has_ballast = faccessat(dir, ballast_name, F_OK, 0) == 0;
	disk_look(disk);
}

void disk_look(struct disk *disk)
{
	const struct store_settings *settings = disk->settings;
	uint64_t bytes = disk_free(disk);
	bool is_short = atomic_load(&disk->is_short);

	/* With room for both the floor and the ballast the trouble is over; a little above the floor is not
	 * enough, or the gate would swing with every commit. */
	if (!disk->has_ballast && settings->ballast_bytes > 0 &&
	    bytes > settings->free_space_floor_bytes + settings->ballast_bytes) {
		disk->has_ballast = ballast_make(disk);
		bytes = disk_free(disk);
	}
	bool is_whole = disk->has_ballast || settings->ballast_bytes == 0;
	if (!is_short && bytes < settings->free_space_floor_bytes)
		disk_say(disk, true, "the disk has less free space than free_space_floor");
	else if (is_short && is_whole && bytes >= settings->free_space_floor_bytes)
		disk_say(disk, false, "");
}

bool ballast_give_up(struct disk *disk)
{
	disk_say(disk, true, "the disk is full");
	if (!disk->has_ballast)
		return false;
	unlinkat(disk->dir, ballast_name, 0);
	disk->has_ballast = false;
	return true;
}

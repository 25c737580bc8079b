/* boards.c - what an earlier daemon's channel processes left behind.
 *
 * A board is read only after its holder ended: until then the holder may still move a slot to the wire. */
#include "channel/supervisor.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "channel/private.h"
#include "base/check.h"

enum {
	HOLDER_WAIT_MS = 15 * 1000, /* longer than orphan_timeout */
	KILLED_WAIT_MS = 5 * 1000,
	LOOK_AGAIN_MS = 10,
	BOARDS_MAX = 10000,
};

struct found {
	struct board *board;
	const char *path;
};

/* A path for each *.board in the directory; none when there is no such directory. */
static enum herald_code boards_list(const char *board_dir, struct arena *arena, const char ***ret_paths,
				    size_t *ret_count, struct herald_error *err)
{
	DIR *dir = opendir(board_dir);
	const char **paths = arena_array_of(arena, BOARDS_MAX, const char *);
	size_t count = 0;
	struct dirent *entry;

	if (!dir && errno != ENOENT)
		return herald_fail(err, HERALD_IO, "opening %s: %s", board_dir, strerrordesc_np(errno));
	enum herald_code code = HERALD_OK;
	while (dir && code == HERALD_OK && (entry = readdir(dir))) {
		size_t size = strlen(entry->d_name), end = strlen(".board");
		if (size <= end || strcmp(entry->d_name + size - end, ".board") != 0)
			continue;
		if (count == BOARDS_MAX)
			code = herald_fail(err, HERALD_LIMIT, "%s holds more than %d boards", board_dir,
					   (int)BOARDS_MAX);
		else
			paths[count++] = arena_printf(arena, "%s/%s", board_dir, entry->d_name);
	}
	if (dir)
		closedir(dir);
	*ret_paths = paths;
	*ret_count = count;
	return code;
}

/* Was nothing ever written where a board says that it is one?  Then no ticket was ever on it. */
static bool was_never_used(const char *path)
{
	uint8_t magic[8] = {0};
	FILE *file = fopen(path, "re");

	if (!file)
		return false;
	size_t got = fread(magic, 1, sizeof(magic), file);
	fclose(file);
	return got < sizeof(magic) || memcmp(magic, (uint8_t[8]){0}, sizeof(magic)) == 0;
}

static enum herald_code boards_open(const char *const *paths, size_t path_count, struct found *found,
				    size_t *ret_count, struct herald_error *err)
{
	for (size_t i = 0; i < path_count; i++) {
		enum herald_code code = board_open(paths[i], &found[*ret_count].board, err);
		if (code == HERALD_OK)
			found[(*ret_count)++].path = paths[i];
		else if (code != HERALD_NOT_FOUND && (code != HERALD_CORRUPT || !was_never_used(paths[i])))
			return code;
	}
	return HERALD_OK;
}

static void wait_a_little(void)
{
	struct timespec span = {.tv_nsec = LOOK_AGAIN_MS * 1000000L};

	nanosleep(&span, NULL);
}

static enum herald_code holder_await(const struct found *found, int64_t until_ms, struct herald_error *err)
{
	int64_t killed_ms = 0;
	pid_t holder;

	while ((holder = board_holder(found->board)) != 0) {
		int64_t now_ms = clock_mono_ms();
		if (killed_ms == 0 && now_ms >= until_ms) {
			killed_ms = now_ms;
			if (holder > 0)
				kill(holder, SIGKILL);
		}
		if (killed_ms > 0 && now_ms >= killed_ms + KILLED_WAIT_MS)
			return herald_fail(err, HERALD_BUSY,
					   "process %d holds %s and does not end: end it and start again",
					   (int)holder, found->path);
		wait_a_little();
	}
	return HERALD_OK;
}

static size_t slots_used(const struct board *board)
{
	struct left_slot slot;
	uint64_t ticket;
	size_t used = 0;

	for (uint32_t i = 0; i < board_slots(board); i++)
		used += board_read(board, i, &slot.identity, &slot.state, &ticket, &slot.outcome);
	return used;
}

static void slots_read(const struct board *board, struct left_slot *slots, size_t *count)
{
	static const uint8_t no_boot[16];
	struct board_head head = board_head(board);
	uint8_t boot[16];

	board_boot_id(boot);
	bool is_same_boot =
		memcmp(head.boot_id, boot, sizeof(boot)) == 0 && memcmp(boot, no_boot, sizeof(boot)) != 0;
	for (uint32_t i = 0; i < board_slots(board); i++) {
		struct left_slot slot = {.has_left = head.has_left, .is_same_boot = is_same_boot};
		uint64_t ticket;
		if (board_read(board, i, &slot.identity, &slot.state, &ticket, &slot.outcome))
			slots[(*count)++] = slot;
	}
}

enum herald_code boards_resolve(const char *board_dir, struct arena *arena, struct left_slot **ret_slots,
				size_t *ret_count, struct herald_error *err)
{
	return boards_resolve_within(board_dir, HOLDER_WAIT_MS, arena, ret_slots, ret_count, err);
}

enum herald_code boards_resolve_within(const char *board_dir, int64_t holder_wait_ms, struct arena *arena,
				       struct left_slot **ret_slots, size_t *ret_count,
				       struct herald_error *err)
{
	const char **paths;
	size_t path_count, found_count = 0, slot_max = 0, count = 0;
	int64_t until_ms = clock_mono_ms() + holder_wait_ms;
	enum herald_code code = boards_list(board_dir, arena, &paths, &path_count, err);

	if (code != HERALD_OK)
		return code;
	struct found *found = arena_array_of(arena, path_count, struct found);
	code = boards_open(paths, path_count, found, &found_count, err);
	for (size_t i = 0; i < found_count && code == HERALD_OK; i++) {
		code = holder_await(&found[i], until_ms, err);
		slot_max += slots_used(found[i].board);
	}
	if (code == HERALD_OK) {
		*ret_slots = arena_array_of(arena, slot_max, struct left_slot);
		for (size_t i = 0; i < found_count; i++)
			slots_read(found[i].board, *ret_slots, &count);
		*ret_count = count;
	}
	for (size_t i = 0; i < found_count; i++)
		board_free(found[i].board);
	return code;
}

enum herald_code boards_forget(const char *board_dir, int64_t except_run, struct herald_error *err)
{
	struct arena *arena = arena_new();
	const char **paths;
	size_t count = 0;
	enum herald_code code = boards_list(board_dir, arena, &paths, &count, err);

	for (size_t i = 0; i < count && code == HERALD_OK; i++) {
		struct board *board = NULL;
		bool is_kept = board_open(paths[i], &board, NULL) == HERALD_OK &&
			       board_head(board).run == except_run;
		board_free(board);
		if (!is_kept && unlink(paths[i]) < 0 && errno != ENOENT)
			code = herald_fail(err, HERALD_IO, "removing %s: %s", paths[i],
					   strerrordesc_np(errno));
	}
	arena_free(arena);
	return code;
}

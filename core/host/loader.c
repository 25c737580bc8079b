/* loader.c - the rules of loading, in the order in which they can be asked.
 *
 * The file is opened once and everything after is asked of that descriptor, dlopen included: what was checked
 * is what is loaded, whatever happens to the name meanwhile. */
#include "host/loader.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/elf.h"
#include "base/check.h"

enum {
	NAME_BYTES = 32,
	PATH_BYTES = 4096,
	OPTIONS_MAX = 256,
	METERS_MAX = 64,
	CONFIG_BYTES_MAX = 64 * 1024,
	BATCH_MAX = 1000,
	MAJORS_TRIED = 9,
};

/* ^[a-z][a-z0-9_]{0,31}$ */
static bool name_is_good(const char *name, size_t length)
{
	if (length < 1 || length > NAME_BYTES || name[0] < 'a' || name[0] > 'z')
		return false;
	for (size_t i = 0; i < length; i++)
		if (!((name[i] >= 'a' && name[i] <= 'z') || (name[i] >= '0' && name[i] <= '9') ||
		      name[i] == '_'))
			return false;
	return true;
}

/* --- may the file be trusted? --- */

/* Somebody else's to write: group or others may, or its owner is neither root nor us. */
static enum herald_code check_writers(const struct stat *status, const char *what, bool is_sticky_fine,
				      struct herald_error *err)
{
	bool is_open = (status->st_mode & (S_IWGRP | S_IWOTH)) != 0;

	if (status->st_uid != 0 && status->st_uid != geteuid())
		return herald_fail(err, HERALD_DENIED, "%s belongs to user %u: it must be root's or our own",
				   what, (unsigned)status->st_uid);
	if (is_open && !(is_sticky_fine && S_ISDIR(status->st_mode) && (status->st_mode & S_ISVTX)))
		return herald_fail(err, HERALD_DENIED, "%s may be written by others (mode %04o): chmod go-w",
				   what, (unsigned)status->st_mode & 07777);
	return HERALD_OK;
}

/* The folder and every one above it: whoever may write one of them may put another file in place.  In a
 * sticky one (/tmp) nobody can replace what is another's, but anybody can add: fine above, and for a file
 * that is named, not for a folder that is searched. */
static enum herald_code check_folders(char *folder, bool is_searched, struct herald_error *err)
{
	struct stat status;

	for (bool is_first = true;; is_first = false) {
		char *slash = strrchr(folder, '/');

		if (stat(folder[0] ? folder : "/", &status) < 0)
			return herald_fail(err, HERALD_IO, "%s: %s", folder, strerrordesc_np(errno));
		enum herald_code code =
			check_writers(&status, folder[0] ? folder : "/", !(is_first && is_searched), err);
		if (code != HERALD_OK || !slash)
			return code;
		*slash = '\0';
	}
}

static enum herald_code check_place(const char *path, struct herald_error *err)
{
	char folder[PATH_BYTES];

	if (!realpath(path, folder))
		return herald_fail(err, HERALD_NOT_FOUND, "%s", strerrordesc_np(errno));
	*strrchr(folder, '/') = '\0';
	return check_folders(folder, false, err);
}

/* A search path of its own is as good as the folders in it: each must be absolute and nobody else's to write,
 * or whoever writes there chooses the code that runs here. */
static enum herald_code check_search_path(int fd, struct herald_error *err)
{
	struct arena *arena = arena_new();
	const char *path = "";
	enum herald_code code = elf_search_path(fd, arena, &path, err);

	for (const char *at = path; code == HERALD_OK && *at;) {
		size_t length = strcspn(at, ":");
		char folder[PATH_BYTES];

		if (at[0] != '/')
			code = herald_fail(
				err, HERALD_DENIED,
				"it looks for libraries in '%.*s' (RUNPATH): only absolute folders",
				(int)length, at);
		else if (realpath(arena_printf(arena, "%.*s", (int)length, at), folder))
			code = check_folders(folder, true, err);
		at += length + (at[length] == ':');
	}
	arena_free(arena);
	return code;
}

static enum herald_code check_name(const char *path, struct herald_error *err)
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
	size_t length = strlen(base);

	if (strlen(path) >= PATH_BYTES)
		return herald_fail(err, HERALD_LIMIT, "the path is longer than %d bytes", PATH_BYTES - 1);
	if (length <= 3 || strcmp(base + length - 3, ".so") != 0 || !name_is_good(base, length - 3))
		return herald_fail(err, HERALD_INVALID,
				   "a plugin's file is called NAME.so, NAME of a-z, 0-9 and _, at most %d, a "
				   "letter first",
				   NAME_BYTES);
	return HERALD_OK;
}

static enum herald_code open_trusted(const char *path, int *ret_fd, struct herald_error *err)
{
	enum herald_code code = check_name(path, err);
	if (code != HERALD_OK)
		return code;

	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 && errno == ELOOP)
		return herald_fail(err, HERALD_DENIED, "it is a symbolic link: name the file itself");
	if (fd < 0)
		return herald_fail(err, errno == ENOENT ? HERALD_NOT_FOUND : HERALD_IO, "%s",
				   strerrordesc_np(errno));
	struct stat status;
	if (fstat(fd, &status) < 0)
		code = herald_fail(err, HERALD_IO, "%s", strerrordesc_np(errno));
	else if (!S_ISREG(status.st_mode))
		code = herald_fail(err, HERALD_DENIED, "it is not a regular file");
	else
		code = check_writers(&status, "the file", false, err);
	if (code == HERALD_OK)
		code = check_place(path, err);
	if (code == HERALD_OK)
		code = check_search_path(fd, err);
	if (code != HERALD_OK) {
		close(fd);
		return code;
	}
	*ret_fd = fd;
	return HERALD_OK;
}

/* --- is it one of ours? --- */

static enum herald_code fail_symbol(void *library, struct herald_error *err)
{
	char symbol[32];

	for (unsigned major = 2; major <= MAJORS_TRIED; major++) {
		snprintf(symbol, sizeof(symbol), "herald_channel_v%u", major);
		if (dlsym(library, symbol))
			return herald_fail(
				err, HERALD_UNSUPPORTED,
				"it speaks ABI %u, this program speaks %u: build it against this version",
				major, HERALD_ABI_MAJOR);
	}
	return herald_fail(err, HERALD_UNSUPPORTED,
			   "it has no symbol herald_channel_v%u: not a channel plugin", HERALD_ABI_MAJOR);
}

static const struct herald_plugin *find_table(void *library, struct herald_error *err)
{
	const struct herald_plugin *(*entry)(void);
	void *symbol = dlsym(library, "herald_channel_v1");

	if (!symbol) {
		fail_symbol(library, err);
		return NULL;
	}
	memcpy(&entry, &symbol, sizeof(entry));
	const struct herald_plugin *plugin = entry();
	if (!plugin)
		herald_fail(err, HERALD_INVALID, "herald_channel_v1 answered NULL");
	return plugin;
}

/* --- is its table sane? --- */

static enum herald_code check_size(const struct herald_plugin *plugin, struct herald_error *err)
{
	/* 1.0 ends with telemetry, but what is optional may be missing: it is asked with HERALD_HAS. */
	if (!HERALD_HAS(struct herald_plugin, plugin, send_batch))
		return herald_fail(err, HERALD_INVALID, "struct_size %zu is smaller than a table of 1.0",
				   plugin->struct_size);
	if (plugin->abi >> 16 != HERALD_ABI_MAJOR)
		return herald_fail(err, HERALD_UNSUPPORTED, "its table says ABI %u, its symbol says %u",
				   plugin->abi >> 16, HERALD_ABI_MAJOR);
	return HERALD_OK;
}

static enum herald_code check_words(const struct herald_plugin *plugin, struct herald_error *err)
{
	if (!plugin->name || !name_is_good(plugin->name, strlen(plugin->name)))
		return herald_fail(err, HERALD_INVALID, "its name is not [a-z][a-z0-9_]{0,31}");
	if (!plugin->kind || !name_is_good(plugin->kind, strlen(plugin->kind)))
		return herald_fail(err, HERALD_INVALID, "its kind is not [a-z][a-z0-9_]{0,31}");
	if (!plugin->version || !plugin->version[0] || strlen(plugin->version) > NAME_BYTES)
		return herald_fail(err, HERALD_INVALID, "it has no version of at most %d bytes", NAME_BYTES);
	if (!plugin->summary || !plugin->summary[0])
		return herald_fail(err, HERALD_INVALID, "it has no summary");
	return HERALD_OK;
}

static enum herald_code check_calls(const struct herald_plugin *plugin, struct herald_error *err)
{
	if (plugin->flags & ~(uint32_t)(HERALD_BLOCKING | HERALD_SERIAL))
		return herald_fail(err, HERALD_INVALID, "it sets flags that nobody knows");
	if ((plugin->flags & HERALD_SERIAL) && !(plugin->flags & HERALD_BLOCKING))
		return herald_fail(err, HERALD_INVALID,
				   "HERALD_SERIAL means nothing without HERALD_BLOCKING");
	if (!plugin->open || !plugin->close)
		return herald_fail(err, HERALD_INVALID, "it lacks %s", !plugin->open ? "open" : "close");
	if (!plugin->send && !plugin->send_batch)
		return herald_fail(err, HERALD_INVALID, "it has neither send nor send_batch");
	if (plugin->send && plugin->send_batch)
		return herald_fail(err, HERALD_INVALID, "it has send and send_batch: only one can be called");
	if (plugin->send_batch && (plugin->batch_max < 1 || plugin->batch_max > BATCH_MAX))
		return herald_fail(err, HERALD_INVALID, "batch_max is %u: 1 to %d", plugin->batch_max,
				   BATCH_MAX);
	if (plugin->batch_by > HERALD_BATCH_CONTENT)
		return herald_fail(err, HERALD_INVALID, "batch_by is %u: nobody knows it", plugin->batch_by);
	if (plugin->idempotent_ms < 0)
		return herald_fail(err, HERALD_INVALID, "idempotent_ms is negative");
	return HERALD_OK;
}

static enum herald_code check_meters(const struct herald_plugin *plugin, struct herald_error *err)
{
	if (plugin->meter_count == 0)
		return HERALD_OK;
	if (plugin->meter_count > METERS_MAX)
		return herald_fail(err, HERALD_LIMIT, "more than %d meters", METERS_MAX);
	if (!plugin->meters || plugin->meter_size < sizeof(struct herald_meter))
		return herald_fail(err, HERALD_INVALID, "its meters' element size is smaller than in 1.0");
	for (size_t i = 0; i < plugin->meter_count; i++) {
		const struct herald_meter *meter =
			(const void *)((const char *)plugin->meters + i * plugin->meter_size);
		if (!meter->name || !name_is_good(meter->name, strlen(meter->name)) || !meter->help ||
		    !meter->help[0])
			return herald_fail(err, HERALD_INVALID, "meter %zu lacks a name or its help", i + 1);
	}
	return HERALD_OK;
}

static enum herald_code check_options(const struct herald_plugin *plugin, struct herald_error *err)
{
	if (plugin->option_count > OPTIONS_MAX)
		return herald_fail(err, HERALD_LIMIT, "more than %d options", OPTIONS_MAX);
	if (plugin->config_size > CONFIG_BYTES_MAX)
		return herald_fail(err, HERALD_LIMIT, "config_size is beyond %d bytes", CONFIG_BYTES_MAX);
	if (plugin->option_count > 0 &&
	    (!plugin->options || plugin->option_size < sizeof(struct herald_option)))
		return herald_fail(err, HERALD_INVALID, "its options' element size is smaller than in 1.0");
	return options_check_table(loader_options(plugin), err);
}

static enum herald_code check_table(const struct herald_plugin *plugin, struct herald_error *err)
{
	/* cppcheck-suppress uninitvar; it takes an array of functions for one without values */
	static enum herald_code (*const rules[])(const struct herald_plugin *, struct herald_error *) = {
		check_size, check_words, check_calls, check_meters, check_options,
	};

	for (size_t i = 0; i < countof(rules); i++) {
		enum herald_code code = rules[i](plugin, err);
		if (code != HERALD_OK)
			return code;
	}
	return HERALD_OK;
}

static enum herald_code load(const char *path, const struct herald_plugin **ret_plugin,
			     struct herald_error *err)
{
	char opened[64];
	int fd = -1;
	enum herald_code code = open_trusted(path, &fd, err);
	if (code != HERALD_OK)
		return code;

	snprintf(opened, sizeof(opened), "/proc/self/fd/%d", fd);
	void *library = dlopen(opened, RTLD_NOW | RTLD_LOCAL);
	/* dlerror names the descriptor's path, which says nothing to anybody. */
	const char *why = library ? NULL : dlerror();
	if (why && strncmp(why, opened, strlen(opened)) == 0)
		why += strlen(opened) + (why[strlen(opened)] == ':' ? 2 : 0);
	/* The descriptor stays open with the library: dlopen knows what it loaded by this name, and would
	 * take another file behind the same number for it. */
	if (!library) {
		close(fd);
		return herald_fail(err, HERALD_INVALID, "it can not be loaded: %s", why ? why : "unknown");
	}

	const struct herald_plugin *plugin = find_table(library, err);
	if (!plugin)
		return (enum herald_code)err->code;
	code = check_table(plugin, err);
	if (code == HERALD_OK)
		*ret_plugin = plugin;
	return code;
}

enum herald_code loader_load(const char *path, const struct herald_plugin **ret_plugin,
			     struct herald_error *err)
{
	if (load(path, ret_plugin, err) == HERALD_OK)
		return HERALD_OK;
	return herald_within(err, "loading %s: ", path);
}

struct option_table loader_options(const struct herald_plugin *plugin)
{
	return (struct option_table){
		.options = plugin->options,
		.count = plugin->option_count,
		.stride = plugin->option_size,
		.config_size = plugin->config_size,
	};
}

enum herald_code loader_fill(const struct herald_plugin *plugin, const char *channel,
			     const struct wire_option *options, size_t count, struct arena *arena,
			     void **ret_config, struct herald_error *err)
{
	struct option_table table = loader_options(plugin);
	struct option_given *given = arena_array_of(arena, count, struct option_given);
	struct complaints complaints;
	void *config = arena_alloc(arena, plugin->config_size);

	for (size_t i = 0; i < count; i++) {
		given[i] = (struct option_given){
			.name = options[i].name,
			.values = options[i].values,
			.value_count = options[i].value_count,
			.is_list = options[i].is_list,
			.is_secret = options[i].is_secret,
			.place = {.file = options[i].where},
		};
	}
	complaints_init(&complaints, arena);
	const struct options_task task = {
		.table = table,
		.given = given,
		.given_count = count,
		.what = arena_printf(arena, "channel '%s'", channel),
		.home = {.file = "configuration"},
		.arena = arena,
	};
	options_fill(&task, config, &complaints);
	enum herald_code code = complaints_code(&complaints, err);
	if (code == HERALD_OK)
		*ret_config = config;
	return code;
}

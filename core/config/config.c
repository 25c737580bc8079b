/* config.c - from a folder of files to one checked, immutable snapshot.
 *
 * Invariant: a snapshot that is handed out had no fault at all; with one, nothing is handed out, and every
 * fault was told. */
#include "config/config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/limits.h"
#include "config/private.h"
#include "base/check.h"

/* --- files --- */

static bool is_config_file(const char *name)
{
	size_t size = strlen(name);
	return name[0] != '.' && size > strlen(".yaml") &&
	       strcmp(name + size - strlen(".yaml"), ".yaml") == 0;
}

static int by_name(const void *one, const void *other)
{
	return strcmp(*(const char *const *)one, *(const char *const *)other);
}

static size_t list_files(struct config_loader *loader, const char *dir, const char *ret_names[FILES_MAX])
{
	struct option_place place = {.file = dir};
	DIR *folder = opendir(dir);
	if (folder == NULL) {
		complain(loader->complaints, place, "cannot read the configuration: %s", strerror(errno));
		return 0;
	}
	size_t count = 0;
	for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
		if (!is_config_file(entry->d_name))
			continue;
		if (count == FILES_MAX) {
			complain(loader->complaints, place, "more than %d files", FILES_MAX);
			break;
		}
		ret_names[count++] = arena_text(loader->arena, entry->d_name);
	}
	closedir(folder);
	qsort(ret_names, count, sizeof(ret_names[0]), by_name);
	return count;
}

static const char *file_fault(int fd, struct stat *ret_facts)
{
	if (fd < 0 || fstat(fd, ret_facts) != 0)
		return strerror(errno);
	if (!S_ISREG(ret_facts->st_mode))
		return "not a regular file";
	if (ret_facts->st_mode & S_IWOTH)
		return "everybody can change it: chmod o-w it";
	if (ret_facts->st_size > FILE_BYTES_MAX)
		return "larger than 1 MiB";
	return NULL;
}

/* The whole file, or "" and a complaint. */
static struct herald_text file_read(struct config_loader *loader, const char *path)
{
	struct stat facts = {0};
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	const char *fault = file_fault(fd, &facts);
	size_t size = fault == NULL ? (size_t)facts.st_size : 0, used = 0;
	char *data = arena_alloc(loader->arena, size + 1);
	while (used < size) {
		ssize_t got = read(fd, data + used, size - used);
		if (got < 0 && errno != EINTR)
			fault = strerror(errno);
		if (got == 0 || fault != NULL)
			break;
		used += got > 0 ? (size_t)got : 0;
	}
	if (fd >= 0)
		close(fd);
	if (fault != NULL)
		complain(loader->complaints, (struct option_place){.file = path}, "%s", fault);
	return text_of(data, fault == NULL ? used : 0);
}

/* --- sections --- */

static void complain_no_section(struct config_loader *loader, const struct node *node)
{
	static const struct herald_option names[] = {{.name = "server"},
						     {.name = "store"},
						     {.name = "delivery"},
						     {.name = "log"},
						     {.name = "channels"}};
	const char *nearest =
		options_nearest((struct option_table){names, countof(names), sizeof(names[0]), 0}, node->key);
	if (nearest != NULL)
		complain(loader->complaints, node->key_place, "there is no section '%.64s'; is '%s' meant?",
			 node->key, nearest);
	else
		complain(loader->complaints, node->key_place, "there is no section '%.64s'", node->key);
}

static void read_section(struct config_loader *loader, size_t section, const struct node *node)
{
	if (node->kind == NODE_SCALAR && node->is_null)
		return; /* a heading with everything under it commented out */
	if (node->kind != NODE_MAP) {
		complain(loader->complaints, node->place, "section '%s' must be a mapping of options",
			 node->key);
		return;
	}
	for (const struct node *child = node->first; child != NULL; child = child->next) {
		struct option_given given;
		if (given_from_node(child, child->key, loader->arena, loader->complaints, &given))
			given_add(&loader->inner->sections[section], loader->arena, &given);
	}
}

static void read_root(struct config_loader *loader, const struct node *root)
{
	size_t count;
	const struct config_section *sections = config_sections(&count);
	for (const struct node *child = root->first; child != NULL; child = child->next) {
		size_t section = 0;
		while (section < SECTION_CHANNEL && strcmp(sections[section].name, child->key) != 0)
			section++;
		if (section < SECTION_CHANNEL)
			read_section(loader, section, child);
		else if (strcmp(child->key, "channels") == 0)
			config_read_channels(loader, child);
		else
			complain_no_section(loader, child);
	}
}

static void read_files(struct config_loader *loader, const char *dir)
{
	const char *names[FILES_MAX];
	size_t count = list_files(loader, dir, names);
	for (size_t i = 0; i < count; i++) {
		const char *path = arena_printf(loader->arena, "%s/%s", dir, names[i]);
		struct herald_text text = file_read(loader, path);
		const struct node *root =
			node_read(path, text.data, text.size, loader->arena, loader->complaints);
		if (root != NULL)
			read_root(loader, root);
	}
}

/* --- what one option cannot know --- */

static struct option_place place_of(const struct config_loader *loader, size_t section, const char *option)
{
	const struct given_list *list = &loader->inner->sections[section];
	const struct option_given *given = given_last(list->items, list->count, option);
	return given == NULL ? (struct option_place){.file = "default"} : given->place;
}

enum herald_code config_listen_parse(const char *text, char ret_host[CONFIG_HOST_SIZE], uint16_t *ret_port,
				     struct herald_error *err)
{
	const char *colon = strrchr(text, ':'), *begin = text;
	int64_t port;
	if (colon == NULL || option_int_parse(colon + 1, &port, NULL) != HERALD_OK || port < 0 ||
	    port > 65535 || colon[1] == '-')
		return herald_fail(err, HERALD_INVALID,
				   "must be host:port, like 127.0.0.1:8470 or [::1]:8470");
	size_t size = (size_t)(colon - text);
	bool is_bracketed = text[0] == '[';
	if (is_bracketed) {
		if (size < 2 || colon[-1] != ']')
			return herald_fail(err, HERALD_INVALID, "must be [address]:port for IPv6");
		begin++;
		size -= 2;
	}
	if (size == 0 || size >= CONFIG_HOST_SIZE || (!is_bracketed && memchr(begin, ':', size) != NULL))
		return herald_fail(err, HERALD_INVALID,
				   "must be host:port, like 127.0.0.1:8470 or [::1]:8470");
	memcpy(ret_host, begin, size);
	ret_host[size] = 0;
	*ret_port = (uint16_t)port;
	return HERALD_OK;
}

static void check_server(struct config_loader *loader, struct config_server *server)
{
	struct herald_error err = {0};
	char host[CONFIG_HOST_SIZE];
	uint16_t port;
	if (config_listen_parse(server->listen, host, &port, &err) != HERALD_OK)
		complain(loader->complaints, place_of(loader, SECTION_SERVER, "listen"),
			 "option 'listen' of section 'server' %s, got '%.64s'", err.text, server->listen);
	if (strlen(server->admin_socket) >= sizeof(((struct sockaddr_un *)0)->sun_path))
		complain(loader->complaints, place_of(loader, SECTION_SERVER, "admin_socket"),
			 "the path of the admin socket is too long for a socket: '%.120s'",
			 server->admin_socket);
	size_t size = strlen(server->problem_base);
	if (size == 0 || server->problem_base[size - 1] != '/')
		complain(loader->complaints, place_of(loader, SECTION_SERVER, "problem_base"),
			 "option 'problem_base' of section 'server' must end with /");
	static const char *const paths[] = {"plugin_dir", "host_program"};
	const char *const values[] = {server->plugin_dir, server->host_program};
	for (size_t i = 0; i < countof(paths); i++) {
		if (values[i][0] != 0 && values[i][0] != '/')
			complain(loader->complaints, place_of(loader, SECTION_SERVER, paths[i]),
				 "option '%s' of section 'server' must be an absolute path", paths[i]);
	}
}

static void check_delivery(struct config_loader *loader, const struct config_delivery *delivery)
{
	if (delivery->backoff_least.ms > delivery->backoff_most.ms)
		complain(loader->complaints, place_of(loader, SECTION_DELIVERY, "backoff_least"),
			 "option 'backoff_least' of section 'delivery' is longer than its backoff_most");
	if (delivery->block_least.ms > delivery->block_most.ms)
		complain(loader->complaints, place_of(loader, SECTION_DELIVERY, "block_least"),
			 "option 'block_least' of section 'delivery' is longer than its block_most");
}

/* "" and relative paths begin in home. */
static const char *path_in(struct arena *arena, const char *home, const char *path)
{
	if (path[0] == '/')
		return path;
	return path[0] == 0 ? arena_text(arena, home) : arena_printf(arena, "%s/%s", home, path);
}

static void fill_sections(struct config_loader *loader)
{
	struct config *config = &loader->inner->config;
	size_t count;
	const struct config_section *sections = config_sections(&count);
	for (size_t i = 0; i < SECTION_CHANNEL; i++) {
		struct options_task task = {
			.table = sections[i].table,
			.given = loader->inner->sections[i].items,
			.given_count = loader->inner->sections[i].count,
			.what = arena_printf(loader->arena, "section '%s'", sections[i].name),
			.home = {.file = "default"},
			.arena = loader->arena,
		};
		options_fill(&task, config_section_of(config, i), loader->complaints);
	}
	const struct config_source *source = loader->source;
	config->server.admin_socket =
		path_in(loader->arena, source->run_dir != NULL ? source->run_dir : "/run/herald",
			config->server.admin_socket);
	config->store.path =
		path_in(loader->arena, source->data_dir != NULL ? source->data_dir : "/var/lib/herald",
			config->store.path);
	check_server(loader, &config->server);
	check_delivery(loader, &config->delivery);
}

/* --- the snapshot --- */

enum herald_code config_load(const struct config_source *source, struct complaints *complaints,
			     struct config **ret_config, struct herald_error *err)
{
	struct arena *arena = arena_new();
	struct config_inner *inner = arena_new_of(arena, struct config_inner);
	inner->arena = arena;
	inner->drafts = arena_array_of(arena, CHANNELS_MAX, struct channel_draft);
	atomic_init(&inner->references, 1);
	struct complaints own;
	if (complaints == NULL) {
		complaints_init(&own, arena);
		complaints = &own;
	}

	struct config_loader loader = {
		.source = source, .inner = inner, .arena = arena, .complaints = complaints};
	read_files(&loader, source->dir != NULL ? source->dir : "/etc/herald/conf.d");
	config_apply_environment(&loader);
	config_apply_overrides(&loader);
	fill_sections(&loader);
	config_fill_channels(&loader);

	enum herald_code code = complaints_code(complaints, err);
	if (code == HERALD_OK)
		*ret_config = &inner->config;
	else
		arena_free(arena);
	return code;
}

static struct config_inner *inner_of(struct config *config)
{
	return (struct config_inner *)config;
}

struct config *config_ref(struct config *config)
{
	unsigned before = atomic_fetch_add(&inner_of(config)->references, 1);
	CHECK(before > 0);
	return config;
}

void config_unref(struct config *config)
{
	if (config == NULL)
		return;
	unsigned before = atomic_fetch_sub(&inner_of(config)->references, 1);
	CHECK(before > 0);
	if (before == 1)
		arena_free(inner_of(config)->arena);
}

void config_changes(const struct config *old, const struct config *new, struct complaints *complaints)
{
	const struct config_inner *inner = (const struct config_inner *)new;
	struct arena *arena = arena_new();
	size_t count;
	const struct config_section *sections = config_sections(&count);
	for (size_t section = 0; section < SECTION_CHANNEL; section++) {
		const void *before = config_section_of((struct config *)(uintptr_t)old, section);
		const void *after = config_section_of((struct config *)(uintptr_t) new, section);
		for (size_t i = 0; i < sections[section].table.count; i++) {
			struct herald_option option = options_at(sections[section].table, i);
			if (option.flags & HERALD_RELOADABLE ||
			    strcmp(options_value_text(arena, &option, before),
				   options_value_text(arena, &option, after)) == 0)
				continue;
			const struct given_list *list = &inner->sections[section];
			const struct option_given *given = given_last(list->items, list->count, option.name);
			complain_warning(
				complaints,
				given == NULL ? (struct option_place){.file = "default"} : given->place,
				"option '%s' of section '%s' changes only when the daemon is started again",
				option.name, sections[section].name);
		}
	}
	arena_free(arena);
}

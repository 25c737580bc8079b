/* private.h - inside config: YAML as a tree with places, values by type, and what a snapshot is made of. */
#ifndef CONFIG_PRIVATE_H
#define CONFIG_PRIVATE_H

#include <stdatomic.h>

#include "config/config.h"

enum {
	FILE_BYTES_MAX = 1024 * 1024,
	FILES_MAX = 200,
	NODES_MAX = 20000,
	NODE_DEPTH_MAX = 8,
	OPTIONS_PER_TABLE_MAX = 200,
	OPTIONS_PER_CHANNEL_MAX = 200,
};

/* --- option_value.c --- */

struct option_limits {
	int64_t least, most;
};

/* One value of any type, as text, into the option's field.  Bounds and one_of are checked.  Texts are copied
 * into arena.  err says what it must be ("must be a whole number from 1 to 9, got 'x'"). */
enum herald_code option_value_parse(const struct herald_option *option, const char *text, struct arena *arena,
				    void *field, struct herald_error *err);
enum herald_code option_list_parse(const struct herald_option *option, const char *const *items, size_t count,
				   struct arena *arena, void *field, struct herald_error *err);
/* The number behind an INT, DURATION or SIZE. */
enum herald_code option_number_parse(uint32_t type, const char *text, int64_t *ret_value,
				     struct herald_error *err);
size_t option_type_size(uint32_t type); /* 0: no such type */
bool option_type_has_bounds(uint32_t type);
/* Calls each with every word of "a|b|c" until it says true. */
bool option_one_of_has(const char *one_of, const char *text);

/* --- yaml.c --- */

enum node_kind { NODE_SCALAR = 1, NODE_LIST, NODE_MAP };

struct node {
	enum node_kind kind;
	struct option_place place;
	const char *text; /* SCALAR */
	bool is_null;     /* SCALAR: plain and empty, ~ or null */
	struct node *first, *next;
	size_t count;    /* LIST, MAP: children */
	const char *key; /* of a child of a MAP */
	struct option_place key_place;
};

/* One document with a mapping at the top.  NULL: empty, or complained about. */
struct node *node_read(const char *file, const char *data, size_t size, struct arena *arena,
		       struct complaints *complaints);
struct node *node_child(const struct node *map, const char *key);

/* --- config_given.c: what was given for one section or channel, in order of precedence --- */

struct given_list {
	struct option_given *items;
	size_t count, capacity;
};

void given_add(struct given_list *list, struct arena *arena, const struct option_given *given);
const struct option_given *given_last(const struct option_given *items, size_t count, const char *name);
/* False and a complaint: the node is no value. */
bool given_from_node(const struct node *node, const char *name, struct arena *arena,
		     struct complaints *complaints, struct option_given *ret_given);
struct option_given given_from_text(const char *name, const char *text, struct option_place place,
				    struct arena *arena);

/* --- the snapshot --- */

enum { SECTION_SERVER = 0, SECTION_STORE, SECTION_DELIVERY, SECTION_LOG, SECTION_CHANNEL, SECTION_COUNT };

struct channel_draft {
	const char *name;
	struct option_place place;
	struct given_list given;   /* of the channel table */
	struct given_list options; /* the plugin's */
};

struct config_inner {
	struct config config; /* first */
	atomic_uint references;
	struct arena *arena;
	struct given_list sections[SECTION_COUNT];
	struct channel_draft *drafts; /* beside config.channels */
	size_t draft_count;
};

struct config_loader {
	const struct config_source *source;
	struct config_inner *inner;
	struct arena *arena;
	struct complaints *complaints;
};

void *config_section_of(struct config *config, size_t section);

/* config_given.c: the two layers above the files. */
void config_apply_environment(struct config_loader *loader);
void config_apply_overrides(struct config_loader *loader);
struct channel_draft *config_draft_find(struct config_inner *inner, const char *name, size_t size);

/* config_channel.c */
void config_read_channels(struct config_loader *loader, const struct node *list);
void config_fill_channels(struct config_loader *loader);

#endif

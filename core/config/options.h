/* options.h - typed option tables (herald/option.h) at work: values from text into a struct, complaints a
 * person can act on, and the tables printed.
 *
 * One parser for the operator's value, the fallback and the bounds.  A secret's value is never part of a
 * complaint nor of what is printed.  Pure, apart from the arenas given. */
#ifndef CONFIG_OPTIONS_H
#define CONFIG_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "herald/error.h"
#include "herald/kit.h"
#include "herald/option.h"

enum {
	OPTION_VALUE_BYTES_MAX = 4096,
	OPTION_SECRET_BYTES_MAX = 64 * 1024,
	OPTION_ITEMS_MAX = 1000,
	COMPLAINTS_MAX = 100
};

/* A table, and how big the struct is that it describes.  stride: sizeof(struct herald_option) as its writer
 * knew it. */
struct option_table {
	const struct herald_option *options;
	size_t count, stride;
	size_t config_size;
};

/* An initialiser, as HERALD_OPTION is. */
#define OPTION_TABLE(array, config)                                                             \
	{                                                                                       \
		(array), sizeof(array) / sizeof((array)[0]), sizeof((array)[0]), sizeof(config) \
	}

/* Where something was written.  line 0: not in a file; then `file` says where: "environment
 * HERALD_SERVER_LISTEN", "--set", "default". */
struct option_place {
	const char *file;
	uint32_t line, column;
};

/* One option as it was given.  A scalar has one value. */
struct option_given {
	const char *name;
	const char *const *values;
	size_t value_count;
	bool is_list;
	bool is_secret; /* values[0] was a reference (env:, file:) and is resolved */
	struct option_place place;
};

struct complaint {
	struct option_place place;
	bool is_warning;
	const char *text;
};

/* What is wrong, in the order in which it was found; past COMPLAINTS_MAX only counted. */
struct complaints {
	struct arena *arena; /* where texts and items live: the caller's */
	struct complaint items[COMPLAINTS_MAX];
	size_t count, errors;
};

void complaints_init(struct complaints *complaints, struct arena *arena);
void complain(struct complaints *complaints, struct option_place place, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void complain_warning(struct complaints *complaints, struct option_place place, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* "conf.d/30-sms.yaml:7:5: option 'from' ...", one per line.  false: only those that are errors. */
void complaints_print(const struct complaints *complaints, bool with_warnings,
		      struct herald_builder *builder);
/* OK without errors; else INVALID and the first error, with the number of the others behind. */
enum herald_code complaints_code(const struct complaints *complaints, struct herald_error *err);
/* "file:line:column", or what stands for it. */
char *option_place_text(struct arena *arena, struct option_place place);

enum options_flag {
	OPTIONS_UNRESOLVED = 1u << 0, /* secrets are still references: check their form, leave the value "" */
};

/* Fill *config (config_size zeroed bytes) with fallbacks, then with what was given; everything lives in
 * arena.  `what` names the thing in complaints ("option 'from' of channel 'sms'": "channel 'sms'"), `home` is
 * where a missing required option is complained about.  A value that was complained about leaves the
 * fallback. */
struct options_task {
	struct option_table table;
	const struct option_given *given;
	size_t given_count;
	uint32_t flags;
	const char *what;
	struct option_place home;
	struct arena *arena;
};
void options_fill(const struct options_task *task, void *config, struct complaints *complaints);

/* Is the table sane: names of [a-z][a-z0-9_]*, unique, one known type, offset + size within config_size and
 * aligned, every option has help, every fallback and bound parses, least <= most, a secret has no fallback.
 */
enum herald_code options_check_table(struct option_table table, struct herald_error *err);

/* False: none of that name. */
bool options_find(struct option_table table, const char *name, struct herald_option *ret_option);
struct herald_option options_at(struct option_table table, size_t index);
const char *option_type_name(uint32_t type); /* "text", "duration", ... */

/* The value of a filled struct as text ("***" for a secret that is set). */
char *options_value_text(struct arena *arena, const struct herald_option *option, const void *config);

/* Tables for people and programs: plain columns, an mdoc list for a manual page, a JSON array, a
 * commented conf.d fragment indented by `indent` blanks. */
void options_print_help(struct option_table table, struct herald_builder *builder);
void options_print_man(struct option_table table, struct herald_builder *builder);
void options_print_json(struct option_table table, struct herald_builder *builder);
void options_print_yaml(struct option_table table, unsigned indent, struct herald_builder *builder);

/* The name of the table that is nearest to what was written, or NULL: nothing is near. */
const char *options_nearest(struct option_table table, const char *name);

/* --- single values --- */

enum herald_code option_bool_parse(const char *text, bool *ret_value, struct herald_error *err);
enum herald_code option_int_parse(const char *text, int64_t *ret_value, struct herald_error *err);
enum herald_code option_size_parse(const char *text, uint64_t *ret_bytes, struct herald_error *err);

#endif

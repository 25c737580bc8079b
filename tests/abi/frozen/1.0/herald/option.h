/* option.h - a channel's settings as one const table, from which parsing, --help, `herald plugins
 * describe`, the manual page and every complaint are made.  The field's C type is the option's type. */
#ifndef HERALD_OPTION_H
#define HERALD_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A unit is a type. */
typedef struct {
	int64_t ms;
} herald_duration; /* "90s", "15m", "250ms" */
typedef struct {
	uint64_t bytes;
} herald_size; /* "64KiB" */
typedef struct {
	const char *value;
} herald_secret; /* no string: no log call takes it */
typedef struct {
	const char *const *items;
	size_t count;
} herald_list;

enum herald_option_type {
	HERALD_OPTION_TEXT = 1,
	HERALD_OPTION_BOOL,
	HERALD_OPTION_INT,
	HERALD_OPTION_DURATION,
	HERALD_OPTION_SIZE,
	HERALD_OPTION_SECRET, /* given as a reference: env:NAME, file:PATH, vault:NAME */
	HERALD_OPTION_LIST,
};

enum herald_option_flag {
	HERALD_REQUIRED = 1u << 0,
	HERALD_RELOADABLE = 1u << 1, /* a change needs no new process */
	HERALD_RETIRED = 1u << 2,    /* still read, warned about, ignored */
};

struct herald_option {
	const char *name;
	uint32_t type;
	uint32_t flags;
	size_t offset;
	const char *fallback;     /* text, read by the same parser as the operator's value */
	const char *least, *most; /* bounds, read by the same parser; NULL: none */
	const char *one_of;       /* "none|starttls|tls"; NULL: anything */
	const char *help;         /* one sentence, for an operator */
};

#define HERALD_TYPE_OF(field) \
	_Generic((field),	\
	const char *: HERALD_OPTION_TEXT,	\
	bool: HERALD_OPTION_BOOL,		\
	int64_t: HERALD_OPTION_INT,		\
	herald_duration: HERALD_OPTION_DURATION,\
	herald_size: HERALD_OPTION_SIZE,	\
	herald_secret: HERALD_OPTION_SECRET,	\
	herald_list: HERALD_OPTION_LIST)

/* HERALD_OPTION(struct webhook_config, timeout, 0, "10s", "How long to wait.", .least = "1s", .most = "5m")
 */
#define HERALD_OPTION(config, field, flags_, fallback_, /* help */...)                           \
	{                                                                                        \
		.name = #field, .type = HERALD_TYPE_OF(((config *)0)->field), .flags = (flags_), \
		.offset = offsetof(config, field), .fallback = (fallback_), .help = __VA_ARGS__  \
	}

#endif

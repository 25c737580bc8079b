/* config.h - what the operator said: conf.d/ *.yaml in name order, the environment and the command line, as
 * one immutable snapshot.
 *
 * Precedence: default < files in name order < HERALD_<SECTION>_<OPTION> < --set section.option=value.  A
 * configuration with a single fault is refused whole, every fault with file, line and column; the snapshot
 * in force stays.  A snapshot is counted: config_ref and config_unref from any thread, the last one frees. */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "config/options.h"
#include "herald/error.h"
#include "herald/option.h"

struct config_server {
	const char *listen;       /* "127.0.0.1:8470", "[::1]:8470" */
	const char *admin_socket; /* absolute after loading */
	int64_t api_threads;
	int64_t connections_max;
	herald_duration header_timeout, idle_timeout, drain_timeout;
	const char *problem_base; /* what `type` of a problem begins with */
	const char *plugin_dir;   /* "": the one the program was built with */
	const char *host_program; /* "": herald-channel beside the daemon's own file */
	int64_t node;             /* of the ids, 0..1023 */
};

struct config_store {
	const char *path; /* the data directory, absolute after loading */
	herald_size ballast, free_space_floor;
	int64_t queue_max; /* operations that may wait for the writer */
	herald_duration retention, retention_dead, retention_audit;
};

struct config_delivery {
	herald_duration expires_after; /* where the caller says nothing */
	herald_duration backoff_least, backoff_most;
	herald_duration retry_after_most;
	int64_t breaker_failures; /* in a row, until a destination is blocked */
	herald_duration block_least, block_most;
	int64_t retry_budget_percent; /* retries per first try and destination */
};

struct config_log {
	const char *format; /* auto, json, text */
	const char *level;  /* debug, info, notice, warning, fault */
};

/* How many in which time: 0 per_ms is no limit. */
struct config_rate {
	int64_t count, per_ms;
};

enum config_uncertain {
	CONFIG_UNCERTAIN_AUTO = 0,
	CONFIG_UNCERTAIN_RETRY,
	CONFIG_UNCERTAIN_PARK,
	CONFIG_UNCERTAIN_DEAD
};

struct config_channel {
	/* as the table fills it */
	const char *name, *plugin;
	int64_t processes, workers;
	int64_t window, window_max; /* in flight: at start, at most */
	const char *rate;           /* "30/s", "": none */
	const char *destination_rate;
	herald_duration attempt_timeout;
	int64_t attempts_max;
	herald_list token_hosts;
	bool receipts;
	herald_duration receipt_wait;
	const char *uncertain;      /* auto, retry, park, dead */
	const char *allow_insecure; /* no, loopback */
	herald_duration orphan_timeout;
	herald_size memory_max;
	const char *plugin_dir; /* "": server.plugin_dir */

	/* derived */
	struct config_rate rate_limit, destination_rate_limit;
	enum config_uncertain uncertain_policy;
	bool may_be_insecure_on_loopback;
	struct option_place place;          /* of the channel's entry */
	const struct option_given *options; /* the plugin's, as written: references are not resolved */
	size_t option_count;
};

struct config {
	struct config_server server;
	struct config_store store;
	struct config_delivery delivery;
	struct config_log log;
	const struct config_channel *channels; /* in the order of the files: the order of choice */
	size_t channel_count;
};

struct config_source {
	const char *dir;                /* conf.d */
	const char *run_dir, *data_dir; /* where relative paths of server and store begin */
	char *const *env;               /* environ; NULL: none */
	const char *const
		*overrides; /* "server.listen=...", "channel.sms.window=5", "channel.sms.options.from=x" */
	size_t override_count;
};

/* Read and check everything.  complaints may be NULL; with it, each fault and warning is in there (it must be
 * init'ed).  The snapshot has one reference, the caller's. */
enum herald_code config_load(const struct config_source *source, struct complaints *complaints,
			     struct config **ret_config, struct herald_error *err);
struct config *config_ref(struct config *config);
void config_unref(struct config *config); /* NULL is fine */

const struct config_channel *config_channel_find(const struct config *config,
						 const char *name); /* NULL: none */
/* Does a channel's process need no restart?  Compares what was written; what references lead to is in the
 * secrets' digest. */
bool config_channel_same(const struct config_channel *one, const struct config_channel *other);

enum { CONFIG_DIGEST_BYTES = 32 };

/* What the channel's references lead to now, as a digest under a key that lives as long as the daemon:
 * another one means that a secret was changed, came or went.  The values are read and forgotten. */
void config_channel_secrets(const struct config_channel *channel, const uint8_t key[CONFIG_DIGEST_BYTES],
			    uint8_t ret_digest[CONFIG_DIGEST_BYTES]);

/* What is in force and where each value comes from, as YAML with comments.  Secrets are ***. */
void config_show(const struct config *config, struct herald_builder *builder);

/* Warns of every option of the sections that changed and takes effect only at the next start. */
void config_changes(const struct config *old, const struct config *new, struct complaints *complaints);

enum { CONFIG_HOST_SIZE = 254 };

/* "127.0.0.1:8470" or "[::1]:8470" into its parts. */
enum herald_code config_listen_parse(const char *text, char ret_host[CONFIG_HOST_SIZE], uint16_t *ret_port,
				     struct herald_error *err);

/* "30/s", "100/m", "5/10s"; "" is no limit. */
enum herald_code config_rate_parse(const char *text, struct config_rate *ret_rate, struct herald_error *err);

/* The tables, for help, manual pages and tests: server, store, delivery, log, channel. */
struct config_section {
	const char *name;
	const char *help;
	struct option_table table;
};
const struct config_section *config_sections(size_t *ret_count);

#endif

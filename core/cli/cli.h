/* cli.h - the command line `herald`: one table of commands, from which parsing, help, completion and the
 * manual page are made.
 *
 * A command gets its words parsed, asks the daemon over HTTP (the admin socket, or HERALD_URL with
 * HERALD_KEY), and prints a table for people or, with --json, exactly what the API answered.  Exit codes are
 * the enum below and nothing else. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <jansson.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "herald/kit.h"

enum cli_exit {
	EXIT_DONE = 0,
	EXIT_REFUSED = 1, /* or failed: the problem is on stderr */
	EXIT_WORDS = 2,   /* the command's words are wrong */
	EXIT_AWAY = 3,    /* the daemon cannot be reached */
	EXIT_NOTHING = 4, /* nothing found */
	EXIT_TIMED_OUT = 5,
};

struct cli_option {
	const char *name;     /* "to": --to */
	const char *argument; /* "ID"; NULL: a switch */
	const char *help;     /* one sentence */
	bool is_repeated;
};

struct cli;

struct cli_command {
	const char *words;                /* "recipients put" */
	const char *arguments;            /* "ID [FILE]" */
	unsigned least, most;             /* of arguments */
	const char *summary;              /* one line, no full stop */
	const struct cli_option *options; /* ends at a NULL name; NULL: none */
	enum cli_exit (*run)(struct cli *cli);
};

extern const struct cli_command cli_commands[];
extern const size_t cli_command_count;
extern const struct cli_option cli_global_options[]; /* ends at a NULL name */

enum { CLI_VALUES_MAX = 256 };

struct cli {
	const struct cli_command *command;
	const char *arguments[16];
	unsigned argument_count;
	struct {
		const char *name, *value;
	} values[CLI_VALUES_MAX];
	size_t value_count;
	bool is_json, has_colour;
	const char *url, *key, *socket, *tenant;
	long timeout_s;
	const char *self;                                   /* argv[0] */
	void (*on_line)(struct cli *cli, const char *text); /* while cli_stream reads */
};

/* --- words.c --- */
enum cli_exit cli_parse(struct cli *cli, int count, char **words);
const char *cli_value(const struct cli *cli, const char *name); /* the last one; NULL: not given */
const char *cli_value_at(const struct cli *cli, const char *name,
			 size_t index); /* repeated ones; NULL at the end */
bool cli_has(const struct cli *cli, const char *name);
enum cli_exit cli_wrong(const char *format, ...) __attribute__((format(printf, 1, 2)));
void cli_help(const struct cli *cli);

/* --- client.c --- */
struct cli_reply {
	unsigned status;
	char *text;   /* as it came */
	json_t *tree; /* NULL: no JSON */
};

/* Ask the daemon.  body NULL: none.  DONE for 2xx; otherwise the problem was printed and the exit code fits.
 * The caller ends the reply. */
enum cli_exit cli_call(struct cli *cli, const char *method, const char *path, const json_t *body,
		       struct cli_reply *ret_reply);
/* Read a stream until it ends; on_line gets each whole line, without its end. */
enum cli_exit cli_stream(struct cli *cli, const char *path,
			 void (*on_line)(struct cli *cli, const char *text));
void cli_reply_done(struct cli_reply *reply);
/* Can it be reached at all?  Prints nothing. */
enum cli_exit cli_probe(struct cli *cli, const char *path, struct cli_reply *ret_reply);
/* "/v1/recipients/" + percent-encoded id + tail, in the caller's buffer. */
const char *cli_path(char *buffer, size_t size, const char *head, const char *id, const char *tail);
/* A file ("-": standard input) as JSON; NULL: said why on stderr. */
json_t *cli_file(const char *path);
/* Query string of the options that were given and are parameters, "?a=b&c=d". */
void cli_query(const struct cli *cli, const char *const *names, struct herald_builder *builder);

/* --- print.c --- */
struct cli_column {
	const char *title, *field; /* field: "state", or "process.pid" */
};
/* The items of a page as a table, or the raw answer with --json.  NOTHING when there is none. */
enum cli_exit cli_print_page(const struct cli *cli, const struct cli_reply *reply,
			     const struct cli_column *columns, size_t count);
void cli_print_rows(const struct cli *cli, const json_t *items, const struct cli_column *columns,
		    size_t count);
/* One object as "name: value" lines, or the raw answer. */
void cli_print_object(const struct cli *cli, const struct cli_reply *reply);
void cli_print_raw(const struct cli_reply *reply);
/* A field by its path, as text for people; the buffer is used for numbers. */
const char *cli_field(const json_t *object, const char *path, char *buffer, size_t size);
/* Bytes that would steer a terminal become blanks, in every text of the tree.  NULL is fine. */
void cli_clean(json_t *tree);
const char *cli_bold(const struct cli *cli);
const char *cli_state_colour(const struct cli *cli, const char *state);
const char *cli_plain(const struct cli *cli);

/* --- plugins.c --- */
/* Another program of the house: beside our own file, else on the PATH. */
void cli_program(const char *name, char ret_path[PATH_MAX]);

/* --- the commands, by family --- */
enum cli_exit cli_send(struct cli *cli);
enum cli_exit cli_explain(struct cli *cli);
enum cli_exit cli_show(struct cli *cli);
enum cli_exit cli_notifications(struct cli *cli);
enum cli_exit cli_cancel(struct cli *cli);
enum cli_exit cli_deliveries(struct cli *cli);
enum cli_exit cli_delivery(struct cli *cli);
enum cli_exit cli_resolve(struct cli *cli);
enum cli_exit cli_redrive(struct cli *cli);
enum cli_exit cli_recipients(struct cli *cli);
enum cli_exit cli_recipient(struct cli *cli);
enum cli_exit cli_recipient_put(struct cli *cli);
enum cli_exit cli_recipient_delete(struct cli *cli);
enum cli_exit cli_prefs(struct cli *cli);
enum cli_exit cli_prefs_set(struct cli *cli);
enum cli_exit cli_prefs_history(struct cli *cli);
enum cli_exit cli_categories(struct cli *cli);
enum cli_exit cli_category(struct cli *cli);
enum cli_exit cli_category_put(struct cli *cli);
enum cli_exit cli_category_delete(struct cli *cli);
enum cli_exit cli_suppressions(struct cli *cli);
enum cli_exit cli_suppress(struct cli *cli);
enum cli_exit cli_unsuppress(struct cli *cli);
enum cli_exit cli_channels(struct cli *cli);
enum cli_exit cli_channel(struct cli *cli);
enum cli_exit cli_channel_pause(struct cli *cli);
enum cli_exit cli_channel_resume(struct cli *cli);
enum cli_exit cli_channel_test(struct cli *cli);
enum cli_exit cli_keys(struct cli *cli);
enum cli_exit cli_key_create(struct cli *cli);
enum cli_exit cli_key_revoke(struct cli *cli);
enum cli_exit cli_audit(struct cli *cli);
enum cli_exit cli_audit_verify(struct cli *cli);
enum cli_exit cli_plugins(struct cli *cli);
enum cli_exit cli_plugin_describe(struct cli *cli);
enum cli_exit cli_plugin_check(struct cli *cli);
enum cli_exit cli_watch(struct cli *cli);
enum cli_exit cli_doctor(struct cli *cli);
enum cli_exit cli_completion(struct cli *cli);
enum cli_exit cli_manual(struct cli *cli);

#endif

/* The commands that are one call and one print: lists, shows, puts, deletes, switches. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "base/check.h"

static const char *const page_names[] = {"limit", "after", NULL};

static enum cli_exit list(struct cli *cli, const char *head, const char *const *names,
			  const struct cli_column *columns, size_t count)
{
	struct herald_builder path;
	struct cli_reply reply;
	enum cli_exit result;

	herald_builder_init(&path, 8192);
	herald_add(&path, head);
	cli_query(cli, names, &path);
	result = cli_call(cli, "GET", path.data, NULL, &reply);
	if (result == EXIT_DONE)
		result = cli_print_page(cli, &reply, columns, count);
	herald_builder_done(&path);
	cli_reply_done(&reply);
	return result;
}

/* One call on one thing; prints the object that comes back, or said when nothing does. */
static enum cli_exit one(struct cli *cli, const char *method, const char *head, const char *tail,
			 json_t *body, const char *said)
{
	struct cli_reply reply;
	char path[4096];
	enum cli_exit result = cli_call(
		cli, method, cli_path(path, sizeof(path), head, cli->arguments[0], tail), body, &reply);

	json_decref(body);
	if (result == EXIT_DONE && reply.status != 204 && (cli->is_json || said == NULL))
		cli_print_object(cli, &reply);
	else if (result == EXIT_DONE && !cli->is_json)
		printf(said, cli->arguments[0]);
	cli_reply_done(&reply);
	return result;
}

enum cli_exit cli_deliveries(struct cli *cli)
{
	static const char *const names[] = {"state", "channel", "recipient", "reason",
					    "since", "limit",   "after",     NULL};
	static const struct cli_column columns[] = {
		{"DELIVERY", "id"},   {"RECIPIENT", "recipient"}, {"CHANNEL", "channel"}, {"STATE", "state"},
		{"REASON", "reason"}, {"TRIES", "attempts"},      {"DUE", "due_at"}};

	return list(cli, "/v1/deliveries", names, columns, countof(columns));
}

enum cli_exit cli_delivery(struct cli *cli)
{
	static const struct cli_column columns[] = {{"TRY", "attempt"},    {"STARTED", "started_at"},
						    {"ENDED", "ended_at"}, {"VERDICT", "verdict"},
						    {"STATUS", "status"},  {"ANSWER", "text"}};
	struct cli_reply reply;
	char path[256], buffer[32];
	enum cli_exit result =
		cli_call(cli, "GET", cli_path(path, sizeof(path), "/v1/deliveries/", cli->arguments[0], ""),
			 NULL, &reply);

	if (result == EXIT_DONE && cli->is_json) {
		cli_print_raw(&reply);
	} else if (result == EXIT_DONE) {
		const char *state = cli_field(reply.tree, "state", buffer, sizeof(buffer));

		printf("%s  %s%s%s (%s)\n", cli->arguments[0], cli_state_colour(cli, state), state,
		       cli_plain(cli), json_string_value(json_object_get(reply.tree, "reason")));
		cli_print_rows(cli, json_object_get(reply.tree, "attempts"), columns, countof(columns));
	}
	cli_reply_done(&reply);
	return result;
}

enum cli_exit cli_resolve(struct cli *cli)
{
	return one(cli, "POST", "/v1/deliveries/", "/resolve", json_pack("{s:s}", "as", cli->arguments[1]),
		   "%s is resolved\n");
}

enum cli_exit cli_redrive(struct cli *cli)
{
	static const char *const names[] = {"channel", "recipient", "reason", "state", "since"};
	json_t *body = json_object();
	struct cli_reply reply;
	char buffer[32];
	enum cli_exit result;

	if (cli->argument_count == 1) {
		json_decref(body);
		return one(cli, "POST", "/v1/deliveries/", "/redrive", NULL, "%s is sent again\n");
	}
	for (size_t i = 0; i < countof(names); i++) {
		if (cli_has(cli, names[i]))
			json_object_set_new(body, names[i], json_string(cli_value(cli, names[i])));
	}
	if (cli_has(cli, "limit"))
		json_object_set_new(body, "limit", json_integer(strtol(cli_value(cli, "limit"), NULL, 10)));
	result = cli_call(cli, "POST", "/v1/deliveries/redrive", body, &reply);
	json_decref(body);
	if (result == EXIT_DONE && cli->is_json)
		cli_print_raw(&reply);
	else if (result == EXIT_DONE)
		printf("%s deliveries are sent again\n",
		       cli_field(reply.tree, "count", buffer, sizeof(buffer)));
	cli_reply_done(&reply);
	return result;
}

enum cli_exit cli_recipients(struct cli *cli)
{
	static const struct cli_column columns[] = {{"RECIPIENT", "id"},
						    {"NAME", "name"},
						    {"LOCALE", "locale"},
						    {"ZONE", "timezone"},
						    {"ADDRESSES", "addresses"}};

	return list(cli, "/v1/recipients", page_names, columns, countof(columns));
}

enum cli_exit cli_recipient(struct cli *cli)
{
	return one(cli, "GET", "/v1/recipients/", "", NULL, NULL);
}

enum cli_exit cli_recipient_put(struct cli *cli)
{
	json_t *body = cli_file(cli_value(cli, "file"));

	if (body == NULL)
		return EXIT_WORDS;
	return one(cli, "PUT", "/v1/recipients/", cli_has(cli, "check-later") ? "?check=later" : "", body,
		   "%s is stored\n");
}

enum cli_exit cli_recipient_delete(struct cli *cli)
{
	return one(cli, "DELETE", "/v1/recipients/", "", NULL, "%s is forgotten\n");
}

enum cli_exit cli_prefs(struct cli *cli)
{
	static const struct cli_column columns[] = {{"CATEGORY", "category"},
						    {"CHANNEL", "channel"},
						    {"ALLOWED", "allowed"},
						    {"REASON", "reason"},
						    {"WHY", "words"}};
	struct cli_reply reply;
	char path[1024];
	enum cli_exit result;

	if (!cli_has(cli, "effective"))
		return one(cli, "GET", "/v1/recipients/", "/preferences", NULL, NULL);
	result = cli_call(cli, "GET",
			  cli_path(path, sizeof(path), "/v1/recipients/", cli->arguments[0],
				   "/preferences?effective=true"),
			  NULL, &reply);
	if (result == EXIT_DONE)
		result = cli_print_page(cli, &reply, columns, countof(columns));
	cli_reply_done(&reply);
	return result;
}

/* The object under that name, made if there is none. */
static json_t *object_in(json_t *parent, const char *name)
{
	json_t *child = json_object_get(parent, name);

	if (!json_is_object(child))
		json_object_set_new(parent, name, child = json_object());
	return child;
}

/* "order.shipped.channels.sms" has dots in a category's name: it is split by what may stand where. */
static void set_category_choice(json_t *categories, char *name, json_t *value)
{
	static const char channels_mark[] = ".channels.", strategy_mark[] = ".strategy";
	char *channels = strstr(name, channels_mark), *dot = strrchr(name, '.');

	if (channels != NULL) {
		*channels = 0;
		json_object_set_new(object_in(object_in(categories, name), "channels"),
				    channels + strlen(channels_mark), value);
	} else if (dot != NULL && strcmp(dot, strategy_mark) == 0 && !json_is_boolean(value)) {
		*dot = 0;
		json_object_set_new(object_in(categories, name), "strategy", value);
	} else {
		json_object_set_new(categories, name, value);
	}
}

/* One "path=value"; several may speak of the same category. */
static bool set_choice(json_t *patch, const char *word)
{
	const char *equals = strchr(word, '=');
	json_t *value = equals ? json_loads(equals + 1, JSON_DECODE_ANY, NULL) : NULL;
	char name[128];

	if (equals == NULL || equals == word || (size_t)(equals - word) >= sizeof(name)) {
		json_decref(value);
		return false;
	}
	if (value == NULL)
		value = json_string(equals + 1);
	snprintf(name, sizeof(name), "%.*s", (int)(equals - word), word);
	if (strncmp(name, "channels.", 9) == 0)
		json_object_set_new(object_in(patch, "channels"), name + 9, value);
	else if (strncmp(name, "categories.", 11) == 0)
		set_category_choice(object_in(patch, "categories"), name + 11, value);
	else
		json_object_set_new(patch, name, value);
	return true;
}

enum cli_exit cli_prefs_set(struct cli *cli)
{
	json_t *patch = json_object();

	for (unsigned i = 1; i < cli->argument_count; i++) {
		if (!set_choice(patch, cli->arguments[i])) {
			json_decref(patch);
			return cli_wrong("a choice is PATH=VALUE, like channels.sms=false, got '%s'",
					 cli->arguments[i]);
		}
	}
	return one(cli, "PATCH", "/v1/recipients/", "/preferences", patch, NULL);
}

enum cli_exit cli_prefs_history(struct cli *cli)
{
	return one(cli, "GET", "/v1/recipients/", "/preferences/history", NULL, NULL);
}

enum cli_exit cli_categories(struct cli *cli)
{
	static const struct cli_column columns[] = {{"CATEGORY", "name"},
						    {"REQUIRED", "required"},
						    {"STRATEGY", "strategy"},
						    {"CONSENT", "consent"},
						    {"EXPIRES IN", "expires_in"}};

	return list(cli, "/v1/categories", page_names, columns, countof(columns));
}

enum cli_exit cli_category(struct cli *cli)
{
	return one(cli, "GET", "/v1/categories/", "", NULL, NULL);
}

enum cli_exit cli_category_put(struct cli *cli)
{
	json_t *body = cli_file(cli_value(cli, "file"));

	return body ? one(cli, "PUT", "/v1/categories/", "", body, "%s is stored\n") : EXIT_WORDS;
}

enum cli_exit cli_category_delete(struct cli *cli)
{
	return one(cli, "DELETE", "/v1/categories/", "", NULL, "%s is removed\n");
}

enum cli_exit cli_suppressions(struct cli *cli)
{
	static const struct cli_column columns[] = {{"KIND", "kind"},     {"ADDRESS", "address"},
						    {"REASON", "reason"}, {"SOURCE", "source"},
						    {"SINCE", "at"},      {"UNTIL", "until"}};

	return list(cli, "/v1/suppressions", page_names, columns, countof(columns));
}

static enum cli_exit suppression(struct cli *cli, const char *method, json_t *body, const char *said)
{
	struct herald_builder path;
	struct cli_reply reply;
	enum cli_exit result;

	herald_builder_init(&path, 8192);
	herald_add(&path, "/v1/suppressions/");
	herald_add_percent(&path, cli->arguments[0]);
	herald_add(&path, "/");
	herald_add_percent(&path, cli->arguments[1]);
	result = cli_call(cli, method, path.data, body, &reply);
	json_decref(body);
	if (result == EXIT_DONE && cli->is_json && reply.status != 204)
		cli_print_raw(&reply);
	else if (result == EXIT_DONE && !cli->is_json)
		printf("%s %s\n", cli->arguments[1], said);
	herald_builder_done(&path);
	cli_reply_done(&reply);
	return result;
}

enum cli_exit cli_suppress(struct cli *cli)
{
	json_t *body = json_pack("{s:s}", "source", "herald");

	if (cli_has(cli, "reason"))
		json_object_set_new(body, "reason", json_string(cli_value(cli, "reason")));
	if (cli_has(cli, "until"))
		json_object_set_new(body, "until", json_string(cli_value(cli, "until")));
	return suppression(cli, "PUT", body, "is not tried any more");
}

enum cli_exit cli_unsuppress(struct cli *cli)
{
	return suppression(cli, "DELETE", NULL, "may be tried again");
}

enum cli_exit cli_channels(struct cli *cli)
{
	static const struct cli_column columns[] = {{"CHANNEL", "name"},    {"PLUGIN", "plugin"},
						    {"KIND", "kind"},       {"STATE", "state"},
						    {"PID", "process.pid"}, {"RESTARTS", "process.restarts"},
						    {"WINDOW", "window"},   {"IN FLIGHT", "in_flight"},
						    {"QUEUED", "queued"},   {"WHY", "why"}};
	static const char *const none[] = {NULL};

	return list(cli, "/v1/channels", none, columns, countof(columns));
}

enum cli_exit cli_channel(struct cli *cli)
{
	return one(cli, "GET", "/v1/channels/", "", NULL, NULL);
}

enum cli_exit cli_channel_pause(struct cli *cli)
{
	json_t *body = cli_has(cli, "reason") ? json_pack("{s:s}", "reason", cli_value(cli, "reason")) : NULL;

	return one(cli, "POST", "/v1/channels/", "/pause", body, "%s is paused; its deliveries wait\n");
}

enum cli_exit cli_channel_resume(struct cli *cli)
{
	return one(cli, "POST", "/v1/channels/", "/resume", NULL, "%s goes on\n");
}

enum cli_exit cli_channel_test(struct cli *cli)
{
	return one(cli, "POST", "/v1/channels/", "/test", json_pack("{s:s}", "address", cli->arguments[1]),
		   NULL);
}

enum cli_exit cli_keys(struct cli *cli)
{
	static const struct cli_column columns[] = {
		{"KEY", "id"},    {"TENANT", "tenant"},      {"NAME", "name"},         {"SCOPES", "scopes"},
		{"RATE", "rate"}, {"CREATED", "created_at"}, {"EXPIRES", "expires_at"}};

	return list(cli, "/v1/keys", page_names, columns, countof(columns));
}

enum cli_exit cli_key_create(struct cli *cli)
{
	json_t *body = json_object(), *scopes = json_array();
	struct cli_reply reply;
	const char *value;
	enum cli_exit result;

	for (size_t i = 0; (value = cli_value_at(cli, "scope", i)) != NULL; i++)
		json_array_append_new(scopes, json_string(value));
	json_object_set_new(body, "scopes", scopes);
	if (cli_has(cli, "for"))
		json_object_set_new(body, "tenant", json_string(cli_value(cli, "for")));
	if (cli_has(cli, "name"))
		json_object_set_new(body, "name", json_string(cli_value(cli, "name")));
	if (cli_has(cli, "rate"))
		json_object_set_new(body, "rate", json_string(cli_value(cli, "rate")));
	if (cli_has(cli, "expires-at"))
		json_object_set_new(body, "expires_at", json_string(cli_value(cli, "expires-at")));
	result = cli_call(cli, "POST", "/v1/keys", body, &reply);
	json_decref(body);
	if (result == EXIT_DONE && cli->is_json)
		cli_print_raw(&reply);
	else if (result == EXIT_DONE)
		puts(json_string_value(json_object_get(reply.tree, "key")));
	if (result == EXIT_DONE && !cli->is_json)
		fputs("This is shown once: keep it now.\n", stderr);
	cli_reply_done(&reply);
	return result;
}

enum cli_exit cli_key_revoke(struct cli *cli)
{
	return one(cli, "DELETE", "/v1/keys/", "", NULL, "%s is revoked\n");
}

enum cli_exit cli_audit(struct cli *cli)
{
	static const struct cli_column columns[] = {
		{"SEQ", "seq"}, {"AT", "at"}, {"ACTOR", "actor"}, {"VERB", "verb"}, {"SUBJECT", "subject"}};

	return list(cli, "/v1/audit", page_names, columns, countof(columns));
}

enum cli_exit cli_audit_verify(struct cli *cli)
{
	struct cli_reply reply;
	char buffer[32];
	enum cli_exit result = cli_call(cli, "GET", "/v1/audit/verify", NULL, &reply);
	bool is_valid = json_is_true(json_object_get(reply.tree, "valid"));

	if (result == EXIT_DONE && cli->is_json)
		cli_print_raw(&reply);
	else if (result == EXIT_DONE && is_valid)
		printf("the chain holds: %s rows\n", cli_field(reply.tree, "rows", buffer, sizeof(buffer)));
	else if (result == EXIT_DONE)
		printf("the chain is BROKEN: %s\n", json_string_value(json_object_get(reply.tree, "why")));
	if (result == EXIT_DONE && !is_valid)
		result = EXIT_REFUSED;
	cli_reply_done(&reply);
	return result;
}

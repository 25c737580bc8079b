/* herald send, explain, show, notifications, cancel. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "base/check.h"

static const struct cli_column delivery_columns[] = {
	{"DELIVERY", "id"},   {"RECIPIENT", "recipient"}, {"CHANNEL", "channel"}, {"STATE", "state"},
	{"REASON", "reason"}, {"TRIES", "attempts"},      {"ADDRESS", "address"},
};

static const struct cli_column left_out_columns[] = {
	{"RECIPIENT", "recipient"},
	{"CHANNEL", "channel"},
	{"REASON", "reason"},
	{"WHY", "detail"},
};

static void add_targets(const struct cli *cli, const char *option, const char *kind, json_t *to)
{
	const char *value;

	for (size_t i = 0; (value = cli_value_at(cli, option, i)) != NULL; i++) {
		if (kind == NULL)
			json_array_append_new(to, json_pack("{s:s}", "recipient", value));
		else
			json_array_append_new(to, json_pack("{s:[{s:s,s:s}]}", "addresses", "kind", kind,
							    "address", value));
	}
}

/* "order=4711" into data; numbers and booleans stay texts, because that is what a template says anyway. */
static bool add_data(const struct cli *cli, json_t *data)
{
	const char *value;

	for (size_t i = 0; (value = cli_value_at(cli, "data", i)) != NULL; i++) {
		const char *equals = strchr(value, '=');
		char name[128];

		if (equals == NULL || equals == value || (size_t)(equals - value) >= sizeof(name)) {
			cli_wrong("--data must be NAME=VALUE, got '%s'", value);
			return false;
		}
		snprintf(name, sizeof(name), "%.*s", (int)(equals - value), value);
		json_object_set_new(data, name, json_string(equals + 1));
	}
	return true;
}

static void set_text(const struct cli *cli, const char *option, const char *field, json_t *body)
{
	if (cli_has(cli, option))
		json_object_set_new(body, field, json_string(cli_value(cli, option)));
}

/* The body of a send or an explain; NULL: said why. */
static json_t *body_of(struct cli *cli)
{
	json_t *body = cli_has(cli, "file") ? cli_file(cli_value(cli, "file")) : json_object();
	json_t *to = json_array(), *data = json_object(), *words = json_object(), *channels = json_array();
	const char *value;

	if (body != NULL && !add_data(cli, data)) {
		json_decref(body);
		body = NULL;
	}
	if (body == NULL)
		goto out;
	if (cli->argument_count > 0)
		json_object_set_new(body, "category", json_string(cli->arguments[0]));
	add_targets(cli, "to", NULL, to);
	add_targets(cli, "email", "email", to);
	add_targets(cli, "sms", "sms", to);
	add_targets(cli, "bot", "bot", to);
	set_text(cli, "text", "text", words);
	set_text(cli, "subject", "subject", words);
	for (size_t i = 0; (value = cli_value_at(cli, "channel", i)) != NULL; i++)
		json_array_append_new(channels, json_string(value));
	if (json_array_size(to) > 0)
		json_object_set(body, "to", to);
	if (json_object_size(data) > 0)
		json_object_set(body, "data", data);
	if (json_object_size(words) > 0)
		json_object_set_new(body, "content", json_pack("{s:O}", "default", words));
	if (json_array_size(channels) > 0)
		json_object_set(body, "channels", channels);
	set_text(cli, "priority", "priority", body);
	set_text(cli, "strategy", "strategy", body);
	set_text(cli, "send-at", "send_at", body);
	set_text(cli, "expires-in", "expires_in", body);
	set_text(cli, "at", "at", body);
	if (cli_has(cli, "test"))
		json_object_set_new(body, "test", json_true());
out:
	json_decref(to);
	json_decref(data);
	json_decref(words);
	json_decref(channels);
	return body;
}

enum cli_exit cli_send(struct cli *cli)
{
	json_t *body = body_of(cli);
	struct cli_reply reply;
	enum cli_exit result;

	if (body == NULL)
		return EXIT_WORDS;
	result = cli_call(cli, "POST", "/v1/notifications", body, &reply);
	json_decref(body);
	if (result == EXIT_DONE && cli->is_json)
		cli_print_raw(&reply);
	else if (result == EXIT_DONE)
		printf("%s accepted%s; see herald show %s\n",
		       json_string_value(json_object_get(reply.tree, "id")),
		       json_is_true(json_object_get(reply.tree, "duplicate")) ? " before (the same event)"
									      : "",
		       json_string_value(json_object_get(reply.tree, "id")));
	cli_reply_done(&reply);
	return result;
}

static void print_person(const struct cli *cli, const json_t *person)
{
	const char *id = json_string_value(json_object_get(person, "recipient"));
	json_t *entry, *why;
	size_t index, line;

	printf("%s%s%s\n", cli_bold(cli), id && *id ? id : "(an address)", cli_plain(cli));
	json_array_foreach(json_object_get(person, "deliveries"), index, entry)
	{
		printf("  %-12s to %s, due %s\n", json_string_value(json_object_get(entry, "channel")),
		       json_string_value(json_object_get(entry, "address")),
		       json_string_value(json_object_get(entry, "due_at")));
		json_array_foreach(json_object_get(entry, "why"), line, why)
			printf("      because %s\n", json_string_value(why));
	}
	json_array_foreach(json_object_get(person, "left_out"), index, entry)
		printf("  %-12s not: %s (%s; %s)\n", json_string_value(json_object_get(entry, "channel")),
		       json_string_value(json_object_get(entry, "detail")),
		       json_string_value(json_object_get(entry, "reason")),
		       json_string_value(json_object_get(entry, "rule")));
}

enum cli_exit cli_explain(struct cli *cli)
{
	json_t *body = body_of(cli), *person;
	struct cli_reply reply;
	enum cli_exit result;
	size_t index;

	if (body == NULL)
		return EXIT_WORDS;
	result = cli_call(cli, "POST", "/v1/explain", body, &reply);
	json_decref(body);
	if (result == EXIT_DONE && cli->is_json) {
		cli_print_raw(&reply);
	} else if (result == EXIT_DONE) {
		json_array_foreach(json_object_get(reply.tree, "recipients"), index, person)
			print_person(cli, person);
	}
	cli_reply_done(&reply);
	return result;
}

/* "2026-11-24T22:32:28.728Z" as a heading for the day and a time in each line; a delivery by its number. */
static void print_timeline(const struct cli *cli, const json_t *items)
{
	enum { DAY_BYTES = 10, TIME_BYTES = 12 };
	char day[DAY_BYTES + 1] = "";
	json_t *entry;
	size_t index;

	json_array_foreach(items, index, entry)
	{
		const char *at = json_string_value(json_object_get(entry, "at"));
		const char *delivery = json_string_value(json_object_get(entry, "delivery"));
		const char *number = delivery ? strrchr(delivery, '-') : NULL;

		if (strncmp(day, at, DAY_BYTES) != 0) {
			snprintf(day, sizeof(day), "%.*s", DAY_BYTES, at);
			printf("%s%s%s UTC\n", cli_bold(cli), day, cli_plain(cli));
		}
		printf("%.*s  %s%-9s%s %3s  %s\n", TIME_BYTES, at + DAY_BYTES + 1, cli_bold(cli),
		       json_string_value(json_object_get(entry, "what")), cli_plain(cli),
		       number ? number : "", json_string_value(json_object_get(entry, "words")));
	}
}

enum cli_exit cli_show(struct cli *cli)
{
	bool is_timeline = cli_has(cli, "timeline");
	struct cli_reply reply;
	char path[256];
	enum cli_exit result = cli_call(cli, "GET",
					cli_path(path, sizeof(path), "/v1/notifications/", cli->arguments[0],
						 is_timeline ? "/timeline" : ""),
					NULL, &reply);

	if (result == EXIT_DONE && cli->is_json) {
		cli_print_raw(&reply);
	} else if (result == EXIT_DONE && is_timeline) {
		print_timeline(cli, json_object_get(reply.tree, "items"));
	} else if (result == EXIT_DONE) {
		const char *state = json_string_value(json_object_get(reply.tree, "state"));

		printf("%s  %s%s%s  %s, accepted %s\n", json_string_value(json_object_get(reply.tree, "id")),
		       cli_state_colour(cli, state), state, cli_plain(cli),
		       json_string_value(json_object_get(reply.tree, "category")),
		       json_string_value(json_object_get(reply.tree, "accepted_at")));
		if (json_array_size(json_object_get(reply.tree, "deliveries")) > 0)
			cli_print_rows(cli, json_object_get(reply.tree, "deliveries"), delivery_columns,
				       countof(delivery_columns));
		if (json_array_size(json_object_get(reply.tree, "left_out")) > 0) {
			puts("\nLeft out:");
			cli_print_rows(cli, json_object_get(reply.tree, "left_out"), left_out_columns,
				       countof(left_out_columns));
		}
	}
	cli_reply_done(&reply);
	return result;
}

enum cli_exit cli_notifications(struct cli *cli)
{
	static const char *const names[] = {"recipient", "category", "correlation-id", "state",
					    "since",     "limit",    "after",          NULL};
	static const struct cli_column columns[] = {{"NOTIFICATION", "id"},
						    {"CATEGORY", "category"},
						    {"STATE", "state"},
						    {"ACCEPTED", "accepted_at"},
						    {"RECIPIENTS", "recipients"}};
	struct herald_builder path;
	struct cli_reply reply;
	enum cli_exit result;

	herald_builder_init(&path, 8192);
	herald_add(&path, "/v1/notifications");
	cli_query(cli, names, &path);
	result = cli_call(cli, "GET", path.data, NULL, &reply);
	if (result == EXIT_DONE)
		result = cli_print_page(cli, &reply, columns, countof(columns));
	herald_builder_done(&path);
	cli_reply_done(&reply);
	return result;
}

enum cli_exit cli_cancel(struct cli *cli)
{
	struct cli_reply reply;
	char path[256], buffer[32];
	enum cli_exit result = cli_call(
		cli, "POST", cli_path(path, sizeof(path), "/v1/notifications/", cli->arguments[0], "/cancel"),
		NULL, &reply);

	if (result == EXIT_DONE && cli->is_json)
		cli_print_raw(&reply);
	else if (result == EXIT_DONE) {
		printf("%s cancelled", cli_field(reply.tree, "cancelled", buffer, sizeof(buffer)));
		printf(", %s too late\n", cli_field(reply.tree, "too_late", buffer, sizeof(buffer)));
	}
	cli_reply_done(&reply);
	return result;
}

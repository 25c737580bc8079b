/* Asking the daemon: libcurl over the admin socket, or over HTTP with a key.  The key is never printed, and a
 * URL without TLS is only used on this machine. */
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "base/check.h"

enum { REPLY_BYTES_MAX = 64 * 1024 * 1024 };

struct inflow {
	struct cli *cli;
	struct herald_builder text;
};

/* Hand over whole lines, keep the rest. */
static void lines_came(struct inflow *inflow)
{
	char *begin = inflow->text.data, *end;
	size_t left;

	while ((end = strchr(begin, '\n')) != NULL) {
		*end = 0;
		inflow->cli->on_line(inflow->cli, begin);
		begin = end + 1;
	}
	left = inflow->text.size - (size_t)(begin - inflow->text.data);
	memmove(inflow->text.data, begin, left + 1);
	inflow->text.size = left;
}

static size_t body_came(char *data, size_t one, size_t count, void *context)
{
	struct inflow *inflow = context;

	(void)one;
	herald_add_bytes(&inflow->text, data, count);
	if (inflow->cli->on_line != NULL && inflow->text.size > 0)
		lines_came(inflow);
	return count;
}

void cli_reply_done(struct cli_reply *reply)
{
	json_decref(reply->tree);
	free(reply->text);
	*reply = (struct cli_reply){.status = 0};
}

/* Encrypted, or a host that is this machine: read by the parser that will connect, not by its first letters.
 */
static bool url_is_safe(const char *text)
{
	CURLU *url = curl_url();
	char *scheme = NULL, *host = NULL;
	bool is_safe = false;

	if (url != NULL && curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK &&
	    curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
	    curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK)
		is_safe = strcmp(scheme, "https") == 0 ||
			  (strcmp(scheme, "http") == 0 &&
			   (strcmp(host, "127.0.0.1") == 0 || strcmp(host, "[::1]") == 0 ||
			    strcmp(host, "localhost") == 0));
	curl_free(scheme);
	curl_free(host);
	curl_url_cleanup(url);
	return is_safe;
}

static struct curl_slist *headers_of(const struct cli *cli, bool has_body)
{
	struct curl_slist *headers =
		has_body ? curl_slist_append(NULL, "Content-Type: application/json") : NULL;
	const char *idempotency = cli_value(cli, "idempotency-key");
	char line[512];

	if (cli->url != NULL && cli->key != NULL) {
		snprintf(line, sizeof(line), "Authorization: Bearer %s", cli->key);
		headers = curl_slist_append(headers, line);
	}
	if (cli->url == NULL && cli->tenant != NULL) {
		snprintf(line, sizeof(line), "Herald-Tenant: %s", cli->tenant);
		headers = curl_slist_append(headers, line);
	}
	if (idempotency != NULL) {
		snprintf(line, sizeof(line), "Idempotency-Key: %s", idempotency);
		headers = curl_slist_append(headers, line);
	}
	return headers;
}

static CURLcode perform(struct cli *cli, const char *method, const char *path, char *body,
			struct cli_reply *reply, char *trouble)
{
	struct inflow inflow = {.cli = cli};
	struct herald_builder url;
	struct curl_slist *headers = headers_of(cli, body != NULL);
	CURL *curl = curl_easy_init();
	CURLcode code;
	long status = 0;

	herald_builder_init(&url, 16 * 1024);
	herald_builder_init(&inflow.text, REPLY_BYTES_MAX);
	herald_addf(&url, "%s%s", cli->url ? cli->url : "http://herald", path);
	curl_easy_setopt(curl, CURLOPT_URL, url.data);
	curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	if (cli->url == NULL)
		curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, cli->socket);
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, cli->on_line ? 0L : cli->timeout_s);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, trouble);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, body_came);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, &inflow);
	if (body != NULL) {
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)strlen(body));
	}
	code = curl_easy_perform(curl);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	reply->status = (unsigned)status;
	reply->text = strdup(inflow.text.data);
	reply->tree = json_loads(inflow.text.data, 0, NULL);
	cli_clean(reply->tree);
	curl_easy_cleanup(curl);
	curl_slist_free_all(headers);
	herald_builder_done(&url);
	herald_builder_done(&inflow.text);
	return code;
}

static enum cli_exit ask(struct cli *cli, const char *method, const char *path, const json_t *body,
			 bool is_loud, struct cli_reply *reply)
{
	char trouble[CURL_ERROR_SIZE] = "", *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	CURLcode code;

	*reply = (struct cli_reply){.status = 0};
	curl_global_init(CURL_GLOBAL_DEFAULT); /* counted: more than once is fine */
	if (cli->url != NULL && !url_is_safe(cli->url)) {
		free(text);
		return cli_wrong(
			"HERALD_URL must be https, or on this machine: the key would travel in the clear");
	}
	code = perform(cli, method, path, text, reply, trouble);
	free(text);
	if (code == CURLE_OK)
		return EXIT_DONE;
	if (is_loud)
		fprintf(stderr, "herald: cannot reach the daemon at %s: %s\n",
			cli->url ? cli->url : cli->socket, *trouble ? trouble : curl_easy_strerror(code));
	return code == CURLE_OPERATION_TIMEDOUT ? EXIT_TIMED_OUT : EXIT_AWAY;
}

static void print_problem(const struct cli_reply *reply)
{
	const char *title = json_string_value(json_object_get(reply->tree, "title"));
	const char *detail = json_string_value(json_object_get(reply->tree, "detail"));
	json_t *fault;
	size_t index;

	fprintf(stderr, "herald: %s: %s\n", title ? title : "the daemon answered",
		detail ? detail : "without a reason");
	json_array_foreach(json_object_get(reply->tree, "faults"), index, fault)
		fprintf(stderr, "  %s: %s\n", json_string_value(json_object_get(fault, "pointer")),
			json_string_value(json_object_get(fault, "detail")));
}

enum cli_exit cli_call(struct cli *cli, const char *method, const char *path, const json_t *body,
		       struct cli_reply *ret_reply)
{
	enum cli_exit result = ask(cli, method, path, body, true, ret_reply);

	if (result != EXIT_DONE || (ret_reply->status >= 200 && ret_reply->status < 300))
		return result;
	if (cli->is_json)
		cli_print_raw(ret_reply);
	print_problem(ret_reply);
	return ret_reply->status == 404 ? EXIT_NOTHING : EXIT_REFUSED;
}

enum cli_exit cli_stream(struct cli *cli, const char *path,
			 void (*on_line)(struct cli *cli, const char *text))
{
	struct cli_reply reply;
	enum cli_exit result;

	cli->on_line = on_line;
	result = cli_call(cli, "GET", path, NULL, &reply);
	cli->on_line = NULL;
	cli_reply_done(&reply);
	return result;
}

enum cli_exit cli_probe(struct cli *cli, const char *path, struct cli_reply *ret_reply)
{
	return ask(cli, "GET", path, NULL, false, ret_reply);
}

const char *cli_path(char *buffer, size_t size, const char *head, const char *id, const char *tail)
{
	struct herald_builder builder;

	herald_builder_init(&builder, size - 1);
	herald_add(&builder, head);
	herald_add_percent(&builder, id);
	herald_add(&builder, tail);
	snprintf(buffer, size, "%s", builder.data);
	herald_builder_done(&builder);
	return buffer;
}

json_t *cli_file(const char *path)
{
	bool is_input = path == NULL || strcmp(path, "-") == 0;
	FILE *file = is_input ? stdin : fopen(path, "re");
	json_error_t trouble;
	json_t *tree;

	if (file == NULL) {
		fprintf(stderr, "herald: cannot read %s: %s\n", path, strerror(errno));
		return NULL;
	}
	tree = json_loadf(file, JSON_REJECT_DUPLICATES, &trouble);
	if (!is_input)
		fclose(file);
	if (tree == NULL)
		fprintf(stderr, "herald: %s:%d:%d: %s\n", is_input ? "standard input" : path, trouble.line,
			trouble.column, trouble.text);
	return tree;
}

void cli_query(const struct cli *cli, const char *const *names, struct herald_builder *builder)
{
	bool is_first = true;

	for (; *names != NULL; names++) {
		const char *value = cli_value(cli, *names);

		if (value == NULL)
			continue;
		herald_add(builder, is_first ? "?" : "&");
		for (const char *at = *names; *at != 0; at++)
			herald_add_bytes(builder, *at == '-' ? "_" : at, 1);
		herald_add(builder, "=");
		herald_add_percent(builder, value);
		is_first = false;
	}
}

/* test_config.c - a folder of files, the environment and the command line become one snapshot, or a list of
 * faults with their places. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "config/config.h"
#include "base/check.h"

static char folder[64];
static const char *const file_names[] = {"10-a.yaml", "20-b.yaml", "30-c.yaml"};

static int make_folder(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/herald-config-XXXXXX");
	return mkdtemp(folder) == NULL ? -1 : 0;
}

static const char *path_of(const char *name)
{
	static char path[128];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static int remove_folder(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(file_names); i++)
		unlink(path_of(file_names[i]));
	unlink(path_of("30-x.yaml.example"));
	unlink(path_of(".hidden.yaml"));
	return rmdir(folder);
}

static void write_file(const char *name, const char *text)
{
	int fd = open(path_of(name), O_WRONLY | O_CREAT | O_TRUNC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	assert_int_equal(fchmod(fd, 0644), 0);
	close(fd);
}

static struct config_source source(void)
{
	return (struct config_source){.dir = folder, .run_dir = "/run/here", .data_dir = "/data/here"};
}

static struct config *load(const struct config_source *from)
{
	struct config *config = NULL;
	struct herald_error err = {0};
	if (config_load(from, NULL, &config, &err) != HERALD_OK)
		fail_msg("%s", err.text);
	return config;
}

/* The complaints about what is in the folder, printed. */
static const char *complaints_about(const struct config_source *from, enum herald_code expected)
{
	static char printed[20000];
	struct arena *arena = arena_new();
	struct complaints *complaints = arena_new_of(arena, struct complaints);
	struct config *config = NULL;
	struct herald_error err = {0};
	struct herald_builder text;
	complaints_init(complaints, arena);
	assert_int_equal(config_load(from, complaints, &config, &err), expected);
	assert_true((config == NULL) == (expected != HERALD_OK));
	config_unref(config);
	herald_builder_init(&text, sizeof(printed) - 1);
	complaints_print(complaints, true, &text);
	snprintf(printed, sizeof(printed), "%s", text.data);
	herald_builder_done(&text);
	arena_free(arena);
	return printed;
}

static void assert_complains(const char *text, const char *where, const char *what)
{
	write_file("10-a.yaml", text);
	struct config_source from = source();
	const char *said = complaints_about(&from, HERALD_INVALID);
	char wanted[300];
	snprintf(wanted, sizeof(wanted), "%s/10-a.yaml:%s: %s", folder, where, what);
	if (strstr(said, wanted) == NULL)
		fail_msg("no \"%s\" in:\n%s", wanted, said);
}

static void an_empty_folder_gives_the_defaults(void **state)
{
	(void)state;
	struct config_source from = source();
	struct config *config = load(&from);
	assert_string_equal(config->server.listen, "127.0.0.1:8470");
	assert_string_equal(config->server.admin_socket, "/run/here/admin.sock");
	assert_string_equal(config->store.path, "/data/here");
	assert_int_equal(config->server.api_threads, 2);
	assert_int_equal(config->delivery.expires_after.ms, 72 * 3600 * 1000);
	assert_string_equal(config->log.format, "auto");
	assert_int_equal(config->channel_count, 0);
	config_unref(config);
}

static void later_files_win_and_what_is_not_a_yaml_file_is_not_read(void **state)
{
	(void)state;
	write_file("20-b.yaml", "server: {api_threads: 5, listen: \"127.0.0.1:2\"}\nstore: {path: db}\n");
	write_file("10-a.yaml", "server: {api_threads: 4, connections_max: 9}\nlog:\n");
	write_file("30-x.yaml.example", "server: {api_threads: 6}\n");
	write_file(".hidden.yaml", "server: {api_threads: 7}\n");
	struct config_source from = source();
	struct config *config = load(&from);
	assert_int_equal(config->server.api_threads, 5);
	assert_int_equal(config->server.connections_max, 9);
	assert_string_equal(config->server.listen, "127.0.0.1:2");
	assert_string_equal(config->store.path, "/data/here/db");
	config_unref(config);
}

static const char channels_text[] = "channels:\n"
				    "  - name: mail\n"
				    "    plugin: email\n"
				    "    rate: 30/s\n"
				    "    options:\n"
				    "      from: a@example.com\n"
				    "      password: env:MAIL_PASSWORD\n"
				    "      hosts: [a, b]\n"
				    "  - name: mail-eu\n"
				    "    plugin: email\n"
				    "    attempt_timeout: 15m\n"
				    "    uncertain: park\n"
				    "    allow_insecure: loopback\n"
				    "    token_hosts: [\"*.example.com\", api.example.org]\n";

static void channels_come_in_the_order_of_their_files_with_their_options_as_written(void **state)
{
	(void)state;
	write_file("20-b.yaml", channels_text);
	write_file("10-a.yaml", "channels:\n  - {name: first, plugin: loopback}\n");
	struct config_source from = source();
	struct config *config = load(&from);
	assert_int_equal(config->channel_count, 3);
	assert_string_equal(config->channels[0].name, "first");
	const struct config_channel *mail = &config->channels[1];
	assert_string_equal(mail->name, "mail");
	assert_int_equal(mail->rate_limit.count, 30);
	assert_int_equal(mail->rate_limit.per_ms, 1000);
	assert_int_equal(mail->destination_rate_limit.per_ms, 0);
	assert_int_equal(mail->uncertain_policy, CONFIG_UNCERTAIN_AUTO);
	assert_false(mail->may_be_insecure_on_loopback);
	assert_int_equal(mail->option_count, 3);
	/* A reference is passed on, not read: there is no such variable. */
	assert_string_equal(mail->options[1].name, "password");
	assert_string_equal(mail->options[1].values[0], "env:MAIL_PASSWORD");
	assert_false(mail->options[1].is_secret);
	assert_int_equal(mail->options[1].place.line, 7);
	assert_int_equal(mail->options[1].place.column, 17);
	assert_true(mail->options[2].is_list);
	assert_int_equal(mail->options[2].value_count, 2);
	assert_int_equal(mail->place.line, 2);

	const struct config_channel *eu = config_channel_find(config, "mail-eu");
	assert_ptr_equal(eu, &config->channels[2]);
	assert_int_equal(eu->attempt_timeout.ms, 900000);
	assert_int_equal(eu->uncertain_policy, CONFIG_UNCERTAIN_PARK);
	assert_true(eu->may_be_insecure_on_loopback);
	assert_int_equal(eu->token_hosts.count, 2);
	assert_int_equal(eu->window, 16);
	assert_null(config_channel_find(config, "nobody"));
	config_unref(config);
}

static void the_environment_wins_over_files_and_the_command_line_over_all(void **state)
{
	(void)state;
	write_file("10-a.yaml", "server: {api_threads: 3, connections_max: 30, node: 1}\n");
	write_file("20-b.yaml", channels_text);
	static char threads[] = "HERALD_SERVER_API_THREADS=4", most[] = "HERALD_SERVER_CONNECTIONS_MAX=40",
		    window[] = "HERALD_CHANNEL_MAIL_EU_WINDOW=5",
		    sender[] = "HERALD_CHANNEL_MAIL_OPTIONS_FROM=b@example.com",
		    hosts[] = "HERALD_CHANNEL_MAIL_TOKEN_HOSTS=a.example,b.example",
		    other[] = "HERALD_URL=http://x", path[] = "PATH=/bin";
	char *env[] = {threads, most, window, sender, hosts, other, path, NULL};
	static const char *const overrides[] = {
		"server.connections_max=50", "log.level=debug", "channel.mail-eu.window_max=6",
		"channel.mail.options.from=c@example.com", "channel.mail.options.extra=1=2"};
	struct config_source from = source();
	from.env = env;
	from.overrides = overrides;
	from.override_count = countof(overrides);
	assert_string_equal(complaints_about(&from, HERALD_OK), "");
	struct config *config = load(&from);
	assert_int_equal(config->server.node, 1);
	assert_int_equal(config->server.api_threads, 4);
	assert_int_equal(config->server.connections_max, 50);
	assert_string_equal(config->log.level, "debug");
	const struct config_channel *mail = &config->channels[0], *eu = &config->channels[1];
	assert_int_equal(eu->window, 5);
	assert_int_equal(eu->window_max, 6);
	assert_int_equal(mail->window, 16);
	assert_int_equal(mail->token_hosts.count, 2);
	/* The last one of a name counts. */
	assert_int_equal(mail->option_count, 6);
	assert_string_equal(mail->options[3].values[0], "b@example.com");
	assert_string_equal(mail->options[4].values[0], "c@example.com");
	assert_string_equal(mail->options[5].values[0], "1=2");
	config_unref(config);
}

static void a_variable_that_fits_nothing_is_warned_about_and_a_wrong_value_is_a_fault(void **state)
{
	(void)state;
	static char typo[] = "HERALD_SERVER_LISTN=x", lost[] = "HERALD_CHANNEL_NOBODY_WINDOW=1",
		    wrong[] = "HERALD_SERVER_API_THREADS=many";
	char *env[] = {typo, lost, NULL, NULL};
	struct config_source from = source();
	from.env = env;
	const char *said = complaints_about(&from, HERALD_OK);
	assert_non_null(strstr(
		said, "environment HERALD_SERVER_LISTN: warning: server has no option 'listn'; is 'listen' "
		      "meant?; ignored"));
	assert_non_null(
		strstr(said, "environment HERALD_CHANNEL_NOBODY_WINDOW: warning: there is no channel"));
	env[2] = wrong;
	said = complaints_about(&from, HERALD_INVALID);
	assert_non_null(strstr(
		said, "environment HERALD_SERVER_API_THREADS: option 'api_threads' of section 'server' must "
		      "be a whole number from 1 to 64, got 'many'"));
}

static void an_override_that_fits_nothing_is_a_fault(void **state)
{
	(void)state;
	static const struct {
		const char *override, *says;
	} rows[] = {
		{"listen=x", "is not section.option=value"},
		{"server.listen", "is not section.option=value"},
		{"server=a.b", "is not section.option=value"},
		{"srv.listen=x", "there is no section 'srv'"},
		{"server.listn=x", "has no option 'listn'; is 'listen' meant?"},
		{"server.api_threads=0", "--set server.api_threads: option 'api_threads'"},
		{"channel.x.window=1", "there is no channel 'x'"},
		{"channel.x=1", "there is no channel 'x'"},
	};
	for (size_t i = 0; i < countof(rows); i++) {
		struct config_source from = source();
		from.overrides = &rows[i].override;
		from.override_count = 1;
		const char *said = complaints_about(&from, HERALD_INVALID);
		if (strstr(said, rows[i].says) == NULL)
			fail_msg("%s: %s", rows[i].override, said);
	}
}

static void every_fault_of_a_file_is_told_with_its_place(void **state)
{
	(void)state;
	static const struct {
		const char *text, *where, *what;
	} rows[] = {
		{"server:\n  listn: x\n", "2:10",
		 "section 'server' has no option 'listn'; is 'listen' meant?"},
		{"servr: {}\n", "1:1", "there is no section 'servr'; is 'server' meant?"},
		{"channel: []\n", "1:1", "there is no section 'channel'; is 'channels' meant?"},
		{"extra: 1\n", "1:1", "there is no section 'extra'"},
		{"server: [1]\n", "1:9", "section 'server' must be a mapping of options"},
		{"server: {listen: }\n", "1:18", "'listen' has no value"},
		{"server: {listen: {}}\n", "1:18", "'listen' takes a value, not a mapping"},
		{"server: {listen: [a]}\n", "1:18",
		 "option 'listen' of section 'server' must be one value, not a list"},
		{"server: {listen: a, listen: b}\n", "1:21", "'listen' stands twice"},
		{"server: {listen: 8470}\n", "1:18", "option 'listen' of section 'server' must be host:port"},
		{"server: {listen: \"a:99999\"}\n", "1:18",
		 "option 'listen' of section 'server' must be host:port"},
		{"server: {listen: \"::1:80\"}\n", "1:18",
		 "option 'listen' of section 'server' must be host:port"},
		{"server: {problem_base: \"https://x/y\"}\n", "1:24",
		 "option 'problem_base' of section 'server' must end"},
		{"server: {plugin_dir: a/b}\n", "1:22",
		 "option 'plugin_dir' of section 'server' must be an absolute path"},
		{"delivery: {backoff_least: 30m, backoff_most: 10m}\n", "1:27", "option 'backoff_least'"},
		{"log: {level: loud}\n", "1:14",
		 "option 'level' of section 'log' must be one of debug/info/notice/warning/fault, got "
		 "'loud'"},
		{"channels: {a: b}\n", "1:11", "'channels' must be a list"},
		{"channels: [a]\n", "1:12", "a channel is a mapping"},
		{"channels:\n  - plugin: x\n", "2:5", "a channel has no name"},
		{"channels:\n  - name: Mail\n", "2:11", "the name of a channel must be"},
		{"channels:\n  - name: a\n", "2:5", "option 'plugin' of channel 'a' is missing"},
		{"channels:\n  - {name: a, plugin: \"../evil\"}\n", "2:23",
		 "the plugin of channel 'a' must be"},
		{"channels:\n  - {name: a, plugin: x}\n  - {name: a, plugin: y}\n", "3:12",
		 "channel 'a' is there already"},
		{"channels:\n  - {name: a, plugin: x, rate: fast}\n", "2:32",
		 "option 'rate' of channel 'a' must be like 30/s, 1000/m or 5/10s, got 'fast'"},
		{"channels:\n  - {name: a, plugin: x, window: 9, window_max: 8}\n", "2:34",
		 "option 'window' of channel 'a'"},
		{"channels:\n  - {name: a, plugin: x, token_hosts: [\"https://x\"]}\n", "2:39",
		 "option 'token_hosts' of channel 'a' takes names of hosts"},
		{"channels:\n  - {name: a, plugin: x, options: [1]}\n", "2:35",
		 "'options' of channel 'a' must be a mapping"},
		{"channels:\n  - {name: a, plugin: x, options: {b: [[1]]}}\n", "2:40",
		 "the items of 'b' must be single"},
		{"channels:\n  - {name: a, plugin: x, widnow: 1}\n", "2:34",
		 "channel 'a' has no option 'widnow'; is 'window'"},
		{"a: [\n", "2:1", "this is not YAML"},
	};
	for (size_t i = 0; i < countof(rows); i++)
		assert_complains(rows[i].text, rows[i].where, rows[i].what);
}

static void all_faults_are_told_at_once(void **state)
{
	(void)state;
	write_file("10-a.yaml", "server: {listn: 1, api_threads: 0}\nnonsense: 1\n");
	write_file("20-b.yaml", "channels:\n  - {name: A}\n  - {name: b}\n");
	struct config_source from = source();
	const char *said = complaints_about(&from, HERALD_INVALID);
	static const char *const parts[] = {"listn", "api_threads", "nonsense", "the name of a channel",
					    "plugin"};
	for (size_t i = 0; i < countof(parts); i++)
		assert_non_null(strstr(said, parts[i]));
	struct config *config = NULL;
	struct herald_error err = {0};
	assert_int_equal(config_load(&from, NULL, &config, &err), HERALD_INVALID);
	assert_non_null(strstr(err.text, "more)"));
}

static void files_that_cannot_be_trusted_or_read_are_faults(void **state)
{
	(void)state;
	struct config_source from = source();
	write_file("10-a.yaml", "log: {}\n");
	assert_int_equal(chmod(path_of("10-a.yaml"), 0646), 0);
	assert_non_null(
		strstr(complaints_about(&from, HERALD_INVALID), "10-a.yaml: everybody can change it"));
	unlink(path_of("10-a.yaml"));
	assert_int_equal(mkfifo(path_of("10-a.yaml"), 0600), 0);
	assert_non_null(strstr(complaints_about(&from, HERALD_INVALID), "10-a.yaml: not a regular file"));
	unlink(path_of("10-a.yaml"));
	from.dir = "/nonexistent/conf.d";
	assert_non_null(strstr(complaints_about(&from, HERALD_INVALID),
			       "/nonexistent/conf.d: cannot read the configuration: No such file"));
}

static void more_channels_than_the_bound_are_a_fault(void **state)
{
	(void)state;
	for (int extra = 0; extra <= 1; extra++) {
		struct herald_builder text;
		herald_builder_init(&text, 100000);
		herald_add(&text, "channels:\n");
		for (int i = 0; i < 64 + extra; i++)
			herald_addf(&text, "  - {name: c%d, plugin: loopback}\n", i);
		write_file("10-a.yaml", text.data);
		herald_builder_done(&text);
		struct config_source from = source();
		const char *said = complaints_about(&from, extra == 0 ? HERALD_OK : HERALD_INVALID);
		assert_true(extra == 0 || strstr(said, "more than 64 channels") != NULL);
	}
}

static void what_is_shown_says_where_it_comes_from_and_holds_no_secret(void **state)
{
	(void)state;
	write_file("10-a.yaml", "server: {api_threads: 3}\n");
	write_file(
		"20-b.yaml",
		"channels:\n  - name: mail\n    plugin: email\n    options:\n"
		"      password: hunter2\n      api_key: env:THE_KEY\n      from: \"a\\\"b\"\n      to: y\n");
	static const char *const overrides[] = {"log.level=debug", "channel.mail.options.to=x"};
	struct config_source from = source();
	from.overrides = overrides;
	from.override_count = countof(overrides);
	struct config *config = load(&from);
	struct herald_builder text;
	herald_builder_init(&text, 100000);
	config_show(config, &text);
	config_unref(config);
	char wanted[200];
	snprintf(wanted, sizeof(wanted), "  api_threads: 3  # %s/10-a.yaml:1:23\n", folder);
	assert_non_null(strstr(text.data, wanted));
	assert_non_null(strstr(text.data, "  listen: \"127.0.0.1:8470\"  # default\n"));
	assert_non_null(strstr(text.data, "  level: \"debug\"  # --set log.level\n"));
	assert_null(strstr(text.data, "hunter2"));
	assert_non_null(strstr(text.data, "\"password\": \"***\""));
	assert_non_null(strstr(text.data, "\"api_key\": \"env:THE_KEY\""));

	assert_null(strstr(text.data, "\"to\": \"y\""));
	assert_non_null(strstr(text.data, "\"to\": \"x\"  # --set channel.mail.options.to\n"));

	/* It can be read again, and says the same. */
	unlink(path_of("20-b.yaml"));
	write_file("10-a.yaml", text.data);
	herald_builder_done(&text);
	from.override_count = 0;
	config = load(&from);
	assert_int_equal(config->server.api_threads, 3);
	assert_string_equal(config->log.level, "debug");
	assert_string_equal(config->channels[0].options[2].values[0], "a\"b");
	config_unref(config);
}

static struct config *load_text(const char *text)
{
	write_file("10-a.yaml", text);
	struct config_source from = source();
	return load(&from);
}

static void a_reload_knows_which_channels_changed(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		bool is_same;
	} rows[] = {
		{"channels:\n- {name: a, plugin: x, window: 3, options: {p: 1, q: [a, b]}}\n", true},
		{"# moved\n\nchannels:\n- {plugin: x, options: {q: [a, b], p: 1}, window: 3, name: a}\n",
		 true},
		{"channels:\n- {name: a, plugin: x, window: 4, options: {p: 1, q: [a, b]}}\n", false},
		{"channels:\n- {name: a, plugin: y, window: 3, options: {p: 1, q: [a, b]}}\n", false},
		{"channels:\n- {name: a, plugin: x, window: 3, options: {p: 2, q: [a, b]}}\n", false},
		{"channels:\n- {name: a, plugin: x, window: 3, options: {p: 1, q: [a]}}\n", false},
		{"channels:\n- {name: a, plugin: x, window: 3, options: {p: 1}}\n", false},
		{"channels:\n- {name: a, plugin: x, window: 3, options: {p: 1, q: [a, b], r: 1}}\n", false},
	};
	struct config *first = load_text(rows[0].text);
	for (size_t i = 0; i < countof(rows); i++) {
		struct config *other = load_text(rows[i].text);
		if (config_channel_same(first->channels, other->channels) != rows[i].is_same)
			fail_msg("%s", rows[i].text);
		config_unref(other);
	}
	config_unref(first);
}

static void a_reload_warns_of_what_needs_a_restart_and_of_nothing_else(void **state)
{
	(void)state;
	struct config *old = load_text("server: {api_threads: 2}\n");
	struct config *new = load_text("server: {api_threads: 3, drain_timeout: 5s}\nlog: {level: debug}\n");
	struct arena *arena = arena_new();
	struct complaints *complaints = arena_new_of(arena, struct complaints);
	complaints_init(complaints, arena);
	config_changes(old, new, complaints);
	assert_int_equal(complaints->count, 1);
	assert_int_equal(complaints->errors, 0);
	assert_non_null(strstr(complaints->items[0].text, "'api_threads'"));
	assert_int_equal(complaints->items[0].place.line, 1);
	arena_free(arena);
	config_unref(old);
	config_unref(new);
}

static void rates_are_a_count_in_a_time(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int64_t count, per_ms;
	} rows[] = {{"30/s", 30, 1000},          {"1000/m", 1000, 60000}, {"5/10s", 5, 10000},
		    {"1/250ms", 1, 250},         {"2/d", 2, 86400000},    {"", 0, 0},
		    {"1000000/s", 1000000, 1000}};
	struct config_rate rate;
	for (size_t i = 0; i < countof(rows); i++) {
		assert_int_equal(config_rate_parse(rows[i].text, &rate, NULL), HERALD_OK);
		assert_int_equal(rate.count, rows[i].count);
		assert_int_equal(rate.per_ms, rows[i].per_ms);
	}
	static const char *const wrong[] = {"30",        "/s",
					    "30/",       "0/s",
					    "-1/s",      "30/0s",
					    "30/x",      "a/s",
					    "1 /s",      "1/ s",
					    "1000001/s", "99999999999999999/s",
					    "1/s/s",     "1/99999999999999999999999999999999999999d"};
	for (size_t i = 0; i < countof(wrong); i++)
		assert_int_equal(config_rate_parse(wrong[i], &rate, NULL), HERALD_INVALID);
}

static void an_address_to_listen_on_has_a_host_and_a_port(void **state)
{
	(void)state;
	char host[CONFIG_HOST_SIZE];
	uint16_t port;
	assert_int_equal(config_listen_parse("127.0.0.1:8470", host, &port, NULL), HERALD_OK);
	assert_string_equal(host, "127.0.0.1");
	assert_int_equal(port, 8470);
	assert_int_equal(config_listen_parse("[::1]:0", host, &port, NULL), HERALD_OK);
	assert_string_equal(host, "::1");
	assert_int_equal(port, 0);
	static const char *const wrong[] = {"",        ":",    ":80",    "a",     "a:",    "a:x",
					    "a:65536", "a:-1", "::1:80", "[::1]", "[]:80", "[::1:80"};
	for (size_t i = 0; i < countof(wrong); i++)
		assert_int_equal(config_listen_parse(wrong[i], host, &port, NULL), HERALD_INVALID);
}

enum { THREADS = 4, ROUNDS = 5000 };

static void *hold_and_drop(void *argument)
{
	struct config *config = argument;
	for (int i = 0; i < ROUNDS; i++) {
		struct config *mine = config_ref(config);
		CHECK(mine->server.api_threads == 2);
		config_unref(mine);
	}
	config_unref(config);
	return NULL;
}

static void a_snapshot_lives_as_long_as_its_last_holder(void **state)
{
	(void)state;
	struct config_source from = source();
	struct config *config = load(&from);
	pthread_t threads[THREADS];
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, hold_and_drop, config_ref(config)), 0);
	config_unref(config);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	config_unref(NULL);
}

#define folder_test(f) cmocka_unit_test_setup_teardown(f, make_folder, remove_folder)

int main(void)
{
	const struct CMUnitTest tests[] = {
		folder_test(an_empty_folder_gives_the_defaults),
		folder_test(later_files_win_and_what_is_not_a_yaml_file_is_not_read),
		folder_test(channels_come_in_the_order_of_their_files_with_their_options_as_written),
		folder_test(the_environment_wins_over_files_and_the_command_line_over_all),
		folder_test(a_variable_that_fits_nothing_is_warned_about_and_a_wrong_value_is_a_fault),
		folder_test(an_override_that_fits_nothing_is_a_fault),
		folder_test(every_fault_of_a_file_is_told_with_its_place),
		folder_test(all_faults_are_told_at_once),
		folder_test(files_that_cannot_be_trusted_or_read_are_faults),
		folder_test(more_channels_than_the_bound_are_a_fault),
		folder_test(what_is_shown_says_where_it_comes_from_and_holds_no_secret),
		folder_test(a_reload_knows_which_channels_changed),
		folder_test(a_reload_warns_of_what_needs_a_restart_and_of_nothing_else),
		cmocka_unit_test(rates_are_a_count_in_a_time),
		cmocka_unit_test(an_address_to_listen_on_has_a_host_and_a_port),
		folder_test(a_snapshot_lives_as_long_as_its_last_holder),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

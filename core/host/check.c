/* check.c - the contract, run: load, fill, open two, hold each call to its promise, close.
 *
 * Nothing leaves this process: the table that the plugin is lent takes requests and answers them itself. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "herald/kit.h"
#include "host/chatter.h"
#include "host/check.h"
#include "host/host.h"
#include "host/loader.h"
#include "base/check.h"

enum { WATCHDOG_S = 60 };

bool check_that(struct check *check, bool is_kept, const char *promise, ...)
{
	char text[400];
	va_list arguments;

	va_start(arguments, promise);
	vsnprintf(text, sizeof(text), promise, arguments);
	va_end(arguments);
	printf("%-6s %s\n", is_kept ? "kept" : "BROKEN", text);
	*(is_kept ? &check->kept : &check->broken) += 1;
	return is_kept;
}

void check_skip(struct check *check, const char *promise, const char *why)
{
	printf("%-6s %s: %s\n", "skip", promise, why);
	check->skipped++;
}

static struct wire_option *settings_copy(struct check *check, const struct host_setting *settings,
					 size_t count)
{
	struct wire_option *options = arena_array_of(check->arena, count, struct wire_option);

	for (size_t i = 0; i < count; i++) {
		const char **value = arena_new_of(check->arena, const char *);
		struct herald_option option;

		*value = settings[i].value;
		options[i] = (struct wire_option){
			.name = settings[i].name,
			.where = "--option",
			.values = value,
			.value_count = 1,
			.is_secret = options_find(loader_options(check->plugin), settings[i].name, &option) &&
				     option.type == HERALD_OPTION_SECRET,
		};
	}
	return options;
}

/* What the plugin would be given: its options, filled.  False: they can not be, and it was said. */
static bool options_fill_both(struct check *check, const struct host_setting *settings, size_t count)
{
	struct herald_error err = {0};

	for (size_t i = 0; i < countof(check->instances); i++) {
		if (loader_fill(check->plugin, "check", settings_copy(check, settings, count), count,
				check->arena, &check->instances[i].channel.config, &err) == HERALD_OK)
			continue;
		/* Nobody was asked for what only an operator knows. */
		if (count == 0)
			check_skip(check, "open and all calls, which need --option NAME=VALUE", err.text);
		else
			check_that(check, false, "options are filled: %s", err.text);
		return false;
	}
	return true;
}

static enum herald_code instance_open(struct check *check, struct check_instance *instance,
				      struct herald_error *err)
{
	struct herald_channel *channel = &instance->channel;

	channel->arena = check->arena;
	channel->plugin = check->plugin;
	channel->loop = pthread_self();
	channel->talk = outbox_new(-1);
	channel->chatter = chatter_new(channel->talk);
	channel->settings = (struct wire_config){
		.channel = "check",
		.attempt_timeout_ms = 30 * 1000,
		.allow_insecure_loopback = true,
	};
	CHECK(pthread_mutex_init(&channel->http_lock, NULL) == 0);
	enum herald_code code =
		check->plugin->open(&check_host, channel, channel->config, &channel->self, err);
	err->text[sizeof(err->text) - 1] = '\0';
	instance->is_open = code == HERALD_OK;
	return code;
}

static void instance_close(struct check *check, struct check_instance *instance)
{
	if (instance->is_open)
		check->plugin->close(instance->channel.self);
	atomic_store(&instance->channel.is_over, true);
	chatter_free(instance->channel.chatter);
	outbox_free(instance->channel.talk);
	pthread_mutex_destroy(&instance->channel.http_lock);
}

/* Addresses of the kinds that there are; the first that the plugin takes is used for sending. */
static const char *address_find(struct check *check)
{
	static const char *const samples[] = {
		"ok",
		"+14255550123",
		"somebody@example.org",
		"somebody",
		"8:acs:11111111-2222-3333-4444-555555555555_00000000-1111-2222-3333-444444444444",
		"https://example.org/hook"};
	const struct herald_plugin *plugin = check->plugin;
	char canonical[512];

	if (!HERALD_HAS(struct herald_plugin, plugin, check_address) || !plugin->check_address)
		return samples[0];
	for (size_t i = 0; i < countof(samples); i++)
		if (plugin->check_address(check->instances[0].channel.self, samples[i], canonical,
					  sizeof(canonical), NULL) == HERALD_OK)
			return arena_text(check->arena, canonical);
	return NULL;
}

static void run(struct check *check, const struct host_setting *settings, size_t count, const char *address)
{
	struct herald_error err = {0};
	bool is_open = true;

	if (!options_fill_both(check, settings, count))
		return;
	for (size_t i = 0; i < countof(check->instances) && is_open; i++) {
		enum herald_code code = instance_open(check, &check->instances[i], &err);
		is_open = check_that(check, code == HERALD_OK, "open, instance %zu%s%s", i + 1,
				     code == HERALD_OK ? "" : ": ", code == HERALD_OK ? "" : err.text);
	}
	if (!is_open)
		return;
	check_addresses(check);
	check->address = address ? address : address_find(check);
	check_answers(check);
	check_meters(check);
	check_sends(check);
	for (size_t i = 0; i < countof(check->instances); i++)
		instance_close(check, &check->instances[i]);
	check_that(check, true, "close");
}

enum herald_code host_check(const char *path, const struct host_setting *settings, size_t count,
			    const char *address, struct herald_error *err)
{
	struct check check = {.arena = arena_new()};

	alarm(WATCHDOG_S); /* a plugin that hangs ends the run by a signal, which the caller reports */
	setvbuf(stdout, NULL, _IOLBF, 0);
	enum herald_code code = loader_load(path, &check.plugin, err);
	if (code == HERALD_OK) {
		check_that(&check, true, "loads by the rules: %s %s", check.plugin->name,
			   check.plugin->version);
		run(&check, settings, count, address);
		printf("%u kept, %u broken, %u skipped\n", check.kept, check.broken, check.skipped);
		if (check.broken > 0)
			code = herald_fail(err, HERALD_INVALID, "%s: %u promises are broken", path,
					   check.broken);
	}
	alarm(0);
	arena_free(check.arena);
	return code;
}

/* briefing.c - from the snapshot to the CONFIG frame.
 *
 * The daemon does not know the plugin's table, so it resolves every scalar that is written as a reference and
 * marks it; the host, which knows, refuses a literal where a secret must be. */
#include "channel/briefing.h"

#include <string.h>

#include "config/secret.h"
#include "wire/message.h"
#include "base/check.h"

static enum herald_code option_resolve(const struct option_given *given, struct arena *secrets,
				       struct wire_option *ret_option, struct herald_error *err)
{
	struct wire_option option = {
		.name = given->name,
		.where = option_place_text(secrets, given->place),
		.values = given->values,
		.value_count = given->value_count,
		.is_list = given->is_list,
		.is_secret = given->is_secret,
	};

	if (!given->is_list && !given->is_secret && given->value_count == 1 &&
	    secret_is_reference(given->values[0])) {
		const char **value = arena_array_of(secrets, 1, const char *);
		herald_secret secret;

		enum herald_code code = secret_resolve(given->values[0], secrets, &secret, err);
		if (code != HERALD_OK)
			return herald_within(err, "%s: option '%s': ", option.where, given->name);
		*value = secret.value;
		option.values = value;
		option.is_secret = true;
	}
	*ret_option = option;
	return HERALD_OK;
}

/* Never less than the frame needs: heads of fields are 8 bytes, numbers 16, and there are few. */
static size_t config_bytes(const struct wire_config *config)
{
	size_t bytes = 4096 + strlen(config->channel) + strlen(config->plugin_path);

	for (size_t i = 0; i < config->token_host_count; i++)
		bytes += 16 + strlen(config->token_hosts[i]);
	for (size_t i = 0; i < config->option_count; i++) {
		const struct wire_option *option = &config->options[i];
		bytes += 128 + strlen(option->name) + strlen(option->where);
		for (size_t j = 0; j < option->value_count; j++)
			bytes += 16 + strlen(option->values[j]);
	}
	return bytes;
}

static enum herald_code config_write(const struct wire_config *config, struct outbox *outbox,
				     struct herald_error *err)
{
	size_t bytes = config_bytes(config);

	if (bytes > OUTBOX_BYTES_MAX)
		return herald_fail(err, HERALD_LIMIT, "the options of channel '%s' are longer than %d bytes",
				   config->channel, (int)OUTBOX_BYTES_MAX);
	outbox_expect_secrets(outbox, bytes);
	CHECK(wire_config_write(&outbox->batch, config));
	return HERALD_OK;
}

enum herald_code briefing_write(const struct supervisor_settings *settings,
				const struct config_channel *channel, uint32_t slots, struct outbox *outbox,
				struct herald_error *err)
{
	struct arena *secrets = arena_new_wiped();
	struct wire_option *options = arena_array_of(secrets, channel->option_count, struct wire_option);
	const char *dir = channel->plugin_dir[0] != '\0' ? channel->plugin_dir : settings->plugin_dir;
	enum herald_code code = HERALD_OK;

	for (size_t i = 0; i < channel->option_count && code == HERALD_OK; i++)
		code = option_resolve(&channel->options[i], secrets, &options[i], err);
	if (code == HERALD_OK && channel->option_count > WIRE_OPTIONS_MAX)
		code = herald_fail(err, HERALD_LIMIT, "channel '%s' has more than %d options", channel->name,
				   (int)WIRE_OPTIONS_MAX);
	if (code == HERALD_OK)
		code = config_write(
			&(struct wire_config){
				.channel = channel->name,
				.plugin_path = arena_printf(secrets, "%s/%s.so", dir, channel->plugin),
				.run = settings->run,
				.workers = (uint32_t)channel->workers,
				.attempt_timeout_ms = channel->attempt_timeout.ms,
				.orphan_timeout_ms = channel->orphan_timeout.ms,
				.token_hosts = channel->token_hosts.items,
				.token_host_count = channel->token_hosts.count,
				.allow_insecure_loopback = channel->may_be_insecure_on_loopback,
				.slots = slots,
				.options = options,
				.option_count = channel->option_count,
			},
			outbox, err);
	arena_free(secrets);
	return code;
}

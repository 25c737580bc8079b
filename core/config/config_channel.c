/* config_channel.c - the channels of a configuration: read, filled, checked.
 *
 * The plugin's own options are kept as they were written: only the plugin's table knows what they mean, and
 * only the start of its process needs the secrets that they refer to. */
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "config/private.h"
#include "base/check.h"

static bool is_channel_name(const char *name)
{
	if (name[0] < 'a' || name[0] > 'z' || strnlen(name, 33) > 32)
		return false;
	return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(name);
}

static bool is_plugin_name(const char *name)
{
	if (name[0] < 'a' || name[0] > 'z' || strnlen(name, 33) > 32)
		return false;
	return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(name);
}

/* The name must be right before anything else is: it says in every complaint which channel is meant. */
static const char *read_name(struct config_loader *loader, const struct node *entry)
{
	const struct node *name = node_child(entry, "name");
	if (name == NULL) {
		complain(loader->complaints, entry->place, "a channel has no name");
		return NULL;
	}
	if (name->kind != NODE_SCALAR || !is_channel_name(name->text)) {
		complain(loader->complaints, name->place,
			 "the name of a channel must be 1 to 32 of a-z, 0-9 and -, and begin with a letter");
		return NULL;
	}
	const struct channel_draft *before = config_draft_find(loader->inner, name->text, strlen(name->text));
	if (before != NULL) {
		complain(loader->complaints, name->place, "channel '%s' is there already, in %s", name->text,
			 option_place_text(loader->arena, before->place));
		return NULL;
	}
	return name->text;
}

static void read_plugin_options(struct config_loader *loader, struct channel_draft *draft,
				const struct node *options)
{
	if (options->kind == NODE_SCALAR && options->is_null)
		return;
	if (options->kind != NODE_MAP) {
		complain(loader->complaints, options->place, "'options' of channel '%s' must be a mapping",
			 draft->name);
		return;
	}
	if (options->count > OPTIONS_PER_CHANNEL_MAX) {
		complain(loader->complaints, options->place, "channel '%s' has more than %d options",
			 draft->name, OPTIONS_PER_CHANNEL_MAX);
		return;
	}
	for (const struct node *child = options->first; child != NULL; child = child->next) {
		struct option_given given;
		if (given_from_node(child, child->key, loader->arena, loader->complaints, &given))
			given_add(&draft->options, loader->arena, &given);
	}
}

static void read_channel(struct config_loader *loader, const struct node *entry)
{
	if (entry->kind != NODE_MAP) {
		complain(loader->complaints, entry->place,
			 "a channel is a mapping with at least name and plugin");
		return;
	}
	const char *name = read_name(loader, entry);
	if (name == NULL)
		return;
	if (loader->inner->draft_count == CHANNELS_MAX) {
		complain(loader->complaints, entry->place, "more than %d channels", CHANNELS_MAX);
		return;
	}
	struct channel_draft *draft = &loader->inner->drafts[loader->inner->draft_count++];
	draft->name = name;
	draft->place = entry->place;
	for (const struct node *child = entry->first; child != NULL; child = child->next) {
		struct option_given given;
		if (strcmp(child->key, "options") == 0)
			read_plugin_options(loader, draft, child);
		else if (given_from_node(child, child->key, loader->arena, loader->complaints, &given))
			given_add(&draft->given, loader->arena, &given);
	}
}

void config_read_channels(struct config_loader *loader, const struct node *list)
{
	if (list->kind == NODE_SCALAR && list->is_null)
		return;
	if (list->kind != NODE_LIST) {
		complain(loader->complaints, list->place,
			 "'channels' must be a list; each begins with `- name:`");
		return;
	}
	for (const struct node *entry = list->first; entry != NULL; entry = entry->next)
		read_channel(loader, entry);
}

/* Where an option was written, or where the channel begins. */
static struct option_place place_of(const struct channel_draft *draft, const char *option)
{
	const struct option_given *given = given_last(draft->given.items, draft->given.count, option);
	return given == NULL ? draft->place : given->place;
}

enum herald_code config_rate_parse(const char *text, struct config_rate *ret_rate, struct herald_error *err)
{
	enum { COUNT_MAX = 1000000 };
	struct config_rate rate = {0};
	const char *slash = strchr(text, '/');
	char count[16], duration[32] = "1";
	if (text[0] == 0) {
		*ret_rate = rate;
		return HERALD_OK;
	}
	if (slash == NULL || slash == text || (size_t)(slash - text) >= sizeof(count) ||
	    strlen(slash + 1) >= sizeof(duration) - 1)
		return herald_fail(err, HERALD_INVALID, "must be like 30/s, 1000/m or 5/10s");
	memcpy(count, text, (size_t)(slash - text));
	count[slash - text] = 0;
	/* "s" alone is one second. */
	bool is_bare = slash[1] < '0' || slash[1] > '9';
	memcpy(duration + is_bare, slash + 1, strlen(slash + 1) + 1);
	if (option_int_parse(count, &rate.count, NULL) != HERALD_OK ||
	    clock_duration_parse(duration, &rate.per_ms, NULL) != HERALD_OK || rate.count < 1 ||
	    rate.count > COUNT_MAX || rate.per_ms < 1)
		return herald_fail(err, HERALD_INVALID, "must be like 30/s, 1000/m or 5/10s");
	*ret_rate = rate;
	return HERALD_OK;
}

static void fill_rate(struct config_loader *loader, const struct channel_draft *draft, const char *option,
		      const char *text, struct config_rate *ret_rate)
{
	struct herald_error err = {0};
	if (config_rate_parse(text, ret_rate, &err) != HERALD_OK)
		complain(loader->complaints, place_of(draft, option),
			 "option '%s' of channel '%s' %s, got '%.32s'", option, draft->name, err.text, text);
}

/* A host's name, or "*." and one. */
static bool is_host_pattern(const char *text)
{
	if (strncmp(text, "*.", 2) == 0)
		text += 2;
	if (text[0] == 0 || text[0] == '.' || text[0] == '-' || strnlen(text, 254) > 253 ||
	    strstr(text, "..") != NULL)
		return false;
	return strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") ==
	       strlen(text);
}

static enum config_uncertain uncertain_of(const char *text)
{
	static const char *const names[] = {
		[CONFIG_UNCERTAIN_AUTO] = "auto",
		[CONFIG_UNCERTAIN_RETRY] = "retry",
		[CONFIG_UNCERTAIN_PARK] = "park",
		[CONFIG_UNCERTAIN_DEAD] = "dead",
	};
	size_t i = 0;
	while (i + 1 < countof(names) && strcmp(names[i], text) != 0)
		i++;
	return (enum config_uncertain)i;
}

static void check_channel(struct config_loader *loader, const struct channel_draft *draft,
			  const struct config_channel *channel)
{
	struct complaints *complaints = loader->complaints;
	if (channel->plugin[0] != 0 && !is_plugin_name(channel->plugin))
		complain(complaints, place_of(draft, "plugin"),
			 "the plugin of channel '%s' must be 1 to 32 of a-z, 0-9 and _, and begin with a "
			 "letter",
			 draft->name);
	if (channel->window > channel->window_max)
		complain(complaints, place_of(draft, "window"),
			 "option 'window' of channel '%s' is %lld, more than its window_max of %lld",
			 draft->name, (long long)channel->window, (long long)channel->window_max);
	if (channel->plugin_dir[0] != 0 && channel->plugin_dir[0] != '/')
		complain(complaints, place_of(draft, "plugin_dir"),
			 "option 'plugin_dir' of channel '%s' must be an absolute path", draft->name);
	for (size_t i = 0; i < channel->token_hosts.count; i++) {
		if (!is_host_pattern(channel->token_hosts.items[i]))
			complain(complaints, place_of(draft, "token_hosts"),
				 "option 'token_hosts' of channel '%s' takes names of hosts, without scheme, "
				 "port or path, "
				 "got '%.64s'",
				 draft->name, channel->token_hosts.items[i]);
	}
}

static void fill_channel(struct config_loader *loader, const struct channel_draft *draft,
			 struct config_channel *channel)
{
	size_t count;
	struct options_task task = {
		.table = config_sections(&count)[SECTION_CHANNEL].table,
		.given = draft->given.items,
		.given_count = draft->given.count,
		.what = arena_printf(loader->arena, "channel '%s'", draft->name),
		.home = draft->place,
		.arena = loader->arena,
	};
	options_fill(&task, channel, loader->complaints);
	channel->place = draft->place;
	channel->options = draft->options.items;
	channel->option_count = draft->options.count;
	channel->uncertain_policy = uncertain_of(channel->uncertain);
	channel->may_be_insecure_on_loopback = strcmp(channel->allow_insecure, "loopback") == 0;
	fill_rate(loader, draft, "rate", channel->rate, &channel->rate_limit);
	fill_rate(loader, draft, "destination_rate", channel->destination_rate,
		  &channel->destination_rate_limit);
	check_channel(loader, draft, channel);
}

void config_fill_channels(struct config_loader *loader)
{
	struct config_inner *inner = loader->inner;
	struct config_channel *channels =
		arena_array_of(loader->arena, inner->draft_count, struct config_channel);
	for (size_t i = 0; i < inner->draft_count; i++)
		fill_channel(loader, &inner->drafts[i], &channels[i]);
	inner->config.channels = channels;
	inner->config.channel_count = inner->draft_count;
}

const struct config_channel *config_channel_find(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->channel_count; i++) {
		if (strcmp(config->channels[i].name, name) == 0)
			return &config->channels[i];
	}
	return NULL;
}

static bool is_same_given(const struct option_given *one, const struct option_given *other)
{
	if (other == NULL || one->is_list != other->is_list || one->value_count != other->value_count)
		return false;
	for (size_t i = 0; i < one->value_count; i++) {
		if (strcmp(one->values[i], other->values[i]) != 0)
			return false;
	}
	return true;
}

/* Each option of one that counts (the last of its name) is the same in the other. */
static bool has_same_options(const struct config_channel *one, const struct config_channel *other)
{
	for (size_t i = 0; i < one->option_count; i++) {
		const char *name = one->options[i].name;
		if (!is_same_given(given_last(one->options, one->option_count, name),
				   given_last(other->options, other->option_count, name)))
			return false;
	}
	return true;
}

bool config_channel_same(const struct config_channel *one, const struct config_channel *other)
{
	size_t count;
	struct option_table table = config_sections(&count)[SECTION_CHANNEL].table;
	struct arena *arena = arena_new();
	bool is_same = has_same_options(one, other) && has_same_options(other, one);
	for (size_t i = 0; is_same && i < table.count; i++) {
		struct herald_option option = options_at(table, i);
		is_same = strcmp(options_value_text(arena, &option, one),
				 options_value_text(arena, &option, other)) == 0;
	}
	arena_free(arena);
	return is_same;
}

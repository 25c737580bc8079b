/* describe.c - a plugin's facts and option table, for people, for programs, and as a manual page.
 *
 * What is printed is made from the table alone, so it can not drift from what the plugin does with it. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "herald/kit.h"
#include "host/host.h"
#include "host/loader.h"
#include "base/check.h"

enum { DESCRIPTION_BYTES_MAX = 4 * 1024 * 1024, DATE_BYTES = 32 };

static const char *batch_name(uint32_t by)
{
	return by == HERALD_BATCH_DESTINATION ? "destination"
	       : by == HERALD_BATCH_CONTENT   ? "content"
					      : "any";
}

static const struct herald_meter *meter_at(const struct herald_plugin *plugin, size_t i)
{
	return (const void *)((const char *)plugin->meters + i * plugin->meter_size);
}

static const char *threads_name(const struct herald_plugin *plugin)
{
	if (!(plugin->flags & HERALD_BLOCKING))
		return "event loop";
	return plugin->flags & HERALD_SERIAL ? "one worker" : "workers";
}

static void print_text(const struct herald_plugin *plugin, struct herald_builder *page)
{
	char span[CLOCK_TEXT_SIZE];

	herald_addf(page, "%s %s - %s\n\n", plugin->name, plugin->version, plugin->summary);
	herald_addf(page, "  addresses    %s\n", plugin->kind);
	herald_addf(page, "  ABI          %u.%u\n", plugin->abi >> 16, plugin->abi & 0xFFFF);
	herald_addf(page, "  runs on      %s\n", threads_name(plugin));
	if (plugin->send_batch)
		herald_addf(page, "  batches      up to %u by %s\n", plugin->batch_max,
			    batch_name(plugin->batch_by));
	clock_duration_text(plugin->idempotent_ms, span);
	herald_addf(page, "  idempotent   %s\n", plugin->idempotent_ms > 0 ? span : "no");
	if (plugin->option_count > 0) {
		herald_add(page, "\nOptions\n");
		options_print_help(loader_options(plugin), page);
	}
	if (plugin->meter_count > 0)
		herald_add(page, "\nMeters\n");
	for (size_t i = 0; i < plugin->meter_count; i++)
		herald_addf(page, "  %-20s %s%s\n", meter_at(plugin, i)->name, meter_at(plugin, i)->help,
			    meter_at(plugin, i)->is_counter ? " (counter)" : "");
}

static void json_member(struct herald_builder *page, const char *name, const char *value)
{
	herald_add_json(page, name);
	herald_add(page, ":");
	herald_add_json(page, value);
	herald_add(page, ",");
}

static void print_json(const struct herald_plugin *plugin, struct herald_builder *page)
{
	herald_add(page, "{");
	json_member(page, "plugin", plugin->name);
	json_member(page, "version", plugin->version);
	json_member(page, "kind", plugin->kind);
	json_member(page, "summary", plugin->summary);
	herald_addf(page, "\"abi\":\"%u.%u\",", plugin->abi >> 16, plugin->abi & 0xFFFF);
	herald_addf(page, "\"blocking\":%s,\"serial\":%s,",
		    plugin->flags & HERALD_BLOCKING ? "true" : "false",
		    plugin->flags & HERALD_SERIAL ? "true" : "false");
	herald_addf(page, "\"batch_max\":%u,", plugin->send_batch ? plugin->batch_max : 0);
	json_member(page, "batch_by", batch_name(plugin->batch_by));
	herald_addf(page, "\"idempotent_ms\":%lld,\"options\":", (long long)plugin->idempotent_ms);
	options_print_json(loader_options(plugin), page);
	herald_add(page, ",\"meters\":[");
	for (size_t i = 0; i < plugin->meter_count; i++) {
		herald_add(page, i > 0 ? ",{" : "{");
		json_member(page, "name", meter_at(plugin, i)->name);
		json_member(page, "help", meter_at(plugin, i)->help);
		herald_addf(page, "\"counter\":%s}", meter_at(plugin, i)->is_counter ? "true" : "false");
	}
	herald_add(page, "]}\n");
}

/* A line that begins with a dot or a quote would be a request to mdoc, a backslash an escape. */
static void man_text(struct herald_builder *page, const char *text)
{
	if (*text == '.' || *text == '\'')
		herald_add(page, "\\&");
	for (; *text; text++) {
		if (*text == '\\')
			herald_add(page, "\\e");
		else
			herald_add_bytes(page, text, 1);
	}
}

static void man_head(const struct herald_plugin *plugin, struct herald_builder *page)
{
	char date[DATE_BYTES];
	time_t now = (time_t)(clock_wall_ms() / 1000);
	struct tm parts;

	gmtime_r(&now, &parts);
	strftime(date, sizeof(date), "%B %d, %Y", &parts);
	herald_addf(page, ".Dd %s\n.Dt HERALD-", date);
	for (const char *at = plugin->name; *at; at++)
		herald_addf(page, "%c", *at >= 'a' && *at <= 'z' ? *at - 'a' + 'A' : *at);
	herald_addf(page, " 7\n.Os\n.Sh NAME\n.Nm herald-%s\n.Nd ", plugin->name);
	man_text(page, plugin->summary);
	herald_addf(page,
		    "\n.Sh SYNOPSIS\n.Bd -literal -compact\n# conf.d/30-channel-%s.yaml\nchannels:\n"
		    "  - name: %s\n    plugin: %s\n    options:\n",
		    plugin->name, plugin->name, plugin->name);
	options_print_yaml(loader_options(plugin), 6, page);
	herald_add(page, ".Ed\n");
}

static void print_man(const struct herald_plugin *plugin, struct herald_builder *page)
{
	man_head(plugin, page);
	herald_addf(
		page,
		".Sh DESCRIPTION\nThe plugin\n.Nm %s\nversion %s carries notifications to addresses of kind\n"
		".Dq %s .\nIt is called on %s.\n",
		plugin->name, plugin->version, plugin->kind,
		plugin->flags & HERALD_BLOCKING ? "worker threads" : "the channel process's event loop");
	if (plugin->send_batch)
		herald_addf(page, "Up to %u messages share a call, grouped by %s.\n", plugin->batch_max,
			    batch_name(plugin->batch_by));
	if (plugin->option_count > 0) {
		herald_add(page, ".Sh OPTIONS\n");
		options_print_man(loader_options(plugin), page);
	}
	if (plugin->meter_count > 0)
		herald_add(page, ".Sh METERS\n.Bl -tag -width Ds\n");
	for (size_t i = 0; i < plugin->meter_count; i++) {
		herald_addf(page, ".It Va herald_plugin_%s\n", meter_at(plugin, i)->name);
		man_text(page, meter_at(plugin, i)->help);
		herald_add(page, "\n");
	}
	if (plugin->meter_count > 0)
		herald_add(page, ".El\n");
	herald_add(page, ".Sh SEE ALSO\n.Xr herald-channel 8 ,\n.Xr heraldd 8\n");
}

enum herald_code host_describe(const char *path, enum describe_form form, struct herald_error *err)
{
	const struct herald_plugin *plugin;
	struct herald_builder page;
	struct herald_text text;
	enum herald_code code = loader_load(path, &plugin, err);

	if (code != HERALD_OK)
		return code;
	herald_builder_init(&page, DESCRIPTION_BYTES_MAX);
	switch (form) {
	case DESCRIBE_TEXT:
		print_text(plugin, &page);
		break;
	case DESCRIBE_JSON:
		print_json(plugin, &page);
		break;
	case DESCRIBE_MAN:
		print_man(plugin, &page);
		break;
	}
	code = herald_builder_text(&page, &text, err);
	if (code == HERALD_OK &&
	    (fwrite(text.data, 1, text.size, stdout) != text.size || fflush(stdout) != 0))
		code = herald_fail(err, HERALD_IO, "writing to stdout failed");
	herald_builder_done(&page);
	return code;
}

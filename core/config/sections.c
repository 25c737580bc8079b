/* sections.c - the core's own options: one table per section of conf.d.
 *
 * Parsing, complaints, --help, manual pages and the check that conf.d explains each option come from here and
 * from nowhere else. */
#include "config/private.h"

#include "base/check.h"

static const struct herald_option server_options[] = {
	HERALD_OPTION(struct config_server, listen, 0, "127.0.0.1:8470",
		      "Address and port of the HTTP API; TLS is for a front proxy to add."),
	HERALD_OPTION(
		struct config_server, admin_socket, 0, "admin.sock",
		"Socket for the command line on this machine; a relative path begins in the run directory."),
	HERALD_OPTION(struct config_server, api_threads, 0, "2", "Threads that answer API requests.",
		      .least = "1", .most = "64"),
	HERALD_OPTION(struct config_server, connections_max, 0, "1024",
		      "Connections that may be open at once; more are turned away.", .least = "8",
		      .most = "65536"),
	HERALD_OPTION(struct config_server, header_timeout, 0, "10s",
		      "How long a client may take to send the head of a request.", .least = "1s",
		      .most = "5m"),
	HERALD_OPTION(struct config_server, idle_timeout, 0, "60s",
		      "How long a connection may be silent before it is closed.", .least = "1s",
		      .most = "1h"),
	HERALD_OPTION(struct config_server, drain_timeout, HERALD_RELOADABLE, "30s",
		      "How long a stopping daemon waits for what is in hand.", .least = "0s", .most = "1h"),
	HERALD_OPTION(struct config_server, problem_base, 0, "https://herald.example/problems/",
		      "What the type of a problem (an error answer of the API) begins with."),
	HERALD_OPTION(struct config_server, plugin_dir, 0, "",
		      "Folder of the channel plugins; empty means the one that Herald was built with."),
	HERALD_OPTION(struct config_server, host_program, 0, "",
		      "Program that hosts a channel's plugin; empty means herald-channel beside the daemon's "
		      "own file."),
	HERALD_OPTION(
		struct config_server, node, 0, "0",
		"Number of this daemon in the ids it makes; different for daemons that share their ids.",
		.least = "0", .most = "1023"),
};

static const struct herald_option store_options[] = {
	HERALD_OPTION(
		struct config_store, path, 0, "",
		"Folder of the database; empty means the data directory, where a relative path begins, too."),
	HERALD_OPTION(struct config_store, ballast, 0, "16MiB",
		      "Size of a file that is given up when the disk is full, so that what was promised can "
		      "still be "
		      "settled.",
		      .least = "0B", .most = "16GiB"),
	HERALD_OPTION(struct config_store, free_space_floor, 0, "128MiB",
		      "Free space of the disk below which no new notification is accepted.", .least = "0B",
		      .most = "1TiB"),
	HERALD_OPTION(struct config_store, queue_max, 0, "8192",
		      "Writes that may wait for the next commit; past it the API answers 503.", .least = "16",
		      .most = "1000000"),
	HERALD_OPTION(struct config_store, retention, HERALD_RELOADABLE, "30d",
		      "How long notifications that ended are kept.", .least = "1h", .most = "3650d"),
	HERALD_OPTION(struct config_store, retention_dead, HERALD_RELOADABLE, "90d",
		      "How long dead deliveries, which can be sent again, are kept.", .least = "1h",
		      .most = "3650d"),
	HERALD_OPTION(struct config_store, retention_audit, HERALD_RELOADABLE, "730d",
		      "How long the words of the audit are kept; who did what and when stays.", .least = "1d",
		      .most = "3650d"),
};

static const struct herald_option delivery_options[] = {
	HERALD_OPTION(struct config_delivery, expires_after, HERALD_RELOADABLE, "72h",
		      "When a delivery expires if the caller does not say.", .least = "1m", .most = "30d"),
	HERALD_OPTION(struct config_delivery, backoff_least, HERALD_RELOADABLE, "1s",
		      "Shortest wait before a failed delivery is tried again.", .least = "100ms",
		      .most = "1h"),
	HERALD_OPTION(struct config_delivery, backoff_most, HERALD_RELOADABLE, "1h",
		      "Longest wait before a failed delivery is tried again.", .least = "1s", .most = "1d"),
	HERALD_OPTION(struct config_delivery, retry_after_most, HERALD_RELOADABLE, "24h",
		      "Longest wait that a provider may ask for.", .least = "1s", .most = "7d"),
	HERALD_OPTION(struct config_delivery, breaker_failures, HERALD_RELOADABLE, "5",
		      "Failures in a row after which a destination is left alone for a while.", .least = "1",
		      .most = "1000"),
	HERALD_OPTION(struct config_delivery, block_least, HERALD_RELOADABLE, "30s",
		      "How long a destination is left alone the first time.", .least = "1s", .most = "1h"),
	HERALD_OPTION(struct config_delivery, block_most, HERALD_RELOADABLE, "300s",
		      "How long a destination is left alone at most.", .least = "1s", .most = "1d"),
	HERALD_OPTION(struct config_delivery, retry_budget_percent, HERALD_RELOADABLE, "20",
		      "Retries to a destination, in percent of the first tries (and one more per second).",
		      .least = "0", .most = "1000"),
};

static const struct herald_option log_options[] = {
	HERALD_OPTION(struct config_log, format, HERALD_RELOADABLE, "auto",
		      "Form of the log on standard error: JSON lines, words, or words on a terminal only.",
		      .one_of = "auto|json|text"),
	HERALD_OPTION(struct config_log, level, HERALD_RELOADABLE, "info",
		      "The least that is written to the log.", .one_of = "debug|info|notice|warning|fault"),
};

static const struct herald_option channel_options[] = {
	HERALD_OPTION(struct config_channel, name, HERALD_REQUIRED, NULL,
		      "Name of the channel, in the API and everywhere: lower case, digits and dashes."),
	HERALD_OPTION(struct config_channel, plugin, HERALD_REQUIRED, NULL, "Plugin that carries for it."),
	HERALD_OPTION(struct config_channel, processes, 0, "1",
		      "Processes that run the plugin beside each other.", .least = "1", .most = "16"),
	HERALD_OPTION(struct config_channel, workers, 0, "4",
		      "Threads of each process, for plugins that wait while they send.", .least = "1",
		      .most = "64"),
	HERALD_OPTION(struct config_channel, window, 0, "16",
		      "Deliveries in flight to a destination at first.", .least = "1", .most = "1000"),
	HERALD_OPTION(struct config_channel, window_max, 0, "64",
		      "Deliveries in flight to a destination at most, as long as it goes well.", .least = "1",
		      .most = "1000"),
	HERALD_OPTION(
		struct config_channel, rate, 0, "",
		"Most sends of the channel in a time, like 30/s, 1000/m or 5/10s; empty means no limit."),
	HERALD_OPTION(struct config_channel, destination_rate, 0, "",
		      "Most sends to one destination in a time, like 1/s; empty means no limit."),
	HERALD_OPTION(struct config_channel, attempt_timeout, 0, "30s",
		      "How long one attempt may take; RFC 5321 wants 15m for e-mail.", .least = "1s",
		      .most = "1h"),
	HERALD_OPTION(struct config_channel, attempts_max, 0, "10",
		      "Tries of a delivery before it is given up.", .least = "1", .most = "1000"),
	HERALD_OPTION(struct config_channel, token_hosts, 0, "",
		      "Hosts that may be given the channel's access tokens, like api.example.com or "
		      "*.example.com."),
	HERALD_OPTION(struct config_channel, receipts, 0, "false",
		      "Does the provider report later whether a message arrived?"),
	HERALD_OPTION(struct config_channel, receipt_wait, 0, "15m",
		      "How long the next channel in line waits for such a report.", .least = "1s",
		      .most = "7d"),
	HERALD_OPTION(struct config_channel, uncertain, 0, "auto",
		      "What to do with a delivery that may or may not have arrived; auto means as its "
		      "category says.",
		      .one_of = "auto|retry|park|dead"),
	HERALD_OPTION(struct config_channel, allow_insecure, 0, "no",
		      "May the channel speak without encryption to this machine (127.0.0.1 and ::1)?",
		      .one_of = "no|loopback"),
	HERALD_OPTION(struct config_channel, orphan_timeout, 0, "10s",
		      "How long a channel process that lost its daemon finishes what is on the wire.",
		      .least = "0s", .most = "10m"),
	HERALD_OPTION(struct config_channel, memory_max, 0, "128MiB", "Memory that each process may use.",
		      .least = "16MiB", .most = "64GiB"),
	HERALD_OPTION(struct config_channel, plugin_dir, 0, "",
		      "Folder of this channel's plugin; empty means that of the server section."),
};

static const struct config_section sections[SECTION_COUNT] = {
	[SECTION_SERVER] = {"server", "The daemon and its API.",
			    OPTION_TABLE(server_options, struct config_server)},
	[SECTION_STORE] = {"store", "Where everything is remembered, and how long.",
			   OPTION_TABLE(store_options, struct config_store)},
	[SECTION_DELIVERY] = {"delivery",
			      "When a delivery is tried again, and when a destination is left alone.",
			      OPTION_TABLE(delivery_options, struct config_delivery)},
	[SECTION_LOG] = {"log", "What the daemon says of itself.",
			 OPTION_TABLE(log_options, struct config_log)},
	[SECTION_CHANNEL] = {"channel", "One entry of the list `channels`: an instance of a plugin.",
			     OPTION_TABLE(channel_options, struct config_channel)},
};

const struct config_section *config_sections(size_t *ret_count)
{
	*ret_count = SECTION_COUNT;
	return sections;
}

void *config_section_of(struct config *config, size_t section)
{
	switch (section) {
	case SECTION_SERVER:
		return &config->server;
	case SECTION_STORE:
		return &config->store;
	case SECTION_DELIVERY:
		return &config->delivery;
	case SECTION_LOG:
		return &config->log;
	default:
		unreached();
	}
}

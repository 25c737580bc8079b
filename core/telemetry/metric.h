/* metric.h - every figure of the daemon in one table, counted by whoever sees it happen, read as Prometheus
 * text.
 *
 * Counting takes no lock: a series is found by its labels in a table that only grows, and is atomic.  The
 * number of series per metric is bounded: past the bound everything counts under the label "other".  Any
 * thread.  Label values are copied. */
#ifndef TELEMETRY_METRIC_H
#define TELEMETRY_METRIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "herald/error.h"
#include "herald/kit.h"

enum metric_type { METRIC_COUNTER = 1, METRIC_GAUGE, METRIC_HISTOGRAM };

/* enum, type, exported name, label names, buckets (of histograms), help */
#define METRIC_TABLE(X)                                                                                      \
	X(build_info, GAUGE, "herald_build_info", "version", NONE, "Always 1; the label tells the version.") \
	X(accepts, COUNTER, "herald_accepts_total", "outcome", NONE,                                         \
	  "Notifications asked for, by what became of the request (accepted, replayed, refused, busy).")     \
	X(planned, COUNTER, "herald_planned_total", "channel,reason", NONE,                                  \
	  "Channels considered for a recipient, by the reason for leaving them out (none: a delivery was "   \
	  "made).")                                                                                          \
	X(deliveries, COUNTER, "herald_deliveries_total", "channel,verdict,reason", NONE,                    \
	  "Attempts that ended, by verdict and by the reason of what comes next.")                           \
	X(accept_to_send, HISTOGRAM, "herald_accept_to_send_seconds", "channel", SECONDS,                    \
	  "Time from the promise (202) until the channel process was given the delivery, first attempts.")   \
	X(accept_to_delivered, HISTOGRAM, "herald_accept_to_delivered_seconds", "channel", SECONDS,          \
	  "Time from the promise (202) until the delivery was sent or delivered.")                           \
	X(queue_depth, GAUGE, "herald_queue_depth", "channel", NONE, "Deliveries that are queued.")          \
	X(in_flight, GAUGE, "herald_in_flight", "channel", NONE,                                             \
	  "Deliveries in the hands of channel processes.")                                                   \
	X(window, GAUGE, "herald_window", "channel", NONE,                                                   \
	  "How many deliveries of the channel may be in flight at once.")                                    \
	X(permits, GAUGE, "herald_permits", "channel", NONE, "Permits that are given out and not used yet.") \
	X(destinations_blocked, GAUGE, "herald_destinations_blocked", "channel", NONE,                       \
	  "Destinations that are left alone after failures.")                                                \
	X(channel_up, GAUGE, "herald_channel_up", "channel", NONE,                                           \
	  "1 while a process of the channel is ready.")                                                      \
	X(channel_restarts, COUNTER, "herald_channel_restarts_total", "channel", NONE,                       \
	  "Times that a process of the channel ended unasked and was started again.")                        \
	X(attempts_uncertain, COUNTER, "herald_attempts_uncertain_total", "channel", NONE,                   \
	  "Attempts of which nobody knows whether they arrived.")                                            \
	X(writer_batch, HISTOGRAM, "herald_writer_batch_operations", "", COUNTS,                             \
	  "Operations in one commit.")                                                                       \
	X(writer_commit, HISTOGRAM, "herald_writer_commit_seconds", "", SECONDS,                             \
	  "Time of one commit, its sync included.")                                                          \
	X(writer_waiting, GAUGE, "herald_writer_waiting_operations", "", NONE,                               \
	  "Operations that wait for the next commit.")                                                       \
	X(store_free, GAUGE, "herald_store_free_bytes", "", NONE, "Free space of the store's file system.")  \
	X(http_requests, COUNTER, "herald_http_requests_total", "route,status", NONE,                        \
	  "Requests answered, by route and status.")                                                         \
	X(http_seconds, HISTOGRAM, "herald_http_request_seconds", "route", SECONDS,                          \
	  "Time from the request's head to its answer.")                                                     \
	X(http_connections, GAUGE, "herald_http_connections", "", NONE, "Connections that are open.")        \
	X(events, COUNTER, "herald_events_total", "event", NONE, "Events, written or not.")                  \
	X(events_unwritten, COUNTER, "herald_events_unwritten_total", "", NONE,                              \
	  "Log lines held back by the rate cap or lost because nobody read the log.")

enum metric {
#define X(id, type, name, labels, buckets, help) METRIC_##id,
	METRIC_TABLE(X)
#undef X
		METRIC_COUNT
};

enum {
	METRIC_LABELS_MAX = 3,
	METRIC_SERIES_MAX = 1024,
	METRIC_LABEL_BYTES_MAX = 128,
	METRIC_TEXT_BYTES_MAX = 4 * 1024 * 1024
};

/* In the order of the table's label names; as many as it has. */
struct metric_labels {
	const char *value[METRIC_LABELS_MAX];
};
#define METRIC_LABELS(...) ((struct metric_labels){{__VA_ARGS__}})
#define METRIC_NO_LABELS METRIC_LABELS(NULL)

void metric_add(enum metric metric, struct metric_labels labels, uint64_t count);   /* counters */
void metric_set(enum metric metric, struct metric_labels labels, double value);     /* gauges */
void metric_shift(enum metric metric, struct metric_labels labels, int64_t by);     /* gauges, up and down */
void metric_observe(enum metric metric, struct metric_labels labels, double value); /* histograms; seconds */

/* A plugin's own figure, herald_plugin_<name>{channel="..."} (a counter gets "_total" behind).  The first
 * call for a name decides type and help.  False: the name is not [a-z][a-z0-9_]*, or there are too many. */
bool metric_plugin_set(const char *channel, const char *name, const char *help, bool is_counter,
		       double value);

/* For tests and the API: what a series says now; 0 for one that does not exist. */
double metric_value(enum metric metric, struct metric_labels labels);

/* All of it, text exposition format 0.0.4, with process_* of this process. */
void metric_text(struct herald_builder *builder);

#endif

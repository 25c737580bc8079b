/* private.h - one configured channel as this process has it, and what its rooms ask of each other. */
#ifndef HOST_PRIVATE_H
#define HOST_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "herald/channel.h"
#include "host/outbox.h"
#include "host/ticket.h"
#include "wire/message.h"

struct http;
struct chatter;
struct workers;

/* The border's opaque struct herald_channel. */
struct herald_channel {
	struct arena *arena; /* ends with the process: the configuration and this struct */
	struct wire_config settings;
	const struct herald_plugin *plugin;
	void *config; /* the plugin's, filled */
	void *self;
	struct outbox *work, *talk;
	struct tickets *tickets;
	struct http *http; /* made by the first request */
	pthread_mutex_t http_lock;
	struct chatter *chatter;
	struct workers *workers; /* HERALD_BLOCKING only */
	int bell;
	pthread_t loop;
	_Atomic bool is_over; /* close was called: services answer and do nothing */
	/* Reads the daemon's frames while the loop itself must wait for KEPT; NULL in the contract run. */
	enum herald_code (*pump)(struct herald_channel *channel, int timeout_ms);
};

/* services.c */
extern const struct herald_host host_services;

/* Give the plugin what line_take or line_wait answered; the uses are given away. */
void channel_send(struct herald_channel *channel, struct ticket **tickets, size_t count);

/* Until what store_address handed over is durable.  CONFLICT: the ticket is spent or nobody keeps it. */
enum herald_code channel_wait_kept(struct herald_channel *channel, struct ticket *ticket);

/* Say something in the plugin's or our own name; counted and dropped past a rate.  Any thread. */
void channel_log(struct herald_channel *channel, enum herald_level level, const char *event,
		 const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif

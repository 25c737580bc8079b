/* channel.h - the two tables between Herald and a channel plugin: what it lends, what it calls.
 *
 * A plugin knows one provider and nothing of retries, queues, storage or scheduling.  It runs in a process
 * of its own (herald-channel), one instance per configured channel:
 *
 *	open -> send, classify, step, receive, ... -> close
 *
 * A ticket is one attempt of one delivery.  It is spent exactly once: by send or step returning
 * HERALD_NOW, or by complete.  A ticket nobody spends in time is spent by the host: DEFERRED if it never
 * was on the wire, else UNCERTAIN.  A spent ticket's handle stays safe: http_send and on_wire return
 * HERALD_CONFLICT, complete is counted and changes nothing.
 *
 * Threads: without HERALD_BLOCKING all calls of an instance come from one thread, one at a time, and must
 * not block.  With it, send and send_batch come from worker threads (HERALD_SERIAL: one), the rest from the
 * one thread, beside them.  Host services may be called from any thread between open's call and close's
 *return. Nothing allocated on one side is freed on the other; what is lent is lent for the call, or as
 *stated. */
#ifndef HERALD_CHANNEL_H
#define HERALD_CHANNEL_H

#include <stddef.h>
#include <stdint.h>

#include "herald/abi.h"
#include "herald/error.h"
#include "herald/http.h"
#include "herald/message.h"
#include "herald/option.h"
#include "herald/outcome.h"

struct herald_channel; /* the host's side of one configured channel */
struct herald_ticket;  /* one attempt in flight */

struct herald_job {
	const struct herald_message *message;
	struct herald_ticket *ticket;
};

/* Where receive puts what it read.  All notices are durable before the answer goes out. */
struct herald_inbox {
	size_t struct_size;
	void (*add)(const struct herald_inbox *inbox, const struct herald_notice *notice);
	void (*answer)(const struct herald_inbox *inbox, int status, const char *media_type,
		       struct herald_text body);
};

enum herald_level { HERALD_DEBUG = 1, HERALD_INFO, HERALD_NOTICE, HERALD_WARNING, HERALD_FAULT };

/* What Herald lends a plugin. */
struct herald_host {
	size_t struct_size;
	uint32_t abi;

	int64_t (*now_ms)(void);
	void (*log)(struct herald_channel *channel, uint32_t level, const char *event,
		    const struct herald_field *fields, size_t field_count);

	/* Spend a ticket.  Copies *outcome. */
	void (*complete)(struct herald_ticket *ticket, const struct herald_outcome *outcome);

	/* Send one request for one ticket or for several; classify or step gets the answer.  Not after
	 * HERALD_NOW.  Everything in *request is copied before the call returns. */
	enum herald_code (*http_send)(struct herald_ticket *const *tickets, size_t count,
				      const struct herald_http_request *request, struct herald_error *err);

	/* With a transport of your own: ask, before the byte that makes it possible that the message arrives.
	 * Not OK: it was taken back or is overdue; the ticket is spent; do not send. */
	enum herald_code (*on_wire)(struct herald_ticket *ticket);

	/* For worker threads: send and wait.  NULL ticket: the request carries no message.  *ret_reply is
	 * lent until the next call on this thread. */
	enum herald_code (*http_call)(struct herald_channel *channel, struct herald_ticket *ticket,
				      const struct herald_http_request *request,
				      const struct herald_http_reply **ret_reply, struct herald_error *err);

	/* For receive: a provider's public key (JWK, as JSON) by its id, from a key-set URL of the channel's
	 * token_hosts, cached and refreshed by the host.  BUSY: not there yet, the caller is told to come
	 * again. */
	enum herald_code (*key)(struct herald_channel *channel, const char *url, const char *key_id,
				struct herald_text *ret_key, struct herald_error *err);

	/* Keep what was learned about this delivery's address (a conversation id).  It is durable before
	 * anything more is sent for the ticket.  Comes back as message->memory. */
	enum herald_code (*store_address)(struct herald_ticket *ticket, struct herald_text memory,
					  struct herald_error *err);

	/* The table that most HTTP providers follow: 2xx sent; 401, 403 misconfigured; 408, 5xx deferred; 429
	 * throttled; other 4xx rejected; NOT_SENT deferred; LOST uncertain. */
	void (*classify_http)(const struct herald_http_reply *reply, struct herald_outcome *outcome);
};

enum herald_sent { HERALD_NOW = 1, HERALD_LATER };

enum herald_plugin_flag {
	HERALD_BLOCKING = 1u << 0, /* send may wait: call it on worker threads */
	HERALD_SERIAL = 1u << 1,   /* one worker thread */
};

enum herald_batch_by {
	HERALD_BATCH_ANY = 0,
	HERALD_BATCH_DESTINATION, /* one SMTP session */
	HERALD_BATCH_CONTENT,     /* one bulk call with one text */
};

/* A plugin's own figure, exported as herald_plugin_<name>{channel=...}. */
struct herald_meter {
	const char *name, *help;
	uint32_t is_counter;
};

struct herald_plugin {
	size_t struct_size;
	uint32_t abi;
	uint32_t flags;
	const char *name, *version, *summary;
	const char *kind; /* what it takes as address: "bot", "sms", "email", "webhook", ... */

	const struct herald_option *options;
	size_t option_count, option_size; /* stride by option_size */
	size_t config_size;               /* the host allocates, fills and frees it */
	const struct herald_meter *meters;
	size_t meter_count, meter_size;

	uint32_t batch_max; /* send_batch only */
	uint32_t batch_by;
	int64_t idempotent_ms; /* how long the provider recognises a repeated delivery_id; 0: never */

	enum herald_code (*open)(const struct herald_host *host, struct herald_channel *channel,
				 const void *config, void **ret_self, struct herald_error *err);
	void (*close)(void *self); /* no ticket is open any more */

	/* One of the two.  send: NOW = *outcome is filled; LATER = a request or complete will spend the
	 * ticket. send_batch: at most batch_max jobs, each spent by complete or by the requests sent for it.
	 */
	enum herald_sent (*send)(void *self, const struct herald_job *job, struct herald_outcome *outcome);
	void (*send_batch)(void *self, const struct herald_job *const *jobs, size_t count);

	/* All of the following are optional: HERALD_HAS and not NULL. */

	/* Read an answer.  Pure: no I/O, no memory of earlier calls.  NULL: classify_http. */
	void (*classify)(void *self, const struct herald_http_reply *reply, struct herald_outcome *outcome);

	/* Go on after an answer to a request with a stage: send the next one and return LATER, or fill one
	 * outcome per job (prefilled by classify) and return NOW. */
	enum herald_sent (*step)(void *self, const struct herald_job *const *jobs, size_t count,
				 const struct herald_http_reply *reply,
				 struct herald_outcome *const *outcomes);

	/* Is this an address of ours?  Writes its canonical form, at most size bytes with the 0. */
	enum herald_code (*check_address)(void *self, const char *address, char *ret_canonical, size_t size,
					  struct herald_error *err);

	/* What shares a limit at the far end: mail domain, conversation.  NULL: the channel is one
	 * destination. */
	void (*destination)(void *self, const char *address, struct herald_text memory, char *ret_name,
			    size_t size);

	/* A call-back for this channel.  Verify it before believing a byte. */
	enum herald_code (*receive)(void *self, const struct herald_http_inbound *call,
				    const struct herald_inbox *inbox, struct herald_error *err);

	/* One value per meter, in the table's order. */
	void (*telemetry)(void *self, double *values);
};

/* The one symbol of a plugin. */
HERALD_EXPORT const struct herald_plugin *herald_channel_v1(void);

#endif

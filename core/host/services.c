/* services.c - the table that a plugin is lent: small, each a check and a call of the room that does it.
 *
 * Nothing here believes a plugin: handles may be stale, sizes wrong, calls made after close. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "herald/kit.h"
#include "host/chatter.h"
#include "host/http.h"
#include "host/line.h"
#include "host/outcome.h"
#include "host/private.h"
#include "base/check.h"

static int64_t service_now_ms(void)
{
	return clock_wall_ms();
}

static void service_log(struct herald_channel *channel, uint32_t level, const char *event,
			const struct herald_field *fields, size_t field_count)
{
	if (atomic_load(&channel->is_over))
		return;
	if (level < HERALD_DEBUG || level > HERALD_FAULT)
		level = HERALD_NOTICE;
	chatter_say(channel->chatter, (enum herald_level)level, event, fields, fields ? field_count : 0);
}

void channel_log(struct herald_channel *channel, enum herald_level level, const char *event,
		 const char *format, ...)
{
	char text[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	chatter_say(channel->chatter, level, event, &(struct herald_field){"text", text}, 1);
}

static void service_complete(struct herald_ticket *handle, const struct herald_outcome *outcome)
{
	struct tickets *tickets = handle_tickets(handle);

	if (!tickets || atomic_load(&tickets->channel->is_over))
		return;
	struct ticket *ticket = ticket_hold(handle);
	bool was_open = ticket && outcome && ticket_spend(tickets, ticket, outcome);
	if (ticket)
		ticket_release(tickets, ticket);
	bool was_owed = ticket_answered(handle);
	if (was_open || was_owed)
		return;
	ticket_count_again(tickets);
	channel_log(tickets->channel, HERALD_WARNING, "spent_again",
		    "complete was called for a ticket that is spent: ignored");
}

static enum herald_code service_on_wire(struct herald_ticket *handle)
{
	struct tickets *tickets = handle_tickets(handle);

	if (!tickets || atomic_load(&tickets->channel->is_over))
		return HERALD_CONFLICT;
	struct ticket *ticket = ticket_hold(handle);
	if (!ticket)
		return HERALD_CONFLICT;
	enum herald_code code = channel_wait_kept(tickets->channel, ticket);
	if (code == HERALD_OK)
		code = ticket_to_wire(tickets, ticket, NULL);
	ticket_release(tickets, ticket);
	return code;
}

static enum herald_code service_store_address(struct herald_ticket *handle, struct herald_text memory,
					      struct herald_error *err)
{
	struct tickets *tickets = handle_tickets(handle);

	if (memory.size > MEMORY_BYTES_MAX)
		return herald_fail(err, HERALD_LIMIT, "a memory of %zu bytes: at most %d", memory.size,
				   MEMORY_BYTES_MAX);
	if (!tickets || atomic_load(&tickets->channel->is_over))
		return herald_fail(err, HERALD_CONFLICT, "the channel is closed");
	struct ticket *ticket = ticket_hold(handle);
	if (!ticket)
		return herald_fail(err, HERALD_CONFLICT, "the ticket is spent");
	enum herald_code code = ticket_remember(tickets, ticket, memory);
	ticket_release(tickets, ticket);
	if (code != HERALD_OK)
		return herald_fail(err, code, "the ticket is spent");
	return HERALD_OK;
}

static enum herald_code service_key(struct herald_channel *channel, const char *url, const char *key_id,
				    struct herald_text *ret_key, struct herald_error *err)
{
	(void)channel, (void)url, (void)key_id, (void)ret_key;
	return herald_fail(err, HERALD_UNSUPPORTED, "this version takes no call-backs");
}

const struct herald_host host_services = {
	.struct_size = sizeof(struct herald_host),
	.abi = HERALD_ABI,
	.now_ms = service_now_ms,
	.log = service_log,
	.complete = service_complete,
	.http_send = http_send,
	.on_wire = service_on_wire,
	.http_call = http_call,
	.key = service_key,
	.store_address = service_store_address,
	.classify_http = outcome_classify_http,
};

/* --- calling the plugin --- */

enum herald_code channel_wait_kept(struct herald_channel *channel, struct ticket *ticket)
{
	struct tickets *tickets = channel->tickets;

	if (!pthread_equal(pthread_self(), channel->loop) || !channel->pump)
		return ticket_wait_kept(tickets, ticket);
	/* The loop itself would wait for a frame that only the loop reads. */
	while (!ticket_is_kept(tickets, ticket)) {
		if (ticket_is_spent(tickets, ticket) || channel->pump(channel, 50) != HERALD_OK)
			return HERALD_CONFLICT;
	}
	return HERALD_OK;
}

static void send_one(struct herald_channel *channel, struct ticket *ticket)
{
	struct tickets *tickets = channel->tickets;
	struct herald_ticket *handle = ticket->job.ticket;
	struct outcome_slip slip;

	outcome_slip_init(&slip);
	enum herald_sent sent = channel->plugin->send(channel->self, &ticket->job, &slip.outcome);
	if (!outcome_slip_is_whole(&slip))
		channel_log(channel, HERALD_FAULT, "wrote_past", "send wrote past the end of its outcome");
	if (sent != HERALD_LATER) {
		if (sent != HERALD_NOW)
			slip.outcome.verdict = 0;
		ticket_spend(tickets, ticket, &slip.outcome);
		ticket_answered(handle);
	}
	ticket_release(tickets, ticket);
}

void channel_send(struct herald_channel *channel, struct ticket **tickets, size_t count)
{
	const struct herald_job *jobs[LINE_BATCH_MAX] = {NULL};

	if (channel->plugin->send) {
		for (size_t i = 0; i < count; i++)
			send_one(channel, tickets[i]);
		return;
	}
	CHECK(count <= countof(jobs));
	for (size_t i = 0; i < count; i++)
		jobs[i] = &tickets[i]->job;
	channel->plugin->send_batch(channel->self, jobs, count);
	for (size_t i = 0; i < count; i++)
		ticket_release(channel->tickets, tickets[i]);
}

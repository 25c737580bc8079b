/* batch.c - builds messages, hands them to sessions and spends tickets.
 *
 * Invariant: a ticket is spent exactly once: by the end of its letter, by on_wire's refusal (the host has
 * spent it), by a message that cannot be built, or by what ended the session before it. */
#include "batch.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "herald/kit.h"
#include "verdict.h"

enum { BUILT_BYTES_MAX = 4 * 1024 * 1024 }; /* at one time; a single larger message is still built */

struct parcel {
	const struct herald_job *job;
	struct mailbox to;
	struct herald_builder bytes;
	char message_id[MESSAGE_ID_CHARS_MAX + 1];
	bool is_on_wire;
};

/* What goes through one connection: parcels and letters run in step. */
struct load {
	const struct batch_context *context;
	struct parcel *parcels;
	struct session_letter *letters;
	size_t count, count_max;
};

static void spend(const struct batch_context *context, struct herald_ticket *ticket,
		  struct herald_outcome *outcome)
{
	outcome->struct_size = sizeof(*outcome);
	context->host->complete(ticket, outcome);
}

static void spend_unbuilt(const struct batch_context *context, const struct herald_job *job,
			  const char *status, const struct herald_error *err)
{
	struct herald_outcome outcome = {.verdict = HERALD_REJECTED};

	snprintf(outcome.status, sizeof(outcome.status), "%s", status);
	snprintf(outcome.reason, sizeof(outcome.reason), "%s", err->text);
	spend(context, job->ticket, &outcome);
}

static void spend_with_reply(struct load *load, size_t at, const struct reply *reply)
{
	struct parcel *parcel = &load->parcels[at];
	struct herald_outcome outcome = {0};
	struct reply judged = *reply;

	judged.is_proven = atomic_load(&load->context->figures->messages) > 0;
	verdict_read(&judged, &outcome);
	if (parcel->is_on_wire)
		snprintf(outcome.provider_ref, sizeof(outcome.provider_ref), "%s", parcel->message_id);
	if (outcome.verdict == HERALD_SENT)
		atomic_fetch_add(&load->context->figures->messages, 1);
	spend(load->context, parcel->job->ticket, &outcome);
	herald_builder_done(&parcel->bytes);
}

static bool on_begin(void *argument, size_t at)
{
	struct load *load = argument;
	struct parcel *parcel = &load->parcels[at];

	/* A letter that was handed back is on the wire already, and its ticket is still ours. */
	if (!parcel->is_on_wire)
		parcel->is_on_wire = load->context->host->on_wire(parcel->job->ticket) == HERALD_OK;
	return parcel->is_on_wire;
}

static void on_end(void *argument, size_t at, const struct reply *reply)
{
	spend_with_reply(argument, at, reply);
}

/* Build one message into the load; if it cannot be built, spend its ticket. */
static size_t add_parcel(struct load *load, const struct herald_job *job)
{
	const struct settings *settings = load->context->settings;
	struct parcel *parcel = &load->parcels[load->count];
	struct herald_error err = {0};
	enum herald_code code;

	*parcel = (struct parcel){.job = job};
	herald_builder_init(&parcel->bytes, settings->message_bytes_max);
	if (mailbox_read(job->message->address, &parcel->to, &err) != HERALD_OK) {
		spend_unbuilt(load->context, job, "5.1.3", &err);
		return 0;
	}
	code = mime_build(&settings->sender, &parcel->to, job->message, &parcel->bytes, parcel->message_id,
			  &err);
	if (code != HERALD_OK) {
		herald_builder_done(&parcel->bytes);
		spend_unbuilt(load->context, job, code == HERALD_LIMIT ? "5.3.4" : "5.6.0", &err);
		return 0;
	}
	load->letters[load->count] = (struct session_letter){
		.from = &settings->bounces_to,
		.to = &parcel->to,
		.bytes = {parcel->bytes.data, parcel->bytes.size},
	};
	load->count++;
	return parcel->bytes.size;
}

/* Carry the load, over further connections where one ended early.  False: the relay is ill. */
static bool carry(struct load *load, struct reply *ret_reply)
{
	const struct settings *settings = load->context->settings;
	struct batch_figures *figures = load->context->figures;
	struct session_report report = {0};
	size_t done = 0;

	while (done < load->count && !report.is_ill) {
		/* Sessions number letters from the first that they are given. */
		struct load rest = {load->context, load->parcels + done, load->letters + done,
				    load->count - done, load->count_max};
		const struct session_events events = {&rest, on_begin, on_end};

		if (settings->is_esmtp)
			session_esmtp_run(&settings->session, rest.letters, rest.count, &events, &report);
		else
			session_curl_run(&settings->session, rest.letters, rest.count, &events, &report);
		atomic_fetch_add(&figures->sessions, report.connections);
		atomic_fetch_add(&figures->tls_sessions, report.tls_connections);
		atomic_fetch_add(&figures->bytes, report.bytes);
		/* Without progress and without a reason there would be no end to it. */
		if (report.next == 0)
			report.is_ill = true;
		done += report.next;
	}
	for (size_t at = done; at < load->count; at++)
		spend_with_reply(load, at, &report.reply);
	for (size_t at = 0; at < load->count; at++)
		herald_builder_done(&load->parcels[at].bytes);
	load->count = 0;
	*ret_reply = report.reply;
	return !report.is_ill;
}

/* Not worth a connection any more: the relay has just been found ill. */
static void spend_rest(const struct batch_context *context, const struct herald_job *const *jobs,
		       size_t count, const struct reply *reply)
{
	for (size_t i = 0; i < count; i++) {
		struct herald_outcome outcome = {0};

		verdict_read(reply, &outcome);
		spend(context, jobs[i]->ticket, &outcome);
	}
}

/* Both libraries (libcurl's TLS, too) write to sockets that may be closed.  SIGPIPE is the thread's own: keep
 * it off, and leave none behind. */
static bool block_sigpipe(sigset_t *ret_before)
{
	sigset_t pipe, pending;

	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	sigpending(&pending);
	pthread_sigmask(SIG_BLOCK, &pipe, ret_before);
	return sigismember(&pending, SIGPIPE) == 1;
}

static void restore_sigpipe(bool was_pending, const sigset_t *before)
{
	static const struct timespec at_once = {0, 0};
	sigset_t pipe;

	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	if (!was_pending)
		while (sigtimedwait(&pipe, NULL, &at_once) < 0 && errno == EINTR)
			;
	pthread_sigmask(SIG_SETMASK, before, NULL);
}

void batch_send(const struct batch_context *context, const struct herald_job *const *jobs, size_t count)
{
	size_t per_session = context->settings->messages_per_session;
	size_t most = count < per_session ? count : per_session;
	struct load load = {.context = context, .count_max = most};
	struct reply reply = {.stage = REPLY_CONNECT, .fault = REPLY_LOST};
	size_t at = 0;
	bool is_well = true;
	sigset_t before;
	bool was_pending = block_sigpipe(&before);

	load.parcels = calloc(most, sizeof(*load.parcels));
	load.letters = calloc(most, sizeof(*load.letters));
	if (!load.parcels || !load.letters) {
		reply_say(&reply, "out of memory", SIZE_MAX);
		is_well = false;
	}
	while (at < count && is_well) {
		size_t built = 0;

		while (at < count && load.count < load.count_max && built < BUILT_BYTES_MAX)
			built += add_parcel(&load, jobs[at++]);
		is_well = load.count == 0 || carry(&load, &reply);
	}
	spend_rest(context, jobs + at, count - at, &reply);
	free(load.parcels);
	free(load.letters);
	restore_sigpipe(was_pending, &before);
}

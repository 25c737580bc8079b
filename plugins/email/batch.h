/* batch.h - one call of send_batch: tickets in, letters out, each ticket spent once.
 *
 * Messages are built a few at a time, so that a batch of large ones does not fill the process; as many
 * connections are opened as their number and the relay's patience ask for. */
#ifndef EMAIL_BATCH_H
#define EMAIL_BATCH_H

#include <stdatomic.h>
#include <stddef.h>

#include "herald/channel.h"
#include "settings.h"

/* A channel's figures; written by worker threads. */
struct batch_figures {
	atomic_uint_fast64_t sessions, tls_sessions, messages, bytes;
};

struct batch_context {
	const struct herald_host *host;
	const struct settings *settings;
	struct batch_figures *figures;
};

/* Spends every ticket of jobs.  Worker thread. */
void batch_send(const struct batch_context *context, const struct herald_job *const *jobs, size_t count);

#endif

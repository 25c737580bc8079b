/* loopback.c - the channel to nowhere: a sample to read, a channel to test with, and the border's
 *documentation that runs.
 *
 * The address says what the far end shall do (deed.h): "ok" arrives, "defer:3" is deferred three times first,
 * "crash" takes the process down.  With the option `record`, each message that arrives is one line in a file,
 * written after on_wire and before the answer: what a test counts as an effect in the world.
 *
 *	DELIVERY-ID ATTEMPT ADDRESS TEXT-BYTES MEMORY SUBJECT
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "herald/channel.h"
#include "herald/kit.h"

#include "deed.h"
#include "later.h"

struct loopback_config {
	const char *record;
	herald_duration delay;
	bool sync_answer;
};

static const struct herald_option options[] = {
	HERALD_OPTION(struct loopback_config, record, 0, "",
		      "File to which each message that arrives appends a line; empty: none."),
	HERALD_OPTION(struct loopback_config, delay, 0, "0s",
		      "How long after it arrived a message is answered for.", .least = "0s", .most = "10m"),
	HERALD_OPTION(struct loopback_config, sync_answer, 0, "false",
		      "Answer in the call itself, as a plugin without waiting does; delay is not kept then."),
};

enum { METER_ARRIVED, METER_WAITING };

static const struct herald_meter meters[] = {
	[METER_ARRIVED] = {"loopback_arrived", "Messages that arrived.", 1},
	[METER_WAITING] = {"loopback_waiting", "Messages that arrived and are not answered for yet.", 0},
};

struct loopback {
	const struct herald_host *host;
	struct herald_channel *channel;
	const struct loopback_config *config;
	struct later *later;
	int record; /* descriptor, -1: none */
	_Atomic uint64_t arrived;
	struct herald_ticket *lied_about; /* answered again after close */
};

static enum herald_code loopback_open(const struct herald_host *host, struct herald_channel *channel,
				      const void *config, void **ret_self, struct herald_error *err)
{
	struct loopback *self = calloc(1, sizeof(*self));

	if (!self)
		return herald_fail(err, HERALD_BUSY, "out of memory");
	*self = (struct loopback){.host = host, .channel = channel, .config = config, .record = -1};
	if (self->config->record[0]) {
		self->record = open(self->config->record, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
		if (self->record < 0) {
			herald_fail(err, HERALD_INVALID, "option 'record': %s: %s", self->config->record,
				    strerrordesc_np(errno));
			free(self);
			return HERALD_INVALID;
		}
	}
	self->later = later_new(host);
	if (!self->later) {
		if (self->record >= 0)
			close(self->record);
		free(self);
		return herald_fail(err, HERALD_BUSY, "no memory or no thread");
	}
	*ret_self = self;
	return HERALD_OK;
}

/* --- arriving --- */

/* One write, so that lines of several processes never mix, and a line is there wholly or not at all. */
static bool record(struct loopback *self, const struct herald_message *message)
{
	struct herald_builder line;

	atomic_fetch_add(&self->arrived, 1);
	if (self->record < 0)
		return true;
	herald_builder_init(&line, 4096);
	herald_addf(&line, "%s %u %s %zu ", message->delivery_id, message->attempt, message->address,
		    message->text.size);
	herald_add_json(&line, message->memory.data ? message->memory.data : "");
	herald_add(&line, " ");
	herald_add_json(&line, message->subject);
	herald_add(&line, "\n");
	bool is_written =
		line.code == HERALD_OK && write(self->record, line.data, line.size) == (ssize_t)line.size;
	herald_builder_done(&line);
	return is_written;
}

static enum herald_sent answer(struct herald_outcome *outcome, enum herald_verdict verdict,
			       const char *reason)
{
	outcome->verdict = verdict;
	snprintf(outcome->reason, sizeof(outcome->reason), "%s", reason);
	return HERALD_NOW;
}

/* What a plugin with a transport of its own does: ask, send, answer. */
static enum herald_sent arrive(struct loopback *self, const struct herald_job *job,
			       enum herald_verdict verdict, int64_t delay_ms, struct herald_outcome *outcome)
{
	if (self->host->on_wire(job->ticket) != HERALD_OK)
		return HERALD_LATER; /* taken back or overdue: it is spent, and nothing is sent */
	if (!record(self, job->message))
		return answer(outcome, HERALD_DEFERRED, "the record could not be written");
	snprintf(outcome->provider_ref, sizeof(outcome->provider_ref), "loopback-%s",
		 job->message->delivery_id);
	if (self->config->sync_answer)
		return answer(outcome, verdict, "as the address says");
	if (delay_ms > 0)
		return later_answer(self->later, job->ticket, verdict, delay_ms)
			       ? HERALD_LATER
			       : answer(outcome, HERALD_UNCERTAIN, "out of memory");
	answer(outcome, verdict, "as the address says");
	self->host->complete(job->ticket, outcome);
	return HERALD_LATER;
}

/* --- misbehaving --- */

static void *lie_after_close(void *context)
{
	struct loopback *self = context;
	const struct herald_outcome outcome = {.struct_size = sizeof(outcome), .verdict = HERALD_REJECTED};

	for (int i = 0; i < 200; i++) {
		self->host->complete(self->lied_about, &outcome);
		self->host->on_wire(self->lied_about);
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
	return NULL; /* self stays: it is a lie to the end */
}

static enum herald_sent lie(struct loopback *self, const struct herald_job *job,
			    struct herald_outcome *outcome)
{
	struct herald_outcome other = {.struct_size = sizeof(other), .verdict = HERALD_REJECTED};
	volatile unsigned char *past = (unsigned char *)outcome + sizeof(*outcome);

	if (self->host->on_wire(job->ticket) != HERALD_OK)
		return HERALD_LATER;
	record(self, job->message);
	answer(outcome, HERALD_DELIVERED, "true the first time");
	self->host->complete(job->ticket, outcome);
	self->host->complete(job->ticket, &other);
	memset(other.reason, 'A', sizeof(other.reason)); /* no end */
	self->host->complete(job->ticket, &other);
	for (int i = 0; i < 100; i++)
		past[i] = 'A';
	self->lied_about = job->ticket;
	return HERALD_NOW; /* and once more */
}

static void spin(void)
{
	for (volatile unsigned turns = 0;; turns++)
		;
}

static void flood(void)
{
	char line[1024];

	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\n';
	for (int i = 0; i < 16 * 1024; i++)
		if (write(STDOUT_FILENO, line, sizeof(line)) < 0)
			return;
}

/* A grandchild that nobody waits for and that holds every descriptor for a while. */
static void leave_child(void)
{
	pid_t child = fork();

	if (child == 0) {
		if (fork() == 0)
			nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
		_exit(0);
	}
	if (child > 0)
		waitpid(child, NULL, 0);
}

static enum herald_sent hang(struct loopback *self, const struct herald_job *job, const struct deed *deed)
{
	if (deed->is_on_wire && self->host->on_wire(job->ticket) == HERALD_OK)
		record(self, job->message);
	return HERALD_LATER;
}

static enum herald_sent learn(struct loopback *self, const struct herald_job *job,
			      struct herald_outcome *outcome)
{
	char memory[128];
	struct herald_error err = {0};

	snprintf(memory, sizeof(memory), "met in %s", job->message->delivery_id);
	if (job->message->memory.size == 0 &&
	    self->host->store_address(job->ticket, (struct herald_text){memory, strlen(memory)}, &err) !=
		    HERALD_OK)
		return answer(outcome, HERALD_DEFERRED, err.text);
	return arrive(self, job, HERALD_DELIVERED, self->config->delay.ms, outcome);
}

static _Noreturn void crash(struct loopback *self, const struct herald_job *job, const struct deed *deed)
{
	if (deed->is_on_wire && self->host->on_wire(job->ticket) == HERALD_OK)
		record(self, job->message);
	abort();
}

/* --- the calls --- */

static enum herald_sent loopback_send(void *context, const struct herald_job *job,
				      struct herald_outcome *outcome)
{
	struct loopback *self = context;
	int64_t delay_ms = self->config->delay.ms;
	struct herald_error err = {0};
	struct deed deed;

	if (deed_read(job->message->address, &deed, &err) != HERALD_OK)
		return answer(outcome, HERALD_UNREACHABLE, err.text);
	switch (deed.kind) {
	case DEED_OK:
		return arrive(self, job, HERALD_DELIVERED, delay_ms, outcome);
	case DEED_SENT:
		return arrive(self, job, HERALD_SENT, delay_ms, outcome);
	case DEED_SLOW:
		return arrive(self, job, HERALD_DELIVERED, delay_ms + deed.number, outcome);
	case DEED_UNCERTAIN:
		return arrive(self, job, HERALD_UNCERTAIN, delay_ms, outcome);
	case DEED_DEFER:
		if (job->message->attempt <= deed.number)
			return answer(outcome, HERALD_DEFERRED, "as the address says");
		return arrive(self, job, HERALD_DELIVERED, delay_ms, outcome);
	case DEED_REJECT:
		return answer(outcome, HERALD_REJECTED, "as the address says");
	case DEED_UNREACHABLE:
		return answer(outcome, HERALD_UNREACHABLE, "as the address says");
	case DEED_THROTTLE:
		outcome->retry_after_ms = deed.number;
		return answer(outcome, HERALD_THROTTLED, "as the address says");
	case DEED_MISCONFIGURED:
		return answer(outcome, HERALD_MISCONFIGURED, "as the address says");
	case DEED_LEARN:
		return learn(self, job, outcome);
	case DEED_CRASH:
		crash(self, job, &deed);
	case DEED_HANG:
		return hang(self, job, &deed);
	case DEED_SPIN:
		spin();
		return HERALD_LATER;
	case DEED_LIE:
		return lie(self, job, outcome);
	case DEED_FLOOD:
		flood();
		return arrive(self, job, HERALD_DELIVERED, delay_ms, outcome);
	case DEED_FORK:
		leave_child();
		return arrive(self, job, HERALD_DELIVERED, delay_ms, outcome);
	}
	return answer(outcome, HERALD_REJECTED, "no such deed");
}

static enum herald_code loopback_check_address(void *context, const char *address, char *ret_canonical,
					       size_t size, struct herald_error *err)
{
	struct deed deed;
	enum herald_code code = deed_read(address, &deed, err);

	(void)context;
	if (code == HERALD_OK && snprintf(ret_canonical, size, "%s", address) >= (int)size)
		return herald_fail(err, HERALD_INVALID, "too long");
	return code;
}

static void loopback_destination(void *context, const char *address, struct herald_text memory,
				 char *ret_name, size_t size)
{
	struct deed deed;

	(void)context, (void)memory;
	if (deed_read(address, &deed, NULL) == HERALD_OK)
		snprintf(ret_name, size, "%s", deed.destination);
}

static void loopback_telemetry(void *context, double *values)
{
	struct loopback *self = context;

	values[METER_ARRIVED] = (double)atomic_load(&self->arrived);
	values[METER_WAITING] = (double)later_waiting(self->later);
}

static void loopback_close(void *context)
{
	struct loopback *self = context;
	pthread_t liar;

	later_free(self->later);
	if (self->record >= 0)
		close(self->record);
	if (self->lied_about && pthread_create(&liar, NULL, lie_after_close, self) == 0) {
		pthread_detach(liar);
		return;
	}
	free(self);
}

static const struct herald_plugin loopback = {
	.struct_size = sizeof(loopback),
	.abi = HERALD_ABI,
	.name = "loopback",
	.version = "1.0",
	.summary = "does what the address says: for tests, and to read",
	.kind = "loopback",
	.options = options,
	.option_count = sizeof(options) / sizeof(options[0]),
	.option_size = sizeof(options[0]),
	.config_size = sizeof(struct loopback_config),
	.meters = meters,
	.meter_count = sizeof(meters) / sizeof(meters[0]),
	.meter_size = sizeof(meters[0]),
	.open = loopback_open,
	.close = loopback_close,
	.send = loopback_send,
	.check_address = loopback_check_address,
	.destination = loopback_destination,
	.telemetry = loopback_telemetry,
};

const struct herald_plugin *herald_channel_v1(void)
{
	return &loopback;
}

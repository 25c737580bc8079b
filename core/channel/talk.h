/* talk.h - questions to channel processes that are no sends: is this an address, where does it belong, how
 * are you.
 *
 * One thread of its own owns the talk sockets, so a slow plugin stands in nobody's way.  Questions come from
 * any thread and are answered by a call-back on the talk thread, within timeout_ms, always exactly once. */
#ifndef CHANNEL_TALK_H
#define CHANNEL_TALK_H

#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/queue.h"
#include "herald/error.h"

struct talk;

struct talk *talk_new(void);       /* starts the thread */
void talk_free(struct talk *talk); /* answers what is open with BUSY, joins */

/* Is this an address of the channel's plugin?  The caller owns the struct until done is called. */
struct talk_check {
	struct queue_item item;
	int32_t channel;
	char address[ADDRESS_BYTES_MAX];
	int timeout_ms;
	void (*done)(struct talk_check *check); /* talk thread: hand over and return at once */
	void *context;
	/* the answer */
	enum herald_code code; /* OK, INVALID (err says why), BUSY: channel down or too slow */
	struct herald_error err;
	char canonical[ADDRESS_BYTES_MAX];
	char destination[ADDRESS_BYTES_MAX]; /* "": the channel itself */
};

void talk_check(struct talk *talk, struct talk_check *check);

/* --- the supervisor's side --- */

struct wire_meter;

/* A process's talk socket and the pipe of its standard output and error: the talk thread owns and closes
 * both. pidfd is copied: a process that breaks the language on its talk socket is killed through it.  Answers
 * the line's number.  Any thread, never blocking. */
uint64_t talk_attach(struct talk *talk, int32_t channel, const char *channel_name, int fd, int output,
		     int pidfd);
/* The process is READY: ask it from now on.  meters are copied. */
void talk_ready(struct talk *talk, uint64_t line, const struct wire_meter *meters, size_t count);
/* It ended: what is open is answered with BUSY. */
void talk_detach(struct talk *talk, uint64_t line);
/* Ask every process for its meters now (the thread does so by itself every 10 s); the answers, summed over
 * the processes of a channel, go to metric_plugin_set. */
void talk_telemetry(struct talk *talk);

#endif

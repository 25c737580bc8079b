/* hear.c - what a channel process says on its work socket, and what follows from it.
 *
 * A frame that does not parse, that comes out of turn or that the board contradicts ends the process, never
 * the daemon. */
#include "channel/private.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "channel/briefing.h"
#include "base/check.h"

enum {
	READS_PER_TURN = 8,          /* of 64 KiB: then the neighbours' turn */
	READS_OF_THE_DEAD_MAX = 256, /* a grandchild that holds the socket could write for ever */
};

void process_say(struct process *process, enum frame_type type, uint64_t sequence)
{
	struct herald_builder *batch = &process->outbox.batch;

	if (!process_is_alive(process) || process->is_killed)
		return;
	size_t began = frame_begin(batch, type, sequence);
	if (!frame_end(batch, began))
		process_kill(process, PROCESS_HUNG, "it does not read its work socket");
}

static void broken(struct process *process, const char *why)
{
	char text[sizeof(process->why)];

	snprintf(text, sizeof(text), "it broke the language of its work socket: %.190s", why);
	process_kill(process, PROCESS_DIED, text);
}

static void hear_hello(struct process *process, const struct frame *frame)
{
	struct herald_error err = {.text = ""};
	struct herald_text text;
	uint64_t version;

	if (process->has_said_hello) {
		broken(process, "a second HELLO");
		return;
	}
	if (wire_note_read(frame, process->scratch, &version, &text, &err) != HERALD_OK) {
		broken(process, err.text);
		return;
	}
	if (version != FRAME_VERSION) {
		process_kill(process, PROCESS_REFUSED,
			     "herald-channel is of another version than the daemon");
		return;
	}
	process->has_said_hello = true;
	if (briefing_write(process->settings, process->channel, board_slots(process->board), &process->outbox,
			   &err) != HERALD_OK)
		process_kill(process, PROCESS_REFUSED, err.text);
}

static void hear_ready(struct process *process, const struct frame *frame, int64_t now_ms)
{
	struct herald_error err = {.text = ""};
	struct wire_ready ready;

	if (!process->has_said_hello || process->phase != PROCESS_STARTING) {
		broken(process, "READY out of turn");
		return;
	}
	if (wire_ready_read(frame, process->scratch, &ready, &err) != HERALD_OK) {
		broken(process, err.text);
		return;
	}
	/* Without the lock a later daemon would not wait for it. */
	if (board_holder(process->board) != process->pid) {
		broken(process, "READY without the lock of its board");
		return;
	}

	process->phase = PROCESS_READY;
	process->ready_ms = now_ms;
	process->start_by_ms = INT64_MAX;
	process->next_ping_ms = now_ms + PROCESS_PING_MS;
	talk_ready(process->settings->talk, process->talk_line, ready.meters, ready.meter_count);
	process->owner.ready(process->owner.context, process, &ready);
}

static void hear_refused(struct process *process, const struct frame *frame)
{
	struct herald_error err = {.text = ""};
	struct herald_text text;
	uint64_t code;

	if (wire_note_read(frame, process->scratch, &code, &text, &err) != HERALD_OK) {
		broken(process, err.text);
		return;
	}
	process_kill(process, PROCESS_REFUSED,
		     text.size > 0 ? text.data : "the plugin refused its configuration");
}

static void hear_settled(struct process *process, uint64_t ticket)
{
	struct herald_outcome outcome;

	/* Revoked or released meanwhile: whoever did that knows. */
	if (!tickets_is_open(&process->tickets, ticket))
		return;
	if (!tickets_settle(&process->tickets, ticket, &outcome)) {
		broken(process, "SETTLED for a ticket that is not done");
		return;
	}
	process->owner.settled(process->owner.context, process, ticket, &outcome);
}

static void hear_memory(struct process *process, const struct frame *frame)
{
	struct herald_error err = {.text = ""};
	struct herald_text memory;
	uint64_t number;

	if (wire_note_read(frame, process->scratch, &number, &memory, &err) != HERALD_OK) {
		broken(process, err.text);
		return;
	}
	if (memory.size > MEMORY_BYTES_MAX) {
		broken(process, "MEMORY is too long");
		return;
	}
	if (tickets_is_open(&process->tickets, frame->sequence))
		process->owner.memory(process->owner.context, process, frame->sequence, memory);
}

static void hear_log(struct process *process, const struct frame *frame, int64_t now_ms)
{
	struct herald_error err = {.text = ""};

	if (plugin_log_frame(&process->log, frame, process->scratch, now_ms, &err) != HERALD_OK)
		broken(process, err.text);
}

static void hear_frame(struct process *process, const struct frame *frame, int64_t now_ms)
{
	bool is_ready = process->phase == PROCESS_READY || process->phase == PROCESS_DRAINING;

	switch (frame->type) {
	case FRAME_HELLO:
		hear_hello(process, frame);
		break;
	case FRAME_READY:
		hear_ready(process, frame, now_ms);
		break;
	case FRAME_REFUSED:
		hear_refused(process, frame);
		break;
	case FRAME_SETTLED:
		if (is_ready)
			hear_settled(process, frame->sequence);
		break;
	case FRAME_MEMORY:
		if (is_ready)
			hear_memory(process, frame);
		break;
	case FRAME_LOG:
		hear_log(process, frame, now_ms);
		break;
	case FRAME_PONG:
		process->pong_by_ms = INT64_MAX;
		break;
	case FRAME_BYE:
		process->has_said_bye = true;
		break;
	default: /* STARTED stands on the board; what is not known is of a later version */
		break;
	}
}

static void hear_frames(struct process *process, int64_t now_ms)
{
	struct frame frame;
	bool is_broken = false;

	while (!process->is_killed && frame_next(&process->reader, &frame, &is_broken)) {
		arena_clear(process->scratch);
		hear_frame(process, &frame, now_ms);
	}
	if (is_broken)
		broken(process, "bytes that are no frame");
}

void process_hear(struct process *process, bool is_dead, int64_t now_ms)
{
	unsigned reads = is_dead ? READS_OF_THE_DEAD_MAX : READS_PER_TURN;

	for (; reads > 0 && process->work >= 0; reads--) {
		struct herald_error err;
		enum herald_code code = frame_reader_fill(&process->reader, process->work, &err);
		if (code == HERALD_BUSY)
			return;
		if (code != HERALD_OK) {
			/* Its end is near: the pidfd will say.  If not, it cannot be spoken to any more. */
			close(process->work);
			process->work = -1;
			process->end_by_ms = now_ms + PROCESS_END_MS;
			return;
		}
		hear_frames(process, now_ms);
		if (process->is_killed)
			return;
	}
}

/* process.c - the life of one channel process: born with two sockets and a board, watched by its pidfd, asked
 * every few seconds whether it still turns, drained, killed, buried.
 *
 * Its death is known from the pidfd alone (no SIGCHLD: signals belong to the main thread), and it is reaped
 * before anything is concluded from its board. */
#include "channel/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "channel/private.h"
#include "channel/spawn.h"
#include "base/check.h"

enum { SLOTS_MIN = 64, SLOTS_MORE = 16 };

/* --- birth --- */

/* A slot is free again only after the settle's commit, so there are more than may be in flight. */
static uint32_t slots_for(const struct config_channel *channel)
{
	int64_t slots = 2 * channel->window_max + SLOTS_MORE;

	if (slots < SLOTS_MIN)
		return SLOTS_MIN;
	return slots > BOARD_SLOTS_MAX ? BOARD_SLOTS_MAX : (uint32_t)slots;
}

static enum herald_code board_make(struct process *process, struct herald_error *err)
{
	const struct supervisor_settings *settings = process->settings;
	struct board_head head = {.run = settings->run};

	board_boot_id(head.boot_id);
	snprintf(head.channel, sizeof(head.channel), "%s", process->channel->name);
	process->board_path = arena_printf(process->arena, "%s/%s.%016llx.%llu.board", settings->board_dir,
					   process->channel->name, (unsigned long long)settings->run,
					   (unsigned long long)process->id);
	return board_create(process->board_path, &head, slots_for(process->channel), &process->board, err);
}

struct ends {
	int work, talk, talk_ours, output,
		output_ours; /* the child's, and those that go to the talk thread */
};

static enum herald_code ends_make(struct process *process, struct ends *ends, struct herald_error *err)
{
	int work[2], talk[2], output[2];

	*ends = (struct ends){-1, -1, -1, -1, -1};
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, work) < 0)
		goto failed;
	process->work = work[0];
	ends->work = work[1];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, talk) < 0)
		goto failed;
	ends->talk_ours = talk[0];
	ends->talk = talk[1];
	/* Not blocking at both ends: a plugin that prints without end loses its words and not its time. */
	if (pipe2(output, O_CLOEXEC | O_NONBLOCK) < 0)
		goto failed;
	ends->output_ours = output[0];
	ends->output = output[1];
	if (fcntl(process->work, F_SETFL, O_NONBLOCK) < 0 || fcntl(ends->talk_ours, F_SETFL, O_NONBLOCK) < 0)
		goto failed;
	return HERALD_OK;
failed:
	return herald_fail(err, HERALD_IO, "sockets for a channel process: %s", strerrordesc_np(errno));
}

static void end_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static enum herald_code watch(struct process *process, struct herald_error *err)
{
	struct epoll_event work = {.events = EPOLLIN, .data.u64 = process->id << 1},
			   death = {.events = EPOLLIN, .data.u64 = process->id << 1 | 1};

	if (epoll_ctl(process->epoll, EPOLL_CTL_ADD, process->work, &work) < 0 ||
	    epoll_ctl(process->epoll, EPOLL_CTL_ADD, process->pidfd, &death) < 0)
		return herald_fail(err, HERALD_IO, "watching a channel process: %s", strerrordesc_np(errno));
	return HERALD_OK;
}

static enum herald_code process_start(struct process *process, const struct process_birth *birth,
				      struct herald_error *err)
{
	struct ends ends;
	enum herald_code code = ends_make(process, &ends, err);

	if (code == HERALD_OK)
		code = board_make(process, err);
	if (code == HERALD_OK)
		code = spawn_process(
			&(struct spawn_order){
				.program = process->settings->host_program,
				.channel = process->channel->name,
				.work = ends.work,
				.talk = ends.talk,
				.output = ends.output,
				.board = board_fd(process->board),
				.memory_bytes_max = process->channel->memory_max.bytes,
			},
			&process->pid, &process->pidfd, err);
	if (code == HERALD_OK)
		code = watch(process, err);
	if (code == HERALD_OK) {
		process->talk_line =
			talk_attach(process->settings->talk, birth->number, process->channel->name,
				    ends.talk_ours, ends.output_ours, process->pidfd);
		ends.talk_ours = ends.output_ours = -1;
	}
	end_close(&ends.work);
	end_close(&ends.talk);
	end_close(&ends.output);
	end_close(&ends.talk_ours);
	end_close(&ends.output_ours);
	return code;
}

enum herald_code process_new(const struct process_birth *birth, int64_t now_ms, struct process **ret_process,
			     struct herald_error *err)
{
	struct arena *arena = arena_new();
	struct process *process = arena_new_of(arena, struct process);

	*process = (struct process){
		.arena = arena,
		.owner = birth->owner,
		.settings = birth->settings,
		.config = config_ref(birth->config),
		.channel = birth->channel,
		.id = birth->id,
		.epoll = birth->epoll,
		.phase = PROCESS_STARTING,
		.pidfd = -1,
		.work = -1,
		.scratch = arena_new_wiped(),
		.started_ms = now_ms,
		.started_at_ms = clock_wall_ms(),
		.start_by_ms = now_ms + PROCESS_START_MS,
		.drain_by_ms = INT64_MAX,
		.end_by_ms = INT64_MAX,
		.next_ping_ms = INT64_MAX,
		.pong_by_ms = INT64_MAX,
	};
	outbox_init(&process->outbox);
	frame_reader_init(&process->reader);
	plugin_log_init(&process->log, process->channel->name, now_ms);

	enum herald_code code = process_start(process, birth, err);
	if (code != HERALD_OK) {
		process_free(process);
		return code;
	}
	tickets_init(&process->tickets, arena, process->board, birth->index, birth->serial);
	*ret_process = process;
	return HERALD_OK;
}

/* --- end --- */

bool process_is_alive(const struct process *process)
{
	return process->phase != PROCESS_DEAD;
}

bool process_may_serve(const struct process *process)
{
	return process->phase == PROCESS_READY && !process->is_killed && process->work >= 0;
}

bool process_has_room(const struct process *process)
{
	return !outbox_is_full(&process->outbox) && process->tickets.free_count > 0;
}

static void why_set(struct process *process, const char *why)
{
	snprintf(process->why, sizeof(process->why), "%s", why);
	for (char *at = process->why; *at != '\0'; at++)
		if ((unsigned char)*at < 0x20 || *at == 0x7f)
			*at = '?';
}

void process_kill(struct process *process, enum process_end end, const char *why)
{
	if (!process_is_alive(process) || process->is_killed)
		return;
	process->is_killed = true;
	process->end = end;
	why_set(process, why);
	pidfd_send_signal(process->pidfd, SIGKILL, NULL, 0);
	end_close(&process->work); /* what it still says is of no interest: the board knows */
}

static void why_from_status(struct process *process, const siginfo_t *status)
{
	char text[128];

	if (status->si_code == CLD_EXITED)
		snprintf(text, sizeof(text), "it exited with status %d", status->si_status);
	else
		snprintf(text, sizeof(text), "it was killed by signal %d (SIG%s)", status->si_status,
			 sigabbrev_np(status->si_status) ? sigabbrev_np(status->si_status) : "?");
	why_set(process, text);
}

/* Wait for it; and for what the plugin may have forked: its group must not go on without it.  The group's
 * number cannot be anybody else's as long as the leader was not waited for. */
static void process_reap(struct process *process)
{
	siginfo_t status = {.si_pid = 0};

	kill(-process->pid, SIGKILL);
	while (waitid(P_PIDFD, (id_t)process->pidfd, &status, WEXITED) < 0 && errno == EINTR)
		;
	if (process->end == PROCESS_DIED && process->phase == PROCESS_DRAINING && process->has_said_bye &&
	    !process->is_killed && status.si_code == CLD_EXITED && status.si_status == 0)
		process->end = PROCESS_DRAINED;
	if (process->why[0] == '\0')
		why_from_status(process, &status);
	end_close(&process->pidfd);
	end_close(&process->work);
	talk_detach(process->settings->talk, process->talk_line);
	process->phase = PROCESS_DEAD;
}

void process_bury(struct process *process, int64_t now_ms)
{
	CHECK(process_is_alive(process));
	if (!process->is_killed)
		process_hear(process, true, now_ms);
	process_reap(process);
	plugin_log_end(&process->log, now_ms);
	outbox_done(&process->outbox);
	frame_reader_done(&process->reader);
	process->start_by_ms = process->drain_by_ms = process->end_by_ms = INT64_MAX;
	process->next_ping_ms = process->pong_by_ms = INT64_MAX;
}

void process_free(struct process *process)
{
	if (!process)
		return;
	if (process->pidfd >= 0) {
		process_kill(process, PROCESS_DISMISSED, "");
		process_reap(process);
	}
	end_close(&process->work);
	if (process->board) {
		if (process->tickets.slots == 0 || tickets_used(&process->tickets) == 0)
			unlink(process->board_path);
		board_free(process->board);
	}
	outbox_done(&process->outbox);
	frame_reader_done(&process->reader);
	arena_free(process->scratch);
	config_unref(process->config);
	arena_free(process->arena);
}

/* --- life --- */

void process_flush(struct process *process)
{
	if (process->work < 0)
		return;
	/* A socket that is gone is told by its death. */
	bool wants = outbox_flush(&process->outbox, process->work) && outbox_pending(&process->outbox) > 0;
	if (wants == process->is_polled_for_output)
		return;
	struct epoll_event work = {.events = EPOLLIN | (wants ? (uint32_t)EPOLLOUT : 0),
				   .data.u64 = process->id << 1};
	CHECK(epoll_ctl(process->epoll, EPOLL_CTL_MOD, process->work, &work) == 0);
	process->is_polled_for_output = wants;
}

void process_serve(struct process *process, int64_t now_ms)
{
	process_hear(process, false, now_ms);
	process_flush(process);
}

void process_drain(struct process *process, int64_t now_ms)
{
	switch (process->phase) {
	case PROCESS_STARTING:
		process_kill(process, PROCESS_DISMISSED, "it was not needed any more");
		break;
	case PROCESS_READY:
		process->phase = PROCESS_DRAINING;
		process->drain_by_ms = now_ms + process->channel->attempt_timeout.ms + PROCESS_DRAIN_MORE_MS;
		process_say(process, FRAME_DRAIN, 0);
		break;
	case PROCESS_DRAINING:
	case PROCESS_DEAD:
		break;
	}
}

void process_timers(struct process *process, int64_t now_ms)
{
	if (!process_is_alive(process) || process->is_killed)
		return;
	if (now_ms >= process->start_by_ms)
		process_kill(process, PROCESS_HUNG, "it was not ready in time");
	else if (now_ms >= process->end_by_ms)
		process_kill(process, PROCESS_DIED, "it closed its work socket");
	else if (now_ms >= process->pong_by_ms)
		process_kill(process, PROCESS_HUNG, "it does not answer");
	else if (now_ms >= process->drain_by_ms)
		process_kill(process, PROCESS_HUNG, "it did not finish what it had in time");
	else if (now_ms >= process->next_ping_ms) {
		process->next_ping_ms = now_ms + PROCESS_PING_MS;
		if (process->pong_by_ms == INT64_MAX)
			process->pong_by_ms = now_ms + PROCESS_PONG_MS;
		process_say(process, FRAME_PING, 0);
	}
}

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

int64_t process_next_ms(const struct process *process)
{
	int64_t next_ms = least(process->start_by_ms, process->drain_by_ms);

	if (process->is_killed)
		return INT64_MAX; /* its pidfd will say */
	next_ms = least(next_ms, process->end_by_ms);
	return least(next_ms, least(process->next_ping_ms, process->pong_by_ms));
}

/* --- work --- */

static struct wire_send send_of(const struct job *job, uint64_t ticket, int64_t timeout_ms)
{
	return (struct wire_send){
		.slot = tickets_slot_of(ticket),
		.notification = job->notification,
		.n = job->n,
		.attempt = job->attempt,
		.priority = job->priority,
		.first_attempt_at_ms = job->first_attempt_at_ms,
		.expires_at_ms = job->expires_at_ms,
		.timeout_ms = timeout_ms,
		.is_alone = job->crash_marks > 0,
		.tenant = job->tenant,
		.category = job->category,
		.recipient = job->recipient_id,
		.name = job->name,
		.locale = job->locale,
		.correlation_id = job->correlation_id,
		.traceparent = job->traceparent,
		.address = job->address,
		.destination = job->destination,
		.memory = job->memory,
		.words = job->words,
	};
}

uint64_t process_submit(struct process *process, const struct job *job, int64_t timeout_ms)
{
	struct slot_identity identity = {
		.notification = job->notification,
		.run = process->settings->run,
		.n = job->n,
		.attempt = job->attempt,
	};
	bool is_damaged = false;

	if (!process_may_serve(process) || !process_has_room(process))
		return 0;
	/* On the board before it is on the wire: the host finds the slot when it reads the frame. */
	uint64_t ticket = tickets_post(&process->tickets, &identity, &is_damaged);
	if (is_damaged)
		process_kill(process, PROCESS_DIED, "its board was damaged");
	if (ticket == 0)
		return 0;
	struct wire_send send = send_of(job, ticket, timeout_ms);
	if (!wire_send_write(&process->outbox.batch, ticket, &send)) {
		tickets_release(&process->tickets, ticket);
		return 0;
	}
	return ticket;
}

bool process_revoke(struct process *process, uint64_t ticket)
{
	bool was_open = tickets_is_open(&process->tickets, ticket);
	bool is_back = tickets_revoke(&process->tickets, ticket);

	if (is_back && was_open)
		process_say(process, FRAME_REVOKE, ticket);
	return is_back;
}

void process_kept(struct process *process, uint64_t ticket)
{
	if (tickets_is_open(&process->tickets, ticket))
		process_say(process, FRAME_KEPT, ticket);
}

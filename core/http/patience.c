/* How long the front waits for a peer: a head must be whole after ten seconds, a body must come with a
 * kibibyte a second, an answer must be read about as fast.  The library only knows how long nothing at all
 * came, so whoever sends a byte every nine seconds would hold a connection for ever.
 *
 * A connection that is too slow is shut down at its socket; the library then ends it like one whose peer went
 * away. API thread only. One whose peer went away together with its last bytes is shown to the library once
 * more, because it reads the bytes and then waits for an event that has come already. */
#include <poll.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "http/private.h"
#include "base/check.h"

/* A byte a millisecond is about a kibibyte a second. */
enum { GRACE_MS = 5000, SWEEP_MS = 500, LOOK_AT_ONCE = 64 };

struct patience {
	struct patience *next, **link; /* of the thread's */
	struct arena *arena;           /* of this struct */
	int socket, head_ms;           /* head_ms: what a head may take */
	bool is_gone;                  /* the library was told */
	int64_t ends_mono_ms;          /* 0: we are the ones who are waited for */
};

static int64_t now_ms(void)
{
	return clock_mono_ms();
}

struct patience *patience_begin(struct api_thread *thread, int socket)
{
	struct arena *arena = arena_new();
	struct patience *patience = arena_new_of(arena, struct patience);

	*patience =
		(struct patience){.next = thread->connections,
				  .link = &thread->connections,
				  .arena = arena,
				  .socket = socket,
				  .head_ms = (int)thread->http->settings.config->server.header_timeout.ms};
	patience->ends_mono_ms = now_ms() + patience->head_ms;
	if (patience->next != NULL)
		patience->next->link = &patience->next;
	thread->connections = patience;
	return patience;
}

void patience_end(struct patience *patience)
{
	*patience->link = patience->next;
	if (patience->next != NULL)
		patience->next->link = patience->link;
	arena_free(patience->arena);
}

void patience_for_head(struct patience *patience)
{
	int64_t ends = now_ms() + patience->head_ms;

	/* The first head's time began with the connection; a later one's with its first line. */
	if (ends < patience->ends_mono_ms)
		patience->ends_mono_ms = ends;
}

void patience_for_next(struct patience *patience, int idle_ms)
{
	patience->ends_mono_ms = now_ms() + idle_ms + patience->head_ms;
}

void patience_for_bytes(struct patience *patience)
{
	patience->ends_mono_ms = now_ms() + GRACE_MS;
}

void patience_came(struct patience *patience, size_t bytes)
{
	if (patience->ends_mono_ms != 0)
		patience->ends_mono_ms += (int64_t)bytes;
}

void patience_for_reader(struct patience *patience, int idle_ms, size_t bytes)
{
	patience->ends_mono_ms = now_ms() + idle_ms + (int64_t)bytes;
}

void patience_stop(struct patience *patience)
{
	patience->ends_mono_ms = 0;
}

static void tell_gone(struct patience *patience, const struct pollfd *poll)
{
	if ((poll->revents & (POLLRDHUP | POLLHUP | POLLERR)) == 0)
		return;
	patience->is_gone = true;
	shutdown(patience->socket, SHUT_RD); /* what came and was not read yet can still be read */
}

/* Of those who are waited for, who has said that nothing more will come? */
static void look_for_gone(struct api_thread *thread)
{
	struct patience *waiting[LOOK_AT_ONCE];
	struct pollfd polls[LOOK_AT_ONCE];
	nfds_t count = 0;

	for (struct patience *each = thread->connections; each != NULL; each = each->next) {
		if (each->ends_mono_ms != 0 && !each->is_gone) {
			polls[count] = (struct pollfd){.fd = each->socket, .events = POLLRDHUP};
			waiting[count++] = each;
		}
		if (count == 0 || (count < LOOK_AT_ONCE && each->next != NULL))
			continue;
		if (poll(polls, count, 0) > 0) {
			for (nfds_t i = 0; i < count; i++)
				tell_gone(waiting[i], &polls[i]);
		}
		count = 0;
	}
}

void patience_sweep(struct api_thread *thread)
{
	int64_t now = now_ms();

	if (now < thread->swept_mono_ms + SWEEP_MS)
		return;
	thread->swept_mono_ms = now;
	for (struct patience *each = thread->connections; each != NULL; each = each->next) {
		if (each->ends_mono_ms == 0 || now < each->ends_mono_ms)
			continue;
		shutdown(each->socket, SHUT_RDWR);
		each->ends_mono_ms = 0; /* once */
	}
	look_for_gone(thread);
}

/* An answer that goes on: whoever listens is given what is there; when nothing is, the connection is
 * suspended and looked at again by the thread's loop.  It ends when its source says so, when the client goes,
 * and when the daemon drains. */
#include "base/clock.h"
#include "http/private.h"
#include "base/check.h"

enum { STREAM_LOOK_MS = 250, STREAM_BLOCK_BYTES = 8 * 1024 };

static ssize_t give(void *context, uint64_t position, char *buffer, size_t size)
{
	struct request *request = context;
	struct api_thread *thread = request->thread;
	ssize_t given;

	(void)position;
	if (atomic_load(&thread->http->is_draining))
		return MHD_CONTENT_READER_END_OF_STREAM;
	given = request->stream(request, buffer, size);
	if (given < 0)
		return MHD_CONTENT_READER_END_OF_STREAM;
	if (given == 0) {
		request->wakes_mono_ms = clock_mono_ms() + STREAM_LOOK_MS;
		request->next_sleeper = thread->sleepers;
		thread->sleepers = request;
		MHD_suspend_connection(request->connection);
	}
	return given;
}

struct MHD_Response *stream_response(struct request *request)
{
	return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK_BYTES, give, request, NULL);
}

void stream_look(struct request *request)
{
	MHD_resume_connection(request->connection);
}

/* handover.c - what a transaction brought for the dispatcher: leased jobs, and lanes that got something due.
 *
 * Collected while the transaction runs, handed over only after its commit, dropped when it is rolled back:
 * nothing is ever sent that the file does not know of. */
#include "store/private.h"

#include <string.h>

#include "base/check.h"

enum { QUEUED_MERGED_MAX = 64 };

void handover_leased(struct writer *writer, struct job *job)
{
	job->item.next = NULL;
	*writer->leased_end = &job->item;
	writer->leased_end = &job->item.next;
}

void handover_queued(struct writer *writer, const struct store_queued *row)
{
	size_t from = writer->queued_count > QUEUED_MERGED_MAX ? writer->queued_count - QUEUED_MERGED_MAX : 0;
	for (size_t i = from; i < writer->queued_count; i++) {
		struct store_queued *have = &writer->queued[i];
		if (have->channel == row->channel && have->lane == row->lane &&
		    have->priority == row->priority) {
			have->count += row->count;
			if (row->due_at_ms < have->due_at_ms)
				have->due_at_ms = row->due_at_ms;
			return;
		}
	}
	if (writer->queued_count == writer->queued_room) {
		size_t room = writer->queued_room == 0 ? QUEUED_MERGED_MAX : writer->queued_room * 2;
		struct store_queued *rows = arena_array_of(writer->arena, room, struct store_queued);
		if (writer->queued_count > 0)
			memcpy(rows, writer->queued, writer->queued_count * sizeof(*rows));
		writer->queued = rows;
		writer->queued_room = room;
	}
	writer->queued[writer->queued_count++] = *row;
}

static struct job *leased_take(struct writer *writer)
{
	struct job *job = (struct job *)writer->leased;
	if (job != NULL) {
		writer->leased = job->item.next;
		job->item.next = NULL;
	}
	if (writer->leased == NULL)
		writer->leased_end = &writer->leased;
	return job;
}

static void queued_forget(struct writer *writer)
{
	writer->queued = NULL; /* in the transaction's arena */
	writer->queued_count = writer->queued_room = 0;
}

void handover_commit(struct writer *writer)
{
	const struct store_hooks *hooks = &writer->store->settings.hooks;
	for (struct job *job = leased_take(writer); job != NULL; job = leased_take(writer)) {
		if (hooks->leased != NULL)
			hooks->leased(hooks->context, job);
		else
			job_free(job);
	}
	if (writer->queued_count > 0 && hooks->queued != NULL)
		hooks->queued(hooks->context, writer->queued, writer->queued_count);
	queued_forget(writer);
}

void handover_drop(struct writer *writer)
{
	for (struct job *job = leased_take(writer); job != NULL; job = leased_take(writer))
		job_free(job);
	queued_forget(writer);
}

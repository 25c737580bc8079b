/* A leased delivery in memory: see job.h. */
#include "model/job.h"

#include "base/check.h"

struct job *job_new(void)
{
	struct arena *arena = arena_new();
	struct job *job = arena_new_of(arena, struct job);
	static const struct herald_text nothing = {.data = "", .size = 0};

	job->arena = arena;
	job->destination = job->tenant = job->category = job->recipient_id = job->name = job->locale = "";
	job->correlation_id = job->traceparent = job->address = "";
	job->memory = job->words = nothing;
	return job;
}

void job_free(struct job *job)
{
	if (job != NULL)
		arena_free(job->arena);
}

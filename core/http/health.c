/* Is it alive, does it take work, how is it doing. */
#include <stdio.h>

#include "http/private.h"
#include "http/resources.h"
#include "telemetry/metric.h"
#include "base/check.h"

void healthz_get(struct request *request)
{
	answer_tree(request, 200, json_pack("{s:s}", "status", "alive"));
}

void readyz_get(struct request *request)
{
	struct http *http = request->thread->http;
	struct store_health health;

	store_health(http->settings.store, &health);
	if (atomic_load(&http->is_draining)) {
		answer_retry_after(request, 5);
		answer_problem(request, PROBLEM_draining, "the daemon is going down");
	} else if (!health.is_taking_work) {
		answer_retry_after(request, 5);
		answer_problem(request, problem_of_health(&health), "no new work is taken: %s", health.why);
	} else {
		answer_tree(request, 200,
			    json_pack("{s:s, s:I, s:I}", "status", "ready", "writer_waiting",
				      (json_int_t)health.waiting, "free_bytes",
				      (json_int_t)health.free_bytes));
	}
}

void metrics_get(struct request *request)
{
	struct store_health health;
	struct herald_builder builder;

	/* What is a figure of this moment is looked at in this moment. */
	store_health(request->store, &health);
	metric_set(METRIC_writer_waiting, METRIC_NO_LABELS, (double)health.waiting);
	metric_set(METRIC_store_free, METRIC_NO_LABELS, (double)health.free_bytes);
	herald_builder_init(&builder, METRIC_TEXT_BYTES_MAX);
	metric_text(&builder);
	answer_text(request, 200, "text/plain; version=0.0.4; charset=utf-8",
		    text_of(builder.data, builder.size));
	herald_builder_done(&builder);
}

/* Rows as JSON: see view.h. */
#include "http/view.h"

#include "base/clock.h"
#include "base/id.h"
#include "route/verdict.h"
#include "base/check.h"

json_t *view_time(int64_t at_ms)
{
	char text[CLOCK_TEXT_SIZE];

	if (at_ms == 0)
		return json_null();
	clock_text(at_ms, text);
	return json_string(text);
}

json_t *view_id(const char *prefix, int64_t id)
{
	char text[ID_TEXT_SIZE];

	id_text(prefix, id, text);
	return json_string(text);
}

json_t *view_stored(struct herald_text text)
{
	json_t *tree = text.size > 0 ? json_loadb(text.data, text.size, 0, NULL) : NULL;

	return tree ? tree : json_null();
}

json_t *view_delivery(struct request *request, const struct store_delivery_row *row)
{
	const char *channel = store_channel_name(request->store, row->channel);
	char id[DELIVERY_TEXT_SIZE];
	json_t *view;

	id_delivery_text(row->notification, row->n, id);
	view = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:i, s:o}", "id", id, "recipient",
			 row->recipient_id, "channel", channel ? channel : "", "address", row->address,
			 "state", delivery_state_name(row->state), "reason", reason_name(row->reason),
			 "due_at", view_time(row->due_at_ms), "attempts", (int)row->attempts, "changed_at",
			 view_time(row->changed_at_ms));
	if (*row->provider_ref != 0)
		json_object_set_new(view, "provider_ref", json_string(row->provider_ref));
	if (row->crash_marks > 0)
		json_object_set_new(view, "crash_marks", json_integer(row->crash_marks));
	if (row->step > 0)
		json_object_set_new(view, "step", json_integer(row->step));
	return view;
}

json_t *view_attempt(const struct store_attempt_row *row)
{
	return json_pack("{s:i, s:o, s:o, s:s, s:s, s:s, s:s}", "attempt", (int)row->attempt, "started_at",
			 view_time(row->started_at_ms), "ended_at", view_time(row->ended_at_ms), "verdict",
			 row->verdict <= HERALD_MISCONFIGURED
				 ? verdict_name((enum herald_verdict)row->verdict)
				 : "none",
			 "status", row->status, "text", row->text, "provider_ref", row->provider_ref);
}

json_t *view_left_out(const struct store_left_out_row *row)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s}", "recipient", row->recipient_id, "channel", row->channel,
			 "reason", reason_name(row->reason), "detail", row->detail, "rule", row->rule);
}

static const char *notification_state(const struct store_notification_row *row)
{
	const uint32_t *counts = row->counts;

	if (row->request.size > 0)
		return "scheduled";
	return counts[DELIVERY_HELD] + counts[DELIVERY_QUEUED] + counts[DELIVERY_LEASED] +
				       counts[DELIVERY_PARKED] >
			       0
		       ? "active"
		       : "done";
}

json_t *view_notification(const struct store_notification_row *row)
{
	static const char *const priorities[] = {"", "bulk", "normal", "high", "critical"};
	json_t *counts = json_object(), *view;

	for (int state = DELIVERY_HELD; state <= DELIVERY_STATES; state++) {
		if (row->counts[state] > 0)
			json_object_set_new(counts, delivery_state_name((enum delivery_state)state),
					    json_integer(row->counts[state]));
	}
	view = json_pack("{s:o, s:s, s:s, s:o, s:o, s:i, s:s, s:o}", "id", view_id("ntf", row->id),
			 "category", row->category, "state", notification_state(row), "accepted_at",
			 view_time(row->accepted_at_ms), "expires_at", view_time(row->expires_at_ms),
			 "recipients", (int)row->recipients, "priority",
			 priorities[row->priority <= HERALD_CRITICAL ? row->priority : 0], "counts", counts);
	if (row->send_at_ms != 0)
		json_object_set_new(view, "send_at", view_time(row->send_at_ms));
	if (*row->correlation_id != 0)
		json_object_set_new(view, "correlation_id", json_string(row->correlation_id));
	if (*row->metadata != 0)
		json_object_set_new(view, "metadata", json_loads(row->metadata, 0, NULL));
	if (row->is_test)
		json_object_set_new(view, "test", json_true());
	if (row->is_cancelled)
		json_object_set_new(view, "cancelled", json_string(reason_name(row->cancel_reason)));
	return view;
}

json_t *merge_patch(const json_t *target, const json_t *patch)
{
	const char *name;
	json_t *value, *merged;

	if (!json_is_object(patch))
		return json_deep_copy(patch);
	merged = json_is_object(target) ? json_deep_copy(target) : json_object();
	json_object_foreach((json_t *)(uintptr_t)patch, name, value)
	{
		if (json_is_null(value))
			json_object_del(merged, name);
		else
			json_object_set_new(merged, name, merge_patch(json_object_get(merged, name), value));
	}
	return merged;
}

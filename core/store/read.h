/* read.h - what can be asked of the store, through a session: one connection, one thread, a fresh snapshot
 * per call.
 *
 * Rows and texts are in the arena given.  NOT_FOUND is a code, never an empty row.  Lists answer at most
 * limit rows and a cursor ("" at the end); cursors are keys, so they survive inserts. */
#ifndef STORE_READ_H
#define STORE_READ_H

#include "store/ops.h"
#include "store/store.h"

struct store_session;

enum herald_code store_session_new(struct store *store, struct store_session **ret_session,
				   struct herald_error *err);
void store_session_free(struct store_session *session);

struct store_recipient {
	int64_t row, version;
	const char *id, *name, *locale, *timezone, *attributes;
	struct store_address *addresses;
	size_t address_count;
	struct herald_text preference; /* JSON, "" when nothing was chosen */
	int64_t preference_version;
	bool is_known;
};

/* ids in, one row each out, in order; is_known false where there is none.  Suppressed addresses are marked.
 */
enum herald_code store_people(struct store_session *session, int64_t tenant, const char *const *ids,
			      size_t count, struct arena *arena, struct store_recipient **ret_people,
			      struct herald_error *err);
enum herald_code store_recipients(struct store_session *session, int64_t tenant, const char *after,
				  uint32_t limit, struct arena *arena, struct store_recipient **ret_people,
				  size_t *ret_count, const char **ret_next, struct herald_error *err);

/* Of an inline address: suppressed? remembered? */
enum herald_code store_inline(struct store_session *session, int64_t tenant, int32_t channel,
			      const uint8_t hash[ADDRESS_HASH_BYTES], struct arena *arena,
			      bool *ret_is_suppressed, struct herald_text *ret_memory,
			      struct herald_error *err);

struct store_category {
	const char *name;
	struct herald_text body;
	int64_t version;
};

enum herald_code store_category(struct store_session *session, int64_t tenant, const char *name,
				struct arena *arena, struct store_category *ret_category,
				struct herald_error *err);
enum herald_code store_categories(struct store_session *session, int64_t tenant, const char *after,
				  uint32_t limit, struct arena *arena, struct store_category **ret_rows,
				  size_t *ret_count, const char **ret_next, struct herald_error *err);
/* Moves with every change of a category of the tenant.  Cheap: an atomic, not a query. */
int64_t store_policy_version(struct store *store, int64_t tenant);

struct store_suppression_row {
	const char *kind, *address, *reason, *source;
	int64_t at_ms, until_ms;
};

enum herald_code store_suppression(struct store_session *session, int64_t tenant, const char *kind,
				   const uint8_t hash[ADDRESS_HASH_BYTES], struct arena *arena,
				   struct store_suppression_row *ret_row, struct herald_error *err);
enum herald_code store_suppressions(struct store_session *session, int64_t tenant, const char *kind,
				    const char *reason, const char *after, uint32_t limit,
				    struct arena *arena, struct store_suppression_row **ret_rows,
				    size_t *ret_count, const char **ret_next, struct herald_error *err);

struct store_key_row {
	int64_t id, tenant, expires_at_ms, created_at_ms;
	uint8_t secret_hash[32];
	const char *scopes, *name;
	uint32_t rate_per_s;
};

enum herald_code store_key(struct store_session *session, int64_t id, struct arena *arena,
			   struct store_key_row *ret_row, struct herald_error *err);
enum herald_code store_keys(struct store_session *session, int64_t tenant, int64_t after, uint32_t limit,
			    struct arena *arena, struct store_key_row **ret_rows, size_t *ret_count,
			    struct herald_error *err);

struct store_notification_row {
	int64_t id, accepted_at_ms, send_at_ms, expires_at_ms;
	const char *category, *correlation_id, *metadata;
	struct herald_text request;                                 /* scheduled ones only */
	uint32_t priority, recipients, counts[DELIVERY_STATES + 1]; /* by state */
	bool is_test, is_cancelled;
	enum reason cancel_reason;
};

struct store_delivery_row {
	int64_t notification, due_at_ms, first_attempt_at_ms, expires_at_ms, changed_at_ms, recipient,
		recipient_version;
	int64_t run, tenant;
	uint32_t n, attempts, tries_spent, crash_marks, step, priority;
	uint32_t attempts_max;           /* category's, 0: the channel's */
	enum uncertain_policy uncertain; /* category's; the channel's own goes before it */
	int32_t channel;
	enum delivery_state state;
	enum reason reason;
	const char *recipient_id, *address, *kind, *provider_ref, *category;
	uint32_t attempt;         /* LEASED: the open one */
	struct herald_text words; /* store_delivery only */
};

struct store_attempt_row {
	uint32_t n, attempt, verdict;
	int64_t started_at_ms, ended_at_ms; /* ended 0: open */
	const char *status, *text, *provider_ref;
};

struct store_left_out_row {
	const char *recipient_id, *channel, *rule, *detail;
	enum reason reason;
};

enum herald_code store_notification(struct store_session *session, int64_t tenant, int64_t id,
				    struct arena *arena, struct store_notification_row *ret_row,
				    struct herald_error *err);
/* Filter texts "" and since 0: any.  recipient uses the per-recipient history. state: scheduled, active, done
 * or "". */
enum herald_code store_notifications(struct store_session *session, int64_t tenant, const char *recipient,
				     const char *category, const char *correlation_id, const char *state,
				     int64_t since_ms, int64_t after, uint32_t limit, struct arena *arena,
				     struct store_notification_row **ret_rows, size_t *ret_count,
				     struct herald_error *err);
enum herald_code store_notification_deliveries(struct store_session *session, int64_t id, struct arena *arena,
					       struct store_delivery_row **ret_rows, size_t *ret_count,
					       struct herald_error *err);
enum herald_code store_left_outs(struct store_session *session, int64_t id, struct arena *arena,
				 struct store_left_out_row **ret_rows, size_t *ret_count,
				 struct herald_error *err);
enum herald_code store_attempts(struct store_session *session, int64_t id, int64_t n /* -1: all */,
				struct arena *arena, struct store_attempt_row **ret_rows, size_t *ret_count,
				struct herald_error *err);
enum herald_code store_delivery(struct store_session *session, int64_t tenant, int64_t id, uint32_t n,
				struct arena *arena, struct store_delivery_row *ret_row,
				struct herald_error *err);
enum herald_code store_deliveries(struct store_session *session, int64_t tenant,
				  const struct store_filter *filter, int64_t after_id, uint32_t after_n,
				  uint32_t limit, struct arena *arena, struct store_delivery_row **ret_rows,
				  size_t *ret_count, struct herald_error *err);

/* The oldest dead letters (dead or expired, as filter->state says; 0: both) that fit, and that nobody
 * cancelled: for a redrive. */
enum herald_code store_letters(struct store_session *session, int64_t tenant,
			       const struct store_filter *filter, uint32_t limit, struct arena *arena,
			       struct store_letter **ret_letters, size_t *ret_count,
			       struct herald_error *err);

/* For the dispatcher and the clerk. */
enum herald_code store_open_leases(struct store_session *session, int64_t except_run, uint32_t limit,
				   struct arena *arena, struct store_delivery_row **ret_rows,
				   size_t *ret_count, struct herald_error *err);
enum herald_code store_lanes(struct store_session *session, struct arena *arena,
			     struct store_queued **ret_rows, size_t *ret_count, struct herald_error *err);
enum herald_code store_paused(struct store_session *session, struct arena *arena,
			      struct store_put_channel **ret_rows, size_t *ret_count,
			      struct herald_error *err);
enum herald_code store_changed(struct store_session *session, uint32_t limit, struct arena *arena,
			       struct store_delivery_row **ret_rows, size_t *ret_count,
			       struct herald_error *err);
enum herald_code store_scheduled(struct store_session *session, int64_t now_ms, uint32_t limit,
				 struct arena *arena, struct store_notification_row **ret_rows,
				 int64_t **ret_tenants, size_t *ret_count, struct herald_error *err);
/* Destinations by number, for lanes below zero. */
enum herald_code store_destination(struct store_session *session, int64_t number, struct arena *arena,
				   const char **ret_name, int32_t *ret_channel, struct herald_error *err);

/* actor "" and subject 0: any.  Newest first; after: the seq of the last one seen, 0: from the newest. */
struct store_audit_row {
	int64_t seq, at_ms, tenant;
	const char *actor, *verb, *payload; /* payload "" where it was erased */
	int64_t subject;
};

enum herald_code store_audit(struct store_session *session, int64_t tenant, int64_t since_ms,
			     const char *actor, int64_t subject, int64_t after, uint32_t limit,
			     struct arena *arena, struct store_audit_row **ret_rows, size_t *ret_count,
			     struct herald_error *err);
/* Walks the whole chain.  CORRUPT: err names the first bad row. */
enum herald_code store_audit_verify(struct store_session *session, int64_t *ret_rows,
				    struct herald_error *err);

#endif

/* The body of a notification: see notification.h.  Every field of a later issue is refused by name, never
 * ignored. */
#include "model/notification.h"

#include <string.h>

#include "base/id.h"
#include "base/json.h"
#include "model/field.h"
#include "base/check.h"

#define HOUR_MS INT64_C(3600000)

static void target_parse(const json_t *value, const char *pointer, struct target *ret_target,
			 struct faults *faults)
{
	struct target target = {.recipient = "", .label = "", .name = "", .locale = "", .timezone = ""};
	struct field_reader reader;
	char where[POINTER_BYTES_MAX];
	bool is_known, is_inline;

	*ret_target = target;
	if (!field_open(&reader, value, pointer, "recipient label addresses name locale timezone", "topic",
			faults))
		return;
	is_known = field_text(&reader, "recipient", RECIPIENT_ID_BYTES_MAX, &target.recipient);
	if (is_known && !name_is_recipient(target.recipient)) {
		field_pointer(&reader, "recipient", where);
		faults_add(faults, where, "syntax", "must be 1 to 128 printable bytes");
	}
	is_inline = json_object_get(value, "addresses") != NULL;
	field_text(&reader, "label", 64, &target.label);
	field_text(&reader, "name", NAME_BYTES_MAX, &target.name);
	if (field_text(&reader, "locale", 35, &target.locale) && *target.locale != 0 &&
	    !locale_is_good(target.locale)) {
		field_pointer(&reader, "locale", where);
		faults_add(faults, where, "syntax", "must be a language tag like de-AT (BCP 47)");
	}
	if (field_text(&reader, "timezone", 64, &target.timezone) && *target.timezone != 0 &&
	    !timezone_is_good(target.timezone)) {
		field_pointer(&reader, "timezone", where);
		faults_add(faults, where, "syntax", "must be a zone's name like Europe/Vienna");
	}
	if (is_inline) {
		field_pointer(&reader, "addresses", where);
		recipient_addresses_parse(json_object_get(value, "addresses"), where, &target.addresses,
					  &target.address_count, faults);
	}
	if (is_known == is_inline && json_object_get(value, "topic") == NULL)
		faults_add(faults, pointer, "missing", "needs either `recipient` or `addresses`");
	else if (is_inline && json_array_size(json_object_get(value, "addresses")) == 0)
		faults_add(faults, where, "range", "needs at least one address");
	*ret_target = target;
}

static void targets_parse(const struct field_reader *reader, struct notification *notification)
{
	const json_t *value = json_object_get(reader->object, "to");
	size_t count = json_array_size(value);
	struct target *targets;
	char where[POINTER_BYTES_MAX];

	if (!field_required(reader, "to"))
		return;
	if (!json_is_array(value)) {
		faults_add(reader->faults, "/to", "type", "must be an array");
		return;
	}
	if (count < 1 || count > RECIPIENTS_PER_CALL_MAX) {
		faults_add(reader->faults, "/to", "range", "needs 1 to %d entries, has %zu",
			   RECIPIENTS_PER_CALL_MAX, count);
		return;
	}
	targets = arena_array_of(reader->faults->arena, count, struct target);
	for (size_t i = 0; i < count; i++) {
		field_pointer_index("/to", i, where);
		target_parse(json_array_get(value, i), where, &targets[i], reader->faults);
	}
	notification->targets = targets;
	notification->target_count = count;
}

static void dedup_parse(const struct field_reader *outer, struct notification *notification)
{
	const json_t *value = json_object_get(outer->object, "dedup");
	struct field_reader reader;

	if (value == NULL || !field_open(&reader, value, "/dedup", "key for", "", outer->faults))
		return;
	notification->dedup_for_ms = HOUR_MS;
	if (field_required(&reader, "key") && field_text(&reader, "key", 255, &notification->dedup_key) &&
	    *notification->dedup_key == 0)
		faults_add(outer->faults, "/dedup/key", "range", "must not be empty");
	field_duration(&reader, "for", 1000, 72 * HOUR_MS, &notification->dedup_for_ms);
}

static void metadata_parse(const struct field_reader *reader, struct notification *notification)
{
	const json_t *value = json_object_get(reader->object, "metadata");
	struct herald_builder builder;

	if (value == NULL)
		return;
	herald_builder_init(&builder, 4096);
	if (json_is_object(value))
		json_write(value, &builder);
	if (!json_is_object(value))
		faults_add(reader->faults, "/metadata", "type", "must be an object");
	else if (builder.code != HERALD_OK)
		faults_add(reader->faults, "/metadata", "range", "must be at most 4096 bytes of JSON");
	else
		notification->metadata = arena_text(reader->faults->arena, builder.data);
	herald_builder_done(&builder);
}

static void options_parse(const struct field_reader *reader, struct notification *notification)
{
	static const char *const priorities =
		"bulk|normal|high|critical"; /* in the order of enum herald_priority */
	const char *replaces = NULL;
	int priority = HERALD_NORMAL - 1, strategy = -1;

	field_texts(reader, "channels", CHANNELS_MAX, 32, name_is_kind, &notification->channels,
		    &notification->channel_count);
	if (field_word_or_later(reader, "strategy", "all|first", "escalate", &strategy))
		notification->strategy = strategy == 0 ? STRATEGY_ALL : STRATEGY_FIRST;
	field_word(reader, "priority", priorities, &priority);
	notification->priority = (uint32_t)(priority + 1);
	field_instant(reader, "send_at", &notification->send_at_ms);
	field_duration(reader, "expires_in", 1000, 30 * 24 * HOUR_MS, &notification->expires_in_ms);
	field_text(reader, "correlation_id", 255, &notification->correlation_id);
	if (field_text(reader, "replaces", 64, &replaces) &&
	    !id_parse("ntf", replaces, &notification->replaces))
		faults_add(reader->faults, "/replaces", "syntax",
			   "must be a notification's id: ntf_ and 13 characters");
	field_bool(reader, "test", &notification->is_test);
	field_instant(reader, "at", &notification->at_ms);
	if (field_text(reader, "idempotency_key", IDEMPOTENCY_KEY_BYTES_MAX,
		       &notification->idempotency_key) &&
	    *notification->idempotency_key == 0)
		faults_add(reader->faults, "/idempotency_key", "range", "must not be empty");
}

#define FIELDS                                                                                         \
	"category to data content channels strategy priority send_at expires_in dedup correlation_id " \
	"replaces test metadata"

bool notification_parse(const json_t *body, enum notification_form form,
			struct notification *ret_notification, struct faults *faults)
{
	static const char *const known[] = {
		[NOTIFICATION_POST] = FIELDS,
		[NOTIFICATION_BULK_LINE] = FIELDS " idempotency_key",
		[NOTIFICATION_EXPLAIN] = FIELDS " at",
	};
	struct notification notification = {
		.category = "",
		.dedup_key = "",
		.correlation_id = "",
		.traceparent = "",
		.metadata = "",
		.idempotency_key = "",
	};
	size_t before = faults->count;
	struct field_reader reader;
	const json_t *data;

	if (!field_open(&reader, body, "", known[form], "template digest_key digest escalate attachments",
			faults))
		return false;
	if (field_required(&reader, "category") &&
	    field_text(&reader, "category", 64, &notification.category) &&
	    !name_is_category(notification.category))
		faults_add(faults, "/category", "syntax", "is not a category's name");
	targets_parse(&reader, &notification);
	data = json_object_get(body, "data");
	if (data != NULL && !json_is_object(data))
		faults_add(faults, "/data", "type", "must be an object");
	notification.data = data;
	if (json_object_get(body, "content") != NULL)
		content_parse(json_object_get(body, "content"), "/content", &notification.content, faults);
	options_parse(&reader, &notification);
	dedup_parse(&reader, &notification);
	metadata_parse(&reader, &notification);
	*ret_notification = notification;
	return faults->count == before;
}

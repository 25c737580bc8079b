/* Recipients as they come in: see recipient.h. */
#include "model/recipient.h"

#include <string.h>

#include "base/json.h"
#include "model/field.h"
#include "base/check.h"

/* Text of a JSON tree in the arena; a fault when it is larger than bytes_max. */
static const char *tree_text(const json_t *tree, const char *pointer, size_t bytes_max, struct faults *faults)
{
	struct herald_builder builder;
	const char *text = "";

	herald_builder_init(&builder, bytes_max);
	json_write(tree, &builder);
	if (builder.code != HERALD_OK)
		faults_add(faults, pointer, "range", "must be at most %zu bytes of JSON", bytes_max);
	else
		text = arena_text(faults->arena, builder.data);
	herald_builder_done(&builder);
	return text;
}

static bool word_of(const char *text, size_t most, const char *more)
{
	size_t size = strlen(text);

	if (size < 1 || size > most)
		return false;
	for (size_t i = 0; i < size; i++) {
		bool is_plain = (text[i] >= 'a' && text[i] <= 'z') || (text[i] >= 'A' && text[i] <= 'Z') ||
				(text[i] >= '0' && text[i] <= '9');

		if (!is_plain && strchr(more, text[i]) == NULL)
			return false;
	}
	return true;
}

bool locale_is_good(const char *text)
{
	return word_of(text, 35, "-");
}

bool timezone_is_good(const char *text)
{
	return word_of(text, 64, "/_-+") && text[0] != '/' && strstr(text, "//") == NULL;
}

static void address_parse(const json_t *value, const char *pointer, struct recipient_address *ret_address,
			  struct faults *faults)
{
	struct recipient_address address = {
		.kind = "", .channel = "", .address = "", .label = "", .memory = {"", 0}};
	struct field_reader reader;
	char where[POINTER_BYTES_MAX];
	const json_t *memory;

	*ret_address = address;
	if (!field_open(&reader, value, pointer, "kind channel address label verified memory checked", "",
			faults))
		return;
	if (field_required(&reader, "kind") && field_text(&reader, "kind", 32, &address.kind) &&
	    !name_is_kind(address.kind)) {
		field_pointer(&reader, "kind", where);
		faults_add(faults, where, "syntax", "must be a channel kind like email, sms or bot");
	}
	if (field_text(&reader, "channel", 32, &address.channel) && !name_is_channel(address.channel)) {
		field_pointer(&reader, "channel", where);
		faults_add(faults, where, "syntax", "must be a channel's name");
	}
	if (field_required(&reader, "address") &&
	    field_text(&reader, "address", ADDRESS_BYTES_MAX - 1, &address.address) &&
	    *address.address == 0) {
		field_pointer(&reader, "address", where);
		faults_add(faults, where, "range", "must not be empty");
	}
	field_text(&reader, "label", 64, &address.label);
	field_bool(&reader, "verified", &address.is_verified);
	memory = json_object_get(value, "memory");
	field_pointer(&reader, "memory", where);
	if (json_is_object(memory))
		address.memory.data = tree_text(memory, where, MEMORY_BYTES_MAX, faults);
	else if (memory != NULL && !json_is_null(memory))
		faults_add(faults, where, "type", "must be an object");
	address.memory.size = strlen(address.memory.data);
	*ret_address = address;
}

bool recipient_addresses_parse(const json_t *value, const char *pointer,
			       const struct recipient_address **ret_addresses, size_t *ret_count,
			       struct faults *faults)
{
	size_t before = faults->count, count = json_array_size(value);
	struct recipient_address *addresses;

	if (!json_is_array(value)) {
		faults_add(faults, pointer, "type", "must be an array");
		return false;
	}
	if (count > ADDRESSES_PER_RECIPIENT_MAX) {
		faults_add(faults, pointer, "range", "at most %d addresses", ADDRESSES_PER_RECIPIENT_MAX);
		return false;
	}
	addresses = arena_array_of(faults->arena, count, struct recipient_address);
	for (size_t i = 0; i < count; i++) {
		char where[POINTER_BYTES_MAX];

		field_pointer_index(pointer, i, where);
		address_parse(json_array_get(value, i), where, &addresses[i], faults);
	}
	*ret_addresses = addresses;
	*ret_count = count;
	return faults->count == before;
}

bool recipient_parse(const json_t *body, const char *id, struct recipient *ret_recipient,
		     struct faults *faults)
{
	struct recipient recipient = {.id = id, .name = "", .locale = "", .timezone = "", .attributes = "{}"};
	size_t before = faults->count;
	struct field_reader reader;
	const char *stated = NULL;
	const json_t *attributes;

	if (!field_open(&reader, body, "", "id name locale timezone attributes addresses version", "",
			faults))
		return false;
	if (field_text(&reader, "id", RECIPIENT_ID_BYTES_MAX, &stated) && strcmp(stated, id) != 0)
		faults_add(faults, "/id", "range", "must be the id in the path, or be left out");
	field_text(&reader, "name", NAME_BYTES_MAX, &recipient.name);
	/* "" is how an answer says that there is none: what was read may be written again. */
	if (field_text(&reader, "locale", 35, &recipient.locale) && *recipient.locale != 0 &&
	    !locale_is_good(recipient.locale))
		faults_add(faults, "/locale", "syntax", "must be a language tag like de-AT (BCP 47)");
	if (field_text(&reader, "timezone", 64, &recipient.timezone) && *recipient.timezone != 0 &&
	    !timezone_is_good(recipient.timezone))
		faults_add(faults, "/timezone", "syntax", "must be a zone's name like Europe/Vienna");
	attributes = json_object_get(body, "attributes");
	if (json_is_object(attributes))
		recipient.attributes = tree_text(attributes, "/attributes", 16 * 1024, faults);
	else if (attributes != NULL)
		faults_add(faults, "/attributes", "type", "must be an object");
	if (json_object_get(body, "addresses") != NULL)
		recipient_addresses_parse(json_object_get(body, "addresses"), "/addresses",
					  &recipient.addresses, &recipient.address_count, faults);
	*ret_recipient = recipient;
	return faults->count == before;
}

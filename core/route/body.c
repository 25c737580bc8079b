/* The words of a plan: rendered once for each delivery, kept once for equal bytes.
 *
 * Invariant: a body is only ever added whole; a fault leaves the shelf as it was. */
#include "route/private.h"

#include <string.h>

#include "base/json.h"
#include "base/map.h"
#include "model/field.h"
#include "model/words.h"
#include "route/template.h"
#include "base/check.h"

struct body_shelf {
	const struct plan_input *input;
	struct faults *faults;
	struct arena *arena;
	struct map *by_text; /* digest of the blob -> its number + 1 */
	json_t *category;
	struct herald_text *bodies;
	size_t count, capacity;
};

struct body_shelf *body_shelf_new(const struct plan_input *input, struct faults *faults)
{
	struct body_shelf *shelf = arena_new_of(faults->arena, struct body_shelf);

	shelf->input = input;
	shelf->faults = faults;
	shelf->arena = faults->arena;
	shelf->by_text = map_new();
	shelf->category =
		json_pack("{s:s, s:s}", "name", input->category->name, "title", input->category->title);
	return shelf;
}

void body_shelf_free(struct body_shelf *shelf)
{
	json_decref(shelf->category);
	map_free(shelf->by_text);
}

size_t body_shelf_bodies(const struct body_shelf *shelf, struct herald_text **ret_bodies)
{
	*ret_bodies = shelf->bodies;
	return shelf->count;
}

static json_t *recipient_facts(const struct plan_person *person)
{
	json_t *facts = json_pack("{s:s, s:s, s:s, s:s}", "id", person->id, "name", person->name, "locale",
				  person->locale, "timezone", person->timezone);

	if (facts != NULL && person->attributes != NULL)
		json_object_set(facts, "attributes", (json_t *)(uintptr_t)person->attributes);
	return facts;
}

/* One template into the arena; "" when there is none or a fault was added. */
static struct herald_text fill(struct body_shelf *shelf, const struct template_facts *facts,
			       const char *source, enum template_place place, const char *part,
			       const char *field)
{
	struct herald_text text = {.data = "", .size = 0};
	struct herald_builder builder;
	char pointer[POINTER_BYTES_MAX] = "/content";

	if (source == NULL)
		return text;
	json_pointer_add(pointer, sizeof(pointer), part);
	json_pointer_add(pointer, sizeof(pointer), field);
	herald_builder_init(&builder, WORDS_BYTES_MAX);
	if (template_render(source, place, facts, pointer, &builder, shelf->faults)) {
		if (builder.code != HERALD_OK)
			faults_add(shelf->faults, pointer, "range", "is more than %d bytes when filled in",
				   WORDS_BYTES_MAX);
		else
			text = arena_bytes_copy(shelf->arena, builder.data, builder.size);
	}
	herald_builder_done(&builder);
	return text;
}

static void render(struct body_shelf *shelf, const struct template_facts *facts,
		   const struct content_part *part, struct words *words)
{
	struct herald_field *headers = arena_array_of(shelf->arena, part->header_count, struct herald_field);
	static const struct herald_text nothing = {.data = "", .size = 0};

	words->subject = fill(shelf, facts, part->subject, TEMPLATE_LINE, part->key, "subject").data;
	words->text = fill(shelf, facts, part->text, TEMPLATE_TEXT, part->key, "text");
	words->html = fill(shelf, facts, part->html, TEMPLATE_HTML, part->key, "html");
	words->card = words->json = nothing;
	words->reply_to = fill(shelf, facts, part->reply_to, TEMPLATE_LINE, part->key, "reply_to").data;
	words->from_name = fill(shelf, facts, part->from_name, TEMPLATE_LINE, part->key, "from_name").data;
	for (size_t i = 0; i < part->header_count; i++) {
		headers[i].name = part->headers[i].name;
		headers[i].value =
			fill(shelf, facts, part->headers[i].value, TEMPLATE_LINE, part->key, "headers").data;
	}
	words->headers = headers;
	words->header_count = part->header_count;
}

/* The number of an equal body, or a new one. */
static uint32_t keep(struct body_shelf *shelf, struct herald_text blob)
{
	uint8_t digest[HERALD_SHA256_BYTES];
	uintptr_t number;
	int64_t key;

	herald_sha256(blob.data, blob.size, digest);
	memcpy(&key, digest, sizeof(key));
	number = (uintptr_t)map_get(shelf->by_text, key);
	if (number != 0 && shelf->bodies[number - 1].size == blob.size &&
	    memcmp(shelf->bodies[number - 1].data, blob.data, blob.size) == 0)
		return (uint32_t)(number - 1);
	if (shelf->count == shelf->capacity) {
		size_t capacity = shelf->capacity == 0 ? 4 : shelf->capacity * 2;
		struct herald_text *bodies = arena_array_of(shelf->arena, capacity, struct herald_text);

		if (shelf->count > 0)
			memcpy(bodies, shelf->bodies, shelf->count * sizeof(*bodies));
		shelf->bodies = bodies;
		shelf->capacity = capacity;
	}
	shelf->bodies[shelf->count++] = blob;
	map_put(shelf->by_text, key, (void *)(uintptr_t)shelf->count);
	return (uint32_t)(shelf->count - 1);
}

bool body_shelf_put(struct body_shelf *shelf, const struct plan_person *person,
		    const struct content_part *part, uint32_t *ret_body)
{
	json_auto *recipient = recipient_facts(person);
	const struct template_facts facts = {.data = shelf->input->notification->data,
					     .recipient = recipient,
					     .category = shelf->category};
	size_t before = shelf->faults->count;
	struct herald_text blob;
	struct herald_error err;
	struct words words;

	render(shelf, &facts, part, &words);
	if (shelf->faults->count != before)
		return false;
	if (words_encode(&words, shelf->arena, &blob, &err) != HERALD_OK) {
		faults_add(shelf->faults, "/content", "range", "%s", err.text);
		return false;
	}
	*ret_body = keep(shelf, blob);
	return true;
}

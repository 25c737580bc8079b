/* memory.c - conversation references as JSON.  Invariant: what is read here may have been written by anybody
 * who may edit addresses, so its service address is only text until acs_url_parse has seen it. */
#include "acs_bot/memory.h"

#include <stdio.h>
#include <string.h>

#include "acs/answer.h"

bool bot_memory_read(struct herald_text text, struct bot_memory *ret_memory)
{
	json_t *json = acs_json_read(text);
	const char *id = acs_json_string(json_object_get(json, "conversation"), "id");
	const char *url = acs_json_string(json, "serviceUrl");
	bool is_usable = id[0] != '\0' && strlen(id) < sizeof(ret_memory->conversation) &&
			 strlen(url) < sizeof(ret_memory->service_url);

	*ret_memory = (struct bot_memory){0};
	if (is_usable) {
		snprintf(ret_memory->conversation, sizeof(ret_memory->conversation), "%s", id);
		snprintf(ret_memory->service_url, sizeof(ret_memory->service_url), "%s", url);
	}
	json_decref(json);
	return is_usable;
}

void bot_memory_write(const struct bot_memory *memory, struct herald_builder *builder)
{
	herald_add(builder, "{\"conversation\":{\"id\":");
	herald_add_json(builder, memory->conversation);
	herald_add(builder, "}");
	if (memory->service_url[0] != '\0') {
		herald_add(builder, ",\"serviceUrl\":");
		herald_add_json(builder, memory->service_url);
	}
	herald_add(builder, "}");
}

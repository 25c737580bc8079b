/* yaml.c - the part of YAML that a configuration needs, as a tree in which everything knows its place.
 *
 * libyaml's events are taken one by one, so that what is refused (anchors, aliases, tags, doubled keys, a
 * second document, more than the bounds) is refused before it costs anything. */
#include <stdio.h>
#include <string.h>
#include <yaml.h>

#include "config/private.h"
#include "base/check.h"

struct reader {
	yaml_parser_t parser;
	const char *file;
	struct arena *arena;
	struct complaints *complaints;
	size_t nodes;
	unsigned depth;
	bool has_failed;
};

static struct option_place place_of(const struct reader *reader, yaml_mark_t mark)
{
	return (struct option_place){
		.file = reader->file, .line = (uint32_t)mark.line + 1, .column = (uint32_t)mark.column + 1};
}

#define READER_REFUSE(reader, mark, ...)                                                 \
	do {                                                                             \
		complain((reader)->complaints, place_of((reader), (mark)), __VA_ARGS__); \
		(reader)->has_failed = true;                                             \
	} while (0)

static bool next_event(struct reader *reader, yaml_event_t *ret_event)
{
	if (reader->has_failed)
		return false;
	if (yaml_parser_parse(&reader->parser, ret_event))
		return true;
	CHECK(reader->parser.error != YAML_MEMORY_ERROR);
	const char *problem = reader->parser.problem == NULL ? "not readable" : reader->parser.problem;
	READER_REFUSE(reader, reader->parser.problem_mark, "this is not YAML: %s", problem);
	return false;
}

static struct node *read_node(struct reader *reader, const yaml_event_t *event);

static struct node *node_new(struct reader *reader, enum node_kind kind, const yaml_event_t *event)
{
	struct node *node = arena_new_of(reader->arena, struct node);
	node->kind = kind;
	node->place = place_of(reader, event->start_mark);
	node->text = "";
	if (++reader->nodes > NODES_MAX)
		READER_REFUSE(reader, event->start_mark, "more than %d values in one file", NODES_MAX);
	return node;
}

static void refuse_marks(struct reader *reader, const yaml_event_t *event, const yaml_char_t *anchor,
			 const yaml_char_t *tag)
{
	if (anchor != NULL)
		READER_REFUSE(reader, event->start_mark, "anchors are not allowed here");
	else if (tag != NULL)
		READER_REFUSE(reader, event->start_mark, "tags are not allowed here");
}

static struct node *read_scalar(struct reader *reader, const yaml_event_t *event)
{
	static const char *const nulls[] = {"", "~", "null", "Null", "NULL"};
	struct node *node = node_new(reader, NODE_SCALAR, event);
	const char *value = (const char *)event->data.scalar.value;
	size_t size = event->data.scalar.length;
	refuse_marks(reader, event, event->data.scalar.anchor, event->data.scalar.tag);
	if (memchr(value, 0, size) != NULL)
		READER_REFUSE(reader, event->start_mark, "a value holds a NUL character");
	node->text = arena_bytes_copy(reader->arena, value, size).data;
	for (size_t i = 0; i < countof(nulls) && event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE; i++)
		node->is_null |= strcmp(node->text, nulls[i]) == 0;
	return node;
}

static void node_hang(struct node *parent, struct node *child, struct node ***end)
{
	**end = child;
	*end = &child->next;
	parent->count++;
}

static void enter(struct reader *reader, const yaml_event_t *event)
{
	if (++reader->depth > NODE_DEPTH_MAX)
		READER_REFUSE(reader, event->start_mark, "nested more than %d levels deep", NODE_DEPTH_MAX);
}

static struct node *read_list(struct reader *reader, const yaml_event_t *begin)
{
	struct node *list = node_new(reader, NODE_LIST, begin), **end = &list->first;
	refuse_marks(reader, begin, begin->data.sequence_start.anchor, begin->data.sequence_start.tag);
	enter(reader, begin);
	for (bool is_done = false; !is_done;) {
		yaml_event_t event;
		if (!next_event(reader, &event))
			return NULL;
		is_done = event.type == YAML_SEQUENCE_END_EVENT;
		struct node *item = is_done ? NULL : read_node(reader, &event);
		if (item != NULL)
			node_hang(list, item, &end);
		yaml_event_delete(&event);
	}
	reader->depth--;
	return list;
}

/* The key's event is there; reads the value behind it. */
static struct node *read_pair(struct reader *reader, const struct node *map, const yaml_event_t *key_event)
{
	if (key_event->type != YAML_SCALAR_EVENT) {
		READER_REFUSE(reader, key_event->start_mark, "a key must be a plain word");
		return NULL;
	}
	struct node *key = read_scalar(reader, key_event);
	const struct node *before = node_child(map, key->text);
	if (before != NULL) {
		READER_REFUSE(reader, key_event->start_mark, "'%.64s' stands twice; the first is in line %u",
			      key->text, before->key_place.line);
		return NULL;
	}
	yaml_event_t event;
	if (!next_event(reader, &event))
		return NULL;
	struct node *value = read_node(reader, &event);
	yaml_event_delete(&event);
	if (value == NULL)
		return NULL;
	value->key = key->text;
	value->key_place = key->place;
	return value;
}

static struct node *read_map(struct reader *reader, const yaml_event_t *begin)
{
	struct node *map = node_new(reader, NODE_MAP, begin), **end = &map->first;
	refuse_marks(reader, begin, begin->data.mapping_start.anchor, begin->data.mapping_start.tag);
	enter(reader, begin);
	for (bool is_done = false; !is_done;) {
		yaml_event_t event;
		if (!next_event(reader, &event))
			return NULL;
		is_done = event.type == YAML_MAPPING_END_EVENT;
		struct node *child = is_done ? NULL : read_pair(reader, map, &event);
		if (child != NULL)
			node_hang(map, child, &end);
		yaml_event_delete(&event);
	}
	reader->depth--;
	return map;
}

static struct node *read_node(struct reader *reader, const yaml_event_t *event)
{
	if (event->type == YAML_SCALAR_EVENT)
		return read_scalar(reader, event);
	if (event->type == YAML_SEQUENCE_START_EVENT)
		return read_list(reader, event);
	if (event->type == YAML_MAPPING_START_EVENT)
		return read_map(reader, event);
	READER_REFUSE(reader, event->start_mark, "aliases are not allowed here");
	return NULL;
}

/* Everything between the start and the end of the stream: no document, or one. */
static struct node *read_stream(struct reader *reader)
{
	struct node *root = NULL;
	bool has_document = false;
	for (bool is_done = false; !is_done;) {
		yaml_event_t event;
		if (!next_event(reader, &event))
			return NULL;
		is_done = event.type == YAML_STREAM_END_EVENT;
		if (event.type == YAML_DOCUMENT_START_EVENT) {
			if (has_document)
				READER_REFUSE(reader, event.start_mark,
					      "only one document is allowed in a file");
			has_document = true;
		} else if (event.type == YAML_SCALAR_EVENT || event.type == YAML_SEQUENCE_START_EVENT ||
			   event.type == YAML_MAPPING_START_EVENT || event.type == YAML_ALIAS_EVENT) {
			root = read_node(reader, &event);
		}
		yaml_event_delete(&event);
	}
	return root;
}

struct node *node_read(const char *file, const char *data, size_t size, struct arena *arena,
		       struct complaints *complaints)
{
	struct reader reader = {.file = file, .arena = arena, .complaints = complaints};
	CHECK(yaml_parser_initialize(&reader.parser) == 1);
	yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&reader.parser, (const unsigned char *)data, size);
	struct node *root = read_stream(&reader);
	yaml_parser_delete(&reader.parser);
	if (reader.has_failed || root == NULL || (root->kind == NODE_SCALAR && root->is_null))
		return NULL;
	if (root->kind != NODE_MAP) {
		complain(complaints, root->place, "a configuration is a mapping of sections, like `server:`");
		return NULL;
	}
	return root;
}

struct node *node_child(const struct node *map, const char *key)
{
	for (struct node *child = map->first; child != NULL; child = child->next) {
		if (strcmp(child->key, key) == 0)
			return child;
	}
	return NULL;
}

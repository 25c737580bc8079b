/* Filling {{path}}: see template.h.  One pass over the source, one look-up per tag, linear in both. */
#include "route/template.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"

enum { TAG_BYTES_MAX = 200 };

struct rendering {
	enum template_place place;
	const struct template_facts *facts;
	const char *pointer;
	struct herald_builder *builder;
	struct faults *faults;
};

static const json_t *lookup(const struct template_facts *facts, const char *path)
{
	const json_t *value = facts->data;
	char step[TAG_BYTES_MAX + 1];
	bool is_first = true;

	while (*path != 0) {
		size_t size = strcspn(path, ".");

		memcpy(step, path, size);
		step[size] = 0;
		if (is_first && strcmp(step, "recipient") == 0 && path[size] == '.')
			value = facts->recipient;
		else if (is_first && strcmp(step, "category") == 0 && path[size] == '.')
			value = facts->category;
		else
			value = json_object_get(value, step);
		is_first = false;
		path += size + (path[size] == '.');
	}
	return value;
}

static void add_escaped(const struct rendering *rendering, const char *text)
{
	const char *rest = text;

	if (rendering->place != TEMPLATE_HTML) {
		for (; rendering->place == TEMPLATE_LINE && *rest != 0; rest++) {
			if ((unsigned char)*rest < 0x20 || *rest == 0x7f) {
				faults_add(rendering->faults, rendering->pointer, "range",
					   "a value with a control character (a line end, for one) may not "
					   "stand in a "
					   "subject or header");
				return;
			}
		}
		herald_add(rendering->builder, text);
		return;
	}
	while (*rest != 0) {
		size_t plain = strcspn(rest, "&<>\"'");

		herald_add_bytes(rendering->builder, rest, plain);
		rest += plain;
		if (*rest == 0)
			break;
		herald_add(rendering->builder, *rest == '&'   ? "&amp;"
					       : *rest == '<' ? "&lt;"
					       : *rest == '>' ? "&gt;"
					       : *rest == '"' ? "&quot;"
							      : "&#39;");
		rest++;
	}
}

static void add_value(const struct rendering *rendering, const char *path, const json_t *value)
{
	char number[64];

	if (json_is_string(value)) {
		add_escaped(rendering, json_string_value(value));
	} else if (json_is_integer(value)) {
		snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(value));
		herald_add(rendering->builder, number);
	} else if (json_is_real(value)) {
		snprintf(number, sizeof(number), "%.15g", json_real_value(value));
		herald_add(rendering->builder, number);
	} else if (json_is_boolean(value)) {
		herald_add(rendering->builder, json_is_true(value) ? "true" : "false");
	} else if (value == NULL || json_is_null(value)) {
		faults_add(rendering->faults, rendering->pointer, "missing", "there is no value for {{%s}}",
			   path);
	} else {
		faults_add(rendering->faults, rendering->pointer, "type",
			   "{{%s}} is an object or array; only texts, numbers and booleans can be said",
			   path);
	}
}

static bool path_is_good(const char *path)
{
	if (*path == 0 || *path == '.')
		return false;
	for (const char *at = path; *at != 0; at++) {
		bool is_plain = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') ||
				(*at >= '0' && *at <= '9') || *at == '_' || *at == '-';

		if (!is_plain && (*at != '.' || at[1] == '.' || at[1] == 0))
			return false;
	}
	return true;
}

/* One tag, without its braces. */
static void add_tag(const struct rendering *rendering, const char *tag, size_t size)
{
	char path[TAG_BYTES_MAX + 1];

	while (size > 0 && *tag == ' ') {
		tag++;
		size--;
	}
	while (size > 0 && tag[size - 1] == ' ')
		size--;
	if (size > 0 && strchr("#^/>&!={", *tag) != NULL) {
		faults_add_as(rendering->faults, "unsupported", rendering->pointer, "unsupported",
			      "sections, partials, comments and raw values come with a later version; only "
			      "{{path}} is "
			      "filled in");
		return;
	}
	if (size > TAG_BYTES_MAX) {
		faults_add(rendering->faults, rendering->pointer, "range", "a tag has at most %d bytes",
			   TAG_BYTES_MAX);
		return;
	}
	memcpy(path, tag, size);
	path[size] = 0;
	if (!path_is_good(path)) {
		faults_add(rendering->faults, rendering->pointer, "syntax",
			   "a tag is {{path.to.value}}: letters, digits, - and _, with dots between");
		return;
	}
	add_value(rendering, path, lookup(rendering->facts, path));
}

bool template_render(const char *source, enum template_place place, const struct template_facts *facts,
		     const char *pointer, struct herald_builder *builder, struct faults *faults)
{
	const struct rendering rendering = {
		.place = place, .facts = facts, .pointer = pointer, .builder = builder, .faults = faults};
	size_t before = faults->count;

	for (const char *at = source; place == TEMPLATE_LINE && *at != 0; at++) {
		if ((unsigned char)*at < 0x20 || *at == 0x7f) {
			faults_add(faults, pointer, "range",
				   "a control character (a line end, for one) may not stand here");
			return false;
		}
	}
	while (*source != 0) {
		const char *open = strstr(source, "{{"), *close;

		if (open == NULL) {
			herald_add(builder, source);
			break;
		}
		herald_add_bytes(builder, source, (size_t)(open - source));
		close = strstr(open + 2, "}}");
		if (close == NULL) {
			faults_add(faults, pointer, "syntax", "a {{ has no }}");
			break;
		}
		add_tag(&rendering, open + 2, (size_t)(close - open - 2));
		if (faults->count > before + FAULTS_MAX)
			break;
		source = close + 2;
	}
	return faults->count == before;
}

/* Which handler a request belongs to.  The raw path is split at '/', and each segment is percent-decoded
 * once: a decoded '/' or '..' is data inside a parameter and nothing anywhere else.  One normal form, matched
 * against one table. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "http/private.h"
#include "base/check.h"

enum { SEGMENTS_MAX = 8 };

struct target_path {
	const char *segments[SEGMENTS_MAX];
	size_t count;
	bool is_bad,
		is_long; /* a bad escape, a control byte or bad UTF-8; too many segments: no such route */
};

static int hex(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	if (digit >= 'a' && digit <= 'f')
		return digit - 'a' + 10;
	if (digit >= 'A' && digit <= 'F')
		return digit - 'A' + 10;
	return -1;
}

/* NULL: not decodable, a control byte, or not UTF-8.  blank_plus: '+' is a blank (query strings). */
static const char *decode(struct arena *arena, const char *text, size_t size, bool blank_plus)
{
	char *out = arena_alloc(arena, size + 1);
	size_t used = 0;

	for (size_t i = 0; i < size; i++) {
		char byte = text[i];

		if (byte == '%') {
			int high = i + 2 < size ? hex(text[i + 1]) : -1;
			int low = i + 2 < size ? hex(text[i + 2]) : -1;

			if (high < 0 || low < 0)
				return NULL;
			byte = (char)(high * 16 + low);
			i += 2;
		} else if (byte == '+' && blank_plus) {
			byte = ' ';
		}
		if ((unsigned char)byte < 0x20 || byte == 0x7f)
			return NULL;
		out[used++] = byte;
	}
	return herald_utf8_valid(out, used) ? out : NULL;
}

static void split(struct request *request, struct target_path *path)
{
	const char *at = request->raw;
	size_t length = strcspn(at, "?");
	const char *end = at + length;

	*path = (struct target_path){.count = 0};
	if (*at != '/') { /* absolute form and `*` are not for us */
		path->is_bad = true;
		return;
	}
	while (at < end) {
		size_t size = strcspn(at + 1, "/?");

		if (path->count == SEGMENTS_MAX) {
			path->is_long = true;
			return;
		}
		path->segments[path->count] = decode(request->arena, at + 1, size, false);
		if (path->segments[path->count++] == NULL)
			path->is_bad = true;
		at += size + 1;
	}
}

/* Does the pattern take this path?  Fills params of the request when it does. */
static bool matches(const char *pattern, const struct target_path *path,
		    const char *params[REQUEST_PARAMS_MAX])
{
	size_t index = 0, count = 0;

	while (*pattern == '/') {
		size_t size = strcspn(pattern + 1, "/");
		const char *segment = index < path->count ? path->segments[index] : NULL;

		if (segment == NULL)
			return false;
		if (pattern[1] == '{') {
			if (*segment == 0)
				return false;
			params[count++] = segment;
		} else if (strlen(segment) != size || memcmp(segment, pattern + 1, size) != 0) {
			return false;
		}
		pattern += size + 1;
		index++;
	}
	return index == path->count;
}

static bool word_is_in(const char *words, const char *word)
{
	size_t size = strlen(word);

	while (words != NULL && *words != 0) {
		size_t length = strcspn(words, " ");

		if (length == size && memcmp(words, word, size) == 0)
			return true;
		words += length + (words[length] == ' ');
	}
	return false;
}

static void read_query(struct request *request)
{
	const char *at = strchr(request->raw, '?');

	at = at ? at + 1 : "";
	while (*at != 0) {
		size_t size = strcspn(at, "&"), name_size = strcspn(at, "=&");
		const char *name = decode(request->arena, at, name_size, true);
		const char *value = name_size < size ? decode(request->arena, at + name_size + 1,
							      size - name_size - 1, true)
						     : "";
		char pointer[96];

		if (name == NULL || value == NULL) {
			answer_problem(request, PROBLEM_malformed_request, "the query is not well formed");
			return;
		}
		snprintf(pointer, sizeof(pointer), "?%.64s", name);
		text_mend_utf8(pointer);
		if (!word_is_in(request->route->query, name))
			faults_add(&request->faults, pointer, "unknown",
				   "there is no such parameter here; known are: %s",
				   request->route->query ? request->route->query : "none");
		else if (*request_query(request, name) != 0 || request->query_count == REQUEST_QUERY_MAX)
			faults_add(&request->faults, pointer, "duplicate", "is there more than once");
		else
			request->query[request->query_count++] =
				(struct herald_field){.name = name, .value = value};
		at += size + (at[size] == '&');
	}
	if (faults_any(&request->faults))
		answer_faults(request);
}

void route_find(struct request *request, const char *method)
{
	struct target_path path;
	char allowed[128] = "";
	size_t used = 0;

	split(request, &path);
	if (path.is_bad) {
		answer_problem(request, PROBLEM_malformed_request, "the path is not well formed");
		return;
	}
	for (size_t i = 0; i < route_count && !path.is_long; i++) {
		const char *params[REQUEST_PARAMS_MAX] = {NULL};

		if (!matches(routes[i].path, &path, params))
			continue;
		if (strcmp(routes[i].method, method) == 0 ||
		    (strcmp(method, "HEAD") == 0 && strcmp(routes[i].method, "GET") == 0)) {
			request->route = &routes[i];
			memcpy(request->params, params, sizeof(params));
			read_query(request);
			return;
		}
		used += (size_t)snprintf(allowed + used, sizeof(allowed) - used, "%s%s%s", used ? ", " : "",
					 routes[i].method,
					 strcmp(routes[i].method, "GET") == 0 ? ", HEAD" : "");
	}
	if (used == 0) {
		answer_problem(request, PROBLEM_not_found, "there is no such resource");
		return;
	}
	answer_header(request, "Allow", allowed);
	answer_problem(request, PROBLEM_method_not_allowed, "this resource takes %s", allowed);
}

/* exchange.c - what every service does with a request before it becomes particular: segments, parameters,
 * JSON, and refusals in the services' own envelope. */
#include "exchange.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/check.h"

static int hex_value(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	if (digit >= 'a' && digit <= 'f')
		return digit - 'a' + 10;
	if (digit >= 'A' && digit <= 'F')
		return digit - 'A' + 10;
	return -1;
}

/* %XX, and '+' as a blank in forms; a broken escape stays as it is. */
static const char *decode(struct arena *arena, const char *text, size_t size, bool is_form)
{
	char *decoded = arena_alloc(arena, size + 1);
	size_t length = 0;

	for (size_t i = 0; i < size; i++) {
		if (text[i] == '%' && i + 2 < size && hex_value(text[i + 1]) >= 0 &&
		    hex_value(text[i + 2]) >= 0) {
			char byte = (char)(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
			decoded[length++] = byte ? byte : '?';
			i += 2;
		} else {
			decoded[length++] = is_form && text[i] == '+' ? ' ' : text[i];
		}
	}
	decoded[length] = '\0';
	return decoded;
}

enum herald_code exchange_init(struct exchange *exchange, struct arena *arena, const char *target,
			       struct herald_error *err)
{
	*exchange = (struct exchange){.arena = arena, .target = arena_text(arena, target), .query = ""};
	herald_builder_init(&exchange->body, EXCHANGE_BODY_BYTES_MAX);
	herald_builder_init(&exchange->answer, EXCHANGE_ANSWER_BYTES_MAX);
	size_t path_size = strcspn(exchange->target, "?");
	if (exchange->target[path_size] == '?')
		exchange->query = exchange->target + path_size + 1;
	const char *end = exchange->target + path_size;
	for (const char *at = exchange->target; at < end;) {
		at++; /* the slash */
		size_t size = strcspn(at, "/?");
		if (at >= end && size == 0)
			break;
		if (exchange->segment_count == EXCHANGE_SEGMENTS_MAX)
			return herald_fail(err, HERALD_INVALID, "the path has more than %d segments",
					   EXCHANGE_SEGMENTS_MAX);
		exchange->segment[exchange->segment_count++] = decode(arena, at, size, false);
		at += size;
	}
	return HERALD_OK;
}

void exchange_done(struct exchange *exchange)
{
	herald_builder_done(&exchange->body);
	herald_builder_done(&exchange->answer);
}

static const char *parameter(const struct exchange *exchange, const char *text, const char *name,
			     bool is_form)
{
	size_t name_size = strlen(name);

	while (*text) {
		size_t size = strcspn(text, "&");
		size_t key_size = strcspn(text, "=&");
		if (key_size == name_size && memcmp(text, name, name_size) == 0) {
			const char *value = key_size < size ? text + key_size + 1 : "";
			return decode(exchange->arena, value, key_size < size ? size - key_size - 1 : 0,
				      is_form);
		}
		text += size;
		text += *text == '&';
	}
	return "";
}

const char *exchange_query(const struct exchange *exchange, const char *name)
{
	return parameter(exchange, exchange->query, name, true);
}

const char *exchange_form(const struct exchange *exchange, const char *name)
{
	return parameter(exchange, exchange->body.data, name, true);
}

bool exchange_is(const struct exchange *exchange, const char *method, const char *const *path)
{
	size_t i = 0;

	if (strcmp(exchange->method, method) != 0)
		return false;
	for (; path[i]; i++)
		if (i >= exchange->segment_count ||
		    (strcmp(path[i], "*") != 0 && strcmp(path[i], exchange->segment[i]) != 0))
			return false;
	return i == exchange->segment_count;
}

void exchange_answer(struct exchange *exchange, unsigned status)
{
	CHECK(exchange->status == 0);
	exchange->status = status;
	if (exchange->answer.code != HERALD_OK) {
		herald_builder_clear(&exchange->answer);
		exchange->status = 500;
	}
}

void exchange_refuse(struct exchange *exchange, unsigned status, const char *code, const char *format, ...)
{
	char text[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	herald_builder_clear(&exchange->answer);
	herald_add(&exchange->answer, "{\"error\":{\"code\":");
	herald_add_json(&exchange->answer, code);
	herald_add(&exchange->answer, ",\"message\":");
	herald_add_json(&exchange->answer, text);
	herald_add(&exchange->answer, "}}");
	exchange_answer(exchange, status);
}

void exchange_answer_json(struct exchange *exchange, unsigned status, json_t *tree)
{
	json_write(tree, &exchange->answer);
	json_decref(tree);
	exchange_answer(exchange, status);
}

json_t *exchange_json(struct exchange *exchange)
{
	static const char TYPE[] = "application/json";
	struct json_fault fault = {.trouble = JSON_FINE};
	const char *type = exchange->header(exchange, "Content-Type");

	if (!type || strncasecmp(type, TYPE, sizeof(TYPE) - 1) != 0 ||
	    !strchr("; \t", type[sizeof(TYPE) - 1])) {
		exchange_refuse(exchange, 415, "UnsupportedMediaType",
				"Content-Type must be application/json, not %.60s", type ? type : "absent");
		return NULL;
	}
	json_t *tree = json_read(exchange->body.data, exchange->body.size, &fault);
	if (!tree)
		exchange_refuse(exchange, 400, "BadRequest",
				"the body is not JSON that can be taken: %s (line %u, column %u)", fault.text,
				fault.line, fault.column);
	return tree;
}

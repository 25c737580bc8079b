/* The API's description, made from the tables that the daemon itself runs by: routes, problems, reasons,
 * states. */
#include <string.h>

#include "base/json.h"
#include "http/private.h"
#include "http/resources.h"
#include "model/delivery.h"
#include "model/reason.h"
#include "base/check.h"

static json_t *reference(const char *name)
{
	return json_pack("{s:s}", "$ref", name);
}

static json_t *parameters_of(const struct route *route)
{
	json_t *parameters = json_array();
	const char *at = route->path, *query = route->query;

	while ((at = strchr(at, '{')) != NULL) {
		size_t size = strcspn(at + 1, "}");

		json_array_append_new(parameters,
				      json_pack("{s:s%, s:s, s:b, s:{s:s}}", "name", at + 1, size, "in",
						"path", "required", 1, "schema", "type", "string"));
		at += size;
	}
	while (*query != 0) {
		size_t size = strcspn(query, " ");

		json_array_append_new(parameters, json_pack("{s:s%, s:s, s:{s:s}}", "name", query, size, "in",
							    "query", "schema", "type", "string"));
		query += size + (query[size] == ' ');
	}
	if ((route->flags & ROUTE_IDEMPOTENT) != 0)
		json_array_append_new(parameters, reference("#/components/parameters/IdempotencyKey"));
	return parameters;
}

static const char *success_of(const struct route *route)
{
	if (route->handle == notifications_post || route->handle == delivery_redrive ||
	    route->handle == deliveries_redrive)
		return "202";
	if (route->handle == key_post)
		return "201";
	return strcmp(route->method, "DELETE") == 0 ? "204" : "200";
}

static json_t *operation_of(const struct route *route)
{
	json_t *responses = json_object();
	json_t *operation = json_pack("{s:s, s:s, s:o}", "operationId", route->operation, "summary",
				      route->summary, "parameters", parameters_of(route));

	json_object_set_new(responses, success_of(route), json_pack("{s:s}", "description", route->summary));
	if (strcmp(route->method, "PUT") == 0)
		json_object_set_new(responses, "201",
				    json_pack("{s:s}", "description", "It was not there before"));
	json_object_set_new(responses, "default", reference("#/components/responses/Problem"));
	json_object_set_new(operation, "responses", responses);
	if ((route->flags & (ROUTE_HAS_BODY | ROUTE_BULK)) != 0)
		json_object_set_new(
			operation, "requestBody",
			json_pack("{s:b, s:{s:{s:{s:s}}}}", "required",
				  (route->flags & ROUTE_OPTIONAL_BODY) == 0, "content",
				  (route->flags & ROUTE_BULK) ? "application/x-ndjson" : "application/json",
				  "schema", "type", (route->flags & ROUTE_BULK) ? "string" : "object"));
	json_object_set_new(operation, "security",
			    route->scope == SCOPE_NONE ? json_array() : json_pack("[{s:[]}]", "apiKey"));
	return operation;
}

static json_t *paths(void)
{
	json_t *all = json_object();

	for (size_t i = 0; i < route_count; i++) {
		json_t *path = json_object_get(all, routes[i].path);
		char method[8] = "";

		if (path == NULL) {
			path = json_object();
			json_object_set_new(all, routes[i].path, path);
		}
		for (size_t j = 0; j < sizeof(method) - 1 && routes[i].method[j] != 0; j++)
			method[j] = (char)(routes[i].method[j] + 32);
		json_object_set_new(path, method, operation_of(&routes[i]));
	}
	return all;
}

static json_t *problem_schema(void)
{
	json_t *names = json_array();

	for (int problem = 0; problem < PROBLEM_COUNT; problem++)
		json_array_append_new(names, json_string(problem_name((enum problem)problem)));
	return json_pack(
		"{s:s, s:[s,s,s], s:{s:{s:s,s:s}, s:{s:s}, s:{s:s}, s:{s:s}, s:{s:s}, s:{s:s,s:{s:s}}}, s:o}",
		"type", "object", "required", "type", "title", "status", "properties", "type", "type",
		"string", "format", "uri-reference", "title", "type", "string", "status", "type", "integer",
		"detail", "type", "string", "request_id", "type", "string", "faults", "type", "array",
		"items", "type", "object", "x-names", names);
}

static json_t *enums(void)
{
	json_t *states = json_array(), *reasons = json_array();

	for (int state = DELIVERY_HELD; state <= DELIVERY_STATES; state++)
		json_array_append_new(states, json_string(delivery_state_name((enum delivery_state)state)));
	for (long number = 0; number < REASON_COUNT; number++)
		json_array_append_new(reasons, json_string(reason_name((enum reason)number)));
	return json_pack("{s:o, s:{s:s, s:o}, s:{s:s, s:o}}", "Problem", problem_schema(), "DeliveryState",
			 "type", "string", "enum", states, "Reason", "type", "string", "enum", reasons);
}

void openapi_get(struct request *request)
{
	json_t *components = json_pack(
		"{s:o, s:{s:{s:s, s:s, s:{s:{s:{s:s}}}}}, s:{s:{s:s, s:s}}, s:{s:{s:s, s:s, s:s, s:{s:s, "
		"s:i}}}}",
		"schemas", enums(), "responses", "Problem", "description", "What went wrong, and what to do",
		"x-source", "RFC 9457", "content", "application/problem+json", "schema", "$ref",
		"#/components/schemas/Problem", "securitySchemes", "apiKey", "type", "http", "scheme",
		"bearer", "parameters", "IdempotencyKey", "name", "Idempotency-Key", "in", "header",
		"description", "The same key and body get the first answer again, for 72 hours", "schema",
		"type", "string", "maxLength", IDEMPOTENCY_KEY_BYTES_MAX);

	CHECK(components != NULL);
	answer_tree(request, 200,
		    json_pack("{s:s, s:{s:s, s:s, s:s}, s:o, s:o}", "openapi", "3.1.0", "info", "title",
			      "Herald", "version", "0.1.0", "description",
			      "A notification router: one call, many channels, nothing accepted is lost",
			      "paths", paths(), "components", components));
}

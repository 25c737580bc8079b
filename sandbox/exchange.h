/* exchange.h - one HTTP request and the answer that is being made to it.
 *
 * Everything in it lives in its arena; a service's room reads the upper half and fills the lower with the
 * functions below.  One thread. */
#ifndef SANDBOX_EXCHANGE_H
#define SANDBOX_EXCHANGE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "herald/kit.h"

enum {
	EXCHANGE_BODY_BYTES_MAX = 1024 * 1024,
	EXCHANGE_ANSWER_BYTES_MAX = 64 * 1024 * 1024,
	EXCHANGE_SEGMENTS_MAX = 12
};

struct exchange {
	struct arena *arena;
	int64_t number; /* of the request, as the ledger counts them */
	int64_t now_ms;
	const char *method;
	const char *target;                         /* as it came: path and query, still encoded */
	const char *segment[EXCHANGE_SEGMENTS_MAX]; /* of the path, decoded */
	size_t segment_count;
	const char *query; /* still encoded, without its '?' */
	struct herald_builder body;
	const char *(*header)(const struct exchange *exchange, const char *name); /* NULL: not there */
	void *connection;                                                         /* for header only */

	unsigned status; /* 0: not answered yet */
	struct herald_builder answer;
	const char *location;
	int retry_after_s; /* 0: none */
};

/* target is copied.  INVALID: more segments than anybody has. */
enum herald_code exchange_init(struct exchange *exchange, struct arena *arena, const char *target,
			       struct herald_error *err);
void exchange_done(struct exchange *exchange);

/* The value of a query parameter, decoded, in the arena; "" when it is not there. */
const char *exchange_query(const struct exchange *exchange, const char *name);
/* The same of an application/x-www-form-urlencoded body. */
const char *exchange_form(const struct exchange *exchange, const char *name);

/* Is it method and exactly these segments?  "*" is any; the list ends with NULL. */
bool exchange_is(const struct exchange *exchange, const char *method, const char *const *path);

/* {"error": {"code": ..., "message": ...}}, as Azure's services and the connector write it. */
void exchange_refuse(struct exchange *exchange, unsigned status, const char *code, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
void exchange_answer(struct exchange *exchange, unsigned status); /* the body is in answer */
/* Takes the tree. */
void exchange_answer_json(struct exchange *exchange, unsigned status, json_t *tree);

/* The body as JSON, or NULL and answered: 415 for another type, 400 with line and column. */
json_t *exchange_json(struct exchange *exchange);

#endif

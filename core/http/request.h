/* request.h - one request in the hands of its API thread, and everything that a resource's handler may do
 * with it.
 *
 * A handler reads (params, query, body tree), then either answers or asks something that takes time and names
 * the function that goes on (`next`); in between the connection is suspended and the thread is free.  All
 * memory of a request is in its arena, which ends after the answer was written.  Everything here is for the
 * API thread alone, but request_wake. */
#ifndef HTTP_REQUEST_H
#define HTTP_REQUEST_H

#include <jansson.h>
#include <microhttpd.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/queue.h"
#include "channel/talk.h"
#include "config/config.h"
#include "http/problem.h"
#include "intake/intake.h"
#include "store/ops.h"

struct api_thread;
struct request;

typedef void (*request_step)(struct request *request);

enum scope {
	SCOPE_NONE = 0, /* open to everybody: health, openapi.json */
	SCOPE_SEND = 1u << 0,
	SCOPE_READ = 1u << 1,
	SCOPE_RECIPIENTS = 1u << 2,
	SCOPE_PREFERENCES = 1u << 3,
	SCOPE_CATEGORIES = 1u << 4,
	SCOPE_OPERATE = 1u << 5,
	SCOPE_ADMIN = 1u << 6,
};

enum route_flag {
	ROUTE_HAS_BODY = 1u << 0,   /* JSON, parsed before the handler runs */
	ROUTE_BULK = 1u << 1,       /* NDJSON, handed over as it comes */
	ROUTE_IDEMPOTENT = 1u << 2, /* takes an Idempotency-Key */
	ROUTE_OPTIONAL_BODY = 1u << 3,
	ROUTE_NEW_WORK = 1u << 4, /* refused while draining or overloaded */
	ROUTE_TEXT = 1u << 5,     /* answers plain text */
	ROUTE_HOUSE = 1u << 6,    /* concerns everybody: for keys of the tenant `default` only */
};

/* One row of the route table, from which OpenAPI is made as well. */
struct route {
	const char *method, *path; /* "/v1/recipients/{id}" */
	unsigned scope;            /* enum scope; any of the bits */
	unsigned flags;
	request_step handle;
	const char *query;               /* names of query parameters, separated by blanks; others are 422 */
	const char *operation, *summary; /* OpenAPI's operationId and summary */
};

enum { REQUEST_PARAMS_MAX = 3, REQUEST_HEADERS_MAX = 8, REQUEST_QUERY_MAX = 12 };

struct request {
	struct queue_item item; /* first: in the thread's queue of completions */
	struct api_thread *thread;
	struct MHD_Connection *connection;
	struct arena *arena;
	struct intake *intake; /* the thread's */
	const struct config *config;
	struct store *store;

	const struct route *route;
	const char *raw; /* request target as it came */
	const char *params[REQUEST_PARAMS_MAX];
	struct herald_field query[REQUEST_QUERY_MAX];
	size_t query_count;
	char id[20];                               /* Herald-Request-Id */
	const char *traceparent, *idempotency_key; /* "" */
	int64_t now_ms, began_mono_us, if_match;   /* if_match: -1 none or * */
	bool must_exist;                           /* If-Match: * */
	uint8_t fingerprint[32];

	int64_t tenant;
	const char *tenant_name, *actor;
	unsigned scopes;

	struct herald_builder body;
	size_t body_bytes; /* all that came; of a bulk only the end is still in body */
	json_t *tree;
	struct faults faults;
	void *state;                              /* the handler's own, in the arena */
	void (*cleanup)(struct request *request); /* runs once, when the request ends; NULL: nothing */

	struct request *next_sleeper; /* of the thread's, while paused until wakes_mono_ms */
	int64_t wakes_mono_ms;
	_Atomic int waiting; /* questions without an answer */
	request_step next;
	struct patience *patience;
	bool is_suspended, is_answered, is_refused_early, is_admin_socket, holds_key, is_checked,
		has_doubtful_head;
	bool wants_body,
		has_whole_body; /* ROUTE_BULK: the handler runs again and again while the body comes */

	/* A stream instead of one answer: fills buffer, answers how much; 0: nothing now, -1: the end. */
	ssize_t (*stream)(struct request *request, char *buffer, size_t size);

	unsigned status;
	const char *content_type;
	struct herald_text answer;
	struct herald_field headers[REQUEST_HEADERS_MAX];
	size_t header_count;
};

/* --- asking --- */

/* Submit an operation (verb, tenant, texts filled); next runs on this thread when all that was asked is
 * answered.  The operation's arena, now_ms, audit actor and done are filled here. */
void request_submit(struct request *request, struct store_op *op, request_step next);
/* The same with the request's Idempotency-Key on it: answer and status are what a replay will get. */
void request_submit_once(struct request *request, struct store_op *op, unsigned status,
			 struct herald_text answer, request_step next);
void request_check(struct request *request, struct talk_check *check, request_step next);
/* Run next after so many milliseconds, 0: when everybody else of the thread had a turn. */
void request_pause(struct request *request, int ms, request_step next);
/* The front is about to stop: do not wait for anything that may be long. */
bool request_is_last(const struct request *request);
/* Any thread: one of the questions is answered. */
void request_wake(struct request *request);

/* --- answering: once --- */

void answer_json(struct request *request, unsigned status, const json_t *tree);
void answer_tree(struct request *request, unsigned status, json_t *tree); /* takes the tree */
void answer_text(struct request *request, unsigned status, const char *content_type, struct herald_text text);
void answer_nothing(struct request *request); /* 204 */
/* 200, and from then on what stream gives, looked at again about every 250 ms, until it ends or the daemon
 * drains. */
void answer_stream(struct request *request, const char *content_type,
		   ssize_t (*stream)(struct request *request, char *buffer, size_t size));
void answer_header(struct request *request, const char *name, const char *value); /* before the answer */
void answer_etag(struct request *request, int64_t version);
void answer_problem(struct request *request, enum problem kind, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* 422 (or what the faults are named after) with all of request->faults. */
void answer_faults(struct request *request);
/* The same as values, for one line of a bulk. */
json_t *problem_tree(struct request *request, enum problem problem, const char *detail,
		     const struct faults *faults);
void faults_detail(const struct faults *faults, char *ret_text, size_t size);
enum problem problem_of_code(enum herald_code code);
enum problem problem_of_health(const struct store_health *health);
const char *code_detail(enum herald_code code, const struct herald_error *err);

/* What the store's or the intake's code means to a caller.  OK is a defect. */
void answer_code(struct request *request, enum herald_code code, const struct herald_error *err);
/* The answer of an operation that is not OK, a replay included.  False: it went well, go on. */
bool answer_op_trouble(struct request *request, const struct store_op *op);
/* 503 and 429 carry Retry-After: seconds, jittered by a fifth. */
void answer_retry_after(struct request *request, unsigned seconds);

/* --- reading --- */

const char *request_query(const struct request *request, const char *name); /* "" when absent */
/* limit and after; a fault otherwise. */
bool request_page(struct request *request, uint32_t *ret_limit, const char **ret_after);
/* after as a number; a fault otherwise. */
int64_t request_after_number(struct request *request);
bool request_instant(struct request *request, const char *name,
		     int64_t *ret_ms);           /* absent: untouched, true */
bool request_is_faulty(struct request *request); /* answers the faults when there are any */

/* A page of items with its cursor ("" none): takes items. */
void answer_page(struct request *request, json_t *items, const char *next);

#endif

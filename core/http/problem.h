/* problem.h - every way a request can fail, in one table: RFC 9457 problems by name. */
#ifndef HTTP_PROBLEM_H
#define HTTP_PROBLEM_H

#include <stdint.h>

/* name, status, title */
#define PROBLEM_TABLE(X)                                                                      \
	X(malformed_request, 400, "The request is not well formed")                           \
	X(malformed_json, 400, "The body is not JSON")                                        \
	X(duplicate_key, 400, "The body has a key twice")                                     \
	X(not_utf8, 400, "The request is not UTF-8")                                          \
	X(too_deep, 400, "The body is nested too deeply or has too many values")              \
	X(no_key, 401, "An API key is needed")                                                \
	X(unknown_key, 401, "The API key is not known")                                       \
	X(expired_key, 401, "The API key has expired")                                        \
	X(scope_missing, 403, "The API key may not do this")                                  \
	X(tenant_disabled, 403, "The tenant does not exist or is disabled")                   \
	X(not_found, 404, "There is nothing here")                                            \
	X(method_not_allowed, 405, "This method is not for this resource")                    \
	X(not_acceptable, 406, "No answer in a form that would be accepted")                  \
	X(conflict, 409, "Something else stands in the way")                                  \
	X(idempotency_in_flight, 409, "The first request with this key is still running")     \
	X(too_late, 409, "It is too late for that")                                           \
	X(length_required, 411, "The length of the body is needed")                           \
	X(changed_meanwhile, 412, "It was changed meanwhile")                                 \
	X(too_large, 413, "The body is too large")                                            \
	X(uri_too_long, 414, "The request line is too long")                                  \
	X(media_type, 415, "The body is of a kind that is not read here")                     \
	X(invalid, 422, "The request is understood and is wrong")                             \
	X(unsupported, 422, "The request asks for something that this version does not have") \
	X(idempotency_mismatch, 422, "The key was used for another request")                  \
	X(unknown_category, 422, "The category does not exist")                               \
	X(unknown_channel, 422, "The channel does not exist")                                 \
	X(content_missing, 422, "There is nothing to say")                                    \
	X(rate_limited, 429, "Too many requests with this key")                               \
	X(headers_too_large, 431, "The header fields are too large or too many")              \
	X(internal, 500, "A fault of ours")                                                   \
	X(overloaded, 503, "It cannot be done just now")                                      \
	X(store_full, 503, "The disk is full")                                                \
	X(store_unavailable, 503, "The store cannot be written now")                          \
	X(draining, 503, "The daemon is going down")

enum problem {
#define X(name, status, title) PROBLEM_##name,
	PROBLEM_TABLE(X)
#undef X
		PROBLEM_COUNT
};

const char *problem_name(enum problem problem);
const char *problem_title(enum problem problem);
unsigned problem_status(enum problem problem);
/* By name; `invalid` for a name that is not in the table. */
enum problem problem_find(const char *name);

#endif

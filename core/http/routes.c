/* The table of routes: what is where, who may, what it takes.  docs/api/openapi.yaml is made from it. */
#include "http/private.h"
#include "http/resources.h"

#include "base/check.h"

const struct route routes[] = {
	{"POST", "/v1/notifications", SCOPE_SEND, ROUTE_HAS_BODY | ROUTE_IDEMPOTENT | ROUTE_NEW_WORK,
	 notifications_post, "", "sendNotification", "Make something known to somebody"},
	{"POST", "/v1/explain", SCOPE_READ, ROUTE_HAS_BODY, explain_post, "", "explain",
	 "The plan of a notification, sending nothing"},
	{"GET", "/healthz", SCOPE_NONE, 0, healthz_get, "", "alive", "Is the daemon alive"},
	{"GET", "/readyz", SCOPE_NONE, 0, readyz_get, "", "ready", "Does the daemon take work"},
	{"GET", "/metrics", SCOPE_NONE, 0, metrics_get, "", "metrics", "Figures for Prometheus"},
};

const size_t route_count = countof(routes);

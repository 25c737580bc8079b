/* resources.h - the handlers behind the route table, one file per resource.  Each answers, or asks and names
 * its next step; see request.h. */
#ifndef HTTP_RESOURCES_H
#define HTTP_RESOURCES_H

#include "http/request.h"

void notifications_post(struct request *request);
void explain_post(struct request *request);
void healthz_get(struct request *request);
void readyz_get(struct request *request);
void metrics_get(struct request *request);

#endif

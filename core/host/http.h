/* http.h - requests of a plugin, from the call that makes one to the answer that classify or step reads. */
#ifndef HOST_HTTP_H
#define HOST_HTTP_H

#include "host/private.h"

/* The host services of these names. */
enum herald_code http_send(struct herald_ticket *const *tickets, size_t count,
			   const struct herald_http_request *request, struct herald_error *err);
enum herald_code http_call(struct herald_channel *channel, struct herald_ticket *ticket,
			   const struct herald_http_request *request,
			   const struct herald_http_reply **ret_reply, struct herald_error *err);

#endif

#include "host/http.h"

#include "herald/kit.h"
#include "base/check.h"

enum herald_code http_send(struct herald_ticket *const *tickets, size_t count,
			   const struct herald_http_request *request, struct herald_error *err)
{
	(void)tickets, (void)count, (void)request;
	return herald_fail(err, HERALD_UNSUPPORTED, "no HTTP client yet");
}

enum herald_code http_call(struct herald_channel *channel, struct herald_ticket *ticket,
			   const struct herald_http_request *request,
			   const struct herald_http_reply **ret_reply, struct herald_error *err)
{
	(void)channel, (void)ticket, (void)request, (void)ret_reply;
	return herald_fail(err, HERALD_UNSUPPORTED, "no HTTP client yet");
}

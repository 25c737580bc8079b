/* layout.c - where each field of the border stands and how big it is, one line each.  Compiled twice: against
 * the frozen headers of 1.0 and against today's.  Every line of the first must be a line of the second. */
#include <stdio.h>

#include "herald/channel.h"

#define FIELD(type, field)                                                                      \
	printf("struct %s.%s at %zu, %zu bytes\n", #type, #field, offsetof(struct type, field), \
	       sizeof(((struct type *)0)->field))
#define VALUE(name) printf("%s is %ld\n", #name, (long)(name))

static void message(void)
{
	FIELD(herald_text, data), FIELD(herald_text, size);
	FIELD(herald_field, name), FIELD(herald_field, value);
	FIELD(herald_part, media_type), FIELD(herald_part, name), FIELD(herald_part, content_id);
	FIELD(herald_part, body);
	FIELD(herald_message, struct_size), FIELD(herald_message, delivery_id), FIELD(herald_message, tenant);
	FIELD(herald_message, category), FIELD(herald_message, recipient),
		FIELD(herald_message, correlation_id);
	FIELD(herald_message, traceparent), FIELD(herald_message, attempt), FIELD(herald_message, priority);
	FIELD(herald_message, first_attempt_at_ms), FIELD(herald_message, expires_at_ms);
	FIELD(herald_message, address), FIELD(herald_message, memory), FIELD(herald_message, name);
	FIELD(herald_message, locale), FIELD(herald_message, subject), FIELD(herald_message, text);
	FIELD(herald_message, html), FIELD(herald_message, card), FIELD(herald_message, json);
	FIELD(herald_message, reply_to), FIELD(herald_message, from_name), FIELD(herald_message, headers);
	FIELD(herald_message, header_count), FIELD(herald_message, parts), FIELD(herald_message, part_count);
	FIELD(herald_message, part_size);
}

static void outcome(void)
{
	FIELD(herald_error, code), FIELD(herald_error, text);
	FIELD(herald_outcome, struct_size), FIELD(herald_outcome, verdict),
		FIELD(herald_outcome, retry_after_ms);
	FIELD(herald_outcome, status), FIELD(herald_outcome, provider_ref), FIELD(herald_outcome, reason);
	FIELD(herald_notice, struct_size), FIELD(herald_notice, kind), FIELD(herald_notice, at_ms);
	FIELD(herald_notice, event_id), FIELD(herald_notice, delivery_id), FIELD(herald_notice, provider_ref);
	FIELD(herald_notice, address), FIELD(herald_notice, outcome), FIELD(herald_notice, text);
	FIELD(herald_notice, data), FIELD(herald_notice, memory);
	FIELD(herald_option, name), FIELD(herald_option, type), FIELD(herald_option, flags);
	FIELD(herald_option, offset), FIELD(herald_option, fallback), FIELD(herald_option, least);
	FIELD(herald_option, most), FIELD(herald_option, one_of), FIELD(herald_option, help);
}

static void http(void)
{
	FIELD(herald_job, message), FIELD(herald_job, ticket);
	FIELD(herald_token, struct_size), FIELD(herald_token, url), FIELD(herald_token, client_id);
	FIELD(herald_token, scope), FIELD(herald_token, client_secret);
	FIELD(herald_http_request, struct_size), FIELD(herald_http_request, method);
	FIELD(herald_http_request, url), FIELD(herald_http_request, headers);
	FIELD(herald_http_request, header_count), FIELD(herald_http_request, body);
	FIELD(herald_http_request, timeout), FIELD(herald_http_request, token);
	FIELD(herald_http_request, stage), FIELD(herald_http_request, flags);
	FIELD(herald_http_reply, struct_size), FIELD(herald_http_reply, failure),
		FIELD(herald_http_reply, status);
	FIELD(herald_http_reply, headers), FIELD(herald_http_reply, header_count),
		FIELD(herald_http_reply, body);
	FIELD(herald_http_reply, retry_after_ms), FIELD(herald_http_reply, stage),
		FIELD(herald_http_reply, error);
	FIELD(herald_http_inbound, struct_size), FIELD(herald_http_inbound, method);
	FIELD(herald_http_inbound, path), FIELD(herald_http_inbound, query), FIELD(herald_http_inbound, peer);
	FIELD(herald_http_inbound, headers), FIELD(herald_http_inbound, header_count);
	FIELD(herald_http_inbound, body);
	FIELD(herald_inbox, struct_size), FIELD(herald_inbox, add), FIELD(herald_inbox, answer);
}

static void tables(void)
{
	FIELD(herald_host, struct_size), FIELD(herald_host, abi), FIELD(herald_host, now_ms);
	FIELD(herald_host, log), FIELD(herald_host, complete), FIELD(herald_host, http_send);
	FIELD(herald_host, on_wire), FIELD(herald_host, http_call), FIELD(herald_host, key);
	FIELD(herald_host, store_address), FIELD(herald_host, classify_http);
	FIELD(herald_meter, name), FIELD(herald_meter, help), FIELD(herald_meter, is_counter);
	FIELD(herald_plugin, struct_size), FIELD(herald_plugin, abi), FIELD(herald_plugin, flags);
	FIELD(herald_plugin, name), FIELD(herald_plugin, version), FIELD(herald_plugin, summary);
	FIELD(herald_plugin, kind), FIELD(herald_plugin, options), FIELD(herald_plugin, option_count);
	FIELD(herald_plugin, option_size), FIELD(herald_plugin, config_size), FIELD(herald_plugin, meters);
	FIELD(herald_plugin, meter_count), FIELD(herald_plugin, meter_size), FIELD(herald_plugin, batch_max);
	FIELD(herald_plugin, batch_by), FIELD(herald_plugin, idempotent_ms), FIELD(herald_plugin, open);
	FIELD(herald_plugin, close), FIELD(herald_plugin, send), FIELD(herald_plugin, send_batch);
	FIELD(herald_plugin, classify), FIELD(herald_plugin, step), FIELD(herald_plugin, check_address);
	FIELD(herald_plugin, destination), FIELD(herald_plugin, receive), FIELD(herald_plugin, telemetry);
}

static void values(void)
{
	VALUE(HERALD_OK), VALUE(HERALD_INVALID), VALUE(HERALD_NOT_FOUND), VALUE(HERALD_CONFLICT);
	VALUE(HERALD_DENIED), VALUE(HERALD_LIMIT), VALUE(HERALD_BUSY), VALUE(HERALD_TIMEOUT);
	VALUE(HERALD_UNCERTAIN_WRITE), VALUE(HERALD_IO), VALUE(HERALD_CORRUPT), VALUE(HERALD_UNSUPPORTED);
	VALUE(HERALD_BUG);
	VALUE(HERALD_DELIVERED), VALUE(HERALD_SENT), VALUE(HERALD_DEFERRED), VALUE(HERALD_THROTTLED);
	VALUE(HERALD_REJECTED), VALUE(HERALD_UNREACHABLE), VALUE(HERALD_UNCERTAIN),
		VALUE(HERALD_MISCONFIGURED);
	VALUE(HERALD_NOW), VALUE(HERALD_LATER), VALUE(HERALD_BLOCKING), VALUE(HERALD_SERIAL);
	VALUE(HERALD_BATCH_ANY), VALUE(HERALD_BATCH_DESTINATION), VALUE(HERALD_BATCH_CONTENT);
	VALUE(HERALD_HTTP_PREPARES), VALUE(HERALD_HTTP_ANSWERED), VALUE(HERALD_HTTP_NOT_SENT);
	VALUE(HERALD_HTTP_LOST), VALUE(HERALD_HTTP_TOKEN);
	VALUE(HERALD_OPTION_TEXT), VALUE(HERALD_OPTION_BOOL), VALUE(HERALD_OPTION_INT);
	VALUE(HERALD_OPTION_DURATION), VALUE(HERALD_OPTION_SIZE), VALUE(HERALD_OPTION_SECRET);
	VALUE(HERALD_OPTION_LIST), VALUE(HERALD_REQUIRED), VALUE(HERALD_RELOADABLE), VALUE(HERALD_RETIRED);
	VALUE(HERALD_BULK), VALUE(HERALD_NORMAL), VALUE(HERALD_HIGH), VALUE(HERALD_CRITICAL);
	VALUE(HERALD_DEBUG), VALUE(HERALD_INFO), VALUE(HERALD_NOTICE), VALUE(HERALD_WARNING),
		VALUE(HERALD_FAULT);
	VALUE(HERALD_NOTICE_RECEIPT), VALUE(HERALD_NOTICE_OPENED), VALUE(HERALD_NOTICE_CLICKED);
	VALUE(HERALD_NOTICE_REPLIED), VALUE(HERALD_NOTICE_ACKNOWLEDGED), VALUE(HERALD_NOTICE_DISMISSED);
	VALUE(HERALD_NOTICE_OPTED_OUT), VALUE(HERALD_NOTICE_OPTED_IN), VALUE(HERALD_NOTICE_ASKED_HELP);
	VALUE(HERALD_NOTICE_ADDRESS_LEARNED), VALUE(HERALD_NOTICE_ADDRESS_GONE);
}

int main(void)
{
	message();
	outcome();
	http();
	tables();
	values();
	return 0;
}

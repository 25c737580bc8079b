/* fake_host.h - a host without network or clock: it keeps the requests that a plugin makes, hands it canned
 * answers the way the real host does (classify, then step), and keeps the outcomes.
 *
 * One thread, one plugin instance at a time. */
#ifndef FAKE_HOST_H
#define FAKE_HOST_H

#include <stdbool.h>
#include <stddef.h>

#include "fake_message.h"
#include "herald/channel.h"

enum { FAKE_TICKETS_MAX = 256, FAKE_REQUESTS_MAX = 512, FAKE_HEADERS_MAX = 16 };

struct fake_host;

/* An option as an operator would write it; a list is separated by commas.  The table's fallbacks fill the
 * rest. */
struct fake_setting {
	const char *name, *value;
};

/* Opens the plugin.  NULL: it refused; err says why. */
struct fake_host *fake_host_new(const struct herald_plugin *plugin, const struct fake_setting *settings,
				size_t setting_count, struct herald_error *err);
void fake_host_free(struct fake_host *fake); /* closes the plugin; NULL is fine */

void fake_set_now(struct fake_host *fake, int64_t now_ms);
void *fake_self(struct fake_host *fake);

/* Send one message (plugins with send) or several at once (send_batch).  Returns the first ticket's number;
 * the others follow.  The messages are lent until the host is freed. */
size_t fake_send(struct fake_host *fake, const struct herald_message *messages, size_t count);

/* From now on http_send for this ticket (or the next one to come) fails with that code. */
void fake_take_back(struct fake_host *fake, size_t ticket);
void fake_refuse_requests(struct fake_host *fake, enum herald_code code); /* all; HERALD_OK: none */
void fake_refuse_memory(struct fake_host *fake, enum herald_code code);

struct fake_request {
	char *method, *url, *body;
	struct herald_field headers[FAKE_HEADERS_MAX];
	size_t header_count;
	struct {
		char url[512], client_id[128], client_secret[128], scope[256];
	} token;
	bool has_token;
	int64_t timeout_ms;
	uint32_t stage, flags;
	size_t tickets[FAKE_TICKETS_MAX], ticket_count;
};

size_t fake_request_count(const struct fake_host *fake);
const struct fake_request *fake_request(const struct fake_host *fake, size_t at);
const char *fake_header(const struct fake_request *request, const char *name); /* NULL: not there */

struct fake_answer {
	uint32_t failure;
	int status;
	const char *body, *error;
	int64_t retry_after_ms;
};

/* Answer request `at`. */
void fake_answer(struct fake_host *fake, size_t at, struct fake_answer answer);

/* How the ticket was spent; NULL: not yet. */
const struct herald_outcome *fake_outcome(const struct fake_host *fake, size_t ticket);
/* What store_address kept last for the ticket; "" if nothing. */
const char *fake_memory(const struct fake_host *fake, size_t ticket);
/* Tickets that were spent more than once: a plugin's defect. */
size_t fake_spent_twice(const struct fake_host *fake);

/* Append every request so far, one JSON object a line: {"service","method","url","headers","body"}. */
bool fake_record(const struct fake_host *fake, const char *service, const char *path);

#endif

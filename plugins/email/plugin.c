/* plugin.c - the e-mail channel: what Herald sees of it.
 *
 *	plugin.c	the table, open and close
 *	settings	options, checked
 *	batch		tickets in, outcomes out
 *	mime		the message: header, body; mailbox: the address
 *	session		the dialogue: session_esmtp, session_curl; deadline ends what takes too long
 *	reply, verdict	what was said, what it means
 *
 * Invariant: no state but the instance's; the only thing that worker threads write are its atomic figures. */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "batch.h"
#include "herald/channel.h"
#include "herald/kit.h"
#include "mailbox.h"
#include "settings.h"

enum { BATCH_MAX = 100 };

struct email {
	struct settings settings;
	struct batch_figures figures;
	struct batch_context context;
};

static enum herald_code email_open(const struct herald_host *host, struct herald_channel *channel,
				   const void *config, void **ret_self, struct herald_error *err)
{
	struct email *email = calloc(1, sizeof(*email));
	enum herald_code code;

	if (!email)
		return herald_fail(err, HERALD_LIMIT, "out of memory");
	code = settings_read(config, &email->settings, err);
	if (code == HERALD_OK && curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		code = herald_fail(err, HERALD_IO, "libcurl does not start");
	if (code == HERALD_OK) {
		code = deadline_keeper_new(&email->settings.session.keeper, err);
		if (code != HERALD_OK)
			curl_global_cleanup();
	}
	if (code != HERALD_OK) {
		free(email);
		return code;
	}
	email->context = (struct batch_context){host, &email->settings, &email->figures};
	if (email->settings.session.security == SESSION_PLAIN && email->settings.session.is_trusted) {
		const struct herald_field fields[] = {{"relay", email->settings.session.host.text}};

		host->log(channel, HERALD_NOTICE, "email.plain_text", fields, 1);
	}
	*ret_self = email;
	return HERALD_OK;
}

static void email_close(void *self)
{
	struct email *email = self;

	deadline_keeper_free(email->settings.session.keeper);
	curl_global_cleanup();
	free(email);
}

static void email_send_batch(void *self, const struct herald_job *const *jobs, size_t count)
{
	const struct email *email = self;

	batch_send(&email->context, jobs, count);
}

static enum herald_code email_check_address(void *self, const char *address, char *ret_canonical, size_t size,
					    struct herald_error *err)
{
	struct mailbox mailbox;
	enum herald_code code = mailbox_read(address, &mailbox, err);

	(void)self;
	if (code != HERALD_OK)
		return code;
	if (strlen(mailbox.text) >= size)
		return herald_fail(err, HERALD_LIMIT, "an address of %zu characters does not fit",
				   strlen(mailbox.text));
	memcpy(ret_canonical, mailbox.text, strlen(mailbox.text) + 1);
	return HERALD_OK;
}

/* All mail goes to one relay, whose patience is what is shared. */
static void email_destination(void *self, const char *address, struct herald_text memory, char *ret_name,
			      size_t size)
{
	const struct email *email = self;

	(void)address, (void)memory;
	snprintf(ret_name, size, "%s", email->settings.session.host.text);
}

static const struct herald_meter meters[] = {
	{"sessions", "Connections to the relay.", 1},
	{"tls_sessions", "Connections to the relay that began TLS.", 1},
	{"messages", "Messages that the relay took over.", 1},
	{"message_bytes", "Bytes of messages handed over, also of those that were refused.", 1},
};

static void email_telemetry(void *self, double *values)
{
	struct email *email = self;

	values[0] = (double)atomic_load(&email->figures.sessions);
	values[1] = (double)atomic_load(&email->figures.tls_sessions);
	values[2] = (double)atomic_load(&email->figures.messages);
	values[3] = (double)atomic_load(&email->figures.bytes);
}

static const struct herald_plugin plugin = {
	.struct_size = sizeof(plugin),
	.abi = HERALD_ABI,
	.flags = HERALD_BLOCKING,
	.name = "email",
	.version = "0.1.0",
	.summary = "E-mail through a relay, by SMTP.",
	.kind = "email",
	.options = settings_options,
	.option_count = SETTINGS_OPTION_COUNT,
	.option_size = sizeof(settings_options[0]),
	.config_size = sizeof(struct email_config),
	.meters = meters,
	.meter_count = sizeof(meters) / sizeof(meters[0]),
	.meter_size = sizeof(meters[0]),
	.batch_max = BATCH_MAX,
	.batch_by = HERALD_BATCH_DESTINATION,
	.open = email_open,
	.close = email_close,
	.send_batch = email_send_batch,
	.check_address = email_check_address,
	.destination = email_destination,
	.telemetry = email_telemetry,
};

HERALD_EXPORT const struct herald_plugin *herald_channel_v1(void)
{
	return &plugin;
}

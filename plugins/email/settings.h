/* settings.h - what an operator may say about an e-mail channel, and what it means once it was checked.
 *
 * Everything that could go wrong later because of a setting goes wrong here, when the channel is opened, with
 * a sentence that names the option. */
#ifndef EMAIL_SETTINGS_H
#define EMAIL_SETTINGS_H

#include "herald/error.h"
#include "herald/option.h"
#include "mime.h"
#include "session.h"

/* As the option table fills it. */
struct email_config {
	const char *relay_host, *security, *user, *ca_file, *helo;
	const char *from, *from_name, *reply_to, *bounces_to, *message_id_domain;
	herald_secret password;
	int64_t port, messages_per_session;
	bool trusted_network;
	herald_duration setup_timeout, message_timeout;
	herald_size message_size_max;
};

enum { SETTINGS_OPTION_COUNT = 17 };

extern const struct herald_option settings_options[SETTINGS_OPTION_COUNT];

/* As the channel uses it.  Lends the config's texts. */
struct settings {
	struct session_settings session;
	struct mime_sender sender;
	struct mailbox bounces_to; /* the envelope's sender */
	bool is_esmtp;             /* libesmtp's sessions, else libcurl's */
	size_t messages_per_session, message_bytes_max;
};

/* INVALID: names the option. */
enum herald_code settings_read(const struct email_config *config, struct settings *ret_settings,
			       struct herald_error *err);

#endif

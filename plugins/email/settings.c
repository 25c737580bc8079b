/* settings.c - the option table and the rules that one option alone cannot keep.
 *
 * Invariant: plain text leaves this host only where the operator said that the network is trusted. */
#include "settings.h"

#include <arpa/inet.h>
#include <string.h>
#include <unistd.h>

#define OPTION(field, ...) HERALD_OPTION(struct email_config, field, __VA_ARGS__)

const struct herald_option settings_options[SETTINGS_OPTION_COUNT] = {
	OPTION(relay_host, HERALD_REQUIRED, NULL,
	       "The mail server that takes our mail and carries it on: a host name or an IP address."),
	OPTION(port, 0, "0", "Its port; 0: 587 for starttls, 465 for tls, 25 for none.", .least = "0",
	       .most = "65535"),
	OPTION(security, 0, "starttls",
	       "starttls: TLS before anything else, or nothing is sent; tls: TLS from the first byte; none: "
	       "plain "
	       "text, to this host only unless trusted_network is set.",
	       .one_of = "none|starttls|tls"),
	OPTION(trusted_network, 0, "false",
	       "Let security none reach beyond this host: everybody on the way can read and change the "
	       "mail."),
	OPTION(ca_file, 0, "",
	       "PEM file of the authorities that may vouch for the relay; empty: the system's."),
	OPTION(user, 0, "", "Log in to the relay with this name; empty: no login."),
	OPTION(password, 0, NULL, "The password that belongs to user."),
	OPTION(helo, 0, "", "The name this host gives to the relay; empty: the host's own."),
	OPTION(from, HERALD_REQUIRED, NULL, "The address in From."),
	OPTION(from_name, 0, "", "The name in From, unless a notification brings one."),
	OPTION(reply_to, 0, "", "The address in Reply-To, unless a notification brings one; empty: none."),
	OPTION(bounces_to, 0, "",
	       "Where undeliverable mail is returned to (the envelope's sender); empty: from."),
	OPTION(message_id_domain, 0, "", "The domain in Message-ID; empty: that of from."),
	OPTION(messages_per_session, 0, "100", "How many messages one connection carries at most.",
	       .least = "1", .most = "1000"),
	OPTION(setup_timeout, 0, "60s", "Time for connection, greeting, TLS and login together.",
	       .least = "1s", .most = "10m"),
	OPTION(message_timeout, 0, "11m",
	       "Time for one message, from MAIL to the reply after its end (for which RFC 5321 grants 10 "
	       "minutes).",
	       .least = "1s", .most = "30m"),
	OPTION(message_size_max, 0, "10MiB", "The largest message, encoded; larger ones are rejected.",
	       .least = "4KiB", .most = "64MiB"),
};

static const char *or_empty(const char *text)
{
	return text ? text : "";
}

static bool is_ip(const char *text)
{
	unsigned char binary[16];

	return inet_pton(AF_INET, text, binary) == 1 || inet_pton(AF_INET6, text, binary) == 1;
}

static bool is_this_host(const char *host)
{
	struct in_addr ip;

	if (inet_pton(AF_INET, host, &ip) == 1)
		return ntohl(ip.s_addr) >> 24 == 127;
	return strcmp(host, "localhost") == 0 || strcmp(host, "::1") == 0;
}

static enum herald_code read_relay(const struct email_config *config, struct session_settings *session,
				   struct herald_error *err)
{
	const char *host = or_empty(config->relay_host);
	const char *security = or_empty(config->security);

	if (is_ip(host) && strlen(host) < sizeof(session->host.text))
		memcpy(session->host.text, host, strlen(host) + 1);
	else if (domain_read(host, 1, &session->host, err) != HERALD_OK)
		return herald_within(err, "relay_host: ");
	session->security = strcmp(security, "none") == 0  ? SESSION_PLAIN
			    : strcmp(security, "tls") == 0 ? SESSION_TLS
							   : SESSION_STARTTLS;
	session->port = (uint16_t)(config->port > 0                        ? config->port
				   : session->security == SESSION_TLS      ? 465
				   : session->security == SESSION_STARTTLS ? 587
									   : 25);
	session->is_trusted = config->trusted_network;
	if (session->security == SESSION_PLAIN && !session->is_trusted && !is_this_host(session->host.text))
		return herald_fail(
			err, HERALD_INVALID,
			"security: none sends readable mail to another host; set trusted_network: true "
			"if the network in between is yours, or use starttls");
	return HERALD_OK;
}

/* EHLO wants a name: the operator's, else the host's, else the domain we send from. */
static enum herald_code read_helo(const struct email_config *config, const struct mailbox *from,
				  struct domain *ret_helo, struct herald_error *err)
{
	char name[DOMAIN_CHARS_MAX + 1] = "";

	if (*or_empty(config->helo))
		return domain_read(config->helo, 1, ret_helo, err) == HERALD_OK
			       ? HERALD_OK
			       : herald_within(err, "helo: ");
	if (gethostname(name, sizeof(name) - 1) == 0 && domain_read(name, 2, ret_helo, NULL) == HERALD_OK)
		return HERALD_OK;
	return domain_read(mailbox_domain(from), 2, ret_helo, err);
}

static enum herald_code read_sender(const struct email_config *config, struct settings *settings,
				    struct herald_error *err)
{
	struct mime_sender *sender = &settings->sender;
	const char *bounces_to = or_empty(config->bounces_to);
	const char *id_domain = or_empty(config->message_id_domain);

	if (mailbox_read(or_empty(config->from), &sender->from, err) != HERALD_OK)
		return herald_within(err, "from: ");
	sender->from_name = or_empty(config->from_name);
	if (*or_empty(config->reply_to) &&
	    mailbox_read(config->reply_to, &sender->reply_to, err) != HERALD_OK)
		return herald_within(err, "reply_to: ");
	settings->bounces_to = sender->from;
	if (*bounces_to && mailbox_read(bounces_to, &settings->bounces_to, err) != HERALD_OK)
		return herald_within(err, "bounces_to: ");
	if (domain_read(*id_domain ? id_domain : mailbox_domain(&sender->from), 1, &sender->id_domain, err) !=
	    HERALD_OK)
		return herald_within(err, "message_id_domain: ");
	if (strlen(sender->id_domain.text) > MESSAGE_ID_DOMAIN_CHARS_MAX)
		return herald_fail(err, HERALD_INVALID, "message_id_domain: longer than %d characters",
				   MESSAGE_ID_DOMAIN_CHARS_MAX);
	return HERALD_OK;
}

enum herald_code settings_read(const struct email_config *config, struct settings *ret_settings,
			       struct herald_error *err)
{
	struct settings settings = {0};
	struct session_settings *session = &settings.session;
	enum herald_code code = read_relay(config, session, err);

	if (code == HERALD_OK)
		code = read_sender(config, &settings, err);
	if (code == HERALD_OK)
		code = read_helo(config, &settings.sender.from, &session->helo, err);
	if (code != HERALD_OK)
		return code;
	session->user = or_empty(config->user);
	session->password = or_empty(config->password.value);
	session->ca_file = or_empty(config->ca_file);
	if (*session->user && !*session->password)
		return herald_fail(err, HERALD_INVALID, "password: needed with user");
	session->setup_ms = config->setup_timeout.ms;
	session->message_ms = config->message_timeout.ms;
	/* libesmtp takes no IPv6 address for a server, and its login is not used: see session_esmtp.c. */
	settings.is_esmtp =
		session->security == SESSION_PLAIN && !*session->user && !strchr(session->host.text, ':');
	settings.messages_per_session = (size_t)config->messages_per_session;
	settings.message_bytes_max = (size_t)config->message_size_max.bytes;
	*ret_settings = settings;
	return HERALD_OK;
}

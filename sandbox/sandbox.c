/* herald-sandbox - the far ends of Herald's channels, on one's own machine.
 *
 * One process and one thread stand in for the Bot Framework connector with its token endpoint, ACS SMS, ACS
 * Identity, ACS Chat and an SMTP server.  It is strict about what it accepts, breaks when it is asked to, and
 * shows what arrived.
 *
 * The map: sandbox.c (this: options, the loop) - server.c, exchange.c (HTTP) - services.c (which path is
 * whose) - entra.c, connector.c, sms.c, identity.c, chat.c (one service each) - smtp.c, session.c, mail.c
 * (e-mail) - control.c (our own pages) - fault.c (what is broken) - ledger.c, marker.c (what arrived) -
 * shape.c, signature.c, token.c (pure checks). */
#include "sandbox.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/check.h"
#include "server.h"
#include "smtp.h"

static const char DEFAULT_KEY[] = "aGVyYWxkLXNhbmRib3gtYWNjZXNzLWtleS1ub3Qtc2VjcmV0";

static const char HELP[] =
	"herald-sandbox: stands in for the Bot connector, ACS SMS, Identity and Chat, and an SMTP server\n"
	"\n"
	"usage: herald-sandbox [options]\n"
	"\n"
	"  --http 127.0.0.1:PORT    HTTP services and control pages (default 127.0.0.1:8480; port 0: any)\n"
	"  --smtp 127.0.0.1:PORT    SMTP server (default 127.0.0.1:8425; port 0: any)\n"
	"  --access-key BASE64      the ACS access key that requests must be signed with\n"
	"                           (default aGVyYWxkLXNhbmRib3gtYWNjZXNzLWtleS1ub3Qtc2VjcmV0)\n"
	"  --client ID:SECRET       the only bot credentials that get a token (default: any)\n"
	"  --token-lifetime SECONDS of bot tokens (default 3599)\n"
	"  --ledger FILE            append a line per arrival, before the request is answered\n"
	"  --follow                 print each arrival as a line\n"
	"  --port-file FILE         write \"http ADDRESS\" and \"smtp ADDRESS\" there when both listen; "
	"removed at the end\n"
	"  --help, --version\n"
	"\n"
	"It listens on loopback addresses only, speaks plain HTTP and SMTP, and keeps the last 10,000 "
	"arrivals in memory.\n"
	"Point a channel at it with `allow_insecure: loopback`.\n"
	"\n"
	"What arrived:\n"
	"  GET /arrivals?channel=&to=&conversation=&since=&limit=    DELETE /arrivals forgets them\n"
	"  GET /stats                     received, unique, duplicates, refused ... by channel\n"
	"\n"
	"Faults: POST /control (GET shows what is in force), Content-Type application/json; channel is bot, "
	"chat, sms,\n"
	"email, token, identity or all:\n"
	"  {\"channel\": \"sms\", \"fail\": {\"status\": 429, \"retry_after\": 2, \"count\": 3}}\n"
	"  {\"channel\": \"bot\", \"fail\": {\"status\": 403, \"code\": \"BotDisabledByAdmin\"}, "
	"\"fraction\": 0.1}\n"
	"  {\"channel\": \"all\", \"latency_ms\": 50}\n"
	"  {\"channel\": \"chat\", \"hang\": {\"count\": 1}}\n"
	"  {\"channel\": \"bot\", \"drop\": {\"count\": 1, \"after\": true}}      delivered, but the answer "
	"is lost\n"
	"  {\"channel\": \"sms\", \"reject_address\": [\"+15550100\"]}\n"
	"  {\"channel\": \"email\", \"smtp\": \"451 4.7.1 try later\", \"at\": \"rcpt\", \"count\": 2}\n"
	"                           at: connect, ehlo, mail, rcpt, data, dot\n"
	"  {\"channel\": \"token\", \"expire\": true}                      tokens given out so far end\n"
	"  {\"channel\": \"all\", \"clear\": true}\n";

struct options {
	struct sockaddr_in http, smtp;
	const char *access_key, *ledger, *port_file;
	bool follow;
};

/* "127.0.0.1:8480" */
static enum herald_code read_address(const char *text, struct sockaddr_in *ret_address,
				     struct herald_error *err)
{
	char host[32], *end;
	const char *colon = strrchr(text, ':');

	if (!colon || (size_t)(colon - text) >= sizeof(host))
		return herald_fail(err, HERALD_INVALID, "'%.60s' is not an address like 127.0.0.1:8480",
				   text);
	memcpy(host, text, (size_t)(colon - text));
	host[colon - text] = '\0';
	long port = strtol(colon + 1, &end, 10);
	*ret_address = (struct sockaddr_in){.sin_family = AF_INET};
	if (inet_pton(AF_INET, host, &ret_address->sin_addr) != 1 || colon[1] == '\0' || *end || port < 0 ||
	    port > 65535)
		return herald_fail(err, HERALD_INVALID, "'%.60s' is not an address like 127.0.0.1:8480",
				   text);
	if (ntohl(ret_address->sin_addr.s_addr) >> 24U != 127)
		return herald_fail(err, HERALD_INVALID, "'%.60s' is no loopback address (127.x.x.x)", text);
	ret_address->sin_port = htons((uint16_t)port);
	return HERALD_OK;
}

static enum herald_code read_client(const char *text, struct sandbox *sandbox, struct herald_error *err)
{
	const char *colon = strchr(text, ':');

	if (!colon || colon == text || (size_t)(colon - text) >= CREDENTIAL_SIZE ||
	    strlen(colon + 1) >= CREDENTIAL_SIZE)
		return herald_fail(err, HERALD_INVALID, "--client: must be ID:SECRET");
	snprintf(sandbox->client_id, CREDENTIAL_SIZE, "%.*s", (int)(colon - text), text);
	snprintf(sandbox->client_secret, CREDENTIAL_SIZE, "%s", colon + 1);
	return HERALD_OK;
}

static enum herald_code read_option(int option, struct options *options, struct sandbox *sandbox,
				    struct herald_error *err)
{
	char *end;

	switch (option) {
	case 'a':
		return read_address(optarg, &options->http, err);
	case 's':
		return read_address(optarg, &options->smtp, err);
	case 'k':
		options->access_key = optarg;
		return HERALD_OK;
	case 'c':
		return read_client(optarg, sandbox, err);
	case 't':
		sandbox->token_lifetime_s = strtol(optarg, &end, 10);
		if (*end || sandbox->token_lifetime_s < 1 || sandbox->token_lifetime_s > 86400)
			return herald_fail(err, HERALD_INVALID,
					   "--token-lifetime: must be 1 to 86400 seconds");
		return HERALD_OK;
	case 'l':
		options->ledger = optarg;
		return HERALD_OK;
	case 'f':
		options->follow = true;
		return HERALD_OK;
	case 'p':
		options->port_file = optarg;
		return HERALD_OK;
	default:
		return herald_fail(err, HERALD_INVALID, "try herald-sandbox --help");
	}
}

static enum herald_code read_options(int argc, char **argv, struct options *options, struct sandbox *sandbox,
				     struct herald_error *err)
{
	static const struct option LONG[] = {{"http", required_argument, NULL, 'a'},
					     {"smtp", required_argument, NULL, 's'},
					     {"access-key", required_argument, NULL, 'k'},
					     {"client", required_argument, NULL, 'c'},
					     {"token-lifetime", required_argument, NULL, 't'},
					     {"ledger", required_argument, NULL, 'l'},
					     {"follow", no_argument, NULL, 'f'},
					     {"port-file", required_argument, NULL, 'p'},
					     {"help", no_argument, NULL, 'h'},
					     {"version", no_argument, NULL, 'v'},
					     {NULL, 0, NULL, 0}};

	for (int option; (option = getopt_long(argc, argv, "h", LONG, NULL)) != -1;) {
		if (option == 'h' || option == 'v') {
			fputs(option == 'h' ? HELP : "herald-sandbox " HERALD_VERSION "\n", stdout);
			exit(0);
		}
		enum herald_code code = read_option(option, options, sandbox, err);
		if (code != HERALD_OK)
			return code;
	}
	if (optind < argc)
		return herald_fail(err, HERALD_INVALID, "what is '%.60s'? Try herald-sandbox --help",
				   argv[optind]);
	if (herald_base64_decode(options->access_key, sandbox->access_key, sizeof(sandbox->access_key),
				 &sandbox->access_key_size, NULL) != HERALD_OK ||
	    sandbox->access_key_size == 0)
		return herald_fail(err, HERALD_INVALID, "--access-key: must be base64 of 1 to %d bytes",
				   ACCESS_KEY_BYTES_MAX);
	return HERALD_OK;
}

/* Written beside and renamed, so that whoever waits for the file reads all of it. */
static enum herald_code write_port_file(const char *path, const char *http, const char *smtp,
					struct herald_error *err)
{
	char fresh[4096];

	if (!path)
		return HERALD_OK;
	snprintf(fresh, sizeof(fresh), "%.4000s.%d", path, (int)getpid());
	FILE *file = fopen(fresh, "we");
	if (!file)
		return herald_fail(err, HERALD_IO, "writing %s: %s", fresh, strerror(errno));
	fprintf(file, "http %s\nsmtp %s\n", http, smtp);
	bool is_written = fclose(file) == 0 && rename(fresh, path) == 0;
	if (!is_written) {
		herald_fail(err, HERALD_IO, "writing %s: %s", path, strerror(errno));
		unlink(fresh);
		return HERALD_IO;
	}
	return HERALD_OK;
}

static int64_t sooner(int64_t a_ms, int64_t b_ms)
{
	if (a_ms < 0)
		return b_ms;
	return b_ms < 0 || a_ms < b_ms ? a_ms : b_ms;
}

/* Until SIGTERM, SIGINT or SIGHUP. */
static void turn(struct server *server, struct smtp *smtp, int signals)
{
	for (;;) {
		int64_t now_ms = clock_mono_ms();
		int64_t timeout_ms = sooner(server_timeout_ms(server, now_ms), smtp_timeout_ms(smtp, now_ms));
		struct pollfd wait[] = {{.fd = server_poll_fd(server), .events = POLLIN},
					{.fd = smtp_poll_fd(smtp), .events = POLLIN},
					{.fd = signals, .events = POLLIN}};
		if (timeout_ms > 60000)
			timeout_ms = 60000;
		if (poll(wait, countof(wait), (int)timeout_ms) < 0 && errno != EINTR)
			return;
		if (wait[2].revents)
			return;
		now_ms = clock_mono_ms();
		server_run(server, now_ms);
		smtp_run(smtp, now_ms);
	}
}

static enum herald_code serve(struct sandbox *sandbox, const struct options *options, int signals,
			      struct herald_error *err)
{
	char http[64], smtp_address[64], host[INET_ADDRSTRLEN];
	struct server *server = NULL;
	struct smtp *smtp = NULL;

	enum herald_code code = server_start(sandbox, &options->http, &server, err);
	if (code == HERALD_OK)
		code = smtp_start(sandbox, &options->smtp, &smtp, err);
	if (code == HERALD_OK) {
		inet_ntop(AF_INET, &options->http.sin_addr, host, sizeof(host));
		snprintf(http, sizeof(http), "%s:%u", host, server_port(server));
		snprintf(sandbox->http_base, sizeof(sandbox->http_base), "http://%s", http);
		inet_ntop(AF_INET, &options->smtp.sin_addr, host, sizeof(host));
		snprintf(smtp_address, sizeof(smtp_address), "%s:%u", host, smtp_port(smtp));
		code = write_port_file(options->port_file, http, smtp_address, err);
	}
	if (code == HERALD_OK) {
		printf("herald-sandbox: HTTP on %s, SMTP on %s, access key %s\n", http, smtp_address,
		       options->access_key);
		fflush(stdout);
		turn(server, smtp, signals);
		if (options->port_file)
			unlink(options->port_file);
	}
	smtp_free(smtp);
	server_free(server);
	return code;
}

/* Signals are read like anything else that happens. */
static int open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
	const struct sigaction ignore = {.sa_handler = SIG_IGN};
	CHECK(sigaction(SIGPIPE, &ignore, NULL) == 0);
	int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	CHECK(fd >= 0);
	return fd;
}

int main(int argc, char **argv)
{
	struct sandbox sandbox = {.token_lifetime_s = 3599};
	struct options options = {.access_key = DEFAULT_KEY};
	struct herald_error err = {.code = HERALD_OK};

	CHECK(read_address("127.0.0.1:8480", &options.http, &err) == HERALD_OK);
	CHECK(read_address("127.0.0.1:8425", &options.smtp, &err) == HERALD_OK);
	if (read_options(argc, argv, &options, &sandbox, &err) != HERALD_OK) {
		fprintf(stderr, "herald-sandbox: %s\n", err.text);
		return 2;
	}
	int signals = open_signals();
	CHECK(getrandom(sandbox.process_key, sizeof(sandbox.process_key), 0) == sizeof(sandbox.process_key));
	memcpy(&sandbox.dice, sandbox.process_key, sizeof(sandbox.dice));
	fault_table_init(&sandbox.faults);
	enum herald_code code = ledger_open(options.ledger, options.follow, &sandbox.ledger, &err);
	if (code == HERALD_OK) {
		sandbox.repeats = repeats_new();
		sandbox.threads = threads_new();
		code = serve(&sandbox, &options, signals, &err);
	}
	threads_free(sandbox.threads);
	repeats_free(sandbox.repeats);
	ledger_free(sandbox.ledger);
	close(signals);
	if (code != HERALD_OK)
		fprintf(stderr, "herald-sandbox: %s\n", err.text);
	return code == HERALD_OK ? 0 : 1;
}

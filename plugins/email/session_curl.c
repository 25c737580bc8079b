/* session_curl.c - sessions with TLS, or with a login, by libcurl.
 *
 * One easy handle is one session: its transfers, one a letter, go over the same connection as long as the
 * server keeps it.  libcurl closes it after a refused letter; the next letter then opens another, still
 * within this run.
 *
 * Invariants: TLS is 1.2 or newer, the certificate's chain and its alternative names (not its common name)
 * are checked, and what came in plain text before TLS is refused by libcurl; a letter's content is sent only
 * after `begin` said yes, which libcurl asks for when the session stands. */
#include "session.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { HEARD_BYTES = 1024, HEARD_TOTAL_MAX = 64 * 1024, SECURITY_LEVEL = 2, QUIT_MS = 5000, SOCKETS_MAX = 4 };

/* A socket that libcurl was given.  It may try two at once: IPv6 and IPv4. */
struct watched {
	curl_socket_t fd;
	struct deadline *deadline;
};

struct transfer {
	const struct session_settings *settings;
	const struct session_letter *letters;
	const struct session_events *events;
	struct session_report *report;
	CURL *easy;
	size_t current;
	size_t given; /* bytes of the letter that libcurl has */
	bool is_begun, is_refused, is_plain_leaving;
	struct reply reply;
	size_t replies; /* complete ones since begin: to MAIL, RCPT, DATA, the content */
	size_t heard_total, heard_size;
	char heard[HEARD_BYTES]; /* the reply that is coming in, or the last */
	bool is_heard_whole, is_settled;
	struct watched sockets[SOCKETS_MAX];
	char error[CURL_ERROR_SIZE];
};

static void move_deadlines(struct transfer *t, int64_t in_ms)
{
	int64_t until_ms = deadline_clock_ms() + in_ms;

	for (size_t i = 0; i < SOCKETS_MAX; i++)
		if (t->sockets[i].deadline)
			deadline_move(t->sockets[i].deadline, until_ms);
}

/* Is this the answer that lets the dialogue go on?  To MAIL and RCPT, to DATA; what answers the content is
 * the last. */
static bool goes_on(size_t replies, const char *line)
{
	return replies == 3 ? line[0] == '3' : replies < 3 && line[0] == '2';
}

/* One line of the server's.  What comes after the letter's last answer (libcurl says QUIT after a refusal) is
 * not about the letter. */
static size_t on_line(char *line, size_t one, size_t size, void *argument)
{
	struct transfer *t = argument;

	(void)one;
	t->heard_total += size;
	if (t->heard_total > HEARD_TOTAL_MAX)
		return 0;
	if (t->is_settled || size == 0)
		return size;
	if (t->is_heard_whole)
		t->heard_size = 0;
	t->is_heard_whole = size > 3 && line[3] != '-';
	/* The last line decides, so half of the room is kept for it. */
	size_t room = HEARD_BYTES - 1 - t->heard_size;
	size_t kept = size < room ? size : room;
	if (!t->is_heard_whole && kept > room / 2)
		return size;
	memcpy(t->heard + t->heard_size, line, kept);
	t->heard_size += kept;
	if (t->heard[t->heard_size - 1] != '\n')
		t->heard[t->heard_size++] = '\n';
	if (t->is_heard_whole && t->is_begun) {
		t->replies++;
		t->is_settled = !goes_on(t->replies, line);
	}
	return size;
}

static size_t on_read(char *buffer, size_t one, size_t room, void *argument)
{
	struct transfer *t = argument;
	struct herald_text bytes = t->letters[t->current].bytes;
	size_t size = bytes.size - t->given < one * room ? bytes.size - t->given : one * room;

	memcpy(buffer, bytes.data + t->given, size);
	t->given += size;
	t->report->bytes += size;
	return size;
}

/* The session stands; MAIL is next. */
static int on_ready(void *argument, char *peer, char *local, int peer_port, int local_port)
{
	struct transfer *t = argument;

	(void)peer, (void)local, (void)peer_port, (void)local_port;
	move_deadlines(t, t->settings->message_ms);
	t->reply = (struct reply){.stage = REPLY_MAIL, .fault = REPLY_LOST};
	t->is_begun = t->events->begin(t->events->argument, t->current);
	t->is_refused = !t->is_begun;
	t->replies = 0;
	return t->is_begun ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

static bool is_loopback(const struct curl_sockaddr *address)
{
	const void *sockaddr = &address->addr;

	if (address->family == AF_INET)
		return ntohl(((const struct sockaddr_in *)sockaddr)->sin_addr.s_addr) >> 24 == 127;
	return address->family == AF_INET6 &&
	       IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)sockaddr)->sin6_addr);
}

static curl_socket_t on_socket(void *argument, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct transfer *t = argument;
	const struct session_settings *settings = t->settings;
	int64_t until_ms = deadline_clock_ms() + settings->setup_ms;
	size_t at = 0;

	(void)purpose;
	if (settings->security == SESSION_PLAIN && !settings->is_trusted && !is_loopback(address)) {
		t->is_plain_leaving = true;
		return CURL_SOCKET_BAD;
	}
	while (at < SOCKETS_MAX && t->sockets[at].deadline)
		at++;
	if (at == SOCKETS_MAX)
		return CURL_SOCKET_BAD;
	int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
	if (fd >= 0 &&
	    deadline_watch(settings->keeper, fd, until_ms, &t->sockets[at].deadline) != HERALD_OK) {
		close(fd);
		return CURL_SOCKET_BAD;
	}
	t->sockets[at].fd = fd;
	return fd;
}

static int on_close(void *argument, curl_socket_t fd)
{
	struct transfer *t = argument;

	for (size_t i = 0; i < SOCKETS_MAX; i++)
		if (t->sockets[i].deadline && t->sockets[i].fd == fd) {
			deadline_free(t->sockets[i].deadline);
			t->sockets[i].deadline = NULL;
		}
	return close(fd);
}

/* What libcurl has no option for: no common name, no weak signature. */
static CURLcode on_tls(CURL *easy, void *context, void *argument)
{
	struct transfer *t = argument;
	SSL_CTX *tls = context;
	X509_VERIFY_PARAM *rules = SSL_CTX_get0_param(tls);
	unsigned char ip[16];
	const char *host = t->settings->host.text;

	(void)easy;
	SSL_CTX_set_security_level(tls, SECURITY_LEVEL);
	SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION);
	X509_VERIFY_PARAM_set_hostflags(rules, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT |
						       X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	bool is_ip = inet_pton(AF_INET, host, ip) == 1 || inet_pton(AF_INET6, host, ip) == 1;
	int done = is_ip ? X509_VERIFY_PARAM_set1_ip_asc(rules, host)
			 : X509_VERIFY_PARAM_set1_host(rules, host, 0);
	t->report->tls_connections++;
	return done == 1 ? CURLE_OK : CURLE_SSL_CERTPROBLEM;
}

/* One option after the other, until one is refused. */
#define SET(option, value) (code = code ? code : curl_easy_setopt(easy, option, value))

static CURLcode set_up_tls(struct transfer *t)
{
	CURL *easy = t->easy;
	CURLcode code = CURLE_OK;

	SET(CURLOPT_USE_SSL, (long)CURLUSESSL_ALL);
	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(CURLOPT_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_SSL_VERIFYHOST, 2L);
	SET(CURLOPT_SSL_CTX_FUNCTION, on_tls);
	SET(CURLOPT_SSL_CTX_DATA, t);
	if (*t->settings->ca_file) {
		SET(CURLOPT_CAINFO, t->settings->ca_file);
		SET(CURLOPT_CAPATH, NULL);
	}
	return code;
}

static CURLcode set_up(struct transfer *t)
{
	const struct session_settings *s = t->settings;
	CURL *easy = t->easy;
	char url[2 * DOMAIN_CHARS_MAX + 32];
	CURLcode code = CURLE_OK;

	snprintf(url, sizeof(url), strchr(s->host.text, ':') ? "%s://[%s]:%u/%s" : "%s://%s:%u/%s",
		 s->security == SESSION_TLS ? "smtps" : "smtp", s->host.text, (unsigned)s->port,
		 s->helo.text);
	SET(CURLOPT_PROTOCOLS_STR, "smtp,smtps");
	SET(CURLOPT_URL, url);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_PROXY, "");
	SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	SET(CURLOPT_UPLOAD, 1L);
	SET(CURLOPT_CONNECTTIMEOUT_MS, (long)s->setup_ms);
	SET(CURLOPT_TIMEOUT_MS, (long)(s->setup_ms + s->message_ms));
	SET(CURLOPT_ERRORBUFFER, t->error);
	SET(CURLOPT_HEADERFUNCTION, on_line);
	SET(CURLOPT_HEADERDATA, t);
	SET(CURLOPT_READFUNCTION, on_read);
	SET(CURLOPT_READDATA, t);
	SET(CURLOPT_PREREQFUNCTION, on_ready);
	SET(CURLOPT_PREREQDATA, t);
	SET(CURLOPT_OPENSOCKETFUNCTION, on_socket);
	SET(CURLOPT_OPENSOCKETDATA, t);
	SET(CURLOPT_CLOSESOCKETFUNCTION, on_close);
	SET(CURLOPT_CLOSESOCKETDATA, t);
	/* Else 120 s, also for the reply to the end of the content. */
	SET(CURLOPT_SERVER_RESPONSE_TIMEOUT, (long)((s->message_ms + s->setup_ms) / 1000 + 1));
	if (*s->user) {
		SET(CURLOPT_USERNAME, s->user);
		SET(CURLOPT_PASSWORD, s->password);
		code = code ? code : curl_easy_setopt(easy, CURLOPT_LOGIN_OPTIONS, "AUTH=PLAIN;AUTH=LOGIN");
	}
	return code || s->security == SESSION_PLAIN ? code : set_up_tls(t);
}

#undef SET

static enum reply_stage stage_of(const struct transfer *t)
{
	if (t->given == t->letters[t->current].bytes.size && t->replies >= 3)
		return REPLY_DOT;
	return t->replies >= 2 ? REPLY_DATA : t->replies == 1 ? REPLY_RCPT : REPLY_MAIL;
}

/* The letter was begun: what became of it?  Taken over is what both the server and libcurl say is. */
static void read_letter(struct transfer *t, CURLcode code)
{
	static const enum reply_stage answered[] = {REPLY_MAIL, REPLY_MAIL, REPLY_RCPT, REPLY_DATA,
						    REPLY_DOT};
	struct reply said = {.stage = answered[t->replies <= 4 ? t->replies : 4]};
	bool has_said = t->is_settled && reply_read(&said, t->heard, t->heard_size);

	if (has_said && (code == CURLE_OK || said.code >= 400 || said.stage != REPLY_DOT)) {
		t->reply = said;
		return;
	}
	t->reply = (struct reply){.stage = stage_of(t), .fault = REPLY_LOST};
	reply_say(&t->reply, *t->error ? t->error : curl_easy_strerror(code), SIZE_MAX);
}

static enum reply_stage failed_at(CURLcode code, bool has_heard)
{
	if (code == CURLE_LOGIN_DENIED)
		return REPLY_LOGIN;
	if (code == CURLE_USE_SSL_FAILED || code == CURLE_PEER_FAILED_VERIFICATION ||
	    code == CURLE_SSL_CONNECT_ERROR || code == CURLE_SSL_CACERT_BADFILE ||
	    code == CURLE_SSL_CERTPROBLEM || code == CURLE_SSL_CIPHER || code == CURLE_SSL_ISSUER_ERROR)
		return REPLY_TLS;
	return has_heard ? REPLY_GREETING : REPLY_CONNECT;
}

/* No letter was begun: what is wrong with the session? */
static void read_session(struct transfer *t, CURLcode code)
{
	struct reply *reply = &t->report->reply;
	struct reply said = {.fault = REPLY_ANSWERED};

	*reply = (struct reply){.stage = failed_at(code, t->heard_total > 0), .fault = REPLY_LOST};
	if (reply_read(&said, t->heard, t->heard_size) && said.code >= 400) {
		said.stage = reply->stage;
		*reply = said;
		return;
	}
	reply_say(reply, *t->error ? t->error : curl_easy_strerror(code), SIZE_MAX);
	if (code == CURLE_LOGIN_DENIED)
		reply->fault = REPLY_LOGIN_REFUSED;
	else if (code == CURLE_USE_SSL_FAILED || code == CURLE_PEER_FAILED_VERIFICATION ||
		 code == CURLE_SSL_ISSUER_ERROR)
		reply->fault = REPLY_UNTRUSTED;
	else if (code == CURLE_OUT_OF_MEMORY || code == CURLE_SSL_CACERT_BADFILE ||
		 code == CURLE_SSL_CERTPROBLEM || code == CURLE_SSL_CIPHER ||
		 code == CURLE_BAD_FUNCTION_ARGUMENT)
		reply->fault = REPLY_BROKEN;
	if (t->is_plain_leaving) {
		reply->fault = REPLY_UNTRUSTED;
		reply_say(reply, "plain text may not leave this host: see trusted_network", SIZE_MAX);
	}
}

static CURLcode perform(struct transfer *t, bool *ret_is_new)
{
	const struct session_letter *letter = &t->letters[t->current];
	char from[MAILBOX_CHARS_MAX + 3], to[MAILBOX_CHARS_MAX + 3];
	long connects = 0;
	CURLcode code;

	snprintf(from, sizeof(from), "<%s>", letter->from->text);
	snprintf(to, sizeof(to), "<%s>", letter->to->text);
	struct curl_slist *recipients = curl_slist_append(NULL, to);
	if (!recipients)
		return CURLE_OUT_OF_MEMORY;
	t->is_begun = t->is_refused = t->is_heard_whole = t->is_settled = false;
	t->given = t->replies = t->heard_total = t->heard_size = 0;
	*t->error = '\0';
	code = curl_easy_setopt(t->easy, CURLOPT_MAIL_FROM, from);
	code = code ? code : curl_easy_setopt(t->easy, CURLOPT_MAIL_RCPT, recipients);
	code = code ? code
		    : curl_easy_setopt(t->easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)letter->bytes.size);
	code = code ? code : curl_easy_perform(t->easy);
	curl_easy_getinfo(t->easy, CURLINFO_NUM_CONNECTS, &connects);
	t->report->connections += (uint32_t)connects;
	*ret_is_new = connects > 0;
	curl_easy_setopt(t->easy, CURLOPT_MAIL_RCPT, NULL);
	curl_slist_free_all(recipients);
	return code;
}

/* One letter.  False: the run is over. */
static bool carry(struct transfer *t)
{
	bool is_new = false;
	CURLcode code = perform(t, &is_new);

	if (t->is_refused) {
		t->current++;
		return true;
	}
	if (!t->is_begun) {
		read_session(t, code);
		t->report->is_ill = true;
		return false;
	}
	read_letter(t, code);
	bool is_between = t->reply.stage == REPLY_MAIL && code != CURLE_OPERATION_TIMEDOUT &&
			  (t->reply.code == 0 || t->reply.code == 421);
	if (is_between && !is_new)
		return false; /* an old connection that had ended: handed back */
	t->is_begun = false;
	t->events->end(t->events->argument, t->current, &t->reply);
	t->current++;
	if (t->reply.code == 0) {
		t->report->is_ill = true;
		t->report->reply = (struct reply){.stage = REPLY_CONNECT, .fault = REPLY_LOST};
		reply_say(&t->report->reply, "the connection was lost with the message before", SIZE_MAX);
	} else if (t->reply.code == 421 && is_new) {
		t->report->is_ill = true;
		t->report->reply = t->reply;
	}
	return t->reply.code != 0 && t->reply.code != 421;
}

void session_curl_run(const struct session_settings *settings, const struct session_letter *letters,
		      size_t count, const struct session_events *events, struct session_report *ret_report)
{
	struct transfer t = {
		.settings = settings, .letters = letters, .events = events, .report = ret_report};

	*ret_report = (struct session_report){0};
	t.easy = curl_easy_init();
	CURLcode code = t.easy ? set_up(&t) : CURLE_OUT_OF_MEMORY;
	if (code != CURLE_OK) {
		ret_report->is_ill = true;
		ret_report->reply = (struct reply){.stage = REPLY_CONNECT, .fault = REPLY_BROKEN};
		reply_say(&ret_report->reply, curl_easy_strerror(code), SIZE_MAX);
	} else {
		while (t.current < count && carry(&t))
			;
		ret_report->next = t.current;
	}
	/* libcurl says goodbye and waits for the answer, by default for 120 s. */
	move_deadlines(&t, QUIT_MS);
	if (t.easy)
		curl_easy_cleanup(t.easy);
}

/* session_esmtp.c - sessions without TLS and without login, by libesmtp.
 *
 * The library wants to be given all messages and then runs the whole session.  Herald wants to be asked
 * before each. So each letter is added when the one before it has ended, from within the library's own
 * events, and the first one is asked for when its MAIL command is about to be written (the monitor sees what
 * is written before it is).
 *
 * Invariants: no function of libesmtp that reads files, the environment or plug-ins of the server's choice is
 * called (no smtp_starttls_*, no smtp_auth_*; a test looks at the symbols); and no content of a letter is
 * given to the library unless `begin` said yes to it. */
#include "session.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libesmtp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
	QUIT_MS = 5000,              /* for a goodbye that nobody needs */
	SETUP_BYTES_MAX = 64 * 1024, /* of a server before the first letter */
	PIECE_BYTES = 16 * 1024,
	HEARD_BYTES = 1024,
	ADDRESSES_MAX = 4,
};

struct esmtp {
	const struct session_settings *settings;
	const struct session_letter *letters;
	size_t count;
	const struct session_events *events;
	struct session_report *report;
	smtp_session_t session;
	struct deadline *deadline; /* NULL until connected */
	bool is_dialling;
	size_t current; /* the letter in hand, or next to be */
	bool is_begun;  /* it is in hand: end is owed, or it is handed back */
	size_t given;   /* bytes of it that the library has */
	struct reply reply;
	size_t hidden; /* how much of "CHUNKING" the line now being read has matched */
	size_t heard_total, heard_size;
	char heard[HEARD_BYTES]; /* the last that the server said */
};

static const char *next_piece(void **context, int *ret_size, void *argument)
{
	struct esmtp *e = argument;

	(void)context;
	if (!ret_size) {
		e->given = 0;
		return NULL;
	}
	*ret_size = 0;
	/* With errno set, the library drops the connection and does not end the message.  It does not notice
	 * by itself that nobody reads it any more, and would then leave us in doubt for nothing. */
	if (!e->is_begun || !deadline_is_connected(e->deadline)) {
		errno = ECANCELED;
		return NULL;
	}
	struct herald_text bytes = e->letters[e->current].bytes;
	size_t size = bytes.size - e->given < PIECE_BYTES ? bytes.size - e->given : PIECE_BYTES;
	const char *piece = bytes.data + e->given;
	e->given += size;
	e->report->bytes += size;
	*ret_size = (int)size;
	/* When it has the last piece, nothing keeps the library from ending the message. */
	e->reply.stage = e->given == bytes.size ? REPLY_DOT : REPLY_DATA;
	return piece;
}

/* Give the library the letter in hand.  False: it has no memory. */
static bool add_letter(struct esmtp *e)
{
	const struct session_letter *letter = &e->letters[e->current];
	smtp_message_t message = smtp_add_message(e->session);

	return message && smtp_set_reverse_path(message, letter->from->text) &&
	       smtp_size_set_estimate(message, letter->bytes.size) &&
	       smtp_set_messagecb(message, next_piece, e) && smtp_add_recipient(message, letter->to->text);
}

static bool begin_letter(struct esmtp *e)
{
	deadline_move(e->deadline, deadline_clock_ms() + e->settings->message_ms);
	e->reply = (struct reply){.stage = REPLY_MAIL, .fault = REPLY_LOST};
	e->given = 0;
	e->is_begun = e->events->begin(e->events->argument, e->current);
	return e->is_begun;
}

static void end_letter(struct esmtp *e)
{
	e->is_begun = false;
	e->events->end(e->events->argument, e->current, &e->reply);
	e->current++;
}

/* The next letter that may go, added while the library still looks for one. */
static void add_next(struct esmtp *e)
{
	while (e->current < e->count && !begin_letter(e))
		e->current++;
	if (e->current == e->count) {
		deadline_move(e->deadline, deadline_clock_ms() + QUIT_MS);
	} else if (!add_letter(e)) {
		e->reply.fault = REPLY_BROKEN;
		reply_say(&e->reply, "out of memory", SIZE_MAX);
		end_letter(e);
	}
}

static void read_status(struct reply *reply, enum reply_stage stage, const smtp_status_t *status)
{
	const char *text = status->text ? status->text : "";
	char line[2 * REPLY_TEXT_CHARS_MAX];

	*reply = (struct reply){.stage = stage, .code = status->code};
	reply->enhanced[0] = status->enh_class;
	reply->enhanced[1] = status->enh_subject;
	reply->enhanced[2] = status->enh_detail;
	if (status->enh_class != 0) {
		snprintf(line, sizeof(line), "%d %d.%d.%d %s", status->code, status->enh_class,
			 status->enh_subject, status->enh_detail, text);
	} else {
		reply_read_enhanced(text, strlen(text), reply->enhanced);
		snprintf(line, sizeof(line), "%d %s", status->code, text);
	}
	reply_say(reply, line, sizeof(line));
}

/* What the library, or the clock, says about an end that no server explained. */
static void say_why(struct esmtp *e, struct reply *reply)
{
	char text[128] = "";

	reply->fault = REPLY_LOST;
	if (e->deadline && deadline_is_over(e->deadline)) {
		reply_say(reply, "the server took too long, or said too much", SIZE_MAX);
		return;
	}
	smtp_strerror(smtp_errno(), text, sizeof(text));
	reply_say(reply, *text ? text : "the connection was lost", sizeof(text));
}

/* The library takes what it has for a line when the connection ends, and "250 q" for a whole "250 queued".  A
 * reply counts when its line end was heard. */
static int heard_code(const struct esmtp *e, const smtp_status_t *status)
{
	return e->heard_size > 0 && e->heard[e->heard_size - 1] == '\n' ? status->code : 0;
}

/* A status ends the letter in hand.  421 ends the connection with it: nothing more is added. */
static void end_with(struct esmtp *e, enum reply_stage stage, const smtp_status_t *status)
{
	int code = heard_code(e, status);
	bool is_first = e->current == 0;

	if (code != 0)
		read_status(&e->reply, stage, status);
	else
		say_why(e, &e->reply);
	end_letter(e);
	if (code != 0 && code != 421)
		add_next(e);
	else if (code == 0 || is_first)
		e->report->is_ill = true;
}

static void on_connect(struct esmtp *e)
{
	int64_t until_ms = deadline_clock_ms() + e->settings->setup_ms;

	if (!e->is_dialling)
		return;
	e->is_dialling = false;
	if (deadline_adopt(e->settings->keeper, e->settings->port, until_ms, &e->deadline) != HERALD_OK)
		return; /* not watched, so nothing is begun, and next_piece stops the library */
	e->report->connections++;
	e->report->is_ill = false;
}

static void on_mail_status(struct esmtp *e, const smtp_status_t *status)
{
	if (heard_code(e, status) / 100 == 2) {
		e->reply.stage = REPLY_RCPT;
	} else if (heard_code(e, status) == 421 && e->current > 0) {
		/* "Enough for one connection" is no word about this letter: it is handed back. */
		read_status(&e->reply, REPLY_MAIL, status);
	} else {
		end_with(e, REPLY_MAIL, status);
	}
}

static void on_event(smtp_session_t session, int event, void *argument, ...)
{
	struct esmtp *e = argument;
	const smtp_status_t *status;
	va_list more;

	(void)session;
	if (event == SMTP_EV_CONNECT)
		on_connect(e);
	/* Everything else is about a letter; without one in hand it cannot matter. */
	if (!e->is_begun)
		return;
	va_start(more, argument);
	if (event == SMTP_EV_MAILSTATUS) {
		(void)va_arg(more, const char *);
		on_mail_status(e, smtp_reverse_path_status(va_arg(more, smtp_message_t)));
	} else if (event == SMTP_EV_RCPTSTATUS) {
		(void)va_arg(more, const char *);
		status = smtp_recipient_status(va_arg(more, smtp_recipient_t));
		if (heard_code(e, status) / 100 == 2)
			e->reply.stage = REPLY_DATA;
		else
			end_with(e, REPLY_RCPT, status);
	} else if (event == SMTP_EV_MESSAGESENT) {
		end_with(e, e->reply.stage, smtp_message_transfer_status(va_arg(more, smtp_message_t)));
	}
	va_end(more);
}

/* Make the library overlook the server's offer of CHUNKING, by changing the word's last letter as it comes
 * in: with BDAT the library keeps the last of several replies, so that "452 later" followed by "551 discarded
 * after an earlier error" would read as a refusal for ever.  There is no option for it. */
static void hide_chunking(struct esmtp *e, char *bytes, size_t size)
{
	static const char line[] = "250 CHUNKING";
	enum { LINE_CHARS = sizeof(line) - 1, NEVER = LINE_CHARS + 1 };

	for (size_t i = 0; i < size; i++) {
		char c = bytes[i];

		if (c == '\n') {
			e->hidden = 0;
		} else if (e->hidden < LINE_CHARS) {
			char upper = c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
			bool is_match = upper == line[e->hidden] || (e->hidden == 3 && c == '-');

			e->hidden = is_match ? e->hidden + 1 : NEVER;
			if (e->hidden == LINE_CHARS)
				bytes[i] = '-';
		}
	}
}

static void hear(struct esmtp *e, const char *bytes, size_t size)
{
	e->heard_total += size;
	if (e->heard_total > SETUP_BYTES_MAX && !e->is_begun)
		deadline_cut(e->deadline);
	if (size > HEARD_BYTES) {
		bytes += size - HEARD_BYTES;
		size = HEARD_BYTES;
	}
	size_t kept = e->heard_size < HEARD_BYTES - size ? e->heard_size : HEARD_BYTES - size;
	memmove(e->heard, e->heard + e->heard_size - kept, kept);
	memcpy(e->heard + kept, bytes, size);
	e->heard_size = kept + size;
}

/* Sees what was read before the library looks at it, and what is written before it leaves. */
static void on_bytes(const char *bytes, int size, int direction, void *argument)
{
	static const char mail[] = "MAIL FROM:";
	struct esmtp *e = argument;

	if (size <= 0 || !e->deadline)
		return;
	if (direction == SMTP_CB_READING) {
		hear(e, bytes, (size_t)size);
		hide_chunking(e, (char *)(uintptr_t)bytes, (size_t)size);
		return;
	}
	if (e->is_begun || e->current > 0 || !memmem(bytes, (size_t)size, mail, sizeof(mail) - 1))
		return;
	if (!begin_letter(e)) {
		e->current++;
		deadline_cut(e->deadline);
	}
}

/* The last whole reply that was heard.  What was cut at its beginning is no line: "250-X-1554" must not read
 * as 554. */
static bool read_heard(const struct esmtp *e, struct reply *reply)
{
	const char *begin = e->heard;

	if (e->heard_total > e->heard_size) {
		const char *end = memchr(e->heard, '\n', e->heard_size);

		begin = end ? end + 1 : e->heard + e->heard_size;
	}
	return reply_read(reply, begin, e->heard_size - (size_t)(begin - e->heard));
}

/* The session is over: account for the letter in hand and for those that were never reached. */
static void wind_up(struct esmtp *e)
{
	struct session_report *report = e->report;
	bool is_between = e->reply.stage == REPLY_MAIL && e->current > 0 && !deadline_is_over(e->deadline);

	if (e->is_begun && (e->reply.code != 0 || is_between)) {
		e->is_begun = false; /* handed back */
	} else if (e->is_begun) {
		say_why(e, &e->reply);
		end_letter(e);
		report->is_ill = true;
	} else if (e->current == 0) {
		report->is_ill = true;
	}
	if (report->is_ill && e->reply.code == 421) {
		report->reply = e->reply;
	} else if (report->is_ill) {
		bool is_greeting = e->current == 0;

		report->reply = (struct reply){.stage = is_greeting ? REPLY_GREETING : REPLY_CONNECT};
		if (!is_greeting || !read_heard(e, &report->reply) || report->reply.code < 400) {
			report->reply.code = 0;
			say_why(e, &report->reply);
		}
	}
	report->next = e->current;
}

/* The library's own timeouts are for one read each; they are set so that silence ends no later than the
 * deadline. */
static bool set_up(struct esmtp *e, const char *server)
{
	static const int all[] = {Timeout_GREETING, Timeout_ENVELOPE, Timeout_DATA, Timeout_TRANSFER,
				  Timeout_DATA2};

	if (!smtp_set_server(e->session, server) || !smtp_set_hostname(e->session, e->settings->helo.text) ||
	    !smtp_set_eventcb(e->session, on_event, e) || !smtp_set_monitorcb(e->session, on_bytes, e, 0) ||
	    !smtp_option_require_all_recipients(e->session, 1))
		return false;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		smtp_set_timeout(
			e->session, all[i] | Timeout_OVERRIDE_RFC2822_MINIMUM,
			(long)(all[i] == Timeout_GREETING ? e->settings->setup_ms : e->settings->message_ms));
	return add_letter(e);
}

static void run_at(struct esmtp *e, const char *server)
{
	if (deadline_dial(e->settings->keeper, deadline_clock_ms() + e->settings->setup_ms) != HERALD_OK) {
		reply_say(&e->report->reply, "other connections to the relay do not come about", SIZE_MAX);
		return;
	}
	e->is_dialling = true;
	e->session = smtp_create_session();
	if (e->session && set_up(e, server)) {
		smtp_start_session(e->session);
		if (e->deadline)
			wind_up(e);
		else
			say_why(e, &e->report->reply);
	} else {
		e->report->reply.fault = REPLY_BROKEN;
		reply_say(&e->report->reply, "out of memory", SIZE_MAX);
	}
	if (e->is_dialling)
		deadline_hang_up(e->settings->keeper);
	e->is_dialling = false;
	if (e->session)
		smtp_destroy_session(e->session);
	deadline_free(e->deadline);
}

void session_esmtp_run(const struct session_settings *settings, const struct session_letter *letters,
		       size_t count, const struct session_events *events, struct session_report *ret_report)
{
	const struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
	struct addrinfo *addresses = NULL;
	int tried = 0;

	*ret_report = (struct session_report){.is_ill = true}; /* until connected */
	ret_report->reply = (struct reply){.stage = REPLY_CONNECT, .fault = REPLY_LOST};
	int code = getaddrinfo(settings->host.text, NULL, &hints, &addresses);
	if (code != 0)
		reply_say(&ret_report->reply, gai_strerror(code), SIZE_MAX);
	/* One numeric address at a time: the library would go on to the next without the line (see
	 * deadline.h). */
	for (struct addrinfo *a = addresses; a && tried < ADDRESSES_MAX && ret_report->connections == 0;
	     a = a->ai_next, tried++) {
		struct in_addr ip = ((const struct sockaddr_in *)(const void *)a->ai_addr)->sin_addr;
		char server[INET_ADDRSTRLEN + 8], name[INET_ADDRSTRLEN];
		struct esmtp e = {.settings = settings,
				  .letters = letters,
				  .count = count,
				  .events = events,
				  .report = ret_report};

		if (!settings->is_trusted && ntohl(ip.s_addr) >> 24 != 127) {
			ret_report->reply.fault = REPLY_UNTRUSTED;
			reply_say(&ret_report->reply,
				  "plain text may not leave this host: see trusted_network", SIZE_MAX);
			continue;
		}
		inet_ntop(AF_INET, &ip, name, sizeof(name));
		snprintf(server, sizeof(server), "%s:%u", name, (unsigned)settings->port);
		run_at(&e, server);
	}
	if (addresses)
		freeaddrinfo(addresses);
}

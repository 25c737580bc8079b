/* session.c - the dialogue: EHLO, MAIL, RCPT, DATA, and what may go wrong in between. */
#include "session.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/check.h"
#include "mail.h"

enum { INPUT_BYTES_MAX = 1024 * 1024, OUTPUT_BYTES_MAX = 256 * 1024 };

static const char BARE_NEWLINE[] = "521 5.5.2 a bare LF or CR: lines end with CRLF";

static void reply(struct session *session, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void reply(struct session *session, const char *format, ...)
{
	char line[600];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	herald_addf(&session->output, "%s\r\n", line);
	if (session->output.code != HERALD_OK) /* it asks, and never reads the answers */
		session->state = SESSION_DROPPED;
}

static struct fault *session_fault(struct session *session)
{
	return &session->sandbox->faults.service[SERVICE_EMAIL];
}

/* Does a fault answer at this stage?  Then it has. */
static bool fault_answers(struct session *session, enum smtp_stage stage)
{
	const char *scripted = fault_smtp(session_fault(session), stage);

	if (!scripted)
		return false;
	ledger_faulted(session->sandbox->ledger, SERVICE_EMAIL);
	reply(session, "%s", scripted);
	if (strncmp(scripted, "421", 3) == 0)
		session->state = SESSION_CLOSING;
	return true;
}

static void mail_forget(struct session *session)
{
	herald_builder_done(&session->mail);
	session->has_sender = session->is_8bit = session->was_seen = false;
	session->trouble = NULL;
	session->recipient_count = 0;
}

void session_init(struct session *session, struct sandbox *sandbox)
{
	*session = (struct session){.sandbox = sandbox, .state = SESSION_COMMAND};
	herald_builder_init(&session->input, INPUT_BYTES_MAX);
	herald_builder_init(&session->output, OUTPUT_BYTES_MAX);
	herald_builder_init(&session->mail, SESSION_MAIL_BYTES_MAX);
	if (!fault_answers(session, SMTP_CONNECT))
		reply(session, "220 herald-sandbox ESMTP: nothing leaves this machine");
	else if (session->state == SESSION_COMMAND)
		session->state = SESSION_CLOSING;
}

void session_done(struct session *session)
{
	herald_builder_done(&session->input);
	herald_builder_done(&session->output);
	herald_builder_done(&session->mail);
}

/* "<local@domain>" at *at, into ret_address; *at moves behind it.  Empty is allowed for a sender. */
static bool take_path(const char **at, bool may_be_empty, char ret_address[SESSION_ADDRESS_SIZE])
{
	const char *start = *at, *end = strchr(*at, '>');

	if (*start != '<' || !end || end - start - 1 >= SESSION_ADDRESS_SIZE)
		return false;
	size_t size = (size_t)(end - start - 1);
	memcpy(ret_address, start + 1, size);
	ret_address[size] = '\0';
	*at = end + 1;
	if (size == 0)
		return may_be_empty;
	const char *sign = strrchr(ret_address, '@');
	if (!sign || sign == ret_address || sign[1] == '\0')
		return false;
	for (const char *c = ret_address; *c; c++)
		if ((unsigned char)*c <= ' ' || (unsigned char)*c >= 127)
			return false;
	return true;
}

static void greet(struct session *session, const char *argument, bool is_extended)
{
	if (argument[0] == '\0') {
		reply(session, "501 5.5.4 %s needs a name", is_extended ? "EHLO" : "HELO");
		return;
	}
	mail_forget(session);
	if (fault_answers(session, SMTP_EHLO))
		return;
	session->has_greeted = true;
	if (!is_extended) {
		reply(session, "250 herald-sandbox");
		return;
	}
	reply(session, "250-herald-sandbox");
	reply(session, "250-PIPELINING");
	reply(session, "250-SIZE %d", SESSION_MAIL_BYTES_MAX);
	reply(session, "250-8BITMIME");
	reply(session, "250 ENHANCEDSTATUSCODES");
}

/* One "NAME=value" behind the path.  False: answered. */
static bool take_parameter(struct session *session, const char *parameter)
{
	if (strcasecmp(parameter, "BODY=8BITMIME") == 0) {
		session->is_8bit = true;
	} else if (strncasecmp(parameter, "SIZE=", 5) == 0) {
		size_t digits = strspn(parameter + 5, "0123456789");
		if (digits == 0 || parameter[5 + digits] != '\0') {
			reply(session, "501 5.5.4 SIZE is no number");
			return false;
		}
		if (digits > 9) {
			reply(session, "552 5.3.4 larger than %d bytes", SESSION_MAIL_BYTES_MAX);
			return false;
		}
	} else if (strcasecmp(parameter, "BODY=7BIT") != 0) {
		reply(session, "555 5.5.4 parameter '%.40s' was not offered", parameter);
		return false;
	}
	return true;
}

static void mail_from(struct session *session, const char *argument)
{
	char parameter[64];

	if (!session->has_greeted) {
		reply(session, "503 5.5.1 EHLO first");
	} else if (session->has_sender) {
		reply(session, "503 5.5.1 there is a sender already");
	} else if (strncasecmp(argument, "FROM:", 5) != 0) {
		reply(session, "501 5.5.4 MAIL FROM:<address>");
	} else {
		const char *at = argument + 5;
		if (!take_path(&at, true, session->sender)) {
			reply(session,
			      "553 5.1.7 no sender that can be taken: MAIL FROM:<local@domain>, ASCII only");
			return;
		}
		session->is_8bit = false;
		while (*at == ' ') {
			int size = 0;
			at += strspn(at, " ");
			if (sscanf(at, "%63s%n", parameter, &size) != 1)
				break;
			at += size;
			if (!take_parameter(session, parameter))
				return;
		}
		if (*at) {
			reply(session, "501 5.5.4 what is '%.40s'?", at);
			return;
		}
		if (fault_answers(session, SMTP_MAIL))
			return;
		session->has_sender = true;
		session->request = ++session->sandbox->requests;
		reply(session, "250 2.1.0 ok");
	}
}

static void rcpt_to(struct session *session, const char *argument)
{
	const char *at = argument + 3;

	if (!session->has_sender) {
		reply(session, "503 5.5.1 MAIL first");
	} else if (session->recipient_count == SESSION_RECIPIENTS_MAX) {
		reply(session, "452 4.5.3 more than %d recipients", SESSION_RECIPIENTS_MAX);
	} else if (strncasecmp(argument, "TO:", 3) != 0 ||
		   !take_path(&at, false, session->recipient[session->recipient_count]) || *at) {
		reply(session, "553 5.1.3 no address that can be taken: RCPT TO:<local@domain>, ASCII only");
	} else if (fault_rejects(session_fault(session), session->recipient[session->recipient_count])) {
		ledger_refused(session->sandbox->ledger, SERVICE_EMAIL, session->request,
			       session->recipient[session->recipient_count], "no such user");
		reply(session, "550 5.1.1 no such user here");
	} else if (!fault_answers(session, SMTP_RCPT)) {
		session->recipient_count++;
		reply(session, "250 2.1.5 ok");
	}
}

static void data(struct session *session, const char *argument)
{
	if (argument[0] != '\0') {
		reply(session, "501 5.5.4 DATA takes no argument");
	} else if (!session->has_sender) {
		reply(session, "503 5.5.1 MAIL first");
	} else if (session->recipient_count == 0) {
		reply(session, "554 5.5.1 no valid recipients");
	} else if (session->input.size > 0) {
		reply(session, "503 5.5.1 DATA is the last of a pipelined group: wait for 354");
	} else if (!fault_answers(session, SMTP_DATA)) {
		ledger_request(session->sandbox->ledger, SERVICE_EMAIL);
		session->state = SESSION_DATA;
		reply(session, "354 go ahead, end with <CRLF>.<CRLF>");
	}
}

static void command(struct session *session, const char *line)
{
	size_t verb = strcspn(line, " ");
	const char *argument = line[verb] ? line + verb + 1 : "";
	const struct {
		const char *verb, *reply;
	} fixed[] = {{"NOOP", "250 2.0.0 ok"},
		     {"VRFY", "252 2.1.5 try and see"},
		     {"EXPN", "502 5.5.1 not here"},
		     {"STARTTLS", "502 5.5.1 no TLS here: the sandbox listens on the loopback only"},
		     {"AUTH", "502 5.5.1 no AUTH here, and nothing to protect"}};

	for (size_t i = 0; i < countof(fixed); i++)
		if (strlen(fixed[i].verb) == verb && strncasecmp(line, fixed[i].verb, verb) == 0) {
			reply(session, "%s", fixed[i].reply);
			return;
		}
	if (verb == 4 && strncasecmp(line, "EHLO", 4) == 0) {
		greet(session, argument, true);
	} else if (verb == 4 && strncasecmp(line, "HELO", 4) == 0) {
		greet(session, argument, false);
	} else if (verb == 4 && strncasecmp(line, "MAIL", 4) == 0) {
		mail_from(session, argument);
	} else if (verb == 4 && strncasecmp(line, "RCPT", 4) == 0) {
		rcpt_to(session, argument);
	} else if (verb == 4 && strncasecmp(line, "DATA", 4) == 0) {
		data(session, argument);
	} else if (verb == 4 && strncasecmp(line, "RSET", 4) == 0) {
		mail_forget(session);
		reply(session, "250 2.0.0 ok");
	} else if (verb == 4 && strncasecmp(line, "QUIT", 4) == 0) {
		reply(session, "221 2.0.0 bye");
		session->state = SESSION_CLOSING;
	} else {
		reply(session, "500 5.5.2 what is '%.40s'?", line);
	}
}

static void deliver(struct session *session, const struct mail *mail)
{
	char delivery[MARKER_TEXT_SIZE], marker[MARKER_TEXT_SIZE], in_words[MARKER_TEXT_SIZE], id[24];

	/* An encoding may break a name in the words, so they are asked decoded; the headers as they came. */
	marker_find(mail->text, strlen(mail->text), in_words, marker);
	marker_find(session->mail.data, session->mail.size, delivery, marker[0] ? in_words : marker);
	if (delivery[0] == '\0')
		memcpy(delivery, in_words, sizeof(delivery));
	snprintf(id, sizeof(id), "%lld", (long long)sandbox_number(session->sandbox, clock_wall_ms()));
	for (size_t i = 0; i < session->recipient_count; i++)
		ledger_arrived(session->sandbox->ledger,
			       &(struct arrival){.service = SERVICE_EMAIL,
						 .request = session->request,
						 .to = session->recipient[i],
						 .from = mail->from,
						 .subject = mail->subject,
						 .text = mail->text,
						 .place = mail->message_id,
						 .id = id,
						 .delivery = delivery,
						 .marker = marker},
			       clock_wall_ms());
	if (session->step.kind != FAULT_DROP_AFTER)
		reply(session, "250 2.0.0 taken as %s", id);
}

/* The dot has come, and the latency is over. */
static void mail_end(struct session *session)
{
	struct herald_error err = {.text = ""};
	struct mail mail;

	struct arena *arena = arena_new();
	if (session->step.kind == FAULT_FAIL) {
		reply(session, session->step.status < 500 ? "451 4.3.0 asked for by POST /control"
							  : "554 5.3.0 asked for by POST /control");
	} else if (fault_answers(session, SMTP_DOT)) {
		; /* it has answered */
	} else if (session->mail.code != HERALD_OK) {
		reply(session, "552 5.3.4 larger than %d bytes", SESSION_MAIL_BYTES_MAX);
	} else if (mail_read(arena, session->mail.data, session->mail.size, session->is_8bit, &mail, &err) !=
		   HERALD_OK) {
		ledger_refused(session->sandbox->ledger, SERVICE_EMAIL, session->request,
			       session->recipient[0], err.text);
		reply(session, "554 5.6.0 %s", err.text);
	} else {
		deliver(session, &mail);
	}
	arena_free(arena);
	if (session->step.kind == FAULT_DROP_AFTER)
		session->state = SESSION_DROPPED;
	mail_forget(session);
}

/* The faults decide over the mail as a whole. */
static void dot(struct session *session, int64_t now_ms)
{
	session->state = SESSION_COMMAND;
	session->step = fault_next(session_fault(session), sandbox_dice(session->sandbox));
	if (session->step.kind != FAULT_NONE)
		ledger_faulted(session->sandbox->ledger, SERVICE_EMAIL);
	if (session->step.kind == FAULT_HANG)
		session->state = SESSION_HUNG;
	else if (session->step.kind == FAULT_DROP)
		session->state = SESSION_DROPPED;
	else if (session->step.latency_ms > 0)
		session->due_ms = now_ms + session->step.latency_ms;
	else
		mail_end(session);
}

static void data_line(struct session *session, const char *line, size_t size, int64_t now_ms)
{
	if (size == 1 && line[0] == '.') {
		dot(session, now_ms);
		return;
	}
	if (size > 0 && line[0] == '.') {
		line++;
		size--;
	}
	herald_add_bytes(&session->mail, line, size);
	herald_add_bytes(&session->mail, "\r\n", 2);
}

/* One line with its CRLF out of what came.  False: there is none yet, or the session has ended. */
static bool take_line(struct session *session, size_t *offset, const char **ret_line, size_t *ret_size)
{
	const char *start = session->input.data + *offset;
	size_t left = session->input.size - *offset;
	const char *end = memchr(start, '\n', left);
	size_t size = end ? (size_t)(end - start) : left;

	const char *carriage = memchr(start, '\r', size);
	bool is_bare = end ? carriage != end - 1 : carriage && carriage != start + size - 1;
	if (is_bare) {
		reply(session, "%s", BARE_NEWLINE);
		session->state = SESSION_CLOSING;
		return false;
	}
	if (size > (session->state == SESSION_DATA ? MAIL_LINE_BYTES_MAX + 2 : SESSION_LINE_BYTES_MAX)) {
		reply(session, "500 5.5.6 a line has more bytes than the %d allowed",
		      session->state == SESSION_DATA ? MAIL_LINE_BYTES_MAX : SESSION_LINE_BYTES_MAX);
		session->state = SESSION_CLOSING;
		return false;
	}
	if (!end)
		return false;
	*ret_line = start;
	*ret_size = size - 1;
	*offset += size + 1;
	return true;
}

static bool may_read(const struct session *session)
{
	return (session->state == SESSION_COMMAND || session->state == SESSION_DATA) && session->due_ms == 0;
}

static void input_drop(struct session *session, size_t size)
{
	size_t left = session->input.size - size;

	if (size == 0)
		return;
	memmove(session->input.data, session->input.data + size, left);
	session->input.size = left;
	session->input.data[left] = '\0';
}

static void read_lines(struct session *session, int64_t now_ms)
{
	char text[SESSION_LINE_BYTES_MAX + 1];
	const char *line;
	size_t size, offset = 0;

	while (may_read(session) && take_line(session, &offset, &line, &size)) {
		if (session->state == SESSION_DATA) {
			data_line(session, line, size, now_ms);
			continue;
		}
		memcpy(text, line, size);
		text[size] = '\0';
		input_drop(session, offset); /* DATA asks whether more has come */
		offset = 0;
		if (strlen(text) != size)
			reply(session, "500 5.5.2 there is a NUL byte in it");
		else
			command(session, text);
	}
	input_drop(session, offset);
}

void session_feed(struct session *session, const char *data, size_t size, int64_t now_ms)
{
	if (session->state == SESSION_DATA && !session->was_seen && size > 0) {
		session->was_seen = true;
		ledger_seen(session->sandbox->ledger, SERVICE_EMAIL, session->request, data, size);
	}
	herald_add_bytes(&session->input, data, size);
	if (session->input.code != HERALD_OK)
		session->state = SESSION_DROPPED;
	read_lines(session, now_ms);
}

void session_go_on(struct session *session, int64_t now_ms)
{
	if (session->state == SESSION_HUNG && session_fault(session)->kind != FAULT_HANG)
		session->state = SESSION_DROPPED;
	if (session->due_ms > 0 && now_ms >= session->due_ms) {
		session->due_ms = 0;
		mail_end(session);
		read_lines(session, now_ms);
	}
}

/* http_request.c - what a plugin asks for, held against the rules before anything is done about it. */
#include "host/http_request.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/clock.h"
#include "host/token.h"
#include "base/check.h"

enum { METHOD_BYTES_MAX = 16, TICKETS_MAX = 1000, RETRY_AFTER_S_MAX = 366 * 24 * 3600 };

/* --- texts --- */

static bool is_token(const char *text, size_t max)
{
	size_t length = strspn(text, "!#$%&'*+-.^_`|~0123456789"
				     "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

	return length > 0 && text[length] == '\0' && length <= max;
}

/* No line ends, no controls: what is in a header stays in it. */
static bool is_field_value(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 ? *text != '\t' : *text == 0x7F)
			return false;
	return true;
}

static bool is_url_text(const char *url)
{
	for (; *url; url++)
		if (*url <= ' ' || *url > '~' || *url == '\\' || *url == '#')
			return false;
	return true;
}

/* What the client writes itself, and would otherwise be there twice or disagree. */
static bool is_ours(const char *name)
{
	static const char *const names[] = {"Host",       "Content-Length", "Transfer-Encoding",
					    "Connection", "Expect",         "Upgrade",
					    "TE",         "Trailer",        "Accept-Encoding"};

	for (size_t i = 0; i < countof(names); i++)
		if (strcasecmp(name, names[i]) == 0)
			return true;
	return false;
}

/* --- where it goes --- */

/* As curl will read it: its parser and no other decides what the host is. */
static bool url_split(const char *url, char *ret_scheme, size_t scheme_size, char *ret_host, size_t host_size)
{
	CURLU *handle = curl_url();
	char *scheme = NULL, *host = NULL, *user = NULL;
	bool is_good = handle && curl_url_set(handle, CURLUPART_URL, url, CURLU_DISALLOW_USER) == CURLUE_OK &&
		       curl_url_get(handle, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
		       curl_url_get(handle, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
		       snprintf(ret_scheme, scheme_size, "%s", scheme) < (int)scheme_size &&
		       snprintf(ret_host, host_size, "%s", host) < (int)host_size && host[0];

	if (is_good && curl_url_get(handle, CURLUPART_USER, &user, 0) == CURLUE_OK)
		is_good = false;
	curl_free(scheme);
	curl_free(host);
	curl_free(user);
	curl_url_cleanup(handle);
	return is_good;
}

/* By name only: whether the connection really ends here is decided on the socket address. */
static bool is_loopback_name(const char *host)
{
	return strcasecmp(host, "localhost") == 0 || strcmp(host, "127.0.0.1") == 0 ||
	       strcmp(host, "[::1]") == 0;
}

static bool host_matches(const char *pattern, const char *host)
{
	if (strncmp(pattern, "*.", 2) != 0)
		return strcasecmp(pattern, host) == 0;
	size_t suffix = strlen(pattern + 1), length = strlen(host);
	return length > suffix && strcasecmp(host + length - suffix, pattern + 1) == 0;
}

bool http_host_is_trusted(const struct wire_config *settings, const char *url)
{
	char scheme[16], host[256];

	if (!is_url_text(url) || !url_split(url, scheme, sizeof(scheme), host, sizeof(host)))
		return false;
	if (settings->allow_insecure_loopback && is_loopback_name(host))
		return true;
	if (strcasecmp(scheme, "https") != 0)
		return false;
	for (size_t i = 0; i < settings->token_host_count; i++)
		if (host_matches(settings->token_hosts[i], host))
			return true;
	return false;
}

static enum herald_code url_check(struct http_request *request, const char *url, struct herald_error *err)
{
	char scheme[16], host[256];

	if (!url || strlen(url) > URL_BYTES_MAX)
		return herald_fail(err, HERALD_LIMIT, "a URL of at most %d bytes is needed", URL_BYTES_MAX);
	if (!is_url_text(url) || !url_split(url, scheme, sizeof(scheme), host, sizeof(host)))
		return herald_fail(
			err, HERALD_INVALID,
			"the URL is not absolute, or holds a user, a fragment, a blank or a backslash");
	request->is_plain = strcasecmp(scheme, "http") == 0;
	if (!request->is_plain && strcasecmp(scheme, "https") != 0)
		return herald_fail(err, HERALD_INVALID, "the URL's scheme is %s: only https is spoken",
				   scheme);
	if (request->is_plain && !request->channel->settings.allow_insecure_loopback)
		return herald_fail(
			err, HERALD_DENIED,
			"plain http to %s: only https, or this machine with allow_insecure: loopback", host);
	if (request->is_plain && !is_loopback_name(host))
		return herald_fail(err, HERALD_DENIED,
				   "plain http to %s: allow_insecure means this machine only", host);
	request->is_local = is_loopback_name(host);
	request->url = arena_text(request->arena, url);
	return HERALD_OK;
}

/* --- what it says --- */

static enum herald_code headers_copy(struct http_request *request, const struct herald_http_request *given,
				     struct herald_error *err)
{
	struct herald_field *copies;

	if (given->header_count > REQUEST_FIELDS_MAX)
		return herald_fail(err, HERALD_LIMIT, "%zu headers: at most %d", given->header_count,
				   REQUEST_FIELDS_MAX);
	copies = arena_array_of(request->arena, given->header_count, struct herald_field);
	for (size_t i = 0; i < given->header_count; i++) {
		const char *name = given->headers[i].name, *value = given->headers[i].value;

		if (!name || !is_token(name, 128) || !value || !is_field_value(value))
			return herald_fail(err, HERALD_INVALID, "header %zu is not a name and one line",
					   i + 1);
		if (strlen(value) > REQUEST_FIELD_BYTES_MAX)
			return herald_fail(err, HERALD_LIMIT, "header '%s' is longer than %d bytes", name,
					   REQUEST_FIELD_BYTES_MAX);
		if (is_ours(name) || (given->token && strcasecmp(name, "Authorization") == 0))
			return herald_fail(err, HERALD_INVALID, "header '%s' is written by the host", name);
		copies[i] = (struct herald_field){
			.name = arena_text(request->arena, name),
			.value = arena_text(request->arena, value),
		};
	}
	request->headers = copies;
	request->header_count = given->header_count;
	return HERALD_OK;
}

static enum herald_code content_copy(struct http_request *request, const struct herald_http_request *given,
				     struct herald_error *err)
{
	if (!given->method || !is_token(given->method, METHOD_BYTES_MAX))
		return herald_fail(err, HERALD_INVALID, "the method is not a method");
	bool is_bare = strcmp(given->method, "GET") == 0 || strcmp(given->method, "HEAD") == 0;
	if (is_bare && given->body.size > 0)
		return herald_fail(err, HERALD_INVALID, "%s has no body", given->method);
	if (given->body.size > REQUEST_BODY_BYTES_MAX)
		return herald_fail(err, HERALD_LIMIT, "a body of %zu bytes: at most %d", given->body.size,
				   REQUEST_BODY_BYTES_MAX);
	request->method = arena_text(request->arena, given->method);
	request->body = arena_bytes_copy(request->arena, given->body.data, given->body.size);
	return HERALD_OK;
}

/* --- for whom --- */

static enum herald_code tickets_hold(struct http_request *request, struct herald_ticket *const *handles,
				     size_t count, struct herald_error *err)
{
	if (count > TICKETS_MAX)
		return herald_fail(err, HERALD_LIMIT, "a request for %zu tickets: at most %d", count,
				   TICKETS_MAX);
	request->tickets = arena_array_of(request->arena, count, struct ticket *);
	request->is_moved = arena_array_of(request->arena, count, bool);
	for (size_t i = 0; i < count; i++) {
		struct ticket *ticket = ticket_hold(handles[i]);

		if (!ticket)
			return herald_fail(err, HERALD_CONFLICT, "a ticket is spent: do not send");
		request->tickets[request->ticket_count++] = ticket;
	}
	return HERALD_OK;
}

/* What the plugin allows, at most what is left of the attempt: a little before the watchdog, so that the
 * plugin gets to read the failure. */
static int64_t deadline_of(const struct http_request *request, const struct herald_http_request *given)
{
	int64_t now_ms = clock_mono_ms();
	int64_t allowed_ms =
		given->timeout.ms > 0 ? given->timeout.ms : request->channel->settings.attempt_timeout_ms;

	for (size_t i = 0; i < request->ticket_count; i++) {
		int64_t left_ms = request->tickets[i]->deadline_ms - now_ms;
		left_ms -= left_ms / 10 < 200 ? left_ms / 10 : 200;
		if (left_ms < allowed_ms)
			allowed_ms = left_ms;
	}
	return now_ms + (allowed_ms > 1 ? allowed_ms : 1);
}

static enum herald_code grant_take(struct http_request *request, const struct herald_token *token,
				   struct herald_error *err)
{
	if (!token)
		return HERALD_OK;
	if (!http_host_is_trusted(&request->channel->settings, request->url))
		return herald_fail(err, HERALD_DENIED,
				   "a token would go to %.100s, which is not one of token_hosts",
				   request->url);
	return grant_find(request->channel, token, &request->grant, err);
}

static enum herald_code fill(struct http_request *request, struct herald_ticket *const *tickets, size_t count,
			     const struct herald_http_request *given, struct herald_error *err)
{
	if (given->struct_size < offsetof(struct herald_http_request, flags) + sizeof(given->flags))
		return herald_fail(err, HERALD_INVALID, "struct_size is smaller than in 1.0");
	enum herald_code code = url_check(request, given->url, err);
	if (code == HERALD_OK)
		code = content_copy(request, given, err);
	if (code == HERALD_OK)
		code = headers_copy(request, given, err);
	if (code == HERALD_OK)
		code = grant_take(request, given->token, err);
	if (code == HERALD_OK)
		code = tickets_hold(request, tickets, count, err);
	if (code != HERALD_OK)
		return code;
	request->stage = given->stage;
	request->flags = given->flags;
	request->deadline_ms = deadline_of(request, given);
	return HERALD_OK;
}

enum herald_code http_request_new(struct herald_channel *channel, struct herald_ticket *const *tickets,
				  size_t count, const struct herald_http_request *given,
				  struct http_request **ret_request, struct herald_error *err)
{
	struct arena *arena = arena_new();
	struct http_request *request = arena_new_of(arena, struct http_request);

	request->arena = arena;
	request->channel = channel;
	herald_builder_init(&request->answer, REPLY_BODY_BYTES_MAX);
	enum herald_code code = fill(request, tickets, count, given, err);
	if (code != HERALD_OK) {
		http_request_free(request);
		return code;
	}
	*ret_request = request;
	return HERALD_OK;
}

void http_request_free(struct http_request *request)
{
	if (!request)
		return;
	for (size_t i = 0; i < request->ticket_count; i++)
		ticket_release(request->channel->tickets, request->tickets[i]);
	herald_builder_done(&request->answer);
	arena_free(request->arena);
}

void http_request_off_wire(struct http_request *request)
{
	for (size_t i = 0; i < request->ticket_count; i++) {
		if (request->is_moved[i])
			ticket_off_wire(request->channel->tickets, request->tickets[i]);
		request->is_moved[i] = false;
	}
}

/* --- reading --- */

static int month_of(const char *text)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

	for (int i = 0; i < 12; i++)
		if (strncmp(text, months + (size_t)i * 3, 3) == 0)
			return i;
	return -1;
}

/* IMF-fixdate and the two obsolete forms that a recipient must read. */
static bool date_read(const char *text, int64_t *ret_at_ms)
{
	struct tm parts = {0};
	char month[4] = "", zone[4] = "", day_name[12] = "";
	int year = 0;

	if (sscanf(text, "%*3[A-Za-z], %2d %3[A-Za-z] %4d %2d:%2d:%2d %3s", &parts.tm_mday, month, &year,
		   &parts.tm_hour, &parts.tm_min, &parts.tm_sec, zone) == 7 &&
	    strcmp(zone, "GMT") == 0)
		;
	else if (sscanf(text, "%11[A-Za-z], %2d-%3[A-Za-z]-%2d %2d:%2d:%2d %3s", day_name, &parts.tm_mday,
			month, &year, &parts.tm_hour, &parts.tm_min, &parts.tm_sec, zone) == 8 &&
		 strcmp(zone, "GMT") == 0)
		year += year < 70 ? 2000 : 1900;
	else if (sscanf(text, "%*3[A-Za-z] %3[A-Za-z] %2d %2d:%2d:%2d %4d", month, &parts.tm_mday,
			&parts.tm_hour, &parts.tm_min, &parts.tm_sec, &year) != 6)
		return false;
	parts.tm_mon = month_of(month);
	parts.tm_year = year - 1900;
	if (parts.tm_mon < 0 || year < 1970 || parts.tm_mday < 1 || parts.tm_mday > 31 ||
	    parts.tm_hour > 23 || parts.tm_min > 59 || parts.tm_sec > 60)
		return false;
	*ret_at_ms = (int64_t)timegm(&parts) * 1000;
	return true;
}

int64_t http_retry_after_ms(const char *value, int64_t now_ms)
{
	int64_t seconds = 0, at_ms;
	size_t digits = strspn(value, "0123456789");

	if (digits > 0 && value[digits + strspn(value + digits, " \t")] == '\0') {
		for (size_t i = 0; i < digits && seconds <= RETRY_AFTER_S_MAX; i++)
			seconds = seconds * 10 + (value[i] - '0');
		return (seconds < RETRY_AFTER_S_MAX ? seconds : RETRY_AFTER_S_MAX) * 1000;
	}
	if (!date_read(value, &at_ms) || at_ms <= now_ms)
		return 0;
	return at_ms - now_ms < RETRY_AFTER_S_MAX * INT64_C(1000) ? at_ms - now_ms
								  : RETRY_AFTER_S_MAX * INT64_C(1000);
}

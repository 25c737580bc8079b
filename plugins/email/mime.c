/* mime.c - puts a message together: our headers, the caller's few, the words.
 *
 * Invariant: nothing of the delivery reaches the message except through header.h, body.h and the checks here.
 */
#include "mime.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "body.h"
#include "header.h"

enum { HEADERS_MAX = 32, ID_DIGEST_BYTES = 16 };

/* A delivery id is Crockford base32, '_' and '-' and goes in as it is; anything else goes in as its digest.
 */
static void write_message_id(const char *domain, const char *id,
			     char ret_message_id[MESSAGE_ID_CHARS_MAX + 1])
{
	static const char dot_free_atoms[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
	size_t size = strnlen(id, MAILBOX_LOCAL_CHARS_MAX + 1);
	uint8_t digest[HERALD_SHA256_BYTES];
	char name[2 * ID_DIGEST_BYTES + 1] = "";

	if (size == 0 || size > MAILBOX_LOCAL_CHARS_MAX || strspn(id, dot_free_atoms) != size) {
		herald_sha256(id, strlen(id), digest);
		for (size_t i = 0; i < ID_DIGEST_BYTES; i++)
			snprintf(name + 2 * i, 3, "%02x", (unsigned)digest[i]);
		id = name;
	}
	snprintf(ret_message_id, MESSAGE_ID_CHARS_MAX + 1, "%.*s@%.*s", MAILBOX_LOCAL_CHARS_MAX, id,
		 MESSAGE_ID_DOMAIN_CHARS_MAX, domain);
}

/* RFC 5322 3.3 wants a numeric zone where HTTP writes GMT. */
static void add_date(struct herald_builder *builder, int64_t at_ms)
{
	char date[HERALD_HTTP_DATE_CHARS + 1];

	herald_http_date(at_ms, date);
	herald_addf(builder, "Date: %.*s+0000\r\n", HERALD_HTTP_DATE_CHARS - 3, date);
}

static enum herald_code add_addresses(struct herald_builder *builder, const struct mime_sender *sender,
				      const struct mailbox *to, const struct herald_message *message,
				      struct herald_error *err)
{
	const char *from_name =
		message->from_name && *message->from_name ? message->from_name : sender->from_name;
	struct mailbox reply_to = sender->reply_to;
	struct header_text text;

	if (header_text_read(from_name ? from_name : "", &text, err) != HERALD_OK)
		return herald_within(err, "from_name: ");
	header_add_address(builder, "From", text, &sender->from);
	if (header_text_read(message->name ? message->name : "", &text, err) != HERALD_OK)
		return herald_within(err, "recipient's name: ");
	header_add_address(builder, "To", text, to);
	if (message->reply_to && *message->reply_to &&
	    mailbox_read(message->reply_to, &reply_to, err) != HERALD_OK)
		return herald_within(err, "reply_to: ");
	if (*reply_to.text)
		header_add_address(builder, "Reply-To", (struct header_text){"", 0}, &reply_to);
	return HERALD_OK;
}

static enum herald_code add_callers_headers(struct herald_builder *builder,
					    const struct herald_message *message, struct herald_error *err)
{
	if (message->header_count > HEADERS_MAX)
		return herald_fail(err, HERALD_INVALID, "more than %d headers", HEADERS_MAX);
	for (size_t i = 0; i < message->header_count; i++) {
		struct header_name name;
		struct header_text text;

		if (header_name_read(message->headers[i].name, &name, err) != HERALD_OK)
			return herald_within(err, "header %zu: ", i + 1);
		for (size_t k = 0; k < i; k++)
			if (strcasecmp(message->headers[k].name, name.data) == 0)
				return herald_fail(err, HERALD_INVALID, "header %s is given twice",
						   name.data);
		if (header_text_read(message->headers[i].value, &text, err) != HERALD_OK)
			return herald_within(err, "header %s: ", name.data);
		if (strncasecmp(name.data, "List-", 5) != 0)
			header_add_text(builder, name.data, text);
		else if (header_add_plain(builder, name.data, text, err) != HERALD_OK)
			return herald_within(err, "header %s: ", name.data);
	}
	return HERALD_OK;
}

/* Mail programs show together what names a common ancestor, even one that nobody has. */
static void add_thread(struct herald_builder *builder, const char *domain, const char *correlation_id)
{
	uint8_t digest[HERALD_SHA256_BYTES];

	if (!correlation_id || !*correlation_id)
		return;
	herald_sha256(correlation_id, strlen(correlation_id), digest);
	herald_add(builder, "References: <thread-");
	herald_add_hex(builder, digest, ID_DIGEST_BYTES);
	herald_addf(builder, "@%s>\r\n", domain);
}

/* Plain last but one: RFC 2046 5.1.4, the best form comes last. */
static void add_bodies(struct herald_builder *builder, const struct herald_message *message)
{
	uint8_t digest[HERALD_SHA256_BYTES];
	struct herald_builder boundary;

	herald_add(builder, "MIME-Version: 1.0\r\n");
	if (message->html.size == 0 || message->text.size == 0) {
		bool is_html = message->html.size > 0;

		body_add(builder, is_html ? "html" : "plain", is_html ? message->html : message->text);
		return;
	}
	herald_sha256(message->delivery_id, strlen(message->delivery_id), digest);
	herald_builder_init(&boundary, 64);
	herald_add(&boundary, "=_herald_");
	herald_add_hex(&boundary, digest, ID_DIGEST_BYTES);
	herald_addf(builder, "Content-Type: multipart/alternative;\r\n boundary=\"%s\"\r\n\r\n--%s\r\n",
		    boundary.data, boundary.data);
	body_add(builder, "plain", message->text);
	herald_addf(builder, "\r\n--%s\r\n", boundary.data);
	body_add(builder, "html", message->html);
	herald_addf(builder, "\r\n--%s--\r\n", boundary.data);
	if (boundary.code != HERALD_OK)
		builder->code = HERALD_LIMIT;
	herald_builder_done(&boundary);
}

enum herald_code mime_build(const struct mime_sender *sender, const struct mailbox *to,
			    const struct herald_message *message, struct herald_builder *builder,
			    char ret_message_id[MESSAGE_ID_CHARS_MAX + 1], struct herald_error *err)
{
	char message_id[MESSAGE_ID_CHARS_MAX + 1];
	struct header_text subject;
	enum herald_code code;

	if (message->part_count > 0)
		return herald_fail(err, HERALD_UNSUPPORTED, "this channel sends no attachments");
	if (header_text_read(message->subject ? message->subject : "", &subject, err) != HERALD_OK)
		return herald_within(err, "subject: ");
	write_message_id(sender->id_domain.text, message->delivery_id, message_id);
	add_date(builder, message->first_attempt_at_ms);
	herald_addf(builder, "Message-ID: <%s>\r\n", message_id);
	code = add_addresses(builder, sender, to, message, err);
	if (code != HERALD_OK)
		return code;
	header_add_text(builder, "Subject", subject);
	add_thread(builder, sender->id_domain.text, message->correlation_id);
	herald_add(builder, "Auto-Submitted: auto-generated\r\n");
	code = add_callers_headers(builder, message, err);
	if (code != HERALD_OK)
		return code;
	add_bodies(builder, message);
	if (builder->code != HERALD_OK)
		return herald_fail(err, HERALD_LIMIT, "the message is larger than %zu bytes",
				   builder->size_max);
	memcpy(ret_message_id, message_id, sizeof(message_id));
	return HERALD_OK;
}

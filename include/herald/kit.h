/* kit.h - what every plugin would otherwise write again: errors, bounded text building, encodings, digests.
 *
 * Linked statically into each plugin (target herald::abi, libherald-kit.a) and into the core: a source-level
 * convenience, never part of the binary border.  Nothing here allocates without a maximum, and nothing keeps
 * state. Every function may be called from any thread. */
#ifndef HERALD_KIT_H
#define HERALD_KIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "herald/error.h"
#include "herald/message.h"

/* A text that grows up to a maximum given at birth.  Past it, or out of memory, the builder turns to
 * HERALD_LIMIT and swallows what follows, so that a caller checks once, at the end.  Always 0-terminated,
 * never NULL. */
struct herald_builder {
	char *data; /* "" until the first byte */
	size_t size, capacity, size_max;
	int32_t code; /* HERALD_OK or HERALD_LIMIT */
};

void herald_builder_init(struct herald_builder *builder, size_t size_max);
void herald_builder_done(struct herald_builder *builder);  /* frees; works on a zeroed one */
void herald_builder_clear(struct herald_builder *builder); /* empty, ready for use again */
void herald_add(struct herald_builder *builder, const char *text);
void herald_add_bytes(struct herald_builder *builder, const void *data, size_t size);
void herald_addf(struct herald_builder *builder, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* A JSON string with its quotes; invalid UTF-8 becomes U+FFFD. */
void herald_add_json(struct herald_builder *builder, const char *text);
/* RFC 3986: everything but unreserved characters becomes %XX. */
void herald_add_percent(struct herald_builder *builder, const char *text);
void herald_add_base64(struct herald_builder *builder, const void *data, size_t size);
void herald_add_hex(struct herald_builder *builder, const void *data, size_t size);
/* The text so far, lent until the builder changes; HERALD_LIMIT when it did not fit. */
enum herald_code herald_builder_text(const struct herald_builder *builder, struct herald_text *ret_text,
				     struct herald_error *err);

/* Standard alphabet with padding.  INVALID: not base64; LIMIT: more than size bytes. */
enum herald_code herald_base64_decode(const char *text, void *ret_data, size_t size, size_t *ret_size,
				      struct herald_error *err);

enum { HERALD_SHA256_BYTES = 32, HERALD_UUID_CHARS = 36, HERALD_HTTP_DATE_CHARS = 29 };

void herald_sha256(const void *data, size_t size, uint8_t ret_digest[HERALD_SHA256_BYTES]);
void herald_hmac_sha256(const void *key, size_t key_size, const void *data, size_t size,
			uint8_t ret_digest[HERALD_SHA256_BYTES]);

/* RFC 9562 5.5, over a name space and a name; ret_text is lower case with dashes and a 0. */
void herald_uuid5(const uint8_t space[16], const char *name, char ret_text[HERALD_UUID_CHARS + 1]);

/* IMF-fixdate, RFC 9110 5.6.7: "Tue, 24 Nov 2026 03:54:42 GMT".  Independent of the process's locale. */
void herald_http_date(int64_t at_ms, char ret_text[HERALD_HTTP_DATE_CHARS + 1]);

bool herald_utf8_valid(const char *data, size_t size); /* RFC 3629: no surrogates, no overlong forms */

#endif

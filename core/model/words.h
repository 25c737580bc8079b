/* words.h - what is said, rendered: fixed when the plan is made, stored once, sent the same on every attempt.
 *
 * The encoded form is what the store keeps in a body row and what travels to the channel process untouched: a
 * format byte, then fields.  Reading is bounded and never trusts a length. */
#ifndef MODEL_WORDS_H
#define MODEL_WORDS_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "herald/error.h"
#include "herald/message.h"

enum words_format { WORDS_PLAIN = 0 }; /* 1: sealed with AES-256-GCM, comes later */

struct words {
	const char *subject; /* "" when absent, never NULL; UTF-8 without 0 */
	struct herald_text text, html, card, json;
	const char *reply_to, *from_name;
	const struct herald_field *headers;
	size_t header_count;
};

/* Encode into the arena.  LIMIT: more than WORDS_BYTES_MAX. */
enum herald_code words_encode(const struct words *words, struct arena *arena, struct herald_text *ret_blob,
			      struct herald_error *err);
/* Texts point into blob, which must outlive them; arrays are in the arena.  CORRUPT: not ours. */
enum herald_code words_decode(struct herald_text blob, struct arena *arena, struct words *ret_words,
			      struct herald_error *err);

#endif

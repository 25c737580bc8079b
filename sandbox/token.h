/* token.h - bearer tokens in the shape of a JWT, signed with a key of this process: nothing to remember, and
 * a token of another process, of another audience or past its end is refused with the reason.  Pure. */
#ifndef SANDBOX_TOKEN_H
#define SANDBOX_TOKEN_H

#include <stddef.h>
#include <stdint.h>

#include "herald/error.h"
#include "herald/kit.h"

enum { TOKEN_SUBJECT_SIZE = 256, TOKEN_BYTES_MAX = 2048 };

/* audience: "bot" or "chat".  subject: whose it is. */
void token_make(struct herald_builder *builder, const char *audience, const char *subject, int64_t expires_ms,
		int64_t generation, const void *key, size_t key_size);

/* DENIED: says why.  authorization is the header's value, NULL when it is absent. */
enum herald_code token_check(const char *authorization, const char *audience, int64_t generation,
			     int64_t now_ms, const void *key, size_t key_size,
			     char ret_subject[TOKEN_SUBJECT_SIZE], struct herald_error *err);

#endif

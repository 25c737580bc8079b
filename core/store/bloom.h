/* bloom.h - "was this key ever seen?" in bounded memory: a yes may be wrong, a no never is.  One thread. */
#ifndef STORE_BLOOM_H
#define STORE_BLOOM_H

#include <stdbool.h>
#include <stdint.h>

enum { KEY_HASH_BYTES = 16 };

struct bloom;

struct bloom *bloom_new(void);
void bloom_free(struct bloom *bloom); /* NULL is fine */
void bloom_add(struct bloom *bloom, const uint8_t key[KEY_HASH_BYTES]);
bool bloom_may_hold(const struct bloom *bloom, const uint8_t key[KEY_HASH_BYTES]); /* NULL: no */

#endif

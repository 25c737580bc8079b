/* encode.c - encodings and digests as the protocols of our providers want them, bit for bit.
 *
 * Invariant: output depends on the arguments alone: no locale, no time zone, no state. */
#include "herald/kit.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char base64_alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Bytes of the valid UTF-8 character at data, 1 to 4; 0: none is valid here. */
static size_t character_size(const unsigned char *data, size_t size)
{
	unsigned char first = data[0];

	if (first < 0x80)
		return 1;
	size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
	if (first < 0xC2 || first > 0xF4 || length > size)
		return 0;
	/* The second byte alone tells overlong forms, surrogates and what lies above U+10FFFF. */
	unsigned char least = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
	unsigned char most = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
	if (data[1] < least || data[1] > most)
		return 0;
	for (size_t i = 2; i < length; i++)
		if ((data[i] & 0xC0) != 0x80)
			return 0;
	return length;
}

bool herald_utf8_valid(const char *data, size_t size)
{
	size_t at = 0;

	while (at < size) {
		size_t length = character_size((const unsigned char *)data + at, size - at);
		if (length == 0)
			return false;
		at += length;
	}
	return true;
}

/* The characters that JSON wants escaped; true when c was one of them. */
static bool add_json_escape(struct herald_builder *builder, unsigned char c)
{
	static const char short_names[] = "\"\"\\\\\bb\ff\nn\rr\tt";

	for (size_t i = 0; i + 1 < sizeof(short_names); i += 2)
		if ((unsigned char)short_names[i] == c) {
			herald_add_bytes(builder, (const char[]){'\\', short_names[i + 1]}, 2);
			return true;
		}
	if (c < 0x20)
		herald_addf(builder, "\\u%04x", c);
	return c < 0x20;
}

void herald_add_json(struct herald_builder *builder, const char *text)
{
	size_t size = strlen(text), at = 0, plain = 0;

	herald_add_bytes(builder, "\"", 1);
	while (at < size) {
		unsigned char c = (unsigned char)text[at];
		size_t length = character_size((const unsigned char *)text + at, size - at);
		if (length > 0 && c >= 0x20 && c != '"' && c != '\\') {
			at += length;
			continue;
		}
		herald_add_bytes(builder, text + plain, at - plain);
		if (length == 0)
			herald_add(builder, "\xEF\xBF\xBD");
		else
			add_json_escape(builder, c);
		plain = ++at;
	}
	herald_add_bytes(builder, text + plain, at - plain);
	herald_add_bytes(builder, "\"", 1);
}

void herald_add_percent(struct herald_builder *builder, const char *text)
{
	static const char digits[] = "0123456789ABCDEF";

	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		bool is_alnum = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
		if (is_alnum || c == '-' || c == '.' || c == '_' || c == '~')
			herald_add_bytes(builder, text, 1);
		else
			herald_add_bytes(builder, (const char[]){'%', digits[c >> 4], digits[c & 15]}, 3);
	}
}

void herald_add_base64(struct herald_builder *builder, const void *data, size_t size)
{
	const uint8_t *from = data;

	for (size_t i = 0; i < size; i += 3) {
		size_t have = size - i < 3 ? size - i : 3;
		uint32_t bits = (uint32_t)from[i] << 16;
		if (have > 1)
			bits |= (uint32_t)from[i + 1] << 8;
		if (have > 2)
			bits |= from[i + 2];
		char out[4] = {base64_alphabet[bits >> 18], base64_alphabet[bits >> 12 & 63],
			       have > 1 ? base64_alphabet[bits >> 6 & 63] : '=',
			       have > 2 ? base64_alphabet[bits & 63] : '='};
		herald_add_bytes(builder, out, sizeof(out));
	}
}

void herald_add_hex(struct herald_builder *builder, const void *data, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *from = data;

	for (size_t i = 0; i < size; i++)
		herald_add_bytes(builder, (const char[]){digits[from[i] >> 4], digits[from[i] & 15]}, 2);
}

enum herald_code herald_base64_decode(const char *text, void *ret_data, size_t size, size_t *ret_size,
				      struct herald_error *err)
{
	size_t length = strlen(text), written = 0;
	uint8_t *to = ret_data;

	if (length % 4 != 0)
		return herald_fail(err, HERALD_INVALID, "not base64: the length is no multiple of 4");
	size_t padding = length == 0 ? 0 : (size_t)(text[length - 1] == '=') + (text[length - 2] == '=');
	if (length / 4 * 3 - padding > size)
		return herald_fail(err, HERALD_LIMIT, "more than %zu bytes of base64", size);
	for (size_t i = 0; i < length; i += 4) {
		size_t have = i + 4 == length ? 4 - padding : 4;
		uint32_t bits = 0;
		for (size_t j = 0; j < 4; j++) {
			const char *at = j < have ? strchr(base64_alphabet, text[i + j]) : base64_alphabet;
			if (!at)
				return herald_fail(err, HERALD_INVALID,
						   "not base64: wrong character at position %zu", i + j);
			bits = bits << 6 | (uint32_t)(at - base64_alphabet);
		}
		for (size_t j = 0; j + 1 < have; j++)
			to[written++] = (uint8_t)(bits >> (16 - 8 * j));
	}
	*ret_size = written;
	return HERALD_OK;
}

/* libcrypto fails here only without memory or without its default provider: nothing a caller could mend,
 * and a wrong digest would be worse than a restart. */
static void insist(bool ok)
{
	if (!ok)
		abort();
}

void herald_sha256(const void *data, size_t size, uint8_t ret_digest[HERALD_SHA256_BYTES])
{
	insist(SHA256(size > 0 ? data : "", size, ret_digest) != NULL);
}

void herald_hmac_sha256(const void *key, size_t key_size, const void *data, size_t size,
			uint8_t ret_digest[HERALD_SHA256_BYTES])
{
	uint8_t short_key[HERALD_SHA256_BYTES];

	/* HMAC takes the key's size as int; a key longer than a block is replaced by its digest anyway. */
	if (key_size > 64) {
		herald_sha256(key, key_size, short_key);
		key = short_key;
		key_size = sizeof(short_key);
	}
	insist(HMAC(EVP_sha256(), key_size > 0 ? key : "", (int)key_size, size > 0 ? data : (const void *)"",
		    size, ret_digest, NULL) != NULL);
}

void herald_uuid5(const uint8_t space[16], const char *name, char ret_text[HERALD_UUID_CHARS + 1])
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	size_t at = 0;

	insist(context != NULL);
	insist(EVP_DigestInit_ex(context, EVP_sha1(), NULL) == 1 &&
	       EVP_DigestUpdate(context, space, 16) == 1 &&
	       EVP_DigestUpdate(context, name, strlen(name)) == 1 &&
	       EVP_DigestFinal_ex(context, digest, NULL) == 1);
	EVP_MD_CTX_free(context);
	digest[6] = (uint8_t)((digest[6] & 0x0F) | 0x50);
	digest[8] = (uint8_t)((digest[8] & 0x3F) | 0x80);
	for (size_t i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			ret_text[at++] = '-';
		ret_text[at++] = "0123456789abcdef"[digest[i] >> 4];
		ret_text[at++] = "0123456789abcdef"[digest[i] & 15];
	}
	ret_text[at] = '\0';
}

void herald_http_date(int64_t at_ms, char ret_text[HERALD_HTTP_DATE_CHARS + 1])
{
	static const int64_t last_s = 253402300799; /* 9999-12-31T23:59:59Z: the form has four digits */
	static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	int64_t at_s = at_ms < 0 ? 0 : at_ms / 1000;
	time_t when = (time_t)(at_s > last_s ? last_s : at_s);
	struct tm parts;

	insist(gmtime_r(&when, &parts) != NULL);
	snprintf(ret_text, HERALD_HTTP_DATE_CHARS + 1, "%.3s, %02u %.3s %04u %02u:%02u:%02u GMT",
		 days + 3 * (size_t)parts.tm_wday, (unsigned)parts.tm_mday % 100u,
		 months + 3 * (size_t)parts.tm_mon, ((unsigned)parts.tm_year + 1900u) % 10000u,
		 (unsigned)parts.tm_hour % 100u, (unsigned)parts.tm_min % 100u,
		 (unsigned)parts.tm_sec % 100u);
}

/* sandbox.h - what the rooms of one sandbox share, and the door of each service. */
#ifndef SANDBOX_SANDBOX_H
#define SANDBOX_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "exchange.h"
#include "fault.h"
#include "ledger.h"

enum { ACCESS_KEY_BYTES_MAX = 256, PROCESS_KEY_BYTES = 32, CREDENTIAL_SIZE = 128 };

struct repeats;
struct threads;

struct sandbox {
	struct ledger *ledger;
	struct fault_table faults;
	struct repeats *repeats; /* SMS */
	struct threads *threads; /* chat */
	uint8_t access_key[ACCESS_KEY_BYTES_MAX];
	size_t access_key_size;
	uint8_t process_key[PROCESS_KEY_BYTES]; /* signs the tokens that this process gives out */
	char client_id[CREDENTIAL_SIZE], client_secret[CREDENTIAL_SIZE]; /* "" takes any */
	int64_t token_lifetime_s;
	int64_t requests;   /* counts them all */
	int64_t numbers;    /* counts the ids given out */
	uint64_t dice;      /* state of the generator */
	char http_base[80]; /* "http://127.0.0.1:8480" */
};

/* Evenly spread; for faults only. */
uint64_t sandbox_dice(struct sandbox *sandbox);
/* A number that no two answers share: milliseconds, then a count. */
int64_t sandbox_number(struct sandbox *sandbox, int64_t now_ms);

/* Whose request is it?  False: nobody's, or our own pages' (control). */
bool sandbox_service_of(const struct exchange *exchange, enum service *ret_service, bool *ret_delivers);

/* Each answers the exchange. */
void token_handle(struct sandbox *sandbox, struct exchange *exchange);
void connector_handle(struct sandbox *sandbox, struct exchange *exchange);
void sms_handle(struct sandbox *sandbox, struct exchange *exchange);
void identity_handle(struct sandbox *sandbox, struct exchange *exchange);
void chat_handle(struct sandbox *sandbox, struct exchange *exchange);
void control_handle(struct sandbox *sandbox, struct exchange *exchange);

struct repeats *repeats_new(void);
void repeats_free(struct repeats *repeats);
struct threads *threads_new(void);
void threads_free(struct threads *threads);
void threads_clear(struct threads *threads);

/* Signed with the access key, for a version that is published; else answered. */
bool sandbox_signed(struct sandbox *sandbox, struct exchange *exchange);

#endif

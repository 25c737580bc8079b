/* fault.h - faults that a developer asks for: what is broken in each service, for how many requests.
 *
 * Pure: facts in, a step out; the dice are an argument.  POST /control carries the JSON that fault_read
 *takes:
 *
 *	{"channel": "sms", "fail": {"status": 429, "retry_after": 2, "count": 3}}
 *	{"channel": "bot", "fail": {"status": 403, "code": "ConversationBlockedByUser"}, "fraction": 0.1}
 *	{"channel": "all", "latency_ms": 50}
 *	{"channel": "chat", "hang": {"count": 1}}
 *	{"channel": "bot", "drop": {"count": 1, "after": true}}         delivered, but the answer is lost
 *	{"channel": "sms", "reject_address": ["+15550100"]}
 *	{"channel": "email", "smtp": "451 4.7.1 try later", "at": "rcpt", "count": 2}
 *	{"channel": "token", "expire": true}                            tokens given out so far end
 *	{"channel": "all", "clear": true}
 *
 * A field that is named replaces what was there; others stay.  Without "count" a fault lasts until it is
 *cleared. Only one of fail, hang and drop is in force: the last that was asked for. */
#ifndef SANDBOX_FAULT_H
#define SANDBOX_FAULT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "herald/error.h"
#include "service.h"

enum {
	FAULT_ADDRESSES_MAX = 32,
	FAULT_ADDRESS_SIZE = 256,
	FAULT_CODE_SIZE = 64,
	FAULT_REPLY_SIZE = 200,
	FAULT_LATENCY_MS_MAX = 600 * 1000,
	FAULT_SCALE = 1000000
};

enum fault_kind { FAULT_NONE = 0, FAULT_FAIL, FAULT_HANG, FAULT_DROP, FAULT_DROP_AFTER };
enum smtp_stage { SMTP_CONNECT = 0, SMTP_EHLO, SMTP_MAIL, SMTP_RCPT, SMTP_DATA, SMTP_DOT };

struct fault {
	enum fault_kind kind;
	int64_t left;      /* requests that it still hits; -1: all */
	int64_t per_scale; /* of FAULT_SCALE requests so many are hit */
	int status, retry_after_s;
	char code[FAULT_CODE_SIZE];
	int64_t latency_ms;
	char rejected[FAULT_ADDRESSES_MAX][FAULT_ADDRESS_SIZE];
	int rejected_count;
	char reply[FAULT_REPLY_SIZE]; /* SMTP; "" none */
	enum smtp_stage at;
	int64_t reply_left;
};

struct fault_table {
	struct fault service[SERVICE_COUNT];
	int64_t generation; /* rises when tokens end */
};

/* What happens to one request; the texts are lent from the table. */
struct fault_step {
	enum fault_kind kind;
	int status, retry_after_s;
	const char *code;
	int64_t latency_ms;
};

void fault_table_init(struct fault_table *table);

/* INVALID: nothing is changed; the text names the field. */
enum herald_code fault_read(struct fault_table *table, const json_t *control, struct herald_error *err);

/* Counts one request.  dice: any number, evenly spread. */
struct fault_step fault_next(struct fault *fault, uint64_t dice);

/* The reply that this stage of an SMTP session must give, NULL for its own; counts. */
const char *fault_smtp(struct fault *fault, enum smtp_stage stage);

bool fault_rejects(const struct fault *fault, const char *address);

/* What is in force, as an object by service.  The caller owns it. */
json_t *fault_show(const struct fault_table *table);

#endif

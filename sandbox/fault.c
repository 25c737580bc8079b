/* fault.c - the script of faults.  A request is decided here once, before any service sees it, so that no
 * service has a line about faults of its own (but for the addresses and replies that only it can judge). */
#include "fault.h"

#include <ctype.h>
#include <string.h>

#include "shape.h"

#include "base/check.h"

static const char *const STAGES[] = {"connect", "ehlo", "mail", "rcpt", "data", "dot"};

static const struct shape_field CONTROL[] = {
	{.name = "channel", .kind = SHAPE_TEXT, .is_required = true},
	{.name = "fail", .kind = SHAPE_OBJECT},
	{.name = "hang", .kind = SHAPE_OBJECT},
	{.name = "drop", .kind = SHAPE_OBJECT},
	{.name = "fraction", .kind = SHAPE_ANY},
	{.name = "latency_ms", .kind = SHAPE_INTEGER, .min = 0, .max = FAULT_LATENCY_MS_MAX},
	{.name = "reject_address", .kind = SHAPE_ANY},
	{.name = "smtp", .kind = SHAPE_TEXT, .min = 0, .max = FAULT_REPLY_SIZE - 1},
	{.name = "at", .kind = SHAPE_TEXT},
	{.name = "count", .kind = SHAPE_INTEGER, .min = 1},
	{.name = "expire", .kind = SHAPE_BOOL},
	{.name = "clear", .kind = SHAPE_BOOL},
};
static const struct shape_field FAIL[] = {
	{.name = "status", .kind = SHAPE_INTEGER, .is_required = true, .min = 400, .max = 599},
	{.name = "retry_after", .kind = SHAPE_INTEGER, .min = 0, .max = 86400},
	{.name = "code", .kind = SHAPE_TEXT, .min = 1, .max = FAULT_CODE_SIZE - 1},
	{.name = "count", .kind = SHAPE_INTEGER, .min = 1},
};
static const struct shape_field BREAK[] = {
	{.name = "count", .kind = SHAPE_INTEGER, .min = 1},
	{.name = "after", .kind = SHAPE_BOOL},
};

static void fault_clear(struct fault *fault)
{
	*fault = (struct fault){.left = -1, .per_scale = FAULT_SCALE, .reply_left = -1};
}

void fault_table_init(struct fault_table *table)
{
	for (int i = 0; i < SERVICE_COUNT; i++)
		fault_clear(&table->service[i]);
	table->generation = 1;
}

static int64_t count_of(const json_t *object)
{
	const json_t *count = json_object_get(object, "count");
	return count ? json_integer_value(count) : -1;
}

static enum herald_code read_kind(struct fault *fault, const json_t *control, struct herald_error *err)
{
	const json_t *fail = json_object_get(control, "fail");
	const json_t *hang = json_object_get(control, "hang");
	const json_t *drop = json_object_get(control, "drop");

	if (fail && shape_check(fail, FAIL, countof(FAIL), "fail.", err) != HERALD_OK)
		return HERALD_INVALID;
	if (hang && shape_check(hang, BREAK, 1, "hang.", err) != HERALD_OK)
		return HERALD_INVALID;
	if (drop && shape_check(drop, BREAK, countof(BREAK), "drop.", err) != HERALD_OK)
		return HERALD_INVALID;
	if ((fail != NULL) + (hang != NULL) + (drop != NULL) > 1)
		return herald_fail(err, HERALD_INVALID, "fail, hang and drop exclude each other");
	if (fail) {
		fault->kind = FAULT_FAIL;
		fault->status = (int)json_integer_value(json_object_get(fail, "status"));
		fault->retry_after_s = (int)json_integer_value(json_object_get(fail, "retry_after"));
		memset(fault->code, 0, sizeof(fault->code));
		memcpy(fault->code, shape_text(fail, "code"),
		       strnlen(shape_text(fail, "code"), sizeof(fault->code) - 1));
		fault->left = count_of(fail);
	} else if (hang) {
		fault->kind = FAULT_HANG;
		fault->left = count_of(hang);
	} else if (drop) {
		fault->kind = json_is_true(json_object_get(drop, "after")) ? FAULT_DROP_AFTER : FAULT_DROP;
		fault->left = count_of(drop);
	}
	return HERALD_OK;
}

static enum herald_code add_rejected(struct fault *fault, const json_t *value, struct herald_error *err)
{
	const char *address = json_string_value(value);

	if (!address || address[0] == '\0' || strlen(address) >= FAULT_ADDRESS_SIZE)
		return herald_fail(err, HERALD_INVALID,
				   "reject_address: must be a string of 1 to %d bytes, or a list of them",
				   FAULT_ADDRESS_SIZE - 1);
	if (fault->rejected_count == FAULT_ADDRESSES_MAX)
		return herald_fail(err, HERALD_LIMIT, "reject_address: %d addresses at most",
				   FAULT_ADDRESSES_MAX);
	memcpy(fault->rejected[fault->rejected_count++], address, strlen(address) + 1);
	return HERALD_OK;
}

static enum herald_code read_rejected(struct fault *fault, const json_t *value, struct herald_error *err)
{
	if (!value)
		return HERALD_OK;
	memset(fault->rejected, 0, sizeof(fault->rejected));
	fault->rejected_count = 0;
	if (!json_is_array(value))
		return add_rejected(fault, value, err);
	for (size_t i = 0; i < json_array_size(value); i++) {
		enum herald_code code = add_rejected(fault, json_array_get(value, i), err);
		if (code != HERALD_OK)
			return code;
	}
	return HERALD_OK;
}

static enum herald_code read_reply(struct fault *fault, const json_t *control, struct herald_error *err)
{
	const char *reply = json_string_value(json_object_get(control, "smtp"));
	const char *at = json_string_value(json_object_get(control, "at"));

	if (!reply)
		return at ? herald_fail(err, HERALD_INVALID, "at: stands only beside smtp") : HERALD_OK;
	bool is_reply = strlen(reply) >= 4 && strchr("245", reply[0]) && isdigit((unsigned char)reply[1]) &&
			isdigit((unsigned char)reply[2]) && reply[3] == ' ';
	if (reply[0] != '\0' && (!is_reply || strpbrk(reply, "\r\n")))
		return herald_fail(err, HERALD_INVALID,
				   "smtp: must be one reply line like '451 4.7.1 try later', or ''");
	memset(fault->reply, 0, sizeof(fault->reply));
	memcpy(fault->reply, reply, strnlen(reply, sizeof(fault->reply) - 1));
	fault->reply_left = count_of(control);
	fault->at = SMTP_RCPT;
	if (!at)
		return HERALD_OK;
	for (size_t i = 0; i < countof(STAGES); i++)
		if (strcmp(STAGES[i], at) == 0) {
			fault->at = (enum smtp_stage)i;
			return HERALD_OK;
		}
	return herald_fail(err, HERALD_INVALID, "at: must be connect, ehlo, mail, rcpt, data or dot");
}

static enum herald_code read_one(struct fault *fault, const json_t *control, struct herald_error *err)
{
	const json_t *fraction = json_object_get(control, "fraction");
	const json_t *latency = json_object_get(control, "latency_ms");

	if (json_is_true(json_object_get(control, "clear")))
		fault_clear(fault);
	enum herald_code code = read_kind(fault, control, err);
	if (code == HERALD_OK)
		code = read_rejected(fault, json_object_get(control, "reject_address"), err);
	if (code == HERALD_OK)
		code = read_reply(fault, control, err);
	if (code != HERALD_OK)
		return code;
	if (fraction) {
		double value = json_number_value(fraction);
		if (!json_is_number(fraction) || value < 0 || value > 1)
			return herald_fail(err, HERALD_INVALID, "fraction: must be a number from 0 to 1");
		fault->per_scale = (int64_t)(value * FAULT_SCALE + 0.5);
	}
	if (latency)
		fault->latency_ms = json_integer_value(latency);
	return HERALD_OK;
}

enum herald_code fault_read(struct fault_table *table, const json_t *control, struct herald_error *err)
{
	struct fault_table changed = *table;
	enum service one = SERVICE_BOT;

	if (shape_check(control, CONTROL, countof(CONTROL), "", err) != HERALD_OK)
		return HERALD_INVALID;
	const char *name = shape_text(control, "channel");
	bool is_all = strcmp(name, "all") == 0;
	if (!is_all && !service_parse(name, &one))
		return herald_fail(err, HERALD_INVALID,
				   "channel: must be bot, chat, sms, email, token, identity or all");
	for (int i = 0; i < SERVICE_COUNT; i++) {
		if (!is_all && i != (int)one)
			continue;
		enum herald_code code = read_one(&changed.service[i], control, err);
		if (code != HERALD_OK)
			return code;
	}
	if (json_is_true(json_object_get(control, "expire")))
		changed.generation++;
	*table = changed;
	return HERALD_OK;
}

/* Does it hit this request?  Counts if so. */
static bool take_one(int64_t *left)
{
	if (*left == 0)
		return false;
	if (*left > 0)
		--*left;
	return true;
}

struct fault_step fault_next(struct fault *fault, uint64_t dice)
{
	struct fault_step step = {.kind = FAULT_NONE, .code = "", .latency_ms = fault->latency_ms};

	if (fault->kind == FAULT_NONE || (int64_t)(dice % FAULT_SCALE) >= fault->per_scale ||
	    !take_one(&fault->left))
		return step;
	step.kind = fault->kind;
	step.status = fault->status;
	step.retry_after_s = fault->retry_after_s;
	step.code = fault->code;
	return step;
}

const char *fault_smtp(struct fault *fault, enum smtp_stage stage)
{
	if (fault->reply[0] == '\0' || fault->at != stage || !take_one(&fault->reply_left))
		return NULL;
	return fault->reply;
}

bool fault_rejects(const struct fault *fault, const char *address)
{
	for (int i = 0; i < fault->rejected_count; i++)
		if (strcmp(fault->rejected[i], address) == 0)
			return true;
	return false;
}

static const char *kind_name(enum fault_kind kind)
{
	switch (kind) {
	case FAULT_NONE:
		break;
	case FAULT_FAIL:
		return "fail";
	case FAULT_HANG:
		return "hang";
	case FAULT_DROP:
		return "drop";
	case FAULT_DROP_AFTER:
		return "drop_after";
	}
	return "none";
}

static json_t *show_one(const struct fault *fault)
{
	json_t *rejected = json_array();
	for (int i = 0; i < fault->rejected_count; i++)
		json_array_append_new(rejected, json_string(fault->rejected[i]));
	return json_pack("{s:s, s:I, s:i, s:i, s:s, s:f, s:I, s:o, s:s, s:s, s:I}", "fault",
			 kind_name(fault->kind), "left", (json_int_t)fault->left, "status", fault->status,
			 "retry_after", fault->retry_after_s, "code", fault->code, "fraction",
			 (double)fault->per_scale / FAULT_SCALE, "latency_ms", (json_int_t)fault->latency_ms,
			 "reject_address", rejected, "smtp", fault->reply, "at", STAGES[fault->at],
			 "smtp_left", (json_int_t)fault->reply_left);
}

json_t *fault_show(const struct fault_table *table)
{
	json_t *all = json_object();
	for (int i = 0; i < SERVICE_COUNT; i++)
		json_object_set_new(all, service_name((enum service)i), show_one(&table->service[i]));
	return all;
}

/* bad.c - plugins that break one rule of loading each: built once per rule, with BAD set to its number. */
#include "herald/channel.h"

enum bad {
	BAD_MAJOR = 1, /* herald_channel_v2 */
	BAD_SYMBOL,
	BAD_NULL,
	BAD_ABI,
	BAD_SHORT,
	BAD_NAME,
	BAD_KIND,
	BAD_VERSION,
	BAD_SUMMARY,
	BAD_FLAGS,
	BAD_SERIAL,
	BAD_OPEN,
	BAD_CLOSE,
	BAD_NO_SEND,
	BAD_TWO_SENDS,
	BAD_BATCH,
	BAD_BATCH_BY,
	BAD_IDEMPOTENT,
	BAD_METER,
	BAD_STRIDE,
	BAD_TWICE,
	BAD_OFFSET,
	BAD_HELP,
	BAD_FALLBACK,
	BAD_BOUNDS,
	BAD_UNDEFINED, /* a symbol that nobody has */
};

struct bad_config {
	const char *one;
	int64_t two;
};

static const struct herald_option options[] = {
	HERALD_OPTION(struct bad_config, one, 0, "", "The first."),
	{
		.name = BAD == BAD_TWICE ? "one" : "two",
		.type = HERALD_OPTION_INT,
		.offset = BAD == BAD_OFFSET ? 4096 : offsetof(struct bad_config, two),
		.fallback = BAD == BAD_FALLBACK ? "many" : "3",
		.least = BAD == BAD_BOUNDS ? "9" : "1",
		.most = "5",
		.help = BAD == BAD_HELP ? NULL : "The second.",
	},
};

static const struct herald_meter meters[] = {
	{"bad_things", BAD == BAD_METER ? "" : "Things that were bad.", 1}};

static enum herald_code bad_open(const struct herald_host *host, struct herald_channel *channel,
				 const void *config, void **ret_self, struct herald_error *err)
{
	(void)host, (void)channel, (void)config, (void)err;
	*ret_self = (void *)&options;
	return HERALD_OK;
}

static void bad_close(void *self)
{
	(void)self;
}

#if BAD == 26 /* BAD_UNDEFINED: the preprocessor knows no enum */
extern void nobody_has_this(void);
#endif

static enum herald_sent bad_send(void *self, const struct herald_job *job, struct herald_outcome *outcome)
{
	(void)self, (void)job;
#if BAD == 26
	nobody_has_this();
#endif
	outcome->verdict = HERALD_DELIVERED;
	return HERALD_NOW;
}

static void bad_send_batch(void *self, const struct herald_job *const *jobs, size_t count)
{
	(void)self, (void)jobs, (void)count;
}

static const struct herald_plugin bad = {
	.struct_size = BAD == BAD_SHORT ? offsetof(struct herald_plugin, close) : sizeof(bad),
	.abi = BAD == BAD_ABI ? 2u << 16 : HERALD_ABI,
	.flags = BAD == BAD_FLAGS    ? 1u << 30
		 : BAD == BAD_SERIAL ? (uint32_t)HERALD_SERIAL
				     : 0,
	.name = BAD == BAD_NAME ? "No Name" : "bad",
	.version = BAD == BAD_VERSION ? NULL : "1.0",
	.summary = BAD == BAD_SUMMARY ? "" : "breaks one rule",
	.kind = BAD == BAD_KIND ? "" : "bad",
	.options = options,
	.option_count = 2,
	.option_size = BAD == BAD_STRIDE ? 8 : sizeof(options[0]),
	.config_size = sizeof(struct bad_config),
	.meters = meters,
	.meter_count = 1,
	.meter_size = sizeof(meters[0]),
	.batch_max = BAD == BAD_BATCH ? 0 : 10,
	.batch_by = BAD == BAD_BATCH_BY ? 77 : 0,
	.idempotent_ms = BAD == BAD_IDEMPOTENT ? -1 : 0,
	.open = BAD == BAD_OPEN ? NULL : bad_open,
	.close = BAD == BAD_CLOSE ? NULL : bad_close,
	.send = BAD == BAD_NO_SEND || BAD == BAD_BATCH ? NULL : bad_send,
	.send_batch = BAD == BAD_TWO_SENDS || BAD == BAD_BATCH ? bad_send_batch : NULL,
};

#if BAD == 1
HERALD_EXPORT const struct herald_plugin *herald_channel_v2(void);
const struct herald_plugin *herald_channel_v2(void)
#elif BAD == 2
HERALD_EXPORT const struct herald_plugin *another_thing(void);
const struct herald_plugin *another_thing(void)
#else
const struct herald_plugin *herald_channel_v1(void)
#endif
{
	return BAD == BAD_NULL ? NULL : &bad;
}

/* The loopback plugin under another name and kind, so that the flow tests have people with e-mail, SMS and
 * bot addresses, and what the address says still happens. */
#define herald_channel_v1 loopback_channel_v1
#include "loopback.c"
#undef herald_channel_v1

HERALD_EXPORT const struct herald_plugin *herald_channel_v1(void);

static struct herald_plugin of_a_kind;

const struct herald_plugin *herald_channel_v1(void)
{
	of_a_kind = *loopback_channel_v1();
	of_a_kind.name = KIND_PLUGIN;
	of_a_kind.kind = KIND;
	return &of_a_kind;
}

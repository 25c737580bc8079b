/* service.c - one table of names; it decides nothing. */
#include "service.h"

#include <string.h>

#include "base/check.h"

static const char *const NAMES[SERVICE_COUNT] = {
	[SERVICE_BOT] = "bot",     [SERVICE_CHAT] = "chat",   [SERVICE_SMS] = "sms",
	[SERVICE_EMAIL] = "email", [SERVICE_TOKEN] = "token", [SERVICE_IDENTITY] = "identity",
};

const char *service_name(enum service service)
{
	CHECK((int)service >= 0 && service < SERVICE_COUNT);
	return NAMES[service];
}

bool service_parse(const char *name, enum service *ret_service)
{
	for (int i = 0; i < SERVICE_COUNT; i++)
		if (strcmp(NAMES[i], name) == 0) {
			*ret_service = (enum service)i;
			return true;
		}
	return false;
}

/* bot_fixture.c - see bot_fixture.h. */
#include "cmocka_first.h"

#include "bot_fixture.h"

#include <string.h>

enum { TEAMS_SETTINGS = 3, ALL_SETTINGS = 6 };

static const struct fake_setting settings[] = {
	{"app_id", APP},         {"app_secret", "s3cret"},
	{"tenant_id", TENANT},   {"acs_endpoint", "https://contoso.communication.azure.com"},
	{"acs_access_key", KEY}, {"acs_bot_user", "8:acs:r_bot"},
};

struct fake_host *bot_open(const struct fake_setting *from, size_t count)
{
	struct herald_error err = {0};
	struct fake_host *fake = fake_host_new(herald_channel_v1(), from, count, &err);

	if (!fake)
		fail_msg("%s", err.text);
	return fake;
}

struct fake_host *bot_new(void)
{
	return bot_open(settings, ALL_SETTINGS);
}

struct fake_host *teams_only_new(void)
{
	return bot_open(settings, TEAMS_SETTINGS);
}

struct fake_host *chat_only_new(void)
{
	return bot_open(settings + TEAMS_SETTINGS, ALL_SETTINGS - TEAMS_SETTINGS);
}

void remember(struct herald_message *message, const char *memory)
{
	message->memory = (struct herald_text){memory, strlen(memory)};
}

const struct herald_outcome *spent(const struct fake_host *fake, size_t ticket, enum herald_verdict verdict,
				   const char *status)
{
	const struct herald_outcome *outcome = fake_outcome(fake, ticket);

	assert_non_null(outcome);
	if (outcome->verdict != verdict || strcmp(outcome->status, status) != 0)
		fail_msg("%u %s %s", outcome->verdict, outcome->status, outcome->reason);
	return outcome;
}

/* record_acs_bot.c - every kind of request that acs_bot makes, one JSON object a line, into the file named.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake_host.h"

static const struct fake_setting settings[] = {
	{"app_id", "11111111-1111-1111-1111-111111111111"},
	{"app_secret", "s"},
	{"tenant_id", "00000000-0000-0000-0000-000000000001"},
	{"acs_connection_string", "endpoint=https://contoso.communication.azure.com;accesskey="
				  "bm90LWEtcmVhbC1rZXktLXRlc3QtdmVjdG9yLW9ubHktMzJi"},
	{"acs_bot_user", "8:acs:1b5cc06b-f352-4571-b1e6-d9b259b7c776_00000018-bot"},
	{"sender_name", "Operations \"night\""},
};

static const struct fake_answer conversation = {.status = 201, .body = "{\"id\":\"a:1conv\"}"};
static const struct fake_answer token = {
	.status = 200, .body = "{\"token\":\"chat.token\",\"expiresOn\":\"2019-03-27T16:06:51.123+00:00\"}"};
static const struct fake_answer thread = {.status = 201,
					  .body = "{\"chatThread\":{\"id\":\"19:acsV1_t@thread.v2\"}}"};
static const struct fake_answer no_message = {.status = 200, .body = "{\"value\":[]}"};

static struct fake_host *start(void)
{
	struct herald_error err = {0};
	struct fake_host *fake =
		fake_host_new(herald_channel_v1(), settings, sizeof(settings) / sizeof(settings[0]), &err);

	if (!fake) {
		fprintf(stderr, "%s\n", err.text);
		exit(1);
	}
	return fake;
}

/* Send, give the answers in turn, and write down what was asked. */
static void record(const char *path, const struct herald_message *message, const struct fake_answer *answers,
		   size_t count)
{
	struct fake_host *fake = start();

	fake_send(fake, message, 1);
	for (size_t i = 0; i < count; i++)
		fake_answer(fake, i, answers[i]);
	bool ok = fake_request_count(fake) == count + 1 && fake_record(fake, "acs-bot", path);
	fake_host_free(fake);
	if (!ok)
		exit(1);
}

static void record_connector(const char *path)
{
	static const char card[] =
		"{\"$schema\":\"http://adaptivecards.io/schemas/adaptive-card.json\",\"type\":"
		"\"AdaptiveCard\",\"version\":\"1.5\",\"body\":[{\"type\":\"TextBlock\",\"text\":"
		"\"Disk full\",\"wrap\":true}]}";
	static const char memory[] = "{\"conversation\":{\"id\":\"19:t@thread.v2\"},\"serviceUrl\":"
				     "\"https://smba.trafficmanager.net/teams/\"}";
	struct herald_message message = fake_message("29:1abc", "Disk \"full\" \xF0\x9F\x98\x80\nnow");

	record(path, &message, &conversation, 1);
	message.subject = "Disk full";
	record(path, &message, &conversation, 1);
	message.card = (struct herald_text){card, strlen(card)};
	record(path, &message, &conversation, 1);
	message = fake_message("19:abc@thread.tacv2;messageid=1776390257332", "in a channel");
	record(path, &message, NULL, 0);
	message = fake_message("8:acs:r_anna", "began at the connector");
	message.memory = (struct herald_text){memory, strlen(memory)};
	record(path, &message, NULL, 0);
}

static void record_chat(const char *path)
{
	static const char memory[] = "{\"conversation\":{\"id\":\"19:acsV1_t@thread.v2\"}}";
	const struct fake_answer first[] = {token, thread}, again[] = {token, no_message};
	struct herald_message message = fake_message("8:acs:r_anna", "Hello \xC3\xA9\"");

	record(path, &message, first, 2);
	message.attempt = 2;
	message.memory = (struct herald_text){memory, strlen(memory)};
	record(path, &message, again, 2);
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	record_connector(argv[1]);
	record_chat(argv[1]);
	return 0;
}

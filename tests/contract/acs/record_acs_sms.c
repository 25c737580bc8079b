/* record_acs_sms.c - every kind of request that acs_sms makes, one JSON object a line, into the file named.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake_host.h"

static struct fake_host *start(const char *from, const char *delivery_report, const char *tag)
{
	const struct fake_setting settings[] = {
		{"connection_string", "endpoint=https://contoso.communication.azure.com/;accesskey="
				      "bm90LWEtcmVhbC1rZXktLXRlc3QtdmVjdG9yLW9ubHktMzJi"},
		{"from", from},
		{"countries", "*"},
		{"segments_max", "14"},
		{"delivery_report", delivery_report},
		{"tag", tag},
	};
	struct herald_error err = {0};
	struct fake_host *fake =
		fake_host_new(herald_channel_v1(), settings, sizeof(settings) / sizeof(settings[0]), &err);

	if (!fake) {
		fprintf(stderr, "%s\n", err.text);
		exit(1);
	}
	return fake;
}

static void finish(struct fake_host *fake, const char *path)
{
	bool ok = fake_record(fake, "acs-sms", path);

	fake_host_free(fake);
	if (!ok)
		exit(1);
}

static void record_words(const char *path)
{
	char longest[2048 + 1];
	const char *const words[] = {"Hello", "Hello \xC3\xA9\xE4\xBD\xA0\xE5\xA5\xBD \xF0\x9F\x98\x80",
				     "quotes \" and \\ and\nnew\tlines", longest};

	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		struct fake_host *fake = start("+18445550100", "true", "order-42");
		struct herald_message message = fake_message("+14255550123", words[i]);
		fake_send(fake, &message, 1);
		finish(fake, path);
	}
}

static void record_senders(const char *path)
{
	const char *const senders[] = {"+18445550100", "12345", "Herald"};

	for (size_t i = 0; i < sizeof(senders) / sizeof(senders[0]); i++) {
		struct fake_host *fake = start(senders[i], "false", "");
		struct herald_message message = fake_message("+4366012345678", "Hi");
		fake_send(fake, &message, 1);
		finish(fake, path);
	}
}

static void record_batch(const char *path)
{
	struct fake_host *fake = start("+18445550100", "true", "");
	static struct herald_message messages[100];
	static char numbers[100][16];

	for (size_t i = 0; i < 100; i++) {
		snprintf(numbers[i], sizeof(numbers[i]), "+142555501%02zu", i);
		messages[i] = fake_message(numbers[i], "Hi all");
	}
	fake_send(fake, messages, 100);
	finish(fake, path);
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	record_words(argv[1]);
	record_senders(argv[1]);
	record_batch(argv[1]);
	return 0;
}

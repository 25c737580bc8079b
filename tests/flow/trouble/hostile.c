/* hostile.c - a plugin that does harm in the ways that loopback does not: the address says which.  What
 * arrives is a line in the file `record`, as with loopback. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "herald/channel.h"
#include "herald/kit.h"

struct hostile_config {
	const char *record, *mood;
	herald_secret key;
};

static const struct herald_option options[] = {
	HERALD_OPTION(struct hostile_config, record, 0, "", "File to which each arrival appends a line."),
	HERALD_OPTION(struct hostile_config, mood, 0, "well",
		      "What open does, or what each send answers: misconfigured until it is mended.",
		      .one_of = "well|misconfigured|refuse|leak"),
	HERALD_OPTION(struct hostile_config, key, 0, "", "A secret; every arrival records its digest."),
};

struct hostile {
	const struct herald_host *host;
	struct herald_channel *channel;
	const struct hostile_config *config;
};

static _Noreturn void leak(void)
{
	/* Under a sanitizer nothing limits it: then it ends as if something had. */
	for (int mib = 0; mib < 512; mib++) {
		char *more = malloc(1024 * 1024);

		if (!more)
			break;
		memset(more, 1, 1024 * 1024);
	}
	abort(); /* what most programs do */
}

static enum herald_code hostile_open(const struct herald_host *host, struct herald_channel *channel,
				     const void *config, void **ret_self, struct herald_error *err)
{
	struct hostile *self = calloc(1, sizeof(*self));

	if (!self)
		return herald_fail(err, HERALD_BUSY, "out of memory");
	*self = (struct hostile){.host = host, .channel = channel, .config = config};
	if (strcmp(self->config->mood, "refuse") == 0) {
		free(self);
		return herald_fail(err, HERALD_INVALID, "option 'mood': it does not please us");
	}
	if (strcmp(self->config->mood, "leak") == 0)
		leak();
	*ret_self = self;
	return HERALD_OK;
}

static void hostile_close(void *context)
{
	free(context);
}

/* DELIVERY ATTEMPT ADDRESS MILLISECONDS DIGEST-OF-THE-SECRET */
static void record(const struct hostile *self, const struct herald_message *message)
{
	char line[512], digest[2 * HERALD_SHA256_BYTES + 1] = "-";
	const char *key = self->config->key.value;
	unsigned char hash[HERALD_SHA256_BYTES];
	int file = open(self->config->record, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

	if (key && key[0]) {
		herald_sha256(key, strlen(key), hash);
		for (size_t i = 0; i < sizeof(hash); i++)
			snprintf(digest + 2 * i, 3, "%02x", hash[i]);
	}
	int size = snprintf(line, sizeof(line), "%s %u %s %lld %s\n", message->delivery_id, message->attempt,
			    message->address, (long long)self->host->now_ms(), digest);
	if (file >= 0) {
		ssize_t written = write(file, line, (size_t)size);
		(void)written;
		close(file);
	}
}

static enum herald_sent answer(struct herald_outcome *outcome, enum herald_verdict verdict, const char *why)
{
	outcome->verdict = verdict;
	snprintf(outcome->reason, sizeof(outcome->reason), "%s", why);
	return HERALD_NOW;
}

/* What a log reader must never take for a line of ours, and more of it than anybody wants. */
static void speak(const struct hostile *self)
{
	static char much[64 * 1024];
	const struct herald_field fields[] = {
		{"first\n{\"event\":\"forged\"}", "\r\n{\"event\":\"forged\",\"level\":\"fault\"}\n"},
		{"second", "\x1b]8;;http://evil.example\x07 click \x1b[2J%n%s%x \xff\xfe\xc0\xaf"},
		{"third", "\xe2\x80\xa8{\"event\":\"forged\"}\xe2\x80\xa9\xe2\x80\xae"},
		{"much", much},
	};

	memset(much, 'm', sizeof(much) - 1);
	for (int i = 0; i < 200; i++)
		self->host->log(self->channel, HERALD_WARNING, "harmless\n{\"event\":\"forged\"}", fields, 4);
	printf("{\"event\":\"forged\"}\r{\"event\":\"forged\"}\x1b[31m\n\xff\xff\n");
	fflush(stdout);
}

static void *wait_for_ever(void *context)
{
	(void)context;
	for (;;)
		pause();
	return NULL;
}

/* All that the limits allow, and they stay. */
static void use_up(void)
{
	pthread_t thread;
	int children = 0;

	for (int i = 0; i < 100000; i++)
		if (open("/dev/null", O_RDONLY) < 0)
			break;
	for (int i = 0; i < 64 && pthread_create(&thread, NULL, wait_for_ever, NULL) == 0; i++)
		;
	for (int i = 0; i < 50; i++) {
		pid_t child = fork();

		if (child == 0) {
			signal(SIGTERM, SIG_IGN);
			nanosleep(&(struct timespec){.tv_sec = 120}, NULL);
			_exit(0);
		}
		children += child > 0;
	}
	(void)children;
}

static enum herald_sent hostile_send(void *context, const struct herald_job *job,
				     struct herald_outcome *outcome)
{
	struct hostile *self = context;
	const char *deed = job->message->address;

	if (strcmp(self->config->mood, "misconfigured") == 0)
		return answer(outcome, HERALD_MISCONFIGURED, "401: the key is not good");
	if (strncmp(deed, "leak", 4) == 0)
		leak();
	if (strncmp(deed, "quit", 4) == 0)
		_exit(0);
	if (strncmp(deed, "stop", 4) == 0)
		raise(SIGSTOP);
	if (strncmp(deed, "close", 5) == 0)
		for (int fd = 3; fd < 1024; fd++)
			close(fd);
	if (strncmp(deed, "scribble", 8) == 0) {
		/* Over everything that is mapped shared: the board. */
		for (int fd = 3; fd < 64; fd++) {
			void *place = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

			if (place != MAP_FAILED)
				memset(place, 0xa5, 4096);
		}
	}
	if (strncmp(deed, "babble", 6) == 0)
		for (int fd = 3; fd < 6; fd++) {
			ssize_t written = write(fd, "\xff\xff\xff\xff nonsense", 13);
			(void)written;
		}
	if (strncmp(deed, "use-up", 6) == 0)
		use_up();
	if (strncmp(deed, "speak", 5) == 0)
		speak(self);
	if (self->host->on_wire(job->ticket) != HERALD_OK)
		return HERALD_LATER;
	record(self, job->message);
	return answer(outcome, HERALD_DELIVERED, "as the address says");
}

/* Behind '@', up to '/'. */
static void hostile_destination(void *context, const char *address, struct herald_text memory, char *ret_name,
				size_t size)
{
	const char *at = strchr(address, '@');

	(void)context, (void)memory;
	if (at)
		snprintf(ret_name, size, "%.*s", (int)strcspn(at + 1, "/"), at + 1);
}

static const struct herald_plugin hostile = {
	.struct_size = sizeof(hostile),
	.abi = HERALD_ABI,
	.name = "hostile",
	.version = "1.0",
	.summary = "does harm: for tests",
	.kind = "hostile",
	.options = options,
	.option_count = sizeof(options) / sizeof(options[0]),
	.option_size = sizeof(options[0]),
	.config_size = sizeof(struct hostile_config),
	.open = hostile_open,
	.close = hostile_close,
	.send = hostile_send,
	.destination = hostile_destination,
};

const struct herald_plugin *herald_channel_v1(void)
{
	return &hostile;
}

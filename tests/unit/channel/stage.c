/* stage.c - see stage.h. */
#include "stage.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "config/config.h"
#include "model/words.h"
#include "telemetry/event.h"
#include "base/check.h"

static void told_ready(void *context, int32_t channel, const struct channel_facts *facts)
{
	struct stage *stage = context;
	assert_int_equal(channel, CHANNEL);
	if (strcmp(stage->uses, "fake") == 0)
		assert_true(facts->batch_max == 7 && facts->idempotent_ms == 1000);
	snprintf(stage->plugin, sizeof(stage->plugin), "%s %s %s", facts->plugin, facts->version,
		 facts->kind);
	stage->ready++;
}

static void tell(struct stage *stage, struct told told)
{
	assert_true(stage->told_count < TOLD_MAX);
	stage->told[stage->told_count++] = told;
}

static void told_settled(void *context, int32_t channel, uint64_t ticket,
			 const struct herald_outcome *outcome)
{
	assert_int_equal(channel, CHANNEL);
	tell(context, (struct told){.ticket = ticket, .outcome = *outcome});
}

static void told_memory(void *context, int32_t channel, uint64_t ticket, struct herald_text memory)
{
	struct stage *stage = context;
	assert_int_equal(channel, CHANNEL);
	stage->memories++;
	stage->memory_ticket = ticket;
	snprintf(stage->memory, sizeof(stage->memory), "%.*s", (int)memory.size, memory.data);
	if (stage->answers_memory)
		supervisor_kept(stage->supervisor, channel, ticket);
}

static void told_gone(void *context, int32_t channel, const struct ticket_fate *fates, size_t count,
		      bool was_clean)
{
	struct stage *stage = context;
	assert_int_equal(channel, CHANNEL);
	stage->gone++;
	stage->gone_clean += was_clean;
	for (size_t i = 0; i < count; i++)
		tell(stage, (struct told){fates[i].ticket, true, fates[i].state, fates[i].outcome});
}

static void told_state(void *context, int32_t channel, enum channel_state state, const char *why)
{
	struct stage *stage = context;
	assert_int_equal(channel, CHANNEL);
	stage->states++;
	stage->state = state;
	snprintf(stage->why, sizeof(stage->why), "%s", why);
}

int stage_open(void **state)
{
	struct stage *stage = calloc(1, sizeof(*stage));
	const char *parent = getenv("STAGE_DIR");
	snprintf(stage->dir, sizeof(stage->dir), "%s/herald-stage-XXXXXX", parent ? parent : "/tmp");
	if (!mkdtemp(stage->dir))
		return -1;
	snprintf(stage->boards, sizeof(stage->boards), "%s/boards", stage->dir);
	snprintf(stage->conf, sizeof(stage->conf), "%s/conf.d", stage->dir);
	mkdir(stage->conf, 0700);
	stage->quiet = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (!getenv("STAGE_EVENTS"))
		event_open(&(struct event_settings){.fd = stage->quiet});
	stage->talk = talk_new();
	stage->now_ms = 1000000;
	*state = stage;
	stage->uses = "fake";
	stage_new_supervisor(stage, FAKE_HOST, "/nowhere");
	return 0;
}

void stage_new_supervisor(struct stage *stage, const char *host_program, const char *plugin_dir)
{
	struct supervisor_settings settings = {
		.host_program = host_program,
		.plugin_dir = plugin_dir,
		.board_dir = stage->boards,
		.run = RUN,
		.talk = stage->talk,
		.handler = {stage, told_ready, told_settled, told_memory, told_gone, told_state},
	};
	supervisor_free(stage->supervisor);
	assert_int_equal(supervisor_new(&settings, &stage->supervisor, NULL), HERALD_OK);
}

static void remove_tree(const char *dir)
{
	DIR *open_dir = opendir(dir);
	struct dirent *entry;
	while (open_dir && (entry = readdir(open_dir))) {
		char path[512];
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
		if (unlink(path) < 0)
			remove_tree(path);
	}
	if (open_dir)
		closedir(open_dir);
	rmdir(dir);
}

int stage_close(void **state)
{
	struct stage *stage = *state;
	supervisor_free(stage->supervisor);
	talk_free(stage->talk);
	event_open(&(struct event_settings){.fd = 0});
	close(stage->quiet);
	config_unref(stage->config);
	remove_tree(stage->dir);
	free(stage);
	return 0;
}

void stage_start(struct stage *stage, const char *name, const char *more, const char *options)
{
	char path[256], *env[] = {(char *)(uintptr_t) "HERALD_TEST=x", NULL};
	struct config_source source = {
		.dir = stage->conf, .run_dir = stage->dir, .data_dir = stage->dir, .env = env};
	struct herald_error err = {.text = ""};

	snprintf(path, sizeof(path), "%s/30-channel.yaml", stage->conf);
	FILE *file = fopen(path, "we");
	assert_non_null(file);
	fprintf(file, "channels:\n  - name: %s\n    plugin: %s\n", name, stage->uses);
	fprintf(file, "%s    options:\n      %s\n", more, options[0] ? options : "{}");
	fclose(file);
	config_unref(stage->config);
	stage->config = NULL;
	if (config_load(&source, NULL, &stage->config, &err) != HERALD_OK)
		fail_msg("%s", err.text);
	assert_int_equal(supervisor_start(stage->supervisor, CHANNEL, stage->config,
					  config_channel_find(stage->config, name), &err),
			 HERALD_OK);
}

void stage_ready(struct stage *stage, const char *name, const char *more, const char *options)
{
	unsigned before = stage->ready;
	stage_start(stage, name, more, options);
	stage_until(stage, stage->ready > before && stage->state == CHANNEL_RUNNING);
}

int64_t stage_clock(void)
{
	return clock_mono_ms();
}

void stage_turn(struct stage *stage)
{
	struct pollfd end = {.fd = supervisor_fd(stage->supervisor), .events = POLLIN};
	if (supervisor_next_ms(stage->supervisor) > stage->now_ms)
		poll(&end, 1, 5);
	supervisor_turn(stage->supervisor, stage->now_ms);
	supervisor_flush(stage->supervisor);
}

void stage_later(struct stage *stage, int64_t ms)
{
	stage->now_ms += ms;
	supervisor_turn(stage->supervisor, stage->now_ms);
}

uint64_t stage_send(struct stage *stage, const char *address)
{
	struct job job = {
		.notification = 1000,
		.n = 1,
		.attempt = 1,
		.channel = CHANNEL,
		.destination = "",
		.tenant = "default",
		.category = "c",
		.recipient_id = "r",
		.name = "",
		.locale = "en",
		.correlation_id = "",
		.traceparent = "",
		.address = address,
		.memory = {"", 0},
	};
	struct arena *arena = arena_new();
	assert_int_equal(words_encode(&(struct words){.subject = "s", .reply_to = "", .from_name = ""}, arena,
				      &job.words, NULL),
			 HERALD_OK);
	uint64_t ticket = supervisor_submit(stage->supervisor, CHANNEL, &job, 30000);
	supervisor_flush(stage->supervisor);
	arena_free(arena);
	return ticket;
}

void stage_until_state(struct stage *stage, uint64_t ticket, enum slot_state state)
{
	stage_until(stage, supervisor_slot(stage->supervisor, CHANNEL, ticket) == state);
}

unsigned stage_times_told(const struct stage *stage, uint64_t ticket, struct told *ret_told)
{
	unsigned times = 0;
	for (size_t i = 0; i < stage->told_count; i++)
		if (stage->told[i].ticket == ticket) {
			times++;
			if (ret_told)
				*ret_told = stage->told[i];
		}
	return times;
}

size_t stage_board_count(const struct stage *stage)
{
	size_t count = 0;
	DIR *dir = opendir(stage->boards);
	struct dirent *entry;
	while ((entry = readdir(dir)))
		count += entry->d_name[0] != '.';
	closedir(dir);
	return count;
}

int32_t stage_pid(const struct stage *stage)
{
	struct roster_channel channel = {.pid = 0};
	supervisor_describe(stage->supervisor, CHANNEL, &channel);
	return channel.pid;
}

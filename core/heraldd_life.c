/* heraldd_life.c - the order in which the house is lit, and darkened: see heraldd_life.h.
 *
 * Upwards: store, what an earlier run left open, talk, dispatcher with its channel processes, clerk, http.
 * Nobody is answered before the floors below can keep the promise.  Downwards: the same, backwards. */
#include "heraldd_life.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "channel/talk.h"
#include "clerk/clerk.h"
#include "dispatch/facts.h"
#include "dispatch/loop.h"
#include "dispatch/start.h"
#include "heraldd_places.h"
#include "http/http.h"
#include "store/store.h"
#include "telemetry/event.h"
#include "telemetry/metric.h"

#include "base/check.h"

enum {
	READY_WAIT_MS = 10 * 1000, /* for the channels to say what they are */
	LOOK_AGAIN_MS = 5,
	ANSWERS_MS = 250, /* for the last 503s to leave */
	EXIT_DISK = 70,
};

struct life {
	struct arena *arena;
	struct config *config;
	struct permits permits;
	struct roster_board *rosters;
	struct loop *loop;
	struct store *store;
	struct talk *talk;
	struct clerk *clerk;
	struct http *http;
	const char *board_dir, *facts_path;
	bool is_looping, are_requests_done, are_boards_gone;
	/* What a reload changes under those who run. */
	struct clerk_patience patience;
	_Atomic int64_t expires_in_ms;
	/* What the secrets of the channels in force were, by channel number: a rotated one is a change, too.
	 */
	uint8_t digest_key[CONFIG_DIGEST_BYTES];
	uint8_t digests[CHANNELS_MAX][CONFIG_DIGEST_BYTES], next_digests[CHANNELS_MAX][CONFIG_DIGEST_BYTES];
};

static void sleep_ms(int64_t ms)
{
	struct timespec span = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	nanosleep(&span, NULL);
}

/* --- what the operator said, in the dispatcher's words --- */

static void copy(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from);
}

static struct outlet_policy policy_of(const struct config *config, const struct config_channel *channel)
{
	const struct config_delivery *delivery = &config->delivery;
	static const enum uncertain_policy uncertain[] = {
		[CONFIG_UNCERTAIN_AUTO] = UNCERTAIN_DEFAULT,
		[CONFIG_UNCERTAIN_RETRY] = UNCERTAIN_RETRY,
		[CONFIG_UNCERTAIN_PARK] = UNCERTAIN_PARK,
		[CONFIG_UNCERTAIN_DEAD] = UNCERTAIN_DEAD,
	};
	struct outlet_policy policy = {
		.rate_count = (uint32_t)channel->rate_limit.count,
		.rate_per_ms = channel->rate_limit.per_ms,
		.attempt_timeout_ms = channel->attempt_timeout.ms,
		.attempts_max = (uint32_t)channel->attempts_max,
		.uncertain = uncertain[channel->uncertain_policy],
		.has_receipts = channel->receipts,
		.backoff = {delivery->backoff_least.ms, delivery->backoff_most.ms,
			    delivery->retry_after_most.ms},
		.destination =
			{
				.window = (uint32_t)channel->window,
				.window_max = (uint32_t)channel->window_max,
				.failures_max = (uint32_t)delivery->breaker_failures,
				.block_ms = delivery->block_least.ms,
				.block_ms_max = delivery->block_most.ms,
				.retry_percent = (uint32_t)delivery->retry_budget_percent,
				.rate_count = (uint32_t)channel->destination_rate_limit.count,
				.rate_per_ms = channel->destination_rate_limit.per_ms,
			},
	};

	if (policy.destination.window_max < policy.destination.window)
		policy.destination.window_max = policy.destination.window;
	copy(policy.name, sizeof(policy.name), channel->name);
	copy(policy.plugin, sizeof(policy.plugin), channel->plugin);
	copy(policy.rate, sizeof(policy.rate), channel->rate);
	return policy;
}

/* Of a channel that is no longer configured, but has something open. */
static struct outlet_policy policy_plain(const struct config *config)
{
	const struct config_delivery *delivery = &config->delivery;

	return (struct outlet_policy){
		.attempts_max = ATTEMPTS_MAX_DEFAULT,
		.backoff = {delivery->backoff_least.ms, delivery->backoff_most.ms,
			    delivery->retry_after_most.ms},
	};
}

static enum herald_code list_channels(struct life *life, struct config *config, struct loop_channel *channels,
				      struct herald_error *err)
{
	if (config->channel_count > CHANNELS_MAX)
		return herald_fail(err, HERALD_LIMIT, "%zu channels are configured, %d at most",
				   config->channel_count, (int)CHANNELS_MAX);
	for (size_t i = 0; i < config->channel_count; i++) {
		const struct config_channel *channel = &config->channels[i];
		const struct config_channel *before =
			life->is_looping ? config_channel_find(life->config, channel->name) : NULL;
		int32_t number = store_channel_number(life->store, channel->name);
		if (number < 0 || number >= CHANNELS_MAX)
			return herald_fail(err, HERALD_LIMIT,
					   "channel '%s' has number %d, at most %d names can ever be used",
					   channel->name, (int)number, (int)CHANNELS_MAX);
		config_channel_secrets(channel, life->digest_key, life->next_digests[number]);
		channels[i] = (struct loop_channel){
			.number = number,
			.policy = policy_of(config, channel),
			.config = config,
			.settings = channel,
			.is_changed = before == NULL || !config_channel_same(before, channel) ||
				      memcmp(life->next_digests[number], life->digests[number],
					     CONFIG_DIGEST_BYTES) != 0,
		};
	}
	return HERALD_OK;
}

static enum herald_code configure(struct life *life, const struct loop_channel *channels, size_t count,
				  struct herald_error *err)
{
	enum herald_code code = loop_configure(life->loop, channels, count, err);

	if (code == HERALD_OK)
		memcpy(life->digests, life->next_digests, sizeof(life->digests));
	return code;
}

/* --- upwards --- */

/* The store's sync failed (its writer thread): who waits was told; no second fsync, a new process. */
static void disk_failed(void *context, const char *why)
{
	(void)context;
	event(EVENT_daemon_failed, EVENT_TEXT("why", why));
	event_flush();
	sleep_ms(ANSWERS_MS);
	_exit(EXIT_DISK);
}

static enum herald_code start_store(struct life *life, struct herald_error *err)
{
	const struct config *config = life->config;
	struct store_settings settings = {
		.data_dir = config->store.path,
		.node = (unsigned)config->server.node,
		.free_space_floor_bytes = config->store.free_space_floor.bytes,
		.ballast_bytes = config->store.ballast.bytes,
		.queue_limit = (size_t)config->store.queue_max,
		.hooks = loop_hooks(life->loop),
		.fatal = disk_failed,
	};
	enum herald_code code = places_make_dir(config->store.path, err);

	/* A token that no other run ever had: it fences this run's leases. */
	while (settings.run <= 0)
		CHECK(getrandom(&settings.run, sizeof(settings.run), 0) == (ssize_t)sizeof(settings.run));
	if (code != HERALD_OK)
		return code;
	code = store_open(&settings, &life->store, err);
	if (code != HERALD_OK)
		return code;
	life->board_dir = arena_printf(life->arena, "%s/boards", config->store.path);
	life->are_boards_gone = access(life->board_dir, F_OK) != 0;
	life->facts_path = arena_printf(life->arena, "%s/channels", config->store.path);
	event(EVENT_store_opened, EVENT_TEXT("path", config->store.path));
	return places_make_dir(life->board_dir, err);
}

static enum herald_code resolve(struct life *life, const struct loop_channel *channels, size_t count,
				struct herald_error *err)
{
	const struct outlet_policy *policies[CHANNELS_MAX] = {NULL};
	int64_t idempotent_ms[CHANNELS_MAX] = {0};
	const struct outlet_policy plain = policy_plain(life->config);
	const struct start_settings settings = {
		.store = life->store,
		.data_dir = life->config->store.path,
		.board_dir = life->board_dir,
		.policies = policies,
		.plain = &plain,
		.idempotent_ms = idempotent_ms,
		.seed = (uint64_t)store_run(life->store),
		.are_boards_gone = life->are_boards_gone,
	};
	struct start_report report = {0};
	struct facts *facts;
	size_t fact_count;
	enum herald_code code;

	code = facts_read(life->facts_path, life->arena, &facts, &fact_count, err);
	if (code != HERALD_OK)
		return code;
	for (size_t i = 0; i < count; i++) {
		const struct facts *known = facts_find(facts, fact_count, channels[i].policy.name);

		policies[channels[i].number] = &channels[i].policy;
		idempotent_ms[channels[i].number] = known == NULL ? 0 : known->idempotent_ms;
	}
	code = start_resolve(&settings, &report, err);
	if (code == HERALD_OK && report.untried + report.uncertain + report.crashed + report.done > 0)
		event(EVENT_board_resolved, EVENT_INT("untried", (int64_t)report.untried),
		      EVENT_INT("done", (int64_t)report.done),
		      EVENT_INT("uncertain", (int64_t)report.uncertain),
		      EVENT_INT("crashed", (int64_t)report.crashed),
		      EVENT_TEXT("boot", report.is_other_boot ? "another" : "the same"));
	return code;
}

static bool is_known(const struct roster *roster)
{
	for (size_t i = 0; i < roster->channel_count; i++) {
		const struct roster_channel *channel = &roster->channels[i];

		if (channel->state == CHANNEL_RESTARTING ||
		    (channel->kind[0] == 0 && channel->state != CHANNEL_MISCONFIGURED))
			return false;
	}
	return true;
}

/* A caller who names a kind must not hear "no such channel" only because its process is a moment younger than
 * the API. */
static void await_channels(struct life *life)
{
	int64_t until_ms = clock_mono_ms() + READY_WAIT_MS;
	bool is_ready = false;

	while (!is_ready && clock_mono_ms() < until_ms) {
		const struct roster *roster = roster_get(life->rosters);

		is_ready = roster->channel_count == life->config->channel_count && is_known(roster);
		roster_put(roster);
		if (!is_ready)
			sleep_ms(LOOK_AGAIN_MS);
	}
}

static enum herald_code start_dispatch(struct life *life, struct herald_error *err)
{
	struct loop_channel *channels =
		arena_array_of(life->arena, life->config->channel_count, struct loop_channel);
	size_t count = life->config->channel_count;
	struct loop_settings settings = {
		.store = life->store,
		.permits = &life->permits,
		.rosters = life->rosters,
		.host_program = places_host_program(life->config, life->arena),
		.plugin_dir = places_plugin_dir(life->config, life->arena),
		.board_dir = life->board_dir,
		.facts_path = life->facts_path,
	};
	enum herald_code code = list_channels(life, life->config, channels, err);

	if (code == HERALD_OK)
		code = resolve(life, channels, count, err);
	if (code != HERALD_OK)
		return code;
	settings.talk = life->talk = talk_new();
	code = loop_start(life->loop, &settings, err);
	if (code != HERALD_OK)
		return code;
	life->is_looping = true;
	code = configure(life, channels, count, err);
	if (code == HERALD_OK)
		await_channels(life);
	return code;
}

static void figures_set(struct life *life, const struct config *config)
{
	atomic_store(&life->patience.ended_ms, config->store.retention.ms);
	atomic_store(&life->patience.dead_ms, config->store.retention_dead.ms);
	atomic_store(&life->patience.audit_ms, config->store.retention_audit.ms);
	atomic_store(&life->expires_in_ms, config->delivery.expires_after.ms);
}

static enum herald_code start_faces(struct life *life, struct herald_error *err)
{
	const struct clerk_settings clerk = {
		.store = life->store,
		.rosters = life->rosters,
		.permits = &life->permits,
		.patience = &life->patience,
		.expires_in_ms = &life->expires_in_ms,
	};
	const struct http_settings http = {
		.config = life->config,
		.store = life->store,
		.talk = life->talk,
		.rosters = life->rosters,
		.permits = &life->permits,
		.expires_in_ms = &life->expires_in_ms,
	};
	enum herald_code code;

	figures_set(life, life->config);
	code = clerk_start(&clerk, &life->clerk, err);

	if (code == HERALD_OK)
		code = http_start(&http, &life->http, err);
	return code;
}

enum herald_code life_start(struct config *config, struct life **ret_life, struct herald_error *err)
{
	struct arena *arena = arena_new();
	struct life *life = arena_new_of(arena, struct life);
	enum herald_code code;

	life->arena = arena;
	life->config = config;
	life->rosters = roster_board_new();
	life->loop = loop_new();
	CHECK(getrandom(life->digest_key, sizeof(life->digest_key), 0) == (ssize_t)sizeof(life->digest_key));
	code = start_store(life, err);
	if (code == HERALD_OK)
		code = start_dispatch(life, err);
	if (code == HERALD_OK)
		code = start_faces(life, err);
	if (code != HERALD_OK) {
		life_stop(life);
		return code;
	}
	event(EVENT_daemon_started, EVENT_TEXT("listen", config->server.listen),
	      EVENT_INT("port", http_port(life->http)), EVENT_INT("pid", getpid()),
	      EVENT_INT("channels", (int64_t)config->channel_count));
	*ret_life = life;
	return HERALD_OK;
}

enum herald_code life_reload(struct life *life, struct config *config, struct herald_error *err)
{
	struct arena *arena = arena_new();
	struct loop_channel *channels = arena_array_of(arena, config->channel_count, struct loop_channel);
	enum herald_code code = list_channels(life, config, channels, err);

	if (code == HERALD_OK)
		code = configure(life, channels, config->channel_count, err);
	arena_free(arena);
	if (code != HERALD_OK)
		return code;
	/* The http front holds a reference of its own to the one that it was started with. */
	config_unref(life->config);
	life->config = config;
	figures_set(life, config);
	return HERALD_OK;
}

/* --- downwards --- */

void life_drain(struct life *life)
{
	event(EVENT_daemon_draining, EVENT_INT("requests", (int64_t)http_busy(life->http)));
	http_drain(life->http);
}

bool life_drained(struct life *life)
{
	if (!life->are_requests_done && http_busy(life->http) > 0)
		return false;
	if (!life->are_requests_done) {
		life->are_requests_done = true;
		/* The clerk first: what it takes back is answered by the dispatcher. */
		clerk_stop(life->clerk);
		life->clerk = NULL;
		loop_drain(life->loop);
	}
	return loop_is_drained(life->loop);
}

int64_t life_drain_ms(const struct life *life)
{
	return life->config->server.drain_timeout.ms;
}

void life_stop(struct life *life)
{
	bool is_over = life->is_looping && life->are_requests_done && loop_is_drained(life->loop);

	http_stop(life->http);
	clerk_stop(life->clerk);
	if (life->is_looping)
		loop_stop(life->loop);
	if (life->talk != NULL)
		talk_free(life->talk);
	if (is_over)
		start_over(life->config->store.path);
	if (life->store != NULL)
		store_close(life->store);
	loop_free(life->loop);
	roster_board_free(life->rosters);
	config_unref(life->config);
	arena_free(life->arena);
}

/* loop.c - one thread, one poll set, one order of things: see loop.h.
 *
 * Others reach the thread through queues and two atomics.  Everything else is the thread's own. */
#include "dispatch/loop.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "dispatch/dispatcher.h"
#include "dispatch/facts.h"
#include "store/read.h"
#include "telemetry/event.h"
#include "telemetry/metric.h"

#include "base/check.h"

enum { PUBLISH_MS = 250, EVENT_FLUSH_MS = 1000 };

enum order_verb { ORDER_PREPARE = 1, ORDER_CONFIGURE, ORDER_DRAIN, ORDER_STOP };

struct order {
	struct queue_item item;
	enum order_verb verb;
	const struct loop_channel *channels;
	size_t count;
	bool ret_has_new; /* PREPARE: one of them is new to this daemon, CONFIGURE wants what follows */
	/* What the store knows of channels that are new to this daemon. */
	const struct store_queued *lanes;
	size_t lane_count;
	const struct store_put_channel *paused;
	size_t paused_count;
};

/* Rows that got queued, copied out of the writer's hands. */
struct note {
	struct queue_item item;
	struct arena *arena; /* holds this */
	struct store_queued *rows;
	size_t count;
};

struct loop {
	struct arena *arena;
	struct loop_settings settings;
	struct dispatcher *dispatcher;
	struct supervisor *supervisor;
	pthread_t thread;
	bool is_running;

	struct queue *jobs, *notes, *take_backs, *commits, *orders, *replies;
	atomic_bool is_drained;

	/* the thread's own */
	int32_t numbers[CHANNELS_MAX]; /* in the order of the files */
	size_t channel_count;
	uint64_t remembered; /* bit per channel: what the store knows of it was taken over */
	int64_t mono, published_ms, flushed_ms;
	bool is_active, is_draining, are_processes_draining, is_stopping;
	struct queue_item *taken_back; /* answered when the roster shows what they did */
	struct facts *facts;           /* CHANNELS_MAX places */
	size_t fact_count;
	bool has_new_facts;
};

struct loop *loop_new(void)
{
	struct arena *arena = arena_new();
	struct loop *loop = arena_new_of(arena, struct loop);

	loop->arena = arena;
	loop->jobs = queue_new(0);
	loop->notes = queue_new(0);
	loop->take_backs = queue_new(0);
	loop->commits = queue_new(0);
	loop->orders = queue_new(0);
	loop->replies = queue_new(0);
	return loop;
}

static void answer_taken_back(struct loop *loop)
{
	struct queue_item *item = loop->taken_back, *next;

	loop->taken_back = NULL;
	for (; item != NULL; item = next) {
		next = item->next;
		store_op_done((struct store_op *)item);
	}
}

void loop_free(struct loop *loop)
{
	struct queue_item *item, *next;

	if (loop == NULL)
		return;
	CHECK(!loop->is_running);
	for (item = queue_take_all(loop->jobs); item != NULL; item = next) {
		next = item->next;
		job_free((struct job *)item);
	}
	for (item = queue_take_all(loop->notes); item != NULL; item = next) {
		next = item->next;
		arena_free(((struct note *)item)->arena);
	}
	for (item = queue_take_all(loop->take_backs); item != NULL; item = next) {
		next = item->next;
		store_op_done((struct store_op *)item);
	}
	/* Settles and claims live in the dispatcher, and go with it. */
	for (item = queue_take_all(loop->commits); item != NULL; item = next) {
		next = item->next;
		dispatcher_forget(loop->dispatcher, (struct store_op *)item);
	}
	dispatcher_free(loop->dispatcher);
	answer_taken_back(loop);
	queue_free(loop->jobs);
	queue_free(loop->notes);
	queue_free(loop->take_backs);
	queue_free(loop->commits);
	queue_free(loop->orders);
	queue_free(loop->replies);
	arena_free(loop->arena);
}

/* --- what the writer hands over (its thread) --- */

static void hook_leased(void *context, struct job *job)
{
	CHECK(queue_push(((struct loop *)context)->jobs, &job->item));
}

static void hook_queued(void *context, const struct store_queued *rows, size_t count)
{
	struct arena *arena = arena_new();
	struct note *note = arena_new_of(arena, struct note);

	note->arena = arena;
	note->count = count;
	note->rows = arena_array_of(arena, count, struct store_queued);
	if (count > 0)
		memcpy(note->rows, rows, count * sizeof(*rows));
	CHECK(queue_push(((struct loop *)context)->notes, &note->item));
}

static void hook_take_back(void *context, struct store_op *op)
{
	CHECK(queue_push(((struct loop *)context)->take_backs, &op->item));
}

static void hook_committed(void *context, size_t operations, int64_t us)
{
	(void)context;
	metric_observe(METRIC_writer_batch, METRIC_NO_LABELS, (double)operations);
	metric_observe(METRIC_writer_commit, METRIC_NO_LABELS, (double)us / 1e6);
}

static void hook_news(void *context, enum store_news news, const char *why)
{
	(void)context;
	switch (news) {
	case STORE_NEWS_FULL:
		event(EVENT_store_full, EVENT_TEXT("why", why));
		break;
	case STORE_NEWS_ROOM:
		event(EVENT_store_ready, EVENT_TEXT("why", "there is room again"));
		break;
	case STORE_NEWS_FAILED:
		event(EVENT_writer_failed, EVENT_TEXT("why", why));
		break;
	}
}

struct store_hooks loop_hooks(struct loop *loop)
{
	return (struct store_hooks){loop,           hook_leased,    hook_queued,
				    hook_take_back, hook_committed, hook_news};
}

static void committed(struct store_op *op)
{
	CHECK(queue_push(((struct loop *)op->context)->commits, &op->item));
}

/* --- the tables of the dispatcher --- */

static void book_submit(void *context, struct store_op *op)
{
	struct loop *loop = context;

	op->done = committed;
	op->context = loop;
	store_submit(loop->settings.store, op);
}

static void book_taken_back(void *context, struct store_op *op)
{
	struct loop *loop = context;

	op->item.next = loop->taken_back;
	loop->taken_back = &op->item;
}

static uint64_t carrier_submit(void *context, int32_t channel, const struct job *job, int64_t timeout_ms)
{
	return supervisor_submit(((struct loop *)context)->supervisor, channel, job, timeout_ms);
}

static bool carrier_revoke(void *context, int32_t channel, uint64_t ticket)
{
	return supervisor_revoke(((struct loop *)context)->supervisor, channel, ticket);
}

static enum slot_state carrier_slot(void *context, int32_t channel, uint64_t ticket)
{
	return supervisor_slot(((struct loop *)context)->supervisor, channel, ticket);
}

static void carrier_kept(void *context, int32_t channel, uint64_t ticket)
{
	supervisor_kept(((struct loop *)context)->supervisor, channel, ticket);
}

static void carrier_release(void *context, int32_t channel, uint64_t ticket)
{
	supervisor_release(((struct loop *)context)->supervisor, channel, ticket);
}

static void carrier_kill(void *context, int32_t channel, uint64_t ticket, const char *why)
{
	supervisor_kill(((struct loop *)context)->supervisor, channel, ticket, why);
}

static void carrier_revive(void *context, int32_t channel)
{
	supervisor_resume(((struct loop *)context)->supervisor, channel);
}

/* --- what the supervisor tells (inside supervisor_turn) --- */

/* What it said before, or a new place; NULL: there are too many. */
static struct facts *facts_of(struct loop *loop, const char *name)
{
	struct facts *known = (struct facts *)(uintptr_t)facts_find(loop->facts, loop->fact_count, name);

	if (known == NULL && loop->fact_count < CHANNELS_MAX) {
		known = &loop->facts[loop->fact_count++];
		snprintf(known->name, sizeof(known->name), "%s", name);
	}
	return known;
}

static void told_ready(void *context, int32_t channel, const struct channel_facts *facts)
{
	struct loop *loop = context;
	struct facts *known = facts_of(loop, store_channel_name(loop->settings.store, channel));

	dispatcher_channel_ready(loop->dispatcher, channel, facts);
	if (known == NULL ||
	    (strcmp(known->kind, facts->kind) == 0 && strcmp(known->version, facts->version) == 0 &&
	     known->idempotent_ms == facts->idempotent_ms))
		return;
	snprintf(known->kind, sizeof(known->kind), "%s", facts->kind);
	snprintf(known->version, sizeof(known->version), "%s", facts->version);
	known->idempotent_ms = facts->idempotent_ms;
	loop->has_new_facts = true;
}

static void keep_facts(struct loop *loop)
{
	struct herald_error err = {0};

	if (!loop->has_new_facts)
		return;
	loop->has_new_facts = false;
	/* A hint that cannot be kept is one less: said once, and nothing else changes. */
	if (facts_write(loop->settings.facts_path, loop->facts, loop->fact_count, &err) != HERALD_OK)
		event(EVENT_config_warning, EVENT_TEXT("what", err.text));
}

static void told_settled(void *context, int32_t channel, uint64_t ticket,
			 const struct herald_outcome *outcome)
{
	struct loop *loop = context;

	loop->is_active = true;
	dispatcher_settled(loop->dispatcher, channel, ticket, outcome);
}

static void told_memory(void *context, int32_t channel, uint64_t ticket, struct herald_text memory)
{
	dispatcher_memory(((struct loop *)context)->dispatcher, channel, ticket, memory);
}

static void told_gone(void *context, int32_t channel, const struct ticket_fate *fates, size_t count,
		      bool was_clean)
{
	dispatcher_channel_gone(((struct loop *)context)->dispatcher, channel, fates, count, was_clean);
}

static void told_state(void *context, int32_t channel, enum channel_state state, const char *why)
{
	dispatcher_channel_state(((struct loop *)context)->dispatcher, channel, state, why);
}

/* --- orders of the main thread --- */

static bool is_listed(const struct order *order, int32_t number)
{
	for (size_t i = 0; i < order->count; i++) {
		if (order->channels[i].number == number)
			return true;
	}
	return false;
}

static void start_process(struct loop *loop, const struct loop_channel *channel)
{
	struct herald_error err = {0};

	if (supervisor_start(loop->supervisor, channel->number, channel->config, channel->settings, &err) !=
	    HERALD_OK)
		dispatcher_channel_state(loop->dispatcher, channel->number, CHANNEL_MISCONFIGURED, err.text);
}

static void remember(struct loop *loop, const struct order *order, int32_t number)
{
	const struct facts *known =
		facts_find(loop->facts, loop->fact_count, store_channel_name(loop->settings.store, number));

	if (known != NULL)
		dispatcher_channel_remembered(loop->dispatcher, number,
					      &(struct channel_facts){
						      .kind = known->kind,
						      .version = known->version,
						      .idempotent_ms = known->idempotent_ms,
					      });
	for (size_t i = 0; i < order->lane_count; i++) {
		if (order->lanes[i].channel == number)
			dispatcher_queued(loop->dispatcher, &order->lanes[i], 1);
	}
	for (size_t i = 0; i < order->paused_count; i++) {
		if (order->paused[i].channel == number && order->paused[i].is_paused)
			dispatcher_channel_paused(loop->dispatcher, number, order->paused[i].why);
	}
}

/* Known before the store is asked what waits for it: what is queued from then on is told, so that nothing
 * falls between the two. */
static void prepare(struct loop *loop, struct order *order)
{
	for (size_t i = 0; i < order->count; i++) {
		const struct loop_channel *channel = &order->channels[i];

		if (!dispatcher_knows(loop->dispatcher, channel->number))
			dispatcher_channel(loop->dispatcher, channel->number, &channel->policy, true);
		order->ret_has_new |= (loop->remembered >> channel->number & 1) == 0;
	}
}

static void configure(struct loop *loop, const struct order *order)
{
	for (size_t i = 0; i < loop->channel_count; i++) {
		if (is_listed(order, loop->numbers[i]))
			continue;
		dispatcher_channel_drop(loop->dispatcher, loop->numbers[i]);
		supervisor_drain(loop->supervisor, loop->numbers[i]);
	}
	loop->channel_count = 0;
	for (size_t i = 0; i < order->count; i++) {
		const struct loop_channel *channel = &order->channels[i];

		CHECK(loop->channel_count < CHANNELS_MAX);
		loop->numbers[loop->channel_count++] = channel->number;
		dispatcher_channel(loop->dispatcher, channel->number, &channel->policy, channel->is_changed);
		if ((loop->remembered >> channel->number & 1) == 0)
			remember(loop, order, channel->number);
		loop->remembered |= UINT64_C(1) << channel->number;
		if (channel->is_changed)
			start_process(loop, channel);
		else
			supervisor_resume(loop->supervisor, channel->number);
	}
}

static void obey(struct loop *loop, struct order *order)
{
	switch (order->verb) {
	case ORDER_PREPARE:
		prepare(loop, order);
		break;
	case ORDER_CONFIGURE:
		configure(loop, order);
		break;
	case ORDER_DRAIN:
		loop->is_draining = true;
		dispatcher_drain(loop->dispatcher);
		break;
	case ORDER_STOP:
		loop->is_stopping = true;
		break;
	}
	CHECK(queue_push(loop->replies, &order->item));
}

/* Main thread: hand over and wait until it was done. */
static void command(struct loop *loop, struct order *order)
{
	CHECK(queue_push(loop->orders, &order->item));
	CHECK(queue_wait_all(loop->replies, -1) == &order->item);
}

/* --- one turn --- */

static struct queue_item *take(struct queue *queue)
{
	/* The length is an atomic; asking the bell would be a system call. */
	return queue_length(queue) == 0 ? NULL : queue_take_all(queue);
}

static void hand_in(struct loop *loop)
{
	struct queue_item *take_backs = take(loop->take_backs), *item, *next;

	for (item = take(loop->orders); item != NULL; item = next) {
		next = item->next;
		obey(loop, (struct order *)item);
	}
	for (item = take(loop->notes); item != NULL; item = next) {
		struct note *note = (struct note *)item;

		next = item->next;
		dispatcher_queued(loop->dispatcher, note->rows, note->count);
		arena_free(note->arena);
		loop->is_active = true;
	}
	for (item = take(loop->jobs); item != NULL; item = next) {
		next = item->next;
		dispatcher_leased(loop->dispatcher, (struct job *)item);
		loop->is_active = true;
	}
	for (item = take(loop->commits); item != NULL; item = next) {
		next = item->next;
		dispatcher_committed(loop->dispatcher, (struct store_op *)item);
		loop->is_active = true;
	}
	for (item = take_backs; item != NULL; item = next) {
		next = item->next;
		dispatcher_take_back(loop->dispatcher, (struct store_op *)item);
		loop->is_active = true;
	}
}

static void publish(struct loop *loop)
{
	bool has_changed = dispatcher_changed(loop->dispatcher);
	struct roster_channel *channels;
	struct arena *arena;
	size_t count = 0;

	if (!has_changed && (!loop->is_active || loop->mono - loop->published_ms < PUBLISH_MS))
		return;
	loop->is_active = false;
	loop->published_ms = loop->mono;
	arena = arena_new();
	channels = arena_array_of(arena, loop->channel_count, struct roster_channel);
	for (size_t i = 0; i < loop->channel_count; i++) {
		struct roster_channel process = {0};
		struct roster_channel *channel = &channels[count];

		if (!dispatcher_describe(loop->dispatcher, loop->numbers[i], arena, channel))
			continue;
		supervisor_describe(loop->supervisor, loop->numbers[i], &process);
		channel->pid = process.pid;
		channel->restarts = process.restarts;
		channel->started_at_ms = process.started_at_ms;
		count++;
	}
	roster_publish(loop->settings.rosters,
		       &(struct roster){.channels = channels, .channel_count = count});
	arena_free(arena);
	dispatcher_measure(loop->dispatcher);
}

static void drain_on(struct loop *loop)
{
	if (!loop->is_draining || !dispatcher_is_idle(loop->dispatcher))
		return;
	if (!loop->are_processes_draining) {
		loop->are_processes_draining = true;
		supervisor_drain_all(loop->supervisor);
	} else if (supervisor_is_idle(loop->supervisor)) {
		atomic_store(&loop->is_drained, true);
	}
}

static int wait_ms(struct loop *loop)
{
	int64_t next_ms = dispatcher_next_ms(loop->dispatcher);
	int64_t other_ms = supervisor_next_ms(loop->supervisor);

	if (other_ms < next_ms)
		next_ms = other_ms;
	if (loop->is_active && loop->published_ms + PUBLISH_MS < next_ms)
		next_ms = loop->published_ms + PUBLISH_MS;
	return next_ms <= loop->mono ? 0 : (int)(next_ms - loop->mono);
}

static void turn(struct loop *loop, bool is_supervisor_ready)
{
	loop->mono = clock_mono_ms();
	dispatcher_clock(loop->dispatcher, loop->mono, clock_wall_ms());
	if (is_supervisor_ready || supervisor_next_ms(loop->supervisor) <= loop->mono)
		supervisor_turn(loop->supervisor, loop->mono);
	hand_in(loop);
	dispatcher_turn(loop->dispatcher);
	supervisor_flush(loop->supervisor);
	drain_on(loop);
	publish(loop);
	answer_taken_back(loop);
	keep_facts(loop);
	if (loop->mono - loop->flushed_ms >= EVENT_FLUSH_MS) {
		loop->flushed_ms = loop->mono;
		event_flush();
	}
}

static void *run(void *context)
{
	struct loop *loop = context;
	struct pollfd set[] = {
		{.fd = supervisor_fd(loop->supervisor), .events = POLLIN},
		{.fd = queue_bell(loop->jobs), .events = POLLIN},
		{.fd = queue_bell(loop->notes), .events = POLLIN},
		{.fd = queue_bell(loop->take_backs), .events = POLLIN},
		{.fd = queue_bell(loop->commits), .events = POLLIN},
		{.fd = queue_bell(loop->orders), .events = POLLIN},
	};

	while (!loop->is_stopping) {
		int ready = poll(set, countof(set), wait_ms(loop));

		turn(loop, ready > 0 && (set[0].revents & POLLIN) != 0);
	}
	answer_taken_back(loop);
	return NULL;
}

/* --- life --- */

enum herald_code loop_start(struct loop *loop, const struct loop_settings *settings, struct herald_error *err)
{
	struct supervisor_settings supervisor = {
		.host_program = settings->host_program,
		.plugin_dir = settings->plugin_dir,
		.board_dir = settings->board_dir,
		.run = store_run(settings->store),
		.talk = settings->talk,
		.handler = {loop, told_ready, told_settled, told_memory, told_gone, told_state},
	};
	struct dispatcher_settings dispatcher = {
		.carrier = {loop, carrier_submit, carrier_revoke, carrier_slot, carrier_kept, carrier_release,
			    carrier_kill, carrier_revive},
		.book = {loop, book_submit, book_taken_back},
		.permits = settings->permits,
		.run = store_run(settings->store),
	};
	enum herald_code code;

	CHECK(getrandom(&dispatcher.seed, sizeof(dispatcher.seed), 0) == (ssize_t)sizeof(dispatcher.seed));
	loop->settings = *settings;
	code = facts_read(settings->facts_path, loop->arena, &loop->facts, &loop->fact_count, err);
	if (code != HERALD_OK)
		return code;
	code = supervisor_new(&supervisor, &loop->supervisor, err);
	if (code != HERALD_OK)
		return code;
	loop->dispatcher = dispatcher_new(&dispatcher);
	loop->mono = clock_mono_ms();
	dispatcher_clock(loop->dispatcher, loop->mono, clock_wall_ms());
	if (pthread_create(&loop->thread, NULL, run, loop) != 0) {
		supervisor_free(loop->supervisor);
		return herald_fail(err, HERALD_IO, "the dispatcher's thread cannot start");
	}
	loop->is_running = true;
	return HERALD_OK;
}

static enum herald_code read_store(struct store *store, struct arena *arena, struct order *order,
				   struct herald_error *err)
{
	struct store_session *session;
	struct store_queued *lanes;
	struct store_put_channel *paused;
	enum herald_code code = store_session_new(store, &session, err);

	if (code != HERALD_OK)
		return code;
	code = store_lanes(session, arena, &lanes, &order->lane_count, err);
	if (code == HERALD_OK)
		code = store_paused(session, arena, &paused, &order->paused_count, err);
	if (code == HERALD_OK) {
		order->lanes = lanes;
		order->paused = paused;
	}
	store_session_free(session);
	return code;
}

enum herald_code loop_configure(struct loop *loop, const struct loop_channel *channels, size_t count,
				struct herald_error *err)
{
	struct order order = {.verb = ORDER_PREPARE, .channels = channels, .count = count};
	struct arena *arena = arena_new();
	enum herald_code code = HERALD_OK;

	CHECK(count <= CHANNELS_MAX);
	command(loop, &order);
	if (order.ret_has_new)
		code = read_store(loop->settings.store, arena, &order, err);
	order.verb = ORDER_CONFIGURE;
	if (code == HERALD_OK)
		command(loop, &order);
	arena_free(arena);
	return code;
}

void loop_drain(struct loop *loop)
{
	struct order order = {.verb = ORDER_DRAIN};

	command(loop, &order);
}

bool loop_is_drained(const struct loop *loop)
{
	return atomic_load(&loop->is_drained);
}

void loop_stop(struct loop *loop)
{
	struct order order = {.verb = ORDER_STOP};

	if (!loop->is_running)
		return;
	command(loop, &order);
	pthread_join(loop->thread, NULL);
	loop->is_running = false;
	supervisor_free(loop->supervisor);
	loop->supervisor = NULL;
}

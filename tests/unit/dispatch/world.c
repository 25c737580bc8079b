/* world.c - the pretended outside of the dispatcher: see world.h. */
#include "world.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

/* --- the carrier --- */

static struct world_slot *slot_of(struct world *world, int32_t channel, uint64_t ticket)
{
	for (size_t i = 0; i < WORLD_SLOTS_MAX; i++) {
		if (world->slots[i].state != SLOT_FREE && world->slots[i].ticket == ticket &&
		    world->slots[i].channel == channel)
			return &world->slots[i];
	}
	return NULL;
}

static struct world_row *row_at(struct world *world, int64_t notification)
{
	CHECK(notification >= 1 && (size_t)notification <= world->row_count);
	return &world->rows[notification - 1];
}

struct world_row *world_row_of(struct world *world, const struct world_slot *slot)
{
	return &world->rows[slot->row];
}

uint32_t world_out(const struct world *world, int32_t channel)
{
	uint32_t out = 0;

	for (size_t i = 0; i < WORLD_SLOTS_MAX; i++)
		out += world->slots[i].channel == channel && world->slots[i].state >= SLOT_QUEUED &&
		       world->slots[i].state <= SLOT_ON_WIRE;
	return out;
}

static uint64_t carrier_submit(void *context, int32_t channel, const struct job *job, int64_t timeout_ms)
{
	struct world *world = context;
	struct world_row *row = row_at(world, job->notification);
	uint32_t out = world_out(world, channel);

	CHECK(timeout_ms > 0 && row->state == DELIVERY_LEASED && row->is_open);
	CHECK(row->attempts == job->attempt && row->channel == channel);
	/* Whoever was told "from now on nothing starts" was told the truth. */
	CHECK(row->version >= world->answered_versions[row->recipient] && !row->is_answered);
	if (!world->is_up[channel])
		return 0;
	CHECK(out < world->policies[channel].destination.window_max);
	/* A marked one is alone. */
	for (size_t i = 0; i < WORLD_SLOTS_MAX && out > 0; i++) {
		const struct world_slot *other = &world->slots[i];

		if (other->channel == channel && other->state >= SLOT_QUEUED && other->state <= SLOT_ON_WIRE)
			CHECK(world->rows[other->row].marks == 0 && row->marks == 0);
	}
	for (size_t i = 0; i < WORLD_SLOTS_MAX; i++) {
		struct world_slot *slot = &world->slots[i];

		if (slot->state != SLOT_FREE)
			continue;
		*slot = (struct world_slot){
			.ticket = ++world->serial << 16 | i,
			.channel = channel,
			.row = (size_t)(row - world->rows),
			.lease = row->leases,
			.state = SLOT_QUEUED,
		};
		if (out + 1 > world->in_flight_most)
			world->in_flight_most = out + 1;
		return slot->ticket;
	}
	return 0;
}

static bool carrier_revoke(void *context, int32_t channel, uint64_t ticket)
{
	struct world_slot *slot = slot_of(context, channel, ticket);

	CHECK(slot != NULL);
	if (slot->state != SLOT_QUEUED && slot->state != SLOT_IN_PLUGIN)
		return false;
	slot->state = SLOT_REVOKED;
	return true;
}

static enum slot_state carrier_slot(void *context, int32_t channel, uint64_t ticket)
{
	struct world_slot *slot = slot_of(context, channel, ticket);

	return slot == NULL ? SLOT_FREE : slot->state;
}

static void carrier_kept(void *context, int32_t channel, uint64_t ticket)
{
	struct world *world = context;

	CHECK(slot_of(world, channel, ticket) != NULL);
	world->kept++;
}

static void carrier_release(void *context, int32_t channel, uint64_t ticket)
{
	struct world *world = context;
	struct world_slot *slot = slot_of(world, channel, ticket);

	CHECK(slot != NULL);
	/* Only after the commit: the row has left, and may have been leased again in the same transaction. */
	CHECK(!world->rows[slot->row].is_open || world->rows[slot->row].state != DELIVERY_LEASED ||
	      world->rows[slot->row].leases > slot->lease || world->rows[slot->row].fenced > 0);
	slot->state = SLOT_FREE;
}

static void carrier_kill(void *context, int32_t channel, uint64_t ticket, const char *why)
{
	struct world *world = context;

	CHECK(slot_of(world, channel, ticket) != NULL && why[0] != 0);
	world->kills++;
}

static void carrier_revive(void *context, int32_t channel)
{
	(void)channel;
	((struct world *)context)->revives++;
}

/* --- the store --- */

static void book_submit(void *context, struct store_op *op)
{
	struct world *world = context;

	op->item.next = NULL;
	*world->ops_end = op;
	world->ops_end = (struct store_op **)&op->item.next;
	world->op_count++;
}

static bool names(const struct store_op *op, const struct world_row *row)
{
	if (op->verb == STORE_CANCEL)
		return ((const struct store_cancel *)op)->notification == row->notification;
	if (op->verb == STORE_PUT_PREFERENCE) {
		const struct store_put_preference *preference = (const struct store_put_preference *)op;

		return preference->ret_recipient == row->recipient &&
		       row->version < (uint32_t)preference->ret_version;
	}
	if (op->verb == STORE_PUT_SUPPRESSION)
		return ((const struct store_put_suppression *)op)->hash[0] == row->address;
	CHECK(op->verb == STORE_PUT_CHANNEL);
	return ((const struct store_put_channel *)op)->is_paused &&
	       ((const struct store_put_channel *)op)->channel == row->channel;
}

static void book_taken_back(void *context, struct store_op *op)
{
	struct world *world = context;

	world->answered_count++;
	world->answered = op;
	if (op->code != HERALD_OK)
		return;
	if (op->verb == STORE_PUT_PREFERENCE)
		world->answered_versions[((struct store_put_preference *)op)->ret_recipient] =
			(uint32_t)((struct store_put_preference *)op)->ret_version;
	if (op->verb == STORE_CANCEL)
		row_at(world, ((struct store_cancel *)op)->notification)->is_answered = true;
	/* From now on nothing that it names may start. */
	for (size_t i = 0; i < WORLD_SLOTS_MAX; i++) {
		const struct world_slot *slot = &world->slots[i];

		if (slot->state == SLOT_QUEUED || slot->state == SLOT_IN_PLUGIN)
			CHECK(!names(op, &world->rows[slot->row]));
	}
}

static struct job *job_of(struct world *world, struct world_row *row)
{
	struct job *job = job_new();

	job->notification = row->notification;
	job->n = 1;
	job->attempt = row->attempts;
	job->tries_spent = row->tries_spent;
	job->crash_marks = row->marks;
	job->channel = row->channel;
	job->destination_number = row->destination;
	job->destination = row->destination == 0 ? "" : "far.example";
	job->lane = row->lane;
	job->tenant_number = row->tenant_lane;
	job->priority = row->priority;
	job->recipient = row->recipient;
	job->address_hash[0] = row->address;
	job->address_hash[9] = row->address;
	job->is_test = row->is_test;
	job->accepted_at_ms = world->wall;
	job->due_at_ms = row->due_at_ms;
	job->first_attempt_at_ms = row->first_attempt_at_ms;
	job->expires_at_ms = row->expires_at_ms;
	job->attempts_max = row->attempts_max;
	job->uncertain = row->uncertain;
	if (row->has_memory)
		job->memory = arena_bytes_copy(job->arena, "known", 5);
	return job;
}

static struct job *lease(struct world *world, struct world_row *row)
{
	CHECK(row->state == DELIVERY_QUEUED);
	row->state = DELIVERY_LEASED;
	row->is_open = true;
	row->leases++;
	row->attempts++;
	if (row->first_attempt_at_ms == 0)
		row->first_attempt_at_ms = world->wall;
	return job_of(world, row);
}

static bool is_better(const struct world_row *a, const struct world_row *b)
{
	if (b == NULL)
		return true;
	return a->priority != b->priority ? a->priority > b->priority : a->due_at_ms < b->due_at_ms;
}

static void keep_earlier(int64_t *at_ms, int64_t due_ms)
{
	if (*at_ms == 0 || due_ms < *at_ms)
		*at_ms = due_ms;
}

/* The best that is due; and what is left of all, as the claim answers it. */
static struct world_row *due_in(struct world *world, struct store_claim *claim)
{
	struct world_row *best = NULL;

	claim->ret_next_due_ms = claim->ret_next_critical_ms = 0;
	for (size_t i = 0; i < world->row_count; i++) {
		struct world_row *row = &world->rows[i];

		if (row->state != DELIVERY_QUEUED || row->channel != claim->channel ||
		    row->lane != claim->lane)
			continue;
		keep_earlier(&claim->ret_next_due_ms, row->due_at_ms);
		if (row->priority == HERALD_CRITICAL)
			keep_earlier(&claim->ret_next_critical_ms, row->due_at_ms);
		if (row->due_at_ms <= claim->op.now_ms && is_better(row, best))
			best = row;
	}
	return best;
}

/* The claim compares again what the plan looked at. */
static bool may_be_leased(struct world *world, struct world_row *row, int64_t now_ms)
{
	if (row->is_cancelled)
		row->state = DELIVERY_CANCELLED;
	else if (row->expires_at_ms <= now_ms)
		row->state = DELIVERY_EXPIRED;
	else if (world->suppressed[row->address] && row->address != 0)
		row->state = DELIVERY_SUPPRESSED;
	else if (row->recipient != 0 && world->versions[row->recipient] != row->version)
		row->state = DELIVERY_HELD;
	return row->state == DELIVERY_QUEUED;
}

static void commit_claim(struct world *world, struct store_claim *claim)
{
	struct queue_item **end = &claim->ret_jobs;
	struct world_row *row;

	claim->ret_jobs = NULL;
	world->claims++;
	CHECK(claim->limit >= 1 && claim->limit <= LANE_CLAIM_MAX);
	while ((row = due_in(world, claim)) != NULL && claim->ret_count < claim->limit) {
		struct job *job;

		if (!may_be_leased(world, row, claim->op.now_ms)) {
			claim->ret_other++;
			continue;
		}
		job = lease(world, row);
		job->item.next = NULL;
		*end = &job->item;
		end = &job->item.next;
		claim->ret_count++;
		world->claimed++;
	}
}

static void commit_settle(struct world *world, struct store_settle *settle)
{
	struct world_row *row = row_at(world, settle->notification);

	CHECK(settle->run == WORLD_RUN);
	settle->ret_is_fenced = row->state != DELIVERY_LEASED || row->attempts != settle->attempt;
	if (settle->ret_is_fenced) {
		row->fenced++;
		return;
	}
	if (settle->removes_attempt) {
		row->releases++;
		row->attempts--;
		if (row->attempts == 0)
			row->first_attempt_at_ms = 0;
	} else {
		row->settles++;
	}
	row->is_open = false;
	row->tries_spent += settle->spends_try;
	row->marks += settle->adds_crash_mark;
	row->state = settle->to;
	row->reason = settle->reason;
	row->due_at_ms = settle->due_at_ms;
	if (settle->lane != 0)
		row->lane = settle->lane;
	if (row->is_cancelled && settle->to == DELIVERY_QUEUED)
		row->state = DELIVERY_CANCELLED;
	settle->ret_state = row->state;
}

static void commit_other(struct world *world, struct store_op *op)
{
	if (op->verb == STORE_CANCEL) {
		struct store_cancel *cancel = (struct store_cancel *)op;
		struct world_row *row = row_at(world, cancel->notification);

		row->is_cancelled = true;
		if (row->state == DELIVERY_QUEUED)
			row->state = DELIVERY_CANCELLED;
		cancel->ret_too_late = row->state == DELIVERY_LEASED;
	} else if (op->verb == STORE_PUT_PREFERENCE) {
		struct store_put_preference *preference = (struct store_put_preference *)op;

		preference->ret_version = ++world->versions[preference->ret_recipient];
	} else if (op->verb == STORE_PUT_SUPPRESSION) {
		world->suppressed[((struct store_put_suppression *)op)->hash[0]] = true;
	}
}

static void commit_effect(struct world *world, struct store_op *op)
{
	op->code = HERALD_OK;
	if (world->is_busy && !op->takes_back)
		op->code = HERALD_BUSY;
	else if (op->verb == STORE_CLAIM)
		commit_claim(world, (struct store_claim *)op);
	else if (op->verb == STORE_SETTLE)
		commit_settle(world, (struct store_settle *)op);
	else
		commit_other(world, op);
}

bool world_commit(struct world *world)
{
	struct store_op *op = world->ops;

	if (op == NULL)
		return false;
	world->ops = (struct store_op *)op->item.next;
	if (world->ops == NULL)
		world->ops_end = &world->ops;
	world->op_count--;
	commit_effect(world, op);
	if (op->takes_back)
		dispatcher_take_back(world->dispatcher, op);
	else
		(world->is_over ? dispatcher_forget : dispatcher_committed)(world->dispatcher, op);
	return true;
}

void world_commit_batch(struct world *world)
{
	struct store_op *ops = world->ops, *next;

	world->ops = NULL;
	world->ops_end = &world->ops;
	world->op_count = 0;
	for (struct store_op *op = ops; op != NULL; op = (struct store_op *)op->item.next)
		commit_effect(world, op);
	/* What is handed over may be answered, and then it is no longer ours to read. */
	struct store_op *kept = NULL, **end = &kept;

	for (struct store_op *op = ops; op != NULL; op = next) {
		next = (struct store_op *)op->item.next;
		if (op->takes_back) {
			dispatcher_take_back(world->dispatcher, op);
			continue;
		}
		op->item.next = NULL;
		*end = op;
		end = (struct store_op **)&op->item.next;
	}
	for (struct store_op *op = kept; op != NULL; op = next) {
		next = (struct store_op *)op->item.next;
		dispatcher_committed(world->dispatcher, op);
	}
}

void world_forget(struct world *world)
{
	world->is_over = true;
	while (world_commit(world))
		continue;
}

void world_submit(struct world *world, struct store_op *op)
{
	book_submit(world, op);
}

void world_commit_all(struct world *world)
{
	while (world_commit(world))
		world_turn(world);
}

static struct world_row *add_row(struct world *world, const struct world_row *like)
{
	struct world_row *row = &world->rows[world->row_count];

	CHECK(world->row_count < WORLD_ROWS_MAX);
	*row = *like;
	row->notification = (int64_t)++world->row_count;
	row->state = DELIVERY_QUEUED;
	if (row->channel == 0)
		row->channel = 1;
	if (row->priority == 0)
		row->priority = HERALD_NORMAL;
	if (row->lane == 0)
		row->lane = 1;
	row->tenant_lane = row->lane;
	row->version = world->versions[row->recipient];
	if (row->due_at_ms == 0)
		row->due_at_ms = world->wall;
	if (row->expires_at_ms == 0)
		row->expires_at_ms = world->wall + INT64_C(72) * 3600 * 1000;
	return row;
}

struct world_row *world_accept_queued(struct world *world, const struct world_row *like)
{
	struct world_row *row = add_row(world, like);
	struct store_queued queued = {
		.channel = row->channel,
		.lane = row->lane,
		.priority = row->priority,
		.due_at_ms = row->due_at_ms,
		.count = 1,
	};

	dispatcher_queued(world->dispatcher, &queued, 1);
	return row;
}

struct world_row *world_accept(struct world *world, const struct world_row *like)
{
	struct world_row *row;

	if (!permit_take(&world->permits, like->channel == 0 ? 1 : like->channel))
		return world_accept_queued(world, like);
	row = add_row(world, like);
	dispatcher_leased(world->dispatcher, lease(world, row));
	return row;
}

/* --- the rest --- */

struct world_row *world_queue(struct world *world, uint32_t count, const struct world_row *like)
{
	struct world_row *first = NULL;

	for (uint32_t i = 0; i < count; i++) {
		struct world_row *row = world_accept_queued(world, like);

		if (first == NULL)
			first = row;
	}
	return first;
}

void world_take_back(struct world *world, struct store_op *op, enum store_verb verb)
{
	op->verb = verb;
	op->takes_back = true;
	op->code = HERALD_OK;
	op->audit.actor = "test";
	dispatcher_take_back(world->dispatcher, op);
}

static void plain_policy(struct outlet_policy *policy, int32_t channel)
{
	*policy = (struct outlet_policy){
		.plugin = "loopback",
		.rate_per_ms = 1,
		.attempt_timeout_ms = 30000,
		.attempts_max = 10,
		.uncertain = UNCERTAIN_RETRY,
		.backoff = {1000, 3600 * 1000, 24 * 3600 * 1000},
		.destination =
			{
				.window = 8,
				.window_max = 16,
				.failures_max = 5,
				.block_ms = 30000,
				.block_ms_max = 300000,
				.retry_percent = 20,
				.rate_per_ms = 1,
			},
	};
	policy->name[0] = (char)('a' + channel);
}

struct world *world_new(uint64_t seed)
{
	struct world *world = calloc(1, sizeof(*world));
	struct dispatcher_settings settings;

	CHECK(world != NULL);
	settings = (struct dispatcher_settings){
		.carrier = {world, carrier_submit, carrier_revoke, carrier_slot, carrier_kept,
			    carrier_release, carrier_kill, carrier_revive},
		.book = {world, book_submit, book_taken_back},
		.permits = &world->permits,
		.run = WORLD_RUN,
		.seed = seed,
	};
	world->ops_end = &world->ops;
	world->mono = 1000;
	world->wall = INT64_C(1800000000000);
	world->dispatcher = dispatcher_new(&settings);
	dispatcher_clock(world->dispatcher, world->mono, world->wall);
	for (int32_t channel = 1; channel <= WORLD_CHANNELS; channel++) {
		plain_policy(&world->policies[channel], channel);
		dispatcher_channel(world->dispatcher, channel, &world->policies[channel], false);
	}
	return world;
}

void world_free(struct world *world)
{
	/* Memory notes live in the operation until it is answered. */
	world->is_busy = false;
	while (world_commit(world))
		;
	dispatcher_free(world->dispatcher);
	free(world);
}

void world_up(struct world *world, int32_t channel, const char *kind)
{
	const struct channel_facts facts = {.plugin = "loopback", .version = "1", .kind = kind};

	world->is_up[channel] = true;
	dispatcher_channel_ready(world->dispatcher, channel, &facts);
	dispatcher_channel_state(world->dispatcher, channel, CHANNEL_RUNNING, "");
	world_turn(world);
}

void world_turn(struct world *world)
{
	dispatcher_clock(world->dispatcher, world->mono, world->wall);
	dispatcher_turn(world->dispatcher);
	for (int32_t channel = 1; channel <= WORLD_CHANNELS; channel++) {
		int32_t permits = atomic_load(&world->permits.available[channel]);

		CHECK(permits >= 0);
		CHECK(permits + (int32_t)world_out(world, channel) <=
		      (int32_t)world->policies[channel].destination.window_max);
	}
}

void world_pass(struct world *world, int64_t ms)
{
	while (ms > 0) {
		dispatcher_clock(world->dispatcher, world->mono, world->wall);
		int64_t step = dispatcher_next_ms(world->dispatcher) - world->mono;

		CHECK(step <= 1000);
		step = step < 1 ? 1 : step > ms ? ms : step;
		world->mono += step;
		world->wall += step;
		ms -= step;
		world_turn(world);
	}
}

void world_step_wall(struct world *world, int64_t ms)
{
	world->wall += ms;
	world_turn(world);
}

struct world_slot *world_slot_in(struct world *world, int32_t channel, enum slot_state state)
{
	struct world_slot *oldest = NULL;

	for (size_t i = 0; i < WORLD_SLOTS_MAX; i++) {
		struct world_slot *slot = &world->slots[i];

		if (slot->state == state && slot->channel == channel &&
		    (oldest == NULL || slot->ticket >> 16 < oldest->ticket >> 16))
			oldest = slot;
	}
	return oldest;
}

void world_send(struct world *world, struct world_slot *slot)
{
	struct world_row *row = world_row_of(world, slot);

	CHECK(slot->state == SLOT_QUEUED || slot->state == SLOT_IN_PLUGIN);
	slot->state = SLOT_ON_WIRE;
	row->sends++;
}

void world_answer(struct world *world, struct world_slot *slot, enum herald_verdict verdict,
		  int64_t retry_after_ms)
{
	struct herald_outcome outcome = {
		.struct_size = sizeof(outcome),
		.verdict = verdict,
		.retry_after_ms = retry_after_ms,
		.reason = "so it went",
	};

	slot->state = SLOT_DONE;
	slot->outcome = outcome;
	dispatcher_settled(world->dispatcher, slot->channel, slot->ticket, &outcome);
}

uint32_t world_answer_all(struct world *world, int32_t channel, enum herald_verdict verdict)
{
	struct world_slot *slot;
	uint32_t count = 0;

	while ((slot = world_slot_in(world, channel, SLOT_QUEUED)) != NULL) {
		world_send(world, slot);
		world_answer(world, slot, verdict, 0);
		count++;
	}
	return count;
}

void world_die(struct world *world, int32_t channel, bool was_clean)
{
	struct ticket_fate fates[WORLD_SLOTS_MAX];
	size_t count = 0;

	world->is_up[channel] = false;
	for (size_t i = 0; i < WORLD_SLOTS_MAX; i++) {
		const struct world_slot *slot = &world->slots[i];

		if (slot->channel != channel || slot->state < SLOT_QUEUED || slot->state > SLOT_ON_WIRE)
			continue;
		fates[count++] = (struct ticket_fate){.ticket = slot->ticket, .state = slot->state};
		if (slot->state == SLOT_IN_PLUGIN)
			world->rows[slot->row].crashes_seen++;
	}
	dispatcher_channel_gone(world->dispatcher, channel, fates, count, was_clean);
	dispatcher_channel_state(world->dispatcher, channel, CHANNEL_RESTARTING, "it died");
	for (size_t i = 0; i < WORLD_SLOTS_MAX; i++) {
		if (world->slots[i].channel == channel && world->slots[i].state >= SLOT_QUEUED &&
		    world->slots[i].state <= SLOT_ON_WIRE)
			world->slots[i].state = SLOT_DONE;
	}
}

void world_settle_down(struct world *world, enum herald_verdict verdict)
{
	bool has_moved = true;

	while (has_moved) {
		has_moved = false;
		world_turn(world);
		for (int32_t channel = 1; channel <= WORLD_CHANNELS; channel++)
			has_moved |= world_answer_all(world, channel, verdict) > 0;
		while (world_commit(world)) {
			has_moved = true;
			world_turn(world);
		}
	}
}

uint32_t world_count(const struct world *world, enum delivery_state state)
{
	uint32_t count = 0;

	for (size_t i = 0; i < world->row_count; i++)
		count += world->rows[i].state == state;
	return count;
}

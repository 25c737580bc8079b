/* talk.c - the talk thread: questions in, answers out, each exactly once.
 *
 * Others reach the thread through two queues and nothing else; what it owns (lines, open questions, epoll) no
 * other thread touches.  A question is open in one place of a fixed table, whose number the frame carries
 * with a serial, so that an answer that comes too late meets nobody. */
#include "channel/talk.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "channel/line.h"
#include "telemetry/metric.h"
#include "base/check.h"

enum {
	LINES_MAX = 1024,
	QUESTIONS_BITS = 10,
	QUESTIONS_MAX = 1 << QUESTIONS_BITS,
	TELEMETRY_EVERY_MS = 10 * 1000,
	EVENTS_PER_TURN = 64,
};

enum { KEY_QUESTIONS = 0, KEY_ORDERS = 1 }; /* lines begin at 2 */

enum order_kind { ORDER_ATTACH = 1, ORDER_READY, ORDER_DETACH, ORDER_TELEMETRY, ORDER_END };

struct order {
	struct queue_item item; /* first */
	struct arena *arena;    /* holds this struct */
	enum order_kind kind;
	struct line_birth birth; /* ATTACH */
	uint64_t line;
	const struct wire_meter *meters; /* READY */
	size_t meter_count;
};

struct question {
	struct talk_check *check; /* NULL: free */
	struct line *line;
	uint64_t number;
	int64_t until_ms;
};

struct talk {
	struct arena *arena; /* holds this struct */
	struct queue *questions, *orders;
	_Atomic uint64_t last_line;
	pthread_t thread;

	/* the thread's */
	int epoll;
	bool is_ending;
	struct line *lines[LINES_MAX];
	size_t line_count, next_line;
	struct question open[QUESTIONS_MAX];
	size_t open_top; /* nothing is open at or above */
	uint64_t serial;
	int64_t now_ms, next_telemetry_ms;
};

/* --- questions --- */

static void answer(struct talk_check *check, enum herald_code code, const char *why)
{
	check->code = code;
	if (code != HERALD_OK)
		herald_fail(&check->err, code, "%s", why);
	check->done(check);
}

static void question_close(struct talk *talk, struct question *question)
{
	*question = (struct question){.check = NULL};
	while (talk->open_top > 0 && !talk->open[talk->open_top - 1].check)
		talk->open_top--;
}

static struct question *question_free_place(struct talk *talk)
{
	for (size_t i = 0; i < QUESTIONS_MAX; i++)
		if (!talk->open[i].check)
			return &talk->open[i];
	return NULL;
}

/* The processes of a channel take turns. */
static struct line *line_choose(struct talk *talk, int32_t channel)
{
	for (size_t i = 0; i < talk->line_count; i++) {
		size_t at = (talk->next_line + i) % talk->line_count;
		struct line *line = talk->lines[at];
		if (line->channel == channel && line->is_ready && line->fd >= 0) {
			talk->next_line = at + 1;
			return line;
		}
	}
	return NULL;
}

static void ask(struct talk *talk, struct talk_check *check)
{
	struct line *line = line_choose(talk, check->channel);
	struct question *question = question_free_place(talk);

	if (!line) {
		answer(check, HERALD_BUSY, "the channel does not run");
		return;
	}
	if (!question) {
		answer(check, HERALD_BUSY, "too many addresses are being checked");
		return;
	}
	size_t place = (size_t)(question - talk->open);
	uint64_t number = ++talk->serial << QUESTIONS_BITS | place;
	if (!line_ask(line, FRAME_CHECK, number, text_of(check->address, strlen(check->address)))) {
		answer(check, HERALD_BUSY, "the channel does not take questions");
		return;
	}
	*question = (struct question){check, line, number, talk->now_ms + check->timeout_ms};
	if (place >= talk->open_top)
		talk->open_top = place + 1;
	line_flush(line);
}

/* The plugin's codes, as far as our callers act differently on them. */
static enum herald_code code_for_callers(uint32_t code)
{
	switch ((enum herald_code)code) {
	case HERALD_OK:
		return HERALD_OK;
	case HERALD_BUSY:
	case HERALD_TIMEOUT:
	case HERALD_UNCERTAIN_WRITE:
	case HERALD_IO:
	case HERALD_BUG:
		return HERALD_BUSY;
	case HERALD_INVALID:
	case HERALD_NOT_FOUND:
	case HERALD_CONFLICT:
	case HERALD_DENIED:
	case HERALD_LIMIT:
	case HERALD_CORRUPT:
	case HERALD_UNSUPPORTED:
		return HERALD_INVALID;
	}
	return HERALD_BUSY;
}

static void hear_checked(void *context, struct line *line, uint64_t number,
			 const struct wire_checked *checked)
{
	struct talk *talk = context;
	struct question *question = &talk->open[number & (QUESTIONS_MAX - 1)];

	if (!question->check || question->number != number || question->line != line)
		return; /* too late, or invented */

	struct talk_check *check = question->check;
	enum herald_code code = code_for_callers(checked->code);
	const char *why = checked->text[0] != '\0' ? checked->text : "it is not an address of this channel";
	const char *canonical = checked->canonical[0] != '\0' ? checked->canonical : check->address;
	if (code == HERALD_OK && (strlen(canonical) >= sizeof(check->canonical) ||
				  strlen(checked->destination) >= sizeof(check->destination))) {
		code = HERALD_INVALID;
		why = "its canonical form is too long";
	}
	if (code == HERALD_OK) {
		snprintf(check->canonical, sizeof(check->canonical), "%s", canonical);
		snprintf(check->destination, sizeof(check->destination), "%s", checked->destination);
	}
	question_close(talk, question);
	answer(check, code, why);
}

/* A question changes nothing: what a line did not answer before its end is asked of another process of the
 * channel, so that a reload fails nobody. */
static void answer_line(struct talk *talk, struct line *line)
{
	if (line)
		line->is_ready = false;
	for (size_t i = talk->open_top; i-- > 0;) {
		struct talk_check *check = talk->open[i].check;
		if (!check || (line && talk->open[i].line != line))
			continue;
		question_close(talk, &talk->open[i]);
		if (line)
			ask(talk, check);
		else
			answer(check, HERALD_BUSY, "the daemon ends");
	}
}

static void answer_overdue(struct talk *talk)
{
	for (size_t i = talk->open_top; i-- > 0;) {
		struct talk_check *check = talk->open[i].check;
		if (!check || talk->open[i].until_ms > talk->now_ms)
			continue;
		question_close(talk, &talk->open[i]);
		answer(check, HERALD_BUSY, "the channel did not answer in time");
	}
}

/* --- meters --- */

/* A channel's figure is the sum over its processes. */
static void hear_measured(void *context, struct line *line)
{
	const struct talk *talk = context;

	for (size_t i = 0; i < line->meter_count && i < line->value_count; i++) {
		double sum = 0;
		for (size_t j = 0; j < talk->line_count; j++) {
			const struct line *other = talk->lines[j];
			if (other->channel == line->channel && i < other->value_count &&
			    strcmp(other->meters[i].name, line->meters[i].name) == 0)
				sum += other->values[i];
		}
		metric_plugin_set(line->name, line->meters[i].name, line->meters[i].help,
				  line->meters[i].is_counter, sum);
	}
}

static void ask_for_meters(struct talk *talk)
{
	talk->next_telemetry_ms = talk->now_ms + TELEMETRY_EVERY_MS;
	for (size_t i = 0; i < talk->line_count; i++) {
		struct line *line = talk->lines[i];
		if (line->is_ready && line->meter_count > 0 &&
		    line_ask(line, FRAME_TELEMETRY, ++talk->serial << QUESTIONS_BITS, text_of("", 0)))
			line_flush(line);
	}
}

/* --- lines --- */

static struct line *line_of(const struct talk *talk, uint64_t number)
{
	for (size_t i = 0; i < talk->line_count; i++)
		if (talk->lines[i]->number == number)
			return talk->lines[i];
	return NULL;
}

static void line_add(struct talk *talk, struct line_birth birth)
{
	if (talk->line_count == LINES_MAX) {
		close(birth.fd);
		close(birth.output);
		if (birth.pidfd >= 0)
			close(birth.pidfd);
		return;
	}
	birth.epoll = talk->epoll;
	talk->lines[talk->line_count++] = line_new(&birth, talk->now_ms);
}

static void line_hear(struct talk *talk, struct line *line)
{
	struct line_owner owner = {talk, hear_checked, hear_measured};

	if (!line_serve(line, &owner, talk->now_ms))
		answer_line(talk, line);
}

static void line_remove(struct talk *talk, uint64_t number)
{
	struct line *line = line_of(talk, number);

	if (!line)
		return;
	/* What it said before its end still counts. */
	line_hear(talk, line);
	line_serve_output(line, talk->now_ms);
	answer_line(talk, line);
	for (size_t i = 0; i < talk->line_count; i++)
		if (talk->lines[i] == line)
			talk->lines[i] = talk->lines[--talk->line_count];
	line_free(line);
}

static void follow(struct talk *talk, const struct order *order)
{
	struct line *line = line_of(talk, order->line);

	switch (order->kind) {
	case ORDER_ATTACH:
		line_add(talk, order->birth);
		break;
	case ORDER_READY:
		if (line)
			line_ready(line, order->meters, order->meter_count);
		break;
	case ORDER_DETACH:
		line_remove(talk, order->line);
		break;
	case ORDER_TELEMETRY:
		ask_for_meters(talk);
		break;
	case ORDER_END:
		talk->is_ending = true;
		break;
	}
}

/* --- the thread --- */

static void take_orders(struct talk *talk)
{
	struct queue_item *item = queue_take_all(talk->orders);

	while (item) {
		struct order *order = (struct order *)item;
		item = item->next;
		follow(talk, order);
		arena_free(order->arena);
	}
}

static void take_questions(struct talk *talk, struct queue_item *item)
{
	while (item) {
		struct talk_check *check = (struct talk_check *)item;
		item = item->next;
		if (talk->is_ending)
			answer(check, HERALD_BUSY, "the daemon ends");
		else
			ask(talk, check);
	}
}

static int sleep_ms(const struct talk *talk)
{
	int64_t next = talk->next_telemetry_ms;

	for (size_t i = 0; i < talk->open_top; i++)
		if (talk->open[i].check && talk->open[i].until_ms < next)
			next = talk->open[i].until_ms;
	for (size_t i = 0; i < talk->line_count; i++)
		if (line_next_ms(talk->lines[i]) < next)
			next = line_next_ms(talk->lines[i]);
	int64_t span = next - clock_mono_ms();
	return span < 0 ? 0 : span > TELEMETRY_EVERY_MS ? TELEMETRY_EVERY_MS : (int)span;
}

static void serve(struct talk *talk, uint64_t key)
{
	struct line *line = line_of(talk, key >> 1);

	if (!line) /* a bell, which is looked at anyway, or a line that went in this turn */
		return;
	if (key & 1)
		line_serve_output(line, talk->now_ms);
	else
		line_hear(talk, line);
}

static void turn(struct talk *talk)
{
	struct epoll_event events[EVENTS_PER_TURN];
	int count = epoll_wait(talk->epoll, events, EVENTS_PER_TURN, sleep_ms(talk));

	CHECK(count >= 0 || errno == EINTR);
	talk->now_ms = clock_mono_ms();
	/* Questions are taken before the orders and looked at after them: whoever asks after talk_ready meets
	 * a process that is known. */
	struct queue_item *questions = queue_take_all(talk->questions);
	take_orders(talk);
	for (int i = 0; i < count; i++)
		serve(talk, events[i].data.u64);
	take_questions(talk, questions);
	answer_overdue(talk);
	if (talk->now_ms >= talk->next_telemetry_ms)
		ask_for_meters(talk);
	for (size_t i = 0; i < talk->line_count; i++)
		line_turn(talk->lines[i], talk->now_ms);
}

static void *run(void *context)
{
	struct talk *talk = context;

	pthread_setname_np(pthread_self(), "talk");
	while (!talk->is_ending)
		turn(talk);
	answer_line(talk, NULL);
	take_questions(talk, queue_take_all(talk->questions));
	return NULL;
}

/* --- the door --- */

static void listen_to(struct talk *talk, int fd, uint64_t key)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = key};

	CHECK(epoll_ctl(talk->epoll, EPOLL_CTL_ADD, fd, &event) == 0);
}

struct talk *talk_new(void)
{
	struct arena *arena = arena_new();
	struct talk *talk = arena_new_of(arena, struct talk);

	talk->arena = arena;
	talk->questions = queue_new(0); /* bounded by who asks: each waits for its answer */
	talk->orders = queue_new(0);
	talk->epoll = epoll_create1(EPOLL_CLOEXEC);
	CHECK(talk->epoll >= 0);
	talk->now_ms = clock_mono_ms();
	talk->next_telemetry_ms = talk->now_ms + TELEMETRY_EVERY_MS;
	listen_to(talk, queue_bell(talk->questions), KEY_QUESTIONS);
	listen_to(talk, queue_bell(talk->orders), KEY_ORDERS);
	CHECK(pthread_create(&talk->thread, NULL, run, talk) == 0);
	return talk;
}

static void give(struct talk *talk, struct order *order)
{
	CHECK(queue_push(talk->orders, &order->item));
}

static struct order *order_new(enum order_kind kind, uint64_t line)
{
	struct arena *arena = arena_new();
	struct order *order = arena_new_of(arena, struct order);

	order->arena = arena;
	order->kind = kind;
	order->line = line;
	return order;
}

void talk_free(struct talk *talk)
{
	if (!talk)
		return;
	give(talk, order_new(ORDER_END, 0));
	CHECK(pthread_join(talk->thread, NULL) == 0);
	take_orders(talk); /* what came after the end */
	take_questions(talk, queue_take_all(talk->questions));
	while (talk->line_count > 0)
		line_free(talk->lines[--talk->line_count]);
	queue_free(talk->questions);
	queue_free(talk->orders);
	close(talk->epoll);
	arena_free(talk->arena);
}

void talk_check(struct talk *talk, struct talk_check *check)
{
	CHECK(queue_push(talk->questions, &check->item));
}

uint64_t talk_attach(struct talk *talk, int32_t channel, const char *channel_name, int fd, int output,
		     int pidfd)
{
	uint64_t number = atomic_fetch_add(&talk->last_line, 1) + 1;
	struct order *order = order_new(ORDER_ATTACH, number);

	order->birth = (struct line_birth){
		.number = number,
		.channel = channel,
		.name = arena_text(order->arena, channel_name),
		.fd = fd,
		.output = output,
		.pidfd = pidfd >= 0 ? fcntl(pidfd, F_DUPFD_CLOEXEC, 0) : -1,
	};
	give(talk, order);
	return number;
}

void talk_ready(struct talk *talk, uint64_t line, const struct wire_meter *meters, size_t count)
{
	struct order *order = order_new(ORDER_READY, line);
	struct wire_meter *copies = arena_array_of(order->arena, count, struct wire_meter);

	for (size_t i = 0; i < count; i++)
		copies[i] = (struct wire_meter){
			.name = arena_text(order->arena, meters[i].name),
			.help = arena_text(order->arena, meters[i].help),
			.is_counter = meters[i].is_counter,
		};
	order->meters = copies;
	order->meter_count = count;
	give(talk, order);
}

void talk_detach(struct talk *talk, uint64_t line)
{
	give(talk, order_new(ORDER_DETACH, line));
}

void talk_telemetry(struct talk *talk)
{
	give(talk, order_new(ORDER_TELEMETRY, 0));
}

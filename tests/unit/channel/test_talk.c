/* test_talk.c - each question is answered exactly once and in time, whatever the process at the other end
 * does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "channel/talk.h"
#include "telemetry/event.h"
#include "telemetry/metric.h"
#include "wire/message.h"
#include "base/check.h"

static const struct wire_meter meters[] = {{"talk_conversations", "Known ones.", false},
					   {"talk_pages", "Fetched.", true}};

/* The host's end, played by the test. */
struct peer {
	int fd, output;
	uint64_t line;
	struct frame_reader reader;
	struct arena *arena;
	struct frame frame; /* the last one read */
};

static void peer_open(struct peer *peer, struct talk *talk, int32_t channel, int pidfd, bool is_ready)
{
	int ends[2], output[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	assert_int_equal(pipe2(output, O_CLOEXEC | O_NONBLOCK), 0);
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	peer->fd = ends[1];
	peer->output = output[1];
	frame_reader_init(&peer->reader);
	peer->arena = arena_new();
	peer->line = talk_attach(talk, channel, "sms", ends[0], output[0], pidfd);
	if (is_ready)
		talk_ready(talk, peer->line, meters, countof(meters));
}

static void peer_close(struct peer *peer)
{
	if (peer->fd >= 0)
		close(peer->fd);
	if (peer->output >= 0)
		close(peer->output);
	frame_reader_done(&peer->reader);
	arena_free(peer->arena);
}

/* The next frame.  False: the other end closed. */
static bool peer_hear(struct peer *peer)
{
	bool is_broken = false;
	while (!frame_next(&peer->reader, &peer->frame, &is_broken)) {
		assert_false(is_broken);
		if (frame_reader_fill(&peer->reader, peer->fd, NULL) != HERALD_OK)
			return false;
	}
	return true;
}

static const char *peer_address(struct peer *peer)
{
	struct herald_text text;
	uint64_t number;
	assert_int_equal(peer->frame.type, FRAME_CHECK);
	assert_int_equal(wire_note_read(&peer->frame, peer->arena, &number, &text, NULL), HERALD_OK);
	return text.data;
}

static void peer_say(struct peer *peer, struct herald_builder *batch)
{
	assert_int_equal(send(peer->fd, batch->data, batch->size, MSG_NOSIGNAL), batch->size);
	herald_builder_done(batch);
}

static void peer_answer(struct peer *peer, uint64_t question, enum herald_code code, const char *canonical,
			const char *text)
{
	struct herald_builder batch;
	struct wire_checked checked = {
		.code = code, .canonical = canonical, .destination = "carrier", .text = text};
	herald_builder_init(&batch, 65536);
	assert_true(wire_checked_write(&batch, question, &checked));
	peer_say(peer, &batch);
}

/* --- questions with a record of how often they were answered --- */

struct asked {
	struct talk_check check; /* first */
	_Atomic unsigned answers;
	pthread_t answered_by;
};

static void count_answer(struct talk_check *check)
{
	struct asked *asked = (struct asked *)check;
	asked->answered_by = pthread_self();
	asked->answers++;
}

static void ask(struct talk *talk, struct asked *asked, int32_t channel, const char *address, int timeout_ms)
{
	*asked =
		(struct asked){.check = {.channel = channel, .timeout_ms = timeout_ms, .done = count_answer}};
	snprintf(asked->check.address, sizeof(asked->check.address), "%s", address);
	talk_check(talk, &asked->check);
}

static void await(const struct asked *asked)
{
	int64_t until_ms = clock_mono_ms() + 10000;
	while (asked->answers == 0) {
		assert_true(clock_mono_ms() < until_ms);
		poll(NULL, 0, 1);
	}
	assert_int_equal(asked->answers, 1);
}

static void an_address_comes_back_canonical_with_its_destination(void **state)
{
	(void)state;
	struct talk *talk = talk_new();
	struct peer peer;
	struct asked asked;
	peer_open(&peer, talk, 1, -1, true);
	ask(talk, &asked, 1, "+41 79 000 00 00", 5000);
	assert_true(peer_hear(&peer));
	assert_string_equal(peer_address(&peer), "+41 79 000 00 00");
	peer_answer(&peer, peer.frame.sequence, HERALD_OK, "+41790000000", "");
	await(&asked);
	assert_int_equal(asked.check.code, HERALD_OK);
	assert_string_equal(asked.check.canonical, "+41790000000");
	assert_string_equal(asked.check.destination, "carrier");
	assert_false(pthread_equal(asked.answered_by, pthread_self()));
	talk_free(talk);
	peer_close(&peer);
}

static void a_refused_address_says_why(void **state)
{
	(void)state;
	struct talk *talk = talk_new();
	struct peer peer;
	struct asked asked;
	peer_open(&peer, talk, 1, -1, true);
	ask(talk, &asked, 1, "0041", 5000);
	assert_true(peer_hear(&peer));
	peer_answer(&peer, peer.frame.sequence, HERALD_INVALID, "", "no plus in it");
	await(&asked);
	assert_int_equal(asked.check.code, HERALD_INVALID);
	assert_string_equal(asked.check.err.text, "no plus in it");
	talk_free(talk);
	peer_close(&peer);
}

static void a_canonical_form_that_is_too_long_is_no_address(void **state)
{
	(void)state;
	struct talk *talk = talk_new();
	struct peer peer;
	struct asked asked;
	char longest[ADDRESS_BYTES_MAX + 1];
	peer_open(&peer, talk, 1, -1, true);
	for (size_t size = ADDRESS_BYTES_MAX - 1; size <= ADDRESS_BYTES_MAX; size++) {
		memset(longest, 'a', size);
		longest[size] = '\0';
		ask(talk, &asked, 1, "x", 5000);
		assert_true(peer_hear(&peer));
		peer_answer(&peer, peer.frame.sequence, HERALD_OK, longest, "");
		await(&asked);
		assert_int_equal(asked.check.code, size < ADDRESS_BYTES_MAX ? HERALD_OK : HERALD_INVALID);
	}
	talk_free(talk);
	peer_close(&peer);
}

static void a_channel_that_does_not_run_is_busy_at_once(void **state)
{
	(void)state;
	struct talk *talk = talk_new();
	struct peer peer;
	struct asked asked;
	ask(talk, &asked, 1, "x", 60000);
	await(&asked);
	assert_int_equal(asked.check.code, HERALD_BUSY);
	peer_open(&peer, talk, 1, -1, false); /* there, but not ready */
	ask(talk, &asked, 1, "x", 60000);
	await(&asked);
	assert_int_equal(asked.check.code, HERALD_BUSY);
	talk_free(talk);
	peer_close(&peer);
}

static void an_answer_that_is_late_meets_nobody(void **state)
{
	(void)state;
	struct talk *talk = talk_new();
	struct peer peer;
	struct asked slow, next;
	peer_open(&peer, talk, 1, -1, true);
	ask(talk, &slow, 1, "slow", 30);
	assert_true(peer_hear(&peer));
	uint64_t late = peer.frame.sequence;
	await(&slow);
	assert_int_equal(slow.check.code, HERALD_BUSY);

	/* The next question takes the same place; the late answer must not become its own. */
	ask(talk, &next, 1, "next", 5000);
	assert_true(peer_hear(&peer));
	peer_answer(&peer, late, HERALD_INVALID, "", "late");
	peer_answer(&peer, UINT64_MAX, HERALD_INVALID, "", "invented");
	peer_answer(&peer, peer.frame.sequence, HERALD_OK, "next", "");
	peer_answer(&peer, peer.frame.sequence, HERALD_INVALID, "", "twice");
	await(&next);
	assert_int_equal(next.check.code, HERALD_OK);
	talk_free(talk);
	assert_int_equal(next.answers, 1);
	assert_int_equal(slow.answers, 1);
	peer_close(&peer);
}

static void a_process_that_ends_or_is_detached_leaves_no_question_open(void **state)
{
	(void)state;
	for (int by_detach = 0; by_detach < 2; by_detach++) {
		struct talk *talk = talk_new();
		struct peer peer;
		struct asked asked[3];
		peer_open(&peer, talk, 1, -1, true);
		for (size_t i = 0; i < countof(asked); i++) {
			ask(talk, &asked[i], 1, "x", 60000);
			assert_true(peer_hear(&peer));
		}
		/* what it said before its end counts */
		peer_answer(&peer, peer.frame.sequence, HERALD_OK, "x", "");
		if (by_detach) {
			talk_detach(talk, peer.line);
		} else {
			close(peer.fd);
			peer.fd = -1;
		}
		for (size_t i = 0; i < countof(asked); i++) {
			await(&asked[i]);
			assert_int_equal(asked[i].check.code, i == 2 ? HERALD_OK : HERALD_BUSY);
		}
		talk_free(talk);
		peer_close(&peer);
	}
}

static void the_end_answers_what_is_open_and_what_waits(void **state)
{
	(void)state;
	struct talk *talk = talk_new();
	struct peer peer;
	struct asked asked[50];
	peer_open(&peer, talk, 1, -1, true);
	for (size_t i = 0; i < countof(asked); i++)
		ask(talk, &asked[i], 1, "x", 60000);
	talk_free(talk);
	for (size_t i = 0; i < countof(asked); i++) {
		assert_int_equal(asked[i].answers, 1);
		assert_int_equal(asked[i].check.code, HERALD_BUSY);
	}
	peer_close(&peer);
}

static void more_questions_than_places_are_busy_and_none_is_lost(void **state)
{
	(void)state;
	struct talk *talk = talk_new();
	struct peer peer;
	enum { MANY = 1500 };
	struct asked *asked = calloc(MANY, sizeof(*asked));
	unsigned busy = 0, open = 0;
	peer_open(&peer, talk, 1, -1, true);
	for (size_t i = 0; i < MANY; i++)
		ask(talk, &asked[i], 1, "x", 60000);
	for (; open < 1024; open++) { /* each that is open is heard */
		assert_true(peer_hear(&peer));
		peer_answer(&peer, peer.frame.sequence, HERALD_OK, "x", "");
		if (open == 0)
			continue;
	}
	talk_free(talk);
	for (size_t i = 0; i < MANY; i++) {
		assert_int_equal(asked[i].answers, 1);
		busy += asked[i].check.code == HERALD_BUSY;
	}
	assert_true(busy <= MANY - 1024);
	peer_close(&peer);
	free(asked);
}

static void bytes_that_are_no_frame_end_the_process(void **state)
{
	(void)state;
	static const char *const lies[] = {"HTTP/1.1 400 Bad Request\r\n\r\n", NULL};
	for (size_t i = 0; i < countof(lies); i++) {
		struct talk *talk = talk_new();
		struct peer peer;
		struct asked asked;
		pid_t pid = fork();
		if (pid == 0) {
			poll(NULL, 0, -1);
			_exit(0);
		}
		int pidfd = pidfd_open(pid, 0);
		peer_open(&peer, talk, 1, pidfd, true);
		close(pidfd);
		ask(talk, &asked, 1, "x", 60000);
		assert_true(peer_hear(&peer));
		if (lies[i]) {
			assert_true(send(peer.fd, lies[i], strlen(lies[i]), MSG_NOSIGNAL) > 0);
		} else { /* a frame, but no answer */
			struct herald_builder batch;
			herald_builder_init(&batch, 4096);
			frame_end(&batch, (frame_begin(&batch, FRAME_CHECKED, 1),
					   herald_add(&batch, "xxxxxxxxxxxxxxxxxx"), (size_t)0));
			peer_say(&peer, &batch);
		}
		await(&asked);
		assert_int_equal(asked.check.code, HERALD_BUSY);
		int status;
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		talk_free(talk);
		peer_close(&peer);
	}
}

static void meters_are_the_sum_over_the_processes_of_a_channel(void **state)
{
	(void)state;
	struct talk *talk = talk_new();
	struct peer peers[2];
	for (int i = 0; i < 2; i++)
		peer_open(&peers[i], talk, 1, -1, true);
	talk_telemetry(talk);
	for (int i = 0; i < 2; i++) {
		struct herald_builder batch;
		assert_true(peer_hear(&peers[i]));
		assert_int_equal(peers[i].frame.type, FRAME_TELEMETRY);
		herald_builder_init(&batch, 4096);
		wire_meters_write(&batch, peers[i].frame.sequence, (double[]){1.5, 10 + i}, 2);
		peer_say(&peers[i], &batch);
	}
	/* A question after it on each line: when it is answered, the meters were read. */
	for (int i = 0; i < 2; i++) {
		struct asked asked;
		ask(talk, &asked, 1, "x", 5000);
		struct pollfd ends[] = {{.fd = peers[0].fd, .events = POLLIN},
					{.fd = peers[1].fd, .events = POLLIN}};
		assert_int_equal(poll(ends, 2, 5000), 1);
		struct peer *peer = ends[0].revents ? &peers[0] : &peers[1];
		assert_true(peer_hear(peer));
		peer_answer(peer, peer->frame.sequence, HERALD_OK, "x", "");
		await(&asked);
	}
	struct herald_builder text;
	herald_builder_init(&text, 1024 * 1024);
	metric_text(&text);
	assert_non_null(strstr(text.data, "herald_plugin_talk_conversations{channel=\"sms\"} 3\n"));
	assert_non_null(strstr(text.data, "herald_plugin_talk_pages_total{channel=\"sms\"} 21\n"));
	herald_builder_done(&text);
	talk_free(talk);
	for (int i = 0; i < 2; i++)
		peer_close(&peers[i]);
}

/* --- what plugins say --- */

static size_t lines_in(const char *path, const char *what)
{
	char line[8192];
	size_t count = 0;
	FILE *file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		count += strstr(line, what) != NULL;
	if (file)
		fclose(file);
	return count;
}

static void a_plugin_that_talks_without_end_is_capped_and_the_rest_is_counted(void **state)
{
	(void)state;
	char path[] = "/tmp/herald-talk-log-XXXXXX";
	int fd = mkstemp(path);
	event_open(&(struct event_settings){.format = EVENT_FORMAT_JSON, .fd = fd});
	struct talk *talk = talk_new();
	struct peer peer;
	peer_open(&peer, talk, 1, -1, true);
	for (int i = 0; i < 2000; i++) {
		struct herald_builder batch;
		struct herald_field field = {"channel", "forged"};
		herald_builder_init(&batch, 4096);
		wire_log_write(&batch,
			       &(struct wire_log){
				       .level = 4, .event = "babble", .fields = &field, .field_count = 1});
		while (send(peer.fd, batch.data, batch.size, MSG_NOSIGNAL) < 0)
			;
		herald_builder_done(&batch);
	}
	assert_int_equal(write(peer.output, "a line of ou", 12), 12);
	assert_int_equal(write(peer.output, "tput\nits last words", 19), 19);
	talk_detach(talk, peer.line);
	talk_free(talk);
	event_open(&(struct event_settings){.format = EVENT_FORMAT_JSON});
	size_t babble = lines_in(path, "\"babble\"");
	assert_in_range(babble, 50, 100);
	assert_int_equal(lines_in(path, "held_back"), 1);
	assert_int_equal(lines_in(path, "\"channel\":\"forged\""), 0);
	assert_int_equal(lines_in(path, "plugin.channel"), babble);
	close(fd);
	unlink(path);
	peer_close(&peer);
}

/* --- many at once --- */

struct crowd {
	struct talk *talk;
	int32_t channel;
};

static void *crowd_ask(void *context)
{
	const struct crowd *crowd = context;
	for (int i = 0; i < 300; i++) {
		struct asked asked;
		ask(crowd->talk, &asked, crowd->channel, i % 10 ? "good" : "lost", i % 10 ? 5000 : 5);
		await(&asked);
		assert_int_equal(asked.check.code, i % 10 ? HERALD_OK : HERALD_BUSY);
	}
	return NULL;
}

static void *crowd_answer(void *context)
{
	struct peer *peer = context;
	while (peer_hear(peer))
		if (strcmp(peer_address(peer), "good") == 0)
			peer_answer(peer, peer->frame.sequence, HERALD_OK, "good", "");
	return NULL;
}

static void questions_of_many_threads_are_answered_each_once(void **state)
{
	(void)state;
	struct talk *talk = talk_new();
	struct peer peer;
	struct crowd crowd = {talk, 1};
	pthread_t askers[4], host;
	peer_open(&peer, talk, 1, -1, true);
	assert_int_equal(pthread_create(&host, NULL, crowd_answer, &peer), 0);
	for (size_t i = 0; i < countof(askers); i++)
		assert_int_equal(pthread_create(&askers[i], NULL, crowd_ask, &crowd), 0);
	for (size_t i = 0; i < countof(askers); i++)
		pthread_join(askers[i], NULL);
	talk_free(talk);
	pthread_join(host, NULL);
	peer_close(&peer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_comes_back_canonical_with_its_destination),
		cmocka_unit_test(a_refused_address_says_why),
		cmocka_unit_test(a_canonical_form_that_is_too_long_is_no_address),
		cmocka_unit_test(a_channel_that_does_not_run_is_busy_at_once),
		cmocka_unit_test(an_answer_that_is_late_meets_nobody),
		cmocka_unit_test(a_process_that_ends_or_is_detached_leaves_no_question_open),
		cmocka_unit_test(the_end_answers_what_is_open_and_what_waits),
		cmocka_unit_test(more_questions_than_places_are_busy_and_none_is_lost),
		cmocka_unit_test(bytes_that_are_no_frame_end_the_process),
		cmocka_unit_test(meters_are_the_sum_over_the_processes_of_a_channel),
		cmocka_unit_test(a_plugin_that_talks_without_end_is_capped_and_the_rest_is_counted),
		cmocka_unit_test(questions_of_many_threads_are_answered_each_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

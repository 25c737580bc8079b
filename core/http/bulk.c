/* POST /v1/notifications/bulk: a notification per line, read as a stream, each line durable as it comes.
 *
 * Lines are taken in turns of at most LINES_PER_TURN, so that a bulk never keeps its thread's other requests
 * waiting; a bad line never stops the others; the answers come in the order of the lines, after the body has
 * been read.  A turn's memory ends with the turn, what was read is dropped, and when the answer is full the
 * rest is told to come again: whatever is sent, a bulk takes a bounded part of the daemon. */
#include <string.h>

#include "base/json.h"
#include "http/resources.h"
#include "http/sending.h"
#include "base/check.h"

enum {
	LINES_PER_TURN = 50,
	BULK_ANSWER_BYTES_MAX = 16 * 1024 * 1024,
	LINE_ANSWER_BYTES_MAX = 64 * 1024, /* of FAULTS_MAX faults with their words */
};

struct line {
	struct sending sending;
	struct faults faults;
	json_t *tree;
	uint8_t fingerprint[32];
	unsigned long number;
	bool is_ended; /* its answer is known */
	json_t *problem;
};

struct bulk {
	struct herald_builder out;
	struct arena *turn;   /* ends with the turn's answers */
	size_t taken;         /* bytes of what is in the body's buffer */
	unsigned long number; /* of the last line */
	struct line *lines;   /* this turn's */
	size_t line_count;
	bool is_full; /* the answer is: the rest is not taken */
};

static void bulk_turn(struct request *request);

static void fail_line(struct request *request, struct line *line, enum problem problem, const char *detail,
		      const struct faults *faults)
{
	line->problem = problem_tree(request, problem, detail, faults);
	line->is_ended = true;
}

static void fail_with_faults(struct request *request, struct line *line)
{
	char detail[512];

	faults_detail(&line->faults, detail, sizeof(detail));
	fail_line(request, line, problem_find(line->faults.problem), detail, &line->faults);
}

/* The next whole line, without its end; false: more of the body is needed.  A blank line is no line. */
static bool take_line(struct request *request, struct bulk *bulk, struct herald_text *ret_line)
{
	while (bulk->taken < request->body.size) {
		const char *begin = request->body.data + bulk->taken;
		size_t left = request->body.size - bulk->taken;
		const char *end = memchr(begin, '\n', left);
		size_t size = end ? (size_t)(end - begin) : left;

		if (end == NULL && !request->has_whole_body)
			return false;
		bulk->taken += size + (end != NULL);
		bulk->number++;
		if (size > 0 && begin[size - 1] == '\r')
			size--;
		if (strspn(begin, " \t") >= size)
			continue;
		*ret_line = text_of(begin, size);
		return true;
	}
	return false;
}

static void begin_line(struct request *request, struct bulk *bulk, struct line *line, struct herald_text text)
{
	static const enum problem troubles[] = {
		[JSON_FINE] = PROBLEM_malformed_json,         [JSON_MALFORMED] = PROBLEM_malformed_json,
		[JSON_DUPLICATE_KEY] = PROBLEM_duplicate_key, [JSON_NOT_UTF8] = PROBLEM_not_utf8,
		[JSON_TOO_DEEP] = PROBLEM_too_deep,           [JSON_TOO_MANY] = PROBLEM_too_deep,
	};
	struct json_fault fault;

	faults_init(&line->faults, bulk->turn);
	line->sending.faults = &line->faults;
	if (text.size > BODY_BYTES_MAX) {
		fail_line(request, line, PROBLEM_too_large, "a line has at most 262144 bytes", NULL);
		return;
	}
	line->sending.body = arena_bytes_copy(bulk->turn, text.data, text.size); /* the body's buffer moves */
	line->tree = json_read(text.data, text.size, &fault);
	if (line->tree == NULL)
		fail_line(request, line, troubles[fault.trouble], fault.text, NULL);
	else if (!sending_parse(request, &line->sending, line->tree, NOTIFICATION_BULK_LINE))
		fail_with_faults(request, line);
	herald_sha256(text.data, text.size, line->fingerprint);
}

/* One line each, {"line": 1, "id": ...} or {"line": 2, "problem": {...}}. */
static void write_line(struct bulk *bulk, struct line *line)
{
	const struct store_op *op = &line->sending.call.accept.op;

	herald_addf(&bulk->out, "{\"line\":%lu,", line->number);
	if (line->problem != NULL) {
		herald_add(&bulk->out, "\"problem\":");
		json_write(line->problem, &bulk->out);
		herald_add(&bulk->out, "}\n");
	} else {
		struct herald_text receipt =
			op->ret_is_replay ? op->ret_replay : sending_receipt(&line->sending);

		herald_add_bytes(&bulk->out, receipt.data + 1, receipt.size - 2);
		herald_add(&bulk->out, op->ret_is_replay ? ",\"replayed\":true}\n" : "}\n");
	}
}

static void clear_turn(struct bulk *bulk)
{
	for (size_t i = 0; i < bulk->line_count; i++) {
		sending_done(&bulk->lines[i].sending);
		json_decref(bulk->lines[i].tree);
		json_decref(bulk->lines[i].problem);
	}
	bulk->line_count = 0;
	bulk->lines = NULL;
	arena_clear(bulk->turn);
}

static void bulk_end(struct request *request)
{
	struct bulk *bulk = request->state;

	clear_turn(bulk);
	arena_free(bulk->turn);
	herald_builder_done(&bulk->out);
}

static void lines_answered(struct request *request);

/* Plan and promise every line that has no answer yet.  All are prepared before the first is handed over: they
 * share the turn's arena, which is the writer's from then on. */
static void promise_lines(struct request *request)
{
	struct bulk *bulk = request->state;

	request->next = lines_answered; /* also when every line of the turn was refused */
	for (size_t i = 0; i < bulk->line_count; i++) {
		struct line *line = &bulk->lines[i];
		struct herald_error err;
		enum herald_code code;

		if (line->is_ended)
			continue;
		code = sending_plan(request, &line->sending, false, &err);
		if (faults_any(&line->faults))
			fail_with_faults(request, line);
		else if (code != HERALD_OK)
			fail_line(request, line, problem_of_code(code), code_detail(code, &err), NULL);
		else
			sending_prepare(request, &line->sending, line->sending.notification.idempotency_key,
					line->fingerprint);
	}
	for (size_t i = 0; i < bulk->line_count; i++) {
		if (!bulk->lines[i].is_ended)
			sending_submit(request, &bulk->lines[i].sending, lines_answered);
	}
}

/* False: it conflicted and goes round again. */
static bool line_ends(struct request *request, struct line *line)
{
	const struct store_op *op = &line->sending.call.accept.op;

	if (line->is_ended)
		return true;
	if (sending_answered(request, &line->sending))
		return false;
	line->is_ended = true;
	if (op->ret_is_mismatch)
		fail_line(request, line, PROBLEM_idempotency_mismatch,
			  "this key was used for another notification", NULL);
	else if (op->code != HERALD_OK)
		fail_line(request, line, problem_of_code(op->code), code_detail(op->code, &op->err), NULL);
	return true;
}

static void lines_answered(struct request *request)
{
	struct bulk *bulk = request->state;
	bool is_whole = true;

	for (size_t i = 0; i < bulk->line_count; i++)
		is_whole &= line_ends(request, &bulk->lines[i]);
	if (!is_whole) {
		promise_lines(request);
		return;
	}
	for (size_t i = 0; i < bulk->line_count; i++)
		write_line(bulk, &bulk->lines[i]);
	clear_turn(bulk);
	request_pause(request, 0, bulk_turn);
}

/* What was read is of no more use: only the beginning of a line may be left. */
static void drop_taken(struct request *request, struct bulk *bulk)
{
	size_t left = request->body.size - bulk->taken;

	if (bulk->taken == 0)
		return;
	memmove(request->body.data, request->body.data + bulk->taken, left);
	request->body.size = left;
	request->body.data[left] = 0;
	bulk->taken = 0;
}

static bool has_room(const struct bulk *bulk)
{
	return BULK_ANSWER_BYTES_MAX - bulk->out.size >= (LINES_PER_TURN + 1) * LINE_ANSWER_BYTES_MAX;
}

/* The answer has no room for another turn: say from which line on nothing was taken, and read past the rest.
 */
static void refuse_rest(struct request *request, struct bulk *bulk)
{
	struct line line = {.number = bulk->number};

	bulk->is_full = true;
	fail_line(request, &line, PROBLEM_too_large,
		  "the answer is full: nothing from this line on was read; send it in another call", NULL);
	write_line(bulk, &line);
	json_decref(line.problem);
}

/* A full turn's lines, or what is left at the end; else back to reading. */
static void bulk_turn(struct request *request)
{
	struct bulk *bulk = request->state;
	struct herald_text text;

	if (!bulk->is_full && !has_room(bulk) && take_line(request, bulk, &text))
		refuse_rest(request, bulk);
	while (!bulk->is_full && bulk->line_count < LINES_PER_TURN && take_line(request, bulk, &text)) {
		struct line *line;

		if (bulk->line_count == 0)
			bulk->lines = arena_array_of(bulk->turn, LINES_PER_TURN, struct line);
		line = &bulk->lines[bulk->line_count++];
		line->number = bulk->number;
		begin_line(request, bulk, line, text);
	}
	if (bulk->line_count == 0) {
		bulk->taken = bulk->is_full ? request->body.size : bulk->taken;
		drop_taken(request, bulk);
		request->wants_body = !request->has_whole_body;
		CHECK(bulk->out.code == HERALD_OK);
		if (request->has_whole_body)
			answer_text(request, 200, "application/x-ndjson",
				    text_of(bulk->out.data, bulk->out.size));
		return;
	}
	request->next = promise_lines;
	for (size_t i = 0; i < bulk->line_count; i++) {
		if (!bulk->lines[i].is_ended)
			sending_ask(request, &bulk->lines[i].sending, promise_lines);
	}
}

void bulk_post(struct request *request)
{
	if (request->state == NULL) {
		struct bulk *bulk = arena_new_of(request->arena, struct bulk);

		herald_builder_init(&bulk->out, BULK_ANSWER_BYTES_MAX);
		bulk->turn = arena_new();
		request->state = bulk;
		request->cleanup = bulk_end;
	}
	bulk_turn(request);
}

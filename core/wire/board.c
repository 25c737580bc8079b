/* board.c - the file that outlives both processes.
 *
 * One slot is one word and what it speaks of.  The word is (serial << 8 | state), so a compare-and-swap moves
 * a state only for the ticket that its caller means.  What stands beside the word is written before the word
 * says so (release) and read after (acquire).  Nothing is trusted on reading: the file may be torn, older, or
 * scribbled on by a plugin. */
#include "wire/board.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "herald/kit.h"
#include "base/arena.h"
#include "base/check.h"

#define BOARD_MAGIC UINT64_C(0x3130647262647268) /* "hrdbrd01" */

enum { BOARD_VERSION = 1, STATE_BITS = 8, SLOT_BITS = 16 };

/* The same machine writes and reads, so the layout is the compiler's; its sizes are pinned below. */
struct file_head {
	uint64_t magic; /* written last: a board without it was never used */
	uint32_t version, slots;
	uint8_t boot_id[16];
	int64_t run;
	_Atomic uint32_t has_left;
	char channel[36];
	uint8_t reserved[432];
};

struct file_slot {
	_Atomic uint64_t word;
	int64_t notification, run;
	uint32_t n, attempt;
	int64_t retry_after_ms;
	uint32_t verdict;
	char status[12];
	char provider_ref[128];
	char reason[256];
	uint8_t reserved[72];
};

_Static_assert(sizeof(struct file_head) == 512, "the head of a board is 512 bytes");
_Static_assert(sizeof(struct file_slot) == 512, "a slot of a board is 512 bytes");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "a word shared by processes needs lock-free atomics");
_Static_assert(sizeof(((struct herald_outcome *)0)->status) == 12, "as the border has it");
_Static_assert(sizeof(((struct herald_outcome *)0)->provider_ref) == 128, "as the border has it");
_Static_assert(sizeof(((struct herald_outcome *)0)->reason) == 256, "as the border has it");

struct board {
	struct arena *arena; /* holds this struct */
	struct file_head *head;
	struct file_slot *slots;
	uint32_t slot_count; /* checked against the file's size; the mapped figure may change */
	size_t bytes;
	int fd;
};

static size_t board_bytes(uint32_t slots)
{
	return sizeof(struct file_head) + (size_t)slots * sizeof(struct file_slot);
}

static uint64_t word_of(uint64_t ticket, enum slot_state state)
{
	return ticket >> SLOT_BITS << STATE_BITS | (uint64_t)state;
}

static uint64_t word_state(uint64_t word)
{
	return word & ((1u << STATE_BITS) - 1);
}

static struct file_slot *slot_of(const struct board *board, uint64_t ticket)
{
	uint64_t number = ticket & ((1u << SLOT_BITS) - 1);

	return number < board->slot_count ? &board->slots[number] : NULL;
}

static uint64_t slot_load(const struct file_slot *slot)
{
	return atomic_load_explicit(&slot->word, memory_order_acquire);
}

/* --- the file --- */

static enum herald_code board_map(int fd, uint32_t slots, struct board **ret_board, struct herald_error *err)
{
	size_t bytes = board_bytes(slots);
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (at == MAP_FAILED)
		return herald_fail(err, HERALD_IO, "mapping a board: %s", strerrordesc_np(errno));

	struct arena *arena = arena_new();
	struct board *board = arena_new_of(arena, struct board);
	*board = (struct board){
		.arena = arena,
		.head = at,
		.slots = (struct file_slot *)(void *)((char *)at + sizeof(struct file_head)),
		.slot_count = slots,
		.bytes = bytes,
		.fd = fd,
	};
	*ret_board = board;
	return HERALD_OK;
}

enum herald_code board_create(const char *path, const struct board_head *head, uint32_t slots,
			      struct board **ret_board, struct herald_error *err)
{
	CHECK(slots >= 1 && slots <= BOARD_SLOTS_MAX);
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	struct board *board;

	if (fd < 0)
		return herald_fail(err, errno == EEXIST ? HERALD_CONFLICT : HERALD_IO, "creating %s: %s",
				   path, strerrordesc_np(errno));

	/* Blocks now rather than a SIGBUS later: a full disk is found while nobody depends on the board. */
	int failure = posix_fallocate(fd, 0, (off_t)board_bytes(slots));
	enum herald_code code = failure ? herald_fail(err, HERALD_IO, "making room for %s: %s", path,
						      strerrordesc_np(failure))
					: board_map(fd, slots, &board, err);
	if (code != HERALD_OK) {
		close(fd);
		unlink(path);
		return code;
	}

	board->head->version = BOARD_VERSION;
	board->head->slots = slots;
	board->head->run = head->run;
	atomic_store_explicit(&board->head->has_left, head->has_left ? 1 : 0, memory_order_relaxed);
	memcpy(board->head->boot_id, head->boot_id, sizeof(board->head->boot_id));
	snprintf(board->head->channel, sizeof(board->head->channel), "%.32s", head->channel);
	atomic_thread_fence(memory_order_release);
	board->head->magic = BOARD_MAGIC;
	*ret_board = board;
	return HERALD_OK;
}

/* Read the head before mapping anything, so that a short file is never touched past its end. */
static enum herald_code board_probe(int fd, uint32_t *ret_slots, struct herald_error *err)
{
	struct file_head head;
	struct stat status;

	if (fstat(fd, &status) < 0)
		return herald_fail(err, HERALD_IO, "%s", strerrordesc_np(errno));
	if (!S_ISREG(status.st_mode) || status.st_size < (off_t)sizeof(head) ||
	    pread(fd, &head, sizeof(head), 0) != (ssize_t)sizeof(head))
		return herald_fail(err, HERALD_CORRUPT, "not a board: too short");
	if (head.magic != BOARD_MAGIC || head.version != BOARD_VERSION)
		return herald_fail(err, HERALD_CORRUPT, "not a board of this version");
	if (head.slots < 1 || head.slots > BOARD_SLOTS_MAX || status.st_size < (off_t)board_bytes(head.slots))
		return herald_fail(err, HERALD_CORRUPT, "not a board: its size and its head disagree");
	*ret_slots = head.slots;
	return HERALD_OK;
}

enum herald_code board_attach(int fd, struct board **ret_board, struct herald_error *err)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	uint32_t slots = 0;
	enum herald_code code = board_probe(fd, &slots, err);

	if (code != HERALD_OK)
		return code;
	if (fcntl(fd, F_SETLK, &lock) < 0) {
		bool is_held = errno == EAGAIN || errno == EACCES;
		return herald_fail(err, is_held ? HERALD_BUSY : HERALD_IO, "locking the board: %s",
				   strerrordesc_np(errno));
	}
	return board_map(fd, slots, ret_board, err);
}

enum herald_code board_open(const char *path, struct board **ret_board, struct herald_error *err)
{
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	uint32_t slots = 0;

	if (fd < 0)
		return herald_fail(err, errno == ENOENT ? HERALD_NOT_FOUND : HERALD_IO, "opening %s: %s",
				   path, strerrordesc_np(errno));
	enum herald_code code = board_probe(fd, &slots, err);
	if (code == HERALD_OK)
		code = board_map(fd, slots, ret_board, err);
	if (code != HERALD_OK) {
		close(fd);
		herald_within(err, "%s: ", path);
	}
	return code;
}

void board_free(struct board *board)
{
	if (!board)
		return;
	munmap(board->head, board->bytes);
	close(board->fd);
	arena_free(board->arena);
}

int board_fd(const struct board *board)
{
	return board->fd;
}

pid_t board_holder(const struct board *board)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	if (fcntl(board->fd, F_GETLK, &lock) < 0 || lock.l_type == F_UNLCK)
		return 0;
	return lock.l_pid;
}

struct board_head board_head(const struct board *board)
{
	const struct file_head *head = board->head;
	struct board_head copy = {
		.run = head->run,
		.has_left = atomic_load_explicit(&head->has_left, memory_order_acquire) != 0,
	};

	memcpy(copy.boot_id, head->boot_id, sizeof(copy.boot_id));
	snprintf(copy.channel, sizeof(copy.channel), "%.32s", head->channel);
	return copy;
}

void board_say_left(struct board *board)
{
	atomic_store_explicit(&board->head->has_left, 1, memory_order_release);
}

uint32_t board_slots(const struct board *board)
{
	return board->slot_count;
}

/* --- the slots --- */

bool board_post(struct board *board, uint64_t ticket, const struct slot_identity *identity)
{
	struct file_slot *slot = slot_of(board, ticket);

	if (!slot)
		return false;
	uint64_t word = slot_load(slot);
	if (word_state(word) != SLOT_FREE)
		return false;

	/* Nobody else writes a slot that is free, so plain stores will do until the word is published. */
	slot->notification = identity->notification;
	slot->run = identity->run;
	slot->n = identity->n;
	slot->attempt = identity->attempt;
	slot->verdict = 0;
	slot->retry_after_ms = 0;
	slot->status[0] = slot->provider_ref[0] = slot->reason[0] = '\0';
	return atomic_compare_exchange_strong_explicit(&slot->word, &word, word_of(ticket, SLOT_QUEUED),
						       memory_order_acq_rel, memory_order_acquire);
}

bool board_swap(struct board *board, uint64_t ticket, enum slot_state from, enum slot_state to)
{
	struct file_slot *slot = slot_of(board, ticket);
	uint64_t expected = word_of(ticket, from);

	return slot && atomic_compare_exchange_strong_explicit(&slot->word, &expected, word_of(ticket, to),
							       memory_order_acq_rel, memory_order_acquire);
}

bool board_finish(struct board *board, uint64_t ticket, const struct herald_outcome *outcome)
{
	struct file_slot *slot = slot_of(board, ticket);
	enum slot_state state = board_state(board, ticket);

	if (!slot || (state != SLOT_IN_PLUGIN && state != SLOT_ON_WIRE))
		return false;
	slot->verdict = outcome->verdict;
	slot->retry_after_ms = outcome->retry_after_ms;
	memcpy(slot->status, outcome->status, sizeof(slot->status));
	memcpy(slot->provider_ref, outcome->provider_ref, sizeof(slot->provider_ref));
	memcpy(slot->reason, outcome->reason, sizeof(slot->reason));
	return board_swap(board, ticket, state, SLOT_DONE);
}

enum slot_state board_state(const struct board *board, uint64_t ticket)
{
	const struct file_slot *slot = slot_of(board, ticket);
	uint64_t word = slot ? slot_load(slot) : 0;

	if (!slot || word >> STATE_BITS != ticket >> SLOT_BITS)
		return SLOT_FREE;
	return word_state(word) <= SLOT_REVOKED ? (enum slot_state)word_state(word) : SLOT_ON_WIRE;
}

/* A text that a plugin may have left without its end, or with bytes that no log should see. */
static void text_copy(char *ret_text, size_t size, const char *text)
{
	memcpy(ret_text, text, size);
	ret_text[size - 1] = '\0';
	size_t length = strlen(ret_text);
	bool is_valid = herald_utf8_valid(ret_text, length);
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)ret_text[i];
		if (c < 0x20 || c == 0x7f || (c >= 0x80 && !is_valid))
			ret_text[i] = '?';
	}
}

static void slot_outcome(const struct file_slot *slot, struct herald_outcome *ret_outcome)
{
	struct herald_outcome outcome = {.struct_size = sizeof(outcome)};
	uint32_t verdict = slot->verdict;

	outcome.verdict =
		verdict >= HERALD_DELIVERED && verdict <= HERALD_MISCONFIGURED ? verdict : HERALD_UNCERTAIN;
	outcome.retry_after_ms = slot->retry_after_ms > 0 ? slot->retry_after_ms : 0;
	text_copy(outcome.status, sizeof(outcome.status), slot->status);
	text_copy(outcome.provider_ref, sizeof(outcome.provider_ref), slot->provider_ref);
	text_copy(outcome.reason, sizeof(outcome.reason), slot->reason);
	*ret_outcome = outcome;
}

bool board_outcome(const struct board *board, uint64_t ticket, struct herald_outcome *ret_outcome)
{
	if (board_state(board, ticket) != SLOT_DONE)
		return false;
	slot_outcome(slot_of(board, ticket), ret_outcome);
	return true;
}

void board_free_slot(struct board *board, uint64_t ticket)
{
	struct file_slot *slot = slot_of(board, ticket);

	if (!slot)
		return;
	uint64_t word = slot_load(slot);
	/* Once more if the host moved it meanwhile; a stale ticket frees nothing. */
	while (word >> STATE_BITS == ticket >> SLOT_BITS && word_state(word) != SLOT_FREE &&
	       !atomic_compare_exchange_weak_explicit(&slot->word, &word, word_of(ticket, SLOT_FREE),
						      memory_order_acq_rel, memory_order_acquire))
		;
}

bool board_read(const struct board *board, uint32_t number, struct slot_identity *ret_identity,
		enum slot_state *ret_state, uint64_t *ret_ticket, struct herald_outcome *ret_outcome)
{
	CHECK(number < board->slot_count);
	const struct file_slot *slot = &board->slots[number];
	uint64_t word = slot_load(slot);
	uint64_t state = word_state(word);

	if (state == SLOT_FREE)
		return false;
	*ret_identity = (struct slot_identity){
		.notification = slot->notification,
		.run = slot->run,
		.n = slot->n,
		.attempt = slot->attempt,
	};
	*ret_state = state <= SLOT_REVOKED ? (enum slot_state)state : SLOT_ON_WIRE;
	*ret_ticket = word >> STATE_BITS << SLOT_BITS | number;
	*ret_outcome = (struct herald_outcome){.struct_size = sizeof(*ret_outcome)};
	if (*ret_state == SLOT_DONE)
		slot_outcome(slot, ret_outcome);
	return true;
}

void board_boot_id(uint8_t ret_boot_id[16])
{
	char text[64] = "";
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t size = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;
	size_t digits = 0;

	if (fd >= 0)
		close(fd);
	memset(ret_boot_id, 0, 16);
	for (ssize_t i = 0; i < size && digits < 32; i++) {
		char c = text[i];
		unsigned value = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
				 : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
							: 16;
		if (value < 16) {
			ret_boot_id[digits / 2] |= (uint8_t)(digits % 2 ? value : value << 4);
			digits++;
		}
	}
}

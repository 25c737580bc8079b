/* board.h - a small file that daemon and channel process both map: how far each ticket has come.
 *
 * It outlives either process (not the machine: it carries the boot id, and is never synced), so whoever is
 *left knows what was on the wire.  Every move of a slot is one compare-and-swap on a word that holds the
 *state and the ticket:
 *
 *	QUEUED -> IN_PLUGIN -> ON_WIRE -> DONE(outcome)	by the host
 *	QUEUED | IN_PLUGIN -> REVOKED			by the daemon, without waiting for anybody
 *	IN_PLUGIN -> DONE				by the host (answered without touching the wire)
 *	FREE -> QUEUED, DONE | REVOKED | ... -> FREE	by the daemon; freed only after the settle's commit
 *
 * The host swaps IN_PLUGIN to ON_WIRE before the first byte that could make the message arrive: a swap that
 *fails means that it was taken back, and nothing leaves.  ON_WIRE -> IN_PLUGIN (host) is allowed when a
 *request is known not to have been acted on (NOT_SENT) and another will follow. */
#ifndef WIRE_BOARD_H
#define WIRE_BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "herald/error.h"
#include "herald/outcome.h"
#include "model/slot.h"

struct board_head {
	uint8_t boot_id[16]; /* of the machine's life in which it was written */
	int64_t run;         /* the daemon's run token */
	char channel[33];
	bool has_left; /* the host saw its daemon die and ended in order: IN_PLUGIN goes back without a mark
			*/
};

struct board;

enum { BOARD_SLOTS_MAX = 4096 };

/* Daemon: make the file (replacing none: CONFLICT if it exists), map it, keep fd for the child (board_fd). */
enum herald_code board_create(const char *path, const struct board_head *head, uint32_t slots,
			      struct board **ret_board, struct herald_error *err);
/* Host: map an inherited descriptor and lock it (fcntl) for the life of the process.  BUSY: somebody holds
 * it.  The lock ends when ANY descriptor of the file is closed by the process, so fd must be its only one,
 * and stays the board's until board_free. */
enum herald_code board_attach(int fd, struct board **ret_board, struct herald_error *err);
/* The next daemon: open what an earlier one left.  CORRUPT: not a board of ours (a torn creation included).
 */
enum herald_code board_open(const char *path, struct board **ret_board, struct herald_error *err);
void board_free(struct board *board); /* unmaps, closes; the file stays */

int board_fd(const struct board *board);
pid_t board_holder(const struct board *board); /* who holds the lock, 0: nobody */
struct board_head board_head(const struct board *board);
void board_say_left(struct board *board); /* host */
uint32_t board_slots(const struct board *board);

/* Ticket: (serial << 16 | slot), so that a stale ticket never moves a reused slot. */
bool board_post(struct board *board, uint64_t ticket,
		const struct slot_identity *identity); /* FREE -> QUEUED */
bool board_swap(struct board *board, uint64_t ticket, enum slot_state from, enum slot_state to);
/* Host: write the outcome, then IN_PLUGIN or ON_WIRE -> DONE.  False: it was revoked. */
bool board_finish(struct board *board, uint64_t ticket, const struct herald_outcome *outcome);
enum slot_state board_state(const struct board *board, uint64_t ticket); /* FREE when the ticket is stale */
bool board_outcome(const struct board *board, uint64_t ticket,
		   struct herald_outcome *ret_outcome); /* DONE only */
void board_free_slot(struct board *board, uint64_t ticket);

/* For whoever resolves: slot by slot.  False: FREE.  A channel process can write anything into its board:
 * a word that is no state reads as ON_WIRE (unknown), texts of outcomes end, verdicts exist. */
bool board_read(const struct board *board, uint32_t slot, struct slot_identity *ret_identity,
		enum slot_state *ret_state, uint64_t *ret_ticket, struct herald_outcome *ret_outcome);

/* All zero when the kernel does not say: then no board is of the same boot. */
void board_boot_id(uint8_t ret_boot_id[16]); /* of this machine now */

#endif

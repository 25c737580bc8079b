/* private.h - what the rooms of this floor show each other and nobody else. */
#ifndef CHANNEL_PRIVATE_H
#define CHANNEL_PRIVATE_H

#include "channel/process.h"

/* --- hear.c: the frames' half of a process, apart from its life --- */

/* Read what the socket has and act on it: a fair share of one that lives, the rest of one that is dead. */
void process_hear(struct process *process, bool is_dead, int64_t now_ms);
/* Queue a frame that carries nothing but its sequence. */
void process_say(struct process *process, enum frame_type type, uint64_t sequence);

/* --- boards.c: boards_resolve with another patience --- */

enum herald_code boards_resolve_within(const char *board_dir, int64_t holder_wait_ms, struct arena *arena,
				       struct left_slot **ret_slots, size_t *ret_count,
				       struct herald_error *err);

#endif

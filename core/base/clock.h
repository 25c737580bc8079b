/* clock.h - the two clocks, and how instants and durations are written.
 *
 * Stored instants are milliseconds UTC; time-outs and measured durations are monotonic.  Only edges read a
 * clock: the pure middle takes now_ms as an argument. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "herald/error.h"

int64_t clock_wall_ms(void);
int64_t clock_wall_us(void);
int64_t clock_mono_ms(void);
int64_t clock_mono_us(void);

/* The wall clock, looked at with distrust: for a minute after a jump against the monotonic one, ahead or
 * back, its wearer is told the old time as it goes on, so that a clock that was set wrong for a moment ends
 * nothing, puts nothing off and sends nothing early.  Whoever writes a time that another compares wears one.
 * Zeroed at first. */
enum { CLOCK_JUMP_MS = 60 * 1000 };
struct clock_watch {
	int64_t offset_ms;    /* wall - monotonic, as it is believed */
	int64_t jumped_by_ms; /* what is not believed yet */
	int64_t believe_at_ms;
	bool has_looked;
};
/* The time to go by.  *ret_jump_ms: a jump that was seen in this very look, 0: none. */
int64_t clock_watch_look(struct clock_watch *watch, int64_t wall_ms, int64_t mono_ms, int64_t *ret_jump_ms);

enum { CLOCK_TEXT_SIZE = 32 };

/* RFC 3339, UTC, milliseconds: "2026-11-24T09:30:00.000Z". */
void clock_text(int64_t at_ms, char ret_text[CLOCK_TEXT_SIZE]);
/* RFC 3339 with any offset; a leap second 23:59:60 reads as the next second.  Years 1970-9999.  INVALID
 * otherwise. */
enum herald_code clock_parse(const char *text, int64_t *ret_at_ms, struct herald_error *err);
/* "90s", "15m", "8h", "2d", "250ms"; INVALID otherwise, LIMIT past 10 years. */
enum herald_code clock_duration_parse(const char *text, int64_t *ret_ms, struct herald_error *err);
/* The largest unit that divides: 90000 -> "90s", 172800000 -> "2d". */
void clock_duration_text(int64_t ms, char ret_text[CLOCK_TEXT_SIZE]);

#endif

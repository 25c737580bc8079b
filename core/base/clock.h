/* clock.h - the two clocks, and how instants and durations are written.
 *
 * Stored instants are milliseconds UTC; time-outs and measured durations are monotonic.  Only edges read a
 * clock: the pure middle takes now_ms as an argument. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#include "herald/error.h"

int64_t clock_wall_ms(void);
int64_t clock_wall_us(void);
int64_t clock_mono_ms(void);
int64_t clock_mono_us(void);

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

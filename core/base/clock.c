/* clock.c - reads the two clocks, and turns instants and durations into text and back without the process's
 * locale or time zone having a say. */
#include "base/clock.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/check.h"

#define DAY_MS INT64_C(86400000)
#define INSTANT_MS_MAX INT64_C(253402300799999) /* 9999-12-31T23:59:59.999Z */
#define DURATION_MS_MAX (3650 * DAY_MS)

static int64_t clock_read_us(clockid_t which)
{
	struct timespec now;
	CHECK(clock_gettime(which, &now) == 0);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t clock_wall_ms(void)
{
	return clock_read_us(CLOCK_REALTIME) / 1000;
}

int64_t clock_wall_us(void)
{
	return clock_read_us(CLOCK_REALTIME);
}

int64_t clock_mono_ms(void)
{
	return clock_read_us(CLOCK_MONOTONIC) / 1000;
}

int64_t clock_mono_us(void)
{
	return clock_read_us(CLOCK_MONOTONIC);
}

static bool is_jump(int64_t by_ms)
{
	return by_ms > CLOCK_JUMP_MS || by_ms < -CLOCK_JUMP_MS;
}

int64_t clock_watch_look(struct clock_watch *watch, int64_t wall_ms, int64_t mono_ms, int64_t *ret_jump_ms)
{
	int64_t by_ms = wall_ms - mono_ms - watch->offset_ms;

	*ret_jump_ms = 0;
	if (!watch->has_looked || !is_jump(by_ms) ||
	    (watch->jumped_by_ms != 0 && mono_ms >= watch->believe_at_ms)) {
		/* Small steps are followed: a clock that is slewed for days never jumped. */
		watch->has_looked = true;
		watch->offset_ms = wall_ms - mono_ms;
		watch->jumped_by_ms = 0;
		return wall_ms;
	}
	if (is_jump(by_ms - watch->jumped_by_ms)) {
		*ret_jump_ms = by_ms - watch->jumped_by_ms;
		watch->jumped_by_ms = by_ms;
		watch->believe_at_ms = mono_ms + CLOCK_JUMP_MS;
	}
	return mono_ms + watch->offset_ms;
}

static bool year_is_leap(int year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int month_days(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	return month == 2 && year_is_leap(year) ? 29 : days[month - 1];
}

/* Days from 1970-01-01 to the first of January of the year. */
static int64_t year_start_day(int year)
{
	int64_t before = year - 1;
	return 365 * ((int64_t)year - 1970) + (before / 4 - 1969 / 4) - (before / 100 - 1969 / 100) +
	       (before / 400 - 1969 / 400);
}

struct digits {
	int value, count;
	char behind;
};

static char *put_digits(char *at, struct digits digits)
{
	for (int i = digits.count - 1; i >= 0; i--, digits.value /= 10)
		at[i] = (char)('0' + digits.value % 10);
	at[digits.count] = digits.behind;
	return at + digits.count + 1;
}

void clock_text(int64_t at_ms, char ret_text[CLOCK_TEXT_SIZE])
{
	if (at_ms < 0)
		at_ms = 0;
	if (at_ms > INSTANT_MS_MAX)
		at_ms = INSTANT_MS_MAX;
	int64_t day = at_ms / DAY_MS;
	int ms = (int)(at_ms % DAY_MS);

	int year = 1970 + (int)(day / 366);
	while (year_start_day(year + 1) <= day)
		year++;
	int rest = (int)(day - year_start_day(year));
	int month = 1;
	while (rest >= month_days(year, month))
		rest -= month_days(year, month++);

	const struct digits parts[] = {
		{year, 4, '-'},         {month, 2, '-'},           {rest + 1, 2, 'T'},
		{ms / 3600000, 2, ':'}, {ms / 60000 % 60, 2, ':'}, {ms / 1000 % 60, 2, '.'},
		{ms % 1000, 3, 'Z'}};
	char *at = ret_text;
	for (size_t i = 0; i < countof(parts); i++)
		at = put_digits(at, parts[i]);
	*at = 0;
}

/* Exactly count digits; moves *at behind them. */
static bool take_digits(const char **at, int count, int *ret_value)
{
	int value = 0;
	for (int i = 0; i < count; i++) {
		char c = (*at)[i];
		if (c < '0' || c > '9')
			return false;
		value = value * 10 + (c - '0');
	}
	*at += count;
	*ret_value = value;
	return true;
}

static bool take_char(const char **at, const char *any_of)
{
	if (**at == 0 || strchr(any_of, **at) == NULL)
		return false;
	(*at)++;
	return true;
}

/* ".5", ".123456": milliseconds, the rest is cut off.  Nothing there is 0. */
static bool take_fraction(const char **at, int *ret_ms)
{
	*ret_ms = 0;
	if (!take_char(at, "."))
		return true;
	int scale = 100, digit;
	if (!take_digits(at, 1, &digit))
		return false;
	do {
		*ret_ms += digit * scale;
		scale /= 10;
	} while (take_digits(at, 1, &digit));
	return true;
}

static bool take_offset(const char **at, int *ret_minutes)
{
	*ret_minutes = 0;
	if (take_char(at, "Zz"))
		return true;
	int sign = **at == '-' ? -1 : 1, hours, minutes;
	if (!take_char(at, "+-") || !take_digits(at, 2, &hours) || !take_char(at, ":") ||
	    !take_digits(at, 2, &minutes) || hours > 23 || minutes > 59)
		return false;
	*ret_minutes = sign * (hours * 60 + minutes);
	return true;
}

struct instant_parts {
	int year, month, day, hour, minute, second, ms, offset;
};

static bool take_instant(const char *at, struct instant_parts *p)
{
	return take_digits(&at, 4, &p->year) && take_char(&at, "-") && take_digits(&at, 2, &p->month) &&
	       take_char(&at, "-") && take_digits(&at, 2, &p->day) && take_char(&at, "Tt") &&
	       take_digits(&at, 2, &p->hour) && take_char(&at, ":") && take_digits(&at, 2, &p->minute) &&
	       take_char(&at, ":") && take_digits(&at, 2, &p->second) && take_fraction(&at, &p->ms) &&
	       take_offset(&at, &p->offset) && *at == 0;
}

enum herald_code clock_parse(const char *text, int64_t *ret_at_ms, struct herald_error *err)
{
	struct instant_parts p;
	if (!take_instant(text, &p))
		return herald_fail(err, HERALD_INVALID,
				   "not an RFC 3339 instant with an offset, like 2026-11-24T09:30:00Z");
	if (p.year < 1969 || p.month < 1 || p.month > 12 || p.day < 1 ||
	    p.day > month_days(p.year, p.month) || p.hour > 23 || p.minute > 59 || p.second > 60)
		return herald_fail(err, HERALD_INVALID, "no such date or time of day");

	int64_t day = year_start_day(p.year) + p.day - 1;
	for (int month = 1; month < p.month; month++)
		day += month_days(p.year, month);
	int64_t minute = day * 1440 + p.hour * 60 + p.minute - p.offset;
	/* Leap seconds are inserted at the end of a UTC day only. */
	if (p.second == 60 && (minute + 1) % 1440 != 0)
		return herald_fail(err, HERALD_INVALID, "second 60 only exists at 23:59 UTC");
	int64_t at_ms = minute * 60000 + p.second * 1000 + p.ms;
	if (at_ms < 0 || at_ms > INSTANT_MS_MAX)
		return herald_fail(err, HERALD_INVALID, "the year must be 1970 to 9999");
	*ret_at_ms = at_ms;
	return HERALD_OK;
}

struct duration_unit {
	const char *name;
	int64_t ms;
};

/* From large to small: the order in which clock_duration_text looks for one that divides. */
static const struct duration_unit duration_units[] = {
	{"d", DAY_MS}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1},
};

enum herald_code clock_duration_parse(const char *text, int64_t *ret_ms, struct herald_error *err)
{
	int64_t value = 0;
	const char *at = text;
	for (int digit; take_digits(&at, 1, &digit);) {
		value = value * 10 + digit;
		if (value > DURATION_MS_MAX)
			return herald_fail(err, HERALD_LIMIT, "longer than 10 years");
	}
	for (size_t i = 0; at > text && i < countof(duration_units); i++) {
		if (strcmp(at, duration_units[i].name) != 0)
			continue;
		if (value > DURATION_MS_MAX / duration_units[i].ms)
			return herald_fail(err, HERALD_LIMIT, "longer than 10 years");
		*ret_ms = value * duration_units[i].ms;
		return HERALD_OK;
	}
	return herald_fail(err, HERALD_INVALID,
			   "not a duration: a number and one of ms, s, m, h, d, like 90s");
}

void clock_duration_text(int64_t ms, char ret_text[CLOCK_TEXT_SIZE])
{
	if (ms == 0) {
		snprintf(ret_text, CLOCK_TEXT_SIZE, "0s");
		return;
	}
	size_t i = 0;
	while (ms % duration_units[i].ms != 0)
		i++;
	snprintf(ret_text, CLOCK_TEXT_SIZE, "%lld%s", (long long)(ms / duration_units[i].ms),
		 duration_units[i].name);
}

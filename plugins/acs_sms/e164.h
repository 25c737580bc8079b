/* e164.h - telephone numbers: is this one, whose is it, may this channel write to it. */
#ifndef ACS_SMS_E164_H
#define ACS_SMS_E164_H

#include <stdbool.h>
#include <stddef.h>

#include "herald/error.h"
#include "herald/option.h"

enum { E164_CHARS = 16 }; /* "+" and 15 digits */

/* "+" and 7 to 15 digits, the first not 0: nothing else, no blanks, no 00, no letters. */
bool e164_is_number(const char *text);

/* The channel's `countries`: "DE" or "+49" or "*".  INVALID: which entry is none of these. */
enum herald_code e164_check_countries(const herald_list *countries, struct herald_error *err);

/* May the channel write to this number?  INVALID: why not.  An empty list allows nothing.  Premium, satellite
 * and shared-cost ranges are refused even by "*"; only an entry that names such a range itself opens it. */
enum herald_code e164_check(const char *number, const herald_list *countries, struct herald_error *err);

/* countries.c: the numbering plan.  Longest prefix decides; digits are without the "+". */
bool countries_has(const char *iso);
bool countries_owns(const char *iso, const char *digits);
/* Length of the refused range that these digits lie in; 0: in none. */
size_t countries_refused(const char *digits);

#endif

/* e164.c - the gate against toll fraud: what no entry of `countries` allows is not sent to.  Pure. */
#include "acs_sms/e164.h"

#include <string.h>

#include "herald/kit.h"

bool e164_is_number(const char *text)
{
	size_t digits = strspn(text + (text[0] == '+'), "0123456789");

	return text[0] == '+' && text[1] != '0' && digits >= 7 && digits <= 15 && text[digits + 1] == '\0';
}

static bool is_prefix(const char *text)
{
	size_t digits = text[0] == '+' ? strspn(text + 1, "0123456789") : 0;

	return digits > 0 && digits <= 15 && text[1] != '0' && text[digits + 1] == '\0';
}

enum herald_code e164_check_countries(const herald_list *countries, struct herald_error *err)
{
	for (size_t i = 0; i < countries->count; i++) {
		const char *item = countries->items[i];
		if (strcmp(item, "*") != 0 && !is_prefix(item) && !countries_has(item))
			return herald_fail(
				err, HERALD_INVALID,
				"countries: '%.20s' is no country like DE, no prefix like +49, no *", item);
	}
	return HERALD_OK;
}

enum herald_code e164_check(const char *number, const herald_list *countries, struct herald_error *err)
{
	if (!e164_is_number(number))
		return herald_fail(err, HERALD_INVALID,
				   "not a telephone number in E.164 form, like +4366012345678");
	size_t refused = countries_refused(number + 1);
	bool is_allowed = false;
	for (size_t i = 0; i < countries->count && !is_allowed; i++) {
		const char *item = countries->items[i];
		size_t size = strlen(item);
		if (item[0] == '+')
			is_allowed = strncmp(number, item, size) == 0 && size > refused;
		else
			is_allowed =
				refused == 0 && (strcmp(item, "*") == 0 || countries_owns(item, number + 1));
	}
	if (is_allowed)
		return HERALD_OK;
	if (refused > 0)
		return herald_fail(
			err, HERALD_INVALID,
			"numbers that begin with %.*s are premium, satellite or shared-cost and refused",
			(int)refused + 1, number);
	return herald_fail(err, HERALD_INVALID,
			   "the channel's option 'countries' does not allow this number");
}

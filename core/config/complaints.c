/* complaints.c - everything that is wrong, not only the first of it: an operator fixes a file once.
 *
 * Texts are bounded and cut; what came from outside was made harmless by whoever complains. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "config/options.h"
#include "base/check.h"

enum { COMPLAINT_BYTES_MAX = 400 };

void complaints_init(struct complaints *complaints, struct arena *arena)
{
	memset(complaints, 0, sizeof(*complaints));
	complaints->arena = arena;
}

static void complaint_add(struct complaints *complaints, struct option_place place, bool is_warning,
			  const char *format, va_list args)
{
	char text[COMPLAINT_BYTES_MAX];
	complaints->errors += !is_warning;
	if (complaints->count == COMPLAINTS_MAX)
		return;
	vsnprintf(text, sizeof(text), format, args);
	/* A complaint outlives the configuration that it is about. */
	place.file = arena_text(complaints->arena, place.file);
	complaints->items[complaints->count++] = (struct complaint){
		.place = place, .is_warning = is_warning, .text = arena_text(complaints->arena, text)};
}

void complain(struct complaints *complaints, struct option_place place, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	complaint_add(complaints, place, false, format, args);
	va_end(args);
}

void complain_warning(struct complaints *complaints, struct option_place place, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	complaint_add(complaints, place, true, format, args);
	va_end(args);
}

char *option_place_text(struct arena *arena, struct option_place place)
{
	if (place.line == 0)
		return arena_text(arena, place.file);
	return arena_printf(arena, "%s:%u:%u", place.file, place.line, place.column);
}

void complaints_print(const struct complaints *complaints, bool with_warnings, struct herald_builder *builder)
{
	for (size_t i = 0; i < complaints->count; i++) {
		const struct complaint *complaint = &complaints->items[i];
		if (complaint->is_warning && !with_warnings)
			continue;
		herald_addf(builder, "%s: %s%s\n", option_place_text(complaints->arena, complaint->place),
			    complaint->is_warning ? "warning: " : "", complaint->text);
	}
	if (complaints->count == COMPLAINTS_MAX)
		herald_add(builder, "(what is beyond the first 100 is not listed)\n");
}

enum herald_code complaints_code(const struct complaints *complaints, struct herald_error *err)
{
	if (complaints->errors == 0)
		return HERALD_OK;
	const struct complaint *first = complaints->items;
	const struct complaint *end = first + complaints->count;
	while (first < end && first->is_warning)
		first++;
	if (first == end)
		return herald_fail(err, HERALD_INVALID, "%zu faults", complaints->errors);
	char more[40] = "";
	if (complaints->errors > 1)
		snprintf(more, sizeof(more), " (and %zu more)", complaints->errors - 1);
	return herald_fail(err, HERALD_INVALID, "%s: %s%s",
			   option_place_text(complaints->arena, first->place), first->text, more);
}

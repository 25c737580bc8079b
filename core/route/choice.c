/* What a person allows: the two gates, the choices at every level, the addresses.
 *
 * Most specific first: the recipient's word for category and channel, for the category, for the channel; then
 * what the category gives to whoever chose nothing.  A `false` for the category or the channel as a whole is
 * only overruled by a word for exactly this category on this channel; a `true` for the category says nothing
 * about any one channel. */
#include "route/private.h"

#include <string.h>

#include "base/clock.h"
#include "base/check.h"

static const struct ruling fine = {.reason = REASON_none, .rule = "", .detail = ""};

struct ruling choice_gate(const struct category *category, const struct plan_person *person, int64_t now_ms,
			  struct arena *arena)
{
	const struct preference *preference = &person->preference;
	char until[CLOCK_TEXT_SIZE];

	if (category->is_required)
		return fine;
	if (preference->is_unsubscribed_all)
		return (struct ruling){.reason = REASON_opted_out_all,
				       .rule = "preference.unsubscribed_all",
				       .detail = reason_words(REASON_opted_out_all)};
	if (preference->muted_until_ms > now_ms) {
		clock_text(preference->muted_until_ms, until);
		return (struct ruling){
			.reason = REASON_muted,
			.rule = "preference.muted_until",
			.detail = arena_printf(arena, "the recipient muted everything until %s", until)};
	}
	return fine;
}

struct ruling choice_allows(const struct category *category, const struct preference *preference,
			    const char *channel, const char *kind, struct arena *arena)
{
	const struct category_choice *chosen = preference_category(preference, category->name);
	bool is_on;

	if (chosen != NULL && choice_find(chosen->channels, chosen->channel_count, channel, kind, &is_on)) {
		if (is_on)
			return (struct ruling){.reason = REASON_none,
					       .rule = arena_printf(arena,
								    "preference.categories.%s.channels",
								    category->name),
					       .detail = arena_printf(arena, "the recipient wants %s by %s",
								      category->name, kind)};
		return (struct ruling){
			.reason = REASON_opted_out_category,
			.rule = arena_printf(arena, "preference.categories.%s.channels", category->name),
			.detail = arena_printf(arena, "the recipient does not want %s by %s", category->name,
					       kind)};
	}
	if (chosen != NULL && chosen->has_enabled && !chosen->is_enabled)
		return (struct ruling){
			.reason = REASON_opted_out_category,
			.rule = arena_printf(arena, "preference.categories.%s", category->name),
			.detail = arena_printf(arena, "the recipient switched %s off", category->name)};
	if (choice_find(preference->channels, preference->channel_count, channel, kind, &is_on)) {
		if (is_on)
			return (struct ruling){.reason = REASON_none,
					       .rule = arena_printf(arena, "preference.channels.%s", kind),
					       .detail =
						       arena_printf(arena, "the recipient allows %s", kind)};
		return (struct ruling){.reason = REASON_opted_out_channel,
				       .rule = arena_printf(arena, "preference.channels.%s", kind),
				       .detail = arena_printf(arena, "the recipient switched %s off", kind)};
	}
	if (category->channel_count > 0 &&
	    (!choice_find(category->channels, category->channel_count, channel, kind, &is_on) || !is_on))
		return (struct ruling){
			.reason = REASON_channel_disabled,
			.rule = arena_printf(arena, "category.%s.channels.%s", category->name, kind),
			.detail = arena_printf(arena,
					       "category %s does not use %s unless the recipient asks for it",
					       category->name, kind)};
	return (struct ruling){.reason = REASON_none,
			       .rule = arena_printf(arena, "category.%s.channels", category->name),
			       .detail = arena_printf(arena, "category %s allows %s", category->name, kind)};
}

static bool address_fits(const struct plan_address *address, const struct plan_person *person,
			 const char *channel, const char *kind)
{
	if (strcmp(address->kind, kind) != 0 ||
	    (*address->channel != 0 && strcmp(address->channel, channel) != 0))
		return false;
	return *person->label == 0 || strcmp(address->label, person->label) == 0;
}

const struct plan_address *address_for(const struct plan_person *person, const char *channel,
				       const char *kind, struct ruling *ret_ruling)
{
	const struct plan_address *best = NULL;
	enum reason worst = REASON_no_address;

	for (size_t i = 0; i < person->address_count; i++) {
		const struct plan_address *address = &person->addresses[i];

		if (!address_fits(address, person, channel, kind))
			continue;
		if (address->is_suppressed)
			worst = REASON_address_suppressed;
		else if (!address->is_checked)
			worst = worst == REASON_no_address ? REASON_address_unchecked : worst;
		else if (best == NULL || (address->is_verified && !best->is_verified))
			best = address;
	}
	*ret_ruling = fine;
	if (best == NULL)
		*ret_ruling =
			(struct ruling){.reason = worst, .rule = "address", .detail = reason_words(worst)};
	return best;
}

enum reason plan_recheck(const struct category *category, const struct plan_person *person,
			 const char *channel, const char *kind, const char *address, int64_t now_ms,
			 const char **ret_rule)
{
	struct arena *arena = arena_new();
	struct ruling ruling = choice_gate(category, person, now_ms, arena);
	bool is_there = false;

	if (ruling.reason == REASON_none && !category->is_required)
		ruling = choice_allows(category, &person->preference, channel, kind, arena);
	for (size_t i = 0; i < person->address_count && ruling.reason == REASON_none; i++) {
		const struct plan_address *known = &person->addresses[i];

		if (strcmp(known->kind, kind) != 0 || strcmp(known->address, address) != 0)
			continue;
		is_there = true;
		if (known->is_suppressed)
			ruling.reason = REASON_address_suppressed;
	}
	if (ruling.reason == REASON_none && !is_there)
		ruling.reason = REASON_no_address;
	*ret_rule = reason_words(ruling.reason);
	arena_free(arena);
	return ruling.reason;
}

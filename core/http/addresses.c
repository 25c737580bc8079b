/* Addresses are made canonical by the plugin of a channel of their kind, at the moment when they come in. */
#include <stdio.h>
#include <string.h>

#include "http/private.h"
#include "base/check.h"

enum { CHECK_TIMEOUT_MS = 5000 };

/* The channel that an address is asked of: the one it names, else the first of its kind. */
static const struct roster_channel *asked_of(const struct roster *roster,
					     const struct address_question *question)
{
	for (size_t i = 0; i < roster->channel_count; i++) {
		const struct roster_channel *channel = &roster->channels[i];

		if (strcmp(channel->kind, question->kind) == 0 &&
		    (*question->channel == 0 || strcmp(channel->name, question->channel) == 0))
			return channel;
	}
	return NULL;
}

static bool kind_may_come(const struct roster *roster)
{
	for (size_t i = 0; i < roster->channel_count; i++) {
		if (*roster->channels[i].kind == 0)
			return true; /* its plugin has not said yet what it is */
	}
	return false;
}

void addresses_check(struct request *request, struct address_question *questions, size_t count,
		     struct faults *faults, request_step next)
{
	const struct roster *roster = roster_get(request->thread->http->settings.rosters);

	request->next = next; /* also when everything is known already */
	for (size_t i = 0; i < count; i++) {
		struct address_question *question = &questions[i];
		const struct roster_channel *channel = asked_of(roster, question);

		if (channel == NULL && kind_may_come(roster)) {
			question->is_down = true;
		} else if (channel == NULL) {
			faults_add_as(faults, "unknown_channel", question->pointer, "unknown",
				      *question->channel ? "there is no channel %s of kind %s"
							 : "there is no channel%s for the kind %s",
				      question->channel, question->kind);
		} else if (!address_cache_get(request->thread->addresses, channel->number, question->address,
					      &question->checked)) {
			question->is_asked = true;
			question->check.channel = channel->number;
			question->check.timeout_ms = CHECK_TIMEOUT_MS;
			snprintf(question->check.address, sizeof(question->check.address), "%s",
				 question->address);
			request_check(request, &question->check, next);
		} else {
			question->checked.canonical = arena_text(faults->arena, question->checked.canonical);
			question->checked.destination =
				arena_text(faults->arena, question->checked.destination);
		}
	}
	roster_put(roster);
}

/* A plugin may lie: what is stored and shown must be text. */
static bool is_text(const struct address_question *question)
{
	const char *canonical = question->check.canonical, *destination = question->check.destination;

	return *canonical != 0 && herald_utf8_valid(canonical, strlen(canonical)) &&
	       herald_utf8_valid(destination, strlen(destination));
}

enum herald_code addresses_checked(struct request *request, struct address_question *questions, size_t count,
				   struct faults *faults)
{
	bool is_down = false;

	for (size_t i = 0; i < count; i++) {
		struct address_question *question = &questions[i];

		if (question->is_asked && question->check.code == HERALD_OK && is_text(question)) {
			question->checked.canonical = arena_text(faults->arena, question->check.canonical);
			question->checked.destination =
				arena_text(faults->arena, question->check.destination);
			address_cache_put(request->thread->addresses, question->check.channel,
					  question->address, &question->checked);
		} else if (question->is_asked && question->check.code == HERALD_INVALID) {
			faults_add(faults, question->pointer, "syntax", "%s", question->check.err.text);
		} else if (question->is_asked) {
			question->is_down = true;
		}
		is_down |= question->is_down;
	}
	return is_down ? HERALD_BUSY : HERALD_OK;
}

bool addresses_good(struct request *request, struct address_question *questions, size_t count,
		    bool may_be_later)
{
	enum herald_code code = addresses_checked(request, questions, count, &request->faults);

	if (request_is_faulty(request))
		return false;
	if (code == HERALD_OK || may_be_later)
		return true;
	answer_retry_after(request, 5);
	answer_problem(request, PROBLEM_overloaded,
		       "the channel that checks this address is not up; come again, or use ?check=later");
	return false;
}

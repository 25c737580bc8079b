/* reason.h - why a delivery is where it is, or why a channel was left out: one closed table.
 *
 * The API's enum, the metric label, the words for people and the documentation are made from REASON_TABLE;
 * stored rows hold the number, so numbers are never reused.  Never empty: `none` is for what is simply on its
 * way. */
#ifndef MODEL_REASON_H
#define MODEL_REASON_H

#include <stdbool.h>

/* number, name, words for people */
#define REASON_TABLE(X)                                                                               \
	X(0, none, "on its way")                                                                      \
	X(1, recipient_unknown, "nobody with this id is known")                                       \
	X(2, no_address, "the recipient has no address for this channel")                             \
	X(3, address_unchecked, "the address has not been checked by the channel yet")                \
	X(4, address_suppressed, "the address is suppressed: it bounced, complained or said stop")    \
	X(5, channel_disabled, "the channel is not in use for this")                                  \
	X(6, channel_unknown, "no channel of that name or kind is configured")                        \
	X(7, consent_missing, "the category needs a consent that was not given")                      \
	X(8, consent_pending, "the consent has not been confirmed yet")                               \
	X(9, changed, "the recipient changed something after the plan was made: it is planned again") \
	X(10, opted_out_all, "the recipient unsubscribed from everything")                            \
	X(11, opted_out_channel, "the recipient switched this channel off")                           \
	X(12, opted_out_category, "the recipient switched this category off")                         \
	X(13, muted, "the recipient muted everything until a time")                                   \
	X(14, quiet_hours, "it is quiet time at the recipient's place")                               \
	X(15, preferred_time, "the recipient prefers another time")                                   \
	X(16, cap_reached, "the recipient got as many as allowed")                                    \
	X(17, spend_cap_reached, "the spending limit is reached")                                     \
	X(18, digest, "it waits for a digest")                                                        \
	X(19, merged, "it went out inside a digest")                                                  \
	X(20, duplicate, "the same event was notified already")                                       \
	X(21, expired, "it was too late to be of use")                                                \
	X(22, content_missing, "there are no words for this channel")                                 \
	X(23, content_too_big, "the words are too big for this channel")                              \
	X(24, strategy_waiting, "it waits for what becomes of the channel before it")                 \
	X(25, strategy_satisfied, "another channel reached the recipient")                            \
	X(26, residency, "the channel may not carry to the recipient's region")                       \
	X(27, country_not_allowed, "the destination country is not allowed")                          \
	X(28, by_caller, "the caller decided so")                                                     \
	X(29, by_operator, "an operator decided so")                                                  \
	X(30, replaced, "a newer notification replaced it")                                           \
	X(31, erased, "the person was erased")                                                        \
	X(32, scheduled, "it waits for its time")                                                     \
	X(33, channel_paused, "the channel is paused")                                                \
	X(34, destination_blocked, "the far end is ill: it is tried again later")                     \
	X(35, backoff, "a try failed: it is tried again later")                                       \
	X(36, rejected, "the provider refused the message")                                           \
	X(37, unreachable, "the address is dead")                                                     \
	X(38, attempts_exhausted, "every allowed try failed")                                         \
	X(39, uncertain, "it may or may not have arrived")                                            \
	X(40, poison, "it crashed its channel every time it was tried alone")                         \
	X(41, damaged, "the stored row does not agree with its checksum")

enum reason {
#define X(number, name, words) REASON_##name = number,
	REASON_TABLE(X)
#undef X
		REASON_COUNT
};

const char *reason_name(enum reason reason);  /* "opted_out_all" */
const char *reason_words(enum reason reason); /* one sentence without a full stop */
bool reason_is_valid(long number); /* read from a row or a person: check before it becomes the enum */
bool reason_parse(const char *name, enum reason *ret_reason);

#endif

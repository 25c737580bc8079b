/* chatter.c - a plugin's words on their way out, each bounded, all of them bounded. */
#include "host/chatter.h"

#include <pthread.h>

#include "base/arena.h"
#include "base/clock.h"
#include "herald/channel.h"
#include "base/check.h"

enum {
	LINES_PER_SECOND = 10,
	LINES_AT_ONCE = 50,
	WORD_BYTES = 64,
	VALUE_BYTES_MAX = 1000,
	FIELDS_MAX = 16,
};

struct chatter {
	struct arena *arena; /* holds this struct */
	pthread_mutex_t lock;
	struct outbox *talk;
	int64_t at_ms;    /* when credit was last counted, monotonic */
	int64_t credit;   /* in thousandths of a line */
	uint64_t dropped; /* lines since the last one that got through */
};

struct chatter *chatter_new(struct outbox *talk)
{
	struct arena *arena = arena_new();
	struct chatter *chatter = arena_new_of(arena, struct chatter);

	chatter->arena = arena;
	chatter->talk = talk;
	chatter->at_ms = clock_mono_ms();
	chatter->credit = LINES_AT_ONCE * 1000;
	CHECK(pthread_mutex_init(&chatter->lock, NULL) == 0);
	return chatter;
}

void chatter_free(struct chatter *chatter)
{
	if (!chatter)
		return;
	pthread_mutex_destroy(&chatter->lock);
	arena_free(chatter->arena);
}

/* The lock is held.  How many lines were dropped before this one, or -1: this one is, too. */
static int64_t admit(struct chatter *chatter)
{
	int64_t now_ms = clock_mono_ms();

	chatter->credit += (now_ms - chatter->at_ms) * LINES_PER_SECOND;
	chatter->at_ms = now_ms;
	if (chatter->credit > LINES_AT_ONCE * 1000)
		chatter->credit = LINES_AT_ONCE * 1000;
	if (chatter->credit < 1000) {
		chatter->dropped++;
		return -1;
	}
	chatter->credit -= 1000;
	int64_t dropped = (int64_t)chatter->dropped;
	chatter->dropped = 0;
	return dropped;
}

static void field_add(struct herald_field *fields, size_t *count, struct arena *arena, const char *name,
		      const char *value)
{
	fields[(*count)++] = (struct herald_field){
		.name = arena_printf(arena, "%.*s", WORD_BYTES, name ? name : ""),
		.value = arena_printf(arena, "%.*s", VALUE_BYTES_MAX, value ? value : ""),
	};
}

void chatter_say(struct chatter *chatter, enum herald_level level, const char *event,
		 const struct herald_field *fields, size_t count)
{
	struct herald_field copies[FIELDS_MAX + 1];
	size_t copied = 0;

	pthread_mutex_lock(&chatter->lock);
	int64_t dropped = admit(chatter);
	pthread_mutex_unlock(&chatter->lock);
	if (dropped < 0)
		return;

	struct arena *arena = arena_new();
	for (size_t i = 0; i < count && i < FIELDS_MAX; i++)
		field_add(copies, &copied, arena, fields[i].name, fields[i].value);
	if (dropped > 0)
		field_add(copies, &copied, arena, "dropped_before",
			  arena_printf(arena, "%lld", (long long)dropped));
	outbox_log(chatter->talk,
		   &(struct wire_log){
			   .level = level,
			   .event = arena_printf(arena, "%.*s", WORD_BYTES, event ? event : ""),
			   .fields = copies,
			   .field_count = copied,
		   });
	arena_free(arena);
}

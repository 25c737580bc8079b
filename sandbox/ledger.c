/* ledger.c - a ring of arrivals, already written as JSON, and a set of what was seen before.  Bounded: the
 * ring forgets its oldest; the set of keys stops growing at LEDGER_KEYS_MAX and says so in the figures. */
#include "ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/map.h"
#include "base/check.h"

enum { TO_SIZE = 256, ENTRY_BYTES_MAX = 4 * LEDGER_TEXT_BYTES, LINE_BYTES_MAX = 2048, SEEN_LINES_MAX = 100 };

struct entry {
	int64_t number;
	enum service service;
	char to[TO_SIZE], place[TO_SIZE];
	struct herald_builder json, extra;
};

struct count {
	int64_t requests, received, unique, duplicates, unnamed, repeats, refused, faulted;
};

struct ledger {
	struct arena *arena;
	struct entry *ring;
	int64_t last; /* number of the newest entry; the first has 1 */
	struct map *keys;
	bool keys_full, follow;
	struct count counts[SERVICE_COUNT];
	int file; /* -1: none */
};

static const char *text_or_empty(const char *text)
{
	return text ? text : "";
}

enum herald_code ledger_open(const char *path, bool follow, struct ledger **ret_ledger,
			     struct herald_error *err)
{
	int file = -1;
	if (path) {
		file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
		if (file < 0)
			return herald_fail(err, HERALD_IO, "opening the ledger %s: %s", path,
					   strerror(errno));
	}
	struct arena *arena = arena_new();
	struct ledger *ledger = arena_new_of(arena, struct ledger);
	ledger->arena = arena;
	ledger->ring = arena_array_of(arena, LEDGER_ARRIVALS, struct entry);
	for (size_t i = 0; i < LEDGER_ARRIVALS; i++) {
		herald_builder_init(&ledger->ring[i].json, ENTRY_BYTES_MAX);
		herald_builder_init(&ledger->ring[i].extra, ENTRY_BYTES_MAX);
	}
	ledger->keys = map_new();
	ledger->follow = follow;
	ledger->file = file;
	*ret_ledger = ledger;
	return HERALD_OK;
}

static void forget_entries(struct ledger *ledger)
{
	for (size_t i = 0; i < LEDGER_ARRIVALS; i++) {
		herald_builder_done(&ledger->ring[i].json);
		herald_builder_done(&ledger->ring[i].extra);
		ledger->ring[i].number = 0;
	}
}

void ledger_free(struct ledger *ledger)
{
	if (!ledger)
		return;
	forget_entries(ledger);
	map_free(ledger->keys);
	if (ledger->file >= 0)
		close(ledger->file);
	arena_free(ledger->arena);
}

void ledger_clear(struct ledger *ledger)
{
	forget_entries(ledger);
	map_free(ledger->keys);
	ledger->keys = map_new();
	ledger->keys_full = false;
	memset(ledger->counts, 0, sizeof(ledger->counts));
}

/* A value may come from outside: what would break the line becomes a question mark. */
static void add_column(struct herald_builder *line, const char *value)
{
	herald_add(line, "\t");
	if (!value || value[0] == '\0')
		value = "-";
	for (size_t i = 0; i < TO_SIZE && value[i]; i++)
		herald_add_bytes(line, (unsigned char)value[i] < ' ' ? "?" : &value[i], 1);
}

static void write_line(struct ledger *ledger, const char *event, const struct arrival *arrival)
{
	struct herald_builder line;

	if (ledger->file < 0)
		return;
	herald_builder_init(&line, LINE_BYTES_MAX);
	herald_addf(&line, "%lld\t%s\t%s\t%lld", (long long)clock_wall_us(), event,
		    service_name(arrival->service), (long long)arrival->request);
	add_column(&line, arrival->to);
	add_column(&line, arrival->delivery);
	add_column(&line, arrival->marker);
	add_column(&line, arrival->id);
	herald_add(&line, "\n");
	/* An oracle that cannot write must not go on as if it had. */
	CHECK(line.code == HERALD_OK && write(ledger->file, line.data, line.size) == (ssize_t)line.size);
	herald_builder_done(&line);
}

void ledger_request(struct ledger *ledger, enum service service)
{
	ledger->counts[service].requests++;
}

void ledger_seen(struct ledger *ledger, enum service service, int64_t request, const char *data, size_t size)
{
	char found[MARKER_TEXT_SIZE];
	size_t offset = 0;
	int lines = 0;

	if (ledger->file < 0)
		return;
	while (lines < SEEN_LINES_MAX && marker_next(data, size, &offset, found)) {
		bool is_delivery = found[1] == 't';
		write_line(ledger, "seen",
			   &(struct arrival){.service = service,
					     .request = request,
					     .delivery = is_delivery ? found : NULL,
					     .marker = is_delivery ? NULL : found});
		lines++;
	}
	if (lines == 0)
		write_line(ledger, "seen", &(struct arrival){.service = service, .request = request});
}

/* A 64-bit fingerprint of channel, place and name; 0 when there is no name to know it by. */
static int64_t fingerprint(const struct arrival *arrival)
{
	uint8_t digest[HERALD_SHA256_BYTES];
	struct herald_builder text;
	int64_t key = 0;
	const char *name = text_or_empty(arrival->marker);

	if (name[0] == '\0')
		name = text_or_empty(arrival->delivery);
	if (name[0] == '\0')
		return 0;
	herald_builder_init(&text, LINE_BYTES_MAX);
	herald_addf(&text, "%d\n%s\n%s", (int)arrival->service, text_or_empty(arrival->to), name);
	herald_sha256(text.data, text.size, digest);
	herald_builder_done(&text);
	memcpy(&key, digest, sizeof(key));
	return key ? key : 1;
}

/* True: it was there before. */
static bool remember(struct ledger *ledger, const struct arrival *arrival)
{
	struct count *count = &ledger->counts[arrival->service];
	int64_t key = fingerprint(arrival);

	if (key == 0) {
		count->unnamed++;
		return false;
	}
	if (map_get(ledger->keys, key)) {
		count->duplicates++;
		return true;
	}
	count->unique++;
	if (map_count(ledger->keys) < LEDGER_KEYS_MAX)
		map_put(ledger->keys, key, ledger);
	else
		ledger->keys_full = true;
	return false;
}

/* At most LEDGER_TEXT_BYTES of it, not cut inside a character. */
static void add_bounded(struct herald_builder *builder, const char *text)
{
	struct herald_builder part;
	size_t size = strlen(text);

	if (size <= LEDGER_TEXT_BYTES) {
		herald_add_json(builder, text);
		return;
	}
	for (size = LEDGER_TEXT_BYTES; size > 0 && ((unsigned char)text[size] & 0xC0U) == 0x80U;)
		size--;
	herald_builder_init(&part, LEDGER_TEXT_BYTES + 8);
	herald_add_bytes(&part, text, size);
	herald_add(&part, "...");
	herald_add_json(builder, part.data);
	herald_builder_done(&part);
}

static void add_member(struct herald_builder *builder, const char *name, const char *value)
{
	if (!value || value[0] == '\0')
		return;
	herald_addf(builder, ",\"%s\":", name);
	add_bounded(builder, value);
}

static void write_entry(struct entry *entry, const struct arrival *arrival, bool is_duplicate, int64_t now_ms)
{
	char at[CLOCK_TEXT_SIZE];

	clock_text(now_ms, at);
	herald_builder_clear(&entry->json);
	herald_addf(&entry->json, "{\"seq\":%lld,\"at\":\"%s\",\"channel\":\"%s\",\"request\":%lld,\"to\":",
		    (long long)entry->number, at, service_name(arrival->service),
		    (long long)arrival->request);
	herald_add_json(&entry->json, text_or_empty(arrival->to));
	add_member(&entry->json, "from", arrival->from);
	add_member(&entry->json, "conversation", arrival->place);
	add_member(&entry->json, "subject", arrival->subject);
	add_member(&entry->json, "text", arrival->text);
	add_member(&entry->json, "id", arrival->id);
	add_member(&entry->json, "delivery", arrival->delivery);
	add_member(&entry->json, "marker", arrival->marker);
	herald_addf(&entry->json, ",\"duplicate\":%s}", is_duplicate ? "true" : "false");
	if (entry->json.code !=
	    HERALD_OK) { /* a text of nothing but control bytes grows sixfold when written */
		herald_builder_clear(&entry->json);
		herald_addf(&entry->json, "{\"seq\":%lld,\"at\":\"%s\",\"channel\":\"%s\",\"too_long\":true}",
			    (long long)entry->number, at, service_name(arrival->service));
	}
	herald_builder_clear(&entry->extra);
	if (arrival->extra)
		herald_add(&entry->extra, arrival->extra);
	if (entry->extra.code != HERALD_OK)
		herald_builder_clear(&entry->extra);
}

/* One line for a person: time, channel, to, words on one line, and what makes it odd. */
static void print_entry(const struct arrival *arrival, bool is_duplicate, int64_t now_ms)
{
	char words[81], clock[16];
	time_t seconds = (time_t)(now_ms / 1000);
	struct tm tm;
	const char *text =
		text_or_empty(arrival->subject)[0] ? arrival->subject : text_or_empty(arrival->text);
	size_t size = 0;

	for (; size < sizeof(words) - 1 && text[size]; size++)
		words[size] = (unsigned char)text[size] < ' ' ? ' ' : text[size];
	while (text[size] && size > 0 && ((unsigned char)text[size] & 0xC0U) == 0x80U)
		size--;
	words[size] = '\0';
	localtime_r(&seconds, &tm);
	strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
	printf("%s  %-5s  %-24s  %s%s%s%s\n", clock, service_name(arrival->service),
	       text_or_empty(arrival->to), words, text[size] ? "..." : "", is_duplicate ? "  (again)" : "",
	       text_or_empty(arrival->delivery)[0] || text_or_empty(arrival->marker)[0]
		       ? ""
		       : "  (no delivery id)");
	fflush(stdout);
}

bool ledger_arrived(struct ledger *ledger, const struct arrival *arrival, int64_t now_ms)
{
	bool is_duplicate = remember(ledger, arrival);
	struct entry *entry = &ledger->ring[ledger->last % LEDGER_ARRIVALS];

	write_line(ledger, "arrived", arrival);
	ledger->counts[arrival->service].received++;
	entry->number = ++ledger->last;
	entry->service = arrival->service;
	snprintf(entry->to, sizeof(entry->to), "%s", text_or_empty(arrival->to));
	snprintf(entry->place, sizeof(entry->place), "%s", text_or_empty(arrival->place));
	write_entry(entry, arrival, is_duplicate, now_ms);
	if (ledger->follow)
		print_entry(arrival, is_duplicate, now_ms);
	return is_duplicate;
}

void ledger_repeated(struct ledger *ledger, const struct arrival *arrival)
{
	ledger->counts[arrival->service].repeats++;
	write_line(ledger, "repeat", arrival);
}

void ledger_refused(struct ledger *ledger, enum service service, int64_t request, const char *to,
		    const char *why)
{
	ledger->counts[service].refused++;
	write_line(ledger, "refused", &(struct arrival){.service = service, .request = request, .to = to});
	if (ledger->follow) {
		printf("          %-5s  %-24s  refused: %s\n", service_name(service), text_or_empty(to), why);
		fflush(stdout);
	}
}

void ledger_faulted(struct ledger *ledger, enum service service)
{
	ledger->counts[service].faulted++;
}

static bool entry_matches(const struct entry *entry, const struct ledger_filter *filter)
{
	return entry->number > filter->since &&
	       (filter->channel[0] == '\0' || strcmp(filter->channel, service_name(entry->service)) == 0) &&
	       (filter->to[0] == '\0' || strcmp(filter->to, entry->to) == 0) &&
	       (filter->place[0] == '\0' || strcmp(filter->place, entry->place) == 0);
}

static int64_t oldest_number(const struct ledger *ledger)
{
	return ledger->last > LEDGER_ARRIVALS ? ledger->last - LEDGER_ARRIVALS + 1 : 1;
}

static const struct entry *entry_numbered(const struct ledger *ledger, int64_t number)
{
	return &ledger->ring[(number - 1) % LEDGER_ARRIVALS];
}

void ledger_show(const struct ledger *ledger, const struct ledger_filter *filter,
		 struct herald_builder *builder)
{
	int64_t first = ledger->last + 1;
	size_t count = 0;

	for (int64_t n = ledger->last; n >= oldest_number(ledger) && count < filter->limit; n--)
		if (entry_numbered(ledger, n)->number == n &&
		    entry_matches(entry_numbered(ledger, n), filter)) {
			first = n;
			count++;
		}
	herald_add(builder, "{\"arrivals\":[");
	bool is_first = true;
	for (int64_t n = first; n <= ledger->last; n++) {
		const struct entry *entry = entry_numbered(ledger, n);
		if (entry->number != n || !entry_matches(entry, filter))
			continue;
		herald_add(builder, is_first ? "\n" : ",\n");
		herald_add_bytes(builder, entry->json.data, entry->json.size);
		is_first = false;
	}
	herald_addf(builder, "],\"last\":%lld}\n", (long long)ledger->last);
}

void ledger_show_extras(const struct ledger *ledger, const struct ledger_filter *filter,
			struct herald_builder *builder)
{
	size_t count = 0;

	herald_add(builder, "[");
	for (int64_t n = ledger->last; n >= oldest_number(ledger) && count < filter->limit; n--) {
		const struct entry *entry = entry_numbered(ledger, n);
		if (entry->number != n || !entry_matches(entry, filter) || entry->extra.size == 0)
			continue;
		if (count++ > 0)
			herald_add(builder, ",");
		herald_add_bytes(builder, entry->extra.data, entry->extra.size);
	}
	herald_add(builder, "]");
}

static void add_count(struct herald_builder *builder, const struct count *count)
{
	herald_addf(
		builder,
		"\"requests\":%lld,\"received\":%lld,\"unique\":%lld,\"duplicates\":%lld,\"unnamed\":%lld,"
		"\"repeats\":%lld,\"refused\":%lld,\"faulted\":%lld",
		(long long)count->requests, (long long)count->received, (long long)count->unique,
		(long long)count->duplicates, (long long)count->unnamed, (long long)count->repeats,
		(long long)count->refused, (long long)count->faulted);
}

void ledger_stats(const struct ledger *ledger, struct herald_builder *builder)
{
	struct count all = {0};

	for (int i = 0; i < SERVICE_COUNT; i++) {
		const struct count *count = &ledger->counts[i];
		all.requests += count->requests;
		all.received += count->received;
		all.unique += count->unique;
		all.duplicates += count->duplicates;
		all.unnamed += count->unnamed;
		all.repeats += count->repeats;
		all.refused += count->refused;
		all.faulted += count->faulted;
	}
	herald_add(builder, "{");
	add_count(builder, &all);
	herald_addf(builder, ",\"last\":%lld,\"keys_full\":%s,\"channels\":{", (long long)ledger->last,
		    ledger->keys_full ? "true" : "false");
	for (int i = 0; i < SERVICE_COUNT; i++) {
		herald_addf(builder, "%s\"%s\":{", i ? "," : "", service_name((enum service)i));
		add_count(builder, &ledger->counts[i]);
		herald_add(builder, "}");
	}
	herald_add(builder, "}}\n");
}

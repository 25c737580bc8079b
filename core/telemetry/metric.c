/* metric.c - the series behind METRIC_TABLE, and their text.
 *
 * Invariants: a series, once published in its family's table, stays where it is for the life of the process,
 * so readers need no lock; only making one takes it.  A family never has more than METRIC_SERIES_MAX series:
 * the last place is kept for "other".  The second room with state at file scope (see event.c). */
#include "telemetry/metric.h"

#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "telemetry/private.h"
#include "base/check.h"

enum {
	FAMILY_SLOTS = 2 * METRIC_SERIES_MAX,
	BUCKETS_MAX = 16,
	PLUGIN_FAMILIES_MAX = 128,
	PLUGIN_NAME_SIZE = 96,
	HELP_BYTES_MAX = 256
};

_Static_assert((FAMILY_SLOTS & (FAMILY_SLOTS - 1)) == 0, "probing masks the hash");

enum bucket_kind { BUCKETS_NONE = 0, BUCKETS_SECONDS, BUCKETS_COUNTS };

static const double bucket_seconds[] = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
					0.5,   1,      2.5,   5,    10,    60,   600, 3600};
static const double bucket_counts[] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048};

_Static_assert(countof(bucket_seconds) <= BUCKETS_MAX && countof(bucket_counts) <= BUCKETS_MAX,
	       "room for all");

struct family_description {
	const char *name, *labels, *help;
	enum metric_type type;
	enum bucket_kind buckets;
};

static const struct family_description descriptions[METRIC_COUNT] = {
#define X(id, type_, name_, labels_, buckets_, help_) \
	[METRIC_##id] = {name_, labels_, help_, METRIC_##type_, BUCKETS_##buckets_},
	METRIC_TABLE(X)
#undef X
};

struct histogram {
	_Atomic uint64_t counts[BUCKETS_MAX + 1]; /* each its own; the last is what is over all bounds */
	_Atomic double sum;
};

struct series {
	struct series *next; /* in its family, under the lock */
	const char *label[METRIC_LABELS_MAX];
	_Atomic uint64_t count;
	_Atomic double value;
	struct histogram *histogram; /* NULL: none */
};

struct family {
	_Atomic(struct series *) slots[FAMILY_SLOTS];
	struct series *first, **end;
	size_t count;
};

struct plugin_family {
	const char *name, *help;
	bool is_counter;
	struct series *first;
	size_t count;
};

static struct {
	pthread_mutex_t lock;
	struct arena *arena;
	struct family families[METRIC_COUNT];
	struct plugin_family plugins[PLUGIN_FAMILIES_MAX];
	size_t plugin_count;
} registry = {.lock = PTHREAD_MUTEX_INITIALIZER};

static size_t label_count(const struct family_description *family)
{
	size_t count = family->labels[0] == 0 ? 0 : 1;
	for (const char *c = family->labels; *c != 0; c++)
		count += *c == ',';
	return count;
}

static const double *family_bounds(const struct family_description *family, size_t *ret_count)
{
	*ret_count = family->buckets == BUCKETS_SECONDS ? countof(bucket_seconds) : countof(bucket_counts);
	return family->buckets == BUCKETS_SECONDS ? bucket_seconds : bucket_counts;
}

/* FNV-1a: label values are ours (names of channels, routes, reasons), nobody outside chooses them freely. */
static size_t labels_hash(const struct metric_labels *labels, size_t count)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	for (size_t i = 0; i < count; i++) {
		for (const char *c = labels->value[i]; *c != 0; c++)
			hash = (hash ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
		hash = (hash ^ 0xff) * UINT64_C(0x100000001b3);
	}
	return (size_t)(hash ^ hash >> 32);
}

static bool labels_are(const struct series *series, const struct metric_labels *labels, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(series->label[i], labels->value[i]) != 0)
			return false;
	}
	return true;
}

/* The series, or NULL and the free slot where it would go. */
static struct series *series_find(struct family *family, const struct metric_labels *labels, size_t count,
				  size_t *ret_slot)
{
	for (size_t i = labels_hash(labels, count) & (FAMILY_SLOTS - 1);; i = (i + 1) & (FAMILY_SLOTS - 1)) {
		struct series *series = atomic_load_explicit(&family->slots[i], memory_order_acquire);
		if (series == NULL) {
			*ret_slot = i;
			return NULL;
		}
		if (labels_are(series, labels, count))
			return series;
	}
}

/* The lock is held. */
static struct series *series_new(const struct metric_labels *labels, size_t count, bool is_histogram)
{
	if (registry.arena == NULL)
		registry.arena = arena_new();
	struct series *series = arena_new_of(registry.arena, struct series);
	for (size_t i = 0; i < count; i++)
		series->label[i] = arena_text(registry.arena, labels->value[i]);
	if (is_histogram)
		series->histogram = arena_new_of(registry.arena, struct histogram);
	return series;
}

static struct series *series_make(enum metric metric, struct metric_labels labels, size_t count)
{
	struct family *family = &registry.families[metric];
	size_t slot;
	pthread_mutex_lock(&registry.lock);
	if (family->count >= METRIC_SERIES_MAX - 1) {
		for (size_t i = 0; i < count; i++)
			labels.value[i] = "other";
	}
	struct series *series = series_find(family, &labels, count, &slot);
	if (series == NULL) {
		series = series_new(&labels, count, descriptions[metric].type == METRIC_HISTOGRAM);
		if (family->end == NULL)
			family->end = &family->first;
		*family->end = series;
		family->end = &series->next;
		family->count++;
		CHECK(family->count <= METRIC_SERIES_MAX);
		atomic_store_explicit(&family->slots[slot], series, memory_order_release);
	}
	pthread_mutex_unlock(&registry.lock);
	return series;
}

/* Checks the labels against the table; a value too long to be one of ours counts as "other". */
static size_t labels_check(enum metric metric, enum metric_type type, struct metric_labels *labels)
{
	CHECK((unsigned)metric < METRIC_COUNT && descriptions[metric].type == type);
	size_t count = label_count(&descriptions[metric]);
	for (size_t i = 0; i < METRIC_LABELS_MAX; i++) {
		CHECK((labels->value[i] != NULL) == (i < count));
		if (i < count &&
		    strnlen(labels->value[i], METRIC_LABEL_BYTES_MAX + 1) > METRIC_LABEL_BYTES_MAX)
			labels->value[i] = "other";
	}
	return count;
}

static struct series *series_get(enum metric metric, enum metric_type type, struct metric_labels labels)
{
	size_t count = labels_check(metric, type, &labels), slot;
	struct series *series = series_find(&registry.families[metric], &labels, count, &slot);
	return series != NULL ? series : series_make(metric, labels, count);
}

static void double_add(_Atomic double *to, double value)
{
	double before = atomic_load_explicit(to, memory_order_relaxed);
	while (!atomic_compare_exchange_weak_explicit(to, &before, before + value, memory_order_relaxed,
						      memory_order_relaxed))
		;
}

void metric_add(enum metric metric, struct metric_labels labels, uint64_t count)
{
	struct series *series = series_get(metric, METRIC_COUNTER, labels);
	atomic_fetch_add_explicit(&series->count, count, memory_order_relaxed);
}

void metric_set(enum metric metric, struct metric_labels labels, double value)
{
	struct series *series = series_get(metric, METRIC_GAUGE, labels);
	atomic_store_explicit(&series->value, value, memory_order_relaxed);
}

void metric_shift(enum metric metric, struct metric_labels labels, int64_t by)
{
	double_add(&series_get(metric, METRIC_GAUGE, labels)->value, (double)by);
}

void metric_observe(enum metric metric, struct metric_labels labels, double value)
{
	struct series *series = series_get(metric, METRIC_HISTOGRAM, labels);
	size_t count, i = 0;
	const double *bounds = family_bounds(&descriptions[metric], &count);
	while (i < count && value > bounds[i])
		i++;
	atomic_fetch_add_explicit(&series->histogram->counts[i], 1, memory_order_relaxed);
	double_add(&series->histogram->sum, value);
}

double metric_value(enum metric metric, struct metric_labels labels)
{
	enum metric_type type = descriptions[metric].type;
	size_t count = labels_check(metric, type, &labels), slot;
	struct series *series = series_find(&registry.families[metric], &labels, count, &slot);
	if (series == NULL)
		return 0;
	if (type == METRIC_GAUGE)
		return series->value;
	if (type == METRIC_COUNTER)
		return (double)series->count;
	uint64_t observed = 0;
	for (size_t i = 0; i <= BUCKETS_MAX; i++)
		observed += series->histogram->counts[i];
	return (double)observed;
}

static bool is_plugin_name(const char *name)
{
	if (name[0] < 'a' || name[0] > 'z' || strnlen(name, 65) > 64)
		return false;
	return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(name);
}

/* Prometheus wants "_total" behind counters and behind nothing else. */
static void plugin_family_name(const char *name, bool is_counter, char ret_name[PLUGIN_NAME_SIZE])
{
	size_t size = strlen(name), stem = size;
	if (size > strlen("_total") && strcmp(name + size - strlen("_total"), "_total") == 0)
		stem -= strlen("_total");
	snprintf(ret_name, PLUGIN_NAME_SIZE, "herald_plugin_%.*s%s", (int)stem, name,
		 is_counter ? "_total" : "");
}

/* The lock is held. */
static struct plugin_family *plugin_family_get(const char *name, const char *help, bool is_counter)
{
	char exported[PLUGIN_NAME_SIZE];
	plugin_family_name(name, is_counter, exported);
	for (size_t i = 0; i < registry.plugin_count; i++) {
		if (strcmp(registry.plugins[i].name, exported) == 0)
			return &registry.plugins[i];
	}
	if (registry.plugin_count == PLUGIN_FAMILIES_MAX)
		return NULL;
	struct plugin_family *family = &registry.plugins[registry.plugin_count++];
	family->name = arena_text(registry.arena, exported);
	family->help = arena_printf(registry.arena, "%.*s", HELP_BYTES_MAX,
				    help == NULL || help[0] == 0 ? name : help);
	family->is_counter = is_counter;
	return family;
}

/* The lock is held. */
static struct series *plugin_series_get(struct plugin_family *family, const char *channel)
{
	for (struct series *series = family->first; series != NULL; series = series->next) {
		if (strcmp(series->label[0], channel) == 0)
			return series;
	}
	if (family->count == METRIC_SERIES_MAX)
		return NULL;
	struct series *series = series_new(&METRIC_LABELS(channel), 1, false);
	series->next = family->first;
	family->first = series;
	family->count++;
	return series;
}

bool metric_plugin_set(const char *channel, const char *name, const char *help, bool is_counter, double value)
{
	if (!is_plugin_name(name))
		return false;
	pthread_mutex_lock(&registry.lock);
	if (registry.arena == NULL)
		registry.arena = arena_new();
	struct plugin_family *family = plugin_family_get(name, help, is_counter);
	struct series *series = family == NULL ? NULL : plugin_series_get(family, channel);
	if (series != NULL)
		series->value = value;
	pthread_mutex_unlock(&registry.lock);
	return series != NULL;
}

static void text_escaped(struct herald_builder *builder, const char *text, bool with_quotes)
{
	for (; *text != 0; text++) {
		if (*text == '\\')
			herald_add(builder, "\\\\");
		else if (*text == '\n')
			herald_add(builder, "\\n");
		else if (*text == '"' && with_quotes)
			herald_add(builder, "\\\"");
		else
			herald_add_bytes(builder, text, 1);
	}
}

static void text_head(struct herald_builder *builder, const char *name, const char *help, const char *type)
{
	herald_addf(builder, "# HELP %s ", name);
	text_escaped(builder, help, false);
	herald_addf(builder, "\n# TYPE %s %s\n", name, type);
}

/* {a="x",b="y",le="0.5"}; labels are the names, with commas between; le NULL: none. */
static void text_labels(struct herald_builder *builder, const char *labels, const struct series *series,
			const char *le)
{
	bool is_first = true;
	for (size_t i = 0; *labels != 0; i++) {
		size_t size = strcspn(labels, ",");
		herald_addf(builder, "%s%.*s=\"", is_first ? "{" : ",", (int)size, labels);
		text_escaped(builder, series->label[i], true);
		herald_add(builder, "\"");
		labels += labels[size] == ',' ? size + 1 : size;
		is_first = false;
	}
	if (le != NULL)
		herald_addf(builder, "%sle=\"%s\"", is_first ? "{" : ",", le);
	if (!is_first || le != NULL)
		herald_add(builder, "}");
}

static void text_number(struct herald_builder *builder, double value)
{
	if (isfinite(value))
		herald_addf(builder, " %.15g\n", value);
	else
		herald_add(builder, isnan(value) ? " NaN\n" : value > 0 ? " +Inf\n" : " -Inf\n");
}

static void text_histogram(struct herald_builder *builder, const struct family_description *family,
			   const struct series *series)
{
	size_t count;
	const double *bounds = family_bounds(family, &count);
	uint64_t total = 0;
	for (size_t i = 0; i <= count; i++) {
		char le[32] = "+Inf";
		if (i < count)
			snprintf(le, sizeof(le), "%g", bounds[i]);
		total += series->histogram->counts[i];
		herald_addf(builder, "%s_bucket", family->name);
		text_labels(builder, family->labels, series, le);
		herald_addf(builder, " %" PRIu64 "\n", total);
	}
	herald_addf(builder, "%s_sum", family->name);
	text_labels(builder, family->labels, series, NULL);
	text_number(builder, series->histogram->sum);
	herald_addf(builder, "%s_count", family->name);
	text_labels(builder, family->labels, series, NULL);
	herald_addf(builder, " %" PRIu64 "\n", total);
}

static void text_series(struct herald_builder *builder, const struct family_description *family,
			const struct series *series)
{
	if (family->type == METRIC_HISTOGRAM) {
		text_histogram(builder, family, series);
		return;
	}
	herald_add(builder, family->name);
	text_labels(builder, family->labels, series, NULL);
	if (family->type == METRIC_COUNTER)
		herald_addf(builder, " %" PRIu64 "\n", series->count);
	else
		text_number(builder, series->value);
}

/* The lock is held. */
static void text_plugins(struct herald_builder *builder)
{
	for (size_t i = 0; i < registry.plugin_count; i++) {
		const struct plugin_family *family = &registry.plugins[i];
		text_head(builder, family->name, family->help, family->is_counter ? "counter" : "gauge");
		for (const struct series *series = family->first; series != NULL; series = series->next) {
			herald_add(builder, family->name);
			text_labels(builder, "channel", series, NULL);
			text_number(builder, series->value);
		}
	}
}

void metric_text(struct herald_builder *builder)
{
	static const char *const type_names[] = {
		[METRIC_COUNTER] = "counter", [METRIC_GAUGE] = "gauge", [METRIC_HISTOGRAM] = "histogram"};
	pthread_mutex_lock(&registry.lock);
	for (size_t metric = 0; metric < METRIC_COUNT; metric++) {
		const struct series *series = registry.families[metric].first;
		const struct family_description *family = &descriptions[metric];
		if (series == NULL)
			continue;
		text_head(builder, family->name, family->help, type_names[family->type]);
		for (; series != NULL; series = series->next)
			text_series(builder, family, series);
	}
	text_plugins(builder);
	pthread_mutex_unlock(&registry.lock);
	metric_process_text(builder);
}

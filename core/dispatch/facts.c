/* facts.c - see facts.h.  A line is: name, kind, idempotent_ms, version, with blanks between. */
#include "dispatch/facts.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"

#include "base/check.h"

enum { LINE_BYTES = 512 };

static bool line_read(const char *line, struct facts *ret_facts)
{
	long long idempotent_ms;

	*ret_facts = (struct facts){.name = ""};
	if (sscanf(line, "%32s %32s %lld %63[^\n]", ret_facts->name, ret_facts->kind, &idempotent_ms,
		   ret_facts->version) != 4 ||
	    idempotent_ms < 0)
		return false;
	ret_facts->idempotent_ms = idempotent_ms;
	return true;
}

enum herald_code facts_read(const char *path, struct arena *arena, struct facts **ret_facts,
			    size_t *ret_count, struct herald_error *err)
{
	FILE *file = fopen(path, "re");
	char line[LINE_BYTES];
	size_t count = 0;

	*ret_facts = arena_array_of(arena, CHANNELS_MAX, struct facts);
	*ret_count = 0;
	if (file == NULL && errno == ENOENT)
		return HERALD_OK;
	if (file == NULL)
		return herald_fail(err, HERALD_IO, "reading %s: %s", path, strerrordesc_np(errno));
	while (count < CHANNELS_MAX && fgets(line, sizeof(line), file) != NULL)
		count += line_read(line, &(*ret_facts)[count]) ? 1 : 0;
	fclose(file);
	*ret_count = count;
	return HERALD_OK;
}

enum herald_code facts_write(const char *path, const struct facts *facts, size_t count,
			     struct herald_error *err)
{
	struct arena *arena = arena_new();
	const char *fresh = arena_printf(arena, "%s.new", path);
	FILE *file = fopen(fresh, "we");
	bool is_written = file != NULL;
	enum herald_code code = HERALD_OK;

	for (size_t i = 0; i < count && is_written; i++)
		is_written = fprintf(file, "%s %s %lld %s\n", facts[i].name, facts[i].kind,
				     (long long)facts[i].idempotent_ms, facts[i].version) > 0;
	if (file != NULL)
		is_written = fclose(file) == 0 && is_written;
	if (!is_written || rename(fresh, path) != 0)
		code = herald_fail(err, HERALD_IO, "writing %s: %s", path, strerrordesc_np(errno));
	arena_free(arena);
	return code;
}

const struct facts *facts_find(const struct facts *facts, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(facts[i].name, name) == 0)
			return &facts[i];
	}
	return NULL;
}

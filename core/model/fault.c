/* Faults of a request: see fault.h.  Texts live in the request's arena, so nothing here is freed. */
#include "model/fault.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

#include "base/check.h"

void faults_init(struct faults *faults, struct arena *arena)
{
	*faults = (struct faults){.arena = arena, .problem = "invalid"};
}

static void add(struct faults *faults, const char *pointer, const char *fault, const char *format,
		va_list args)
{
	char text[512];

	if (faults->count++ >= FAULTS_MAX)
		return;
	vsnprintf(text, sizeof(text), format, args);
	text_mend_utf8(text);
	faults->items[faults->count - 1] = (struct fault){
		.pointer = arena_text(faults->arena, pointer),
		.fault = fault,
		.detail = arena_text(faults->arena, text),
	};
}

void faults_add(struct faults *faults, const char *pointer, const char *fault, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add(faults, pointer, fault, format, args);
	va_end(args);
}

void faults_add_as(struct faults *faults, const char *problem, const char *pointer, const char *fault,
		   const char *format, ...)
{
	va_list args;

	if (strcmp(faults->problem, "invalid") == 0)
		faults->problem = problem;
	va_start(args, format);
	add(faults, pointer, fault, format, args);
	va_end(args);
}

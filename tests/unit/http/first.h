/* first.h - a request without a connection: what the rooms of http need of one. */
#ifndef TEST_HTTP_FIRST_H
#define TEST_HTTP_FIRST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "http/private.h"
#include "http/view.h"

struct stage {
	struct config config;
	struct http http;
	struct api_thread thread;
	struct request request;
};

static inline void stage_set(struct stage *stage, const char *target)
{
	struct arena *arena = arena_new();

	*stage = (struct stage){.config = {.server = {.problem_base = "problem:"}}};
	stage->http.settings.config = &stage->config;
	stage->thread.http = &stage->http;
	stage->request.thread = &stage->thread;
	stage->request.arena = arena;
	stage->request.config = &stage->config;
	stage->request.raw = arena_text(arena, target);
	stage->request.content_type = "";
	memcpy(stage->request.id, "req_1", 6);
	faults_init(&stage->request.faults, arena);
}

static inline void stage_strike(struct stage *stage)
{
	arena_free(stage->request.arena);
}

static inline const char *stage_header(const struct stage *stage, const char *name)
{
	for (size_t i = 0; i < stage->request.header_count; i++) {
		if (strcmp(stage->request.headers[i].name, name) == 0)
			return stage->request.headers[i].value;
	}
	return "";
}

#endif

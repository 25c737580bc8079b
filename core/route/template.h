/* template.h - words with {{path.to.value}} in them, filled from facts, escaped for where they will stand.
 *
 * Pure: no I/O, no clock.  Data is never read again as a template.  Sections, partials and raw values are a
 * later issue's and refused by name. */
#ifndef ROUTE_TEMPLATE_H
#define ROUTE_TEMPLATE_H

#include <jansson.h>

#include "herald/kit.h"
#include "model/fault.h"

enum template_place {
	TEMPLATE_TEXT = 1, /* plain text: as it is */
	TEMPLATE_HTML,     /* & < > " ' become entities */
	TEMPLATE_LINE,     /* a subject or header: control bytes are a fault */
};

/* Paths begin in data, or with recipient. or category. */
struct template_facts {
	const json_t *data, *recipient, *category;
};

/* Appends to builder; what is wrong is a fault at pointer: `missing` (no such value), `type` (an object or
 * array), `syntax`, `unsupported`, `range` (a control byte in a line).  True: no fault was added. */
bool template_render(const char *source, enum template_place place, const struct template_facts *facts,
		     const char *pointer, struct herald_builder *builder, struct faults *faults);

#endif

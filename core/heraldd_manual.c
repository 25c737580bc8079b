/* heraldd_manual.c - heraldd(8) from the option tables of the configuration, the table of events and the
 * words of the command line: none of them is written down a second time. */
#include "heraldd_manual.h"

#include <stdio.h>
#include <string.h>

#include "config/config.h"
#include "heraldd_arguments.h"
#include "herald/kit.h"
#include "telemetry/event.h"
#include "base/check.h"

enum { PAGE_BYTES_MAX = 1024 * 1024 };

/* Literal text inside mdoc: a backslash is an escape, a leading dot or quote a request. */
static void add_literal(struct herald_builder *page, const char *text)
{
	bool is_begin = true;

	for (; *text != 0; text++) {
		if (is_begin && (*text == '.' || *text == '\''))
			herald_add(page, "\\&");
		herald_add_bytes(page, *text == '\\' ? "\\e" : text, *text == '\\' ? 2 : 1);
		is_begin = *text == '\n';
	}
}

static void add_sections(struct herald_builder *page)
{
	size_t count;
	const struct config_section *sections = config_sections(&count);

	herald_add(
		page,
		".Sh CONFIGURATION\nThe files\n.Pa *.yaml\nof the configuration folder, in the order of "
		"their names; a later "
		"one\nwins, the environment\n.Pq Ev HERALD_SECTION_OPTION\nand\n.Fl -set\nwin over files.\n");
	for (size_t i = 0; i < count; i++) {
		herald_addf(page, ".Ss %s\n", sections[i].name);
		add_literal(page, sections[i].help);
		herald_add(page, "\n");
		options_print_man(sections[i].table, page);
	}
}

static void add_events(struct herald_builder *page)
{
	herald_add(page, ".Sh EVENTS\nEach is a line of the log and counts in\n.Li herald_events_total "
			 ".\n.Bl -tag -width Ds\n");
	for (int kind = 0; kind < EVENT_KIND_COUNT; kind++) {
		herald_addf(page, ".It Li %s Pq %s\n", event_name((enum event_kind)kind),
			    event_level_name(event_level_of((enum event_kind)kind)));
		add_literal(page, event_sentence((enum event_kind)kind));
		herald_add(page, "\n");
	}
	herald_add(page, ".El\n");
}

int manual_print(void)
{
	struct herald_builder page;
	int status;

	herald_builder_init(&page, PAGE_BYTES_MAX);
	herald_add(&page, ".Dd November 24, 2026\n.Dt HERALDD 8\n.Os\n.Sh NAME\n.Nm heraldd\n.Nd the "
			  "notification router's daemon\n"
			  ".Sh SYNOPSIS\n.Nm\n.Op Ar option ...\n.Sh DESCRIPTION\n.Bd -literal\n");
	add_literal(&page, arguments_help);
	herald_add(&page, ".Ed\n");
	add_sections(&page);
	add_events(&page);
	herald_add(&page, ".Sh SEE ALSO\n.Xr herald 1\n");
	status = page.code == HERALD_OK && fputs(page.data, stdout) != EOF && fflush(stdout) == 0 ? 0 : 1;
	herald_builder_done(&page);
	return status;
}

/* later.h - answers that are due in a while, given by a thread of their own. */
#ifndef LOOPBACK_LATER_H
#define LOOPBACK_LATER_H

#include <stddef.h>

#include "herald/channel.h"

struct later;

/* NULL: no memory or no thread. */
struct later *later_new(const struct herald_host *host);
/* Forgets what is still due: no ticket is open when a channel closes. */
void later_free(struct later *later);

/* False: no memory. */
bool later_answer(struct later *later, struct herald_ticket *ticket, enum herald_verdict verdict,
		  int64_t in_ms);
size_t later_waiting(struct later *later);

#endif

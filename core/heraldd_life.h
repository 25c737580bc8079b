/* heraldd_life.h - everything that runs, started bottom-up and stopped top-down. */
#ifndef HERALDD_LIFE_H
#define HERALDD_LIFE_H

#include <stdbool.h>

#include "config/config.h"

struct life;

/* Takes the configuration's reference.  On failure everything that was started is stopped again. */
enum herald_code life_start(struct config *config, struct life **ret_life, struct herald_error *err);
/* Puts a new configuration in force and takes its reference; what needs a restart is said as an event. */
enum herald_code life_reload(struct life *life, struct config *config, struct herald_error *err);

/* Take nothing new, finish what was begun: call life_drained now and then until it says true. */
void life_drain(struct life *life);
bool life_drained(struct life *life);
int64_t life_drain_ms(const struct life *life); /* how long that may take */
/* After life_drained: the rest in order. */
void life_stop(struct life *life);

#endif

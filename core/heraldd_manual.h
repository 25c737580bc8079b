/* heraldd_manual.h - heraldd(8), printed from the tables by which the daemon itself runs. */
#ifndef HERALDD_MANUAL_H
#define HERALDD_MANUAL_H

/* Writes the page (mdoc) to standard output; answers the exit status. */
int manual_print(void);

#endif

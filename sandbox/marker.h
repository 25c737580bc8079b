/* marker.h - the names by which an outside observer knows a delivery again, found in raw bytes.
 *
 * "ntf_0123456789ABC-1" is the id that Herald gives providers to echo; "nid-17-1700000000000000" is what the
 * load generator puts into the words.  Pure. */
#ifndef SANDBOX_MARKER_H
#define SANDBOX_MARKER_H

#include <stdbool.h>
#include <stddef.h>

enum { MARKER_TEXT_SIZE = 48 };

/* The next name at or behind *offset; *offset moves behind it.  False: no more. */
bool marker_next(const char *data, size_t size, size_t *offset, char ret_marker[MARKER_TEXT_SIZE]);

/* The first delivery id and the first nid- marker, "" where there is none. */
void marker_find(const char *data, size_t size, char ret_delivery[MARKER_TEXT_SIZE],
		 char ret_marker[MARKER_TEXT_SIZE]);

#endif

/* text.h - texts that came from outside or were cut at a fixed size, made fit to be shown again. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>

/* Valid UTF-8 in place, never longer: a character that lost its end at the end of the text goes, any other
 * byte that is no part of a character becomes '?'.  True: something had to be mended. */
bool text_mend_utf8(char *text);

#endif

/* fake_message.h - one message to try rooms and plugins with. */
#ifndef FAKE_MESSAGE_H
#define FAKE_MESSAGE_H

#include "herald/message.h"

/* Every pointer is set; text and address as given. */
struct herald_message fake_message(const char *address, const char *text);

#endif

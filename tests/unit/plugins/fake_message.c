/* fake_message.c - see fake_message.h. */
#include "fake_message.h"

#include <string.h>

struct herald_message fake_message(const char *address, const char *text)
{
	return (struct herald_message){
		.struct_size = sizeof(struct herald_message),
		.delivery_id = "01JDELIVERY",
		.tenant = "t",
		.category = "alerts",
		.recipient = "anna",
		.correlation_id = "",
		.traceparent = "",
		.attempt = 1,
		.priority = HERALD_NORMAL,
		.first_attempt_at_ms = 1553616411000,
		.expires_at_ms = 1553616411000 + 3600000,
		.address = address,
		.memory = {"", 0},
		.name = "",
		.locale = "",
		.subject = "",
		.text = {text, strlen(text)},
		.html = {"", 0},
		.card = {"", 0},
		.json = {"", 0},
		.reply_to = "",
		.from_name = "",
		.part_size = sizeof(struct herald_part),
	};
}

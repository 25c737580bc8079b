/* bot_fixture.h - instances of acs_bot to try: both ways, connector only, chat only. */
#ifndef BOT_FIXTURE_H
#define BOT_FIXTURE_H

#include "fake_host.h"

#define KEY "bm90LWEtcmVhbC1rZXktLXRlc3QtdmVjdG9yLW9ubHktMzJi"
#define TENANT "00000000-0000-0000-0000-000000000001"
#define APP "11111111-1111-1111-1111-111111111111"
#define ERROR(code) "{\"error\":{\"code\":\"" code "\",\"message\":\"m\"}}"

enum { MINUTE = 60000 };

struct fake_host *bot_open(const struct fake_setting *settings, size_t count);
struct fake_host *bot_new(void);
struct fake_host *teams_only_new(void);
struct fake_host *chat_only_new(void);

void remember(struct herald_message *message, const char *memory);

/* The ticket's outcome; the test fails unless it was spent so. */
const struct herald_outcome *spent(const struct fake_host *fake, size_t ticket, enum herald_verdict verdict,
				   const char *status);

#endif

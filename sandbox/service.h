/* service.h - what the sandbox stands in for, and the names that --help, /control and the ledger use. */
#ifndef SANDBOX_SERVICE_H
#define SANDBOX_SERVICE_H

#include <stdbool.h>

enum service {
	SERVICE_BOT = 0,  /* Bot Framework connector */
	SERVICE_CHAT,     /* ACS Chat */
	SERVICE_SMS,      /* ACS SMS */
	SERVICE_EMAIL,    /* an SMTP server */
	SERVICE_TOKEN,    /* Entra's token endpoint */
	SERVICE_IDENTITY, /* ACS Identity */
	SERVICE_COUNT
};

/* "bot", "chat", "sms", "email", "token", "identity". */
const char *service_name(enum service service);
/* False: no such service. */
bool service_parse(const char *name, enum service *ret_service);

#endif

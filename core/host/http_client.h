/* http_client.h - the inside of the HTTP client, shared by its three files. */
#ifndef HOST_HTTP_CLIENT_H
#define HOST_HTTP_CLIENT_H

#include <curl/curl.h>

#include "host/http.h"
#include "host/http_request.h"

enum { EASY_IDLE_MAX = 64 };

struct http {
	struct arena *arena; /* holds this struct */
	struct herald_channel *channel;
	CURLM *multi;
	CURL *idle[EASY_IDLE_MAX];
	size_t idle_count;
	struct grants *grants;
	pthread_key_t last_call; /* per worker: the request whose reply is lent */
	/* Under the channel's http_lock: */
	struct http_request *incoming, **incoming_end;
	bool is_stopped;
	/* The loop's: */
	struct http_request *held;    /* until what was learned is kept */
	struct http_request *running; /* added to multi */
};

/* In front of a list, out of whichever it is in. */
void http_list_add(struct http_request **list, struct http_request *request);
void http_list_remove(struct http_request *request);

/* http_easy.c: a handle set up for this request.  NULL: curl has no memory. */
CURL *http_easy_new(struct http *http, struct http_request *request);
void http_easy_free(struct http *http, struct http_request *request);

/* http_answer.c: hand the answer to whoever waits; ends the request. */
void http_answer_tickets(struct http_request *request, const struct herald_http_reply *reply);
/* A ticket of it was taken back before it left: the others go to the plugin again. */
void http_answer_taken_back(struct http_request *request);

#endif

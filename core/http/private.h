/* private.h - between the rooms of http: the threads, the table of routes, keys, keys in flight. */
#ifndef HTTP_PRIVATE_H
#define HTTP_PRIVATE_H

#include "base/clock.h"
#include "http/http.h"
#include "http/request.h"

enum { API_THREADS_MAX = 64, DAEMONS_PER_THREAD_MAX = 2 };

struct inflight; /* Idempotency-Keys whose first request still runs; shared by the threads */

struct inflight *inflight_new(void);
void inflight_free(struct inflight *inflight);
bool inflight_enter(struct inflight *inflight, int64_t tenant,
		    const char *key); /* false: somebody is in there */
void inflight_leave(struct inflight *inflight, int64_t tenant, const char *key);

struct rate_keeper; /* requests per key; one per thread, each with its share */

struct rate_keeper *rate_keeper_new(unsigned share);
void rate_keeper_free(struct rate_keeper *keeper);
/* False: over its rate; *ret_wait_s says for how long. */
bool rate_keeper_take(struct rate_keeper *keeper, int64_t key, uint32_t rate_per_s, int64_t now_ms,
		      unsigned *ret_wait_s);
/* A key that was wrong came from this address: false when that was once too often. */
enum { GUESSES_PER_MINUTE = 10 };
bool rate_keeper_guess(struct rate_keeper *keeper, int64_t from, int64_t now_ms, unsigned *ret_wait_s);

struct patience; /* patience.c: until when a connection may take its time */

struct patience *patience_begin(struct api_thread *thread, int socket);
void patience_end(struct patience *patience);
void patience_for_head(struct patience *patience);              /* its first line is there */
void patience_for_next(struct patience *patience, int idle_ms); /* answered: it may rest, then ask again */
void patience_for_bytes(struct patience *patience);             /* a body begins, or goes on */
void patience_came(struct patience *patience, size_t bytes);
void patience_for_reader(struct patience *patience, int idle_ms, size_t bytes); /* an answer of so many */
void patience_stop(struct patience *patience);                                  /* we are at work */
void patience_sweep(struct api_thread *thread); /* end whoever is too slow; looks twice a second */

struct api_thread {
	struct http *http;
	unsigned number;
	pthread_t thread;
	struct MHD_Daemon
		*daemons[DAEMONS_PER_THREAD_MAX]; /* [0] TCP, [1] admin socket (first thread only) */
	int listeners[DAEMONS_PER_THREAD_MAX];    /* taken back from the daemons when it is to end, else -1 */
	int epoll;
	struct patience *connections;
	int64_t swept_mono_ms, ends_mono_ms; /* ends: 0 until it is to end */
	size_t open, suspended;              /* requests that have not ended; that wait for somebody */
	struct queue *completions;
	struct request *sleepers;
	struct intake *intake;
	struct rate_keeper *rates, *guesses;
	struct address_cache *addresses;
	struct clock_watch clock;
};

struct http {
	struct http_settings settings;
	struct arena *arena;
	struct api_thread threads[API_THREADS_MAX];
	unsigned thread_count;
	int listener, admin_listener, port;
	const char *admin_path;
	struct inflight *inflight;
	_Atomic bool is_draining, is_stopping;
	_Atomic size_t busy;
	_Atomic uint64_t request_serial;
};

int64_t thread_now_ms(struct api_thread *thread); /* UTC; its own thread only */

/* server.c -> request.c: the life of a request as libmicrohttpd tells it. */
struct request *request_begin(struct api_thread *thread, struct MHD_Connection *connection, const char *raw);
void request_end(struct request *request);
enum MHD_Result request_arrived(struct request *request, const char *method, const char *version,
				const char *data, size_t *size);
void request_woken(struct request *request); /* its questions are answered: run next */
/* heads.c: what the library lets through */
void request_refuse_if_malformed(struct request *request, const char *version);

/* stream.c: an answer that goes on. */
struct MHD_Response *stream_response(struct request *request);
void stream_look(struct request *request); /* its pause is over */

/* router.c */
extern const struct route routes[];
extern const size_t route_count;
void route_find(struct request *request, const char *method); /* answers 404, 405 or 400 when there is none */

/* auth.c: answers 401, 403 or 429 when it may not. */
void auth_check(struct request *request);
/* "key_<id>_<64 hex>" of a new key, and its hash. */
void auth_make_secret(int64_t id, char *ret_text, size_t size, uint8_t ret_hash[32]);

/* address_cache.c: what plugins said of addresses, so that a busy caller's are not asked again and again. */
struct address_cache;

struct address_cache *address_cache_new(void);
void address_cache_free(struct address_cache *cache);
struct checked_address {
	const char *canonical, *destination;
};
bool address_cache_get(struct address_cache *cache, int32_t channel, const char *address,
		       struct checked_address *ret_checked);
void address_cache_put(struct address_cache *cache, int32_t channel, const char *address,
		       const struct checked_address *checked);

/* addresses.c: have addresses checked by the channels' plugins; next runs when all are answered. */
struct address_question {
	const char *kind, *channel, *address; /* channel "": the first of the kind */
	char pointer[128];
	struct talk_check check;
	bool is_asked;
	struct checked_address checked; /* the answer; canonical NULL: a fault was added, or is_down */
	bool is_down;                   /* nobody could be asked: 503, or check=later */
};
void addresses_check(struct request *request, struct address_question *questions, size_t count,
		     struct faults *faults, request_step next);
/* After next was called: reads the answers, adding faults.  BUSY: nobody could be asked. */
enum herald_code addresses_checked(struct request *request, struct address_question *questions, size_t count,
				   struct faults *faults);
/* The same for a request of its own: false when it has answered (422 or 503). */
bool addresses_good(struct request *request, struct address_question *questions, size_t count,
		    bool may_be_later);

#endif

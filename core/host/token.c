/* token.c - one fetch at a time per grant, everybody else waits for it.
 *
 * Invariant: a grant has a fetch under way or nobody waits for it.  After a failure the next fetch is put off
 * a little, so that a queue of deliveries does not become a queue of refused log-ins. */
#include "host/token.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "herald/kit.h"
#include "host/http.h"
#include "host/http_client.h"
#include "base/check.h"

enum {
	GRANTS_MAX = 64,
	RENEW_BEFORE_MS = 5 * 60 * 1000,
	USE_UNTIL_MS = 10 * 1000, /* before its end: the request must still arrive with it */
	FETCH_TIMEOUT_MS = 10 * 1000,
	AGAIN_AFTER_MS = 1000,
	AGAIN_AFTER_REFUSAL_MS = 10 * 1000,
	LIFE_DEFAULT_S = 300, /* the end-point did not say (RFC 6749 5.1 only recommends it) */
	LIFE_S_MAX = 24 * 3600,
	LIFE_MS_MIN = 30 * 1000,
	BEARER_BYTES_MAX = 15 * 1024,
	WHY_BYTES = 200,
};

struct grant {
	struct grant *next;
	struct herald_channel *channel;
	const char *url, *client_id, *scope;
	herald_secret client_secret;
	/* The loop's: */
	struct arena *secrets;  /* of the bearer in use; wiped with it */
	const char *bearer;     /* NULL: none */
	struct grant_span span; /* monotonic */
	struct http_request *waiting;
	bool is_fetching;
	char why[WHY_BYTES + 64]; /* of the last failure */
	int32_t status;
	int64_t again_at_ms;
};

struct grants {
	struct arena *arena; /* wiped: it holds the clients' secrets, and this struct */
	struct herald_channel *channel;
	pthread_mutex_t lock;
	struct grant *first;
	size_t count;
};

struct grants *grants_new(struct herald_channel *channel)
{
	struct arena *arena = arena_new_wiped();
	struct grants *grants = arena_new_of(arena, struct grants);

	grants->arena = arena;
	grants->channel = channel;
	CHECK(pthread_mutex_init(&grants->lock, NULL) == 0);
	return grants;
}

void grants_free(struct grants *grants)
{
	if (!grants)
		return;
	for (struct grant *grant = grants->first; grant; grant = grant->next)
		if (grant->secrets)
			arena_free(grant->secrets);
	pthread_mutex_destroy(&grants->lock);
	arena_free(grants->arena);
}

static const char *text_or_empty(const char *text)
{
	return text ? text : "";
}

static bool grant_is(const struct grant *grant, const struct herald_token *token)
{
	return strcmp(grant->url, token->url) == 0 && strcmp(grant->client_id, token->client_id) == 0 &&
	       strcmp(grant->scope, text_or_empty(token->scope)) == 0 &&
	       strcmp(grant->client_secret.value, token->client_secret.value) == 0;
}

static struct grant *grant_make(struct grants *grants, const struct herald_token *token)
{
	struct grant *grant = arena_new_of(grants->arena, struct grant);

	*grant = (struct grant){
		.next = grants->first,
		.channel = grants->channel,
		.url = arena_text(grants->arena, token->url),
		.client_id = arena_text(grants->arena, token->client_id),
		.scope = arena_text(grants->arena, token->scope),
		.client_secret = {arena_text(grants->arena, token->client_secret.value)},
	};
	grants->first = grant;
	grants->count++;
	return grant;
}

enum herald_code grant_find(struct herald_channel *channel, const struct herald_token *token,
			    struct grant **ret_grant, struct herald_error *err)
{
	if (token->struct_size < offsetof(struct herald_token, client_secret) + sizeof(token->client_secret))
		return herald_fail(err, HERALD_INVALID, "the token's struct_size is smaller than in 1.0");
	if (!token->url || !token->client_id)
		return herald_fail(err, HERALD_INVALID, "a token needs a URL and a client id");
	if (!token->client_secret.value || !token->client_secret.value[0])
		return herald_fail(err, HERALD_UNSUPPORTED,
				   "this version has no managed identity: give a client secret");

	struct grants *grants = http_grants(channel);
	struct grant *grant;
	enum herald_code code = HERALD_OK;

	pthread_mutex_lock(&grants->lock);
	for (grant = grants->first; grant && !grant_is(grant, token); grant = grant->next)
		;
	if (!grant && grants->count == GRANTS_MAX)
		code = herald_fail(err, HERALD_LIMIT, "more than %d tokens", GRANTS_MAX);
	else if (!grant)
		grant = grant_make(grants, token);
	pthread_mutex_unlock(&grants->lock);
	if (code == HERALD_OK)
		*ret_grant = grant;
	return code;
}

/* --- the end-point's answer --- */

static bool is_bearer(const char *text)
{
	size_t length = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/");

	length += strspn(text + length, "=");
	return length > 0 && text[length] == '\0' && length <= BEARER_BYTES_MAX;
}

/* A number, or a number as a string: Entra's older end-points write it so. */
static int64_t seconds_of(const json_t *value)
{
	long long seconds = LIFE_DEFAULT_S;

	if (json_is_integer(value))
		seconds = json_integer_value(value);
	else if (json_is_string(value) && sscanf(json_string_value(value), "%9lld", &seconds) != 1)
		seconds = LIFE_DEFAULT_S;
	if (seconds < 0)
		return 0;
	return seconds < LIFE_S_MAX ? seconds : LIFE_S_MAX;
}

static void read_bearer(const json_t *tree, struct arena *arena, struct grant_answer *ret_answer)
{
	const char *bearer = json_string_value(json_object_get(tree, "access_token"));
	const char *type = json_string_value(json_object_get(tree, "token_type"));

	if (!bearer || !is_bearer(bearer))
		ret_answer->why = "the token end-point's answer holds no token";
	else if (type && strcasecmp(type, "Bearer") != 0)
		ret_answer->why = "the token end-point's answer is no bearer token";
	else {
		ret_answer->bearer = arena_text(arena, bearer);
		ret_answer->lives_ms = seconds_of(json_object_get(tree, "expires_in")) * 1000;
		ret_answer->why = "";
	}
}

static void clean(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7F)
			*text = ' ';
}

/* RFC 6749 5.2.  Which codes pass by themselves, and which need a person. */
static void read_refusal(const json_t *tree, int32_t status, struct arena *arena,
			 struct grant_answer *ret_answer)
{
	const char *error = json_string_value(json_object_get(tree, "error"));
	const char *text = json_string_value(json_object_get(tree, "error_description"));
	bool passes = status == 408 || status == 429 || status >= 500 || status < 400 ||
		      (error &&
		       (strcmp(error, "temporarily_unavailable") == 0 || strcmp(error, "server_error") == 0));

	char *why = arena_printf(arena, "the token end-point answered %d %.60s%s%.*s", (int)status,
				 text_or_empty(error), text ? ": " : "", WHY_BYTES - 60, text_or_empty(text));
	clean(why);
	ret_answer->why = why;
	ret_answer->is_refusal = !passes;
}

void grant_read(const struct herald_http_reply *reply, struct arena *arena, struct grant_answer *ret_answer)
{
	struct json_fault fault;
	json_auto *tree = NULL;

	*ret_answer = (struct grant_answer){.why = "the channel is closing"};
	if (!reply)
		return;
	if (reply->failure != HERALD_HTTP_ANSWERED) {
		ret_answer->why = arena_printf(arena, "asking for a token: %.*s", WHY_BYTES, reply->error);
		return;
	}
	tree = json_read(reply->body.data, reply->body.size, &fault);
	if (reply->status == 200 && tree)
		read_bearer(tree, arena, ret_answer);
	else
		read_refusal(tree, reply->status, arena, ret_answer);
}

/* --- fetching --- */

struct grant_span grant_span(int64_t now_ms, int64_t lives_ms)
{
	if (lives_ms < LIFE_MS_MIN)
		lives_ms = LIFE_MS_MIN;
	/* One that lives shorter than twice the usual margin is renewed at half its life. */
	int64_t early_ms = lives_ms / 2 < RENEW_BEFORE_MS ? lives_ms / 2 : RENEW_BEFORE_MS;
	return (struct grant_span){now_ms + lives_ms - early_ms, now_ms + lives_ms - USE_UNTIL_MS};
}

static void grant_keep(struct grant *grant, const struct grant_answer *answer)
{
	if (grant->secrets)
		arena_free(grant->secrets);
	grant->secrets = arena_new_wiped();
	grant->bearer = arena_text(grant->secrets, answer->bearer);
	grant->span = grant_span(clock_mono_ms(), answer->lives_ms);
}

static void grant_fail(struct grant *grant, const struct grant_answer *answer,
		       const struct herald_http_reply *reply)
{
	snprintf(grant->why, sizeof(grant->why), "%s", answer->why);
	/* classify_http reads a 4xx as "our credentials": everything that passes must not look like one. */
	int32_t status = reply && reply->failure == HERALD_HTTP_ANSWERED ? reply->status : 0;
	grant->status = answer->is_refusal || status >= 500 || status == 429 || status == 408 ? status : 0;
	grant->again_at_ms = clock_mono_ms() + (answer->is_refusal ? AGAIN_AFTER_REFUSAL_MS : AGAIN_AFTER_MS);
	channel_log(grant->channel, answer->is_refusal ? HERALD_FAULT : HERALD_WARNING, "token_failed", "%s",
		    grant->why);
}

/* Everybody who waited goes on, or is told why not. */
static void fetched(struct http_request *fetch, const struct herald_http_reply *reply)
{
	struct grant *grant = fetch->context;
	struct http_request *waiting = grant->waiting;
	struct grant_answer answer;
	struct arena *secrets = arena_new_wiped();

	grant_read(reply, secrets, &answer);
	grant->is_fetching = false;
	if (answer.bearer)
		grant_keep(grant, &answer);
	else
		grant_fail(grant, &answer, reply);
	arena_free(secrets);
	explicit_bzero(fetch->answer.data, fetch->answer.size);
	http_request_free(fetch);

	grant->waiting = NULL;
	while (waiting) {
		struct http_request *request = waiting;
		waiting = request->next;
		request->next = NULL;
		if (grant->bearer)
			http_start(request);
		else
			http_fail(request, HERALD_HTTP_TOKEN, grant->status, grant->why);
	}
}

static enum herald_code fetch_new(struct grant *grant, struct http_request **ret_fetch,
				  struct herald_error *err)
{
	const struct herald_field type = {"Content-Type", "application/x-www-form-urlencoded"};
	struct herald_builder form;

	herald_builder_init(&form, 64 * 1024);
	herald_add(&form, "grant_type=client_credentials&client_id=");
	herald_add_percent(&form, grant->client_id);
	herald_add(&form, "&client_secret=");
	herald_add_percent(&form, grant->client_secret.value);
	if (grant->scope[0]) {
		herald_add(&form, "&scope=");
		herald_add_percent(&form, grant->scope);
	}
	const struct herald_http_request request = {
		.struct_size = sizeof(request),
		.method = "POST",
		.url = grant->url,
		.headers = &type,
		.header_count = 1,
		.body = {form.data, form.size},
		.timeout = {FETCH_TIMEOUT_MS},
	};
	enum herald_code code = form.code != HERALD_OK
					? herald_fail(err, HERALD_LIMIT, "the credentials are too long")
					: http_request_new(grant->channel, NULL, 0, &request, ret_fetch, err);
	if (form.size > 0)
		explicit_bzero(form.data, form.size);
	herald_builder_done(&form);
	return code;
}

static enum herald_code grant_fetch(struct grant *grant)
{
	struct http_request *fetch;
	struct herald_error err = {0};
	enum herald_code code = fetch_new(grant, &fetch, &err);

	if (code != HERALD_OK) {
		/* Its URL is no better than a refused one: a person must change it. */
		const struct grant_answer answer = {.why = err.text, .is_refusal = true};
		grant_fail(grant, &answer, NULL);
		grant->status = 400;
		return code;
	}
	fetch->done = fetched;
	fetch->context = grant;
	grant->is_fetching = true;
	code = http_enqueue(fetch);
	if (code != HERALD_OK) {
		grant->is_fetching = false;
		http_request_free(fetch);
		snprintf(grant->why, sizeof(grant->why), "the channel is closing");
	}
	return code;
}

enum herald_code grant_use(struct grant *grant, struct http_request *request, const char **ret_bearer)
{
	int64_t now_ms = clock_mono_ms();

	if (grant->bearer && now_ms < grant->span.use_until_ms) {
		if (now_ms >= grant->span.renew_at_ms && !grant->is_fetching && now_ms >= grant->again_at_ms)
			(void)!grant_fetch(grant);
		*ret_bearer = arena_text(request->arena, grant->bearer);
		return HERALD_OK;
	}
	if (!grant->is_fetching && (now_ms < grant->again_at_ms || grant_fetch(grant) != HERALD_OK)) {
		http_fail(request, HERALD_HTTP_TOKEN, grant->status, grant->why);
		return HERALD_BUSY;
	}
	request->next = grant->waiting;
	grant->waiting = request;
	return HERALD_BUSY;
}

void grant_drop(struct grant *grant, const char *bearer)
{
	/* Many requests went out with the old one; the first 401 drops it, the others find the new one. */
	if (!grant->bearer || strcmp(grant->bearer, bearer) != 0)
		return;
	grant->bearer = NULL;
	arena_free(grant->secrets);
	grant->secrets = NULL;
}

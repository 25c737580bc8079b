/* Who asks: a key over TCP, the peer's user over the admin socket.
 *
 * A key is "key_<id>_<64 hex>": found by its id, compared by the hash of its secret in constant time; an
 * unknown id does the same work.  Only the id is ever written anywhere. */
#include <netinet/in.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/id.h"
#include "http/private.h"
#include "model/field.h"
#include "base/check.h"

enum { SECRET_BYTES = 32, SECRET_CHARS = 64, KEY_ID_CHARS = 17 };

static const struct {
	const char *name;
	unsigned scope;
} scopes[] = {
	{"send", SCOPE_SEND},
	{"read", SCOPE_READ},
	{"recipients", SCOPE_RECIPIENTS},
	{"preferences", SCOPE_PREFERENCES},
	{"categories", SCOPE_CATEGORIES},
	{"operate", SCOPE_OPERATE},
	{"admin", SCOPE_ADMIN},
};

static unsigned scopes_read(const char *text)
{
	unsigned found = 0;

	for (size_t i = 0; i < countof(scopes); i++) {
		const char *at = strstr(text, scopes[i].name);

		if (at != NULL)
			found |= scopes[i].scope;
	}
	return found;
}

void auth_make_secret(int64_t id, char *ret_text, size_t size, uint8_t ret_hash[32])
{
	uint8_t secret[SECRET_BYTES];
	char head[ID_TEXT_SIZE], digits[SECRET_CHARS + 1];

	CHECK(RAND_bytes(secret, sizeof(secret)) == 1);
	for (size_t i = 0; i < sizeof(secret); i++)
		snprintf(digits + 2 * i, 3, "%02x", secret[i]);
	id_text("key", id, head);
	snprintf(ret_text, size, "%s_%s", head, digits);
	herald_sha256(digits, SECRET_CHARS, ret_hash);
	OPENSSL_cleanse(secret, sizeof(secret));
	OPENSSL_cleanse(digits, sizeof(digits));
}

/* SO_PEERCRED: root or the daemon's own user. */
static bool peer_is_ours(struct request *request)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct ucred peer;
	socklen_t size = sizeof(peer);

	if (info == NULL || getsockopt(info->connect_fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
		return false;
	return peer.uid == 0 || peer.uid == geteuid();
}

static void admin_enters(struct request *request)
{
	const char *tenant =
		MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, "Herald-Tenant");

	tenant = tenant ? tenant : "default";
	if (!peer_is_ours(request)) {
		answer_problem(request, PROBLEM_scope_missing,
			       "the admin socket is for root and the daemon's own user");
		return;
	}
	request->tenant = name_is_channel(tenant) ? store_tenant_number(request->store, tenant, false) : -1;
	if (request->tenant < 0) {
		answer_problem(request, PROBLEM_tenant_disabled, "there is no tenant %.32s",
			       name_is_channel(tenant) ? tenant : "");
		return;
	}
	request->tenant_name = arena_text(request->arena, tenant);
	request->scopes = ~0u;
	request->actor = "admin";
}

/* Who asks, as a number: an IPv4 address, or the network of an IPv6 one. */
static int64_t peer_number(const struct request *request)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	const struct sockaddr *peer = info ? info->client_addr : NULL;
	int64_t number = 0;

	if (peer != NULL && peer->sa_family == AF_INET)
		number = (int64_t)((const struct sockaddr_in *)(const void *)peer)->sin_addr.s_addr;
	else if (peer != NULL && peer->sa_family == AF_INET6)
		memcpy(&number, &((const struct sockaddr_in6 *)(const void *)peer)->sin6_addr,
		       sizeof(number));
	return number;
}

/* A wrong key; once too often from one address, and it is told to wait.  Good keys from the same address
 * pass, because a proxy's callers all share one. */
static void refuse_guess(struct request *request)
{
	unsigned wait_s = 1;

	if (rate_keeper_guess(request->thread->guesses, peer_number(request), request->now_ms, &wait_s)) {
		answer_header(request, "WWW-Authenticate", "Bearer error=\"invalid_token\"");
		answer_problem(request, PROBLEM_unknown_key, "this API key is not known here");
		return;
	}
	answer_retry_after(request, wait_s);
	answer_problem(request, PROBLEM_rate_limited,
		       "too many unknown keys from this address; wait a while");
}

static void key_enters(struct request *request, const char *text)
{
	static const uint8_t nobody[32] = {0};
	struct store_key_row row = {.id = 0};
	struct herald_error err;
	char head[KEY_ID_CHARS + 1] = "";
	uint8_t hash[32];
	int64_t id = 0;
	bool is_formed = strlen(text) == KEY_ID_CHARS + 1 + SECRET_CHARS && text[KEY_ID_CHARS] == '_';
	enum herald_code code = HERALD_NOT_FOUND;
	unsigned wait_s = 1;

	if (is_formed)
		memcpy(head, text, KEY_ID_CHARS);
	is_formed = is_formed && id_parse("key", head, &id);
	/* The same work for a key that cannot be: a look at the store, a hash, a comparison. */
	code = store_key(intake_session(request->intake), is_formed ? id : 0, request->arena, &row, &err);
	if (code != HERALD_OK && code != HERALD_NOT_FOUND) {
		answer_code(request, code, &err);
		return;
	}
	herald_sha256(is_formed ? text + KEY_ID_CHARS + 1 : text, is_formed ? SECRET_CHARS : strlen(text),
		      hash);
	if (CRYPTO_memcmp(hash, code == HERALD_OK ? row.secret_hash : nobody, sizeof(hash)) != 0 ||
	    code != HERALD_OK) {
		refuse_guess(request);
		return;
	}
	if (row.expires_at_ms != 0 && row.expires_at_ms <= request->now_ms) {
		answer_problem(request, PROBLEM_expired_key, "key %s has expired", head);
		return;
	}
	if (!rate_keeper_take(request->thread->rates, id, row.rate_per_s, request->now_ms, &wait_s)) {
		answer_retry_after(request, wait_s);
		answer_problem(request, PROBLEM_rate_limited, "key %s may ask %u times a second", head,
			       row.rate_per_s);
		return;
	}
	request->tenant = row.tenant;
	request->tenant_name = store_tenant_name(request->store, row.tenant);
	if (request->tenant_name == NULL) {
		answer_problem(request, PROBLEM_tenant_disabled, "the key's tenant is not there any more");
		return;
	}
	request->scopes = scopes_read(row.scopes);
	request->actor = arena_text(request->arena, head);
	if ((request->scopes & SCOPE_ADMIN) != 0)
		request->scopes = ~0u;
}

void auth_check(struct request *request)
{
	const char *value =
		MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, "Authorization");

	if (request->is_admin_socket) {
		admin_enters(request);
	} else if (request->route->scope == SCOPE_NONE) {
		return;
	} else if (value == NULL || strncmp(value, "Bearer ", 7) != 0) {
		answer_header(request, "WWW-Authenticate", "Bearer");
		answer_problem(request, PROBLEM_no_key, "send an API key: Authorization: Bearer key_...");
	} else {
		key_enters(request, value + 7);
	}
	if (request->is_answered || request->route->scope == SCOPE_NONE)
		return;
	if ((request->scopes & request->route->scope) == 0)
		answer_problem(request, PROBLEM_scope_missing,
			       "this key may not do this; it needs another scope");
	else if ((request->route->flags & ROUTE_HOUSE) != 0 && !request->is_admin_socket &&
		 strcmp(request->tenant_name, "default") != 0)
		answer_problem(request, PROBLEM_scope_missing,
			       "this concerns every tenant: it needs a key of the tenant default");
}

/* url.c - one strict reading of http and https addresses.  Invariant: base and host of a parsed address name
 * the same machine to every client, because nothing that clients read differently gets through. */
#include "acs/url.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "herald/kit.h"

static bool is_loopback(const char *name)
{
	return strcmp(name, "localhost") == 0 || strcmp(name, "127.0.0.1") == 0 || strcmp(name, "[::1]") == 0;
}

/* A DNS name, an IPv4 address, or an IPv6 address in brackets; lower case already. */
static bool is_host_name(const char *name)
{
	size_t size = strlen(name);

	if (size == 0 || size > 253)
		return false;
	if (name[0] == '[')
		return size > 3 && name[size - 1] == ']' &&
		       strspn(name + 1, "0123456789abcdef:.") == size - 2;
	if (name[0] == '.' || name[0] == '-' || name[size - 1] == '.' || strstr(name, ".."))
		return false;
	return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789.-") == size;
}

static bool is_plain_path(const char *path)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";

	if (path[strspn(path, plain)] != '\0' || strstr(path, "//"))
		return false;
	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		size_t length = strcspn(slash + 1, "/");
		if ((length == 1 && slash[1] == '.') || (length == 2 && slash[1] == '.' && slash[2] == '.'))
			return false;
	}
	return true;
}

/* "8443" -> 8443; 0: no port. */
static unsigned read_port(const char *digits)
{
	size_t size = strlen(digits);

	if (size == 0 || size > 5 || strspn(digits, "0123456789") != size || digits[0] == '0')
		return 0;
	unsigned long port = strtoul(digits, NULL, 10);
	return port <= 65535 ? (unsigned)port : 0;
}

enum herald_code acs_url_parse(const char *text, enum acs_url_kind kind, struct acs_url *ret_url,
			       struct herald_error *err)
{
	char name[256];
	bool is_tls = strncasecmp(text, "https://", 8) == 0;
	unsigned port = is_tls ? 443 : 80;

	if (!is_tls && strncasecmp(text, "http://", 7) != 0)
		return herald_fail(err, HERALD_INVALID, "an address must begin with https://");
	text += is_tls ? 8 : 7;
	size_t size = strcspn(text, "/?#\\");
	if (size == 0 || size >= sizeof(name))
		return herald_fail(err, HERALD_INVALID,
				   "an address needs a host name of at most 253 characters");
	for (size_t i = 0; i < size; i++)
		name[i] = (char)tolower((unsigned char)text[i]);
	name[size] = '\0';
	char *end = name[0] == '[' ? strchr(name, ']') : name;
	char *colon = end ? strchr(end, ':') : NULL;
	if (colon) {
		port = read_port(colon + 1);
		if (port == 0)
			return herald_fail(err, HERALD_INVALID, "the port in an address must be 1 to 65535");
		*colon = '\0';
	}
	if (!is_host_name(name))
		return herald_fail(err, HERALD_INVALID,
				   "an address must hold a plain host name, without user name or password");
	if (!is_tls && !is_loopback(name))
		return herald_fail(err, HERALD_INVALID, "plain http is for this machine only: use https://");

	char path[256] = "";
	size_t path_size = strlen(text + size);
	if (path_size >= sizeof(path) || !is_plain_path(text + size))
		return herald_fail(err, HERALD_INVALID,
				   "an address must have no query, no fragment and a plain path");
	memcpy(path, text + size, path_size + 1);
	if (path_size > 0 && path[path_size - 1] == '/')
		path[path_size - 1] = '\0';
	if (kind == ACS_URL_ORIGIN && path[0] != '\0')
		return herald_fail(err, HERALD_INVALID, "this address must end after the host name");
	if (port == (is_tls ? 443u : 80u))
		snprintf(ret_url->host, sizeof(ret_url->host), "%.250s", name);
	else
		snprintf(ret_url->host, sizeof(ret_url->host), "%.249s:%u", name, port);
	int written = snprintf(ret_url->base, sizeof(ret_url->base), "%s://%s%s", is_tls ? "https" : "http",
			       ret_url->host, path);
	if (written < 0 || (size_t)written >= sizeof(ret_url->base))
		return herald_fail(err, HERALD_INVALID, "an address is too long");
	return HERALD_OK;
}

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

	if (size == 0 || size > 248)
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

/* "Host[:port]" of that size into a lower-case name and a port; the port stays as it is when none is given.
 */
static enum herald_code read_authority(const char *text, size_t size, char ret_name[256], unsigned *ret_port,
				       struct herald_error *err)
{
	if (size == 0 || size >= 256)
		return herald_fail(err, HERALD_INVALID,
				   "an address needs a host name of at most 248 characters");
	for (size_t i = 0; i < size; i++)
		ret_name[i] = (char)tolower((unsigned char)text[i]);
	ret_name[size] = '\0';
	char *end = ret_name[0] == '[' ? strchr(ret_name, ']') : ret_name;
	char *colon = end ? strchr(end, ':') : NULL;
	if (colon) {
		*ret_port = read_port(colon + 1);
		if (*ret_port == 0)
			return herald_fail(err, HERALD_INVALID, "the port in an address must be 1 to 65535");
		*colon = '\0';
	}
	if (!is_host_name(ret_name))
		return herald_fail(err, HERALD_INVALID,
				   "an address must hold a plain host name, without user name or password");
	return HERALD_OK;
}

/* What follows the host: "" or "/a/b", without the slash at the end. */
static enum herald_code read_path(const char *text, enum acs_url_kind kind, char ret_path[256],
				  struct herald_error *err)
{
	size_t size = strlen(text);

	if (size >= 256 || !is_plain_path(text))
		return herald_fail(err, HERALD_INVALID,
				   "an address must have no query, no fragment and a plain path");
	memcpy(ret_path, text, size + 1);
	if (size > 0 && ret_path[size - 1] == '/')
		ret_path[size - 1] = '\0';
	if (kind == ACS_URL_ORIGIN && ret_path[0] != '\0')
		return herald_fail(err, HERALD_INVALID, "this address must end after the host name");
	return HERALD_OK;
}

enum herald_code acs_url_parse(const char *text, enum acs_url_kind kind, struct acs_url *ret_url,
			       struct herald_error *err)
{
	bool is_tls = strncasecmp(text, "https://", 8) == 0;
	unsigned usual = is_tls ? 443 : 80, port = usual;
	char name[256], path[256];

	if (!is_tls && strncasecmp(text, "http://", 7) != 0)
		return herald_fail(err, HERALD_INVALID, "an address must begin with https://");
	text += is_tls ? 8 : 7;
	size_t size = strcspn(text, "/?#\\");
	enum herald_code code = read_authority(text, size, name, &port, err);
	if (code == HERALD_OK && !is_tls && !is_loopback(name))
		code = herald_fail(err, HERALD_INVALID, "plain http is for this machine only: use https://");
	if (code == HERALD_OK)
		code = read_path(text + size, kind, path, err);
	if (code != HERALD_OK)
		return code;
	if (port == usual)
		snprintf(ret_url->host, sizeof(ret_url->host), "%.248s", name);
	else
		snprintf(ret_url->host, sizeof(ret_url->host), "%.248s:%u", name, port);
	int written = snprintf(ret_url->base, sizeof(ret_url->base), "%s://%s%s", is_tls ? "https" : "http",
			       ret_url->host, path);
	if (written < 0 || (size_t)written >= sizeof(ret_url->base))
		return herald_fail(err, HERALD_INVALID, "an address is too long");
	return HERALD_OK;
}

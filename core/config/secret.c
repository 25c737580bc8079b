/* secret.c - from a reference to a value, at the last moment.
 *
 * Invariant: a value is copied into the arena for secrets and nowhere else, and no error text holds any of
 * it. */
#include "config/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config.h"
#include "config/options.h"
#include "herald/kit.h"
#include "base/check.h"

enum secret_source { SECRET_NONE = 0, SECRET_ENV, SECRET_FILE, SECRET_VAULT };

static enum secret_source source_of(const char *reference, const char **ret_name)
{
	static const struct {
		const char *prefix;
		enum secret_source source;
	} prefixes[] = {{"env:", SECRET_ENV}, {"file:", SECRET_FILE}, {"vault:", SECRET_VAULT}};
	for (size_t i = 0; i < countof(prefixes); i++) {
		size_t size = strlen(prefixes[i].prefix);
		if (strncmp(reference, prefixes[i].prefix, size) == 0) {
			*ret_name = reference + size;
			return prefixes[i].source;
		}
	}
	return SECRET_NONE;
}

bool secret_is_reference(const char *text)
{
	const char *name;
	return source_of(text, &name) != SECRET_NONE;
}

static bool is_variable_name(const char *name)
{
	if (name[0] == 0 || (name[0] >= '0' && name[0] <= '9') || strnlen(name, 257) > 256)
		return false;
	return strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") ==
	       strlen(name);
}

enum herald_code secret_check(const char *reference, struct herald_error *err)
{
	const char *name;
	switch (source_of(reference, &name)) {
	case SECRET_ENV:
		if (!is_variable_name(name))
			return herald_fail(err, HERALD_INVALID,
					   "env: needs the name of a variable behind it");
		return HERALD_OK;
	case SECRET_FILE:
		if (name[0] != '/')
			return herald_fail(err, HERALD_INVALID, "file: needs an absolute path behind it");
		return HERALD_OK;
	case SECRET_VAULT:
		return herald_fail(
			err, HERALD_UNSUPPORTED,
			"vault: is not supported: have the vault write a file that only Herald can read, "
			"and refer to it with file:/PATH");
	case SECRET_NONE:
		break;
	}
	return herald_fail(err, HERALD_INVALID, "a secret is given as env:NAME or file:/PATH");
}

static enum herald_code env_resolve(const char *name, struct arena *secrets, herald_secret *ret_secret,
				    struct herald_error *err)
{
	const char *value = getenv(name);
	if (value == NULL)
		return herald_fail(err, HERALD_NOT_FOUND,
				   "env:%.128s: no such variable in the daemon's environment", name);
	if (value[0] == 0)
		return herald_fail(err, HERALD_INVALID, "env:%.128s: the variable is empty", name);
	if (strnlen(value, OPTION_SECRET_BYTES_MAX + 1) > OPTION_SECRET_BYTES_MAX)
		return herald_fail(err, HERALD_LIMIT, "env:%.128s: longer than 64 KiB", name);
	ret_secret->value = arena_text(secrets, value);
	return HERALD_OK;
}

static enum herald_code file_check(int fd, const char *path, struct stat *ret_facts, struct herald_error *err)
{
	if (fstat(fd, ret_facts) != 0)
		return herald_fail(err, HERALD_IO, "file:%.128s: %s", path, strerror(errno));
	if (!S_ISREG(ret_facts->st_mode))
		return herald_fail(err, HERALD_INVALID, "file:%.128s: not a regular file", path);
	if (ret_facts->st_mode & 077)
		return herald_fail(err, HERALD_DENIED,
				   "file:%.128s: others can read or change it (mode %03o): chmod 600 it",
				   path, (unsigned)ret_facts->st_mode & 0777);
	if (ret_facts->st_uid != geteuid() && ret_facts->st_uid != 0)
		return herald_fail(err, HERALD_DENIED, "file:%.128s: it belongs to another user (%u)", path,
				   (unsigned)ret_facts->st_uid);
	if (ret_facts->st_size > OPTION_SECRET_BYTES_MAX)
		return herald_fail(err, HERALD_LIMIT, "file:%.128s: longer than 64 KiB", path);
	return HERALD_OK;
}

/* At most size bytes; -1: an error.  The file may grow while it is read. */
static ssize_t read_all(int fd, char *data, size_t size)
{
	size_t used = 0;
	while (used < size) {
		ssize_t got = read(fd, data + used, size - used);
		if (got == 0)
			break;
		if (got < 0 && errno != EINTR)
			return -1;
		used += got > 0 ? (size_t)got : 0;
	}
	return (ssize_t)used;
}

static enum herald_code file_read(int fd, const char *path, struct arena *secrets, herald_secret *ret_secret,
				  struct herald_error *err)
{
	struct stat facts;
	enum herald_code code = file_check(fd, path, &facts, err);
	if (code != HERALD_OK)
		return code;
	size_t room = (size_t)facts.st_size + 1;
	char *value = arena_alloc(secrets, room + 1);
	ssize_t size = read_all(fd, value, room);
	if (size < 0)
		return herald_fail(err, HERALD_IO, "file:%.128s: %s", path, strerror(errno));
	if ((size_t)size == room)
		return herald_fail(err, HERALD_BUSY, "file:%.128s: it changes while it is read", path);
	if (memchr(value, 0, (size_t)size) != NULL)
		return herald_fail(err, HERALD_INVALID, "file:%.128s: it holds a NUL byte", path);
	if (size > 0 && value[size - 1] == '\n')
		value[--size] = 0;
	if (size > 0 && value[size - 1] == '\r')
		value[--size] = 0;
	if (size == 0)
		return herald_fail(err, HERALD_INVALID, "file:%.128s: it is empty", path);
	ret_secret->value = value;
	return HERALD_OK;
}

static enum herald_code file_resolve(const char *path, struct arena *secrets, herald_secret *ret_secret,
				     struct herald_error *err)
{
	/* Not blocking: a named pipe would wait for a writer; it is refused by its kind. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return herald_fail(err,
				   errno == ENOENT   ? HERALD_NOT_FOUND
				   : errno == EACCES ? HERALD_DENIED
						     : HERALD_IO,
				   "file:%.128s: %s", path, strerror(errno));
	enum herald_code code = file_read(fd, path, secrets, ret_secret, err);
	close(fd);
	return code;
}

enum herald_code secret_resolve(const char *reference, struct arena *secrets, herald_secret *ret_secret,
				struct herald_error *err)
{
	enum herald_code code = secret_check(reference, err);
	if (code != HERALD_OK)
		return code;
	const char *name = "";
	if (source_of(reference, &name) == SECRET_ENV)
		return env_resolve(name, secrets, ret_secret, err);
	return file_resolve(name, secrets, ret_secret, err);
}

/* The digest of one more reference and of what it leads to: "" when that cannot be read. */
static void digest_add(uint8_t digest[CONFIG_DIGEST_BYTES], const struct option_given *given)
{
	struct arena *secrets = arena_new_wiped();
	herald_secret secret = {.value = ""};

	if (secret_resolve(given->values[0], secrets, &secret, NULL) != HERALD_OK)
		secret.value = "";
	size_t name_size = strlen(given->name) + 1,
	       size = CONFIG_DIGEST_BYTES + name_size + strlen(secret.value);
	char *text = arena_alloc(secrets, size + 1);

	memcpy(text, digest, CONFIG_DIGEST_BYTES);
	memcpy(text + CONFIG_DIGEST_BYTES, given->name, name_size);
	memcpy(text + CONFIG_DIGEST_BYTES + name_size, secret.value, strlen(secret.value) + 1);
	herald_sha256(text, size, digest);
	arena_free(secrets);
}

void config_channel_secrets(const struct config_channel *channel, const uint8_t key[CONFIG_DIGEST_BYTES],
			    uint8_t ret_digest[CONFIG_DIGEST_BYTES])
{
	memcpy(ret_digest, key, CONFIG_DIGEST_BYTES);
	for (size_t i = 0; i < channel->option_count; i++) {
		const struct option_given *given = &channel->options[i];

		if (!given->is_list && given->value_count == 1 && secret_is_reference(given->values[0]))
			digest_add(ret_digest, given);
	}
}

/* heraldd_arguments.c - see heraldd_arguments.h.  Options may be written as --name VALUE or --name=VALUE. */
#include "heraldd_arguments.h"

#include <string.h>

#include "base/check.h"

const char arguments_help[] =
	"heraldd: the notification router's daemon\n"
	"\n"
	"  --config DIR       conf.d, the files *.yaml in the order of their names (/etc/herald/conf.d)\n"
	"  --data DIR         where everything is remembered (/var/lib/herald)\n"
	"  --run DIR          where the admin socket is (/run/herald)\n"
	"  --set KEY=VALUE    an option, before all files: server.listen=..., channel.NAME.window=...\n"
	"  --log-format FORM  auto, json or text; the same as --set log.format=FORM\n"
	"  --check            read and check the configuration, the plugins' options too, and end\n"
	"  --show             with --check: print what is in force and where it comes from\n"
	"  --man              print heraldd(8), in mdoc\n"
	"  --version, --help\n"
	"\n"
	"Signals: TERM or INT drains (readiness says 503, what is in hand is finished, exit 0), a second "
	"one\n"
	"ends at once and loses nothing; HUP reads the configuration again and keeps the old one if the new\n"
	"one has a fault.\n"
	"\n"
	"Exit status: 0 ended in order; 1 cannot start, or --check found a fault; 2 this is not how to call\n"
	"it; 3 ended at once by a second signal; 70 the disk failed under the store: start it again.\n";

/* The value of an option that wants one; NULL: missing. */
static const char *value_of(const char *word, const char *name, int count, char *const *words, int *at)
{
	size_t size = strlen(name);

	if (word[size] == '=')
		return word + size + 1;
	return *at + 1 < count ? words[++*at] : NULL;
}

static bool is_option(const char *word, const char *name)
{
	size_t size = strlen(name);

	return strncmp(word, name, size) == 0 && (word[size] == 0 || word[size] == '=');
}

/* The sections' own place for what has an option of its own. */
static const char *log_format(const char *value)
{
	static const char *const forms[] = {"log.format=auto", "log.format=json", "log.format=text"};

	for (size_t i = 0; i < countof(forms); i++) {
		if (strcmp(strchr(forms[i], '=') + 1, value) == 0)
			return forms[i];
	}
	return NULL;
}

static bool override(struct arguments *arguments, const char *text)
{
	if (text == NULL || strchr(text, '=') == NULL || arguments->override_count == OVERRIDES_MAX)
		return false;
	arguments->overrides[arguments->override_count++] = text;
	return true;
}

static bool flag(struct arguments *arguments, const char *word)
{
	if (strcmp(word, "--check") == 0)
		arguments->wants_check = true;
	else if (strcmp(word, "--show") == 0)
		arguments->wants_show = true;
	else if (strcmp(word, "--man") == 0)
		arguments->wants_man = true;
	else if (strcmp(word, "--version") == 0)
		arguments->wants_version = true;
	else if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
		arguments->wants_help = true;
	else
		return false;
	return true;
}

bool arguments_read(int count, char *const *words, struct arguments *ret_arguments, const char **ret_why)
{
	struct arguments *arguments = ret_arguments;

	*arguments = (struct arguments){
		.config_dir = "/etc/herald/conf.d",
		.data_dir = "/var/lib/herald",
		.run_dir = "/run/herald",
	};
	for (int at = 1; at < count; at++) {
		const char *word = words[at], *value = NULL;

		if (flag(arguments, word))
			continue;
		*ret_why = "no such option";
		if (is_option(word, "--config"))
			value = arguments->config_dir = value_of(word, "--config", count, words, &at);
		else if (is_option(word, "--data"))
			value = arguments->data_dir = value_of(word, "--data", count, words, &at);
		else if (is_option(word, "--run"))
			value = arguments->run_dir = value_of(word, "--run", count, words, &at);
		else if (is_option(word, "--set"))
			value = value_of(word, "--set", count, words, &at);
		else if (is_option(word, "--log-format"))
			value = value_of(word, "--log-format", count, words, &at);
		else
			return false;
		*ret_why = "an option wants a value";
		if (value == NULL)
			return false;
		*ret_why = "--set wants KEY=VALUE, --log-format one of auto, json, text";
		if (is_option(word, "--set") && !override(arguments, value))
			return false;
		if (is_option(word, "--log-format") && !override(arguments, log_format(value)))
			return false;
	}
	*ret_why = "--show goes with --check";
	return !arguments->wants_show || arguments->wants_check;
}

struct config_source arguments_source(const struct arguments *arguments, char *const *env)
{
	return (struct config_source){
		.dir = arguments->config_dir,
		.run_dir = arguments->run_dir,
		.data_dir = arguments->data_dir,
		.env = env,
		.overrides = arguments->overrides,
		.override_count = arguments->override_count,
	};
}

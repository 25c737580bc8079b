/* herald doctor: everything that can be wrong, looked at in order, each with what to do about it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "base/check.h"

struct doctor {
	const struct cli *cli;
	json_t *findings;
	unsigned failed;
};

static void found(struct doctor *doctor, const char *what, bool is_well, const char *words,
		  const char *advice)
{
	doctor->failed += !is_well;
	json_array_append_new(doctor->findings, json_pack("{s:s, s:s, s:s, s:s}", "check", what, "state",
							  is_well ? "ok" : "failed", "words", words, "advice",
							  is_well ? "" : advice));
}

/* What `heraldd --check` says of the folder: its first line, and whether it found nothing wrong. */
static bool config_is_good(const char *dir, char *ret_line, size_t size)
{
	char program[PATH_MAX];
	int ends[2], status = -1;
	FILE *said;
	pid_t child;

	cli_program("heraldd", program);
	ret_line[0] = 0;
	if (pipe2(ends, O_CLOEXEC) != 0)
		return false;
	fflush(stdout);
	child = fork();
	if (child == 0) {
		dup2(ends[1], STDOUT_FILENO);
		dup2(ends[1], STDERR_FILENO);
		execlp(program, program, "--check", "--config", dir, (char *)NULL);
		printf("cannot run %s: %s\n", program, strerror(errno));
		fflush(stdout);
		_exit(127);
	}
	close(ends[1]);
	said = fdopen(ends[0], "r");
	CHECK(said != NULL);
	if (fgets(ret_line, (int)size, said) != NULL)
		ret_line[strcspn(ret_line, "\n")] = 0;
	while (fgetc(said) != EOF)
		; /* to its end, so that it does not die of a closed pipe */
	fclose(said);
	return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) &&
	       WEXITSTATUS(status) == 0;
}

static void check_config(struct doctor *doctor)
{
	const char *dir = cli_value(doctor->cli, "config");
	char line[512];
	bool is_good;

	if (doctor->cli->url != NULL)
		return; /* another machine's */
	if (dir == NULL)
		dir = getenv("HERALD_CONFIG");
	dir = dir ? dir : "/etc/herald/conf.d";
	is_good = config_is_good(dir, line, sizeof(line));
	found(doctor, "configuration", is_good, *line ? line : dir,
	      "mend what it says (heraldd --check --config DIR says all of it), or name the folder with "
	      "--config");
}

static bool check_daemon(struct doctor *doctor, struct cli *cli)
{
	char words[256];
	struct cli_reply reply;
	enum cli_exit result = cli_probe(cli, "/healthz", &reply);

	snprintf(words, sizeof(words), "%s", cli->url ? cli->url : cli->socket);
	found(doctor, "daemon", result == EXIT_DONE && reply.status == 200, words,
	      "start it (heraldd, or systemctl start heraldd), or point --socket or HERALD_URL at it");
	cli_reply_done(&reply);
	return result == EXIT_DONE;
}

static void check_ready(struct doctor *doctor, struct cli *cli)
{
	struct cli_reply reply;
	enum cli_exit result = cli_probe(cli, "/readyz", &reply);
	const char *detail = json_string_value(json_object_get(reply.tree, "detail"));
	char words[256], free_bytes[32];

	snprintf(words, sizeof(words), "takes work; %s bytes free on its disk",
		 cli_field(reply.tree, "free_bytes", free_bytes, sizeof(free_bytes)));
	found(doctor, "store", result == EXIT_DONE && reply.status == 200,
	      reply.status == 200 ? words
	      : detail            ? detail
				  : "does not answer",
	      "make room on the disk of the data directory, or look at the daemon's log for writer_failed");
	cli_reply_done(&reply);
}

/* Destinations that do not answer, or not well. */
static void check_far_ends(struct doctor *doctor, const json_t *destinations)
{
	json_t *ill;
	size_t index;

	json_array_foreach(destinations, index, ill)
	{
		const char *name = json_string_value(json_object_get(ill, "name"));
		const char *why = json_string_value(json_object_get(ill, "why"));
		char what[128];

		snprintf(what, sizeof(what), "destination %s", name && *name ? name : "(the channel itself)");
		found(doctor, what, false, why && *why ? why : "it is ill",
		      "it is tried again by itself; ask whoever runs it, and look at the log for "
		      "destination_blocked");
	}
}

static void check_access(struct doctor *doctor, struct cli *cli)
{
	struct cli_reply reply;
	enum cli_exit result = cli_probe(cli, "/v1/channels", &reply);
	const char *detail = json_string_value(json_object_get(reply.tree, "detail"));
	json_t *channel;
	size_t index;

	found(doctor, "access", result == EXIT_DONE && reply.status == 200,
	      reply.status == 200 ? "this user, or this key, may operate"
	      : detail            ? detail
				  : "refused",
	      "use the admin socket as root or as the daemon's user, or a key with the scope operate");
	json_array_foreach(json_object_get(reply.tree, "items"), index, channel)
	{
		check_far_ends(doctor, json_object_get(channel, "destinations"));
		const char *state = json_string_value(json_object_get(channel, "state"));
		const char *why = json_string_value(json_object_get(channel, "why"));
		char what[64];

		snprintf(what, sizeof(what), "channel %s",
			 json_string_value(json_object_get(channel, "name")));
		found(doctor, what, strcmp(state, "running") == 0, why && *why ? why : state,
		      strcmp(state, "misconfigured") == 0 ? "mend its options or credentials, then systemctl "
							    "reload heraldd or herald channels resume"
		      : strcmp(state, "paused") == 0
			      ? "herald channels resume, when the reason is gone"
			      : "look at the log for channel_died; it is started again by itself");
	}
	if (result == EXIT_DONE && reply.status == 200 &&
	    json_array_size(json_object_get(reply.tree, "items")) == 0)
		found(doctor, "channels", false, "none is configured",
		      "add one: conf.d/30-channel-*.yaml.example shows how");
	cli_reply_done(&reply);
}

static void check_parked(struct doctor *doctor, struct cli *cli)
{
	struct cli_reply reply;
	enum cli_exit result = cli_probe(cli, "/v1/deliveries?state=parked&limit=1", &reply);
	bool is_there = json_array_size(json_object_get(reply.tree, "items")) > 0;

	if (result == EXIT_DONE && reply.status == 200)
		found(doctor, "parked", !is_there,
		      is_there ? "some deliveries may or may not have arrived" : "none wait for a person",
		      "herald deliveries --state parked, then herald deliveries resolve");
	cli_reply_done(&reply);
}

static void check_audit(struct doctor *doctor, struct cli *cli)
{
	struct cli_reply reply;
	enum cli_exit result = cli_probe(cli, "/v1/audit/verify", &reply);

	if (result == EXIT_DONE && reply.status == 200)
		found(doctor, "audit", json_is_true(json_object_get(reply.tree, "valid")),
		      json_is_true(json_object_get(reply.tree, "valid")) ? "the chain holds"
									 : "the chain is broken",
		      "somebody changed the database behind the daemon's back: keep a copy and ask who");
	cli_reply_done(&reply);
}

static void check_clock(struct doctor *doctor)
{
	time_t now = time(NULL);
	struct tm parts;

	gmtime_r(&now, &parts);
	found(doctor, "clock", parts.tm_year + 1900 >= 2026 && parts.tm_year + 1900 < 2100,
	      parts.tm_year + 1900 >= 2026 ? "is in this age" : "is in the past",
	      "set the clock (timedatectl set-ntp true): signatures and tokens need it");
}

/* A line for each, whole, and below it what to do. */
static void print_findings(const struct cli *cli, const json_t *findings)
{
	json_t *finding;
	size_t index;

	json_array_foreach(findings, index, finding)
	{
		const char *state = json_string_value(json_object_get(finding, "state"));
		const char *advice = json_string_value(json_object_get(finding, "advice"));

		printf("%s%-6s%s  %-20s  %s\n", cli_state_colour(cli, state), state, cli_plain(cli),
		       json_string_value(json_object_get(finding, "check")),
		       json_string_value(json_object_get(finding, "words")));
		if (*advice != 0)
			printf("        -> %s\n", advice);
	}
}

enum cli_exit cli_doctor(struct cli *cli)
{
	struct doctor doctor = {.cli = cli, .findings = json_array()};
	bool is_up = check_daemon(&doctor, cli);

	check_config(&doctor);
	check_clock(&doctor);
	if (is_up) {
		check_ready(&doctor, cli);
		check_access(&doctor, cli);
		check_parked(&doctor, cli);
		check_audit(&doctor, cli);
	}
	if (cli->is_json) {
		json_dumpf(doctor.findings, stdout, JSON_COMPACT);
		putchar('\n');
	} else {
		print_findings(cli, doctor.findings);
	}
	json_decref(doctor.findings);
	return !is_up ? EXIT_AWAY : doctor.failed > 0 ? EXIT_REFUSED : EXIT_DONE;
}
